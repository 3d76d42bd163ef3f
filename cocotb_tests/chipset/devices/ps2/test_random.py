"""Random accesses, keys and movements, hostile ones among them, against a model."""

from collections import Counter
from random import Random

import pytest

from cocotb_tests.chipset.devices.ps2.bench import Bench, Key, Move, with_ps2
from cocotb_tests.chipset.devices.ps2.ps2_model import Ps2Model
from contracts.ps2 import CommandByte, KbcCommand, KbcStatus, KeyboardCommand, KeyPrefix, MouseCommand

__all__: list[str] = []

STEPS = 3000
SETTLE = 12  # cycles in which all that goes on by itself is done
PARAMETERS = [KbcCommand.WRITE_COMMAND_BYTE, KbcCommand.WRITE_OUTPUT_PORT, KbcCommand.LOOP_KEYBOARD, KbcCommand.LOOP_MOUSE]
QUICK = (CommandByte.KEYBOARD_INTERRUPT | CommandByte.MOUSE_INTERRUPT, CommandByte.TRANSLATE)


class Walk:
    """Takes one random step at a time, in the circuit and in the model, and compares all that can be seen."""

    def __init__(self, bench: Bench, rng: Random) -> None:
        self.bench, self.rng, self.model = bench, rng, Ps2Model()
        self.steps: Counter[str] = Counter()

    async def compare(self) -> None:
        await self.bench.cycles(SETTLE)
        model = self.model
        seen = (await self.bench.status(), self.bench.irqs, self.bench.leds, self.bench.a20)
        assert seen == (model.status, model.irqs, model.keyboard.leds, model.output >> 1 & 1), model

    async def step(self) -> None:
        name = self.rng.choice(["read"] * 5 + ["key"] * 3 + ["move"] * 2 + ["keyboard", "mouse", "mouse", "command", "write", "enable"])
        self.steps[name] += 1
        await getattr(self, f"do_{name}")()
        await self.compare()

    async def write(self, value: int) -> None:
        await self.bench.write(value)
        self.model.write(value)

    async def command(self, command: int) -> None:
        await self.bench.command(command)
        self.model.command(command)

    async def do_read(self) -> None:
        for _ in range(self.rng.choice((1, 1, 4))):
            assert await self.bench.read() == self.model.read()
            await self.bench.cycles(SETTLE)

    async def do_key(self) -> None:
        rng = self.rng
        key = Key(rng.choice((rng.randrange(0x84), rng.randrange(256))), rng.random() < 0.5, rng.choice(list(KeyPrefix)))
        assert await self.bench.key(key) == self.model.keyboard.press(key)
        self.model.settle()

    async def do_move(self) -> None:
        rng = self.rng
        size = rng.choice((0, 3, 255))
        buttons = rng.choice(((0, 0, 0), (1, 0, 0), (rng.getrandbits(1), rng.getrandbits(1), rng.getrandbits(1))))
        move = Move(rng.randint(-size, size), rng.randint(-size, size), buttons)
        await self.bench.move(move)
        self.model.mouse.move(move)
        self.model.settle()

    async def do_keyboard(self) -> None:
        await self.write(int(self.rng.choice([*KeyboardCommand, self.rng.randrange(4), self.rng.randrange(256)])))

    async def do_mouse(self) -> None:
        await self.command(KbcCommand.WRITE_MOUSE)
        await self.compare()
        await self.write(int(self.rng.choice([*MouseCommand, MouseCommand.ENABLE, self.rng.randrange(4), self.rng.randrange(256)])))

    async def do_command(self) -> None:
        await self.command(int(self.rng.choice([*KbcCommand, self.rng.randrange(256)])))

    async def do_write(self) -> None:
        """A parameter for any command that has one."""
        await self.command(int(self.rng.choice(PARAMETERS)))
        await self.compare()
        await self.write(self.rng.randrange(256))

    async def do_enable(self) -> None:
        """Back to where something happens."""
        await self.command(KbcCommand.WRITE_COMMAND_BYTE)
        await self.write(int(sum(bits for bits in QUICK if self.rng.random() < 0.7)))

    async def drained(self) -> None:
        """Liveness: whatever was before, all that waits can be read, and then both devices obey."""
        await self.command(KbcCommand.WRITE_COMMAND_BYTE)
        await self.write(0)
        await self.compare()
        while self.model.status & KbcStatus.OUTPUT_FULL:
            await self.do_read()
        await self.compare()
        assert await self.bench.to_keyboard(KeyboardCommand.RESET, answers=2) == b"\xfa\xaa"
        assert await self.bench.to_mouse(MouseCommand.RESET, answers=3) == b"\xfa\xaa\x00"


@pytest.mark.parametrize("run", range(3))
def test_as_the_model_says(rng, run):
    async def program(bench: Bench):
        walk = Walk(bench, rng)
        await walk.compare()
        for _ in range(STEPS):
            await walk.step()
        await walk.drained()
        print(dict(walk.steps))

    with_ps2(program)


@pytest.mark.regress
def test_as_the_model_says_for_long(rng):
    async def program(bench: Bench):
        walk = Walk(bench, rng)
        for _ in range(20):
            for _ in range(STEPS):
                await walk.step()
            await walk.drained()
            walk = Walk(bench, rng)
            await bench.platform_reset()

    with_ps2(program)


@pytest.mark.parametrize("lost", ["key", "movement", "turn"])
def test_the_model_sees_a_difference(rng, lost):
    """What the model is not told of is noticed."""

    async def program(bench: Bench):
        walk = Walk(bench, rng)
        await walk.do_enable()
        if lost == "key":
            await bench.key(Key(0x1C))
        elif lost == "movement":
            await walk.command(KbcCommand.WRITE_MOUSE)
            await walk.write(MouseCommand.ENABLE)
            await walk.compare()
            await walk.do_read()
            await bench.move(Move(1, 0))
        else:
            await bench.command(KbcCommand.A20_OFF)
            await bench.write(0xEE)
            walk.model.write(0xEE)
        with pytest.raises(AssertionError):
            await walk.compare()

    with_ps2(program)
