"""What the calls of sealed storage and of quotes take, by part."""

import pytest

from firmware.build import guest
from sim.bench.programs import BenchError
from sim.bench.rooted_cost import CALLS, rooted_cost

__all__: list[str] = []


def test_each_call_is_measured_by_part() -> None:
    costs = rooted_cost(guest("vault"))
    assert tuple(costs) == CALLS
    for cost in costs.values():
        assert cost["cycles"] == sum(cost[part] for part in ("processor", "kernel", "bus", "tpm"))
        assert min(cost["processor"], cost["kernel"]) > 0 and cost["bus"] > cost["bus_transactions"] > 0
    for call in ("SEAL", "ATTEST"):
        assert costs[call]["tpm"] > costs[call]["tpm_transactions"] > 0
    assert costs["UNSEAL"]["tpm"] == costs["UNSEAL"]["tpm_transactions"] == 0, "the store is open: the kernel has the key"


def test_a_guest_that_fails_is_told() -> None:
    with pytest.raises(BenchError, match="channel ended with status 1"):
        rooted_cost(guest("channel"))
