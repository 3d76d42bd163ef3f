"""A small circuit with every kind of port that a model handles: for the tests of the model layer."""

from amaranth.hdl import ClockSignal, Instance, Module, Mux, Signal
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from sim.model import Feed, Model, ModelSpec, Recorder, Stream, Transactor
from sim.ram import SIM_RAM

__all__ = ["WORKED", "Kind", "Sample", "SampleRecord", "fail", "sample_spec", "work"]

WORKED = "a thousand cycles are done"


class Kind(enum.Enum, shape=2):
    """What a record is about."""

    TICK = 1
    BYTE = 2


class Inner(data.Struct):
    """A nested part."""

    kind: Kind
    flag: 1
    lanes: data.ArrayLayout(8, 4)


class SampleRecord(data.Struct):
    """98 bits: more than three words."""

    valid: 1
    count: 32
    inner: Inner
    difference: data.StructLayout({"low": 20, "high": 10})


class Sample(wiring.Component):
    """Counts cycles while ``run``; says a byte every 16 cycles, adds one to each byte it hears and says that.

    ``pair``: two records side by side, none, one or both of them valid; they say twice the count, and one more.

    Requests: op 1 writes ``value`` at ``address`` (a word number), op 0 reads, op 2 reads four words.
    """

    def __init__(self, words: int = 1024) -> None:
        self.words = words
        super().__init__({
            "run": In(1), "count": Out(32), "alarm": Out(1), "alarm_at": In(32), "wide_in": In(70), "wide__out": Out(70),
            "say_valid": Out(1), "say_data": Out(8), "hear_valid": In(1), "hear_data": In(8), "hear_ready": Out(1),
            "echo_valid": Out(1), "echo_data": Out(8),
            "op": In(4), "address": In(32), "value": In(32), "ask": In(1), "taken": Out(1),
            "answer_valid": Out(1), "answer": Out(32), "error": Out(1),
            "retire": Out(SampleRecord), "pair": Out(data.ArrayLayout(SampleRecord, 2)),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        with m.If(self.run):
            m.d.sync += self.count.eq(self.count + 1)
        m.d.comb += [
            self.alarm.eq(self.run & (self.count == self.alarm_at)),
            self.wide__out.eq(~self.wide_in),
            self.say_valid.eq(self.run & (self.count[:4] == 15)),
            self.say_data.eq(ord("a") + self.count[4:8]),
            self.hear_ready.eq(self.count[0]),
            self.retire.valid.eq(self.run & ~self.count[0]),
            self.retire.count.eq(self.count),
            self.retire.inner.kind.eq(Kind.BYTE),
            self.retire.inner.flag.eq(self.count[1]),
            self.retire.inner.lanes[3].eq(self.count[:8]),
            self.retire.difference.high.eq(self.count[:10]),
        ]
        for lane, record in enumerate(self.pair):
            m.d.comb += [
                record.valid.eq(self.run & self.count[lane]), record.count.eq(2 * self.count + lane), record.inner.kind.eq(Kind.TICK),
                record.inner.flag.eq(self.count[2] ^ lane), record.inner.lanes[3].eq(self.count + lane),
                record.difference.high.eq(~self.count[:10]),
            ]  # fmt: skip
        m.d.sync += [self.echo_valid.eq(self.hear_valid & self.hear_ready), self.echo_data.eq(self.hear_data + 1)]
        self._memory(m)
        return m

    def _memory(self, m: Module) -> None:
        beats, following = Signal(3), Signal(32)
        enable, write, place = Signal(), Signal(), Signal(range(self.words))
        m.submodules.ram = Instance(
            "sim_ram", p_WORDS=self.words, i_clk=ClockSignal(), i_en=enable, i_we=write.replicate(4), i_addr=place, i_wdata=self.value,
            i_clear=0, o_rdata=self.answer,
        )  # fmt: skip
        with m.If(beats == 0):
            m.d.comb += [self.taken.eq(1), enable.eq(self.ask), write.eq(self.op == 1), place.eq(self.address)]
            with m.If(self.ask):
                m.d.sync += [beats.eq(Mux(self.op == 2, 4, 1)), following.eq(self.address + 1), self.error.eq(self.op > 2)]
        with m.Else():
            m.d.comb += [self.answer_valid.eq(1), enable.eq(beats != 1), place.eq(following)]
            m.d.sync += [beats.eq(beats - 1), following.eq(following + 1)]


def sample_spec(**arguments: int) -> ModelSpec:
    """The circuit with all its parts to play."""
    return ModelSpec(
        top="cocotb_tests.sim.model.sample:Sample",
        arguments=arguments,
        verilog=(SIM_RAM,),
        stops=("alarm", "echo_valid"),
        streams=(Stream("say", "say_valid", "say_data"), Stream("echo", "echo_valid", "echo_data")),
        feeds=(Feed("hear", "hear_valid", "hear_data", "hear_ready"),),
        recorders=(
            Recorder("retire", "retire"), Recorder("byte_ticks", "retire", ("valid", "~inner.flag")),
            Recorder("pair", "pair"), Recorder("pair_flags", "pair", ("valid", "inner.flag")),
        ),
        transactor=Transactor(("op", "address", "value"), "ask", "taken", ("answer", "error"), "answer_valid"),
    )  # fmt: skip


def work(model: Model) -> None:
    """Training."""
    model.set("run", 1)
    assert model.run(1000, stops=()).cycles == 1000
    print(WORKED)


def fail(model: Model) -> None:
    """Training that is no good."""
    raise RuntimeError("cannot work")
