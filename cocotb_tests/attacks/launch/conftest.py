"""One TPM for all launches: each begins with a reset of the platform, and so of the TPM."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from cocotb_tests.attacks.launch.tpm import Refusing

__all__ = ["tpm", "tpm_of_the_module"]


@pytest.fixture(scope="module")
def tpm_of_the_module(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Refusing]:
    """It, as it was left."""
    with Refusing(Path(tmp_path_factory.mktemp("tpm"))) as tpm:
        yield tpm


@pytest.fixture
def tpm(tpm_of_the_module: Refusing) -> Refusing:
    """It, ready to take measurements."""
    tpm_of_the_module.extensions = None
    return tpm_of_the_module
