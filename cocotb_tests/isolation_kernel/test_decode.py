"""The kernel's decoder against capstone's: every form of memory operand of LMSW, SMSW and INVLPG, in 16- and 32-bit code."""

import random

import capstone
import pytest
from capstone import x86_const as x86

from cocotb_tests.isolation_kernel.world import CODE, World
from contracts.architecture import Cr0, Exc, Gpr
from contracts.exit_codes import ExitCode
from contracts.vmcb import EVENT_VALID
from isolation_kernel.exits import handle_exit
from isolation_kernel.instruction import big_code, carry_out
from isolation_kernel.linear import GuestFault
from isolation_kernel.model.script import Script, Spin
from isolation_kernel.partition import Partition
from virtual_pc.control_registers import located
from virtual_pc.decode import Instruction, Operation
from virtual_pc.requests import Doing, Done

REG_FIELD = {Operation.SMSW: 4, Operation.LMSW: 6, Operation.INVLPG: 7}
SEGMENTS = ("ES", "CS", "SS", "DS", "FS", "GS")
SEGMENT_PREFIXES = (0x26, 0x2E, 0x36, 0x3E, 0x64, 0x65)
CODE_32, CODE_16, DATA, DATA_DOWN, DATA_READ_ONLY, CODE_EXECUTE_ONLY = 0xC9B, 0x09B, 0xC93, 0xC97, 0xC91, 0xC99
OPERAND = 0x5000
WIDE, WORDS = 0xFFFF_FFFF, 0xFFFF


def nothing() -> Script:
    yield Spin()


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def partition(world: World) -> Partition:
    return world.guest(nothing)


def place(partition: Partition, code: bytes, attributes: int = CODE_32) -> None:
    """Code where the guest stands."""
    assert partition.memory.write(CODE, code.ljust(16, b"\x90"))
    partition.vcpu.put("CS_ATTRIB", attributes)
    partition.vcpu.put("RIP", CODE)
    partition.vcpu.put("NRIP", CODE + len(code))


def read_here(partition: Partition) -> tuple[Instruction, int]:
    """The instruction at which the guest stands and the offset of its operand, as the room reads it through the kernel."""
    found = []

    def reads(big: bool) -> Doing:
        at = yield from located(big)
        if at is None:
            yield Exc.UD
        else:
            found.append(at)
        yield Done()

    carry_out(partition, reads(big_code(partition)))
    return found[0]


def expected_address(partition: Partition, code: bytes, wide_code: bool) -> tuple[int, bool, int]:
    """Linear address, whether 16-bit addressing, and length, as capstone reads the bytes."""
    engine = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32 if wide_code else capstone.CS_MODE_16)
    engine.detail = True
    instruction = next(engine.disasm(code, CODE))
    mem, wide = instruction.operands[0].mem, instruction.addr_size == 4

    def value(register: int) -> int:
        return partition.vcpu.register(Gpr[instruction.reg_name(register).upper().removeprefix("E").rjust(3, "E")]) if register else 0

    mask = WIDE if wide else WORDS
    offset = (value(mem.base) + value(mem.index) * mem.scale + mem.disp) & mask
    in_stack = mem.base in (x86.X86_REG_EBP, x86.X86_REG_ESP, x86.X86_REG_BP)
    segment = instruction.reg_name(mem.segment).upper() if mem.segment else "SS" if in_stack else "DS"
    return partition.vcpu.get(f"{segment}_BASE") + offset & WIDE, not wide, instruction.size


@pytest.mark.parametrize("wide_code", (True, False), ids=("32-bit code", "16-bit code"))
@pytest.mark.parametrize("operation", REG_FIELD, ids=lambda o: o.name)
def test_memory_operands(partition: Partition, rng: random.Random, operation: Operation, wide_code: bool) -> None:
    """All ModRM forms, with and without segment and address-size prefix, each with random SIB, displacement and registers."""
    vcpu, seen_16 = partition.vcpu, set()
    for name in SEGMENTS:
        vcpu.put(f"{name}_BASE", rng.randrange(0x1000) << 4 if name != "CS" else 0)
        vcpu.put(f"{name}_ATTRIB", DATA)
        vcpu.put(f"{name}_LIMIT", WIDE)
    for modrm in (mode << 6 | REG_FIELD[operation] << 3 | rm for mode in range(3) for rm in range(8)):
        for _ in range(24):
            prefixes = rng.choices((0x67, 0x66, *SEGMENT_PREFIXES), k=rng.randrange(3))
            prefixes = [p for p in prefixes if operation is not Operation.SMSW or p != 0x2E]  # CS is not writable
            code = bytes([*prefixes, 0x0F, 0x01, modrm]) + rng.randbytes(6)
            place(partition, code, CODE_32 if wide_code else CODE_16)
            for register in Gpr:
                vcpu.set_register(register, rng.getrandbits(32) >> rng.choice((1, 16)))
            linear, short, _ = expected_address(partition, code, wide_code)
            seen_16.add(short)
            instruction, offset = read_here(partition)
            found = vcpu.get(f"{instruction.segment.name}_BASE") + offset & WIDE
            assert (instruction.operation, found, instruction.register) == (operation, linear, None), code.hex()
    assert seen_16 == {True, False}


@pytest.mark.parametrize("operation", (Operation.SMSW, Operation.LMSW), ids=lambda o: o.name)
@pytest.mark.parametrize("prefix", (b"", b"\x66"), ids=("full", "66h"))
def test_register_operands(partition: Partition, operation: Operation, prefix: bytes) -> None:
    for register in Gpr:
        place(partition, prefix + bytes([0x0F, 0x01, 0xC0 | REG_FIELD[operation] << 3 | register]))
        instruction, _ = read_here(partition)
        assert (instruction.operation, instruction.register, instruction.wide) == (operation, register, not prefix)


@pytest.mark.parametrize(
    "code", (b"\x90", b"\x0f\x01\x00", b"\x0f\x01\x18", b"\x0f\x0b", b"\x0f\xa2"), ids=("NOP", "SGDT", "LIDT", "UD2", "CPUID")
)
def test_other_instructions_are_none(partition: Partition, code: bytes) -> None:
    """The guest has changed its code since the processor read it."""
    place(partition, code)
    with pytest.raises(GuestFault) as fault:
        read_here(partition)
    assert fault.value.vector == Exc.UD


def test_prefixes_without_end(partition: Partition) -> None:
    partition.memory.write(CODE, b"\x66" * 16)
    partition.vcpu.put("RIP", CODE)
    with pytest.raises(GuestFault) as fault:
        read_here(partition)
    assert fault.value.vector == Exc.GP


# what the instructions do

LMSW_EBX, SMSW_EBX, SMSW_SS = b"\x0f\x01\x33", b"\x0f\x01\x23", b"\x36\x0f\x01\x23"


def execute(world: World, partition: Partition, code: bytes, exit_code: int) -> int | None:
    """Let the kernel answer the exit of ``code``; the vector that it injects."""
    place(partition, code)
    partition.vcpu.put("EXITCODE", exit_code)
    handle_exit(world.kernel, partition)
    event = partition.vcpu.get("EVENTINJ")
    return event & 0xFF if event & EVENT_VALID else None


def data_segment(partition: Partition, name: str = "DS", attributes: int = DATA, limit: int = WIDE, base: int = 0) -> None:
    for part, value in (("ATTRIB", attributes), ("LIMIT", limit), ("BASE", base)):
        partition.vcpu.put(f"{name}_{part}", value)


def test_lmsw_from_memory(world: World, partition: Partition) -> None:
    partition.memory.write(OPERAND, (Cr0.TS | 0x8000).to_bytes(2, "little"))  # PE clear: LMSW does not clear it
    partition.vcpu.set_register(Gpr.EBX, OPERAND - 0x1000)
    data_segment(partition, base=0x1000)
    assert execute(world, partition, LMSW_EBX, ExitCode.CR_WRITE) is None
    assert partition.cr0 == Cr0.ET | Cr0.PE | Cr0.TS
    assert partition.vcpu.get("RIP") == CODE + len(LMSW_EBX)


def test_smsw_to_memory_writes_two_bytes(world: World, partition: Partition) -> None:
    partition.memory.write(OPERAND - 1, b"\xaa" * 4)
    partition.vcpu.set_register(Gpr.EBX, OPERAND)
    assert execute(world, partition, SMSW_EBX, ExitCode.CR_READ) is None
    assert partition.memory.read(OPERAND - 1, 4) == b"\xaa" + (Cr0.ET | Cr0.PE).to_bytes(2, "little") + b"\xaa"


@pytest.mark.parametrize(
    ("attributes", "limit", "reads", "writes"),
    (
        (DATA, OPERAND + 1, True, True),
        (DATA, OPERAND, False, False),
        (DATA, OPERAND - 1, False, False),
        (DATA_DOWN, OPERAND - 1, True, True),
        (DATA_DOWN, OPERAND, False, False),
        (DATA_DOWN & 0xFF, 0, True, True),
        (DATA_READ_ONLY, WIDE, True, False),
        (CODE_32, WIDE, True, False),
        (CODE_EXECUTE_ONLY, WIDE, False, False),
        (DATA & ~0x80, WIDE, False, False),
    ),
)
def test_segments_are_asked(world: World, partition: Partition, attributes: int, limit: int, reads: bool, writes: bool) -> None:
    for code, exit_code, allowed in ((LMSW_EBX, ExitCode.CR_WRITE, reads), (SMSW_EBX, ExitCode.CR_READ, writes)):
        partition.memory.write(OPERAND, b"\x01\x00")
        partition.vcpu.set_register(Gpr.EBX, OPERAND)
        data_segment(partition, attributes=attributes, limit=limit)
        assert execute(world, partition, code, exit_code) == (None if allowed else Exc.GP)
        assert (partition.vcpu.get("RIP") == CODE) != allowed


def test_a_16_bit_segment_that_expands_down_ends_at_64_kib(world: World, partition: Partition) -> None:
    data_segment(partition, attributes=DATA_DOWN & 0xFF, limit=0)
    for offset, fault in ((0xFFFE, None), (0xFFFF, Exc.GP), (0x1_0000, Exc.GP)):
        partition.vcpu.set_register(Gpr.EBX, offset)
        assert execute(world, partition, SMSW_EBX, ExitCode.CR_READ) == fault


def test_the_stack_segment_has_its_own_fault(world: World, partition: Partition) -> None:
    partition.vcpu.set_register(Gpr.EBX, OPERAND)
    data_segment(partition, "SS", limit=OPERAND)
    assert execute(world, partition, SMSW_SS, ExitCode.CR_READ) == Exc.SS


def test_real_mode_has_limits_but_no_rights(world: World, partition: Partition) -> None:
    partition.cr0 &= ~int(Cr0.PE)
    for limit, attributes, fault in ((WORDS, DATA_READ_ONLY, None), (OPERAND, DATA, Exc.GP)):
        partition.vcpu.set_register(Gpr.EBX, OPERAND)
        data_segment(partition, limit=limit, attributes=attributes)
        assert execute(world, partition, SMSW_EBX, ExitCode.CR_READ) == fault
