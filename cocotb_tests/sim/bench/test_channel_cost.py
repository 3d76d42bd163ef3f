"""What a channel costs: each part adds up, and what is compared was really done."""

import pytest

from contracts.hypercalls import MAX_MESSAGE
from firmware.build import guest
from sim.bench.channel_cost import channel_cost
from sim.bench.programs import BenchError

__all__: list[str] = []

WORD, LINE = 4, 16  # bytes


def test_round_trips_by_part_and_throughput() -> None:
    cost = channel_cost(guest("channel_bench"), rounds=4, messages=4, pages=4)
    for trip in (cost.round_trip_short, cost.round_trip_long):
        assert trip["cycles"] == sum(trip[part] for part in ("processor", "kernel", "bus", "tpm"))
        assert trip["processor"] > 0 and trip["kernel"] > 0 and trip["bus"] > trip["bus_transactions"] > 0 == trip["tpm"]
    more = cost.round_trip_long["bus_transactions"] - cost.round_trip_short["bus_transactions"]
    assert more == pytest.approx(4 * MAX_MESSAGE / LINE, rel=0.02), "each message is read and written, there and back, in bursts"
    assert 0 < cost.copy_bytes_per_cycle < WORD
    assert cost.ratio_to_copy == pytest.approx(cost.bytes_per_cycle / cost.copy_bytes_per_cycle)
    assert cost.bytes_per_cycle == pytest.approx(cost.messages_per_million_cycles * MAX_MESSAGE / 1_000_000)
    assert 0 < cost.page_ratio_to_copy < 1, "it copies twice, and tells of it"


@pytest.mark.regress
def test_a_guest_that_is_another_is_told() -> None:
    with pytest.raises(BenchError, match="vault"):
        channel_cost(guest("vault"))
