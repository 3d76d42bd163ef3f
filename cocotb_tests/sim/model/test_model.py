"""The model layer on a small circuit: ports, stops, streams, records, transactions, main memory, waves."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cocotb_tests.sim.fst import Fst
from cocotb_tests.sim.model.sample import Kind, SampleRecord, sample_spec
from cocotb_tests.vcd_file import VCDVCD
from sim.model import Model, build_model
from sim.model.library import TransactionTimeout

__all__: list[str] = []

ALARM = 1000


@pytest.fixture
def model() -> Iterator[Model]:
    with Model(build_model(sample_spec())) as model:
        model.set("alarm_at", 0xFFFF_FFFF)
        yield model


def test_ports_of_any_width(model: Model) -> None:
    value = 0x2A_0123_4567_89AB_CDEF
    model.set("wide_in", value)
    assert model.get("wide_in") == value
    assert model.get("wide__out") == value ^ ((1 << 70) - 1)
    with pytest.raises(ValueError, match="does not fit in wide_in"):
        model.set("wide_in", 1 << 70)
    with pytest.raises(ValueError, match="is an output"):
        model.set("count", 1)
    with pytest.raises(KeyError, match="no port nothing"):
        model.get("nothing")


def test_run_counts_cycles(model: Model) -> None:
    model.set("run", 1)
    assert model.run(123).cycles == 123
    assert model.get("count") == 123
    model.set("run", 0)
    model.run(50)
    assert (model.get("count"), model.cycle) == (123, 173)


def test_reset(model: Model) -> None:
    model.set("run", 1)
    model.run(5)
    model.set("rst", 1)
    model.run(1)
    model.set("rst", 0)
    model.run(3)
    assert model.get("count") == 3


def test_stop_ends_the_run_after_its_cycle(model: Model) -> None:
    model.set("run", 1)
    model.set("alarm_at", ALARM)
    result = model.run(10_000)
    assert result.stops == {"alarm"}
    assert result.cycles == ALARM + 1
    assert model.get("count") == ALARM + 1
    assert model.run(100).stops == frozenset()


def test_a_stop_not_asked_for_does_not_end_the_run(model: Model) -> None:
    model.set("run", 1)
    model.set("alarm_at", ALARM)
    assert model.run(2 * ALARM, stops=("echo_valid",)).cycles == 2 * ALARM


def test_stream(model: Model) -> None:
    model.set("run", 1)
    model.run(16 * 5)
    assert model.take("say") == b"abcde"
    assert model.take("say") == b""
    model.run(16)
    assert model.take("say") == b"f"


def test_feed_waits_for_ready(model: Model) -> None:
    model.set("run", 1)
    model.feed("hear", b"HAL")
    cycles = 0
    while model.feed_left("hear"):
        cycles += model.run(1).cycles
    model.run(2)
    assert model.take("echo") == b"IBM"
    assert cycles >= 6  # ready in every second cycle only
    model.run(100)
    assert model.take("echo") == b""  # and none is offered twice


def test_records(model: Model) -> None:
    model.set("run", 1)
    model.run(10)
    model.record("retire")
    model.run(10)
    model.record("retire", on=False)
    model.run(10)
    records = list(model.take_records("retire"))
    assert [r.count for r in records] == [10, 12, 14, 16, 18]
    assert [r.cycle for r in records] == [10, 12, 14, 16, 18]
    assert (model.record_count("retire"), model.record_count("byte_ticks")) == (15, 8)
    last = records[-1]
    assert last.name_of("inner.kind") == "BYTE"
    assert (last["inner.lanes[3]"], last.inner_lanes, last["difference.high"]) == (18, 18 << 24, 18)
    assert last.as_dict()["count"] == 18
    with pytest.raises(AttributeError, match="no field nothing"):
        _ = last.nothing


def test_newest_records_alone(model: Model) -> None:
    model.set("run", 1)
    model.record("retire", keep_last=10)
    model.run(10_000)
    counts = [r.count for r in model.take_records("retire")]
    assert 10 <= len(counts) <= 20
    assert counts == list(range(10_000 - 2 * len(counts), 10_000, 2))


def _pairs(first: int, end: int) -> list[tuple[int, int]]:
    """Cycle and count of the records at ``pair`` in cycles ``first`` to ``end`` - 1: none, that of lane 0, that of lane 1, both, …"""
    return [(cycle, 2 * cycle + lane) for cycle in range(first, end) for lane in range(2) if cycle >> lane & 1]


def test_records_side_by_side_come_one_after_the_other(model: Model) -> None:
    model.set("run", 1)
    model.run(8)
    for name in ("pair", "pair_flags"):
        model.record(name)
    model.run(12)
    records = list(model.take_records("pair"))
    assert [(r.cycle, r.count) for r in records] == _pairs(8, 20)
    assert [r.cycle for r in records[:4]] == [9, 10, 11, 11]  # what _pairs says of one, the other, and both
    for r in records:
        cycle, lane = divmod(r.count, 2)
        inner = {"kind": Kind.TICK, "flag": cycle >> 2 & 1 ^ lane, "lanes": [0, 0, 0, cycle + lane]}
        alone = {"valid": 1, "count": r.count, "inner": inner, "difference": {"high": ~cycle & 0x3FF}}
        assert r.word == SampleRecord.const(alone).as_bits()  # to the last bit, and none of its neighbour's
    flagged = [(cycle, count) for cycle, count in _pairs(8, 20) if cycle >> 2 & 1 ^ count & 1]
    assert [(r.cycle, r.count) for r in model.take_records("pair_flags")] == flagged
    assert (model.record_count("pair"), model.record_count("pair_flags")) == (20, 10)


def test_newest_records_alone_of_those_side_by_side(model: Model) -> None:
    model.set("run", 1)
    model.record("pair", keep_last=10)
    model.run(10_000)
    records = [(r.cycle, r.count) for r in model.take_records("pair")]
    assert 10 <= len(records) <= 20
    assert records == _pairs(0, 10_000)[-len(records) :]
    assert model.record_count("pair") == 10_000


def test_a_long_recording_loses_nothing(model: Model) -> None:
    model.set("run", 1)
    model.record("retire")
    cycles = 6_000_000  # fills the buffer (16 million words) once
    assert model.run(cycles).cycles == cycles
    decoder = model.decoder("retire")
    entries = model.take_record_bytes("retire")
    assert len(entries) == cycles // 2 * decoder.stride
    assert entries[:8] == bytes(8)
    assert int.from_bytes(entries[-decoder.stride :][:8], "little") == cycles - 2


def test_transactions(model: Model) -> None:
    writes = [(1, word, 0x1000 + word, 1) for word in range(8)]
    answers = model.transact([*writes, (0, 5, 0, 1), (2, 2, 0, 4), (7, 0, 0, 1)])
    assert [a[0] for a in answers[8:]] == [0x1005, 0x1002, 0x1003, 0x1004, 0x1005, 0x1000]
    assert [a[1] for a in answers] == [0] * 13 + [1]
    assert model.get("ask") == 0


def test_transactions_that_are_never_answered(model: Model) -> None:
    with pytest.raises(TransactionTimeout, match="request 1 of 2"):
        model.transact([(0, 0, 0, 1), (0, 1, 0, 2)], max_cycles=100)


def test_main_memory(model: Model) -> None:
    assert model.memory_size == 4096
    image = bytes(range(256)) * 4
    model.load(0x400, image)
    assert model.dump(0x400, len(image)) == image
    assert model.transact([(0, 0x101, 0, 1)])[0][0] == 0x07060504
    model.transact([(1, 0x101, 0xDEADBEEF, 1)])
    assert model.dump(0x403, 6) == b"\x03\xef\xbe\xad\xde\x08"
    with pytest.raises(ValueError, match="does not lie in"):
        model.load(4090, bytes(7))


def test_two_instances_are_apart() -> None:
    built = build_model(sample_spec())
    with Model(built) as one, Model(built) as two:
        one.set("run", 1)
        one.run(10, stops=())
        two.run(10, stops=())
        one.load(0, b"one")
        assert (one.get("count"), two.get("count"), two.dump(0, 3)) == (10, 0, bytes(3))


def test_parameters_make_another_model() -> None:
    with Model(build_model(sample_spec(words=2048))) as model:
        assert model.memory_size == 8192


def test_waves_in_a_window(tmp_path: Path) -> None:
    with Model(build_model(sample_spec(), trace="vcd")) as model:
        model.set("run", 1)
        model.set("alarm_at", 0xFFFF_FFFF)
        for window, start in enumerate((20, 50)):
            model.run(start - model.cycle)
            model.trace_start(tmp_path / f"{window}.vcd")
            model.run(10)
            model.trace_stop()
        assert model.get("count") == 60
    for window, start in enumerate((20, 50)):
        waves = VCDVCD(str(tmp_path / f"{window}.vcd"))
        name = next(n for n in waves.signals if n.endswith("count[31:0]"))
        times = [time for time, _ in waves[name].tv]
        assert [int(value, 2) for _, value in waves[name].tv] == list(range(start, start + 11))
        assert times == [10 * cycle for cycle in range(start, start + 11)]
    with Model(build_model(sample_spec())) as plain, pytest.raises(OSError, match="cannot draw waves"):
        plain.trace_start(tmp_path / "none.vcd")


def test_fst_waves(tmp_path: Path) -> None:
    with Model(build_model(sample_spec(), trace="fst")) as model:
        model.set("run", 1)
        model.set("alarm_at", 0xFFFF_FFFF)
        model.trace_start(tmp_path / "waves.fst")
        model.run(100)
        model.trace_stop()
    waves = Fst(tmp_path / "waves.fst")
    assert waves.changes(next(n for n in waves.numbers if n.endswith("count"))) == [(10 * n, n) for n in range(101)]
