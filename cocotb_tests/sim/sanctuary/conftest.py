"""The scenario's runs that are not attacks: each is made once for all the tests that look at it."""

from collections.abc import Callable
from functools import partial

import pytest

from cocotb_tests.once import once
from sim.sanctuary.interference import COMPANIES, Retired, retired_by_guest2
from sim.sanctuary.sensitive import PLACES, Observed, observe

__all__ = ["observed", "retired"]


@pytest.fixture(scope="session")
def retired(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Retired]:
    """What guest 2 did in a company of COMPANIES."""
    return lambda company: once(tmp_path_factory, f"company-{COMPANIES.index(company)}", partial(retired_by_guest2, company))


@pytest.fixture(scope="session")
def observed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Observed]:
    """What the kernel that looks at itself saw in a place of PLACES."""
    return lambda place: once(tmp_path_factory, f"place-{PLACES.index(place)}", partial(observe, place))
