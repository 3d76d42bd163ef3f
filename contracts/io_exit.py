"""EXITINFO1 of an IOIO exit (AMD64 APM vol. 2, 15.10.2): which port access was intercepted."""

from dataclasses import dataclass

__all__ = ["IO_SEGMENTS", "IoExit"]

IO_SEGMENTS = ("ES", "CS", "SS", "DS", "FS", "GS")
_IN, _STRING, _REPEAT, _SIZE_LSB, _ADDRESS_16_LSB, _SEGMENT_LSB, _PORT_LSB = 1 << 0, 1 << 2, 1 << 3, 4, 7, 10, 16
_ADDRESS_32 = 1 << 8


@dataclass(frozen=True)
class IoExit:
    """``size`` is 1, 2 or 4 bytes; ``segment`` and ``wide_address`` (32 bits) are those of INS and OUTS."""

    port: int
    size: int = 1
    is_in: bool = False
    string: bool = False
    repeat: bool = False
    wide_address: bool = True
    segment: str = "ES"

    @classmethod
    def decode(cls, word: int) -> "IoExit":
        """From EXITINFO1. The size's bits are the sizes; a segment that there is not is the last."""
        return cls(
            port=word >> _PORT_LSB & 0xFFFF, size=word >> _SIZE_LSB & 7, is_in=bool(word & _IN), string=bool(word & _STRING),
            repeat=bool(word & _REPEAT), wide_address=bool(word & _ADDRESS_32),
            segment=IO_SEGMENTS[min(word >> _SEGMENT_LSB & 7, len(IO_SEGMENTS) - 1)],
        )  # fmt: skip

    @property
    def word(self) -> int:
        """EXITINFO1."""
        address = _ADDRESS_32 if self.wide_address else 1 << _ADDRESS_16_LSB
        flags = self.is_in * _IN | self.string * _STRING | self.repeat * _REPEAT | address
        return flags | self.size << _SIZE_LSB | IO_SEGMENTS.index(self.segment) << _SEGMENT_LSB | self.port << _PORT_LSB
