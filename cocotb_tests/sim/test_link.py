"""The kernel's machine over the host link of the simulated chipset, with a stand-in for processor and stub."""

import random
from collections.abc import Iterator

import pytest

from cocotb_tests.sim.double import EXIT_BYTE, MEMORY, VECTOR, double_spec
from contracts.host_link import VcpuBlock
from contracts.machine import Machine as KernelsMachine
from contracts.memory_map import PAGE_SIZE, Physical, Port
from contracts.policy_map import GUARD
from rtl.retire.port import RETIRED_A_CYCLE
from sim.link import LinkError, LinkMachine, MachineEnded
from sim.machine import Ending, Machine, MachineConfig

__all__: list[str] = []

BLOCK = 0x10_0000


@pytest.fixture
def link() -> Iterator[LinkMachine]:
    with Machine(MachineConfig(memory=MEMORY), spec=double_spec()) as machine:
        link = LinkMachine(machine, cycles_per_exit=100)
        link.wait(max_cycles=10_000)
        yield link


def test_it_is_what_the_kernel_asks_for(link: LinkMachine) -> None:
    machine: KernelsMachine = link
    assert machine.time() == link.machine.cycle > 0


def test_words_and_registers(link: LinkMachine) -> None:
    link.write32(0x8000, 0xDEAD_BEEF)
    assert link.read32(0x8000) == 0xDEAD_BEEF
    assert link.machine.model.dump(0x8000, 4) == b"\xef\xbe\xad\xde"
    base = Physical.GUARD + GUARD["MAP_LENGTH"].at(1)
    link.write32(base, 0x400)
    assert link.read32(base) == 0x400
    with pytest.raises(ValueError, match="no multiple of 4"):
        link.read32(0x8001)


def test_blocks_of_any_alignment(link: LinkMachine, rng: random.Random) -> None:
    reference = bytearray(link.machine.model.dump(0, 0x4000))
    for _ in range(40):
        address, length = rng.randrange(0x2000), rng.randrange(400)
        data = rng.randbytes(length)
        link.write_block(address, data)
        reference[address : address + length] = data
        address, length = rng.randrange(0x2000), rng.randrange(400)
        assert link.read_block(address, length) == reference[address : address + length]
    assert link.machine.model.dump(0, 0x4000) == reference


def test_clear(link: LinkMachine) -> None:
    link.write_block(0x2FF0, bytes(range(1, 256)) * 17 + bytes([7]))
    link.clear(0x3000, PAGE_SIZE)
    assert link.read_block(0x2FF0, 16) == bytes(range(1, 17))
    assert link.read_block(0x3000, PAGE_SIZE) == bytes(PAGE_SIZE)
    assert link.read32(0x4000) != 0


def test_pages_that_hold_little_are_written_in_little_time(link: LinkMachine, rng: random.Random) -> None:
    address, length = 0x2FF4, 3 * PAGE_SIZE + 24  # words before and behind three pages
    link.write_block(0x2000, b"\xff" * 5 * PAGE_SIZE)
    reference = bytearray(link.machine.model.dump(0, 0x8000))
    times = []
    for lines in (0, 1, 100, 256):
        data = bytearray(length)
        for page in range(0x3000 - address, 3 * PAGE_SIZE, PAGE_SIZE):
            for at in rng.sample(range(page, page + PAGE_SIZE, 16), lines):
                data[at + rng.randrange(16)] = rng.randrange(1, 256)
        start = link.link_cycles
        link.write_block(address, bytes(data))
        times.append(link.link_cycles - start)
        reference[address : address + length] = data
        assert link.machine.model.dump(0, 0x8000) == reference
    assert times == sorted(times) and times[0] * 2 < times[-1]


def test_bursts_are_cheaper_than_words(link: LinkMachine) -> None:
    start = link.link_cycles
    for address in range(0, 1024, 4):
        link.read32(address)
    words = link.link_cycles - start
    link.read_block(0, 1024)
    assert (link.link_cycles - start - words) * 2 < words


def test_io(link: LinkMachine) -> None:
    link.io_write(Port.PIC_MASTER + 1, 0x5A)  # the interrupt mask
    assert link.io_read(Port.PIC_MASTER + 1) == 0x5A
    link.io_write(Port.DEBUG_CONSOLE, ord("!"))
    link.machine.drain()
    assert link.machine.outputs["debug"] == b"!"


def test_commands(link: LinkMachine) -> None:
    link.machine.record()
    link.run(BLOCK)
    assert link.take_interrupt(BLOCK) == VECTOR
    link.write32(BLOCK + VcpuBlock.VECTOR, 0)
    assert link.halt(BLOCK) == VECTOR
    link.invlpga(BLOCK, 0x1234_5000, 3)
    assert link.read32(BLOCK + VcpuBlock.LINEAR) == 0x1234_5000
    assert link.read32(BLOCK + VcpuBlock.ASID_ARG) == 3
    assert link.poll() & 1
    link.machine.drain()
    assert link.machine.outputs["debug"] == b"1243"
    assert (link.commands, link.kernel_cycles) == (4, 400)
    retired = [(r.cycle, r.instruction_eip) for r in link.machine.records()]
    assert len(retired) == link.machine.instructions == 4 * RETIRED_A_CYCLE
    firsts = retired[::RETIRED_A_CYCLE]
    assert retired == [(cycle, eip + slot) for cycle, eip in firsts for slot in range(RETIRED_A_CYCLE)]
    assert len(dict(firsts)) == 4  # each command in a cycle of its own


def test_an_answer_that_nobody_waits_for_is_refused(link: LinkMachine) -> None:
    link.cycles_per_exit = 0
    link.shutdown()
    with pytest.raises(LinkError, match="ANSWER"):
        link.run(BLOCK)


def test_the_end_of_the_machine_is_told(link: LinkMachine) -> None:
    link.shutdown()
    outcome = link.machine.run(1000)
    assert (outcome.ending, outcome.status) == (Ending.EXIT, EXIT_BYTE << 1 | 1)


def test_a_reset_is_told(link: LinkMachine) -> None:
    with pytest.raises(MachineEnded) as ended:
        link.run(0)
    assert ended.value.ending is Ending.RESET


def test_a_guest_that_never_exits_is_cut_off(link: LinkMachine) -> None:
    link.guest_limit = 5
    with pytest.raises(MachineEnded) as ended:
        link.run(BLOCK)
    assert ended.value.ending is Ending.LIMIT
