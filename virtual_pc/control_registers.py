"""What a write to CR0 or CR4 comes to in the processor that a guest sees: a 486 with PSE, TSC and PGE."""

from contracts.architecture import Cr0, Exc
from contracts.configuration import GUEST_CR0, GUEST_CR4
from virtual_pc.decode import Operation

__all__ = ["written"]

_MSW_CLEARABLE = int(Cr0.MP | Cr0.EM | Cr0.TS)
_MSW = _MSW_CLEARABLE | Cr0.PE


def written(number: int, operation: Operation, cr0: int, operand: int) -> int | Exc:
    """What control register ``number`` holds then, ``cr0`` being what CR0 holds; or a fault: #UD if this instruction does not write it."""
    if operation is Operation.WRITE_CR:
        value = operand
    elif operation is Operation.LMSW and number == 0:
        value = cr0 & ~_MSW_CLEARABLE | operand & _MSW  # sets PE, never clears it
    elif operation is Operation.CLTS and number == 0:
        value = cr0 & ~int(Cr0.TS)
    else:
        return Exc.UD
    if number == 4 and value & ~GUEST_CR4:
        return Exc.GP
    if number:
        return value
    value = value & GUEST_CR0 | Cr0.ET
    return Exc.GP if value & Cr0.PG and not value & Cr0.PE or value & Cr0.NW and not value & Cr0.CD else value
