"""What the instructions do, written from the manual (Intel SDM vol. 2) with plain numbers, step by step rather than fast.

Every function takes the operand size in bits, and returns result and defined flags. Where the manual leaves a flag open, the value that the
units promise in their docstrings is computed in another way than they do it.
"""

from cocotb_tests.rtl.execute.bench import Answer

__all__ = ["add", "bcd", "bit_scan", "bit_test", "divide", "logic", "multiply", "outcome", "shift", "subtract", "to_signed"]


def to_signed(value: int, bits: int) -> int:
    """Two's complement."""
    return value - (1 << bits) if value >> bits - 1 else value


def outcome(result: int, bits: int, **flags: int) -> Answer:
    """An answer with SF, ZF, PF of the result."""
    return Answer(result, {"zf": int(result == 0), "sf": result >> bits - 1 & 1, "pf": int(bin(result & 255).count("1") % 2 == 0), **flags})


def add(a: int, b: int, carry: int, bits: int) -> Answer:
    """a + b + carry."""
    full = a + b + carry
    exact = to_signed(a, bits) + to_signed(b, bits) + carry
    result = full % (1 << bits)
    return outcome(result, bits, cf=int(full >= 1 << bits), of=int(to_signed(result, bits) != exact), af=int(a % 16 + b % 16 + carry > 15))


def subtract(a: int, b: int, borrow: int, bits: int) -> Answer:
    """a - b - borrow."""
    exact = to_signed(a, bits) - to_signed(b, bits) - borrow
    result = (a - b - borrow) % (1 << bits)
    return outcome(result, bits, cf=int(a < b + borrow), of=int(to_signed(result, bits) != exact), af=int(a % 16 < b % 16 + borrow))


def logic(result: int, bits: int) -> Answer:
    """Flags of AND, OR, XOR, TEST."""
    return outcome(result, bits, cf=0, of=0, af=0)


def shift(name: str, a: int, count: int, other: int, carry: int, bits: int) -> Answer:
    """A shift or rotate, one bit at a time. ``other`` is the register of SHLD and SHRD."""
    count %= 32
    top = 1 << bits - 1
    value, cf, of, steps = a, carry, 0, count
    if name in ("RCL", "RCR"):
        steps %= bits + 1
    wheel = [other, a] * 2  # what SHLD and SHRD take in, oldest first: for 16 bits the operand itself after the other register
    taken = 0
    for _ in range(steps):
        before = value
        if name in ("SHLD", "SHRD"):
            source = wheel[taken // bits]
            place = taken % bits
            inserted = source >> (bits - 1 - place) & 1 if name == "SHLD" else source >> place & 1
            taken += 1
        elif name == "SAR":
            inserted = int(bool(value & top))
        elif name in ("RCL", "RCR"):
            inserted = cf
        elif name == "ROL":
            inserted = int(bool(value & top))
        elif name == "ROR":
            inserted = value & 1
        else:
            inserted = 0
        if name in ("ROL", "RCL", "SHL", "SAL", "SHLD"):
            cf = int(bool(value & top))
            value = (value << 1 | inserted) % (1 << bits)
            of = cf ^ int(bool(value & top))
        else:
            cf = value & 1
            value = value >> 1 | (top if inserted else 0)
            of = int(bool(before & top)) ^ int(bool(value & top))
    if name in ("RCL", "RCR"):
        of = int(bool((a ^ value) & top))
    if name == "ROL":
        of = value & 1 ^ value >> bits - 1
    if steps == 0:
        return Answer(value, {})
    if name in ("ROL", "ROR", "RCL", "RCR"):
        return Answer(value, {"cf": cf, "of": of})
    return outcome(value, bits, cf=cf, of=of, af=0)


def bit_test(name: str, a: int, number: int, bits: int) -> Answer:
    """BT, BTS, BTR, BTC on a register."""
    one = 1 << number % bits
    result = {"BT": a, "BTS": a | one, "BTR": a - (a & one), "BTC": a ^ one}[name]
    return Answer(result, {"cf": int(a & one != 0)})


def bit_scan(name: str, old: int, source: int, bits: int) -> Answer:
    """BSF, BSR; ``old`` is what the destination held."""
    ones = [i for i in range(bits) if source >> i & 1]
    result = old if not ones else min(ones) if name == "BSF" else max(ones)
    return Answer(result, logic(source, bits).flags)


def bcd(name: str, ax: int, carry: int, adjust: int) -> Answer:
    """DAA, DAS, AAA, AAS: the manual's pseudo-code, line by line."""
    al, ah = ax & 0xFF, ax >> 8
    if name in ("AAA", "AAS"):
        if (al & 0x0F) > 9 or adjust:
            if name == "AAA":
                ax = (ax + 0x106) & 0xFFFF
            else:
                ax = (ax - 6) & 0xFFFF
                ax = ((ax >> 8) - 1 & 0xFF) << 8 | ax & 0xFF
            adjust = carry = 1
        else:
            adjust = carry = 0
        return Answer(ax & 0xFF0F, {"af": adjust, "cf": carry})
    old_al, old_cf = al, carry
    carry = 0
    if (al & 0x0F) > 9 or adjust:
        total = al + 6 if name == "DAA" else al - 6
        carry = int(bool(old_cf or not 0 <= total <= 0xFF))
        al = total & 0xFF
        adjust = 1
    else:
        adjust = 0
    if old_al > 0x99 or old_cf:
        al = (al + 0x60 if name == "DAA" else al - 0x60) & 0xFF
        carry = 1
    elif name == "DAA":
        carry = 0
    flags = outcome(al, 8, af=adjust, cf=carry, of=0).flags
    return Answer(ah << 8 | al, flags)


def multiply(a: int, b: int, is_signed: bool, bits: int) -> tuple[Answer, int]:
    """Low half with flags, and the high half."""
    if is_signed:
        product = to_signed(a, bits) * to_signed(b, bits)
        overflow = product != to_signed(product % (1 << bits), bits)
    else:
        product = a * b
        overflow = product >= 1 << bits
    return outcome(product % (1 << bits), bits, cf=int(overflow), of=int(overflow), af=0), product >> bits & (1 << bits) - 1


def divide(high: int, low: int, divisor: int, is_signed: bool, bits: int) -> tuple[int, int] | None:
    """Quotient and remainder, truncated towards zero; None is #DE."""
    dividend = high << bits | low
    if is_signed:
        dividend, divisor = to_signed(dividend, 2 * bits), to_signed(divisor, bits)
    if divisor == 0:
        return None
    quotient = abs(dividend) // abs(divisor) * (-1 if (dividend < 0) != (divisor < 0) else 1)
    remainder = dividend - quotient * divisor
    least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if is_signed else (0, (1 << bits) - 1)
    if not least <= quotient <= most:
        return None
    return quotient % (1 << bits), remainder % (1 << bits)
