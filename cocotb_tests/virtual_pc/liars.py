"""A guest's virtual PC that answers whatever it likes: any number, any page, any right; and a guest that makes it answer."""

import random
from collections.abc import Callable
from inspect import GEN_CREATED, getgeneratorstate
from types import GeneratorType
from typing import Any

from contracts.architecture import Cr0, Cr4, Exc, Gpr, PageFault
from contracts.memory_map import PAGE_SIZE, Physical, Port, RamLayout
from contracts.pci import FUNCTIONS
from contracts.vmcb import FIELDS
from isolation_kernel.fence import Fence
from isolation_kernel.model.script import (
    Clts,
    Cpuid,
    GuestException,
    In,
    Invlpg,
    Lmsw,
    Operation,
    Out,
    OutString,
    Read,
    ReadCr,
    Script,
    SetIf,
    Smsw,
    Spin,
    Write,
    WriteCr,
)  # fmt: skip
from virtual_pc.decode import Segment
from virtual_pc.paging import Leaf
from virtual_pc.ports import VirtualPc
from virtual_pc.requests import Access, Addressed, Configure, Done, Effect, Fetch, Get, Memory, Print, Put, Written
from virtual_pc.segments import allows
from virtual_pc.vga import VgaAccess

__all__ = ["LyingFence", "LyingPc", "restless"]

_OPERATIONS = 400
_FUNCTIONS = tuple(function.select(0) for function in FUNCTIONS)
_WRITTEN = (Port.PIC_MASTER, Port.PIC_SLAVE, Port.PIT, Port.COM1, Port.DEBUG_CONSOLE, Port.PCI_DATA)  # nothing that asks for a reset


class LyingPc(VirtualPc):
    """Devices that answer at random, of the declared types. ``fails``: how often a question ends in an exception."""

    def __init__(self, rng: random.Random, fails: float = 0) -> None:
        super().__init__(1)
        self._rng, self._fails = rng, fails

    def _number(self) -> int:
        if self._rng.random() < self._fails:
            raise ZeroDivisionError("the PC is broken")
        rng = self._rng
        return rng.choice((rng.randrange(256), rng.getrandbits(32), rng.getrandbits(4096), -rng.getrandbits(300), True))

    def raise_line(self, irq: int) -> None:
        self._number()

    def pending(self) -> int | None:
        return self._rng.choice((None, self._number()))

    def acknowledge(self) -> None:
        self._number()

    def tick(self, now: int) -> None:
        self._number()

    def running(self) -> bool:
        return bool(self._number() & 1)

    def hear(self, key: bytes, packet: bytes) -> None:
        self._number()

    def shows(self) -> list[VgaAccess]:
        return [(self._number(), self._rng.choice((None, self._number()))) for _ in range(self._rng.randrange(100))]

    def read(self, port: int, now: int) -> int:
        return self._number()

    def write(self, port: int, value: int, now: int) -> Effect:
        self._number()
        return self._rng.choice((Effect.NONE, Effect.PRINT))  # what ends the guest would end the test


def _can_go_on(owner: object, values: tuple[Any, ...]) -> bool:
    """Whether the room can answer: not if a lie stood in the place of its first question, which it then never asked."""
    return not isinstance(owner, GeneratorType) or getgeneratorstate(owner) != GEN_CREATED or values in ((), (None,))


class LyingFence(Fence):
    """Answers every question to the room itself. ``honest``: how often with what the room would say, so that the guest gets on;
    ``cache_bits`` limits the lie of a translation's cache bits, all that the kernel masks there."""

    def __init__(self, pc: VirtualPc, rng: random.Random, layout: RamLayout, honest: float = 0.7) -> None:
        super().__init__(pc)
        self._rng, self._honest = rng, honest
        self._pages = (layout.kernel_base // PAGE_SIZE, Physical.GUARD // PAGE_SIZE, Physical.HOST_LINK // PAGE_SIZE, layout.pages - 1)
        self.lies = 0

    def ask(self, question: Callable[..., Any], *values: Any, **more: Any) -> Any:
        owner = getattr(question, "__self__", None)
        if isinstance(owner, VirtualPc) or self._rng.random() < self._honest and _can_go_on(owner, values):
            return super().ask(question, *values, **more)
        self.lies += 1
        if isinstance(owner, GeneratorType):
            return self._translation() if owner.gi_code.co_name == "walk" else self._instruction()
        if question is allows:
            return self._rng.choice((True, False, None))
        assert question is list, question
        return [(name, self._number()) for name in (*FIELDS, *Gpr.__members__, "nonsense")]

    def _number(self) -> int:
        rng = self._rng
        return rng.choice((rng.getrandbits(8), rng.getrandbits(32), rng.getrandbits(500), -rng.getrandbits(40)))

    def _page(self) -> int:
        rng = self._rng
        return rng.choice((rng.randrange(2048), rng.choice(self._pages), rng.getrandbits(20), self._number()))

    def _flag(self) -> bool:
        return bool(self._rng.getrandbits(1))

    def _translation(self) -> object:
        rng = self._rng
        sources = tuple((self._page() * PAGE_SIZE + 4 * rng.randrange(1024), self._number()) for _ in range(rng.randrange(3)))
        bits = rng.choice((0, 0, self._number()))
        leaf = Leaf(self._page(), self._flag(), self._flag(), self._flag(), self._flag(), self._flag(), bits, sources)
        address = self._page() * PAGE_SIZE + rng.randrange(PAGE_SIZE)
        return rng.choice((leaf, leaf, leaf, (address, None), (address, self._number()), PageFault(rng.randrange(16)), None))

    def _instruction(self) -> object:
        rng, number = self._rng, self._number
        segment = rng.choice(tuple(Segment))
        return rng.choice((
            Fetch(number()), Get(number()), Put(number(), number(), number()), Print(number()), Done(self._flag(), Effect.NONE, number()),
            Configure(rng.choice((number(), *_FUNCTIONS)) | rng.randrange(256), number(), rng.choice((None, number()))),
            Memory(rng.choice(tuple(Access)), segment, number(), number(), number()), Written(number()), Addressed(segment, number()),
            rng.choice((Exc.UD, Exc.GP, Exc.PF)), None,
        ))  # fmt: skip


def restless(rng: random.Random) -> Callable[[], Script]:
    """A guest that exits in every way in which its PC is asked something, and takes whatever comes of it."""

    def operation() -> Operation:
        port = rng.choice((*Port, Port.PCI_DATA, Port.PCI_DATA))
        linear = rng.choice((0x5000, 0x10000, 0x20000, 0x3000, 0x8_0000, rng.getrandbits(32) & ~3))
        return rng.choice((
            In(port, rng.choice((1, 2, 4))), Out(rng.choice(_WRITTEN), rng.getrandbits(32), rng.choice((1, 2, 4))),
            Out(Port.PCI_ADDRESS, rng.getrandbits(32), 4),
            OutString(Port.DEBUG_CONSOLE, linear, rng.randrange(1, 4)), Cpuid(rng.choice((0, 1, 0x4000_0000, 0x4000_0001))),
            Read(linear), Write(linear, rng.getrandbits(32)), Invlpg(linear), ReadCr(0), ReadCr(3), Clts(), Lmsw(1), Smsw(linear),
            WriteCr(0, int(Cr0.PE | Cr0.PG | Cr0.WP)), WriteCr(0, int(Cr0.PE)), WriteCr(3, rng.choice((0x10000, 0x20000))),
            WriteCr(4, int(Cr4.PSE)), SetIf(bool(rng.getrandbits(1))), Spin(),
        ))  # fmt: skip

    def script() -> Script:
        while True:
            try:
                yield Spin(1)
                for _ in range(_OPERATIONS):
                    yield operation()
            except GuestException:
                continue

    return script
