"""What a late launch sends in locality 4, and what PCR 17 holds then, as ``tpm2_pcrread`` shows it."""

import os
import subprocess

import pytest

from cocotb_tests.chipset.devices.tpm.bench import Bench, access, launch_value, status, with_tpm
from cocotb_tests.chipset.devices.tpm.commands import BAD_LOCALITY, code, get_random, pcr_extend, pcr_reset
from cocotb_tests.chipset.devices.tpm.driver import Driver, read_pcr
from contracts.tpm import HASH_LOCALITY, TPM, HashOp, TpmOp
from sim.tpm.swtpm import Swtpm

__all__: list[str] = []

NEVER = b"\xff" * 32  # what the registers of a launch hold before there was one
LONGEST = 0xFFFF  # bytes that a secure loader block may say it has


def shown(tpm: Swtpm, pcr: int) -> bytes:
    """A register by the TPM's own tools."""
    tpm.release()
    done = subprocess.run(
        ["tpm2_pcrread", f"sha256:{pcr}"], env=os.environ | {"TPM2TOOLS_TCTI": tpm.tcti}, capture_output=True, text=True, check=True
    )
    return bytes.fromhex(done.stdout.split("0x")[-1])


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 64, 4095, 4096, 4097, LONGEST, "random"])
def test_pcr_17_is_the_hash_of_what_was_sent(rng, size):
    block = rng.randbytes(rng.randint(1, LONGEST) if size == "random" else size)

    async def program(bench: Bench):
        assert await read_pcr(bench, 17) == NEVER
        bench.holder.slow = min(bench.holder.slow, 100 / len(block))
        await bench.launch.measure(block, rng)
        assert await read_pcr(bench, 17) == launch_value(block)
        assert shown(bench.swtpm, 17) == launch_value(block)
        for pcr in (18, 19, 20, 21, 22):
            assert shown(bench.swtpm, pcr) == bytes(32)

    holder = with_tpm(rng, program)
    assert {locality for op, locality in holder.log if op in (TpmOp.HASH_START, TpmOp.HASH_DATA, TpmOp.HASH_END)} == {HASH_LOCALITY}


def test_whole_words_go_one_a_cycle_where_the_tpm_takes_them(rng):
    block = rng.randbytes(256)

    async def program(bench: Bench):
        bench.holder.slow = 0.0
        await bench.launch.step(HashOp.START)
        for at in range(0, len(block), 4):
            await bench.launch.step(HashOp.DATA, 0xF, int.from_bytes(block[at : at + 4], "little"))
            assert bench.launch.cycles == 1
        await bench.launch.step(HashOp.END)
        assert await read_pcr(bench, 17) == launch_value(block)

    with_tpm(rng, program)


def test_through_a_platform_reset(rng):
    block = rng.randbytes(300)

    async def program(bench: Bench):
        assert await bench.bus.read(0, "ACCESS") & access("ESTABLISHMENT")
        for _ in range(3):
            await bench.launch.measure(block, rng)
            assert await read_pcr(bench, 17) == launch_value(block)
            await bench.platform_reset()
            await bench.started()
            assert await read_pcr(bench, 17) == NEVER, "a launch is forgotten"
            assert not await bench.bus.read(0, "ACCESS") & access("ESTABLISHMENT"), "that there was one is not"

    with_tpm(rng, program)


def test_a_reset_in_the_middle_leaves_no_launch(rng):
    block = rng.randbytes(300)

    async def program(bench: Bench):
        for _ in range(8):
            await bench.launch.step(HashOp.START)
            await bench.launch.data(block[: rng.randrange(len(block))], rng)
            await bench.platform_reset(rng.randrange(1, 9))
            await bench.launch.data(block, rng)  # what comes after it goes nowhere
            await bench.launch.step(HashOp.END)
            await bench.started()
            assert await read_pcr(bench, 17) == NEVER
        await bench.launch.measure(block, rng)
        assert await read_pcr(bench, 17) == launch_value(block)

    with_tpm(rng, program)


def test_a_launch_right_after_the_platforms_reset_waits_for_the_tpm(rng):
    async def program(bench: Bench):
        await bench.platform_reset()
        await bench.launch.measure(b"early")
        assert await read_pcr(bench, 17) == launch_value(b"early")

    with_tpm(rng, program)


def test_data_without_a_start_and_a_start_again(rng):
    async def program(bench: Bench):
        await bench.launch.data(b"nothing")
        await bench.launch.step(HashOp.END)
        assert await read_pcr(bench, 17) == NEVER
        await bench.launch.step(HashOp.START)
        await bench.launch.data(b"forgotten")
        await bench.launch.measure(b"measured")
        await bench.launch.data(b"late")
        await bench.launch.step(HashOp.END)
        assert await read_pcr(bench, 17) == launch_value(b"measured")

    with_tpm(rng, program)


@pytest.mark.parametrize("when", ["nobody", "idle", "reception", "execution", "completion"])
def test_a_start_ends_what_a_locality_has_under_way(rng, when):
    block = rng.randbytes(50)

    async def program(bench: Bench):
        driver = Driver(bench)
        if when != "nobody":
            await driver.request()
        if when in ("reception", "execution", "completion"):
            await driver.ready()
            await driver.put(get_random(32)[: 5 if when == "reception" else None])
        if when in ("execution", "completion"):
            bench.holder.hold = when == "execution"
            await driver.go()
        if when == "completion":
            await driver.wait(status("DATA_AVAILABLE"))
        if when == "execution":
            await bench.cycles(60)
            bench.holder.release_in = 50
        await bench.launch.step(HashOp.START)
        assert when != "execution" or bench.launch.cycles > 50, "a command that runs is waited for"
        seized = 0 if when == "nobody" else access("BEEN_SEIZED")
        assert await bench.bus.read(0, "ACCESS") == access("VALID") | seized
        asked = list(bench.holder.log)
        await bench.bus.write(0, "ACCESS", access("SEIZE"))
        await bench.cycles(5)
        assert await bench.bus.read(0, "ACCESS") == access("VALID", "REQUEST_USE") | seized, "it waits"
        await bench.bus.write(0, "STS", status("COMMAND_READY"))
        await driver.put(get_random(4))
        await bench.bus.write(0, "STS", status("GO"))
        assert bench.holder.log == asked, "no command comes between"
        assert await driver.get(4) == b"\xff" * 4
        await bench.launch.data(block, rng)
        await bench.launch.step(HashOp.END)
        await bench.cycles(5)
        assert await bench.bus.read(0, "ACCESS") == access("VALID", "ACTIVE_LOCALITY") | seized
        assert not (await driver.sts()) & status("COMMAND_READY", "EXPECT", "DATA_AVAILABLE")
        assert await read_pcr(bench, 17) == launch_value(block)

    with_tpm(rng, program)


def test_the_bus_is_answered_while_a_launch_waits_for_a_command(rng):
    async def program(bench: Bench):
        driver = Driver(bench)
        await driver.request()
        await driver.send(get_random(8))
        bench.holder.hold = True
        await driver.go()
        await bench.cycles(40)
        port = bench.stage.tpm.hash
        bench.ctx.set(port.op, HashOp.START)
        bench.ctx.set(port.valid, 1)
        for _ in range(20):
            for name in ("ACCESS", "STS", "DATA_FIFO"):
                await bench.bus.read(0, name)
            assert not bench.ctx.get(port.ready)
        bench.holder.hold = False
        await bench.launch.measure(b"after it")
        assert await read_pcr(bench, 17) == launch_value(b"after it")

    with_tpm(rng, program)


def test_software_neither_extends_nor_resets_the_launchs_register(rng):
    """Locality 0 does neither, and no locality that software reaches resets it: the TPM sees to it."""

    async def program(bench: Bench):
        await bench.launch.measure(b"a block")
        bench.launched()
        bench.bus.privileged = True
        for locality in range(HASH_LOCALITY):
            driver = Driver(bench, locality)
            assert code(await driver.command(pcr_reset(17))) == BAD_LOCALITY
            if locality < 2:
                assert code(await driver.command(pcr_extend(17, bytes(32)))) == BAD_LOCALITY
        assert shown(bench.swtpm, 17) == launch_value(b"a block")

    with_tpm(rng, program)


def test_establishment_is_taken_back_by_locality_3_alone(rng):
    clear = status("RESET_ESTABLISHMENT")

    async def program(bench: Bench):
        await bench.launch.measure(b"a block")
        bench.launched()
        bench.bus.privileged = True
        for locality in range(HASH_LOCALITY):
            driver = Driver(bench, locality)
            await bench.bus.write(locality, "STS", clear)  # without the TPM
            await driver.request()
            await driver.ready()
            await bench.bus.write(locality, "STS", clear)
            await bench.cycles(30)
            assert bool(await bench.bus.read(0, "ACCESS") & access("ESTABLISHMENT")) == (locality == 3)
            assert (await driver.sts()) & status("COMMAND_READY")
            await driver.relinquish()
        await bench.platform_reset()
        await bench.started()
        assert await bench.bus.read(0, "ACCESS") == TPM["ACCESS"].reset

    with_tpm(rng, program)
