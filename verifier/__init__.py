"""Judges, far from the machine, whether the program that answers is the one that was expected. Imports ``contracts`` and ``cryptography``.

Reading order: ``reasons``, ``judge``, ``evidence``, ``replay``, ``quote``, ``keys``, ``expected``, ``bundle``, ``command``.
"""
