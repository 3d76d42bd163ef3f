"""What a quote of a guest binds together."""

import hashlib

import pytest

from contracts.attestation import qualifying_data

__all__: list[str] = []


def test_it_is_the_hash_of_the_three() -> None:
    nonce, identity, data = (bytes((value,)) * 32 for value in (1, 2, 3))
    assert qualifying_data(nonce, identity, data) == hashlib.sha256(nonce + identity + data).digest()


@pytest.mark.parametrize("sizes", [(31, 33, 32), (32, 33, 31), (64, 0, 32), (0, 64, 32)])
def test_a_part_of_another_size_is_refused(sizes: tuple[int, int, int]) -> None:
    """Else a guest could shift bytes of its own into its identity."""
    with pytest.raises(ValueError, match="bytes where 32 are needed"):
        qualifying_data(*map(bytes, sizes))
