"""What the guard's proof assumes of the way to memory is proved here; so is what becomes of a refused request."""

import pytest
from amaranth.hdl import Value

from chipset.interconnect.decode import is_ram
from chipset.memory_controller.controller import _Source
from chipset.soc import SocParams
from cocotb_tests.chipset.memory_controller.path_harness import PathHarness
from cocotb_tests.opened import Opened
from cocotb_tests.prover import prove, refute
from contracts.requesters import DMA_FIRST

MACHINE = SocParams()
SEARCH_LATENCY = 2
SEARCH_DEPTH = 10


def other_master_enters_a_burst(arbiter: Opened, _controller: Opened) -> None:
    """The arbiter forgets that a burst write is under way."""
    arbiter.module.d.sync += arbiter["held"].eq(0)


def verdict_ignored(_arbiter: Opened, controller: Opened) -> None:
    """A refused request is served."""
    request = controller.component.request.payload.request
    with controller.module.If(is_ram(request.address, MACHINE.memory_bytes)):
        controller.module.d.comb += controller["source"].eq(_Source.RAM)


def refused_read_shows_memory(_arbiter: Opened, controller: Opened) -> None:
    """A refused read is answered with an error, but with what the memory's output happens to show."""
    response = controller.component.response
    with controller.module.If(response.response.error):
        controller.module.d.comb += response.response.data.eq(controller.component.ram.read_data)


def write_shows_memory(_arbiter: Opened, controller: Opened) -> None:
    """The answer to a write has with it what was there before."""
    controller.module.d.comb += controller["told"].eq(controller["source"])


def dma_writes_not_announced(_arbiter: Opened, controller: Opened) -> None:
    """The guard does not hear of writes by DMA."""
    requester: Value = controller.component.request.payload.request.requester
    with controller.module.If(requester >= DMA_FIRST):
        controller.module.d.comb += controller.component.written.valid.eq(0)


BUGS = (other_master_enters_a_burst, verdict_ignored, refused_read_shows_memory, write_shows_memory, dma_writes_not_announced)


@pytest.mark.formal
def test_refused_requests_and_what_the_guard_assumes():
    harness = PathHarness(memory_bytes=MACHINE.memory_bytes, latency=MACHINE.latency)
    outcome = prove("memory_path", harness, depth=MACHINE.latency + 2)
    assert outcome.status == "PASS", f"{outcome.status}: {outcome.failed}, see {outcome.log}"


@pytest.mark.formal
@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.__name__)
def test_seeded_bugs_are_found(bug):
    harness = PathHarness(memory_bytes=MACHINE.memory_bytes, latency=SEARCH_LATENCY, bug=bug)
    outcome = refute(f"memory_path-{bug.__name__}", harness, depth=SEARCH_DEPTH)
    assert outcome.status == "FAIL", "no run breaks the promise"
