"""The drivers of Linux as far as they touch ports: ``i8042`` (the controller), ``libps2``, ``atkbd`` (the keyboard) and ``psmouse``.

Step by step as they go; bytes of the devices are taken in their interrupts. What a driver would give up at is a ``DriverError``.
"""

from collections import deque

from cocotb_tests.chipset.devices.ps2.bench import Bench
from contracts.ps2 import CommandByte, KbcCommand, KbcStatus, KeyboardCommand, MouseCommand, Ps2Answer

__all__ = ["DriverError", "I8042", "Psmouse"]

_CTL_TIMEOUT = 1000  # looks
_BUFFER_SIZE = 16
_ACCESS = 8  # cycles between two accesses of a processor, at least
_TRIES = 5
_IDLE = 200  # cycles in which an interrupt would have come


class DriverError(Exception):
    """What the driver says before it gives up."""


class I8042:
    """After ``probe`` keyboard and mouse have their interrupts, and ``keyboard`` and ``mouse`` hold the bytes that came by them."""

    def __init__(self, bench: Bench) -> None:
        self.bench = bench
        self.ctr = 0
        self.keyboard: deque[int] = deque()
        self.mouse: deque[int] = deque()
        self.direct = False  # scan codes come untranslated

    async def wait_read(self) -> None:
        for _ in range(_CTL_TIMEOUT):
            if await self.bench.status() & KbcStatus.OUTPUT_FULL:
                return
        raise DriverError("no answer from the controller")

    async def wait_write(self) -> None:
        for _ in range(_CTL_TIMEOUT):
            if not await self.bench.status() & KbcStatus.INPUT_FULL:
                return
        raise DriverError("the controller takes nothing")

    async def flush(self) -> None:
        """i8042_flush."""
        for _ in range(_BUFFER_SIZE):
            if not await self.bench.status() & KbcStatus.OUTPUT_FULL:
                return
            await self.bench.read()
            await self.bench.cycles(_ACCESS)
        raise DriverError("the controller's buffer does not become empty")

    async def command(self, command: int, *parameters: int, answers: int = 0) -> list[int]:
        """__i8042_command."""
        await self.wait_write()
        await self.bench.command(command)
        for parameter in parameters:
            await self.wait_write()
            await self.bench.write(parameter)
        got = []
        for _ in range(answers):
            await self.wait_read()
            if command == KbcCommand.LOOP_MOUSE and not await self.bench.status() & KbcStatus.MOUSE:
                raise DriverError("the loop's byte is not the mouse's")
            got.append(await self.bench.read())
        return got

    async def read_ctr(self) -> int:
        return (await self.command(KbcCommand.READ_COMMAND_BYTE, answers=1))[0]

    async def write_ctr(self, ctr: int) -> None:
        self.ctr = ctr
        await self.command(KbcCommand.WRITE_COMMAND_BYTE, ctr)

    async def probe(self) -> None:
        """i8042_probe: check, self-test, initialize, set up both ports."""
        await self.flush()
        for _ in range(_TRIES):
            if await self.command(KbcCommand.SELF_TEST, answers=1) == [0x55]:
                break
        else:
            raise DriverError("the self-test fails")
        ctrs = [await self.read_ctr(), await self.read_ctr()]
        if ctrs[0] != ctrs[1]:
            raise DriverError("no stable command byte")
        initial = ctrs[1]
        ctr = (initial | CommandByte.KEYBOARD_DISABLED) & ~CommandByte.KEYBOARD_INTERRUPT
        if not await self.bench.status() & KbcStatus.NOT_LOCKED:
            raise DriverError("the keyboard is locked")
        self.direct = not ctr & CommandByte.TRANSLATE
        await self.write_ctr(ctr)
        await self.flush()
        await self._check_aux()
        await self._enable(CommandByte.MOUSE_DISABLED, CommandByte.MOUSE_INTERRUPT)
        await self._enable(CommandByte.KEYBOARD_DISABLED, CommandByte.KEYBOARD_INTERRUPT)

    async def _enable(self, disabled: int, interrupt: int) -> None:
        """i8042_enable_kbd_port, i8042_enable_aux_port."""
        await self.write_ctr((self.ctr & ~disabled) | interrupt)

    async def _check_aux(self) -> None:
        await self.flush()
        if await self.command(KbcCommand.LOOP_MOUSE, 0x5A, answers=1) != [0x5A]:
            raise DriverError("the mouse's loop does not work")
        for on in (False, True):
            await self.command(KbcCommand.ENABLE_MOUSE if on else KbcCommand.DISABLE_MOUSE)
            if bool(await self.read_ctr() & CommandByte.MOUSE_DISABLED) == on:
                raise DriverError("the mouse's port cannot be switched")
        before = self.ctr
        await self._enable(CommandByte.MOUSE_DISABLED, CommandByte.MOUSE_INTERRUPT)
        await self.command(KbcCommand.LOOP_MOUSE, 0xA5)
        await self.bench.cycles(2)
        if self.bench.irqs != (0, 1):
            raise DriverError("the mouse's interrupt is not delivered")
        state = await self.bench.status()
        if not state & KbcStatus.MOUSE or await self.bench.read() != 0xA5:
            raise DriverError("the mouse's interrupt has no byte")
        await self.write_ctr((before | CommandByte.MOUSE_DISABLED) & ~CommandByte.MOUSE_INTERRUPT)
        for parameter in (0xF0, 0x56, 0xA4):  # is it a multiplexer? Only one of those changes the last byte
            if await self.command(KbcCommand.LOOP_MOUSE, parameter, answers=1) != [parameter]:
                raise DriverError("a multiplexer that is not there")

    async def interrupts(self, cycles: int = _IDLE) -> None:
        """i8042_interrupt, whenever a line is high, until none has been for so long."""
        quiet = 0
        while quiet < cycles:
            if any(self.bench.irqs):
                state = await self.bench.status()
                if not state & KbcStatus.OUTPUT_FULL:
                    raise DriverError("interrupt without data")
                byte = await self.bench.read()
                (self.mouse if state & KbcStatus.MOUSE else self.keyboard).append(byte)
                quiet = 0
            else:
                await self.bench.cycles(1)
                quiet += 1

    async def _ps2_command(self, mouse: bool, command: int, parameters: tuple[int, ...], answers: int) -> list[int]:
        """ps2_command: each byte is acknowledged, then come the answers."""
        queue = self.mouse if mouse else self.keyboard
        queue.clear()
        for byte in (command, *parameters):
            if mouse:
                await self.command(KbcCommand.WRITE_MOUSE, byte)
            else:
                await self.wait_write()
                await self.bench.write(byte)
            await self.interrupts()
            if not queue or queue.popleft() != Ps2Answer.ACK:
                raise DriverError(f"{command:#x} is not acknowledged")
        if len(queue) != answers:
            raise DriverError(f"{command:#x} has {len(queue)} answers")
        got = list(queue)
        queue.clear()
        return got

    async def keyboard_command(self, command: int, *parameters: int, answers: int = 0) -> list[int]:
        return await self._ps2_command(False, command, parameters, answers)

    async def mouse_command(self, command: int, *parameters: int, answers: int = 0) -> list[int]:
        return await self._ps2_command(True, command, parameters, answers)

    async def connect_keyboard(self) -> None:
        """atkbd_probe, atkbd_reset_state, atkbd_activate."""
        await self.keyboard_command(KeyboardCommand.RESET, answers=1)
        identity = await self.keyboard_command(KeyboardCommand.IDENTIFY, answers=2)
        if identity[0] != Ps2Answer.ID_FOLLOWS or identity[1] not in (0x41, 0x83):
            raise DriverError(f"this is no keyboard: {identity}")
        await self.keyboard_command(KeyboardCommand.SET_LEDS, 0)
        await self.keyboard_command(KeyboardCommand.SET_TYPEMATIC, 0)
        await self.keyboard_command(KeyboardCommand.ENABLE)


class Psmouse:
    """psmouse, which asks a mouse whether it is one of those that know more."""

    def __init__(self, port: I8042) -> None:
        self.port = port

    async def connect(self) -> str:
        """Its name."""
        command = self.port.mouse_command
        if await command(MouseCommand.IDENTIFY, answers=1) not in ([0], [3], [4]):
            raise DriverError("this is no mouse")
        await command(MouseCommand.SET_DEFAULTS)
        await self._sliced(0x00)  # a touchpad of Synaptics' would answer 47h
        if (await command(MouseCommand.STATUS, answers=3))[1] == 0x47:
            return "touchpad"
        await command(MouseCommand.SET_RESOLUTION, 0)
        for _ in range(3):  # so would one of Logitech's with a version
            await command(MouseCommand.SCALE_1_TO_1)
        if (await command(MouseCommand.STATUS, answers=3))[1]:
            return "Logitech"
        for name, knock in (("IntelliMouse Explorer", (200, 200, 80)), ("IntelliMouse", (200, 100, 80))):
            for rate in knock:
                await command(MouseCommand.SET_RATE, rate)
            if await command(MouseCommand.IDENTIFY, answers=1) != [0]:
                return name
        if await command(MouseCommand.RESET, answers=2) != [Ps2Answer.PASSED, 0]:
            raise DriverError("the mouse does not reset")
        await command(MouseCommand.SET_RATE, 100)
        await command(MouseCommand.SET_RESOLUTION, 3)
        await command(MouseCommand.SCALE_1_TO_1)
        await command(MouseCommand.ENABLE)
        return "Generic mouse"

    async def _sliced(self, value: int) -> None:
        """psmouse's way to send a byte by resolutions."""
        for shift in (6, 4, 2, 0):
            await self.port.mouse_command(MouseCommand.SET_RESOLUTION, value >> shift & 3)

    def packets(self) -> list[tuple[int, int, int]]:
        """What has come: buttons as in a packet, movements. The third byte of each is to be there."""
        found = []
        while self.port.mouse:
            first, x, y = (self.port.mouse.popleft() for _ in range(3))
            if not first & 8:
                raise DriverError("out of step")
            found.append((first & 7, x - (first << 4 & 0x100), y - (first << 3 & 0x100)))
        return found
