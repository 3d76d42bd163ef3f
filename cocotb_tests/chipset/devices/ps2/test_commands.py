"""The 8042's commands, without devices and with."""

import pytest

from chipset.devices.ps2.controller import Ps2Controller
from chipset.devices.ps2.ps2 import Ps2
from cocotb_tests.chipset.bus_master import simulate
from cocotb_tests.chipset.devices.io_driver import IoDriver

__all__: list[str] = []


@pytest.fixture(params=[Ps2Controller, Ps2])
def with_controller(request):
    def run(program) -> None:
        dut = request.param()

        async def bench(ctx):
            await program(ctx, dut, IoDriver(ctx, dut.data), IoDriver(ctx, dut.control))

        simulate(dut, bench)

    return run


def test_self_test_and_status(with_controller):
    async def program(ctx, dut, data, control):
        assert await control.read(0) == 0x14
        await control.write(0, 0xAA)
        assert await control.read(0) == 0x1D  # a byte is there, the last write was a command
        assert await data.read(0) == 0x55
        assert await control.read(0) & 1 == 0
        await control.write(0, 0xAB)
        assert await data.read(0) == 0

    with_controller(program)


def test_command_byte(with_controller):
    async def program(ctx, dut, data, control):
        await control.write(0, 0x60)
        await data.write(0, 0x65)
        await control.write(0, 0x20)
        assert await data.read(0) == 0x65
        assert not ctx.get(dut.irq)
        await control.write(0, 0x20)
        await ctx.tick()
        assert ctx.get(dut.irq)
        await data.read(0)
        assert not ctx.get(dut.irq)
        await control.write(0, 0xAD)
        await control.write(0, 0x20)
        assert await data.read(0) == 0x75

    with_controller(program)


def test_output_port(with_controller):
    async def program(ctx, dut, data, control):
        assert ctx.get(dut.a20)
        await control.write(0, 0xD0)
        assert await data.read(0) == 0xC3
        await control.write(0, 0xD1)
        await data.write(0, 0x01)
        assert not ctx.get(dut.a20)
        await data.write(0, 0x03)  # no command before it: not for the output port
        assert not ctx.get(dut.a20)
        await control.write(0, 0xDF)
        assert ctx.get(dut.a20)

    with_controller(program)


def test_only_pulses_of_bit_0_reset(with_controller):
    async def program(ctx, dut, data, control):
        for command in range(0x100):
            ctx.set(dut.control.write_data, command)
            ctx.set(dut.control.write, 1)
            assert ctx.get(dut.reset) == (command >= 0xF0 and not command & 1)
            await ctx.tick()
            ctx.set(dut.control.write, 0)

    with_controller(program)
