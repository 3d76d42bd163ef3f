"""Two machines for all tests of the verifier. Each test launches what it needs: a launch leaves nothing of the one before."""

from collections.abc import Iterator

import pytest

from cocotb_tests.verifier.measured import Measured

__all__ = ["machine", "other_machine"]


@pytest.fixture(scope="session")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    """The one that verifiers expect."""
    with Measured(tmp_path_factory.mktemp("machine")) as measured:
        yield measured


@pytest.fixture(scope="session")
def other_machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Measured]:
    """Another one, an attacker's."""
    with Measured(tmp_path_factory.mktemp("other-machine")) as measured:
        yield measured
