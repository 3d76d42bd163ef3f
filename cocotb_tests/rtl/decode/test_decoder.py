"""Faults and their order, LOCK, modes, bytes that come one at a time, and a decoded instruction that must wait."""

from random import Random

import capstone

from cocotb_tests.rtl.decode.bench import LABELS, Feed, Stream, decode, simulate
from rtl.arch.exceptions import Vector
from rtl.arch.opcode_map import ROWS
from rtl.decode.row import Row

_REAL = {"pe": 0, "code32": 0}
_FLAT = {"pe": 1, "code32": 1}
_V86 = {"pe": 1, "vm": 1, "code32": 0}
_FAULT_ADDRESS = 0x7000_0000


def _fault(got) -> tuple[Vector, int] | None:
    return (Vector(got.fault.vector), got.fault.error) if got.fault.valid else None


_VERDICTS = (
    ("0f ff", _FLAT, Vector.UD),  # no such opcode
    ("0f 0b", _FLAT, Vector.UD),
    ("d6", _FLAT, Vector.UD),
    ("8d c0", _FLAT, Vector.UD),  # LEA of a register
    ("fe d0", _FLAT, Vector.UD),  # group 4 knows INC and DEC
    ("8c f0", _FLAT, Vector.UD),  # there are six segment registers
    ("8e c8", _FLAT, Vector.UD),  # MOV CS
    ("0f 01 c8", _FLAT, Vector.UD),
    ("0f 20 c8", _FLAT, Vector.UD),  # CR1
    ("0f 20 00", _FLAT, None),  # mod is ignored: MOV EAX, CR0
    ("f0 01 08", _FLAT, None),
    ("f0 01 c8", _FLAT, Vector.UD),  # LOCK with a register
    ("f0 03 08", _FLAT, Vector.UD),  # LOCK ADD ECX, [EAX]
    ("f0 39 08", _FLAT, Vector.UD),  # LOCK CMP
    ("f0 90", _FLAT, Vector.UD),
    ("f0 0f c7 08", _FLAT, None),
    ("f0 86 08", _FLAT, None),
    ("0f 00 d8", _FLAT, None),
    ("0f 00 d8", _REAL, Vector.UD),
    ("0f 00 d8", _V86, Vector.UD),
    ("63 c8", _V86, Vector.UD),
    ("0f 01 e0", _REAL, None),
    ("66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", _FLAT, None),  # fifteen bytes
    ("66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", _FLAT, Vector.GP),
    ("66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 66 90", _FLAT, Vector.GP),
    ("66 66 66 66 66 66 66 66 66 66 66 66 66 66 0f a2", _FLAT, Vector.GP),
    ("66 66 66 66 66 66 66 66 66 66 66 66 66 0f a2", _FLAT, None),
    ("66 66 66 66 66 66 66 66 66 66 66 66 66 66 89 c0", _FLAT, Vector.GP),  # the ModRM byte is the sixteenth
    ("66 66 66 66 66 66 66 66 66 66 66 66 89 04 24", _FLAT, None),
    ("66 66 66 66 66 66 66 66 66 66 66 66 66 89 04 24", _FLAT, Vector.GP),  # the SIB byte is
    ("66 66 66 66 66 66 66 66 66 66 66 66 6a 01", _FLAT, None),
    ("2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 68 01 02 03 04", _FLAT, Vector.GP),  # the last byte of the immediate is
    ("2e 2e 2e 2e 2e 2e 2e 2e 2e 2e 68 01 02 03 04", _FLAT, None),
)


def test_verdicts() -> None:
    """#UD, #GP or nothing."""

    async def body(feed: Feed) -> None:
        for code, mode, expected in _VERDICTS:
            got = await decode(feed, bytes.fromhex(code) + bytes(16), mode)
            assert _fault(got) == (None if expected is None else (expected, 0)), (code, mode)

    simulate(body)


def test_faults_come_in_the_order_of_bytes(rng: Random) -> None:
    """Instructions cut off after k bytes: whole ones decode, others fault; what is undefined faults as soon as it can be known."""
    disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32)
    whole = ("8184980123456789abcdef", "c8123456", "9a112233440055", "66a111223344", "0fba652007", "f30fb68112345678")
    undefined = (("0fff0000", 2), ("8dc40000", 2), ("fe94240000000000", 2), ("f0038424000000", 3))  # and after how many bytes one knows

    async def body(feed: Feed) -> None:
        for kind, expected in (("page", (Vector.PF, 4)), ("limit", (Vector.GP, 0))):
            for code in map(bytes.fromhex, whole):
                length = next(disassembler.disasm(code, 0, 1)).size
                for k in range(length + 1):
                    got = await decode(feed, code[:k], _FLAT, fault=kind)
                    assert _fault(got) == (None if k == length else expected), (code.hex(), k)
                    if k < length and kind == "page":
                        assert got.fault.address == _FAULT_ADDRESS + k
                    assert got.eip == 0x1000
            for text, known in undefined:
                code = bytes.fromhex(text)
                for k in range(len(code) + 1):
                    got = await decode(feed, code[:k], _FLAT, fault=kind)
                    assert _fault(got) == (expected if k < known else (Vector.UD, 0)), (code.hex(), k)
        long = bytes([0x66] * 15)
        for k in range(16):  # the sixteenth byte is refused before it is fetched
            assert _fault(await decode(feed, long[:k], _FLAT, fault="page")) == ((Vector.PF, 4) if k < 15 else (Vector.GP, 0))

    simulate(body)


def test_nothing_follows_a_fault() -> None:
    """The decoder stands still until a redirect, and then goes on."""

    async def body(feed: Feed) -> None:
        ctx, decoded = feed.ctx, feed.decoder.decoded
        assert _fault(await decode(feed, bytes.fromhex("0fff909090"), _FLAT)) == (Vector.UD, 0)
        ctx.set(decoded.ready, 1)
        await feed.tick()
        for _ in range(10):
            assert not ctx.get(decoded.valid)
            assert not ctx.get(feed.decoder.starved)
            await feed.tick()
        ctx.set(decoded.ready, 0)
        got = await decode(feed, bytes.fromhex("90"), _FLAT)
        assert (_fault(got), got.entry) == (None, LABELS["nop"])

    simulate(body)


def test_a_stream_of_instructions(rng: Random) -> None:
    """A program decoded one instruction after the other, its bytes coming at random, the taker ready at random."""
    disassembler = capstone.Cs(capstone.CS_ARCH_X86, capstone.CS_MODE_32)
    pieces = (
        "90",
        "0fa2",
        "8184980123456789abcdef",
        "c8123456",
        "9a112233440055",
        "66b81234",
        "f3a4",
        "6764668b07",
        "c1e004",
        "e811111111",
    )
    code = b"".join(bytes.fromhex(rng.choice(pieces)) for _ in range(200))
    expected = [(i.address, i.size) for i in disassembler.disasm(code, 0x1000)]

    async def body(feed: Feed) -> None:
        ctx, decoder = feed.ctx, feed.decoder
        decoded = decoder.decoded
        await feed.start(Stream(code), _FLAT, visible=0)
        got = []
        starved = 0
        for _ in range(6000):
            ctx.set(decoded.ready, rng.random() < 0.5)
            starved += ctx.get(decoder.starved)
            if ctx.get(decoded.valid) and ctx.get(decoded.ready):
                payload = ctx.get(decoded.payload)
                assert not payload.fault.valid, code[payload.eip - 0x1000 :][:15].hex()
                assert payload.next_eip == payload.eip + payload.length
                assert (payload.instructions, payload.prediction.taken) == (1, 0)
                got.append((payload.eip, payload.length))
            await feed.tick(more=rng.choice((0, 0, 1, 5, 16)))
            if len(got) == len(expected):
                break
        assert got == expected
        assert starved

    simulate(body)


def test_physical_addresses(rng: Random) -> None:
    """First and last byte, within a line and across two."""

    async def body(feed: Feed) -> None:
        for code in ("90", "0fa2", "6690", "c1e004", "8184980123456789abcdef", "66666690", "2e81849801234567c9abcdef"):
            raw = bytes.fromhex(code)
            for offset in range(16):
                got = await decode(feed, raw + bytes(16), _FLAT, physical=0x12340 + offset)
                last = offset + got.length - 1
                assert got.length == len(raw)
                assert got.physical == 0x12340 + offset
                assert got.physical_last == (0x12340 + last if last < 16 else 0x9990 + last - 16), (code, offset)

    simulate(body)


def test_redirect_drops_everything() -> None:
    """In each cycle of decoding an instruction with prefixes, and afterwards."""

    async def body(feed: Feed) -> None:
        for cycles in range(10):
            await feed.start(Stream(bytes.fromhex("f3662e26f0c1e00490")), _FLAT)
            for _ in range(cycles):
                await feed.tick()
            got = await decode(feed, bytes.fromhex("8b07"), _FLAT, eip=0x2000)
            assert _fault(got) is None
            assert (got.eip, got.length, got.rep, got.operand32, got.lock) == (0x2000, 2, 0, 1, 0)
            assert bytes(got.bytes)[:2].hex() == "8b07"

    simulate(body)


def test_rows_of_an_extension() -> None:
    """Rows narrowed by rm stand beside the core's row for the memory form of the same reg."""
    extension = (Row(0x0F01, "vmrun", modrm=True, reg=3, rm=0), Row(0x0F01, "skinit", modrm=True, reg=3, rm=6, protected_only=True))
    labels = {**LABELS, "vmrun": 3000, "skinit": 3001}

    async def body(feed: Feed) -> None:
        for code, mode, entry in (
            ("0f01d8", _FLAT, 3000),
            ("0f01de", _FLAT, 3001),
            ("0f01de", _REAL, None),
            ("0f01d9", _FLAT, None),
            ("0f0118", _FLAT, LABELS["lidt_m"]),
        ):
            got = await decode(feed, bytes.fromhex(code) + bytes(8), mode)
            assert (None if got.fault.valid else got.entry) == entry, code

    simulate(body, (*ROWS, *extension), labels)
