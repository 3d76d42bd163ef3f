"""A driver of the FIFO interface, step by step as Linux's ``tpm_tis`` goes: what it cannot go on from is a ``TisError``."""

from random import Random

from cocotb_tests.chipset.devices.tpm.bench import Bench, access, status
from cocotb_tests.chipset.devices.tpm.commands import pcr_read, pcr_value
from contracts.registers import WORD_SIZE
from contracts.tpm import HEADER_SIZE, SIZE_END, SIZE_START, TPM

__all__ = ["Driver", "TisError", "read_pcr"]

_TRIES = 10_000  # looks at a register
_STS = TPM["STS"]
_MUST_BE_ZERO = status("RESPONSE_RETRY", "GO") | 1  # bits that no working TPM reads as 1
_FIFO = TPM["DATA_FIFO"].offset
_XFIFO = TPM["XDATA_FIFO"].offset


class TisError(Exception):
    """The interface does not do what the profile says it does."""


class Driver:
    """Of one locality. ``rng``: moves bytes in accesses of one to four, at any place of either FIFO register that has room for them;
    without it bytewise."""

    def __init__(self, bench: Bench, locality: int = 0, rng: Random | None = None) -> None:
        self._bus, self.locality, self._rng = bench.bus, locality, rng

    async def sts(self) -> int:
        """STS, if it is one."""
        value = await self._bus.read(self.locality, "STS")
        if value & _MUST_BE_ZERO:
            raise TisError("invalid status")
        return value

    async def wait(self, mask: int, value: int | None = None) -> int:
        """Until STS is that under the mask."""
        for _ in range(_TRIES):
            now = await self.sts()
            if now & mask == (mask if value is None else value):
                return now
        raise TisError(f"no {mask:#x}")

    async def request(self) -> None:
        """Get the TPM."""
        has = access("VALID", "ACTIVE_LOCALITY")
        for tries in range(_TRIES):
            now = await self._bus.read(self.locality, "ACCESS")
            if now == 0xFF:
                raise TisError("no TPM")
            if now & has == has:
                return
            if not tries:
                await self._bus.write(self.locality, "ACCESS", access("REQUEST_USE"))
        raise TisError("no locality")

    async def relinquish(self) -> None:
        """Give it up."""
        await self._bus.write(self.locality, "ACCESS", access("ACTIVE_LOCALITY"))

    async def ready(self) -> None:
        """Be ready for a command, whatever was before."""
        await self._bus.write(self.locality, "STS", status("COMMAND_READY"))
        await self.wait(status("COMMAND_READY"))

    def _size(self, left: int) -> tuple[int, int]:
        """Where the next access goes, and its bytes."""
        if self._rng is None:
            return _FIFO, 1
        size = self._rng.randint(1, min(left, WORD_SIZE))
        return self._rng.choice((_FIFO, _XFIFO)) + self._rng.randint(0, WORD_SIZE - size), size

    async def put(self, data: bytes) -> None:
        """Bytes, without a look at anything."""
        while data:
            offset, size = self._size(len(data))
            await self._bus.move(self.locality, offset, size, int.from_bytes(data[:size], "little"))
            data = data[size:]

    async def get(self, count: int) -> bytes:
        """Bytes, without a look at anything."""
        data = b""
        while len(data) < count:
            offset, size = self._size(count - len(data))
            data += (await self._bus.move(self.locality, offset, size)).to_bytes(size, "little")
        return data

    async def burst(self) -> int:
        """BURST_COUNT, which comes to more than 0 some time."""
        for _ in range(_TRIES):
            if count := _STS.field("BURST_COUNT").get(await self.sts()):
                return count
        raise TisError("no burst")

    async def send(self, command: bytes) -> None:
        """A command, up to its last byte: more is expected before that, and nothing after it."""
        await self.ready()
        left = command[:-1]
        while left:
            count = min(len(left), await self.burst())
            await self.put(left[:count])
            left = left[count:]
            if not await self.wait(status("VALID")) & status("EXPECT"):
                raise TisError("nothing more is expected")
        await self.put(command[-1:])
        if await self.wait(status("VALID")) & status("EXPECT"):
            raise TisError("more is expected")

    async def go(self) -> None:
        """Let the command be carried out."""
        await self._bus.write(self.locality, "STS", status("GO"))

    async def take(self, count: int) -> bytes:
        """Bytes of an answer, as they become available."""
        data = b""
        while len(data) < count:
            await self.wait(status("DATA_AVAILABLE", "VALID"))
            data += await self.get(min(count - len(data), await self.burst()))
        return data

    async def receive(self) -> bytes:
        """An answer, whole."""
        head = await self.take(HEADER_SIZE)
        answer = head + await self.take(int.from_bytes(head[SIZE_START:SIZE_END], "big") - HEADER_SIZE)
        if await self.wait(status("VALID")) & status("DATA_AVAILABLE"):
            raise TisError("left over data")
        return answer

    async def command(self, command: bytes) -> bytes:
        """A command and its answer, in a locality that is asked for and given up."""
        await self.request()
        await self.send(command)
        await self.go()
        answer = await self.receive()
        await self.ready()
        await self.relinquish()
        return answer


async def read_pcr(bench: Bench, pcr: int) -> bytes:
    """A register's value, by the FIFO of locality 0."""
    return pcr_value(await Driver(bench).command(pcr_read(pcr)))
