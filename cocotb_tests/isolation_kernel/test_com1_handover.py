"""COM1 changes hands with nothing of its old owner in it: on the model, and what the kernel does to it on the circuit itself."""

from amaranth.hdl import Fragment
from amaranth.sim import Simulator

from chipset.devices.uart_16550 import Uart16550
from cocotb_tests.isolation_kernel.world import World
from contracts.devices import DEVICES, DeviceNumber
from contracts.hypercalls import Hypercall
from contracts.memory_map import Port
from isolation_kernel.model.script import In, Out, Script, Vmmcall

DATA, ENABLE, FIFO, LINE, MODEM, LINE_STATUS, MODEM_STATUS, SCRATCH = range(8)
DIRTY = (
    (SCRATCH, 0x5E), (LINE, 0x80), (DATA, 0xC1), (ENABLE, 0xE7), (LINE, 0x1B), (ENABLE, 0x0F), (FIFO, 0xC1), (MODEM, 0x1F),
    *((DATA, 0x41 + n) for n in range(20)),  # looped back, more than there is room for
    (MODEM, 0x10),  # lines fall
)  # fmt: skip
SHOWN = (
    (None, LINE_STATUS), (None, MODEM_STATUS), (None, FIFO), (None, MODEM), (None, LINE), (None, ENABLE), (None, SCRATCH), (None, DATA),
    (0x80, DATA), (None, ENABLE), (0, DATA),
)  # fmt: skip


def test_the_next_owner_reads_a_16550_as_after_reset() -> None:
    seen: dict[str, list[object]] = {"fresh": [], "given": []}

    def looks(into: list[object]) -> Script:
        for line, register in SHOWN:
            if line is not None:
                yield Out(Port.COM1 + LINE, line)
            into.append((yield In(Port.COM1 + register)))

    def first() -> Script:
        yield from looks(seen["fresh"])
        for register, value in DIRTY:
            yield Out(Port.COM1 + register, value)
        assert (yield In(Port.COM1 + SCRATCH)) == 0x5E
        yield Vmmcall(Hypercall.GIVE_DEVICE, DeviceNumber.COM1, 2)

    def second() -> Script:
        while DeviceNumber.COM1 not in receiver.devices:
            yield Vmmcall(Hypercall.YIELD)
        yield from looks(seen["given"])

    world = World()
    world.guest(first, one_to_one=True, devices=frozenset({DeviceNumber.COM1}))
    receiver = world.guest(second)
    world.run()
    assert seen["given"] == seen["fresh"] and len(seen["fresh"]) == len(SHOWN)


def on_the_circuit(operations: list[tuple[int, int | None]], settle: int = 40) -> tuple[list[int], dict[str, int]]:
    """What SHOWN reads after some writes (None: reads), and every register of the circuit."""
    dut = Uart16550()
    read: list[int] = []
    state: dict[str, int] = {}

    async def bench(ctx) -> None:
        async def access(register: int, value: int | None) -> int:
            ctx.set(dut.io.address, register)
            ctx.set(dut.io.write_data, value or 0)
            ctx.set(dut.io.read if value is None else dut.io.write, 1)
            answer = ctx.get(dut.io.read_data)
            await ctx.tick()
            ctx.set(dut.io.read, 0)
            ctx.set(dut.io.write, 0)
            return int(answer)

        for register, value in operations:
            await access(register, value)
            await ctx.tick()
        await ctx.tick().repeat(settle)
        for line, register in SHOWN:
            if line is not None:
                await access(LINE, line)
            read.append(await access(register, None))
        state["divisor"] = ctx.get(dut.divisor)
        state["irq"] = ctx.get(dut.irq)

    simulator = Simulator(Fragment.get(dut, None))
    simulator.add_clock(1e-8)
    simulator.add_testbench(bench)
    simulator.run()
    return read, state


def test_the_kernels_accesses_clean_the_circuit() -> None:
    quiet = [(port - Port.COM1, value) for port, value in DEVICES[DeviceNumber.COM1].quiet]
    fresh = on_the_circuit([])
    dirty = on_the_circuit(list(DIRTY))
    assert sum(a != b for a, b in zip(fresh[0], dirty[0], strict=True)) > 7, "there is something to clean"
    assert on_the_circuit([*DIRTY, *quiet]) == fresh
    assert on_the_circuit([*DIRTY, (LINE, 0x80), *quiet]) == fresh
