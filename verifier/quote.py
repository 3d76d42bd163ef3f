"""TPMS_ATTEST of a quote: what the TPM has signed (TPM 2.0 library, part 2, 10.12)."""

from dataclasses import dataclass

from contracts.event_log import DIGEST_SIZE
from contracts.tpm2 import Algorithm
from verifier.reader import Reader

__all__ = ["Quote", "parse_quote"]

_MAGIC = 0xFF54_4347  # TPM_GENERATED_VALUE: a restricted key signs nothing else that begins so
_ATTEST_QUOTE = 0x8018
_NAME_SIZE = 2 + DIGEST_SIZE
_DATA_MOST = 66  # TPM2B_DATA
_CLOCK_SIZE = 8 + 4 + 4  # milliseconds on, resets, restarts: of no use to a verifier who sees the machine once
_FIRMWARE_SIZE = 8
_MOST_BANKS = 16
_SELECT_SIZES = range(3, 5)  # bytes of a selection: 24 PCRs, or 32


@dataclass(frozen=True)
class Quote:
    """What of it is judged."""

    qualifying_data: bytes
    selections: tuple[tuple[int, frozenset[int]], ...]  # hash algorithm of a bank, its PCRs
    pcr_digest: bytes  # SHA-256 of these PCRs, one after the other


def parse_quote(data: bytes) -> Quote:
    """Malformed unless ``data`` is one whole TPMS_ATTEST of a quote."""
    with Reader("quote", data) as reader:
        reader.one_of(4, (_MAGIC,), "the magic")
        reader.one_of(2, (_ATTEST_QUOTE,), "the type")
        if int.from_bytes(reader.sized(_NAME_SIZE, _NAME_SIZE, "the signer's name")[:2], "big") != Algorithm.SHA256:
            raise reader.error("the signer's name is not by SHA-256")
        qualifying_data = reader.sized(0, _DATA_MOST, "the qualifying data")
        reader.take(_CLOCK_SIZE)
        reader.one_of(1, (0, 1), "whether the clock is safe")
        reader.take(_FIRMWARE_SIZE)
        selections = tuple(_selection(reader) for _ in range(reader.one_of(4, range(_MOST_BANKS + 1), "the number of banks")))
        pcr_digest = reader.sized(DIGEST_SIZE, DIGEST_SIZE, "the digest of the PCRs")
    return Quote(qualifying_data, selections, pcr_digest)


def _selection(reader: Reader) -> tuple[int, frozenset[int]]:
    """TPMS_PCR_SELECTION."""
    bank = reader.number(2)
    bits = int.from_bytes(reader.take(reader.one_of(1, _SELECT_SIZES, "the size of a selection")), "little")
    return bank, frozenset(pcr for pcr in range(bits.bit_length()) if bits >> pcr & 1)
