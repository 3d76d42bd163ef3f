"""The pipeline alone: instructions handed to it decoded, a memory that answers at once, judged at the retire port.

What the frontend and the memory unit add is tested with the whole core; here timing and faults of the pipeline itself are in the open.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from itertools import accumulate, pairwise
from random import Random
from typing import Any

import pytest
from amaranth import Module, Signal
from amaranth.lib import wiring
from amaranth.sim import Simulator

from cocotb_tests.rtl.slots import gap
from contracts.msr import Efer
from cpu_ext.extension import Svm
from rtl.arch.exceptions import Vector
from rtl.arch.flags import Bit
from rtl.arch.registers import Gpr, Segment
from rtl.arch.special import Rep
from rtl.memory.port import AccessKind
from rtl.microcode.assembler import Rom
from rtl.microcode.rom import build
from rtl.no_extension import NoExtension
from rtl.pipeline import Pipeline

__all__: list[str] = []

RESET_EIP = 0xFFF0
HANDLER = 0x4000
STACK = 0x8000
SOURCE, DESTINATION = 0x1000, 0x2000


@pytest.fixture(scope="module")
def rom() -> Rom:
    return build()


@dataclass
class Bench:
    """Feeds instructions by EIP and serves accesses from a dictionary of bytes."""

    rom: Rom
    program: dict[int, dict[str, Any]] = field(default_factory=dict)
    memory: dict[int, int] = field(default_factory=dict)
    faults: set[int] = field(default_factory=set)  # linear addresses that raise #PF
    next: int = RESET_EIP
    records: list[Any] = field(default_factory=list)  # of instructions, as they come out
    redirects: list[int] = field(default_factory=list)  # where to
    interrupts: Collection[int] = ()  # cycles in which INTR is raised, until it is acknowledged ...
    withdrawn: bool = False  # ... or for one cycle

    def add(self, label: str, length: int = 1, **fields: Any) -> None:
        """One more instruction, after the one before it."""
        eip = fields.pop("at", self.next)
        self.program[eip] = {
            "entry": self.rom.labels[label], "operand32": 1, "address32": 1, "eip": eip, "next_eip": eip + length, "length": length,
            "data_segment": Segment.DS, **fields,
        }  # fmt: skip
        self.next = eip + length

    def ea(self, displacement: int, segment: Segment = Segment.DS, **fields: int) -> dict[str, Any]:
        """An addressing form."""
        return {"displacement": displacement, "segment": segment, **fields}

    def read(self, address: int, size: int) -> int:
        return int.from_bytes(bytes(self.memory.get(address + i, 0) for i in range(size)), "little")

    def write(self, address: int, value: int, size: int) -> None:
        for i, byte in enumerate((value & (1 << 8 * size) - 1).to_bytes(size, "little")):
            self.memory[address + i] = byte

    def run(self, retired: int, limit: int = 600) -> list[Any]:
        """Runs until so many instruction records have come; returns them as (event, vector, eip, next_eip, gpr, eflags, cycle)."""
        m = Module()
        m.submodules.pipeline = pipeline = Pipeline(self.rom)
        m.submodules.extension = extension = NoExtension()
        wiring.connect(m, pipeline.seam, extension.seam)
        skipped = Signal()  # a slot of the retire port
        m.d.comb += skipped.eq(gap(pipeline.retire))
        simulator = Simulator(m)
        simulator.add_clock(1e-6)
        result: list[Any] = []

        async def front(ctx: Any) -> None:
            eip: int | None = None
            ctx.set(pipeline.maintenance.done, 1)
            while True:
                row = None if eip is None else self.program.get(eip)
                ctx.set(pipeline.decoded.valid, row is not None)
                if row is not None:
                    ctx.set(pipeline.decoded.payload, row)
                _clk, _rst, redirected, target, taken = await ctx.tick().sample(
                    pipeline.redirect.valid, pipeline.redirect.eip, pipeline.decoded.valid & pipeline.decoded.ready
                )
                if redirected:
                    eip = target
                    self.redirects.append(target)
                elif taken and row is not None:
                    prediction = row.get("prediction", {"taken": 0})
                    eip = prediction["target"] if prediction["taken"] else row["next_eip"]

        async def memory(ctx: Any) -> None:
            access = pipeline.access
            ctx.set(access.ready, 1)
            ctx.set(access.idle, 1)
            linear, size, cycle = 0, 0, 0
            while True:
                _clk, _rst, valid, request, commit, data = await ctx.tick().sample(
                    access.valid, access.request, access.commit, access.store_data
                )
                if commit:
                    self.write(linear, data, size)
                ctx.set(access.done, valid)
                cycle += 1
                if cycle in self.interrupts:
                    ctx.set(pipeline.intr, 1)
                elif self.withdrawn:
                    ctx.set(pipeline.intr, 0)
                if valid:
                    linear, size, kind = request.linear, request.size, request.kind
                    if kind == AccessKind.ACKNOWLEDGE:
                        ctx.set(pipeline.intr, 0)
                    ctx.set(access.result.fault, linear in self.faults)
                    ctx.set(access.result.fault_address, linear)
                    ctx.set(access.result.error, 2 if kind != AccessKind.LOAD else 0)
                    ctx.set(access.result.data, self.read(linear, size))

        async def judge(ctx: Any) -> None:
            for cycle in range(limit):
                _clk, _rst, records, skips, shutdown = await ctx.tick().sample(pipeline.retire, skipped, pipeline.shutdown)
                assert not skips, f"a slot of the retire port is skipped in cycle {cycle}"
                for i in (record.instruction for record in records):
                    if i.valid:
                        result.append((i.event, i.vector, i.eip, i.next_eip, list(i.gpr), i.eflags, cycle))
                if shutdown:
                    result.append("shutdown")
                if shutdown or len(result) == retired:
                    return

        async def watch(ctx: Any) -> None:
            while True:
                _clk, _rst, record = await ctx.tick().sample(pipeline.recorder.record.instruction)
                if record.valid:
                    self.records.append(record)

        simulator.add_process(front)
        simulator.add_process(watch)
        simulator.add_process(memory)
        simulator.add_testbench(judge)
        simulator.run()
        return result


def registers(record: tuple) -> dict[str, int]:
    return dict(zip((g.name.lower() for g in Gpr), record[4], strict=True))


def test_moves_and_arithmetic_take_two_cycles_each(rom: Rom) -> None:
    b = Bench(rom)
    b.add("mov_opreg_imm", 5, opcode=0xB8, immediate=0x1234_5678)
    b.add("mov_opreg_imm", 5, opcode=0xB9, immediate=0xFFFF_FFFF)
    b.add("alu_rm_r_r", 2, fn=0, modrm=0xC8)  # add eax, ecx
    b.add("mov_opreg_imm", 2, opcode=0xB4, immediate=0xAB, byte=1)  # mov ah, 0ABh
    b.add("alu_rm_r_r", 2, fn=6, modrm=0xC0)  # xor eax, eax
    r = b.run(5)
    assert [registers(x)["eax"] for x in r] == [0x12345678, 0x12345678, 0x12345677, 0x1234AB77, 0]
    assert r[2][5] & 0xFF == 0x17 and r[4][5] & 0xFF == 0x46
    assert [y[6] - x[6] for x, y in zip(r, r[1:], strict=False)] == [2, 2, 2, 2]
    assert [x[2] for x in r] == [0xFFF0, 0xFFF5, 0xFFFA, 0xFFFC, 0xFFFE]


def test_load_store_and_read_modify_write(rom: Rom) -> None:
    b = Bench(rom)
    b.write(0x1000, 0x11223344, 4)
    b.add("mov_r_rm_m", 2, modrm=0x05, ea=b.ea(0x1000))
    b.add("mov_rm_r_m", 2, modrm=0x05, ea=b.ea(0x2002))
    b.add("alu_rm_r_m", 2, fn=0, modrm=0x05, byte=1, ea=b.ea(0x2002))  # add [2002h], al
    b.add("lea_m", 2, modrm=0x0D, ea=b.ea(0x10, base_valid=1, base=0, index_valid=1, index=0, scale=2))
    r = b.run(4)
    assert registers(r[0])["eax"] == 0x11223344
    assert b.read(0x2002, 4) == 0x11223388
    assert registers(r[3])["ecx"] == (0x11223344 * 5 + 0x10) & 0xFFFFFFFF


def test_stack_and_jumps(rom: Rom) -> None:
    b = Bench(rom)
    b.add("mov_opreg_imm", 3, opcode=0xBC, immediate=0x8000, operand32=0)
    b.add("call_rel", 3, immediate=0x100, operand32=0)
    b.add("nop", 1)
    b.add("ret", 1, at=0xFFF6 + 0x100 & 0xFFFF, operand32=0)
    r = b.run(4)
    assert [x[2] for x in r] == [0xFFF0, 0xFFF3, 0x00F6, 0xFFF6]
    assert b.read(0x7FFE, 2) == 0xFFF6
    assert [registers(x)["esp"] for x in r] == [0x8000, 0x7FFE, 0x8000, 0x8000]


def test_segment_limit_raises_general_protection_in_real_mode(rom: Rom) -> None:
    b = Bench(rom)
    b.write(4 * Vector.GP, 0x0010_2000, 4)  # 0010:2000
    b.add("mov_opreg_imm", 3, opcode=0xBC, immediate=0x8000, operand32=0)
    b.add("mov_r_rm_m", 2, modrm=0x05, ea=b.ea(0xFFFE))
    b.add("nop", 1, at=0x2000)
    r = b.run(3)
    assert r[1][:3] == (1, Vector.GP, 0xFFF3)
    assert r[2][2] == 0x2000
    assert b.read(0x7FFA, 2) == 0xFFF3 and b.read(0x7FFC, 2) == 0xF000


def test_fault_in_a_push_leaves_esp(rom: Rom) -> None:
    b = Bench(rom)
    b.write(4 * Vector.PF, 0x0000_3000, 4)
    b.faults.add(0x7FFE)
    b.add("mov_opreg_imm", 3, opcode=0xBC, immediate=0x8000, operand32=0)
    b.add("push_imm", 2, immediate=5, operand32=0)
    r = b.run(2, limit=400)
    # the delivery faults at the same place: page fault during a page fault, then during #DF: shutdown
    assert r[1] == "shutdown"
    assert b.read(0x7FFE, 2) == 0


def test_software_interrupt_and_return(rom: Rom) -> None:
    b = Bench(rom)
    b.write(4 * 0x21, 0x0100_0004, 4)  # 0100:0004
    b.add("mov_opreg_imm", 3, opcode=0xBC, immediate=0x8000, operand32=0)
    b.add("int_n", 2, immediate=0x21)
    b.add("iret", 1, at=4, operand32=0)
    b.add("nop", 1, at=0xFFF5)
    r = b.run(4)
    assert r[1][:4] == (1, 0x21, 0xFFF3, 4)
    assert [x[2] for x in r[2:]] == [4, 0xFFF5]
    assert registers(r[3])["esp"] == 0x8000


def test_divide_error(rom: Rom) -> None:
    b = Bench(rom)
    b.write(0, 0x0000_4000, 4)
    b.add("mov_opreg_imm", 3, opcode=0xBC, immediate=0x8000, operand32=0)
    b.add("div_r", 2, fn=6, modrm=0xF1)  # div ecx
    b.add("nop", 1, at=0x4000)
    r = b.run(3)
    assert r[1][:3] == (1, Vector.DE, 0xFFF3) and r[2][2] == 0x4000


def test_undefined_opcode_from_the_decoder(rom: Rom) -> None:
    b = Bench(rom)
    b.write(4 * Vector.UD, 0x0000_4000, 4)
    b.add("mov_opreg_imm", 3, opcode=0xBC, immediate=0x8000, operand32=0)
    b.add("nop", 1, fault={"valid": 1, "vector": Vector.UD})
    b.add("nop", 1, at=0x4000)
    r = b.run(3)
    assert r[1][:3] == (1, Vector.UD, 0xFFF3)


def test_init_clears_efer() -> None:
    """AMD64 APM vol. 2, table 14-1. The core has the register, the extension the MSR: hence the ROM with both."""
    b = Bench(build(Svm()))
    svme = int(Efer.SVME)
    b.add("read_msr_efer", 2)
    b.add("mov_opreg_imm", 5, opcode=0xB8, immediate=svme)
    b.add("mov_opreg_imm", 5, opcode=0xBA, immediate=0)
    b.add("write_msr_efer", 2)
    b.add("mov_opreg_imm", 5, opcode=0xB8, immediate=0)
    b.add("read_msr_efer", 2)
    b.add("init_entry")
    r = b.run(8, limit=2000)
    assert [registers(x)["eax"] for x in r] == [0, svme, svme, svme, 0, svme, 0, 0]
    assert [x[2] for x in r[6:]] == [b.next - 1, RESET_EIP]


def copies(rom: Rom, count: int, before: str, **fields: Any) -> tuple[Bench, int]:
    """A stack, an instruction, then REP MOVSB of so many bytes, and its EIP; a handler that returns, for INTR and #DB."""
    b = Bench(rom)
    vector = Vector.DB  # INTR brings what its acknowledge reads at 0
    b.write(4 * vector, HANDLER, 4)
    b.write(0, vector, 1)
    b.write(SOURCE, 0x1122_3344_5566_7788, 8)
    for opcode, value in ((0xBC, STACK), (0xBE, SOURCE), (0xBF, DESTINATION), (0xB9, count)):
        b.add("mov_opreg_imm", 1, opcode=opcode, immediate=value)
    b.add(before, 1, **fields)
    eip = b.next
    b.add("movs", 2, byte=1, rep=Rep.REPE)
    b.add("nop", 1)
    b.add("iret", 1, at=HANDLER, operand32=0)
    return b, eip


def told(records: list[Any], first: int) -> list[tuple[int, ...]]:
    """Of each record from ``first`` on: whether it is an event, whether it is final, EIP, the next one, and ECX."""
    return [(r.event, r.final, r.eip, r.next_eip, r.gpr[Gpr.ECX.value]) for r in records[first:]]


def test_a_repeated_instruction_goes_on_without_an_event(rom: Rom) -> None:
    b, eip = copies(rom, 4, "sti")
    r = b.run(9)
    assert told(b.records, 5) == [(0, 0, eip, eip, 3), (0, 0, eip, eip, 2), (0, 0, eip, eip, 1), (0, 1, eip, eip + 2, 0)]
    assert b.read(DESTINATION, 8) == 0x5566_7788
    assert [y[6] - x[6] for x, y in pairwise(r[5:])] == [16, 16, 16]
    assert b.redirects == [RESET_EIP]


def test_an_interrupt_comes_between_two_iterations(rom: Rom, rng: Random) -> None:
    """Whenever it comes: what has been done is told of, then that the instruction has ended where it stands, and afterwards it goes on."""
    count, interrupts = 80, 16
    b, eip = copies(rom, count, "sti")
    b.memory |= {SOURCE + n: rng.getrandbits(8) for n in range(count)}
    b.interrupts = frozenset(accumulate(rng.randrange(130, 160) for _ in range(interrupts)))
    b.run(5 + count + 3 * interrupts, limit=5000)
    records = told(b.records, 5)
    assert records.pop() == (0, 1, eip, eip + 2, 0)
    seen = []
    for at, (event, final, where, _, left) in enumerate(records):
        if event:
            seen.append(left)
            assert records[at - 2 : at + 2] == [
                (0, 0, eip, eip, left), (0, 1, eip, eip, left), (1, 0, eip, HANDLER, left), (0, 1, HANDLER, eip, left),
            ]  # fmt: skip
        else:
            assert final or (where, left) == (eip, count - 1 - sum(not r[1] and not r[0] for r in records[:at]))
    assert len(seen) == len(set(seen)) == interrupts
    assert b.redirects == [RESET_EIP, *[HANDLER, eip] * interrupts]
    assert all(b.memory[DESTINATION + n] == b.memory[SOURCE + n] for n in range(count))


def test_an_interrupt_that_is_withdrawn_leaves_a_repeated_instruction_to_go_on(rom: Rom, rng: Random) -> None:
    count = 24
    b, eip = copies(rom, count, "sti")
    b.memory |= {SOURCE + n: rng.getrandbits(8) for n in range(count)}
    b.interrupts, b.withdrawn = range(50, 400, 17), True  # in the end at each place of an iteration, which takes 16 cycles
    b.run(5 + 2 * count, limit=600)
    records = [r for r in told(b.records, 5) if r[2] == eip]
    again = [r for r in records if r[1] and r[3] == eip]
    assert again and b.redirects == [RESET_EIP, *[eip] * len(again)]
    assert [r for r in records if r not in again] == [*((0, 0, eip, eip, n) for n in range(count - 1, 0, -1)), (0, 1, eip, eip + 2, 0)]
    assert all(b.memory[DESTINATION + n] == b.memory[SOURCE + n] for n in range(count))


def test_the_single_step_trap_comes_after_each_iteration(rom: Rom) -> None:
    b, eip = copies(rom, 2, "popf", operand32=0)
    b.write(STACK, 1 << Bit.TF, 2)
    b.run(10)
    assert told(b.records, 5) == [
        (0, 0, eip, eip, 1), (0, 1, eip, eip, 1), (1, 0, eip, HANDLER, 1), (0, 1, HANDLER, eip, 1),
        (0, 1, eip, eip + 2, 0),
    ]  # fmt: skip
    assert b.read(DESTINATION, 2) == 0x7788


def predicted(rom: Rom, label: str, target: int, **fields: Any) -> tuple[Bench, int]:
    """A stack, then a branch that is predicted to be taken to ``target``; what is there and what is behind it does nothing."""
    b = Bench(rom)
    b.add("mov_opreg_imm", 1, opcode=0xBC, immediate=STACK)
    eip = b.next
    b.add(label, 2, prediction={"taken": 1, "target": target}, **fields)
    b.add("nop", 1)
    b.add("nop", 1, at=target)
    return b, eip


@pytest.mark.parametrize(("label", "cycles"), [("jmp_rel", 2), ("jcc", 2), ("call_rel", 8)])
def test_a_branch_that_was_predicted_needs_no_redirect(rom: Rom, label: str, cycles: int) -> None:
    b, eip = predicted(rom, label, HANDLER, opcode=5, immediate=HANDLER - RESET_EIP - 3)  # JNZ
    r = b.run(3)
    assert [x[2] for x in r] == [RESET_EIP, eip, HANDLER]
    assert r[1][6] - r[0][6] == cycles
    assert b.redirects == [RESET_EIP]


def test_a_branch_elsewhere_than_predicted_redirects(rom: Rom) -> None:
    b, eip = predicted(rom, "jmp_rel", HANDLER, immediate=0x5000 - RESET_EIP - 3)
    b.add("nop", 1, at=0x5000)
    assert [x[2] for x in b.run(3)] == [RESET_EIP, eip, 0x5000]
    assert b.redirects == [RESET_EIP, 0x5000]


@pytest.mark.parametrize("label", ["jcc", "loop", "jcxz"])
def test_a_branch_that_was_predicted_and_is_not_taken_redirects(rom: Rom, label: str) -> None:
    """JZ, whose micro-op says so; LOOP with ECX = 1 and JECXZ with another, which end without the micro-op that jumps."""
    b = Bench(rom)
    b.add("mov_opreg_imm", 1, opcode=0xB9, immediate=1)
    eip = b.next
    b.add(label, 2, opcode=4, immediate=0x100, prediction={"taken": 1, "target": eip + 2 + 0x100})
    b.add("nop", 1)
    b.add("nop", 1, at=eip + 2 + 0x100)
    assert [x[2] for x in b.run(3)] == [RESET_EIP, eip, eip + 2]
    assert b.redirects == [RESET_EIP, eip + 2]
