"""MOV CR, CLTS, LMSW, SMSW and INVLPG in the processor that a guest sees: a 486 with PSE, TSC and PGE."""

from collections.abc import Generator

from contracts.architecture import Cr0, Exc
from contracts.configuration import GUEST_CR0, GUEST_CR4
from virtual_pc.decode import Instruction, Operation, decode
from virtual_pc.requests import Access, Addressed, Doing, Done, Fetch, Get, Memory, Put, Request, Written

__all__ = ["invalidates", "located", "reads_control", "writes_control"]

_WORD, _LONG = 2, 4  # bytes
_MSW_CLEARABLE = int(Cr0.MP | Cr0.EM | Cr0.TS)
_MSW = _MSW_CLEARABLE | Cr0.PE


def located(big: bool) -> Generator[Request, int, tuple[Instruction, int] | None]:
    """The instruction at which the guest stands, and the offset of its operand if that lies in memory; ``big``: its code is 32-bit code.
    None if it is none of those (the guest has changed it meanwhile)."""
    decoding, size = decode(big), 0
    found: int | Instruction | None = next(decoding)
    while isinstance(found, int):
        size = yield Fetch(found)
        found = decoding.send(size)
    if found is None:
        return None
    offset = found.displacement
    if found.register is None:
        offset += 0 if found.base is None else (yield Get(found.base))
        offset += 0 if found.index is None else (yield Get(found.index)) << found.scale
    return found, offset & (0xFFFF_FFFF if found.wide_address else 0xFFFF)


def reads_control(big: bool, number: int, value: int) -> Doing:
    """An exit for reading control register ``number``, which holds ``value``."""
    at = yield from located(big)
    if at is None or at[0].operation not in ((Operation.READ_CR, Operation.SMSW) if number == 0 else (Operation.READ_CR,)):
        yield Exc.UD
    elif at[0].register is None:
        yield Memory(Access.STORE, at[0].segment, at[1], _WORD, value & 0xFFFF)
    else:
        yield Put(at[0].register, value, _LONG if at[0].wide else _WORD)
    yield Done()


def writes_control(big: bool, number: int, cr0: int) -> Doing:
    """An exit for writing control register ``number``; ``cr0`` is what CR0 holds."""
    at = yield from located(big)
    operation = None if at is None else at[0].operation
    operand = 0
    if at is not None and at[0].register is not None:
        operand = yield Get(at[0].register)
    elif at is not None and operation is Operation.LMSW:
        operand = yield Memory(Access.LOAD, at[0].segment, at[1], _WORD)
    if operation is Operation.WRITE_CR:
        value = operand
    elif operation is Operation.LMSW and number == 0:
        value = cr0 & ~_MSW_CLEARABLE | operand & _MSW  # sets PE, never clears it
    elif operation is Operation.CLTS and number == 0:
        value = cr0 & ~int(Cr0.TS)
    else:
        yield Exc.UD
        return
    if number == 0:
        value = value & GUEST_CR0 | Cr0.ET
    impossible = value & Cr0.PG and not value & Cr0.PE or value & Cr0.NW and not value & Cr0.CD
    yield Exc.GP if (number == 0 and impossible) or (number == 4 and value & ~GUEST_CR4) else Written(value)


def invalidates(big: bool) -> Doing:
    """An exit for INVLPG."""
    at = yield from located(big)
    if at is None or at[0].operation is not Operation.INVLPG or at[0].register is not None:
        yield Exc.UD
    else:
        yield Addressed(at[0].segment, at[1])
