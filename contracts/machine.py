"""The one interface through which the kernel acts on a machine: the RTL in co-simulation, a board, or the pure-Python model."""

from typing import Protocol

__all__ = ["Machine"]


class Machine(Protocol):
    """A machine with a ring −1 stub (contracts.host_link). Addresses are physical; every access has ring −1's authority.

    ``block`` is the page-aligned physical address of a vCPU block. Memory may be touched only while the stub waits, which it does
    whenever a method has returned.
    """

    def read32(self, address: int) -> int:
        """One aligned 32-bit word, of RAM or of a register."""

    def write32(self, address: int, value: int) -> None:
        """Write one aligned 32-bit word."""

    def read_block(self, address: int, length: int) -> bytes:
        """``length`` bytes of RAM."""

    def write_block(self, address: int, data: bytes) -> None:
        """Write bytes of RAM, and none beside them."""

    def clear(self, address: int, length: int) -> None:
        """Zero RAM; both are multiples of 4096."""

    def io_read(self, port: int) -> int:
        """One byte from an I/O port."""

    def io_write(self, port: int, value: int) -> None:
        """One byte to an I/O port."""

    def io_write32(self, port: int, value: int) -> None:
        """Four bytes to the I/O ports from ``port`` on, a multiple of 4, in one access."""

    def run(self, block: int) -> None:
        """StubCommand.RUN: enter the guest; return when it has exited. VMCB and vCPU block then hold all there is to know."""

    def take_interrupt(self, block: int) -> int | None:
        """StubCommand.TAKE_INTERRUPT: open a window for one physical interrupt; its vector (acknowledged at the 8259), or None."""

    def halt(self, block: int) -> int | None:
        """StubCommand.HALT: wait for a physical interrupt and take it."""

    def invlpga(self, block: int, linear: int, asid: int) -> None:
        """StubCommand.INVLPGA: flush one page of one ASID."""

    def time(self) -> int:
        """The processor's time stamp counter."""

    def shutdown(self) -> None:
        """StubCommand.SHUTDOWN: the processor stops for good."""
