"""The seeded bugs of the control runs, by the component that they are in: each is one protection that is not there."""

from amaranth.hdl import Cat, Mux, Signal, Value

from chipset.devices.system_control import ResetControl
from chipset.dma_policy.checker import Checker
from chipset.dma_policy.decision import is_built, region_of, word_index
from chipset.dma_policy.guard import Guard
from chipset.dma_policy.policy import MapPlace
from chipset.dma_policy.registers import GuardRegisters
from chipset.dma_policy.walker import Walker
from chipset.dma_policy.word_cache import FOUND_PARTS, WordCache
from chipset.interconnect.arbiter import MemoryArbiter
from chipset.interconnect.decode import is_page
from chipset.interconnect.dma_merge import DmaMerge
from chipset.interconnect.dma_port import DmaPort
from chipset.memory_controller.controller import MemoryController
from chipset.memory_fabric import MemoryFabric
from chipset.reset import ResetController
from cocotb_tests.attacks.dma.device import Device
from cocotb_tests.attacks.dma.switchboard import seeded
from cocotb_tests.opened import Opened
from contracts.bus import BusRequest
from contracts.memory_map import Physical
from contracts.policy_map import GUARD
from contracts.requesters import Requester

__all__ = [
    "alias_decoded", "bits_of_both_directions_are_one", "cache_compares_one_bit_less", "cache_is_deaf", "cache_is_not_flushed",
    "cache_serves_both_directions", "cache_serves_every_requester", "clean_memory_is_believed_for_ever", "clearing_wins",
    "commit_does_not_hold", "commit_does_not_wait", "devices_are_not_held", "dma_comes_first", "dma_reaches_registers",
    "enable_can_be_taken_back", "failed_walk_admits", "fill_races_with_stores", "first_map_serves_all", "first_master_comes_first",
    "init_resets_the_guard", "launch_region_is_open", "log_keeps_the_last", "map_end_is_inclusive", "map_may_be_written",
    "map_page_is_cached", "map_wraps_around", "only_own_map_is_closed", "only_the_processor_writes", "out_of_range_is_allowed",
    "port_believes_addresses", "port_believes_last", "port_believes_lock", "port_believes_requester", "port_waits_for_beats",
    "reset_ends_before_the_scrub", "second_reset_forgets", "stalled_are_not_passed_over", "store_during_a_walk_is_lost",
    "unknown_format_is_open", "verdict_is_for_anybody", "walker_serves_the_last_again", "word_number_is_short", "zero_length_is_no_limit",
]  # fmt: skip


def _word(name: str, index: int = 0) -> int:
    """Word address of a register of the guard."""
    return GUARD[name].at(index) // 4


# Where a master attaches.


@seeded(DmaPort)
def port_believes_requester(port: Opened) -> None:
    """Who asks is what the master says."""
    port.module.d.comb += port.shaped("request", BusRequest).requester.eq(port.component.master.req.requester)


@seeded(DmaPort)
def port_believes_lock(port: Opened) -> None:
    """A DMA master may lock memory."""
    port.module.d.comb += port.shaped("request", BusRequest).lock.eq(port.component.master.req.lock)


@seeded(DmaPort)
def port_believes_addresses(port: Opened) -> None:
    """Each beat of a burst goes where the master says."""
    m = port.module
    with m.If(port["taken"]):
        m.d.sync += port.component.out.payload.address.eq(port.component.master.req.address)


@seeded(DmaPort)
def port_believes_last(port: Opened) -> None:
    """A burst ends when the master says so."""
    port.module.d.comb += port.shaped("request", BusRequest).last.eq(port.component.master.req.last | port["cut"])


@seeded(DmaPort)
def port_waits_for_beats(port: Opened) -> None:
    """A burst whose next beat does not come is waited for."""
    port.module.d.comb += port["cut"].eq(0)


# The merge, and the arbiter of memory.


@seeded(DmaMerge)
def first_master_comes_first(merge: Opened) -> None:
    """No turns: the first master that asks is served."""
    merge.module.d.sync += merge["last"].eq(-1)


@seeded(DmaMerge)
def stalled_are_not_passed_over(merge: Opened) -> None:
    """Who waits for the walker keeps his turn."""
    m = merge.module
    ports = [getattr(m.submodules, f"port{n}") for n in range(len(merge.component.stalled))]
    m.d.comb += merge["valid"].eq(Cat(port.out.valid for port in ports) & Mux(merge["held"], merge["owner"], -1))


@seeded(MemoryArbiter)
def dma_comes_first(arbiter: Opened) -> None:
    """No turns between the processor, the host link and DMA: DMA is served first."""
    arbiter.module.d.sync += arbiter["last"].eq(1)


# The guard.


@seeded(Guard)
def commit_does_not_wait(guard: Opened) -> None:
    """A register write takes effect at once, whatever is under way."""
    guard.module.d.comb += guard.component.drained.eq(1)


@seeded(Guard)
def commit_does_not_hold(guard: Opened) -> None:
    """While a register write waits, requests go on."""
    free = guard.module.submodules.net_free
    guard.module.d.comb += [free.i.eq(~guard["outstanding"][1:].all()), guard.component._checker.hold.eq(0)]


@seeded(Checker)
def walker_serves_the_last_again(checker: Opened) -> None:
    """No turns: whom the walker has served last may come again at once, others when it has been free for a while."""
    m, walker, waiting = checker.module, checker.component._walker, checker["waiting"]
    rested = Signal(8)
    m.d.sync += rested.eq(Mux(walker.rests, Cat(1, rested), 0))
    called = Mux(rested.all(), -1, 1 << walker.access.requester)
    m.d.comb += [checker["own"].eq(1), checker.component.stalled.eq(waiting & ~called)]


@seeded(Checker)
def launch_region_is_open(checker: Opened) -> None:
    """The launch region is memory like any other."""
    checker.module.d.comb += checker["launch"].eq(0)


@seeded(Checker)
def verdict_is_for_anybody(checker: Opened) -> None:
    """What was found out for one requester serves another that asks for the same."""
    component = checker.component
    walker, access = component._walker, component.access
    same = walker.decided & (walker.access.page == access.page) & (walker.access.write == access.write)
    checker.module.d.comb += [checker["beside"].eq(same), component.found.eq(component._cache.found | same.replicate(FOUND_PARTS))]


@seeded(Checker)
def cache_serves_every_requester(checker: Opened) -> None:
    """The words that are kept are not kept apart by requester."""
    cache = checker.component._cache
    checker.module.d.comb += [cache.access.requester.eq(0), cache.filled.requester.eq(0)]


@seeded(Checker)
def cache_serves_both_directions(checker: Opened) -> None:
    """The words that were kept for reads serve writes too."""
    cache = checker.component._cache
    checker.module.d.comb += [cache.access.write.eq(0), cache.filled.write.eq(0)]


@seeded(WordCache)
def cache_is_deaf(cache: Opened) -> None:
    """A write to a word of the map does not drop what is kept of it."""
    m, component = cache.module, cache.component
    with m.If(~component.fill & ~component.flush):
        m.d.sync += cache["valid"].eq(cache["valid"])


@seeded(WordCache)
def cache_is_not_flushed(cache: Opened) -> None:
    """A commit leaves in the cache what was found out before."""
    m = cache.module
    with m.If(cache.component.flush):
        m.d.sync += cache["valid"].eq(cache["valid"])


@seeded(WordCache)
def cache_compares_one_bit_less(cache: Opened) -> None:
    """Of a region's 16 bits 15 are compared: bit 27 of the address is left out."""
    m, component = cache.module, cache.component
    (read,) = m.submodules.regions.read_ports
    kept, asked = read.data, region_of(component.access.page)
    bit = 27 - 16
    same = (kept[1:bit] == asked[1:bit]) & (kept[bit + 1 :] == asked[bit + 1 :])
    m.d.comb += component.found.eq(same.replicate(FOUND_PARTS))


def _is_whole(walker: Opened) -> Value:
    """The last row of a word that was read goes to the cache."""
    return (walker["step"] == walker.component._rows - 1) & ~walker["closed"]


@seeded(Walker)
def store_during_a_walk_is_lost(walker: Opened) -> None:
    """What is written to the word while it is being read is not seen."""
    walker.module.d.comb += walker["here"].eq(0)


@seeded(Walker)
def fill_races_with_stores(walker: Opened) -> None:
    """A word that is written in the very cycle in which the cache takes it is kept as it was."""
    whole = _is_whole(walker) & ~walker["touched"]
    walker.module.d.comb += walker.component.fill_whole.eq(whole & ~(walker["near_map"] & walker.component.access.write))


@seeded(Walker)
def map_page_is_cached(walker: Opened) -> None:
    """Words that decide for pages of a map are kept like others, though the cache knows nothing of such pages."""
    walker.module.d.comb += walker.component.fill_whole.eq(_is_whole(walker) & ~walker["touched"] & ~walker["here"])


@seeded(Walker)
def map_may_be_written(walker: Opened) -> None:
    """The pages of a map are as writable as their bits say."""
    walker.module.d.sync += walker["in_map"].eq(0)


@seeded(Walker)
def only_own_map_is_closed(walker: Opened) -> None:
    """A device's writes are kept from its own map only."""
    m, component = walker.module, walker.component
    with m.If(walker.ongoing("COMPARE") & walker["around"] & (walker["number"] != component.access.requester)):
        m.d.sync += walker["in_map"].eq(walker["in_map"])


@seeded(Walker)
def failed_walk_admits(walker: Opened) -> None:
    """A map that cannot be read refuses nothing: the ones of the failed read are taken for its bits."""
    m = walker.module
    with m.If(walker.ongoing("WAIT")):
        m.d.sync += walker["closed"].eq(0)


def _index(walker: Opened) -> Value:
    component = walker.component
    return word_index(component.access.page, component.policy.map_format, component._formats)


def _admit(walker: Opened, found: Value) -> None:
    """Admits what ``found`` is true for when the place of its own map is known."""
    m, admits = walker.module, Signal()
    with m.If(walker.ongoing("PLACE")):
        m.d.sync += admits.eq(found)
    with m.If(admits):
        m.d.comb += walker.component.admitted.eq(1)


@seeded(Walker)
def out_of_range_is_allowed(walker: Opened) -> None:
    """Pages beyond the map's end are open, as with DEV_BASE_LO.protect = 0."""
    _admit(walker, _index(walker) >= walker.shaped("place", MapPlace).length)


@seeded(Walker)
def map_end_is_inclusive(walker: Opened) -> None:
    """The map's end is compared by <=: the word after it still counts."""
    m = walker.module
    with m.If(walker.ongoing("PLACE")):
        m.d.sync += walker["closed"].eq((_index(walker) > walker.shaped("place", MapPlace).length) | walker["total"][-1])


@seeded(Walker)
def map_wraps_around(walker: Opened) -> None:
    """A map that reaches beyond 4 GiB goes on at address 0."""
    m = walker.module
    with m.If(walker.ongoing("PLACE")):
        m.d.sync += walker["closed"].eq(_index(walker) >= walker.shaped("place", MapPlace).length)


@seeded(Walker)
def word_number_is_short(walker: Opened) -> None:
    """The number of a word in the map is cut to 10 bits: every 128 MiB have the same bits."""
    m = walker.module
    with m.If(walker.ongoing("PLACE")):
        m.d.sync += walker.component.address.eq(walker.shaped("place", MapPlace).base + _index(walker)[:10])


@seeded(Walker)
def zero_length_is_no_limit(walker: Opened) -> None:
    """A map without a length closes nothing."""
    _admit(walker, walker.shaped("place", MapPlace).length == 0)


@seeded(Walker)
def unknown_format_is_open(walker: Opened) -> None:
    """A format that was not built closes nothing."""
    m, component = walker.module, walker.component
    with m.If(~is_built(component.policy.map_format, component._formats)):
        m.d.comb += component.admitted.eq(1)


@seeded(Walker)
def first_map_serves_all(walker: Opened) -> None:
    """All requesters are in one domain, that of the first."""
    walker.module.d.comb += walker["chosen"].eq(0)


@seeded(Walker)
def bits_of_both_directions_are_one(walker: Opened) -> None:
    """Of a page's two bits the one for reads decides for both."""
    component = walker.component
    page = component.access.page
    walker.module.d.comb += walker["number_in_word"].eq(Cat(0, page[:4]))


# Its registers.


@seeded(GuardRegisters)
def enable_can_be_taken_back(registers: Opened) -> None:
    """CONTROL.ENABLE is a bit like any other."""
    m, component = registers.module, registers.component
    with m.If(component.flush & (component.block.address == _word("CONTROL"))):
        m.d.sync += component.policy.enable.eq(component.block.write_data[0])


@seeded(GuardRegisters)
def log_keeps_the_last(registers: Opened) -> None:
    """A refusal overwrites the one that was logged before."""
    m, denial = registers.module, registers.component.denial
    with m.If(denial.valid):
        m.d.sync += registers["log_address"].eq(denial.address)


@seeded(GuardRegisters)
def clearing_wins(registers: Opened) -> None:
    """A refusal in the cycle in which STATUS is cleared is lost."""
    m = registers.module
    with m.If(registers["clears"]):
        m.d.sync += registers["denied"].eq(registers["denied"] & ~registers.component.block.write_data[0])


@seeded(GuardRegisters)
def clean_memory_is_believed_for_ever(registers: Opened) -> None:
    """MEMORY_CLEAN outlives the reset for which it was said."""
    m, component = registers.module, registers.component
    said = Signal(reset_less=True)
    clean = GUARD["CONTROL"].field("MEMORY_CLEAN").lsb
    with m.If(component.flush & (component.block.address == _word("CONTROL")) & component.block.write_data[clean]):
        m.d.sync += said.eq(1)
    with m.If(said):
        m.d.comb += component.memory_clean.eq(1)


_init = Signal()  # the processor is asked to start anew


@seeded(ResetControl, GuardRegisters)
def init_resets_the_guard(part: Opened) -> None:
    """INIT, which is for the processor alone, resets the guard too."""
    m, component = part.module, part.component
    if isinstance(component, ResetControl):
        m.d.comb += _init.eq(component.init)
    else:
        with m.If(_init):
            m.d.sync += component.policy.enable.eq(0)


# Memory.


@seeded(MemoryController)
def alias_decoded(controller: Opened) -> None:
    """Only the address bits that RAM has are decoded: it is seen again and again in the whole space."""
    m, incoming = controller.module, controller.component.request.payload
    with m.If(incoming.admitted):
        m.d.comb += controller["source"].eq(1)  # RAM


@seeded(MemoryController)
def only_the_processor_writes(controller: Opened) -> None:
    """The guard is told of the processor's stores alone."""
    m, component = controller.module, controller.component
    with m.If(component.request.payload.request.requester != Requester.CPU):
        m.d.comb += component.written.valid.eq(0)


@seeded(MemoryFabric)
def dma_reaches_registers(fabric: Opened) -> None:
    """A way from DMA to the register blocks: what a device writes into the guard's page is a register write."""
    m, component = fabric.module, fabric.component
    request = component._controller.request.payload.request
    block = m.submodules.guard_registers.block
    pending, address, value = Signal(), Signal(10), Signal(32)
    is_write = m.submodules.guard.out.valid & m.submodules.guard.out.ready & request.write & is_page(request.address, Physical.GUARD)
    with m.If(is_write):
        m.d.sync += [pending.eq(1), address.eq(request.address[2:]), value.eq(request.data)]
    with m.If(pending):
        m.d.comb += [block.valid.eq(1), block.write.eq(1), block.address.eq(address), block.write_data.eq(value)]
        with m.If(block.ready):
            m.d.sync += pending.eq(0)


# Resets and devices.


@seeded(ResetController)
def second_reset_forgets(resets: Opened) -> None:
    """A request during a reset starts it over, and asks the guard, which is in reset, whether memory is to be scrubbed."""
    m, component = resets.module, resets.component
    with m.If(component.request & component.reset):
        m.d.sync += resets["dirty"].eq(component.protected)


@seeded(ResetController)
def reset_ends_before_the_scrub(resets: Opened) -> None:
    """The machine runs while memory is still to be scrubbed."""
    m, component = resets.module, resets.component
    with m.If(component.scrub_start):
        m.d.sync += component.reset.eq(0)


@seeded(Device)
def devices_are_not_held(device: Opened) -> None:
    """Ring -1's hold does not reach the device."""
    device.module.d.comb += device.module.submodules.engine.hold.eq(0)
