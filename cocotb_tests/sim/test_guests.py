"""Guests above the isolation kernel on the RTL: what they do is right, the kernel's decisions replay, and two judges look on."""

import io
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from cocotb_tests.sim.above_kernel import GUEST_MEMORY, Pair, mac
from contracts.configuration import GuestConfig, KernelConfig, RealModeEntry, Right
from contracts.exit_codes import exit_name
from contracts.protections import Protections
from contracts.report import Step
from firmware.build import guest, stub
from isolation_kernel.model.recorder import ReplayMismatch, replay
from isolation_kernel.model.rerun import ModelReplay
from sim.guests import GuestProgram, GuestSystem
from sim.link import StubFault
from sim.machine import Machine

__all__: list[str] = []

VMLOAD, UD2 = b"\x0f\x01\xda", b"\x0f\x0b\x90"
UNCLEANED = KernelConfig(protections=Protections.without("clean_ended_guest"))  # half of a short run's cycles otherwise
REAL_MODE_CODE = 0x7000


@pytest.fixture(scope="module")
def finished() -> Pair:
    """mass_market and trusted, run to their ends, recorded and judged."""
    with Machine() as machine:
        pair = Pair(machine, out=io.StringIO())
        assert pair.run() is Step.OVER
    return pair


def test_both_guests_do_their_work(finished: Pair) -> None:
    lines = bytes(finished.first.console).decode().splitlines()
    assert lines[0] == "mass_market: above the isolation kernel" and lines[-1].startswith("mass_market: done")
    assert (finished.first.exit_status, finished.second.exit_status) == (0, 0)
    assert finished.answers == [mac(message) for message in finished.messages]


def test_no_stale_translation_and_no_foreign_access(finished: Pair) -> None:
    assert finished.judge.checked > 100_000 and finished.link.owners.checked > 100_000
    assert not finished.judge.stale, "\n".join(map(str, finished.judge.stale[:10]))
    assert not finished.link.owners.foreign, "\n".join(map(str, finished.link.owners.foreign[:10]))


def recorded(pair: Pair) -> list[str]:
    assert isinstance(pair.out, io.StringIO)
    return pair.out.getvalue().splitlines()


def test_the_kernel_decides_the_same_again_from_the_record(finished: Pair) -> None:
    """Every call of the machine interface, in order, with its arguments, without any RTL."""
    configurations = {program.name: program.configuration() for program in finished.programs}
    lines = recorded(finished)
    assert sum('"call": "run"' in line for line in lines) > 300
    kernel = replay(lines, finished.system.config, configurations.__getitem__)
    assert kernel.exit_counts == finished.system.kernel.exit_counts
    for number, partition in finished.system.kernel.partitions.items():
        again = kernel.partitions[number]
        assert (again.console, again.exit_status, again.exits, again.cycles) == (
            partition.console, partition.exit_status, partition.exits, partition.cycles,
        )  # fmt: skip


def test_the_model_machine_says_the_same_as_the_rtl(finished: Pair) -> None:
    """The record on the pure-Python machine: its memory, guard, PCI and 8259s, and an exit of its own processor for each of the RTL's."""
    configurations = {program.name: program.configuration() for program in finished.programs}
    config = finished.system.config
    machine = ModelReplay(recorded(finished), config.layout)
    kernel = replay(machine, config, configurations.__getitem__)
    assert kernel.exit_counts == finished.system.kernel.exit_counts
    compared = {name: count for name, count in machine.compared.items() if name.startswith("exit:")}
    assert compared == {f"exit:{exit_name(code)}": count for code, count in kernel.exit_counts.items()}
    assert machine.compared["fault"] > 50 and machine.compared["interrupt"] > 20 and machine.compared["memory"]


def test_another_kernel_decides_otherwise(finished: Pair) -> None:
    configurations = {program.name: program.configuration() for program in finished.programs}
    config = replace(finished.system.config, protections=Protections.without("cr3_intercept"))
    with pytest.raises(ReplayMismatch):
        replay(recorded(finished), config, configurations.__getitem__)


# the judges have teeth


def attacked(attack: str, *off: str, messages: tuple[bytes, ...] = (), deaf: bool = False) -> Pair:
    """The attacker does one thing beside the trusted guest, with some of the kernel's protections off."""
    attacker = GuestProgram.load(
        guest("attacker"), GUEST_MEMORY, "attacker", one_to_one=True, rights=frozenset(Right),
        command_line=f"attack={attack} partition=2 spin=1000",
    )  # fmt: skip
    config = replace(UNCLEANED, slice_cycles=40_000, timer_cycles=20_000, protections=Protections.without("clean_ended_guest", *off))
    with Machine() as machine:
        pair = Pair(machine, config, attacker, messages, every=1, deaf=deaf)
        pair.run(2_000_000, until=lambda: b"\n" in pair.first.console)
    assert f"attacker: {attack}".encode() in pair.first.console
    assert pair.judge.checked and pair.link.owners.checked
    return pair


def test_a_stale_entry_is_not_used() -> None:
    """It gives a page away and writes to it through the TLB entry that it had."""
    pair = attacked("stale_tlb")
    assert not pair.judge.stale and not pair.link.owners.foreign


def test_a_processor_that_ignores_invlpga_is_found() -> None:
    pair = attacked("stale_tlb", deaf=True)
    assert {use.kind for use in pair.judge.stale} >= {"write"}
    assert pair.link.owners.foreign


def test_a_kernel_that_does_not_flush_is_found() -> None:
    """The processor does nothing wrong then: the judge of translations keeps silent, that of owners speaks."""
    pair = attacked("stale_tlb", "flush_on_revoke")
    assert not pair.judge.stale
    assert {access.kind for access in pair.link.owners.foreign} >= {"write"}


@pytest.mark.regress
@pytest.mark.parametrize("off", ((), ("asid_per_root",)), ids=("each root its own", "one for all"))
def test_a_shared_asid_is_found(off: tuple[str, ...]) -> None:
    """The attacker reads where the trusted guest has its secrets; with one ASID for all it hits the other's TLB entry."""
    pair = attacked("asid_reuse", *off, messages=(b"letter",) * 12)
    assert bool(pair.link.owners.foreign) == bool(off)
    assert not pair.judge.stale
    assert pair.answers == [mac(b"letter")] * len(pair.answers) and pair.answers


# the stub


def test_a_fault_of_the_stub_is_told() -> None:
    with Machine() as machine:
        system = GuestSystem(machine)
        (partition,) = system.start([GuestProgram.load(guest("trusted"), GUEST_MEMORY, clock=False)])
        at = system.config.layout.kernel_base + stub().index(VMLOAD)
        partition.vcpu.flush()
        machine.model.load(at, UD2)
        with pytest.raises(StubFault, match=r"exception 6 \(#UD\) itself, at RUN") as fault:
            system.kernel.step()
        assert (fault.value.vector, fault.value.block) == (6, partition.vcpu.block)
        machine.model.load(at, VMLOAD)
        system.link.take_interrupt(partition.vcpu.block)  # the stub goes on, and the next command is judged by itself


# 16-bit code

REAL_MODE_PROGRAM = """
        org 7000h
        bits 16
        xor ax, ax
        mov ds, ax
        mov es, ax
        mov ss, ax
        mov bx, 6000h
        mov si, 4
        smsw [bx+si]
        mov si, text
        mov cx, 4
        mov dx, 0E9h
        cld
        rep outsb
        mov di, 6020h
        mov cx, 1
        rep insb
        mov al, [6020h]
        out dx, al
        mov al, [6004h]
        out dx, al
        mov word [6106h], 1
        lgdt [gdtr]
        mov bp, 6000h
        lmsw [bp+106h]
        jmp 8:protected
text:   db "text"
gdt:    dq 0, 00CF9B000000FFFFh, 00CF93000000FFFFh
gdtr:   dw gdtr - gdt - 1
        dd gdt
        bits 32
protected:
        mov ax, 10h
        mov ds, ax
        mov ebx, 5FF0h
        mov ecx, 10h
        smsw [ebx+ecx*4]
        mov al, [6030h]
        out dx, al
        clts
        mov al, 31h
        out 0F4h, al
"""


def test_a_real_mode_guest_uses_what_the_kernel_must_decode(tmp_path: Path) -> None:
    """LMSW and SMSW in memory by 16- and 32-bit addressing, OUTS and INS, from real mode into protected mode."""
    source, image = tmp_path / "real.asm", tmp_path / "real.bin"
    source.write_text(REAL_MODE_PROGRAM)
    subprocess.run(["nasm", "-f", "bin", "-o", image, source], check=True)
    with Machine() as machine:
        system = GuestSystem(machine, UNCLEANED, guest_limit=1_000_000)
        entry = RealModeEntry(0, 0, REAL_MODE_CODE)
        partition = system.kernel.load_guest(GuestConfig("real", 1 << 20, ((REAL_MODE_CODE, image.read_bytes()),), entry))
        while system.kernel.step() is not Step.OVER:
            assert system.kernel.partitions[1].exits < 300
    assert (bytes(partition.console), partition.exit_status) == (b"text\xe9\x10\x11", 0x31), partition.end_reason
