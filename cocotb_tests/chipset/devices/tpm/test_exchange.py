"""Commands and answers through the FIFO, as software sees them; the TPM is a real one."""

import hashlib

import pytest

from cocotb_tests.chipset.devices.tpm import commands
from cocotb_tests.chipset.devices.tpm.bench import ONES, Bench, access, status, with_tpm
from cocotb_tests.chipset.devices.tpm.commands import COMMAND_SIZE, SUCCESS, code, get_random, pcr_extend, pcr_read, pcr_value, random_bytes
from cocotb_tests.chipset.devices.tpm.driver import Driver, TisError, read_pcr
from contracts.tpm import BUFFER_SIZE, BURST, HEADER_SIZE, TPM, TpmOp

__all__: list[str] = []


def test_what_the_registers_say_after_reset(rng):
    async def program(bench: Bench):
        for locality in range(4):
            bench.launched(locality != 0)
            bench.bus.privileged = locality != 0
            assert await bench.bus.read(locality, "ACCESS") == TPM["ACCESS"].reset
            for name in ("INT_ENABLE", "INT_VECTOR", "INT_STATUS", "INTF_CAPABILITY", "INTERFACE_ID", "DID_VID", "RID"):
                assert await bench.bus.read(locality, name) == TPM[name].reset, name
                await bench.bus.write(locality, name, ONES & (1 << 8 * TPM[name].size) - 1)
                assert await bench.bus.read(locality, name) == TPM[name].reset, name
            for name in ("STS", "DATA_FIFO", "XDATA_FIFO"):
                assert await bench.bus.read(locality, name) == TPM[name].reset == ONES, "nobody has the TPM"
        capability = TPM["INTF_CAPABILITY"]
        assert capability.field("INTERRUPTS").get(capability.reset) == 0  # none is promised, and there is no line

    with_tpm(rng, program)


@pytest.mark.parametrize("wide", [False, True])
def test_get_random(rng, wide):
    async def program(bench: Bench):
        driver = Driver(bench, rng=rng if wide else None)
        first = random_bytes(await driver.command(get_random(32)))
        assert len(first) == 32
        for size in (1, 2, 48):
            assert len(random_bytes(await driver.command(get_random(size)))) == size
        assert random_bytes(await driver.command(get_random(32))) != first

    holder = with_tpm(rng, program)
    assert holder.log == [(TpmOp.RESET, 0)] + [(TpmOp.COMMAND, 0)] * 5


def test_an_extended_register_reads_as_computed(rng):
    async def program(bench: Bench):
        driver = Driver(bench, rng=rng)
        value = bytes(32)
        assert pcr_value(await driver.command(pcr_read(10))) == value
        for _ in range(3):
            digest = rng.randbytes(32)
            assert code(await driver.command(pcr_extend(10, digest))) == SUCCESS
            value = hashlib.sha256(value + digest).digest()
            assert pcr_value(await driver.command(pcr_read(10))) == value

    with_tpm(rng, program)


def test_any_accesses_move_the_same_bytes(rng):
    async def program(bench: Bench):
        driver = Driver(bench, rng=rng)
        await driver.request()
        for _ in range(20):
            size = rng.randint(1, 48)
            await driver.send(get_random(size))
            await driver.go()
            answer = await driver.receive()
            assert answer == bench.holder.answers[-1] and len(random_bytes(answer)) == size
            await bench.bus.write(0, "STS", status("RESPONSE_RETRY"))
            some = rng.randint(1, len(answer))
            assert await driver.take(some) == answer[:some]
            await bench.bus.write(0, "STS", status("RESPONSE_RETRY"))
            assert await driver.receive() == answer
            assert await driver.get(rng.randint(1, 9)) in [b"\xff" * n for n in range(1, 10)], "an answer is read beyond its end"

    with_tpm(rng, program)


@pytest.mark.parametrize("mask", [0b0101, 0b1001, 0b1010, 0b1011, 0b1101])
def test_masks_with_holes(rng, mask):
    lanes = [n for n in range(4) if mask >> n & 1]

    async def program(bench: Bench):
        driver = Driver(bench)
        await driver.request()
        await driver.ready()
        command = get_random(16)
        assert len(command) % len(lanes) == 0 or len(lanes) == 3
        for at in range(0, len(command) - len(command) % len(lanes), len(lanes)):
            word = rng.getrandbits(32)
            for lane, byte in zip(lanes, command[at:], strict=False):
                word = word & ~(0xFF << 8 * lane) | byte << 8 * lane
            await bench.bus.access(0, TPM["DATA_FIFO"].offset, mask, word)
        assert not (await driver.sts()) & status("EXPECT")
        await driver.go()
        await driver.wait(status("DATA_AVAILABLE"))
        answer = b""
        while len(answer) < len(bench.holder.answers[0]):
            word = await bench.bus.access(0, TPM["DATA_FIFO"].offset, mask)
            answer += bytes(word >> 8 * lane & 0xFF for lane in lanes)
        whole = bench.holder.answers[0]
        assert answer == whole.ljust(len(answer), b"\xff")

    with_tpm(rng, program)


def test_a_short_command_does_not_go(rng):
    async def program(bench: Bench):
        driver = Driver(bench)
        await driver.request()
        command = get_random(8)
        for length in range(1, len(command)):
            await driver.ready()
            await driver.put(command[:length])
            await driver.go()
            assert (await driver.sts()) & status("EXPECT", "DATA_AVAILABLE") == status("EXPECT")
        assert all(op is TpmOp.RESET for op, _ in bench.holder.log)
        await driver.put(command[-1:])
        await driver.go()
        assert len(random_bytes(await driver.receive())) == 8

    with_tpm(rng, program)


def test_bytes_beyond_the_command_are_refused(rng):
    async def program(bench: Bench):
        driver = Driver(bench)
        await driver.request()
        with pytest.raises(TisError, match="nothing more is expected"):
            await driver.send(get_random(8) + b"\x01\x02")
        await driver.put(rng.randbytes(5))
        await driver.go()
        assert len(random_bytes(await driver.receive())) == 8
        await driver.put(b"\x01")  # nor is anything expected now
        assert not (await driver.sts()) & status("EXPECT", "COMMAND_READY")

    with_tpm(rng, program)


@pytest.mark.parametrize("size", [0, 6, HEADER_SIZE - 1, BUFFER_SIZE + 1, 0x8000_000C])
def test_a_size_that_no_command_has_is_refused(rng, size):
    async def program(bench: Bench):
        driver = Driver(bench, rng=rng)
        await driver.request()
        await driver.ready()
        command = get_random(8)
        command = command[:2] + size.to_bytes(4, "big") + command[6:]
        await driver.put(command.ljust(BUFFER_SIZE + 3, b"\0") if size > BUFFER_SIZE else command)
        assert not (await driver.sts()) & status("EXPECT")
        await driver.go()
        assert code(await driver.receive()) == COMMAND_SIZE
        assert len(random_bytes(await driver.command(get_random(4)))) == 4

    with_tpm(rng, program)


def test_the_longest_command(rng):
    async def program(bench: Bench):
        driver = Driver(bench, rng=rng)
        await driver.request()
        command = get_random(8)
        command = (command[:2] + BUFFER_SIZE.to_bytes(4, "big") + command[6:]).ljust(BUFFER_SIZE, b"\0")
        await driver.send(command)
        await driver.go()
        assert code(await driver.receive()) != SUCCESS  # it is the TPM that complains of what follows the parameters
        assert bench.holder.answers[-1][HEADER_SIZE:] == b""

    with_tpm(rng, program)


def test_bursts_are_told_as_they_are(rng):
    async def program(bench: Bench):
        driver = Driver(bench)
        await driver.request()
        await driver.ready()
        assert await driver.burst() == BURST
        await driver.send(get_random(48))
        await driver.go()
        await driver.wait(status("DATA_AVAILABLE"))
        left = len(bench.holder.answers[-1])
        while left:
            assert await driver.burst() == min(left, BURST)
            await driver.get(1)
            left -= 1
        assert TPM["STS"].field("BURST_COUNT").get(await driver.sts()) == 0

    with_tpm(rng, program)


def test_nothing_is_read_before_there_is_an_answer(rng):
    async def program(bench: Bench):
        driver = Driver(bench)
        await driver.request()
        for step in range(4):
            assert await driver.get(3) == b"\xff\xff\xff", "read without an answer"
            assert not (await driver.sts()) & status("DATA_AVAILABLE")
            if step == 0:
                await driver.put(get_random(8))  # before it is ready: it takes nothing
                assert not (await driver.sts()) & status("EXPECT")
                await driver.ready()
            elif step == 1:
                await driver.put(get_random(8)[:5])
            elif step == 2:
                await driver.put(get_random(8)[5:])
                bench.holder.hold = True
                await driver.go()
        bench.holder.hold = False
        assert len(random_bytes(await driver.receive())) == 8

    with_tpm(rng, program)


@pytest.mark.parametrize("when", ["ready", "reception", "whole", "execution", "completion", "half read"])
def test_ready_ends_whatever_is_under_way(rng, when):
    async def program(bench: Bench):
        driver = Driver(bench)
        await driver.request()
        await driver.ready()
        command = pcr_extend(10, b"\1" * 32)
        if when == "reception":
            await driver.put(command[: rng.randrange(1, len(command))])
        elif when != "ready":
            await driver.put(command)
        if when in ("execution", "completion", "half read"):
            bench.holder.hold = when == "execution"
            await driver.go()
        if when == "execution":
            await bench.bus.write(0, "STS", status("COMMAND_READY"))
            for _ in range(20):
                assert not (await driver.sts()) & status("COMMAND_READY", "DATA_AVAILABLE"), "the TPM is still at it"
            bench.holder.hold = False
        if when in ("completion", "half read"):
            await driver.wait(status("DATA_AVAILABLE"))
        if when == "half read":
            await driver.get(rng.randrange(1, len(bench.holder.answers[-1])))
        await driver.ready()
        assert (await driver.sts()) & status("DATA_AVAILABLE", "EXPECT") == 0
        assert await driver.get(4) == b"\xff\xff\xff\xff"
        done = when in ("execution", "completion", "half read")
        assert pcr_value(await driver.command(pcr_read(10))) == (hashlib.sha256(bytes(32) + b"\1" * 32).digest() if done else bytes(32))

    with_tpm(rng, program)


def test_errors_of_the_tpm_are_answers(rng):
    async def program(bench: Bench):
        driver = Driver(bench, rng=rng)
        unknown = get_random(8)[:6] + bytes.fromhex("0000ffff") + b"\0\0"
        assert code(await driver.command(unknown)) not in (SUCCESS, COMMAND_SIZE)
        for pcr in (17, 18, 19, 22):  # the launch's registers are not locality 0's
            assert code(await driver.command(pcr_extend(pcr, bytes(32)))) == commands.BAD_LOCALITY
            assert code(await driver.command(commands.pcr_reset(pcr))) == commands.BAD_LOCALITY
            assert await read_pcr(bench, pcr) == b"\xff" * 32

    with_tpm(rng, program)


def test_a_platform_reset_resets_the_tpm_at_any_moment(rng):
    async def program(bench: Bench):
        driver = Driver(bench)
        for _ in range(12):
            assert code(await driver.command(pcr_extend(10, rng.randbytes(32)))) == SUCCESS
            assert await read_pcr(bench, 10) != bytes(32)
            await driver.request()
            await driver.ready()
            await driver.put(get_random(48))
            await driver.go()
            resets = bench.holder.log.count((TpmOp.RESET, 0))
            await bench.cycles(rng.randrange(200))
            await bench.platform_reset(rng.randrange(1, 50))
            await bench.started()
            assert bench.holder.log.count((TpmOp.RESET, 0)) == resets + 1
            assert await bench.bus.read(0, "ACCESS") == access("VALID", "ESTABLISHMENT")
            assert await read_pcr(bench, 10) == bytes(32)

    with_tpm(rng, program)
