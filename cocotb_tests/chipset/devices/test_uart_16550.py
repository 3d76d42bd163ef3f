"""16550A against its data sheet, as far as software can see it."""

import pytest

from chipset.devices.uart_16550 import Uart16550
from cocotb_tests.chipset.bus_master import simulate
from cocotb_tests.chipset.devices.io_driver import IoDriver

__all__: list[str] = []

DATA, IER, IIR, LCR, MCR, LSR, MSR, SCR = range(8)
FCR = IIR
RECEIVED, EMPTY, LINE, MODEM = 1, 2, 4, 8
OUT2, LOOP = 8, 0x10
TIMEOUT = 40


class Port(IoDriver):
    """The UART with the console at its other end."""

    def __init__(self, ctx, dut: Uart16550) -> None:
        super().__init__(ctx, dut.io)
        self.dut = dut

    async def type(self, *keys: int) -> None:
        for key in keys:
            self._ctx.set(self.dut.rx.payload, key)
            self._ctx.set(self.dut.rx.valid, 1)
            for _ in range(100):
                ready = self._ctx.get(self.dut.rx.ready)
                await self._ctx.tick()
                if ready:
                    break
            else:
                raise AssertionError("no room")
        self._ctx.set(self.dut.rx.valid, 0)
        await self._ctx.tick()

    async def sent(self) -> int | None:
        """Takes one byte from the transmitter, if there is one."""
        if not self._ctx.get(self.dut.tx.valid):
            return None
        byte = self._ctx.get(self.dut.tx.payload)
        self._ctx.set(self.dut.tx.ready, 1)
        await self._ctx.tick()
        self._ctx.set(self.dut.tx.ready, 0)
        return byte

    async def wait(self, cycles: int = 2) -> None:
        await self._ctx.tick().repeat(cycles)

    @property
    def irq(self) -> int:
        return self._ctx.get(self.dut.irq)


def with_port(program) -> None:
    dut = Uart16550(timeout=TIMEOUT)

    async def bench(ctx):
        await program(Port(ctx, dut))

    simulate(dut, bench)


def test_registers_after_reset():
    async def program(p):
        assert [await p.read(n) for n in (IER, IIR, LCR, MCR, LSR)] == [0, 0x01, 0, 0, 0x60]
        await p.write(SCR, 0xA5)
        assert await p.read(SCR) == 0xA5
        await p.write(IER, 0xFF)
        assert await p.read(IER) == 0x0F

    with_port(program)


def test_divisor_is_behind_dlab():
    async def program(p):
        await p.write(LCR, 0x83)
        await p.write(DATA, 0x0C)
        await p.write(IER, 0x01)
        assert (await p.read(DATA), await p.read(IER)) == (0x0C, 0x01)
        await p.write(LCR, 0x03)
        assert await p.read(IER) == 0
        assert await p.sent() is None
        assert p._ctx.get(p.dut.divisor) == 0x010C

    with_port(program)


@pytest.mark.parametrize("fifo", [0, 1])
def test_bytes_go_out_in_order(fifo):
    async def program(p):
        await p.write(FCR, fifo)
        assert await p.read(IIR) >> 6 == (3 if fifo else 0)
        for n in range(16 if fifo else 1):
            await p.write(DATA, 0x30 + n)
        assert await p.read(LSR) & 0x60 == 0
        await p.write(DATA, 0xEE)  # one too many is lost
        for n in range(16 if fifo else 1):
            assert await p.sent() == 0x30 + n
        assert await p.sent() is None
        assert await p.read(LSR) == 0x60

    with_port(program)


def test_received_bytes_and_the_trigger_level():
    async def program(p):
        await p.write(MCR, OUT2)
        await p.write(IER, RECEIVED)
        await p.write(FCR, 0x41)  # FIFOs on, level 4
        await p.type(1, 2, 3)
        assert not p.irq
        await p.type(4)
        assert p.irq
        assert await p.read(IIR) == 0xC4
        assert await p.read(LSR) & 1
        assert await p.read(DATA) == 1
        assert not p.irq
        await p.wait(TIMEOUT + 2)
        assert p.irq
        assert await p.read(IIR) == 0xCC  # character timeout
        assert [await p.read(DATA) for _ in range(3)] == [2, 3, 4]
        assert not p.irq
        assert await p.read(LSR) & 1 == 0

    with_port(program)


def test_fifo_clear_and_switching_it_off():
    async def program(p):
        await p.write(FCR, 1)
        await p.type(1, 2, 3)
        await p.write(FCR, 3)
        assert await p.read(LSR) & 1 == 0
        await p.type(9)
        await p.write(FCR, 0)
        assert await p.read(LSR) & 1 == 0
        await p.type(7)
        assert await p.read(DATA) == 7

    with_port(program)


def test_transmitter_empty_interrupt():
    async def program(p):
        await p.write(MCR, OUT2)
        await p.write(IER, EMPTY)
        await p.wait()
        assert p.irq  # it is empty now
        assert await p.read(IIR) == 0x02
        await p.wait()
        assert not p.irq  # reading the cause was the answer
        await p.write(DATA, 0x41)
        await p.wait()
        assert not p.irq
        await p.sent()
        await p.wait()
        assert p.irq
        await p.write(DATA, 0x42)
        await p.wait()
        assert not p.irq  # writing answers too

    with_port(program)


def test_out2_gates_the_interrupt():
    async def program(p):
        await p.write(IER, RECEIVED)
        await p.type(1)
        assert await p.read(IIR) == 0x04
        assert not p.irq
        await p.write(MCR, OUT2)
        assert p.irq

    with_port(program)


def test_loopback():
    async def program(p):
        await p.write(MCR, LOOP | 0x0F)
        assert await p.read(MSR) >> 4 == 0xF
        await p.write(MCR, LOOP | 0x05)  # DTR and OUT1: DSR and RI
        assert await p.read(MSR) >> 4 == 0b0110
        for n in (0x55, 0xAA):
            await p.write(DATA, n)
            await p.wait(3)
            assert await p.read(DATA) == n
        assert await p.sent() is None
        await p.write(DATA, 1)
        await p.wait(3)
        await p.write(DATA, 2)
        await p.wait(3)
        assert await p.read(LSR) & 2  # overrun
        assert await p.read(LSR) & 2 == 0
        await p.write(MCR, 0)
        await p.wait()
        assert await p.read(MSR) & 0x0F  # lines have changed
        assert await p.read(MSR) & 0x0F == 0

    with_port(program)


def test_line_status_interrupt_comes_first():
    async def program(p):
        await p.write(MCR, LOOP)
        await p.write(IER, RECEIVED | LINE)
        for n in (1, 2):
            await p.write(DATA, n)
            await p.wait(3)
        assert await p.read(IIR) == 0x06
        await p.read(LSR)
        assert await p.read(IIR) == 0x04

    with_port(program)
