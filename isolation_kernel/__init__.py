"""The isolation kernel in Python: the executable specification of ring −1 (design decision 12).

Imports ``contracts``, ``virtual_pc`` (which has no authority) and the standard library, nothing else. Reading order: ``machine``,
``frames``, ``foundation``, ``guest_memory``, ``shadow``, ``exits``, ``kernel``. ``model/`` is no part of the kernel: a
pure-Python machine for tests, and the recorder.
"""
