"""Keyboard, mouse and display in the whole machine, with a processor that the testbench plays; the trusted line's protections beside their
controls."""

from collections.abc import Sequence

import pytest

from chipset.boards.straps import Strap
from chipset.devices.display.memories import LINE_WORDS
from cocotb_tests.chipset.protection_bench import DONE, ERROR, OWN, copy, engine, machine, out_of_reset, pages, protect, run
from cocotb_tests.chipset.test_soc_host_link import Host
from cocotb_tests.chipset.whole import Whole, simulate, whole
from contracts.bus import Authority, Space
from contracts.display import SCREEN_BYTES, SCREEN_WINDOW, TRUSTED_LINE, AttributeMode, CrtcIndex, VgaPort
from contracts.host_link import LinkOp
from contracts.memory_map import PAGE_SIZE, Irq, Physical, Port
from contracts.ps2 import CommandByte, KbcCommand, KbcStatus, KeyboardCommand, MouseCommand, PacketFlag, Ps2Answer
from sim.display.hands import key_words, move_word

__all__: list[str] = []

ONES = 0xFFFF_FFFF
WIPING = SCREEN_BYTES // 4 + 8  # cycles
LINE = Physical.TRUSTED_LINE + TRUSTED_LINE["CELLS"].offset
PHRASE = 0x1F21_1F41
FORGED = 0x4F58_4F58
FIRST_VECTORS = (0x20, 0x28)


async def begin(ctx, cpu) -> None:
    """Until the display's memories are clear."""
    await ctx.tick().repeat(WIPING)


def line_of(ctx, top: Whole) -> list[int]:
    words = []
    for n in range(LINE_WORDS):
        ctx.set(top.line_at, n)
        words.append(ctx.get(top.line_word))
    return words


def screen_word(ctx, top: Whole, n: int) -> int:
    ctx.set(top.screen_at, n)
    return int(ctx.get(top.screen_word))


async def say(ctx, top: Whole, hand: str, words: Sequence[int]) -> None:
    """The user's hand."""
    valid, data, ready = (getattr(top, f"{hand}_{part}") for part in ("valid", "data", "ready"))
    for word in words:
        ctx.set(data, word)
        ctx.set(valid, 1)
        while not ctx.get(ready):
            await ctx.tick()
        await ctx.tick()
        ctx.set(valid, 0)


async def set_up_interrupts(cpu, *irqs: Irq) -> None:
    mask = ~sum(1 << irq for irq in (*irqs, Irq.CASCADE))
    for port, vectors, third, open_lines in (
        (Port.PIC_MASTER, FIRST_VECTORS[0], 1 << Irq.CASCADE, mask), (Port.PIC_SLAVE, FIRST_VECTORS[1], Irq.CASCADE, mask >> 8),
    ):  # fmt: skip
        await cpu.output(port, 0x11)
        for value in (vectors, third, 0x01, open_lines & 0xFF):
            await cpu.output(port + 1, value)


async def end_of_interrupt(cpu) -> None:
    for port in (Port.PIC_SLAVE, Port.PIC_MASTER):
        await cpu.output(port, 0x20)


def test_keys_and_movements_come_by_interrupt():
    top, processor = machine()

    async def program(ctx, cpu):
        async def by_interrupt(vector: int) -> int:
            for _ in range(50):
                if ctx.get(processor.intr):
                    break
                await ctx.tick()
            assert ctx.get(processor.intr)
            assert await cpu.acknowledge() == vector
            byte = await cpu.input(Port.KBC_DATA)
            await end_of_interrupt(cpu)
            return byte

        keyboard, mouse = FIRST_VECTORS[0] + Irq.KEYBOARD, FIRST_VECTORS[1] + Irq.MOUSE - 8
        cpu.authority = Authority.GUEST
        await set_up_interrupts(cpu, Irq.KEYBOARD, Irq.MOUSE)
        assert await cpu.input(Port.KBC_STATUS) == KbcStatus.SYSTEM | KbcStatus.NOT_LOCKED
        await cpu.output(Port.KBC_STATUS, KbcCommand.WRITE_COMMAND_BYTE)
        await cpu.output(Port.KBC_DATA, CommandByte.KEYBOARD_INTERRUPT | CommandByte.MOUSE_INTERRUPT | CommandByte.TRANSLATE)
        await say(ctx, top, "keys", key_words("KeyA") + key_words("KeyA", released=True))
        assert [await by_interrupt(keyboard) for _ in range(2)] == [0x1E, 0x9E]
        await cpu.output(Port.KBC_STATUS, KbcCommand.WRITE_MOUSE)
        await cpu.output(Port.KBC_DATA, MouseCommand.ENABLE)
        assert await by_interrupt(mouse) == Ps2Answer.ACK
        await say(ctx, top, "moves", [move_word(3, -2, (True, False, False))])
        flags = PacketFlag.ALWAYS | PacketFlag.LEFT | PacketFlag.Y_NEGATIVE
        assert [await by_interrupt(mouse) for _ in range(3)] == [flags, 3, 0xFE]
        await cpu.output(Port.KBC_DATA, KeyboardCommand.SET_LEDS)
        assert await by_interrupt(keyboard) == Ps2Answer.ACK
        await cpu.output(Port.KBC_DATA, 0b101)
        assert await by_interrupt(keyboard) == Ps2Answer.ACK
        assert ctx.get(top.leds) == 0b101

    run(top, processor, program)


def test_a_platform_reset_forgets_what_was_typed():
    top, processor = machine()

    async def program(ctx, cpu):
        await cpu.output(Port.KBC_STATUS, KbcCommand.ENABLE_KEYBOARD)
        await say(ctx, top, "keys", key_words("KeyS"))
        await ctx.tick().repeat(20)
        assert await cpu.input(Port.KBC_DATA) == 0x1B
        await cpu.output(Port.RESET_CONTROL, 0x02)
        await cpu.output(Port.RESET_CONTROL, 0x06)
        await out_of_reset(ctx, top)
        await cpu.output(Port.KBC_STATUS, KbcCommand.ENABLE_KEYBOARD)
        await ctx.tick().repeat(20)
        assert not await cpu.input(Port.KBC_STATUS) & KbcStatus.OUTPUT_FULL
        assert await cpu.input(Port.KBC_DATA) == 0

    run(top, processor, program)


def test_screen_memory_answers_anybody_and_is_no_memory_to_cache():
    """By bytes and words, with no error; a line of it, which only a cache would ask for, does not exist."""
    top, processor = machine()

    async def program(ctx, cpu):
        await begin(ctx, cpu)
        for authority in (Authority.GUEST, Authority.RING_MINUS_1):
            cpu.authority = authority
            await cpu.write(Physical.SCREEN, 0x0742_0741)
            assert await cpu.access(Physical.SCREEN) == ((0x0742_0741,), False)
            await cpu.write(Physical.SCREEN, 0xFFFF_43FF, mask=0b0010)
            assert await cpu.read(Physical.SCREEN + SCREEN_BYTES) == 0x0742_4341
            assert screen_word(ctx, top, 0) == 0x0742_4341
            await cpu.write(Physical.SCREEN + SCREEN_WINDOW - 4, 7)
            assert screen_word(ctx, top, SCREEN_BYTES // 4 - 1) == 7
        for around in (Physical.SCREEN - 4, Physical.SCREEN + SCREEN_WINDOW):
            await cpu.write(around, 0)
            assert await cpu.access(around) == ((ONES,), True)
        assert await cpu.read_line(Physical.SCREEN) == ((ONES,) * 4, True)
        assert (await cpu.write_line(Physical.SCREEN, [0, 0, 0, 0])).error
        assert screen_word(ctx, top, 0) == 0x0742_4341

    run(top, processor, program)


def test_the_displays_registers():
    """By bytes and, as BIOSes do, index and value in one access of 16 bits."""
    top, processor = machine()

    async def program(ctx, cpu):
        cpu.authority = Authority.GUEST
        await cpu.access(VgaPort.CRTC, space=Space.IO, mask=0b0011, write=[0x12 << 8 | CrtcIndex.CURSOR_HIGH])
        assert await cpu.input(VgaPort.CRTC_DATA) == 0x12
        await cpu.output(VgaPort.CRTC, CrtcIndex.CURSOR_LOW)
        await cpu.output(VgaPort.CRTC_DATA, 0x34)
        assert [await cpu.input(VgaPort.CRTC), await cpu.input(VgaPort.CRTC_DATA)] == [CrtcIndex.CURSOR_LOW, 0x34]
        await cpu.input(VgaPort.INPUT_STATUS)
        await cpu.output(VgaPort.ATTRIBUTE, 0x10)
        before = await cpu.input(VgaPort.ATTRIBUTE_DATA)
        await cpu.output(VgaPort.ATTRIBUTE, 0x00)
        assert await cpu.input(VgaPort.ATTRIBUTE_DATA) == before & ~AttributeMode.BLINK != before
        assert await cpu.input(Port.IDE_PRIMARY_CONTROL) == 0xFF  # and the ports after them are not theirs
        assert await cpu.input(Port.COM1 + 5) == 0x60

    run(top, processor, program)


@pytest.mark.parametrize("protected", [False, True])
@pytest.mark.parametrize("straps", [Strap(0), Strap.LINE_OPEN, Strap.REGISTERS_OPEN])
def test_the_trusted_line_takes_ring_minus_1s_word_alone(straps, protected):
    """Whether or not the guard is on: it is the processor's mode that counts. What opens control registers does not open the line."""
    top, processor = machine()

    async def program(ctx, cpu):
        await begin(ctx, cpu)
        if protected:
            await protect(cpu, ONES)
        await cpu.write(LINE, PHRASE)
        before = [PHRASE, *[0] * (LINE_WORDS - 1)]
        assert line_of(ctx, top) == before
        cpu.authority = Authority.GUEST
        for n in range(0, PAGE_SIZE, 4 if straps is Strap.LINE_OPEN else 64):
            await cpu.write(Physical.TRUSTED_LINE + n, FORGED)
        await cpu.write(LINE, FORGED, mask=0b0001)
        await cpu.write_line(LINE, [FORGED] * 4)
        assert line_of(ctx, top) == ([FORGED] * LINE_WORDS if straps is Strap.LINE_OPEN else before)
        for authority in (Authority.GUEST, Authority.RING_MINUS_1):
            cpu.authority = authority
            assert await cpu.read(LINE) == ONES
            assert (await cpu.read_line(LINE))[0] == (ONES,) * 4
        await cpu.write(LINE + 4, PHRASE)
        assert line_of(ctx, top)[1] == PHRASE

    run(top, processor, program, straps)


def test_the_kernel_writes_the_line_over_the_host_link():
    top, processor = machine()

    async def kernel(ctx):
        await out_of_reset(ctx, top)
        await begin(ctx, None)
        host = Host(ctx, top)
        await host.command(LinkOp.WRITE, LINE, PHRASE)
        await host.command(LinkOp.WRITE_8, LINE + 5, 0x1F)
        assert line_of(ctx, top)[:2] == [PHRASE, 0x1F00]
        await host.command(LinkOp.WRITE, Physical.SCREEN, 0x0741)
        assert await host.command(LinkOp.READ, Physical.SCREEN) == [(0x0741, 0)]
        assert await host.command(LinkOp.READ, LINE) == [(ONES, 0)]
        await host.command(LinkOp.IO_WRITE, VgaPort.CRTC, CrtcIndex.START_LOW)
        assert await host.command(LinkOp.IO_READ, VgaPort.CRTC) == [(CrtcIndex.START_LOW, 0)]

    simulate(top, kernel)


@pytest.mark.parametrize("straps", [Strap(0), Strap.SCREEN_KEPT])
@pytest.mark.parametrize("how", ["8042", "port 92h", "CF9h", "shutdown"])
def test_no_reset_leaves_a_phrase_to_the_bios(how, straps):
    """Which has ring -1's authority again. Before anybody can look, line and screen are clear."""
    top, processor = machine()

    async def program(ctx, cpu):
        await begin(ctx, cpu)
        await cpu.write(LINE, PHRASE)
        await cpu.write(Physical.SCREEN, PHRASE)
        if how == "8042":
            await cpu.output(Port.KBC_STATUS, KbcCommand.PULSE)
        elif how == "port 92h":
            await cpu.output(Port.SYSTEM_CONTROL_A, 0x01)
        elif how == "CF9h":
            await cpu.output(Port.RESET_CONTROL, 0x02)
            await cpu.output(Port.RESET_CONTROL, 0x06)
        else:
            ctx.set(processor.shutdown, 1)
            await ctx.tick()
            ctx.set(processor.shutdown, 0)
        assert ctx.get(top.platform_reset)
        await out_of_reset(ctx, top)
        await begin(ctx, cpu)
        left = PHRASE if straps else 0
        assert [line_of(ctx, top)[0], screen_word(ctx, top, 0), await cpu.read(Physical.SCREEN)] == [left] * 3

    run(top, processor, program, straps)


@pytest.mark.parametrize("opened", ["guard never on", "guard off", "guard on"])
@pytest.mark.parametrize("leaks", [False, True])
def test_dma_reaches_neither_line_nor_screen(leaks, opened):
    """Even where no policy refuses it: DMA's way leads to RAM alone. The control has a way from DMA to both memories."""
    top = whole(leaks=leaks)
    processor = top.processor

    async def program(ctx, cpu):
        await begin(ctx, cpu)
        await cpu.write(LINE, PHRASE)
        await cpu.write(Physical.SCREEN, PHRASE)
        for n in range(0, 16, 4):
            await cpu.write(OWN + n, FORGED)
        if opened == "guard off":
            await protect(cpu, pages(OWN))
        elif opened == "guard on":
            await protect(cpu, ONES)
        for target, read in ((LINE, lambda: line_of(ctx, top)[0]), (Physical.SCREEN, lambda: screen_word(ctx, top, 0))):
            assert await copy(cpu, OWN, target) == ERROR
            assert await cpu.read(engine("ERROR_ADDRESS")) == target
            assert read() == (FORGED if leaks else PHRASE)
            assert await copy(cpu, target, OWN + 0x40) == ERROR
            assert await cpu.read(OWN + 0x40) != PHRASE
        assert await copy(cpu, OWN, OWN + 0x80) == DONE
        assert await cpu.read(OWN + 0x80) == FORGED

    run(top, processor, program, Strap.GUARD_OFF if opened == "guard off" else Strap(0))
