"""Software's side of the controller, and the user's: what tests are written in."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from cocotb_tests import verilated
from cocotb_tests.chipset.devices.io_driver import IoDriver
from cocotb_tests.chipset.devices.ps2.stage import SPEC, Stage, stage
from contracts.ps2 import RELEASE, KbcCommand, KbcStatus, KeyPrefix

__all__ = ["Bench", "Key", "Move", "with_ps2"]

_TRIES = 2000  # looks at something that is to come
_PREFIX_BYTES = {KeyPrefix.NONE: b"", KeyPrefix.E0: b"\xe0", KeyPrefix.E1: b"\xe1"}


@dataclass(frozen=True)
class Key:
    """``chipset.devices.ps2.port.KeyEvent``."""

    code: int
    released: bool = False
    prefix: KeyPrefix = KeyPrefix.NONE

    @property
    def bytes(self) -> bytes:
        """In scan code set 2."""
        return _PREFIX_BYTES[self.prefix] + (bytes((RELEASE,)) if self.released else b"") + bytes((self.code,))


@dataclass(frozen=True)
class Move:
    """``chipset.devices.ps2.port.MouseEvent``; buttons are left, right, middle."""

    x: int = 0
    y: int = 0
    buttons: tuple[int, int, int] = (0, 0, 0)


class Bench:
    """Ports as software has them, one access a cycle, and devices as the user has them."""

    def __init__(self, ctx: Any, where: Stage) -> None:
        self._ctx, self._stage, self._ps2 = ctx, where, where.ps2
        self._data, self._control = IoDriver(ctx, self._ps2.data), IoDriver(ctx, self._ps2.control)

    async def cycles(self, count: int) -> None:
        await self._ctx.tick().repeat(count)

    async def platform_reset(self) -> None:
        self._ctx.set(self._stage.reset, 1)
        await self.cycles(1)
        self._ctx.set(self._stage.reset, 0)

    # ports

    async def status(self) -> int:
        return await self._control.read(0)

    async def command(self, command: int) -> None:
        await self._control.write(0, command)

    async def write(self, value: int) -> None:
        await self._data.write(0, value)

    async def read(self) -> int:
        """Port 60h, whatever is there."""
        return await self._data.read(0)

    async def until(self, mask: int, value: int) -> int:
        """Until the status is that under the mask; the status."""
        for _ in range(_TRIES):
            now = await self.status()
            if now & mask == value:
                return now
        raise AssertionError(f"no {mask:#x}: {now:#x}")

    async def get(self, *, mouse: bool = False) -> int:
        """The next byte, which is to be the mouse's or not."""
        now = await self.until(KbcStatus.OUTPUT_FULL, KbcStatus.OUTPUT_FULL)
        assert bool(now & KbcStatus.MOUSE) == mouse
        return await self.read()

    async def ask(self, command: int, mouse: bool = False) -> int:
        """A controller's command and its answer."""
        await self.command(command)
        return await self.get(mouse=mouse)

    async def set_command_byte(self, value: int) -> None:
        await self.command(KbcCommand.WRITE_COMMAND_BYTE)
        await self.write(value)

    async def to_keyboard(self, *values: int, answers: int = 1) -> bytes:
        """Bytes to the keyboard, and all its answers to the last of them but for one each to the others."""
        for n, value in enumerate(values, 1):
            await self.until(KbcStatus.INPUT_FULL, 0)
            await self.write(value)
            got = bytes([await self.get() for _ in range(answers if n == len(values) else 1)])
        return got

    async def to_mouse(self, *values: int, answers: int = 1) -> bytes:
        """The same of the mouse."""
        for n, value in enumerate(values, 1):
            await self.until(KbcStatus.INPUT_FULL, 0)
            await self.command(KbcCommand.WRITE_MOUSE)
            await self.write(value)
            got = bytes([await self.get(mouse=True) for _ in range(answers if n == len(values) else 1)])
        return got

    async def empty(self) -> bool:
        """Nothing is to be read, and nothing comes."""
        await self.cycles(20)
        return not await self.status() & KbcStatus.OUTPUT_FULL

    # lines

    @property
    def irqs(self) -> tuple[int, int]:
        """IRQ 1 and IRQ 12."""
        return self._ctx.get(self._ps2.irq), self._ctx.get(self._ps2.mouse_irq)

    @property
    def leds(self) -> int:
        return int(self._ctx.get(self._ps2.leds))

    @property
    def a20(self) -> int:
        return int(self._ctx.get(self._ps2.a20))

    # the user

    async def _offer(self, stream: Any, payload: dict[str, int], patience: int) -> bool:
        self._ctx.set(stream.payload, payload)
        self._ctx.set(stream.valid, 1)
        taken = False
        for _ in range(patience):
            taken = bool(self._ctx.get(stream.ready))
            await self.cycles(1)
            if taken:
                break
        self._ctx.set(stream.valid, 0)
        return taken

    async def key(self, key: Key, patience: int = 1) -> bool:
        """Whether the keyboard has taken it."""
        return await self._offer(self._ps2.keys, {"code": key.code, "released": key.released, "prefix": int(key.prefix)}, patience)

    async def move(self, move: Move) -> None:
        left, right, middle = move.buttons
        payload = {"x": move.x, "y": move.y, "left": left, "right": right, "middle": middle}
        assert await self._offer(self._ps2.moves, payload, 1), "a mouse takes every movement"


def with_ps2(program: Callable[[Bench], Awaitable[None]]) -> None:
    """Runs a program from power on."""
    where = stage()

    async def play(ctx: Any) -> None:
        await program(Bench(ctx, where))

    verilated.simulate(SPEC, where, play)
