"""Traps that a BIOS or a system leaves behind for what comes after the launch."""

import struct

from chipset.boards.straps import Strap
from cocotb_tests.attacks.launch import places
from cocotb_tests.attacks.launch.attack import attack
from cocotb_tests.attacks.launch.judge import Harm
from cocotb_tests.attacks.launch.machine_code import says
from cocotb_tests.attacks.launch.places import BLOCK, IDT, LETTER_OF_STUB, LOOT, RING_MINUS_1, SCRATCH, SLED, TABLES
from cocotb_tests.attacks.launch.slips import Slip
from cocotb_tests.attacks.launch.stage import Missing, Stage
from contracts.late_launch import BLOCK_SIZE
from contracts.memory_map import PAGE_SIZE, Port
from contracts.msr import Msr
from firmware.launcher.steps import Do, Step

__all__: list[str] = []

_TF, _IF = 0x100, 0x200
_GATES = 64  # as many as fit below the boot block
_GATE = 0x8E00  # present, ring 0, 32-bit interrupt gate
_FLAT_CODE = 0x20  # of the loader's descriptor table
_CODE = 0x08  # of the launcher's
_LARGE, _GLOBAL, _PRESENT = 0x80, 0x100, 0x3  # of a page-table entry: 4 MiB; in every address space; present and writable
_FOUR_MIB = 4 << 20
_LINE = 16
_VECTORS = 0x20  # of IRQ 0
_RET = 0xC3
_CACHES_OFF = 0x6000_0000  # CR0.CD, NW
_NOW = "P"  # said when memory is to change
_MOMENT = 500  # cycles
_KBC_A20_OFF = 0xDD
_SOFT_RESET = 4
_STGI = b"\x0f\x01\xdc"
_WORD = 4
_EXECUTE, _WRITE_WORD = 0b0000, 0b1101  # of DR7: LEN, R/W


def _idt(stage: Stage, selector: int) -> None:
    """Every gate leads to the trojan."""
    gate = struct.pack("<HHHH", SLED & 0xFFFF, selector, _GATE, SLED >> 16)
    stage.put(IDT, gate * _GATES)
    stage.put(SLED, places.sled(_LINE))
    stage.do(Step(Do.LOAD_IDT, IDT, len(gate) * _GATES - 1))


def _timer(stage: Stage) -> None:
    """The 8254 ticks as fast as it can, and the 8259s let it through; one tick waits already."""
    mask = Port.PIC_MASTER + 1
    words = [(Port.PIC_MASTER, 0x11), (mask, _VECTORS), (mask, 4), (mask, 1), (mask, 0xFE)]  # ICW1 to ICW4; IRQ 0 alone
    words += [(Port.PIT + 3, 0x34), (Port.PIT, 2), (Port.PIT, 0)]  # channel 0, mode 2, every second tick
    stage.do(Step(Do.OUTPUT, port, value) for port, value in words)
    stage.do(Step(Do.SPIN, 300), Step(Do.FLAGS, _IF))


@attack("the loader", control=Slip.TAKES_INTERRUPTS, harm=Harm.RAN, off_in_both=(Slip.IDT_AS_FOUND,))
def interrupts_flood_it(stage: Stage, phase: int) -> None:
    """A timer that nobody stops, with IF set, and an IDT of the attacker's where INIT leaves IDTR."""
    _idt(stage, _FLAT_CODE)
    _timer(stage)


@attack("the loader", control=Slip.IDT_AS_FOUND, harm=Harm.RAN, off_in_both=(Slip.TAKES_INTERRUPTS,))
def idt_lies_at_zero(stage: Stage, phase: int) -> None:
    """As before, before a loader to which something does happen: it must not find the attacker's IDT."""
    _idt(stage, _FLAT_CODE)
    _timer(stage)


@attack("the loader", control=Missing.SKINIT, harm=Harm.RAN)
def single_step(stage: Stage, phase: int) -> None:
    """TF is set when the launch begins, and the IDT is the attacker's."""
    _idt(stage, _CODE)
    stage.do(Step(Do.FLAGS, _TF))


def _arm(stage: Stage, number: int, address: int, kind: int) -> None:
    """Breakpoint ``number`` of that R/W and LEN, by code that the launcher calls."""
    code = b""
    for to, value in ((number, address), (7, 2 << 2 * number | kind << 16 + 4 * number)):  # DR7: G, kind
        code += b"\xb8" + struct.pack("<I", value) + bytes((0x0F, 0x23, 0xC0 | to << 3))  # mov eax, value; mov dr, eax
    stage.put(SCRATCH, code + bytes((_RET,)))
    stage.do(Step(Do.CALL, SCRATCH))


@attack("loader and stub", control=Missing.SKINIT, harm=Harm.RAN, off_in_both=(Slip.IDT_AS_FOUND,), phases=(0, 1, 2))
def breakpoints_wait(stage: Stage, phase: int) -> None:
    """Debug registers are armed, and the IDT is the attacker's: on the loader's first instruction, on its first return address, on
    an instruction of the stub's behind its STGI."""
    stage.stub = stage.expected_stub = places.stub(_STGI + b"\x90\x90")
    opened = RING_MINUS_1 + len(says(LETTER_OF_STUB)) + len(_STGI)
    entry, word = BLOCK + int.from_bytes(stage.loader[:2], "little"), BLOCK + BLOCK_SIZE - 2 * _WORD
    address, kind = ((entry, _EXECUTE), (word, _WRITE_WORD), (opened, _EXECUTE))[phase]
    _idt(stage, _CODE if phase == 0 else _FLAT_CODE)
    _arm(stage, phase, address, kind)


@attack("the loader", control=Missing.SKINIT, harm=Harm.RAN)
def another_page_is_mapped_there(stage: Stage, phase: int) -> None:
    """Paging is on, and a global translation, in the TLB already, leads from the block's first page to the trojan."""
    directory, table = TABLES, TABLES + PAGE_SIZE
    entries = [base | _LARGE | _GLOBAL | _PRESENT for base in range(0, 1 << 32, _FOUR_MIB)]
    entries[BLOCK // _FOUR_MIB] = table | _PRESENT
    stage.put(directory, struct.pack("<1024I", *entries))
    first = BLOCK // _FOUR_MIB * _FOUR_MIB
    pages = [first + n * PAGE_SIZE for n in range(1024)]
    pages[(BLOCK - first) // PAGE_SIZE] = SLED
    stage.put(table, struct.pack("<1024I", *(page | _GLOBAL | _PRESENT for page in pages)))
    trojan = stage.loader[:4] + places.sled(_LINE) + b"\xc3"
    stage.put(SLED, trojan)
    stage.do(Step(Do.PAGING, directory), Step(Do.COPY_32, BLOCK, LOOT), Step(Do.CALL, BLOCK + len(trojan) - 1))


def _first_line_becomes(stage: Stage, line: bytes) -> None:
    """An engine writes the block's first line, or memory changes as by an engine of which the processor is not told."""
    stage.put(SLED, line)
    if Missing.SNOOP in stage.off:
        stage.do(Step(Do.SAY, ord(_NOW)))

        def meanwhile(stage: Stage) -> None:
            while _NOW.encode() not in stage.machine.outputs["debug"]:
                stage.machine.run(_MOMENT, stop_at_stub=True)
            stage.machine.model.load(BLOCK, line)

        stage.meanwhile = meanwhile
    else:
        stage.chain((SLED, BLOCK, _LINE, 0))
    stage.do(Step(Do.SPIN, 4 * _MOMENT))


def _trojans_line(stage: Stage) -> bytes:
    """It begins as the loader does, and can be called at its last byte, which brings it into the instruction cache."""
    return (stage.loader[:4] + places.TROJAN).ljust(_LINE - 1, b"\x90") + bytes((_RET,))


@attack("the loader's first line", control=Missing.SNOOP, harm=Harm.RAN, phases=(0, _CACHES_OFF))
def stale_code(stage: Stage, phase: int) -> None:
    """A trojan's line is in the instruction cache; in memory an engine puts the genuine one in its place. Caches on, and off."""
    stage.put(BLOCK, _trojans_line(stage))
    stage.do(Step(Do.CALL, BLOCK + _LINE - 1), Step(Do.SET_CR0, phase))
    _first_line_becomes(stage, stage.loader[:_LINE])


@attack("what is measured", control=Missing.SNOOP, harm=Harm.RAN, phases=(0, _CACHES_OFF))
def stale_data(stage: Stage, phase: int) -> None:
    """The processor has the genuine line in its data cache, from which it would be measured; an engine puts a trojan's in its place."""
    stage.do(Step(Do.COPY_32, BLOCK, LOOT), Step(Do.SET_CR0, phase))
    _first_line_becomes(stage, _trojans_line(stage))


@attack("the loader's view of memory", control=Missing.SKINIT, harm=Harm.STOPPED, off_in_both=(Strap.A20_OBEYED,))
def a20_is_off(stage: Stage, phase: int) -> None:
    """The block lies at an odd megabyte, and address line 20 is off: it would be measured elsewhere than where devices are kept from it,
    and the guard's registers would not be found."""
    stage.block = BLOCK + (1 << 20)
    stage.homes = [BLOCK, stage.block]
    stage.put(BLOCK, stage.loader)
    stage.starts, stage.limit, stage.launches = True, 300_000, False
    off = bytes((0xB0, 0, 0xE6, Port.SYSTEM_CONTROL_A, 0xB0, _KBC_A20_OFF, 0xE6, Port.KBC_STATUS))  # mov al, n; out port, al
    begins = b"\xb8" + struct.pack("<I", stage.block)  # mov eax, block
    if Missing.SKINIT in stage.off:
        stage.do(stage.guard("LAUNCH_BASE", stage.block), Step(Do.SAY, ord("J")))
        entry = stage.block + int.from_bytes(stage.loader[:2], "little")
        begins += b"\xbc" + struct.pack("<I", stage.block + BLOCK_SIZE) + b"\xb9" + struct.pack("<I", entry) + b"\xff\xe1"  # mov esp; jmp
    else:
        stage.do(Step(Do.SAY, ord("L")))
        begins += b"\x0f\x01\xde"  # skinit
    stage.put(SLED, off + begins)
    stage.do(Step(Do.CALL, SLED))  # the launcher itself lies at an odd megabyte


@attack("ring -1", control=Missing.R_INIT, harm=Harm.SURVIVED)
def init_waits(stage: Stage, phase: int) -> None:
    """INIT has come while GIF was clear, before the launch, and waits for the stub to open GIF: it must not bring the BIOS back."""
    stage.do(Step(Do.HOLD_INIT), Step(Do.OUTPUT, Port.RESET_CONTROL, 0), Step(Do.OUTPUT, Port.RESET_CONTROL, _SOFT_RESET))
    opens = _STGI + b"\x90\x90"  # and nop; nop
    if Missing.R_INIT in stage.off:  # mov ecx, VM_CR; xor eax, eax; xor edx, edx; wrmsr
        opens = b"\xb9" + struct.pack("<I", Msr.VM_CR) + b"\x31\xc0\x31\xd2\x0f\x30" + opens
    stage.stub = stage.expected_stub = places.stub(opens)
    stage.limit = 400_000
