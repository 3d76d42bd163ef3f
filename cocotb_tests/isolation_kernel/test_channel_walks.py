"""Random calls of three guests, against a reference that is two queues and a page: the same answers, the same sleepers, the same memory.

The calls are put before the kernel as exits, one at a time, so that the reference knows their order; a guest that sleeps makes none. Now
and then a guest ends and another takes its place. All invariants are checked on the way.
"""

import random
from dataclasses import dataclass, field, replace

import pytest

from cocotb_tests.isolation_kernel.channel_calls import closes, maps, opens, receives, sends, shares, waits_for_any
from cocotb_tests.isolation_kernel.governed import load, named
from cocotb_tests.isolation_kernel.world import SECOND_MEMORY, World
from contracts.architecture import Gpr
from contracts.exit_codes import ExitCode
from contracts.hypercalls import IDENTITY_SIZE, MAX_MESSAGE, MAX_QUEUED, Hypercall, Status
from contracts.memory_map import PAGE_SIZE
from contracts.protections import Protections
from isolation_kernel.exits import handle_exit
from isolation_kernel.guest_memory import Kind
from isolation_kernel.invariants import check
from isolation_kernel.model.script import Script, Spin, Vmmcall
from isolation_kernel.partition import Partition, State

NUMBERS = (1, 2, 3)
PAGES = SECOND_MEMORY // PAGE_SIZE
HIGHEST = 0xF000_0000
WALKS, STEPS = 4, 1200
STRETCH = 120  # steps in one mood
HOMES, PLACES = (0x2_1000, 0x2_2000), (0x70_0000, 0x70_1000)  # pages that are shared, and where they may appear
MOODS = (
    (8, 4, 4, 4, 4, 1, 2),
    (1, 30, 0, 0, 0, 0, 0),
    (1, 2, 20, 0, 0, 0, 6),
    (4, 2, 2, 8, 8, 0, 0),
    (4, 4, 4, 2, 2, 4, 4),
)  # of the seven calls
SPEAKING = 1


@dataclass(eq=False)
class Pipe:
    """A channel: who is at its ends, what is on its way to each, and whose page lies where."""

    ends: tuple["Guest", "Guest"]
    on_the_way: dict["Guest", list[bytes]] = field(default_factory=dict)
    open: bool = True
    giver: "Guest | None" = None
    home: int = 0

    def far(self, guest: "Guest") -> "Guest":
        return self.ends[self.ends[0] is guest]


@dataclass(eq=False)
class Guest:
    """A guest as the reference has it: ``call`` is what it sleeps in, ``data`` what it was about to send."""

    number: int
    name: str
    alive: bool = True
    pipes: dict[int, Pipe] = field(default_factory=dict)
    pages: set[int] = field(default_factory=lambda: set(range(PAGES)))
    mapped: dict[int, Pipe] = field(default_factory=dict)
    call: Vmmcall | None = None
    answer: int | None = None
    got: tuple[int, bytes] | None = None  # what was written into its memory by its last answer
    news: list[int] = field(default_factory=list)  # guests of which it has not been told

    def hears_of(self, number: int) -> None:
        if number not in self.news:
            self.news.append(number)


class Reference:
    """Written from contracts/hypercalls.py."""

    def __init__(self) -> None:
        self.guests: dict[int, Guest] = {}
        self.memory: dict[tuple[Guest, int], bytes] = {}
        self.seen: set[tuple[int, int]] = set()  # calls and how they were answered
        self._again: Vmmcall | None = None  # the sleeper's call that is tried anew

    def does(self, guest: Guest, call: Vmmcall, data: bytes) -> None:
        """One call, and whatever it lets others go on with."""
        self.memory[guest, call.number] = data
        self._try(guest, call)
        while self._sleepers():
            pass

    def ends(self, guest: Guest) -> None:
        guest.alive, guest.call = False, None
        for pipe in guest.pipes.values():
            self._shut(pipe)
        for other in self.guests.values():
            other.hears_of(guest.number)
        self._sleepers()

    def _sleepers(self) -> bool:
        """Try each sleeper's call anew; whether one has been answered."""
        moved = False
        for other in self.guests.values():
            if other.call is not None:
                self._again, other.call = other.call, None
                self._try(other, self._again)
                moved |= other.call is None
        self._again = None
        return moved

    def _try(self, guest: Guest, call: Vmmcall) -> None:
        guest.got = None
        answer = {
            Hypercall.OPEN: self._open, Hypercall.CLOSE: self._close, Hypercall.SEND: self._send, Hypercall.RECEIVE: self._receive,
            Hypercall.SHARE_PAGE: self._share, Hypercall.MAP_SHARED: self._map, Hypercall.WAIT: self._wait,
        }[Hypercall(call.number)](guest, call)  # fmt: skip
        if answer is None and call.esi:
            answer = Status.AGAIN
        if answer is not None:
            self.seen.add((call.number, min(answer, 0)))
        guest.call, guest.answer = (call, None) if answer is None else (None, answer)

    @staticmethod
    def _wait(guest: Guest, call: Vmmcall) -> int | None:
        return guest.news.pop(0) if guest.news else None

    @staticmethod
    def _has(guest: Guest, address: int, length: int) -> bool:
        return all(at // PAGE_SIZE in guest.pages for at in range(address, address + length))

    def _open(self, guest: Guest, call: Vmmcall) -> int | None:
        peer = self.guests.get(call.ebx)
        if peer is None or peer is guest or not peer.alive or not self._has(guest, call.ecx, IDENTITY_SIZE):
            return Status.BAD_ARGUMENT
        pipe = guest.pipes.get(peer.number)
        if pipe is None or not pipe.open:
            if peer.call is None or (peer.call.number, peer.call.ebx) != (Hypercall.OPEN, guest.number):
                if not call.esi and call is not self._again:
                    peer.hears_of(guest.number)
                return None
            pipe = Pipe((guest, peer))
            pipe.on_the_way = {guest: [], peer: []}
            guest.pipes[peer.number] = peer.pipes[guest.number] = pipe
        guest.got = call.ecx, bytes.fromhex(peer.name)
        peer.hears_of(guest.number)
        return Status.OK

    def _shut(self, pipe: Pipe) -> None:
        pipe.open = False
        for end in pipe.ends:
            end.mapped = {page: p for page, p in end.mapped.items() if p is not pipe}
        if pipe.giver is not None:
            pipe.giver.pages.add(pipe.home)
            pipe.giver = None

    def _close(self, guest: Guest, call: Vmmcall) -> int:
        pipe = guest.pipes.pop(call.ebx, None)
        if pipe is None:
            return Status.CLOSED
        if pipe.open:
            pipe.far(guest).hears_of(guest.number)
        self._shut(pipe)
        return Status.OK

    def _send(self, guest: Guest, call: Vmmcall) -> int | None:
        pipe = guest.pipes.get(call.edx)
        if pipe is None:
            return Status.CLOSED
        if call.ecx > MAX_MESSAGE or not self._has(guest, call.ebx, call.ecx):
            return Status.BAD_ARGUMENT
        if not pipe.open:
            return Status.CLOSED
        if len(pipe.on_the_way[pipe.far(guest)]) == MAX_QUEUED:
            return None
        pipe.on_the_way[pipe.far(guest)].append(self.memory[guest, Hypercall.SEND])
        pipe.far(guest).hears_of(guest.number)
        return Status.OK

    def _receive(self, guest: Guest, call: Vmmcall) -> int | None:
        pipe = guest.pipes.get(call.edx)
        if pipe is None:
            return Status.CLOSED
        if call.ecx > MAX_MESSAGE or not self._has(guest, call.ebx, call.ecx):
            return Status.BAD_ARGUMENT
        if not pipe.on_the_way[guest]:
            return None if pipe.open else Status.CLOSED
        if len(pipe.on_the_way[guest][0]) > call.ecx:
            return Status.BAD_ARGUMENT
        if len(pipe.on_the_way[guest]) == MAX_QUEUED and pipe.open:
            pipe.far(guest).hears_of(guest.number)
        guest.got = call.ebx, pipe.on_the_way[guest].pop(0)
        if pipe.on_the_way[guest]:
            guest.hears_of(call.edx)
        return len(guest.got[1])

    def _share(self, guest: Guest, call: Vmmcall) -> int:
        pipe = guest.pipes.get(call.ecx)
        if pipe is None:
            return Status.CLOSED
        if call.ebx % PAGE_SIZE:
            return Status.BAD_ARGUMENT
        page = call.ebx // PAGE_SIZE
        if page not in guest.pages:
            return Status.NOT_OWNER
        if not pipe.open:
            return Status.CLOSED
        if pipe.giver is not None:
            return Status.BAD_ARGUMENT
        guest.pages.remove(page)
        pipe.giver, pipe.home, guest.mapped[page] = guest, page, pipe
        return Status.OK

    def _map(self, guest: Guest, call: Vmmcall) -> int:
        pipe = guest.pipes.get(call.ecx)
        if pipe is None:
            return Status.CLOSED
        page = call.ebx // PAGE_SIZE
        if call.ebx % PAGE_SIZE or call.ebx >= HIGHEST or page in guest.pages or page in guest.mapped:
            return Status.BAD_ARGUMENT
        if not pipe.open:
            return Status.CLOSED
        if pipe.giver is None:
            return Status.AGAIN
        if pipe in guest.mapped.values():
            return Status.BAD_ARGUMENT
        guest.mapped[page] = pipe
        return Status.OK


_OK, _BAD, _AGAIN, _CLOSED = Status.OK, Status.BAD_ARGUMENT, Status.AGAIN, Status.CLOSED
ANSWERS: dict[Hypercall, tuple[Status, ...]] = {  # what a walk has to meet, or it says little
    Hypercall.OPEN: (_OK, _BAD), Hypercall.CLOSE: (_OK, _CLOSED), Hypercall.SEND: (_OK, _BAD, _AGAIN, _CLOSED),
    Hypercall.RECEIVE: (_OK, _BAD, _AGAIN, _CLOSED), Hypercall.SHARE_PAGE: (_OK, _BAD, _CLOSED, Status.NOT_OWNER),
    Hypercall.MAP_SHARED: (_OK, _BAD, _AGAIN, _CLOSED), Hypercall.WAIT: (_OK, _AGAIN),
}  # fmt: skip


def idle() -> Script:
    while True:
        yield Spin()


def put(world: World, partition: Partition, call: Vmmcall) -> None:
    """The call as an exit."""
    vcpu = partition.vcpu
    for register, value in ((Gpr.EAX, call.number), (Gpr.EBX, call.ebx), (Gpr.ECX, call.ecx), (Gpr.EDX, call.edx), (Gpr.ESI, call.esi)):
        vcpu.set_register(register, value)
    vcpu.put("EXITCODE", ExitCode.VMMCALL)
    handle_exit(world.kernel, partition)


class Walk:
    """The kernel and the reference side by side."""

    def __init__(self, rng: random.Random, protections: Protections | None = None) -> None:
        self.rng, self.world, self.reference, self.born, self.mood = rng, World(protections), Reference(), 0, 0
        self.partitions: dict[int, Partition] = {}
        for number in NUMBERS:
            self.start(number)

    def start(self, number: int) -> None:
        self.born += 1
        config = named(f"guest {self.born}")
        if number in self.partitions:
            self.partitions[number] = self.world.kernel.load_guest(config, number)
            self.world.machine.attach(self.partitions[number].vcpu.block, idle)
        else:
            self.partitions[number] = load(self.world, config, idle)
        self.reference.guests[number] = Guest(number, self.partitions[number].identity)

    def call(self, guest: Guest) -> Vmmcall:
        """Mostly about channels that there are, and within the guest's memory; what is asked for most changes with the walk's mood."""
        rng = self.rng
        number, buffer, size, length, page = rng.choice(NUMBERS), 0xA000, 64, rng.randrange(65), rng.choice(HOMES)
        if guest.pipes and rng.random() < 0.8:
            number = rng.choice(list(guest.pipes))
        if rng.random() < 0.15:  # hostile
            number = rng.choice((*NUMBERS, 4, 0xFFFF_FFFF))
            buffer = rng.choice((0xAFF0, 0x2_1FFE, 0x2_1000, SECOND_MEMORY - 8, SECOND_MEMORY, 0xFFFF_FFF8, rng.getrandbits(18)))
            size = rng.choice((0, 1, 300, MAX_MESSAGE, MAX_MESSAGE + 1, 0xFFFF_FFFF))
            length = rng.choice((0, 1, 4095, MAX_MESSAGE, MAX_MESSAGE + 1, 0xFFFF_FFFF))
            page = rng.choice((0x2_1004, HIGHEST, 0xFED8_0000, SECOND_MEMORY))
        wait = rng.random() < (0.1 if self.mood == SPEAKING else 0.5)  # so that some find their queue full
        choice = (
            opens(number, buffer), sends(number, length, buffer, wait), receives(number, size, buffer, wait), shares(number, page),
            maps(number, rng.choice((page, *PLACES))), closes(number), replace(waits_for_any(wait), ebx=buffer, ecx=size, edx=number),
        )  # fmt: skip
        return rng.choices(choice, MOODS[self.mood])[0]

    def step(self) -> None:
        awake = [guest for guest in self.reference.guests.values() if guest.call is None]
        if not awake or self.rng.random() < 0.01:
            number = self.rng.choice(NUMBERS)
            self.world.kernel.end_guest(self.partitions[number], "another takes its place")
            self.reference.ends(self.reference.guests[number])
            self.compare(None)
            self.start(number)
            return
        guest = self.rng.choice(awake)
        call = self.call(guest)
        partition, data = self.partitions[guest.number], b""
        if call.number == Hypercall.SEND and call.ecx <= MAX_MESSAGE:
            data = self.rng.randbytes(call.ecx)
            partition.memory.write(call.ebx, data)
        put(self.world, partition, call)
        self.reference.does(guest, call, data)
        self.compare(call)

    def compare(self, call: Vmmcall | None) -> None:
        for number, guest in self.reference.guests.items():
            partition = self.partitions[number]
            assert (partition.state is State.WAITING) == (guest.call is not None), (number, call)
            assert partition.alive == guest.alive
            if guest.answer is not None and guest.alive:
                assert partition.vcpu.register(Gpr.EAX) == guest.answer & 0xFFFF_FFFF, (number, call, guest.answer)
                if guest.got is not None:
                    assert partition.memory.read(guest.got[0], len(guest.got[1])) == guest.got[1], (number, call)
                guest.answer = guest.got = None
            frames = {page: partition.memory.target(page) for page in guest.mapped}
            assert set(partition.memory.shared) == set(guest.mapped) and set(partition.memory.pages) == (
                guest.pages if guest.alive else set()
            )
            for page, pipe in guest.mapped.items():
                assert frames[page][0] is Kind.SHARED
                far, there = self.partitions[pipe.far(guest).number], [p for p, q in pipe.far(guest).mapped.items() if q is pipe]
                assert all(far.memory.target(other) == frames[page] for other in there)


def walked(seed: str, protections: Protections | None) -> Walk:
    walk = Walk(random.Random(seed), protections)
    for n in range(STEPS):
        walk.mood = n // STRETCH % len(MOODS)
        walk.step()
        if not n % 50:
            assert not check(walk.world.kernel)
    return walk


def test_every_answer_is_the_references(seed: int) -> None:
    met: set[tuple[int, int]] = set()
    for part in range(WALKS):
        walk = walked(f"{seed} {part}", None)
        assert walk.born > len(NUMBERS)
        met |= walk.reference.seen
    assert met >= {(call, status) for call, statuses in ANSWERS.items() for status in statuses}


@pytest.mark.parametrize("protection", ("channel_ends", "channel_consent", "channel_identity", "channel_bounds"))
def test_without_a_protection_the_reference_disagrees(protection: str, seed: int) -> None:
    """The control: the walks are long enough to come upon each."""
    with pytest.raises(AssertionError):
        for part in range(WALKS):
            walked(f"{seed} {part}", Protections.without(protection))
