"""The IDE controller between a host, a memory and a storage that the testbench plays."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random

from amaranth.hdl import Value

from chipset.devices.storage.port import SECTOR_WORDS, StorageOp
from cocotb_tests.chipset.devices.ide.stage import SPEC, Stage, stage
from cocotb_tests.chipset.devices.io_driver import IoDriver
from cocotb_tests.verilated import simulate
from contracts.ide import (
    PRD_SIZE,
    SECTOR_SIZE,
    Ata,
    BusMasterCommand,
    BusMasterPort,
    BusMasterStatus,
    Control,
    Device,
    PrdFlag,
    Status,
    TaskFile,
)

__all__ = ["READY", "SECTORS", "TABLE", "Host", "Memory", "Storage", "chain", "with_controller"]

SECTORS = 2100  # two cylinders of the default translation and a bit
TABLE = 0x8000  # where the tests put descriptors
READY = Status.DRDY | Status.DSC
_PATIENCE = 20_000


@dataclass
class Storage:
    """Sectors by number, answered after a while; those that nobody wrote hold their number. ``bad``: sectors that fail."""

    rng: Random
    sectors: int = SECTORS
    written: dict[int, bytes] = field(default_factory=dict)
    bad: set[int] = field(default_factory=set)
    flush_fails: bool = False
    log: list[tuple[StorageOp, int]] = field(default_factory=list)
    busy: bool = False  # a request is under way

    def sector(self, number: int) -> bytes:
        """512 bytes."""
        return self.written.get(number) or bytes((number * 7 + n * 3 + (n >> 8)) & 0xFF for n in range(SECTOR_SIZE))

    async def serve(self, ctx, port) -> None:
        """In the background."""
        rng = self.rng
        ctx.set(port.sectors, self.sectors)
        requests = port.request
        while True:
            ctx.set(requests.ready, 1)
            (request,) = await ctx.tick().sample(requests.payload).until(requests.valid)
            ctx.set(requests.ready, 0)
            self.busy = True
            op, number = StorageOp(request.op), request.sector
            assert op is StorageOp.FLUSH or number < self.sectors
            self.log.append((op, number))
            error = number in self.bad if op is not StorageOp.FLUSH else self.flush_fails
            words = rng.randrange(SECTOR_WORDS) if error else SECTOR_WORDS
            await ctx.tick().repeat(rng.randrange(1, 8))
            if op is StorageOp.READ:
                data = self.sector(number)
                for n in range(words):
                    ctx.set(port.read.valid, 1)
                    ctx.set(port.read.payload, int.from_bytes(data[4 * n : 4 * n + 4], "little"))
                    while not (await ctx.tick().sample(port.read.ready))[2]:
                        pass
                    ctx.set(port.read.valid, 0)
                    if rng.random() < 0.05:
                        await ctx.tick()
            elif op is StorageOp.WRITE:
                taken = []
                for _ in range(words):
                    ctx.set(port.write.ready, 1)
                    while True:
                        _, _, valid, word = await ctx.tick().sample(port.write.valid, port.write.payload)
                        if valid:
                            break
                    taken.append(word)
                    ctx.set(port.write.ready, 0)
                    if rng.random() < 0.05:
                        await ctx.tick()
                if not error:
                    self.written[number] = b"".join(word.to_bytes(4, "little") for word in taken)
            ctx.set(port.done, 1)
            ctx.set(port.error, error)
            await ctx.tick()
            ctx.set(port.done, 0)
            self.busy = False


@dataclass
class Memory:
    """Bytes by address; what nobody wrote holds its address. ``bad`` pages answer with an error, and change by nothing."""

    rng: Random
    content: dict[int, int] = field(default_factory=dict)
    bad: set[int] = field(default_factory=set)  # page numbers
    log: list[tuple[str, int, int]] = field(default_factory=list)  # what, address, words
    touched: set[tuple[str, int]] = field(default_factory=set)  # what, byte address
    stall: bool = False
    outstanding: bool = False

    def byte(self, address: int) -> int:
        """One of them."""
        return self.content.get(address, (address * 5 + (address >> 8)) & 0xFF)

    def read(self, address: int, count: int) -> bytes:
        """Several."""
        return bytes(self.byte((address + n) % 2**32) for n in range(count))

    def write(self, address: int, values: bytes) -> None:
        """Several."""
        self.content |= {(address + n) % 2**32: value for n, value in enumerate(values)}

    async def serve(self, ctx, bus) -> None:
        """In the background; checks what every master has to keep to."""
        rng = self.rng
        beats = []
        waiting = None
        request = Value.cast(bus.req)
        while True:
            ctx.set(bus.req_ready, 0 if self.stall else rng.random() < 0.7)
            _, _, valid, ready, bits = await ctx.tick().sample(bus.req_valid, bus.req_ready, request)
            assert waiting is None or (valid and bits == waiting), "the request does not hold still"
            waiting = bits if valid and not ready else None
            if not (valid and ready):
                continue
            req = bus.req.shape().from_bits(bits)
            assert req.address % 4 == 0 and not req.lock and req.mask and (not req.burst or req.mask == 0xF)
            beats.append(req)
            self.outstanding = True
            if not req.last:
                continue
            assert len(beats) == (4 if req.write and req.burst else 1)
            first = beats[0]
            assert not first.burst or first.address % 16 == 0
            assert [b.address for b in beats] == [first.address + 4 * n for n in range(len(beats))]
            error = first.address >> 12 in self.bad
            count = 4 if first.burst else 1
            self.log.append(("write" if first.write else "read", first.address, count))
            what = "write" if first.write else "read"
            places = [(b.address + n, b.data >> 8 * n & 0xFF) for b in beats for n in range(4) if b.mask >> n & 1]
            if not first.write and first.burst:
                places = [(first.address + n, 0) for n in range(16)]
            self.touched |= {(what, address) for address, _ in places}
            if first.write:
                if not error:
                    self.content |= dict(places)
                answers = [0]
            else:
                answers = [int.from_bytes(self.read(first.address + 4 * n, 4), "little") for n in range(count)]
            beats = []
            ctx.set(bus.req_ready, 0)
            await ctx.tick().repeat(rng.randrange(1, 6))
            for n, word in enumerate(answers):
                ctx.set(bus.rsp_valid, 1)
                ctx.set(bus.rsp.data, 0xFFFF_FFFF if error else word)
                ctx.set(bus.rsp.error, error)
                ctx.set(bus.rsp.last, n == len(answers) - 1)
                await ctx.tick()
            ctx.set(bus.rsp_valid, 0)
            self.outstanding = False


def chain(regions: list[tuple[int, int]], end: bool = True) -> bytes:
    """A descriptor table of (base, bytes) regions; the last one has END_OF_TABLE unless ``end`` is False."""
    words = []
    for n, (base, count) in enumerate(regions):
        flag = PrdFlag.END_OF_TABLE if end and n == len(regions) - 1 else 0
        words += [base, count & 0xFFFF | flag]
    assert len(words) * 4 == PRD_SIZE * len(regions)
    return b"".join(word.to_bytes(4, "little") for word in words)


class Host:
    """Software: registers, commands, data. The controller's ports are on and its bus mastering is allowed."""

    def __init__(self, ctx, stage: Stage) -> None:
        dut = stage.controller
        self.ctx, self.dut, self.stage = ctx, dut, stage
        self._task_file = IoDriver(ctx, dut.task_file)
        self._control = IoDriver(ctx, dut.control)
        self._master = IoDriver(ctx, dut.registers)

    async def write(self, register: TaskFile, value: int) -> None:
        await self._task_file.write(register, value)

    async def read(self, register: TaskFile) -> int:
        return await self._task_file.read(register)

    async def control(self, value: Control | int) -> None:
        await self._control.write(0, value)

    async def alternate(self) -> int:
        return await self._control.read(0)

    async def master_write(self, port: int, value: int, size: int = 1) -> None:
        for n in range(size):
            await self._master.write(port + n, value >> 8 * n & 0xFF)

    async def master_read(self, port: int, size: int = 1) -> int:
        return sum([(await self._master.read(port + n)) << 8 * n for n in range(size)])

    @property
    def irq(self) -> int:
        return self.ctx.get(self.dut.irq)

    def buffer(self) -> list[int]:
        """All words of the drive's sector buffer, behind its back."""
        return self.stage.buffer(self.ctx)

    async def data_in(self, size: int = 2) -> bytes:
        """A word or dword of the data port."""
        ctx, port = self.ctx, self.dut.data
        ctx.set(port.mask, (1 << size) - 1)
        ctx.set(port.read, 1)
        value = ctx.get(port.read_data) & (1 << 8 * size) - 1
        await ctx.tick()
        ctx.set(port.read, 0)
        return value.to_bytes(size, "little")

    async def data_out(self, value: bytes) -> None:
        """A word or dword to the data port."""
        ctx, port = self.ctx, self.dut.data
        ctx.set(port.mask, (1 << len(value)) - 1)
        ctx.set(port.write_data, int.from_bytes(value, "little"))
        ctx.set(port.write, 1)
        await ctx.tick()
        ctx.set(port.write, 0)

    async def wait(self, mask: int = Status.BSY, value: int = 0) -> int:
        """Until the alternate status has that value under the mask."""
        for _ in range(_PATIENCE):
            status = await self.alternate()
            if status & mask == value:
                return status
        raise AssertionError(f"the drive stays at {status:#x}")

    async def wait_irq(self) -> None:
        """Until the interrupt is raised."""
        for _ in range(_PATIENCE):
            irq = self.irq
            await self.ctx.tick()  # the bus master sees it a cycle later
            if irq:
                return
        raise AssertionError("no interrupt")

    async def address(self, lba: int, count: int, device: int = Device.LBA) -> None:
        """Fill in the task file."""
        await self.write(TaskFile.DEVICE, device | lba >> 24)
        await self.write(TaskFile.SECTOR_COUNT, count & 0xFF)
        for n, register in enumerate((TaskFile.LBA_LOW, TaskFile.LBA_MID, TaskFile.LBA_HIGH)):
            await self.write(register, lba >> 8 * n & 0xFF)

    async def named(self) -> int:
        """The sector that the task file names."""
        low, mid, high, top = [await self.read(r) for r in (TaskFile.LBA_LOW, TaskFile.LBA_MID, TaskFile.LBA_HIGH, TaskFile.DEVICE)]
        return low | mid << 8 | high << 16 | (top & 0xF) << 24

    async def command(self, code: int) -> None:
        """Only the command; the task file is filled in."""
        await self.write(TaskFile.COMMAND, code)

    async def simple(self, code: int, count: int = 0, features: int = 0) -> tuple[int, int]:
        """A command without data: STATUS and ERROR at its end, which it tells by an interrupt."""
        await self.write(TaskFile.FEATURES, features)
        await self.write(TaskFile.SECTOR_COUNT, count)
        await self.command(code)
        await self.wait_irq()
        status = await self.read(TaskFile.STATUS)
        assert not self.irq
        return status, await self.read(TaskFile.ERROR)

    async def sector_in(self, rng: Random) -> bytes:
        """One sector by the data port, in words and dwords."""
        data = b""
        while len(data) < SECTOR_SIZE:
            data += await self.data_in(2 if len(data) == SECTOR_SIZE - 2 else rng.choice((2, 4)))
        return data

    async def sector_out(self, rng: Random, data: bytes) -> None:
        """One sector to the data port."""
        while data:
            size = 2 if len(data) == 2 else rng.choice((2, 4))
            await self.data_out(data[:size])
            data = data[size:]

    async def start(self, to_memory: bool, table: int = TABLE) -> None:
        """Set the bus master going."""
        await self.master_write(BusMasterPort.COMMAND, 0)
        await self.master_write(BusMasterPort.STATUS, BusMasterStatus.ERROR | BusMasterStatus.INTERRUPT)
        await self.master_write(BusMasterPort.DESCRIPTOR_TABLE, table, 4)
        direction = BusMasterCommand.TO_MEMORY if to_memory else 0
        await self.master_write(BusMasterPort.COMMAND, direction)
        await self.master_write(BusMasterPort.COMMAND, direction | BusMasterCommand.START)

    async def dma(self, lba: int, count: int, to_memory: bool, table: int = TABLE) -> tuple[int, int]:
        """A whole DMA command: the bus master's STATUS and the drive's at its end."""
        await self.address(lba, count)
        await self.start(to_memory, table)
        await self.command(Ata.READ_DMA if to_memory else Ata.WRITE_DMA)
        await self.wait_irq()
        seen = await self.master_read(BusMasterPort.STATUS)
        await self.master_write(BusMasterPort.COMMAND, 0)
        status = await self.read(TaskFile.STATUS)
        assert not self.irq
        return seen, status


Program = Callable[[Host, Memory, Storage], Awaitable[None]]


def with_controller(rng: Random, program: Program, storage: Storage | None = None) -> tuple[Memory, Storage]:
    """Run a program on a controller that is out of its reset, its ports on."""
    wrapped = stage()
    dut = wrapped.controller
    memory, storage = Memory(rng), storage or Storage(rng)

    async def serve_memory(ctx):
        await memory.serve(ctx, dut.bus)

    async def serve_storage(ctx):
        await storage.serve(ctx, dut.storage)

    async def bench(ctx):
        ctx.set(dut.settings.legacy, 1)
        ctx.set(dut.settings.bus_master, 1)
        host = Host(ctx, wrapped)
        await ctx.tick().repeat(2)
        await host.wait()
        await program(host, memory, storage)

    simulate(SPEC, wrapped, bench, background=[serve_memory, serve_storage])
    return memory, storage
