"""The register file between software, a late launch and a TPM: real ones of the last, behind ``sim.tpm``'s bridge."""

import hashlib
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

from amaranth.hdl import Value

from chipset.devices.tpm.port import TpmRequest
from cocotb_tests.chipset.devices.tpm.stage import PATIENCE, SPEC, Stage, stage
from cocotb_tests.quick_const import maker
from cocotb_tests.verilated import simulate
from contracts.registers import WORD_SIZE
from contracts.tpm import LOCALITIES, LOCALITY_STRIDE, TPM, HashOp, TpmOp
from sim.tpm.bridge import AnswerByte, TpmBridge
from sim.tpm.swtpm import Swtpm

__all__ = ["ONES", "Bench", "Bus", "Holder", "Launch", "access", "launch_value", "status", "with_tpm"]

ONES = 0xFFFF_FFFF
_LONGEST_ACCESS = 6  # cycles
_LIMIT = 2 * PATIENCE  # cycles that anything may take


def access(*names: str) -> int:
    """These bits of ACCESS."""
    return sum(TPM["ACCESS"].field(name).mask for name in names)


def status(*names: str) -> int:
    """These bits of STS."""
    return sum(TPM["STS"].field(name).mask for name in names)


def launch_value(block: bytes) -> bytes:
    """What PCR 17 holds after a launch that measured it."""
    return hashlib.sha256(bytes(hashlib.sha256().digest_size) + hashlib.sha256(block).digest()).digest()


@dataclass
class Holder:
    """Serves the port, with pauses.

    ``hold``: takes requests and keeps the answers back, for ``release_in`` cycles if that is not 0; ``mute``: takes nothing, though it is
    present; ``away``: it is not present for so many cycles.
    """

    bridge: TpmBridge
    rng: Random
    hold: bool = False
    release_in: int = 0
    mute: bool = False
    away: int = 0
    slow: float = 0.2  # share of the cycles in which it neither takes nor gives
    log: list[tuple[TpmOp, int]] = field(default_factory=list)  # requests and their localities, those of several transfers once
    commands: list[tuple[int, bytes]] = field(default_factory=list)  # whole, with their localities
    answers: list[bytes] = field(default_factory=list)  # to them
    held: list[AnswerByte] = field(default_factory=list)

    async def serve(self, ctx, port) -> None:
        """In the background."""
        command = b""  # as far as it has come
        # Each signal is looked up once, and a request is taken apart only when there is one: this runs in every cycle.
        request_valid, request_ready, payload = port.request.valid, port.request.ready, Value.cast(port.request.payload)
        answer_valid, answer_ready, answer_payload = port.answer.valid, port.answer.ready, port.answer.payload
        present, opened = port.present, maker(TpmRequest)
        while True:
            ctx.set(present, self.bridge.present and not self.away)
            self.away = max(self.away - 1, 0)
            if self.release_in:
                self.release_in -= 1
                self.hold = self.release_in > 0
            offers = bool(self.held) and not self.hold and self.rng.random() >= self.slow
            if offers:
                byte = self.held[0]
                ctx.set(answer_payload, {"data": byte.data, "last": byte.last, "reset": byte.reset})
            ctx.set(answer_valid, offers)
            takes = not self.mute and self.rng.random() >= self.slow
            ctx.set(request_ready, takes)
            _, _, valid, bits, ready = await ctx.tick().sample(request_valid, payload, answer_ready)
            if offers and ready:
                self.held.pop(0)
            if valid and takes:
                request = opened(bits)
                op = TpmOp(request.op.value)
                if not command or op is not TpmOp.COMMAND:
                    self.log.append((op, request.locality))
                command = command + bytes((request.data & 0xFF,)) if op is TpmOp.COMMAND else b""
                if command and request.last:
                    self.commands.append((request.locality, command))
                    command = b""
                answer = self.bridge.take(op, request.locality, bool(request.last), request.mask, request.data)
                self.held += answer
                if op is TpmOp.COMMAND and answer:
                    self.answers.append(bytes(byte.data for byte in answer))


class Bus:
    """Accesses to the registers, one at a time; ``cycles`` is what the last one took."""

    def __init__(self, ctx, where: Stage) -> None:
        block = where.tpm.block
        self.ctx = ctx
        self._told = (block.page, block.address, block.mask, block.write, block.write_data, block.privileged, block.valid)
        self._valid, self._ready, self._read_data = block.valid, block.ready, block.read_data
        self.privileged = False
        self.cycles = 0

    async def access(self, locality: int, offset: int, mask: int, value: int | None = None) -> int:
        """Bytes of a word; the word that is read."""
        ctx = self.ctx
        values = (locality, offset // WORD_SIZE, mask, value is not None, value or 0, self.privileged, 1)
        for signal, to in zip(self._told, values, strict=True):
            ctx.set(signal, to)
        self.cycles = 0
        while True:
            self.cycles += 1
            _, _, ready, data = await ctx.tick().sample(self._ready, self._read_data)
            if ready:
                break
            assert self.cycles < _LIMIT, "the register port hangs"
        ctx.set(self._valid, 0)
        return data

    async def move(self, locality: int, offset: int, size: int, value: int | None = None) -> int:
        """``size`` bytes at ``offset``, within a word."""
        lane = offset % WORD_SIZE
        assert lane + size <= WORD_SIZE
        word = await self.access(locality, offset, (1 << size) - 1 << lane, None if value is None else value << 8 * lane)
        assert self.cycles <= _LONGEST_ACCESS
        return word >> 8 * lane & (1 << 8 * size) - 1

    async def read(self, locality: int, name: str) -> int:
        """A register, whole."""
        return await self.move(locality, TPM[name].offset, TPM[name].size)

    async def write(self, locality: int, name: str, value: int) -> None:
        """A register, whole."""
        await self.move(locality, TPM[name].offset, TPM[name].size, value)

    async def everything(self, locality: int) -> list[int]:
        """All words of a page."""
        return [await self.access(locality, offset, 0xF) for offset in range(0, LOCALITY_STRIDE, WORD_SIZE)]


class Launch:
    """What SKINIT sends; ``cycles`` is what the last step took."""

    def __init__(self, ctx, where: Stage) -> None:
        port = where.tpm.hash
        self._ctx, self._ready, self._valid = ctx, port.ready, port.valid
        self._told = (port.op, port.mask, port.data)
        self.cycles = 0

    async def step(self, op: HashOp, mask: int = 0, data: int = 0) -> None:
        """One of them."""
        ctx = self._ctx
        for signal, to in zip((*self._told, self._valid), (op, mask, data, 1), strict=True):
            ctx.set(signal, to)
        self.cycles = 0
        while True:
            self.cycles += 1
            if (await ctx.tick().sample(self._ready))[2]:
                break
            assert self.cycles < _LIMIT, "the launch hangs"
        ctx.set(self._valid, 0)

    async def data(self, block: bytes, rng: Random | None = None) -> None:
        """What is measured, in words, or with ``rng`` under all kinds of masks."""
        at = 0
        while at < len(block):
            mask = (1 << min(WORD_SIZE, len(block) - at)) - 1 if rng is None else rng.randrange(1 << WORD_SIZE)
            word = 0 if rng is None else rng.getrandbits(32)  # bytes beside the mask mean nothing
            for lane in range(WORD_SIZE):
                if mask >> lane & 1:
                    if at == len(block):
                        mask &= ~(1 << lane)
                        continue
                    word = word & ~(0xFF << 8 * lane) | block[at] << 8 * lane
                    at += 1
            await self.step(HashOp.DATA, mask, word)

    async def measure(self, block: bytes, rng: Random | None = None) -> None:
        """All of it."""
        await self.step(HashOp.START)
        await self.data(block, rng)
        await self.step(HashOp.END)


@dataclass
class Bench:
    """What a program has at hand."""

    ctx: Any
    stage: Stage
    bus: Bus
    launch: Launch
    holder: Holder
    tpm: Swtpm | None
    rng: Random

    @property
    def swtpm(self) -> Swtpm:
        """The TPM, which is there."""
        assert self.tpm is not None
        return self.tpm

    def launched(self, value: int = 1) -> None:
        """Says whether there has been a launch."""
        self.ctx.set(self.stage.tpm.launched, value)

    def strap(self, **straps: int) -> None:
        """Sets ``TpmStraps``."""
        self.ctx.set(self.stage.tpm.straps, straps)

    async def cycles(self, count: int) -> None:
        """Time goes by."""
        await self.ctx.tick().repeat(count)

    async def platform_reset(self, cycles: int = 3) -> None:
        """As the machine does it: the launch is forgotten too."""
        self.ctx.set(self.stage.reset, 1)
        self.launched(0)
        await self.cycles(cycles)
        self.ctx.set(self.stage.reset, 0)

    async def started(self) -> None:
        """Until the TPM has answered the platform's reset, or is known not to be there."""
        for _ in range(_LIMIT):
            if await self.bus.read(0, "ACCESS") & access("VALID"):
                return
        raise AssertionError("the TPM does not start")

    async def all_ones(self) -> None:
        """Nothing answers in any locality, whoever asks."""
        for self.bus.privileged in (False, True):
            for locality in range(LOCALITIES):
                for name in ("ACCESS", "STS", "DATA_FIFO", "DID_VID", "INTF_CAPABILITY"):
                    assert await self.bus.read(locality, name) == (1 << 8 * TPM[name].size) - 1, (locality, name)


Program = Callable[[Bench], Awaitable[None]]


def with_tpm(rng: Random, program: Program, *, absent: bool = False) -> Holder:
    """Runs a program from power on, with a new swtpm behind the registers, or none."""
    where = stage()
    holders = []

    def run(tpm: Swtpm | None) -> None:
        holder = Holder(TpmBridge(tpm), Random(rng.getrandbits(32)))
        holders.append(holder)

        async def serve(ctx) -> None:
            await holder.serve(ctx, where.tpm.port)

        async def play(ctx) -> None:
            bench = Bench(ctx, where, Bus(ctx, where), Launch(ctx, where), holder, tpm, rng)
            await bench.platform_reset()
            await bench.started()
            await program(bench)

        simulate(SPEC, where, play, background=[serve])

    if absent:
        run(None)
    else:
        with TemporaryDirectory() as folder, Swtpm(Path(folder) / "state") as tpm:
            run(tpm)
    return holders[0]
