"""Attacks on channels: by a third guest, by what an end keeps of one that is closed, by a claimed identity, by a flood, by DMA.

The bank (partition 1) and the shop (2) have a channel; the attacker is partition 3, or one of its ends."""

from collections.abc import Callable

from cocotb_tests.isolation_kernel.attacks.attack import BAD, NO_RIGHTS, SCRATCH, SECRET, Judge, attack, changed, dma, shows, tries, victim
from cocotb_tests.isolation_kernel.channel_calls import calls
from cocotb_tests.isolation_kernel.world import World
from contracts.devices import DeviceNumber
from contracts.dma_engine import DescriptorFlag
from contracts.hypercalls import IDENTITY_SIZE, MAX_QUEUED, Hypercall
from contracts.memory_map import PAGE_SIZE
from isolation_kernel.model.script import Read, Script, Vmmcall, Write
from isolation_kernel.partition import Partition

__all__: list[str] = []

BANK, SHOP = 1, 2
NAME = 0x9000  # where an end wants the other's identity
MESSAGE = 0xA000
PAGE = 0x2_1000  # the bank's page that it shares
THERE = 0x0070_0000  # where others map it
_TURNS = 12


def opens(number: int) -> Vmmcall:
    return Vmmcall(Hypercall.OPEN, number, NAME)


def idles(turns: int = 10_000) -> Script:
    for _ in range(turns):
        yield Vmmcall(Hypercall.YIELD)


def bank(shares: bool = False, sends: bool = False, then: Callable[[], Script] = idles) -> Callable[[], Script]:
    """Opens a channel to the shop, and shares a page in which it then writes the secret, or sends it."""

    def script() -> Script:
        yield opens(SHOP)
        if shares:
            yield Vmmcall(Hypercall.SHARE_PAGE, PAGE, SHOP)
            yield Write(PAGE, SECRET)
        if sends:
            yield Write(MESSAGE, SECRET)
            yield Vmmcall(Hypercall.SEND, MESSAGE, 4, SHOP)
        yield from then()

    return script


def shop(receives: bool = False) -> Callable[[], Script]:
    def script() -> Script:
        yield opens(BANK)
        if receives:
            yield from idles(2 * _TURNS)
            yield Vmmcall(Hypercall.RECEIVE, MESSAGE, 64, BANK)
        yield from idles()

    return script


def third(world: World, *wanted: Vmmcall, then: Callable[[], Script] = idles) -> None:
    """A guest that has no channel, once the others have theirs."""

    def script() -> Script:
        yield from idles(_TURNS)
        yield from calls([], *wanted)()
        yield from then()

    world.guest(script, one_to_one=True)


@attack("channel_ends")
def a_third_guest_reads_messages(world: World) -> Judge:
    world.guest(bank(sends=True))
    world.guest(shop())
    third(world, Vmmcall(Hypercall.RECEIVE, SCRATCH, 64, BANK, esi=1))
    return shows()


@attack("channel_ends")
def a_third_guest_takes_messages_away(world: World) -> Judge:
    world.guest(bank(sends=True))
    to = world.guest(shop())
    third(world, Vmmcall(Hypercall.RECEIVE, SCRATCH, 64, BANK, esi=1))
    return lambda world: not to.channels[BANK].queues[SHOP]


@attack("channel_ends")
def a_third_guest_slips_a_message_in(world: World) -> Judge:
    world.guest(bank())
    to = world.guest(shop(receives=True))

    def sends() -> Script:
        yield Write(SCRATCH, BAD)
        yield Vmmcall(Hypercall.SEND, SCRATCH, 4, SHOP)
        yield from idles()

    third(world, then=sends)
    return lambda world: world.frame_bytes(to, MESSAGE, 4) == BAD.to_bytes(4, "little")


def _maps(world: World, *then: Write) -> None:
    def reaches() -> Script:
        yield Vmmcall(Hypercall.MAP_SHARED, THERE, BANK)
        yield Write(SCRATCH, (yield Read(THERE)))
        yield from calls([], *then)()
        yield from idles()

    third(world, then=reaches)


@attack("channel_ends")
def a_third_guest_maps_the_shared_page(world: World) -> Judge:
    world.guest(bank(shares=True))
    world.guest(shop())
    _maps(world)
    return shows()


@attack("channel_ends")
def a_third_guest_writes_the_shared_page(world: World) -> Judge:
    giver = world.guest(bank(shares=True))
    world.guest(shop())
    _maps(world, Write(THERE, BAD))
    return lambda world: world.machine.memory.read32(giver.memory.shared[PAGE // PAGE_SIZE] * PAGE_SIZE) == BAD


@attack("channel_ends")
def a_third_guest_closes_the_channel(world: World) -> Judge:
    one = world.guest(bank())
    world.guest(shop())
    third(world, Vmmcall(Hypercall.CLOSE, BANK))
    return lambda world: not one.channels[SHOP].open


@attack("channel_consent")
def opens_a_channel_to_one_that_does_not_want_it(world: World) -> Judge:
    other, _ = victim(world)

    def script() -> Script:
        yield opens(other.number)
        yield from idles()

    world.guest(script, one_to_one=True)
    return lambda world: bool(other.channels)


@attack("channel_identity")
def says_that_it_is_another(world: World) -> Judge:
    """The attacker runs in the shop's place, and says that it is the bank."""

    def waits() -> Script:
        yield from idles(_TURNS * 10)
        yield opens(SHOP)
        yield from idles()

    told = world.guest(waits, manifest=b"the bank")
    claimed = bytes.fromhex(told.identity)

    def script() -> Script:
        for n in range(0, IDENTITY_SIZE, 4):
            yield Write(NAME + n, int.from_bytes(claimed[n : n + 4], "little"))
        yield opens(BANK)
        yield from idles()

    world.guest(script, one_to_one=True, manifest=b"the bank, truly")
    return lambda world: world.frame_bytes(told, NAME, IDENTITY_SIZE) == claimed


@attack("channel_bounds")
def floods_a_guest_that_does_not_receive(world: World) -> Judge:
    to = world.guest(bank())

    def script() -> Script:
        yield opens(BANK)
        for _ in range(3 * MAX_QUEUED):
            yield Vmmcall(Hypercall.SEND, MESSAGE, 64, BANK)

    world.guest(script, one_to_one=True)
    return lambda world: len(to.channels[SHOP].queues[BANK]) > MAX_QUEUED


@attack("hypercall_rights")
def opens_a_channel_without_the_right(world: World) -> Judge:
    world.guest(bank())
    other = world.guest(shop(), one_to_one=True, rights=NO_RIGHTS)
    return lambda world: bool(other.channels)


def _sleeps_in_wait() -> Script:
    """Whoever is woken shows it."""
    yield Write(SCRATCH, BAD)
    yield Vmmcall(Hypercall.WAIT)
    yield Write(SCRATCH, SECRET)
    yield from idles()


@attack("hypercall_rights")
def learns_by_waiting_that_another_asks_for_it(world: World) -> Judge:
    """A guest that may have no channel sleeps in WAIT: whether anybody wants one, or ends, is not told."""

    world.guest(_sleeps_in_wait, one_to_one=True, rights=NO_RIGHTS)
    world.guest(lambda: calls([], *idles(_TURNS), opens(1))())
    return shows()


@attack("hypercall_rights")
def learns_by_waiting_that_another_has_ended(world: World) -> Judge:
    world.guest(_sleeps_in_wait, one_to_one=True, rights=NO_RIGHTS)
    world.guest(lambda: calls([], *idles(_TURNS), Vmmcall(Hypercall.SHUTDOWN, 0))())
    return shows()


@attack("hypercall_buffers")
def has_an_identity_written_into_a_neighbours_memory(world: World) -> Judge:
    neighbours: list[int] = []

    def script() -> Script:
        yield Vmmcall(Hypercall.OPEN, BANK, neighbours[0])
        yield from idles()

    world.guest(bank())
    world.guest(script, one_to_one=True)
    neighbours.append(victim(world)[1])
    return changed(neighbours[0])


@attack("hypercall_buffers")
def sends_a_neighbours_memory_over_a_channel(world: World) -> Judge:
    neighbours: list[int] = []

    def script() -> Script:
        yield opens(BANK)
        yield Vmmcall(Hypercall.SEND, neighbours[0], 64, BANK)
        yield from idles()

    to = world.guest(bank())
    world.guest(script, one_to_one=True)
    neighbours.append(victim(world)[1])
    return lambda world: any(SECRET.to_bytes(4, "little") in message for message in to.channels[SHOP].queues[BANK])


# what an end keeps


def _keeps_the_page(world: World) -> Judge:
    """The shop maps the page; the bank closes the channel, has its page back, and keeps a secret there."""

    def closes() -> Script:
        yield from idles(_TURNS)
        yield Vmmcall(Hypercall.CLOSE, SHOP)
        yield Write(PAGE, SECRET)
        yield from idles()

    def keeps() -> Script:
        yield opens(BANK)
        while (yield Vmmcall(Hypercall.MAP_SHARED, THERE, BANK)):
            yield Vmmcall(Hypercall.YIELD)
        for _ in range(4 * _TURNS):
            yield Read(THERE)
            yield Vmmcall(Hypercall.YIELD)
        found: int | None = yield from tries(Read(THERE))
        yield Write(SCRATCH, found or 0)
        yield from idles()

    world.guest(bank(shares=True, then=closes))
    world.guest(keeps, one_to_one=True)
    return shows()


@attack("drop_on_revoke")
def keeps_a_shadow_entry_of_the_page_of_a_closed_channel(world: World) -> Judge:
    return _keeps_the_page(world)


@attack("flush_on_revoke")
def keeps_a_tlb_entry_of_the_page_of_a_closed_channel(world: World) -> Judge:
    return _keeps_the_page(world)


@attack("clean_moved_page")
def reads_what_was_in_a_page_before_it_was_shared(world: World) -> Judge:
    def shares() -> Script:
        yield opens(SHOP)
        yield Write(PAGE, SECRET)
        yield Vmmcall(Hypercall.SHARE_PAGE, PAGE, SHOP)
        yield from idles()

    world.guest(shares)
    world.guest(_reads_the_page, one_to_one=True)
    return shows()


def _reads_the_page() -> Script:
    yield opens(BANK)
    while (yield Vmmcall(Hypercall.MAP_SHARED, THERE, BANK)):
        yield Vmmcall(Hypercall.YIELD)
    yield Write(SCRATCH, (yield Read(THERE)))
    yield from idles()


@attack("clean_moved_page")
def reads_what_was_in_the_page_of_a_guest_that_has_gone(world: World) -> Judge:
    """The bank writes into a page of the shop's, and ends: with it the channel, and the shop has its page back."""

    def ends() -> Script:
        yield opens(SHOP)
        while (yield Vmmcall(Hypercall.MAP_SHARED, PAGE + 0x20_0000, SHOP)):
            yield Vmmcall(Hypercall.YIELD)
        yield Write(PAGE + 0x20_0000, SECRET)
        yield Vmmcall(Hypercall.SHUTDOWN, 0)

    def shares() -> Script:
        yield opens(BANK)
        yield Vmmcall(Hypercall.SHARE_PAGE, SCRATCH, BANK)
        yield Vmmcall(Hypercall.RECEIVE, MESSAGE, 64, BANK)  # until it has gone
        yield from idles()

    world.guest(ends)
    other = world.guest(shares, one_to_one=True)
    return lambda world: shows()(world) and SCRATCH // PAGE_SIZE in other.memory.pages


# devices

ENGINE = frozenset({DeviceNumber.DMA0})


def _engine_reads(world: World, giver: Partition) -> Judge:
    def copies() -> Script:
        source = giver.memory.shared[PAGE // PAGE_SIZE] * PAGE_SIZE
        yield from dma([(source, SCRATCH, 64, DescriptorFlag.LAST)])
        yield from idles()

    def script() -> Script:
        yield from idles(_TURNS)
        yield from copies()

    world.guest(script, one_to_one=True, devices=ENGINE)
    return shows()


@attack("dma_policy")
def an_engine_reads_the_shared_page(world: World) -> Judge:
    giver = world.guest(bank(shares=True))
    world.guest(shop())
    return _engine_reads(world, giver)


@attack("dma_revoke")
def an_engine_of_the_giver_writes_the_shared_page(world: World) -> Judge:
    """What the shop reads there is the bank's word, not that of a device that the bank has let loose."""

    def shares() -> Script:
        yield opens(SHOP)
        yield Vmmcall(Hypercall.SHARE_PAGE, SCRATCH, SHOP)
        yield from dma([(BAD, SCRATCH, 4, DescriptorFlag.FILL | DescriptorFlag.LAST)])
        yield from idles()

    world.guest(shares, one_to_one=True, devices=ENGINE)
    world.guest(shop())
    return lambda world: world.machine.memory.read32(SCRATCH) == BAD
