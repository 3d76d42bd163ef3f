"""IN, OUT, INS and OUTS of ports that the kernel virtualizes; the virtual 8254's count."""

import pytest

from cocotb_tests.isolation_kernel.test_decode import CODE_32, DATA, DATA_READ_ONLY, WIDE, data_segment, place
from cocotb_tests.isolation_kernel.world import CODE, World, flat_tables
from contracts.architecture import Cr0, Eflags, Exc, Gpr, PageFault, Pte
from contracts.exit_codes import ExitCode
from contracts.memory_map import Port
from contracts.ps2 import OutputPort
from contracts.vmcb import EVENT_VALID
from isolation_kernel.exits import handle_exit
from isolation_kernel.model.script import Script, Spin
from isolation_kernel.partition import Partition, State
from virtual_pc.pit import VirtualPit

IN, STRING, REP, WIDE_ADDRESS = 1 << 0, 1 << 2, 1 << 3, 1 << 8
ES, DS = 0, 3
BUFFER = 0x5000
TICK = 21  # cycles
BEHIND = CODE + 2


def nothing() -> Script:
    yield Spin()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def partition(world: World) -> Partition:
    return world.guest(nothing)


def port(world: World, partition: Partition, number: int, flags: int, size: int = 1, segment: int = DS) -> int | None:
    """Answer one IOIO exit; the vector that is injected."""
    place(partition, b"\x90\x90", CODE_32)
    vcpu = partition.vcpu
    vcpu.put("EXITCODE", ExitCode.IOIO)
    vcpu.put("EXITINFO1", number << 16 | segment << 10 | size << 4 | flags)
    vcpu.put("EXITINFO2", BEHIND)
    vcpu.put("NRIP", 0)
    handle_exit(world.kernel, partition)
    event = vcpu.get("EVENTINJ")
    return event & 0xFF if event & EVENT_VALID else None


def registers(partition: Partition, **values: int) -> None:
    for name, value in values.items():
        partition.vcpu.set_register(Gpr[name], value)


def test_in_fills_as_much_as_it_reads(world: World, partition: Partition) -> None:
    partition.pc.pc.pic.write(Port.PIC_MASTER + 1, 0x5A)
    for size, expected in ((1, 0x1234_565A), (2, 0x1234_FF5A), (4, 0xFFFF_FF5A)):
        registers(partition, EAX=0x1234_5678)
        assert port(world, partition, Port.PIC_MASTER + 1, IN, size) is None
        assert partition.vcpu.register(Gpr.EAX) == expected
        assert partition.vcpu.get("RIP") == BEHIND


def test_out_of_several_bytes_reaches_several_ports(world: World, partition: Partition) -> None:
    registers(partition, EAX=0x4241_00E9)
    assert port(world, partition, Port.DEBUG_CONSOLE, 0, 1) is None
    assert bytes(partition.console) == b"\xe9"
    registers(partition, EAX=0x0000_77AA)
    assert port(world, partition, Port.PIC_MASTER, 0, 2) is None
    assert partition.pc.pc.pic.read(Port.PIC_MASTER + 1) == 0x77


@pytest.mark.parametrize(("first", "size", "status"), ((0, 1, 0x04), (0, 4, 0x04), (-1, 2, 0x03), (-3, 4, 0x01)))
def test_the_exit_port_takes_its_own_byte(world: World, partition: Partition, first: int, size: int, status: int) -> None:
    registers(partition, EAX=0x0102_0304)
    port(world, partition, Port.EXIT + first, 0, size)
    assert partition.state is State.ENDED and partition.exit_status == status


@pytest.mark.parametrize(("first", "size"), ((-4, 4), (-2, 2), (-1, 1), (1, 1), (1, 4)))
def test_beside_the_exit_port_nothing_ends(world: World, partition: Partition, first: int, size: int) -> None:
    registers(partition, EAX=0x0102_0304)
    port(world, partition, Port.EXIT + first, 0, size)
    assert partition.alive and partition.exit_status is None


def test_outs_repeats_an_element_an_exit(world: World, partition: Partition) -> None:
    partition.memory.write(BUFFER, b"text")
    registers(partition, ESI=BUFFER, ECX=4)
    for n in range(4):
        assert partition.vcpu.register(Gpr.ECX) == 4 - n
        assert port(world, partition, Port.DEBUG_CONSOLE, STRING | REP | WIDE_ADDRESS) is None
        assert partition.vcpu.get("RIP") == (BEHIND if n == 3 else CODE)
    assert bytes(partition.console) == b"text"
    assert (partition.vcpu.register(Gpr.ESI), partition.vcpu.register(Gpr.ECX)) == (BUFFER + 4, 0)


def test_outs_backwards_through_its_segment(world: World, partition: Partition) -> None:
    partition.memory.write(BUFFER, b"ab")
    partition.vcpu.put("RFLAGS", Eflags.DF | Eflags.ALWAYS)
    data_segment(partition, "GS", base=BUFFER)
    registers(partition, ESI=1, ECX=2)
    for _ in range(2):
        assert port(world, partition, Port.DEBUG_CONSOLE, STRING | REP | WIDE_ADDRESS, segment=5) is None
    assert bytes(partition.console) == b"ba"
    assert partition.vcpu.register(Gpr.ESI) == WIDE


def test_ins_stores_and_counts_in_16_bits(world: World, partition: Partition) -> None:
    """With 16-bit addresses, the upper halves of EDI and ECX stay."""
    partition.pc.pc.pic.write(Port.PIC_MASTER + 1, 0xC3)
    partition.memory.write(BUFFER, b"....")
    registers(partition, EDI=0xABCD_0000 | BUFFER, ECX=0x9999_0001)
    assert port(world, partition, Port.PIC_MASTER + 1, IN | STRING | REP) is None
    assert partition.memory.read(BUFFER, 4) == b"\xc3..."
    assert (partition.vcpu.register(Gpr.EDI), partition.vcpu.register(Gpr.ECX)) == (0xABCD_0000 | BUFFER + 1, 0x9999_0000)
    assert partition.vcpu.get("RIP") == BEHIND


def test_a_count_of_zero_does_nothing(world: World, partition: Partition) -> None:
    registers(partition, ESI=BUFFER, ECX=0)
    assert port(world, partition, Port.DEBUG_CONSOLE, STRING | REP | WIDE_ADDRESS) is None
    assert not partition.console and partition.vcpu.get("RIP") == BEHIND and partition.vcpu.register(Gpr.ESI) == BUFFER


@pytest.mark.parametrize("flags", (IN, 0), ids=("INS", "OUTS"))
@pytest.mark.parametrize(("limit", "fault"), ((BUFFER + 3, None), (BUFFER + 2, Exc.GP)))
def test_limits_are_asked(world: World, partition: Partition, flags: int, limit: int, fault: Exc | None) -> None:
    data_segment(partition, "ES" if flags else "DS", limit=limit)
    registers(partition, ESI=BUFFER, EDI=BUFFER)
    assert port(world, partition, Port.DEBUG_CONSOLE, STRING | WIDE_ADDRESS | flags, 4) == fault
    assert partition.vcpu.get("RIP") == (BEHIND if fault is None else CODE)
    assert bool(partition.console) == (not flags and fault is None)


def test_ins_needs_a_writable_segment_and_always_takes_es(world: World, partition: Partition) -> None:
    data_segment(partition, "ES", DATA_READ_ONLY)
    data_segment(partition, "DS", DATA)
    registers(partition, EDI=BUFFER)
    assert port(world, partition, Port.DEBUG_CONSOLE, IN | STRING | WIDE_ADDRESS) == Exc.GP


def test_a_page_fault_of_ins_loses_no_data(world: World, partition: Partition) -> None:
    """The 8042's answer is still there when the guest has mapped its buffer."""
    words = dict(flat_tables(bits=Pte.P | Pte.RW))
    words[0x11000 + 4 * (BUFFER >> 12)] = 0
    for address, value in words.items():
        partition.memory.write(address, value.to_bytes(4, "little"))
    partition.cr3, partition.cr0 = 0x10000, partition.cr0 | Cr0.PG
    registers(partition, EAX=0xD0)
    assert port(world, partition, Port.KBC_STATUS, 0) is None
    registers(partition, EDI=BUFFER)
    assert port(world, partition, Port.KBC_DATA, IN | STRING | WIDE_ADDRESS) == Exc.PF
    assert (partition.vcpu.get("CR2"), partition.vcpu.get("EVENTINJ") >> 32) == (BUFFER, PageFault.WRITE)
    partition.memory.write(0x11000 + 4 * (BUFFER >> 12), (BUFFER | Pte.P | Pte.RW).to_bytes(4, "little"))
    assert port(world, partition, Port.KBC_DATA, IN | STRING | WIDE_ADDRESS) is None
    lines = OutputPort.NOT_RESET | OutputPort.A20 | OutputPort.KEYBOARD_CLOCK | OutputPort.KEYBOARD_DATA
    assert partition.memory.read(BUFFER, 1) == bytes([lines])


# the 8254

LATCH, LOW, HIGH, BOTH = 0x00, 0x14, 0x24, 0x34  # channel 0, mode 2


def pit(control: int, *counts: int, now: int = 0) -> VirtualPit:
    timer = VirtualPit(TICK)
    timer.write(Port.PIT + 3, control, now)
    for count in counts:
        timer.write(Port.PIT, count, now)
    return timer


def count(timer: VirtualPit, now: int) -> int:
    return timer.read(Port.PIT, now) | timer.read(Port.PIT, now) << 8


def test_the_count_goes_down_and_starts_again() -> None:
    timer = pit(BOTH, 0xE8, 0x03)  # 1000
    assert [count(timer, n * TICK) for n in (0, 1, 300, 999, 1000, 1250)] == [1000, 999, 700, 1, 1000, 750]


def test_a_latched_count_stays_until_it_is_read() -> None:
    timer = pit(BOTH, 0xE8, 0x03)
    timer.write(Port.PIT + 3, LATCH, 100 * TICK)
    timer.write(Port.PIT + 3, LATCH, 200 * TICK)  # ignored: the first has not been read
    assert count(timer, 500 * TICK) == 900
    assert count(timer, 500 * TICK) == 500


def test_the_two_bytes_of_a_count_belong_together() -> None:
    timer = pit(BOTH, 0x00, 0x01)
    low = timer.read(Port.PIT, 0)
    assert low | timer.read(Port.PIT, TICK) << 8 == 0x100


def test_single_bytes() -> None:
    timer = pit(LOW, 200)
    timer.write(Port.PIT + 3, LATCH, 50 * TICK)
    assert [timer.read(Port.PIT, n * TICK) for n in (60, 60)] == [150, 140]  # the latch held one byte alone
    timer = pit(HIGH, 4)
    assert [timer.read(Port.PIT, n * TICK) for n in (0, 1, 512)] == [4, 3, 2]
    assert not timer.tick(1023 * TICK) and timer.tick(1024 * TICK)


def test_a_new_mode_forgets_a_latch() -> None:
    timer = pit(BOTH, 0xE8, 0x03)
    timer.write(Port.PIT + 3, LATCH, 0)
    for port_, value in ((Port.PIT + 3, BOTH), (Port.PIT, 0x10), (Port.PIT, 0)):
        timer.write(port_, value, 0)
    assert count(timer, 0) == 0x10


def test_zero_is_65536_and_one_shots_fire_once() -> None:
    timer = pit(0x30, 0, 0)  # mode 0
    assert timer.running and not timer.tick(0xFFFF * TICK)
    assert timer.tick(0x10000 * TICK) and not timer.tick(0x30000 * TICK) and not timer.running


def test_other_channels_are_not_there() -> None:
    timer = pit(BOTH, 0xE8, 0x03)
    timer.write(Port.PIT + 2, 0x55, 0)
    timer.write(Port.PIT + 3, 0xB6, 0)
    assert timer.read(Port.PIT + 2, 0) == 0xFF and count(timer, 0) == 1000
