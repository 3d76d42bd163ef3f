"""Which locality has the TPM, and who may speak in which."""

import pytest

from cocotb_tests.chipset.devices.tpm.bench import ONES, Bench, access, launch_value, status, with_tpm
from cocotb_tests.chipset.devices.tpm.commands import BAD_LOCALITY, SUCCESS, code, get_random, pcr_extend, random_bytes
from cocotb_tests.chipset.devices.tpm.driver import Driver, TisError, read_pcr
from contracts.registers import WORD_SIZE
from contracts.tpm import HASH_LOCALITY, LOCALITY_STRIDE, TPM, TPM_HASH, TpmOp

__all__: list[str] = []

HAS, ASKS, OTHER, LOST = access("ACTIVE_LOCALITY"), access("REQUEST_USE"), access("PENDING_REQUEST"), access("BEEN_SEIZED")
SEIZE = access("SEIZE")
BASE = access("VALID", "ESTABLISHMENT")
PCRS = range(17, 21)
LAUNCHED = range(1, HASH_LOCALITY)  # the localities that are ring −1's after a launch


class Accesses:
    """The ACCESS registers, seen by who may see them all."""

    def __init__(self, bench: Bench) -> None:
        bench.launched()
        bench.bus.privileged = True
        self._bench = bench

    async def write(self, locality: int, value: int) -> None:
        await self._bench.bus.write(locality, "ACCESS", value)

    async def all(self) -> list[int]:
        """What the four show beside BASE, when all that can change by itself has changed."""
        await self._bench.cycles(4)
        values = [await self._bench.bus.read(n, "ACCESS") for n in range(HASH_LOCALITY)]
        assert all(value & BASE == BASE for value in values)
        return [value & ~BASE for value in values]


def test_who_asks_first_gets_it_and_then_the_highest(rng):
    async def program(bench: Bench):
        regs = Accesses(bench)
        await regs.write(1, ASKS)
        assert await regs.all() == [0, HAS, 0, 0]
        await regs.write(0, ASKS)
        await regs.write(3, ASKS)
        await regs.write(1, ASKS)  # has it already
        assert await regs.all() == [ASKS | OTHER, HAS | OTHER, OTHER, ASKS | OTHER]
        await regs.write(1, HAS)
        assert await regs.all() == [ASKS, OTHER, OTHER, HAS | OTHER]
        await regs.write(3, HAS)
        assert await regs.all() == [HAS, 0, 0, 0]
        await regs.write(0, HAS)
        assert await regs.all() == [0, 0, 0, 0]

    with_tpm(rng, program)


def test_a_request_is_taken_back(rng):
    async def program(bench: Bench):
        regs = Accesses(bench)
        await regs.write(2, ASKS)
        await regs.write(0, ASKS)
        await regs.write(0, HAS)
        assert await regs.all() == [0, 0, HAS, 0]

    with_tpm(rng, program)


def test_seizing(rng):
    async def program(bench: Bench):
        regs = Accesses(bench)
        await regs.write(1, SEIZE)  # from nobody
        assert await regs.all() == [0, HAS, 0, 0]
        await regs.write(0, SEIZE)  # a lower one
        await regs.write(1, SEIZE)  # itself
        assert await regs.all() == [0, HAS, 0, 0]
        await regs.write(2, ASKS)
        await regs.write(2, SEIZE)
        assert await regs.all() == [0, LOST, HAS, 0]
        await regs.write(3, SEIZE)
        assert await regs.all() == [0, LOST, LOST, HAS]
        await regs.write(2, LOST)
        assert await regs.all() == [0, LOST, 0, HAS]
        await regs.write(3, HAS)
        assert await regs.all() == [0, LOST, 0, 0]

    with_tpm(rng, program)


def test_two_things_at_a_time_are_nothing(rng):
    async def program(bench: Bench):
        regs = Accesses(bench)
        await regs.write(0, ASKS | SEIZE)
        await regs.write(0, ASKS | HAS)
        assert await regs.all() == [0, 0, 0, 0]
        await regs.write(0, ASKS | BASE | OTHER)  # bits that cannot be written do not count
        assert await regs.all() == [HAS, 0, 0, 0]

    with_tpm(rng, program)


@pytest.mark.parametrize("how", ["seized", "given up"])
@pytest.mark.parametrize("when", ["ready", "reception", "execution", "completion"])
def test_a_command_ends_when_its_locality_loses_the_tpm(rng, how, when):
    async def program(bench: Bench):
        regs = Accesses(bench)
        low, high = Driver(bench, 0), Driver(bench, 2)
        await low.request()
        await low.ready()
        if when != "ready":
            await low.put(get_random(48)[: 7 if when == "reception" else None])
        if when in ("execution", "completion"):
            bench.holder.hold = when == "execution"
            await low.go()
        if when == "completion":
            await low.wait(status("DATA_AVAILABLE"))
        await regs.write(2, SEIZE if how == "seized" else ASKS)
        if how == "given up":
            await regs.write(0, HAS)
        if when == "execution":  # the TPM is at it still, and nobody reads anything
            await bench.cycles(30)
            for locality in (0, 2):
                assert await bench.bus.read(locality, "DATA_FIFO") == ONES
                assert await bench.bus.read(locality, "STS") == ONES
            bench.holder.hold = False
            await bench.cycles(200)
        assert await regs.all() == [LOST if how == "seized" else 0, 0, HAS, 0]
        assert await bench.bus.read(0, "STS") == ONES
        assert await bench.bus.read(0, "DATA_FIFO") == ONES
        assert (await high.sts()) & status("COMMAND_READY", "EXPECT", "DATA_AVAILABLE") == 0
        assert await high.get(8) == b"\xff" * 8, "the answer is another locality's"
        answer = await high.command(get_random(16))
        assert answer == bench.holder.answers[-1] and len(random_bytes(answer)) == 16

    with_tpm(rng, program)


def test_only_who_has_it_moves_anything(rng):
    async def program(bench: Bench):
        Accesses(bench)
        owner, other = Driver(bench, 1), Driver(bench, 2)
        await owner.request()
        await owner.ready()
        command = get_random(24)
        for n, byte in enumerate(command):
            await owner.put(bytes((byte,)))
            for locality in (0, 2, 3):
                await bench.bus.write(locality, "STS", rng.choice((status("COMMAND_READY"), status("GO"), status("RESPONSE_RETRY"))))
                await bench.bus.write(locality, "DATA_FIFO", rng.getrandbits(32))
            assert ((await owner.sts()) & status("EXPECT") == 0) == (n == len(command) - 1)
        await owner.go()
        await owner.wait(status("DATA_AVAILABLE"))
        assert await other.get(5) == b"\xff" * 5
        assert await owner.receive() == bench.holder.answers[-1]
        assert bench.holder.log == [(TpmOp.RESET, 0), (TpmOp.COMMAND, 1)]

    with_tpm(rng, program)


def test_a_read_tells_nothing_to_who_reads_next(rng):
    """The very next access is another's, who has no right to the answer."""

    async def program(bench: Bench):
        Accesses(bench)
        owner = Driver(bench, 2)
        await owner.request()
        await owner.send(get_random(48))
        await owner.go()
        await owner.wait(status("DATA_AVAILABLE"))
        fifo = TPM["DATA_FIFO"].offset
        for n, reader in enumerate((0, 1, 3, HASH_LOCALITY, 0, 0)):
            read = await bench.bus.access(2, fifo, 0xF)
            bench.bus.privileged = reader != 0
            assert await bench.bus.access(reader, fifo, 0xF) == ONES
            bench.bus.privileged = True
            assert read.to_bytes(4, "little") == bench.holder.answers[0][4 * n : 4 * n + 4]

    with_tpm(rng, program)


def test_every_locality_is_the_one_that_the_tpm_sees(rng):
    """Which registers of a launch it may extend is the TPM's to decide."""

    async def program(bench: Bench):
        Accesses(bench)
        await bench.launch.measure(b"a block")
        allowed = {}
        for locality in range(HASH_LOCALITY):
            driver = Driver(bench, locality)
            for pcr in PCRS:
                allowed[locality, pcr] = code(await driver.command(pcr_extend(pcr, bytes(32)))) == SUCCESS
        extended = {locality: [pcr for pcr in PCRS if allowed[locality, pcr]] for locality in range(HASH_LOCALITY)}
        assert extended == {0: [], 1: [20], 2: [17, 18, 19, 20], 3: [17, 18, 19, 20]}

    with_tpm(rng, program)


@pytest.mark.parametrize(
    ("privileged", "launched", "strapped"),
    [(False, False, False), (True, False, False), (False, True, False), (True, True, False), (False, False, True)],
)
def test_localities_1_to_3_are_ring_minus_1s_after_a_launch(rng, privileged, launched, strapped):
    """… and with the strap, which is the control, anybody's."""

    async def program(bench: Bench):
        bench.strap(open_localities=strapped)
        bench.launched(launched)
        await bench.launch.measure(b"a block")
        for locality in LAUNCHED:
            driver = Driver(bench, locality)
            bench.bus.privileged = privileged
            if (privileged and launched) or strapped:
                assert code(await driver.command(pcr_extend(18, bytes(32)))) == (BAD_LOCALITY if locality == 1 else SUCCESS)
                await driver.request()
                await driver.relinquish()
                continue
            for value in (ASKS, SEIZE):
                await bench.bus.write(locality, "ACCESS", value)
                await bench.bus.write(locality, "STS", status("COMMAND_READY"))
            words = await bench.bus.everything(locality)
            assert words == [ONES] * len(words)
            with pytest.raises(TisError):
                await driver.command(pcr_extend(18, bytes(32)))
        bench.bus.privileged = False
        bench.strap()
        assert await bench.bus.read(0, "ACCESS") == access("VALID"), "no request of theirs is pending; there has been a launch"
        if (privileged and launched) or strapped:
            assert await read_pcr(bench, 18) != bytes(32)
        else:
            assert await read_pcr(bench, 18) == bytes(32)

    with_tpm(rng, program)


async def hash_by_registers(bench: Bench, block: bytes) -> None:
    """What the profile's driver of locality 4 would do."""
    page = HASH_LOCALITY
    await bench.bus.write(page, "ACCESS", ASKS)
    await bench.bus.access(page, TPM_HASH["START"].offset, 1, 0)
    for at in range(0, len(block), WORD_SIZE):
        piece = block[at : at + WORD_SIZE]
        mask = (1 << len(piece)) - 1
        await bench.bus.access(page, TPM_HASH["DATA"].offset, mask, int.from_bytes(piece, "little"))
    await bench.bus.access(page, TPM_HASH["END"].offset, 1, 0)


@pytest.mark.parametrize("privileged", [False, True])
@pytest.mark.parametrize("strapped", [False, True])
def test_locality_4_is_forged_by_nobody(rng, privileged, strapped):
    """… unless a strap lets the register port through, which is the control."""
    real, forged = rng.randbytes(100), rng.randbytes(200)

    async def program(bench: Bench):
        bench.strap(open_hash=strapped)
        for launched in (False, True):
            bench.launched(launched)
            if launched:
                await bench.launch.measure(real)
            bench.bus.privileged = privileged
            before = await read_pcr(bench, 17)
            words = await bench.bus.everything(HASH_LOCALITY)
            assert words == [ONES] * len(words)
            await hash_by_registers(bench, forged)
            after = await read_pcr(bench, 17)
            assert (after == before) is not strapped
            if strapped:
                assert after == launch_value(forged)

    holder = with_tpm(rng, program)
    starts = [op for op, _ in holder.log].count(TpmOp.HASH_START)
    assert starts == (3 if strapped else 1)


def test_random_writes_to_locality_4_do_nothing(rng):
    async def program(bench: Bench):
        bench.launched()
        await bench.launch.measure(b"a block")
        before = await read_pcr(bench, 17)
        asked = list(bench.holder.log)
        for _ in range(3000):
            bench.bus.privileged = rng.random() < 0.5
            offset = rng.choice((0, 0x18, 0x20, 0x24, 0x28, 0x80, rng.randrange(0, LOCALITY_STRIDE, WORD_SIZE)))
            value = None if rng.random() < 0.2 else rng.getrandbits(32)
            assert await bench.bus.access(HASH_LOCALITY, offset, rng.randrange(1, 16), value) == ONES
        assert bench.holder.log == asked
        bench.bus.privileged = False
        assert await bench.bus.read(0, "ACCESS") == access("VALID")
        assert await read_pcr(bench, 17) == before == launch_value(b"a block")

    with_tpm(rng, program)
