"""Random accesses, launches and platform resets against a model of the registers; the TPM is a real one that answers when it is told to."""

from random import Random

import pytest

from cocotb_tests.chipset.devices.tpm.bench import Bench, access, launch_value, status, with_tpm
from cocotb_tests.chipset.devices.tpm.commands import get_random, pcr_extend, pcr_read, pcr_reset
from cocotb_tests.chipset.devices.tpm.tis_model import State, TisModel
from contracts.registers import WORD_SIZE
from contracts.tpm import BUFFER_SIZE, HASH_LOCALITY, TPM, HashOp

__all__: list[str] = []

STEPS = 250
ANSWERS = 5  # that a walk comes to at least
SETTLE = 40  # cycles in which all that goes on by itself is done, and a command of a hundred bytes has gone to the TPM

# What half of the steps are, so that a walk comes to every state often.
LEADS_ON = {
    State.IDLE: "ready", State.READY: "put", State.RECEPTION: "lead", State.EXECUTION: "answer", State.COMPLETION: "get",
}  # fmt: skip


class Walk:
    """Takes one random step at a time, in the circuit and in the model, and compares all that can be seen."""

    def __init__(self, bench: Bench, rng: Random) -> None:
        self.bench, self.rng = bench, rng
        self.model = TisModel()
        self.steps: dict[str, int] = {}
        self._command = get_random(8)
        bench.launched()
        bench.bus.privileged = True
        bench.holder.hold = True
        bench.holder.slow = 0.0

    async def settle(self) -> None:
        await self.bench.cycles(SETTLE + sum(len(command) for _, command in self.model.executed[-1:]))

    async def compare(self) -> None:
        await self.settle()
        for locality in range(HASH_LOCALITY):
            seen = [await self.bench.bus.read(locality, name) for name in ("ACCESS", "STS")]
            assert seen == [self.model.access(locality), self.model.status(locality)], (locality, self.model)
        assert self.bench.holder.commands == self.model.executed

    def locality(self) -> int:
        """Mostly the one that has the TPM."""
        owner = self.model.owner
        return owner if owner is not None and self.rng.random() < 0.8 else self.rng.randrange(HASH_LOCALITY)

    async def step(self) -> None:
        names = ["access", "access", "access", "ready", "go", "put", "get", "sts", "retry", "clear"]
        names += [LEADS_ON[self.model.state]] * len(names)
        names += ["launch", "reset"] if self.rng.random() < 0.3 else []
        name = self.rng.choice(names)
        self.steps[name] = self.steps.get(name, 0) + 1
        await getattr(self, f"do_{name}")(self.locality())
        await self.compare()

    async def do_access(self, locality: int) -> None:
        value = self.rng.choice([access(n) for n in ("REQUEST_USE", "REQUEST_USE", "SEIZE", "BEEN_SEIZED", "ACTIVE_LOCALITY")])
        if self.rng.random() < 0.2:
            locality, value = self.rng.randrange(HASH_LOCALITY), self.rng.randrange(256)
        await self.bench.bus.write(locality, "ACCESS", value)
        self.model.write_access(locality, value)

    async def _status(self, locality: int, value: int) -> None:
        await self.bench.bus.write(locality, "STS", value)
        self.model.write_status(locality, value)

    async def do_lead(self, locality: int) -> None:
        """What a command that has begun to come needs next."""
        await (self.do_put if self.model.expect else self.do_go)(locality)

    async def do_ready(self, locality: int) -> None:
        await self._status(locality, status("COMMAND_READY"))

    async def do_go(self, locality: int) -> None:
        await self._status(locality, status("GO"))

    async def do_retry(self, locality: int) -> None:
        await self._status(locality, status("RESPONSE_RETRY"))

    async def do_clear(self, locality: int) -> None:
        await self._status(locality, status("RESET_ESTABLISHMENT"))

    async def do_sts(self, locality: int) -> None:
        await self._status(locality, self.rng.choice((self.rng.getrandbits(32), status("GO", "RESPONSE_RETRY"), status("VALID", "EXPECT"))))

    async def do_put(self, locality: int) -> None:
        """The next bytes of a command, all of them or a few, or more than there are."""
        model, rng = self.model, self.rng
        if model.state is not State.RECEPTION:
            self._command = rng.choice((get_random(rng.randrange(48)), pcr_read(17), pcr_extend(17, rng.randbytes(32)), pcr_reset(17)))
            if rng.random() < 0.1:
                self._command = self._command[:2] + rng.randrange(12).to_bytes(4, "big") + self._command[6:]
        at = len(model.command) if model.state is State.RECEPTION else 0
        data = self._command[at:] if rng.random() < 0.5 else self._command[at:][: rng.randrange(1, 12)]
        if not data or rng.random() < 0.1:
            data += rng.randbytes(rng.randrange(1, 4))
        while data:
            size = min(rng.randint(1, WORD_SIZE), len(data))
            offset = TPM[rng.choice(("DATA_FIFO", "XDATA_FIFO"))].offset + rng.randint(0, WORD_SIZE - size)
            await self.bench.bus.move(locality, offset, size, int.from_bytes(data[:size], "little"))
            model.put(locality, data[:size])
            data = data[size:]

    async def do_get(self, locality: int) -> None:
        for _ in range(self.rng.randrange(1, 12)):
            size = self.rng.randint(1, WORD_SIZE)
            offset = TPM[self.rng.choice(("DATA_FIFO", "XDATA_FIFO"))].offset + self.rng.randint(0, WORD_SIZE - size)
            got = await self.bench.bus.move(locality, offset, size)
            assert got.to_bytes(size, "little") == self.model.get(locality, size)

    async def do_answer(self, _: int) -> None:
        """The TPM comes to its answer."""
        holder = self.bench.holder
        holder.hold = False
        await self.bench.cycles(len(holder.held) + SETTLE)
        holder.hold = True
        self.model.answered(holder.answers[-1])

    async def do_launch(self, locality: int) -> None:
        """A launch, with an access in its middle."""
        if self.model.state is State.EXECUTION:
            await self.do_answer(locality)
            await self.compare()
        block = self.rng.randbytes(self.rng.randrange(1, 40))
        self.model.hash_start()
        await self.bench.launch.step(HashOp.START)
        await self.compare()
        await self.bench.launch.data(block[:20], self.rng)
        await self.rng.choice((self.do_access, self.do_ready, self.do_put, self.do_get, self.do_go))(locality)
        await self.compare()
        await self.bench.launch.data(block[20:], self.rng)
        self.bench.holder.hold = False
        await self.bench.launch.step(HashOp.END)
        self.bench.holder.hold = True
        self.model.hash_end()
        assert self.bench.swtpm.command(pcr_read(17))[-32:] == launch_value(block)

    async def do_reset(self, _: int) -> None:
        """A platform reset: all is as at power on, but that there has been a launch."""
        await self.bench.platform_reset(self.rng.randrange(1, 20))
        self.bench.holder.hold = False
        await self.bench.cycles(SETTLE + BUFFER_SIZE // 16)
        self.bench.holder.hold = True
        self.model = TisModel(established=self.model.established)
        self.bench.holder.commands.clear()
        self.bench.launched()


@pytest.mark.parametrize("run", range(4))
def test_as_the_model_says(rng, run):
    async def program(bench: Bench):
        walk = Walk(bench, rng)
        await walk.compare()
        while sum(walk.steps.values()) < STEPS or walk.steps.get("answer", 0) < ANSWERS:
            await walk.step()
        print(walk.steps)

    with_tpm(rng, program)


@pytest.mark.regress
def test_as_the_model_says_for_long(rng):
    async def program(bench: Bench):
        walk = Walk(bench, rng)
        for _ in range(40 * STEPS):
            await walk.step()

    with_tpm(rng, program)


def test_the_model_sees_a_difference(rng):
    """A locality that gives the TPM up behind the model's back is noticed."""

    async def program(bench: Bench):
        walk = Walk(bench, rng)
        await walk.do_access(0)
        walk.model.write_access(0, access("REQUEST_USE"))
        await bench.bus.write(0, "ACCESS", access("REQUEST_USE"))
        await walk.compare()
        await bench.bus.write(0, "ACCESS", access("ACTIVE_LOCALITY"))
        with pytest.raises(AssertionError):
            await walk.compare()

    with_tpm(rng, program)
