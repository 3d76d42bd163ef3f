"""Whether a segment holds an operand and allows the access: the guest's protection within itself."""

__all__ = ["BIG", "allows"]

_RW, _EXPANDS_DOWN, _CODE, _PRESENT, BIG = 1 << 1, 1 << 2, 1 << 3, 1 << 7, 1 << 10  # of a VMCB segment attribute


def allows(attributes: int, limit: int, offset: int, size: int, write: bool, protected: bool) -> bool:
    """``size`` bytes from ``offset``; ``protected``: CR0.PE."""
    last = offset + size - 1
    if attributes & (_CODE | _EXPANDS_DOWN) == _EXPANDS_DOWN:
        inside = offset > limit and last <= (0xFFFF_FFFF if attributes & BIG else 0xFFFF)
    else:
        inside = last <= limit
    rights = attributes & (_CODE | _RW)
    return inside and (not protected or bool(attributes & _PRESENT) and (rights == _RW if write else rights != _CODE))
