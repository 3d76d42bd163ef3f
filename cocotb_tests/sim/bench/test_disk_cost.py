"""What a disk by way of its driver guest costs is measured on two runs that do the same."""

import pytest

from contracts.virtual_disk import PAGE_SECTORS
from sim.bench.disk_cost import disk_cost

__all__: list[str] = []


@pytest.mark.regress
def test_the_driver_guest_is_slower_and_not_without_bounds() -> None:
    cost = disk_cost(2 * PAGE_SECTORS, PAGE_SECTORS)
    assert (cost.sectors, cost.call) == (2 * PAGE_SECTORS, PAGE_SECTORS)
    assert all(0.05 < ratio < 1 for ratio in cost.ratios)
