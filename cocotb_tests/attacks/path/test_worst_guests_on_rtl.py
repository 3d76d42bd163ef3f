"""On the RTL: a guest whose exception is never delivered, and one with a DMA engine, against the trusted path."""

from pathlib import Path

import pytest

from cocotb_tests.attacks.path.on_rtl import CODE, OnRtl, Showing, assembled, on_rtl
from contracts.architecture import Exc
from contracts.devices import DeviceNumber
from contracts.dma_engine import DMA_ENGINE, DescriptorFlag
from contracts.exit_codes import ExitCode
from contracts.memory_map import PAGE_SIZE, Physical
from contracts.protections import Protections

__all__: list[str] = []

FORGED = 0x4F58_4F58
TARGET, STATUS = 0x4000, 0x4004  # where the guest with an engine is told, and tells
EXITS = 60  # the timer ticks many times meanwhile

UNDELIVERED = f"""
        org {CODE}
        bits 32
        lgdt [gdtr]
        lidt [idtr]
        jmp 8:here
here:   mov ax, 10h
        mov ss, ax
        mov ds, ax
        mov esp, 9000h
        mov eax, cr0
        or eax, 40000h          ; AM
        mov cr0, eax
        push dword 23h
        push dword 8002h        ; a stack at an odd half
        push dword 40202h       ; AC
        push dword 1Bh
        push dword ring3
        iretd
ring3:  mov ax, 23h
        mov ds, ax
        mov eax, [8001h]
        jmp $
gdtr:   dw 27h
        dd gdt
gdt:    dq 0, 00CF9A000000FFFFh, 00CF92000000FFFFh, 00CFFA000000FFFFh, 00CFF2000000FFFFh
idtr:   dw 18 * 8 - 1
        dd idt
idt:    times 17 * 8 db 0
        dw ring3, 1Bh, 0EE00h, 0 ; #AC is handled in ring 3, on its stack
"""
SLEEPS = f"""
        org {CODE}
        bits 32
        mov al, 60h
        out 64h, al
        mov al, 1               ; interrupts by the keyboard
        out 60h, al
        mov al, 11h
        out 20h, al
        mov al, 40h
        out 21h, al
        mov al, 4
        out 21h, al
        mov al, 1
        out 21h, al
        mov al, 0FDh
        out 21h, al
        sti
        hlt
        jmp $
"""
WORKS = f"""
        org {CODE}
        bits 32
        jmp $
"""
FILLS = f"""
        org {CODE}
        bits 32
again:  mov eax, [{TARGET}]
        test eax, eax
        jz again
        mov dword [3000h], {FORGED}
        mov [3004h], eax
        mov dword [3008h], 64
        mov dword [300Ch], {int(DescriptorFlag.FILL | DescriptorFlag.LAST)}
        mov dword [{Physical.DMA_ENGINES + DMA_ENGINE["DESCRIPTOR"].offset}], 3000h
        mov dword [{Physical.DMA_ENGINES + DMA_ENGINE["CONTROL"].offset}], {DMA_ENGINE["CONTROL"].field("START").put(1)}
busy:   mov eax, [{Physical.DMA_ENGINES + DMA_ENGINE["STATUS"].offset}]
        test eax, {DMA_ENGINE["STATUS"].field("BUSY").mask}
        jnz busy
        mov [{Physical.DMA_ENGINES + DMA_ENGINE["STATUS"].offset}], eax
        mov [{STATUS}], eax
        mov dword [{TARGET}], 0
        jmp again
"""


def heard(folder: Path, guest: str, exit_code: int, protections: Protections | None) -> bool:
    """Whether F12 is, while the neighbour sleeps, once a guest has made many exits of a kind."""
    with on_rtl(protections) as world:
        kernel = world.system.kernel
        world.load("in front", assembled(guest, folder))
        world.load("sleeps", assembled(SLEEPS, folder))
        world.until("its exits", lambda: kernel.exit_counts.get(exit_code, 0) > EXITS)
        world.machine.press("F12")
        for _ in range(EXITS):
            kernel.step()
        return kernel.view.hands.attention


@pytest.mark.regress
def test_f12_is_heard_though_a_fault_is_never_delivered(tmp_path: Path) -> None:
    assert heard(tmp_path, UNDELIVERED, ExitCode.EXCEPTION + Exc.AC, None)


@pytest.mark.regress
def test_without_preemption_it_is_not(tmp_path: Path) -> None:
    """But for a guest that faults not at all."""
    off = Protections.without("preemption")
    assert not heard(tmp_path, UNDELIVERED, ExitCode.EXCEPTION + Exc.AC, off)
    assert heard(tmp_path, WORKS, ExitCode.INTR, off)


def fill(world: OnRtl, target: int) -> str:
    """Have the engine fill 64 bytes; how that ends."""
    world.system.link.write32(TARGET, target)
    world.until("the engine is done", lambda: not world.system.link.read32(TARGET))
    status = world.system.link.read32(STATUS)
    return next(name for name in ("DONE", "ERROR") if DMA_ENGINE["STATUS"].field(name).get(status))


@pytest.mark.regress
@pytest.mark.parametrize("policy", (True, False))
def test_no_engine_draws(tmp_path: Path, policy: bool) -> None:
    """Whatever the policy admits, no way leads from DMA to display and trusted line. Without it the frames of a screen are reached."""
    with on_rtl(None if policy else Protections.without("dma_policy")) as world:
        view, shows = world.system.kernel.view, Showing(ord("B"), 0)
        world.load("fills", assembled(FILLS, tmp_path), devices=frozenset({DeviceNumber.DMA0}))
        world.load("shows", shows.program(tmp_path), shows)
        view.show(world.guests[2])
        world.until("both have begun", lambda: world.shows(2))
        for target in (Physical.SCREEN + 0x200, Physical.TRUSTED_LINE):
            assert fill(world, target) == "ERROR"
        assert world.picture().dots == world.wanted(2)
        view.show(world.guests[1])
        assert fill(world, world.guests[2].memory.screen[0] * PAGE_SIZE + 0x200) == ("ERROR" if policy else "DONE")
        view.show(world.guests[2])
        forged = bytearray(shows.screen)
        forged[0x200:0x240] = FORGED.to_bytes(4, "little") * 16
        assert world.picture().dots == world.wanted(2, screen=None if policy else bytes(forged))
