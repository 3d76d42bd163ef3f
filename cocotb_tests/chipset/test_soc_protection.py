"""The machine's other protections, each beside its control: registers' authority, scrub, A20."""

import pytest

from chipset.boards.straps import Strap
from cocotb_tests.chipset.protection_bench import (
    MEMORY,
    ONES,
    OWN,
    SECRET,
    guard,
    machine,
    out_of_reset,
    protect,
    run,
)
from contracts.bus import Authority
from contracts.host_link import HOST_LINK
from contracts.memory_map import Physical, Port
from contracts.policy_map import GUARD

__all__: list[str] = []


@pytest.mark.parametrize("straps", [Strap(0), Strap.REGISTERS_OPEN])
def test_control_registers_answer_ring_minus_1_alone(straps):
    top, processor = machine()

    async def program(ctx, cpu):
        cpu.authority = Authority.GUEST
        assert await cpu.read(guard("CAPABILITY")) != ONES  # legacy systems see it while it is open
        assert await cpu.read(Physical.HOST_LINK + HOST_LINK["PRESENT"].offset) == 0x5246_4831
        cpu.authority = Authority.RING_MINUS_1
        await protect(cpu, ONES)
        cpu.authority = Authority.GUEST
        mailbox = Physical.HOST_LINK + HOST_LINK["MAILBOX"].offset
        if straps:
            assert await cpu.read(guard("CAPABILITY")) != ONES
            await cpu.write(guard("MAP_LENGTH"), 0)
        else:
            assert await cpu.read(guard("CAPABILITY")) == ONES
            assert await cpu.read(mailbox) == ONES
            assert await cpu.read(Physical.HOST_LINK + HOST_LINK["PRESENT"].offset) == ONES
            await cpu.write(guard("MAP_LENGTH"), 0)
        cpu.authority = Authority.RING_MINUS_1
        assert await cpu.read(guard("MAP_LENGTH")) == (0 if straps else 4)
        await cpu.write(guard("CONTROL"), 0)
        assert await cpu.read(guard("CONTROL")) & 1 == 1  # sticky

    run(top, processor, program, straps)


@pytest.mark.parametrize("how", ["scrubbed", "never protected", "marked clean", "strap"])
def test_reset_leaves_no_secret(how):
    top, processor = machine()

    async def program(ctx, cpu):
        await cpu.write(OWN, SECRET)
        await cpu.write(MEMORY - 4, SECRET)
        if how != "never protected":
            await protect(cpu, ONES)
        if how == "marked clean":
            await cpu.write(guard("CONTROL"), GUARD["CONTROL"].field("MEMORY_CLEAN").mask)
        await cpu.output(Port.RESET_CONTROL, 0x02)
        await cpu.output(Port.RESET_CONTROL, 0x06)
        assert await out_of_reset(ctx, top) > (MEMORY // 4 if how == "scrubbed" else 0)
        left = 0 if how == "scrubbed" else SECRET
        assert [await cpu.read(OWN), await cpu.read(MEMORY - 4)] == [left, left]
        assert await cpu.read(guard("CONTROL")) == 0
        await cpu.write(OWN, 7)
        assert await cpu.read(OWN) == 7

    run(top, processor, program, Strap.NO_SCRUB if how == "strap" else Strap(0))


@pytest.mark.parametrize("straps", [Strap(0), Strap.A20_OBEYED])
def test_a20_is_forced_on_under_protection(straps):
    top, processor = machine()

    async def program(ctx, cpu):
        await cpu.output(Port.KBC_STATUS, 0xDD)
        assert ctx.get(processor.a20m) == 1
        await protect(cpu, ONES)
        assert ctx.get(processor.a20m) == bool(straps)
        await cpu.output(Port.SYSTEM_CONTROL_A, 0x02)
        assert ctx.get(processor.a20m) == 0
        await cpu.output(Port.SYSTEM_CONTROL_A, 0x00)
        assert ctx.get(processor.a20m) == bool(straps)

    run(top, processor, program, straps)
