"""The kernel's machine on the RTL: ``contracts.machine.Machine`` over the host link of a simulated machine.

Every access goes over the link, as it would over a cable to a board; nothing uses the simulator's back door. A method's requests are
played in C++ in one go. The kernel's own instructions cost no simulated time, so a declared number of cycles passes before each
command instead (``KERNEL_CYCLES_PER_EXIT``).
"""

import struct
from collections.abc import Callable, Iterable, Sequence

from contracts.architecture import Exc
from contracts.host_link import KERNEL_CYCLES_PER_EXIT, LinkOp, StubCommand, VcpuBlock
from contracts.memory_map import PAGE_SIZE
from sim.machine import SLICE_CYCLES, Ending, Machine

__all__ = ["LinkError", "LinkMachine", "MachineEnded", "StubFault"]

_LINE = 16  # bytes of a burst
_WORD = 4
_ONES = 0xFFFF_FFFF
_SPARSE = 160  # lines of a page: to clear it and to write these takes less time than to write all of its 256
_BATCH = 4096  # requests played at once
_ACCEPTED = 4  # cycles after an answer in which the mailbox has stopped waiting
_STUB_FAULT, _STUB_FAULT_MASK = 0x8000_0000, 0xFFFF_FF00  # VECTOR holds this and a vector where the stub itself has faulted


class LinkError(RuntimeError):
    """A link access was answered with an error."""


class StubFault(LinkError):
    """The stub itself raised an exception over a command: a vCPU block outside memory, say."""

    def __init__(self, command: StubCommand, block: int, vector: int) -> None:
        name = f" (#{Exc(vector).name})" if vector in Exc.__members__.values() else ""
        super().__init__(f"the stub took exception {vector}{name} itself, at {command.name} of the vCPU block at {block:#x}")
        self.command, self.block, self.vector = command, block, vector


class MachineEnded(RuntimeError):
    """The machine stopped while the kernel waited for the stub; ``ending`` says why, ``status`` is that of ``Outcome``."""

    def __init__(self, ending: Ending, status: int | None = None) -> None:
        super().__init__(ending.value)
        self.ending = ending
        self.status = status


class LinkMachine:
    """A machine as the kernel sees it. The stub must have been loaded; ``wait`` waits for its first call."""

    def __init__(self, machine: Machine, cycles_per_exit: int = KERNEL_CYCLES_PER_EXIT, guest_limit: int | None = None) -> None:
        self.machine = machine
        self.cycles_per_exit = cycles_per_exit
        self.guest_limit = guest_limit  # cycles that one command may take, against guests that never exit
        self.link_cycles = 0  # spent in link transactions
        self.transactions = 0  # a burst is one
        self.kernel_cycles = 0  # the declared cost of the kernel's instructions
        self.commands = 0
        self.each_slice: Callable[[], None] | None = None  # called every ``slice_cycles`` while the stub is awaited
        self.slice_cycles = SLICE_CYCLES

    # transactions

    def _play(self, requests: Sequence[tuple[int, int, int, int]]) -> list[int]:
        """Data of the answers; LinkError if one is an error."""
        model = self.machine.model
        start = model.cycle
        data: list[int] = []
        for first in range(0, len(requests), _BATCH):
            batch = requests[first : first + _BATCH]
            answers = model.transact(batch)
            self.machine.serve_tpm()
            if any(error for _, error in answers):
                if not model.get("stub_waiting") and batch[0][0] != LinkOp.ANSWER:
                    raise MachineEnded(Ending.RESET)  # by this very access: a stub that has started waits until it is answered
                name, address = LinkOp(batch[0][0]).name, batch[0][1]
                raise LinkError(f"the link refused one of {len(batch)} accesses, of which the first is {name} at {address:#x}")
            data += (word for word, _ in answers)
        self.link_cycles += model.cycle - start
        self.transactions += sum(answers > 0 for *_, answers in requests)
        return data

    def read32(self, address: int) -> int:
        """One aligned 32-bit word, of RAM or of a register."""
        return self._play([(LinkOp.READ, _aligned(address, _WORD), 0, 1)])[0]

    def write32(self, address: int, value: int) -> None:
        """Write one aligned 32-bit word."""
        self._play([(LinkOp.WRITE, _aligned(address, _WORD), value & _ONES, 1)])

    def read8(self, address: int) -> int:
        """One byte of a register, and no other."""
        return self._play([(LinkOp.READ_8, address, 0, 1)])[0]

    def write8(self, address: int, value: int) -> None:
        """Write one byte of a register, and no other."""
        self._play([(LinkOp.WRITE_8, address, value & 0xFF, 1)])

    def read_block(self, address: int, length: int) -> bytes:
        """``length`` bytes of RAM. Whole lines move in bursts."""
        requests: list[tuple[int, int, int, int]] = []
        before, behind = address % _WORD, -(address + length) % _WORD
        for at, size in _pieces(address - before, before + length + behind):
            requests.append((LinkOp.READ_BURST, at, 0, _LINE // _WORD) if size == _LINE else (LinkOp.READ, at, 0, 1))
        words = self._play(requests)
        return struct.pack(f"<{len(words)}I", *words)[before : before + length]

    def write_block(self, address: int, data: bytes) -> None:
        """Write bytes of RAM. Whole lines move in bursts; of pages that are nearly all zeros, which are cleared first, only those that hold
        something. The link moves words: of one that is written in part the rest is read first."""
        before, behind = address % _WORD, -(address + len(data)) % _WORD
        data = self.read_block(address - before, before) + data + self.read_block(address + len(data), behind)
        address -= before
        words = struct.unpack(f"<{len(data) // _WORD}I", data)
        cleared = set(_sparse_pages(address, data))
        requests: list[tuple[int, int, int, int]] = [(LinkOp.CLEAR_PAGE, at, 0, 1) for at in sorted(cleared)]
        at_word = 0
        for at, size in _pieces(address, len(data)):
            if at - at % PAGE_SIZE in cleared and not any(words[at_word : at_word + size // _WORD]):
                pass
            elif size == _LINE:
                beats = words[at_word : at_word + _LINE // _WORD]
                requests += [(LinkOp.WRITE_BURST, at, beat, int(n == len(beats) - 1)) for n, beat in enumerate(beats)]
            else:
                requests.append((LinkOp.WRITE, at, words[at_word], 1))
            at_word += size // _WORD
        self._play(requests)

    def clear(self, address: int, length: int) -> None:
        """Zero RAM; both are multiples of 4096."""
        first = _aligned(address, PAGE_SIZE)
        self._play([(LinkOp.CLEAR_PAGE, at, 0, 1) for at in range(first, first + _aligned(length, PAGE_SIZE), PAGE_SIZE)])

    def io_read(self, port: int) -> int:
        """One byte from an I/O port."""
        return self._play([(LinkOp.IO_READ, port, 0, 1)])[0] & 0xFF

    def io_write(self, port: int, value: int) -> None:
        """One byte to an I/O port."""
        self._play([(LinkOp.IO_WRITE, port, value & 0xFF, 1)])

    def io_write32(self, port: int, value: int) -> None:
        """Four bytes to the I/O ports from ``port`` on, a multiple of 4, in one access."""
        self._play([(LinkOp.IO_WRITE_32, _aligned(port, _WORD), value & _ONES, 1)])

    def poll(self) -> int:
        """Bit 0: the stub waits, bit 1: the guard's interrupt, bit 2: INTR of the 8259s."""
        return self._play([(LinkOp.POLL, 0, 0, 1)])[0]

    # commands for the stub

    def wait(self, max_cycles: int | None = None) -> None:
        """Run until the stub waits at the mailbox. MachineEnded if the machine ends instead, or after ``max_cycles``."""
        outcome = self.machine.run(max_cycles, stop_at_stub=True, each_slice=self.each_slice, slice_cycles=self.slice_cycles)
        if outcome.ending is not Ending.WAITING:
            raise MachineEnded(outcome.ending, outcome.status)

    def _command(self, command: StubCommand, block: int) -> None:
        if self.cycles_per_exit:
            self.machine.model.run(self.cycles_per_exit, stops=())
            self.kernel_cycles += self.cycles_per_exit
        self.commands += 1
        self.answer(_aligned(block, PAGE_SIZE) | command)

    def answer(self, word: int) -> None:
        """What the read of the mailbox that waits returns. MachineEnded if that ends the machine at once."""
        self._play([(LinkOp.ANSWER, 0, word, 1)])
        if stops := self.machine.model.run(_ACCEPTED, stops=("exit_valid", "platform_reset")).stops:
            raise MachineEnded(Ending.EXIT if "exit_valid" in stops else Ending.RESET)

    def _run_command(self, command: StubCommand, block: int) -> int:
        """What the stub has left in VECTOR. StubFault if that is an exception of its own."""
        self._command(command, block)
        self.wait(self.guest_limit)
        word = self.read32(block + VcpuBlock.VECTOR)
        if word & _STUB_FAULT_MASK == _STUB_FAULT:
            self.write32(block + VcpuBlock.VECTOR, _ONES)  # RUN does not touch it: the next command is to be judged by itself
            raise StubFault(command, block, word & ~_STUB_FAULT_MASK)
        return word

    def _interrupt(self, command: StubCommand, block: int) -> int | None:
        vector = self._run_command(command, block)
        return None if vector == _ONES else vector

    def run(self, block: int) -> None:
        """StubCommand.RUN: enter the guest; return when it has exited."""
        self._run_command(StubCommand.RUN, block)

    def take_interrupt(self, block: int) -> int | None:
        """StubCommand.TAKE_INTERRUPT: open a window for one physical interrupt; its vector, or None."""
        return self._interrupt(StubCommand.TAKE_INTERRUPT, block)

    def halt(self, block: int) -> int | None:
        """StubCommand.HALT: wait for a physical interrupt and take it."""
        return self._interrupt(StubCommand.HALT, block)

    def invlpga(self, block: int, linear: int, asid: int) -> None:
        """StubCommand.INVLPGA: flush one page of one ASID."""
        self.write32(block + VcpuBlock.LINEAR, linear)
        self.write32(block + VcpuBlock.ASID_ARG, asid)
        self._run_command(StubCommand.INVLPGA, block)

    def time(self) -> int:
        """The processor's time stamp counter: cycles since power-on."""
        return self.machine.cycle

    def shutdown(self) -> None:
        """StubCommand.SHUTDOWN: the processor stops for good."""
        self._command(StubCommand.SHUTDOWN, 0)


def _aligned(value: int, unit: int) -> int:
    if value % unit:
        raise ValueError(f"{value:#x} is no multiple of {unit}")
    return value


def _sparse_pages(address: int, data: bytes) -> Iterable[int]:
    """Addresses of the whole pages in it that hold few lines of anything but zeros."""
    for page in range(address + -address % PAGE_SIZE, address + len(data) - PAGE_SIZE + 1, PAGE_SIZE):
        lines = range(page - address, page - address + PAGE_SIZE, _LINE)
        if sum(any(data[at : at + _LINE]) for at in lines) < _SPARSE:
            yield page


def _pieces(address: int, length: int) -> Iterable[tuple[int, int]]:
    """Whole aligned lines, and words before and after them."""
    at, end = address, address + length
    while at < end:
        size = _LINE if at % _LINE == 0 and end - at >= _LINE else _WORD
        yield at, size
        at += size
