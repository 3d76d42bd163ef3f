"""What particular instructions need of the state before them: counts, pointers, jump targets, stack contents."""

from collections.abc import Callable

from sim.programs.builder import EAX, EBP, EBX, ECX, EDI, EDX, ESI, ESP, Builder, Retry
from sim.programs.case import Flag, Layout, Mode

__all__ = ["SETUPS", "Body"]


class Body:
    """What a set-up adds to the encoding: a fixed immediate, bytes after the opcode, prefixes."""

    def __init__(self) -> None:
        self.immediate: int | None = None
        self.tail = b""
        self.prefixes: tuple[int, ...] = ()
        self.address: int | None = None  # of the memory operand
        self.field: int | None = None  # ModRM reg
        self.memory = False  # the operand is in memory


def _shift_immediate(b: Builder, body: Body) -> None:
    body.immediate = b.rng.choice((b.rng.randrange(32), b.rng.randrange(256)))


def _shift_one(b: Builder, body: Body) -> None:
    b.meta["count"] = 1


def _shift_cl(b: Builder, body: Body) -> None:
    b.pin_low(ECX, b.rng.choice((b.rng.randrange(34), b.rng.randrange(256))), 1)


def _bit_offset(b: Builder, body: Body) -> None:
    """The bit offset reaches 16 bytes to each side of the operand."""
    register = b.rng.choice((EAX, ECX, EDX, EBX, EBP, ESI, EDI))
    b.pin_low(register, b.rng.randint(-16 * 8, 16 * 8 - 1), b.operand_size)
    body.field = register


def _scan(b: Builder, body: Body) -> None:
    body.address = b.target(b.operand_size)
    if b.rng.random() < 0.5:
        b.poke(body.address, (1 << b.rng.randrange(8 * b.operand_size)).to_bytes(b.operand_size, "little"))
    elif b.rng.random() < 0.3:
        b.poke(body.address, bytes(b.operand_size))


def _divide(b: Builder, body: Body) -> None:
    """Half the time the quotient fits: the dividend is small or sign-extended."""
    if b.rng.random() < 0.6:
        bits = b.rng.randint(1, 8 * b.operand_size)
        value = b.rng.getrandbits(bits)
        if b.rng.random() < 0.4:
            value = -value
        b.pin_low(EAX, value, b.operand_size)
        b.pin_low(EDX, value >> (8 * b.operand_size), b.operand_size)
    else:
        b.pinned |= {EAX, EDX}


def _store_segment(b: Builder, body: Body) -> None:
    body.field = b.rng.randrange(6)


def _xlat(b: Builder, body: Body) -> None:
    segment = b.choose_segment("ds")
    target = b.target(1)
    low = b.rng.randrange(64)
    b.pin_low(EAX, low, 1)
    b.pin_pointer(EBX, segment, target - low)


def _compare(b: Builder, body: Body) -> None:
    """The accumulator equals the operand in memory half the time."""
    body.address = b.target(b.operand_size)
    at = body.address - b.window_address
    if b.rng.random() < 0.5:
        b.pin_low(EAX, int.from_bytes(b.window[at : at + b.operand_size], "little"), b.operand_size)


def _compare8(b: Builder, body: Body) -> None:
    body.address = b.target(8)
    at = body.address - b.window_address
    if b.rng.random() < 0.5:
        b.pin(EAX, int.from_bytes(b.window[at : at + 4], "little"))
        b.pin(EDX, int.from_bytes(b.window[at + 4 : at + 8], "little"))


def _stack_bytes(b: Builder, data: bytes, below: int = 0) -> None:
    """Put what the instruction pops onto the stack."""
    mask = 0xFFFF if b.mode is Mode.REAL_16 else 0xFFFF_FFFF
    b.poke(b.base("ss") + (b.gprs[ESP] & mask) - below, data)


def _popf(b: Builder, body: Body) -> None:
    value = b.rng.getrandbits(32) & (Flag.STATUS | Flag.DF | Flag.IOPL | Flag.NT | Flag.AC | Flag.ID)
    _stack_bytes(b, value.to_bytes(4, "little")[: b.operand_size])


def _enter(b: Builder, body: Body) -> None:
    level = b.rng.choice((0, 0, 1, 2, 3, 7))
    size = b.rng.randint(0, 24)
    b.pin(EBP, b.window_address + b.rng.randint(100, 140) - b.base("ss") | (b.gprs[EBP] & 0xFFFF_0000 if b.mode is Mode.REAL_16 else 0))
    body.tail = size.to_bytes(2, "little") + bytes([level | b.rng.choice((0, 0, 32))])


def _leave(b: Builder, body: Body) -> None:
    b.pin(EBP, b.window_address + b.rng.randint(100, 200) - b.base("ss"))


def _string(b: Builder, body: Body) -> None:
    """Pointers so that up to the chosen count stays in the window, in either direction; a run of equal bytes for CMPS and SCAS."""
    rng = b.rng
    width = 1 if b.meta["string_byte"] else b.operand_size
    repeated = rng.random() < 0.7
    count = rng.choice((0, 1, rng.randint(2, 12), rng.randint(2, 160 // width // 4))) if repeated else 1
    span = max(count, 1) * width
    backwards = bool(b.eflags & Flag.DF)
    low, high = 8, 168
    for register, segment in ((ESI, b.choose_segment("ds")), (EDI, "es")):
        if span > high - low:
            raise Retry("too long")
        first = rng.randint(low, high - span)
        b.pin_pointer(register, segment, b.window_address + (first + span - width if backwards else first))
    if rng.random() < 0.5:
        pattern = rng.randbytes(width)
        b.window[low:high] = (pattern * 200)[: high - low]
        if rng.random() < 0.7:
            b.window[rng.randrange(low, high)] ^= 1 << rng.randrange(8)
        b.pin_low(EAX, int.from_bytes(pattern, "little"), width)
    if repeated:
        if b.address_size == 2:
            b.pin_low(ECX, count, 2)
        else:
            b.pin(ECX, count)
        body.prefixes = (rng.choice((0xF2, 0xF3)),)


def _aam(b: Builder, body: Body) -> None:
    body.immediate = b.rng.choice((10, 10, 0, b.rng.randrange(256)))


def _landing(b: Builder, low: int = -100, high: int = 100) -> int:
    """An offset in the code segment where an INT3 lies: before or behind the instruction in its slot."""
    slot = b.layout.slot(b.index)
    before = range(slot + Layout.INSTRUCTION - Layout.PAD, slot + Layout.INSTRUCTION)
    after = range(slot + Layout.AFTER[0], slot + Layout.AFTER[1])
    spots = [a - b.base("cs") for a in (*before, *after)]
    return b.rng.choice([s for s in spots if low <= s - b.offset <= high])


def _relative(b: Builder, body: Body, size: int) -> None:
    """Displacement from the end of the instruction; it is patched when the length is known."""
    b.meta["relative"] = size
    b.meta["landing"] = _landing(b)
    body.tail = bytes(size)


def _relative8(b: Builder, body: Body) -> None:
    if b.mode is not Mode.REAL_16:
        b.set_operand_size(4)  # with 16 bits EIP would be cut to 64 KiB
    _relative(b, body, 1)


def _relative_v(b: Builder, body: Body) -> None:
    if b.mode is not Mode.REAL_16:
        b.set_operand_size(4)
    _relative(b, body, b.operand_size)


def _loop(b: Builder, body: Body) -> None:
    _relative8(b, body)
    b.pin_low(ECX, b.rng.choice((0, 1, 2, b.rng.getrandbits(32))), b.rng.choice((2, 4)))


def _indirect(b: Builder, body: Body) -> None:
    if b.mode is not Mode.REAL_16:
        b.set_operand_size(4)
    data = _landing(b).to_bytes(b.operand_size, "little")
    if b.rng.random() < 0.5:
        body.memory = True
        body.address = b.target(b.operand_size)
        b.poke(body.address, data)
    else:
        register = b.rng.choice((EAX, ECX, EDX, EBX, EBP, ESI, EDI))
        b.pin_low(register, int.from_bytes(data, "little"), b.operand_size)
        b.meta["register"] = register


def _ret(b: Builder, body: Body) -> None:
    if b.mode is not Mode.REAL_16:
        b.set_operand_size(4)
    _stack_bytes(b, _landing(b).to_bytes(b.operand_size, "little"))


def _ret_pop(b: Builder, body: Body) -> None:
    _ret(b, body)
    body.tail = b.rng.randint(0, 16).to_bytes(2, "little")


def _far_target(b: Builder) -> tuple[int, int]:
    """Offset and selector of a landing through another segment that covers the slot."""
    linear = b.base("cs") + _landing(b)
    selector = (linear >> 4) - b.rng.randint(0, min(0xF00, (linear >> 4) - 1))
    return linear - (selector << 4), selector


def _far_immediate(b: Builder, body: Body) -> None:
    offset, selector = _far_target(b)
    body.tail = offset.to_bytes(b.operand_size, "little") + selector.to_bytes(2, "little")


def _far_memory(b: Builder, body: Body) -> None:
    offset, selector = _far_target(b)
    body.memory = True
    body.address = b.target(b.operand_size + 2)
    b.poke(body.address, offset.to_bytes(b.operand_size, "little") + selector.to_bytes(2, "little"))


def _retf(b: Builder, body: Body) -> None:
    offset, selector = _far_target(b)
    _stack_bytes(b, offset.to_bytes(b.operand_size, "little") + selector.to_bytes(b.operand_size, "little"))


def _retf_pop(b: Builder, body: Body) -> None:
    _retf(b, body)
    body.tail = b.rng.randint(0, 16).to_bytes(2, "little")


def _iret(b: Builder, body: Body) -> None:
    _retf(b, body)
    flags = b.rng.getrandbits(32) & (Flag.STATUS | Flag.DF | Flag.IOPL | Flag.NT) | 2
    _stack_bytes(b, flags.to_bytes(b.operand_size, "little"), below=-2 * b.operand_size)


def _int_n(b: Builder, body: Body) -> None:
    body.tail = bytes([b.rng.choice((3, 4, b.rng.randrange(0x20, 0x100)))])


def _bound(b: Builder, body: Body) -> None:
    size = b.operand_size
    body.memory = True
    body.address = b.target(2 * size)
    limits = sorted(b.rng.randrange(-(1 << (8 * size - 1)), 1 << (8 * size - 1)) for _ in range(2))
    mask = (1 << 8 * size) - 1
    b.poke(body.address, b"".join((v & mask).to_bytes(size, "little") for v in limits))
    register = b.rng.choice((EAX, ECX, EDX, EBX, ESI, EDI))
    value = b.rng.choice((*limits, limits[0] - 1, limits[1] + 1, b.rng.randint(*limits), b.rng.getrandbits(32)))
    b.pin_low(register, value, size)
    body.field = register


SETUPS: dict[str, Callable[[Builder, Body], None]] = {
    "shift_immediate": _shift_immediate, "shift_one": _shift_one, "shift_cl": _shift_cl, "bit_offset": _bit_offset, "scan": _scan,
    "divide": _divide, "store_segment": _store_segment, "xlat": _xlat, "compare": _compare, "compare8": _compare8, "popf": _popf,
    "enter": _enter, "leave": _leave, "string": _string, "aam": _aam, "relative8": _relative8, "relative": _relative_v, "loop": _loop,
    "indirect": _indirect, "ret": _ret, "ret_pop": _ret_pop, "far_immediate": _far_immediate, "far_memory": _far_memory, "retf": _retf,
    "retf_pop": _retf_pop, "iret": _iret, "int_n": _int_n, "bound": _bound,
}  # fmt: skip
