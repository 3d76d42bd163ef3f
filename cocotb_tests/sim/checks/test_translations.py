"""The judge of stale translations has teeth, and finds nothing on programs that page, above the kernel or not."""

from types import SimpleNamespace
from typing import Any

import pytest

from firmware.build import guest
from sim.checks.translations import TranslationChecker
from sim.machine import Ending, Machine
from sim.multiboot import read_multiboot

DIRECTORY, TABLE, FRAME_A, FRAME_B, CODE = 0x1000, 0x2000, 0x5000, 0x6000, 0x7000
PAGE = 0x40_0000
MEMORY = 0x10000
USED = 7  # present, writable, user
EAX_IS_PAGE = PAGE  # the register file as the port packs it: EAX in the lowest word
MOV_CR3_ECX = bytes((0x0F, 0x22, 0xD9))
INVLPG_EAX = bytes((0x0F, 0x01, 0x38))
NOP = b"\x90"
VMRUN = bytes((0x0F, 0x01, 0xD8))


def instruction(code: bytes, gpr: int = EAX_IS_PAGE, asid: int = 0, **mode: int) -> Any:
    """A record of an instruction in identity-mapped code, with paging on."""
    bits = {"pg": 1, "pse": 0, "pge": 0, "wp": 1, "cpl": 0, "pe": 1, "code32": 1} | mode
    return SimpleNamespace(
        cycle=0, asid=asid, context=0, access_valid=0, instruction_valid=1, instruction_event=0, instruction_eip=CODE,
        instruction_cs_base=0, instruction_physical=CODE, instruction_physical_last=CODE + len(code) - 1, instruction_length=len(code),
        instruction_bytes=int.from_bytes(code, "little"), instruction_gpr=gpr, **{f"instruction_mode_{k}": v for k, v in bits.items()},
    )  # fmt: skip


def access(linear: int, physical: int, data: int | None = None, translated: int = 1) -> Any:
    """A record of a read, or of a write if there are data."""
    return SimpleNamespace(
        cycle=0, asid=0, context=0, instruction_valid=0, access_valid=1, access_io=0, access_translated=translated, access_supervisor=0,
        access_size=4, access_linear=linear, access_physical=physical, access_physical_last=physical + 3, access_read=int(data is None),
        access_write=int(data is not None), access_write_data=data or 0,
    )  # fmt: skip


def store_entry(frame: int) -> Any:
    """The table's entry for PAGE now points at ``frame``."""
    return access(TABLE, TABLE, frame | USED, translated=0)


@pytest.fixture
def checker() -> TranslationChecker:
    image = bytearray(MEMORY)
    image[DIRECTORY : DIRECTORY + 4] = (0x3000 | USED).to_bytes(4, "little")  # code, identity
    image[0x3000 + 4 * (CODE >> 12) : 0x3004 + 4 * (CODE >> 12)] = (CODE | USED).to_bytes(4, "little")
    image[DIRECTORY + 4 : DIRECTORY + 8] = (TABLE | USED).to_bytes(4, "little")
    image[TABLE : TABLE + 4] = (FRAME_A | USED).to_bytes(4, "little")
    judge = TranslationChecker(bytes(image))
    judge.feed([instruction(NOP, pg=0), instruction(MOV_CR3_ECX, gpr=DIRECTORY << 32, pg=0), instruction(NOP)])
    return judge


def test_a_valid_translation_passes(checker: TranslationChecker) -> None:
    checker.feed([access(PAGE, FRAME_A), instruction(NOP)])
    assert checker.checked and not checker.stale


def test_an_old_translation_passes_until_the_flush(checker: TranslationChecker) -> None:
    checker.feed([access(PAGE, FRAME_A), store_entry(FRAME_B), access(PAGE, FRAME_A), access(PAGE, FRAME_B)])
    assert not checker.stale


@pytest.mark.parametrize("flush", [INVLPG_EAX, MOV_CR3_ECX], ids=["INVLPG", "MOV CR3"])
def test_an_old_translation_after_the_flush_is_found(checker: TranslationChecker, flush: bytes) -> None:
    gpr = EAX_IS_PAGE | DIRECTORY << 32
    checker.feed([access(PAGE, FRAME_A), store_entry(FRAME_B), instruction(flush, gpr=gpr), access(PAGE, FRAME_B)])
    assert not checker.stale
    checker.feed([access(PAGE, FRAME_A)])
    assert [(s.linear, s.physical, s.kind) for s in checker.stale] == [(PAGE, FRAME_A, "read"), (PAGE + 3, FRAME_A + 3, "read")]


def test_a_translation_never_in_the_tables_is_found(checker: TranslationChecker) -> None:
    checker.feed([access(PAGE, FRAME_B)])
    assert checker.stale


def test_a_write_through_a_read_only_entry_is_found(checker: TranslationChecker) -> None:
    checker.feed([access(TABLE, TABLE, FRAME_A | 5, translated=0), instruction(INVLPG_EAX)])
    checker.feed([access(PAGE, FRAME_A)])
    assert not checker.stale
    checker.feed([access(PAGE, FRAME_A, data=1)])
    assert {s.kind for s in checker.stale} == {"write"}


def test_another_address_space_is_found(checker: TranslationChecker) -> None:
    checker.feed([access(PAGE, FRAME_A)])
    entry = instruction(VMRUN, asid=5)
    foreign = access(PAGE, FRAME_A)
    for record in (entry, foreign):
        record.asid, record.context = 5, 1
    checker.feed([entry, foreign])
    assert {s.asid for s in checker.stale} == {5}


def test_the_first_stores_after_an_exit_are_ring_minus_1s(checker: TranslationChecker) -> None:
    """A #VMEXIT stores to the VMCB before the first instruction's record tells the new mode; no flush, and no translation of the guest."""
    store = access(PAGE, FRAME_B, data=1)
    entry = instruction(VMRUN, asid=1)
    entry.context = 1
    checker.feed([instruction(NOP, pg=0), entry, store, instruction(NOP, pg=0)])
    assert not checker.stale


def test_a_flush_that_no_record_shows(checker: TranslationChecker) -> None:
    checker.feed([access(PAGE, FRAME_A), store_entry(FRAME_B), access(PAGE, FRAME_A)])
    assert not checker.stale
    checker.external_flush(0, PAGE + 5)
    checker.feed([access(PAGE, FRAME_A)])
    assert checker.stale


def test_the_machine_uses_no_stale_translation() -> None:
    """A guest's kernel with page tables, processes and demand paging, on the bare machine."""
    with Machine() as machine:
        machine.load_multiboot(read_multiboot(guest("mass_market"), machine.config.memory))
        machine.record()
        checker = TranslationChecker(machine.model.dump(0, machine.config.memory))
        outcome = machine.run(20_000_000, each_slice=lambda: checker.feed(machine.records()))
    assert outcome.ending is Ending.EXIT
    assert checker.checked > 10_000
    assert not checker.stale, "\n".join(map(str, checker.stale[:10]))
