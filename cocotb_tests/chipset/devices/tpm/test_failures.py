"""A TPM that is absent, dies or falls silent: nothing hangs, and every driver sees that it is gone."""

import pytest

from cocotb_tests.chipset.devices.tpm.bench import Bench, access, status, with_tpm
from cocotb_tests.chipset.devices.tpm.commands import get_random, random_bytes
from cocotb_tests.chipset.devices.tpm.driver import Driver, TisError, read_pcr
from cocotb_tests.chipset.devices.tpm.stage import PATIENCE
from contracts.tpm import HashOp

__all__: list[str] = []

SETTLED = 3  # cycles from a TPM's end until the registers show it


async def gone(bench: Bench) -> None:
    """It is, for everybody, and neither the bus nor a launch hangs."""
    for bench.bus.privileged in (False, True):
        await bench.all_ones()
    bench.bus.privileged = False
    with pytest.raises(TisError, match="no TPM"):
        await Driver(bench).command(get_random(4))
    with pytest.raises(TisError):
        await Driver(bench).ready()
    for op in (HashOp.START, HashOp.DATA, HashOp.DATA, HashOp.END):
        await bench.launch.step(op, 0xF)
        assert bench.launch.cycles == 1


def test_no_tpm(rng):
    async def program(bench: Bench):
        await gone(bench)
        await bench.platform_reset()
        await bench.cycles(SETTLED)
        await gone(bench)

    assert not with_tpm(rng, program, absent=True).log


@pytest.mark.parametrize("when", ["idle", "reception", "execution", "answer", "half read"])
def test_it_dies_in_the_middle_of_a_command(rng, when):
    async def program(bench: Bench):
        driver = Driver(bench)
        await driver.request()
        await driver.ready()
        if when != "idle":
            await driver.put(get_random(48)[: 7 if when == "reception" else None])
        if when in ("execution", "answer", "half read"):
            bench.holder.hold = when == "execution"
            bench.holder.slow = 0.9
            await driver.go()
            if when == "half read":
                await driver.wait(status("DATA_AVAILABLE"))
                await driver.get(9)
            elif when == "answer":
                while not 5 < len(bench.holder.held) < 40:  # of 60 bytes some are on their way
                    await bench.cycles(1)
            else:
                await bench.cycles(20)
        bench.swtpm.kill()
        await bench.cycles(SETTLED)
        assert await driver.get(4) == b"\xff" * 4, "a whole answer is taken for one, or none"
        with pytest.raises(TisError, match="invalid status"):
            await driver.sts()
        await gone(bench)

    assert with_tpm(rng, program).bridge.failure


@pytest.mark.parametrize("when", ["before", "started", "data", "end"])
def test_it_dies_in_the_middle_of_a_launch(rng, when):
    async def program(bench: Bench):
        if when != "before":
            await bench.launch.step(HashOp.START)
        if when in ("data", "end"):
            await bench.launch.data(rng.randbytes(99), rng)
        if when == "end":
            bench.holder.hold = True
            port = bench.stage.tpm.hash
            bench.ctx.set(port.op, HashOp.END)
            bench.ctx.set(port.valid, 1)
            await bench.cycles(30)
            assert not bench.ctx.get(port.ready)
        bench.swtpm.kill()
        for op in (HashOp.END,) if when == "end" else (HashOp.START, HashOp.DATA, HashOp.END):
            await bench.launch.step(op, 0xF)
            assert bench.launch.cycles <= SETTLED
        await gone(bench)

    with_tpm(rng, program)


def test_what_has_died_stays_gone_until_the_platform_is_reset(rng):
    """A TPM that comes back by itself has been reset, and remembers no launch: nobody is to take it for the one that did."""

    async def program(bench: Bench):
        await bench.launch.measure(b"a block")
        port = bench.stage.tpm.port
        bench.holder.away = 1
        await bench.cycles(1 + SETTLED)
        assert bench.ctx.get(port.present), "it is there again"
        await gone(bench)
        await bench.platform_reset()
        await bench.started()
        assert await read_pcr(bench, 17) == b"\xff" * 32
        assert len(random_bytes(await Driver(bench).command(get_random(4)))) == 4

    with_tpm(rng, program)


@pytest.mark.parametrize("when", ["command", "answer", "start", "data", "end"])
def test_silence_is_failure_in_the_end(rng, when):
    async def program(bench: Bench):
        driver, port = Driver(bench), bench.stage.tpm.hash
        if when in ("command", "answer"):
            await driver.request()
            await driver.send(get_random(48))
            bench.holder.mute, bench.holder.hold = when == "command", True
            await driver.go()
            await bench.cycles(100)
            assert await bench.bus.read(0, "ACCESS") == access("VALID", "ESTABLISHMENT", "ACTIVE_LOCALITY")
            await bench.cycles(PATIENCE + SETTLED)
        else:
            if when != "start":
                await bench.launch.step(HashOp.START)
            bench.holder.mute, bench.holder.hold = when != "end", True
            op = {"start": HashOp.START, "data": HashOp.DATA, "end": HashOp.END}[when]
            await bench.launch.step(op, 0xF)
            assert PATIENCE <= bench.launch.cycles <= PATIENCE + 4 + 20 * (when == "end")
        assert not bench.ctx.get(port.valid)
        await gone(bench)

    with_tpm(rng, program)


def test_silence_at_the_reset_is_failure_too(rng):
    async def program(bench: Bench):
        for bench.holder.mute, bench.holder.hold in ((True, False), (False, True)):
            await bench.platform_reset()
            await bench.cycles(10)
            assert await bench.bus.read(0, "ACCESS") & access("VALID") == 0
            await bench.launch.step(HashOp.START)
            assert bench.launch.cycles <= PATIENCE + 4
            await gone(bench)

    with_tpm(rng, program)


def test_what_a_reset_cuts_off_is_no_answer_to_what_comes_after(rng):
    """Bytes of an answer from before the platform's reset are still on their way when the TPM's reset is asked for."""

    async def program(bench: Bench):
        driver = Driver(bench)
        for _ in range(4):
            await driver.request()
            await driver.send(get_random(48))
            bench.holder.hold = True
            await driver.go()
            await bench.cycles(100)
            assert len(bench.holder.held) > 48
            await bench.platform_reset()
            bench.holder.hold = False
            await bench.started()
            answer = await driver.command(get_random(8))
            assert answer == bench.holder.answers[-1] and len(random_bytes(answer)) == 8

    with_tpm(rng, program)
