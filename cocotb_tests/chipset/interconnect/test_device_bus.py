"""The device bus: accesses of every width to byte-wide ports, wide registers, ports that move and pages, against a plain model."""

import pytest
from amaranth.hdl import Signal

from chipset.interconnect.decode import is_in_pages
from chipset.interconnect.device_bus import BlockAt, DeviceBus, IoAt, PagesAt, WideIoAt
from cocotb_tests.chipset.bus_master import BusMaster, simulate
from contracts.bus import Authority, Space
from contracts.memory_map import PAGE_SIZE

__all__: list[str] = []

FIXED = {"eight": IoAt(0x1F0, 8), "one": IoAt(0x3F6), "beside": IoAt(0xCF9), "four": IoAt(0xCFC, 4)}
WIDE = {"data": WideIoAt(0x1F0, (0b0011, 0b1111)), "address": WideIoAt(0xCF8, (0b1111,))}
MOVABLE = {"moved": 16, "other": 4}
MASKS = (0b0001, 0b0010, 0b0100, 0b1000, 0b0011, 0b0110, 0b1100, 0b0111, 0b1110, 0b1111)
PLACES = (0x1F0, 0x1E0, 0x3F0, 0xCF0, 0xC000, 0xC004, 0xC010, 0x20)


def model(places: dict[str, int | None], address: int, mask: int) -> list[tuple[str, int, int]]:
    """Who is reached, in order: name, the port in the device (of a wide register the mask), and the access's first lane."""
    for name, wide in WIDE.items():
        if address == wide.base and mask in wide.masks:
            return [(name, mask, 0)]
    reached = []
    for lane in range(4):
        if not mask >> lane & 1:
            continue
        port = address + lane
        fixed = [(name, port - at.base) for name, at in FIXED.items() if at.base <= port < at.base + at.count]
        taken = bool(fixed) or any(at.base == port & ~3 for at in WIDE.values())
        moved = [(n, port - base) for n, base in places.items() if base is not None and base <= port < base + MOVABLE[n]]
        for name, offset in fixed or ([] if taken else moved[:1]):
            reached.append((name, offset, lane))
    return reached


def test_any_access_reaches_whom_it_should(rng):
    dut = DeviceBus(FIXED, {}, WIDE, MOVABLE)
    seen: list[tuple[str, int, bool, int | None]] = []
    names = [*FIXED, *MOVABLE, *WIDE]

    def part(name: str):
        return getattr(dut, f"wide_{name}" if name in WIDE else f"io_{name}")

    async def program(ctx):
        for n, name in enumerate(names):
            ctx.set(part(name).read_data, 0x44332211 * (n + 1) & (0xFFFF_FFFF if name in WIDE else 0xFF))
        cpu = BusMaster(ctx, dut.cpu)
        for _ in range(400):
            places: dict[str, int | None] = {}
            for name, count in MOVABLE.items():
                base = rng.choice(PLACES) & ~(count - 1)
                places[name] = base if rng.random() < 0.8 else None
                ctx.set(getattr(dut, f"place_{name}").base, base)
                ctx.set(getattr(dut, f"place_{name}").enable, places[name] is not None)
            address = rng.choice((0x1F0, 0x1F4, 0x3F4, 0xCF8, 0xCFC, *(p + 4 * rng.randrange(4) for p in PLACES)))
            mask, write, data = rng.choice(MASKS), rng.random() < 0.5, rng.getrandbits(32)
            seen.clear()
            answer = (await cpu.access(address, space=Space.IO, mask=mask, write=[data] if write else None)).word
            expected = model(places, address, mask)
            value = 0xFFFF_FFFF
            for name, offset, lane in expected:
                constant = 0x44332211 * (names.index(name) + 1)
                lanes = [n for n in range(4) if offset >> n & 1] if name in WIDE else [lane]
                for n in lanes:
                    byte = constant >> 8 * n if name in WIDE else constant
                    value = value & ~(0xFF << 8 * n) | (byte & 0xFF) << 8 * n
            what = []
            for name, offset, lane in expected:
                written = data if name in WIDE else data >> 8 * lane & 0xFF
                what.append((name, offset, write, written if write else None))
            assert seen == what, f"{address:#x} mask {mask:04b} {places}"
            assert write or answer == value

    async def spy(ctx):
        signals = []
        for name in names:
            p = part(name)
            signals += [p.read, p.write, p.mask if name in WIDE else p.address, p.write_data]
        async for _, _, *values in ctx.tick().sample(*signals):
            for n, name in enumerate(names):
                read, write, where, data = values[4 * n : 4 * n + 4]
                if read or write:
                    seen.append((name, where, bool(write), data if write else None))

    simulate(dut, program, background=[spy])


BLOCK, PAGED = 0xFEC0_0000, 0xFED4_0000
PAGES = 5


def test_pages_take_any_bytes_and_are_told_who_asks(rng):
    """Any address about them; a register block beside them goes on to take whole words alone. Each may hold an access up."""
    dut = DeviceBus({}, {"block": BlockAt(BLOCK, guarded=False)}, paged={"paged": PagesAt(PAGED, PAGES)})
    block, paged = dut.block_block, dut.pages_paged
    seen: list[tuple[str, bool, int, int, int, bool]] = []

    async def program(ctx):
        cpu = BusMaster(ctx, dut.cpu)
        for _ in range(300):
            base = rng.choice((BLOCK, PAGED, PAGED - PAGE_SIZE, *(PAGED + n * PAGE_SIZE for n in range(9))))
            address, mask, write, data = (
                base + 4 * rng.randrange(PAGE_SIZE // 4),
                rng.choice(MASKS),
                rng.random() < 0.5,
                rng.getrandbits(32),
            )
            cpu.authority = rng.choice(list(Authority))
            ctx.set(paged.read_data, data ^ 1)
            ctx.set(block.read_data, data ^ 2)
            seen.clear()
            answer = (await cpu.access(address, mask=mask, write=[data] if write else None)).word
            page = (base - PAGED) // PAGE_SIZE
            word = address % PAGE_SIZE // 4
            expected = []
            if 0 <= page < PAGES:
                expected = [("pages", write, page, word, mask, cpu.authority is Authority.RING_MINUS_1)]
                assert write or answer == data ^ 1
            elif base == BLOCK and (not write or mask == 0b1111):
                expected = [("block", write, 0, word, 0b1111, False)]
                assert write or answer == data ^ 2
            else:
                assert write or answer == 0xFFFF_FFFF
            assert seen == expected, f"{address:#x} mask {mask:04b}"

    async def serve(ctx):
        while True:
            ready = rng.random() < 0.5
            ctx.set(block.ready, ready)
            ctx.set(paged.ready, ready)
            at = await ctx.tick().sample(block.valid, block.write, block.address, paged.valid, paged.write, paged.page, paged.address,
                                         paged.mask, paged.privileged)  # fmt: skip
            if at[2] and ready:
                seen.append(("block", bool(at[3]), 0, at[4], 0b1111, False))
            if at[5] and ready:
                seen.append(("pages", bool(at[6]), at[7], at[8], at[9], bool(at[10])))

    simulate(dut, program, background=[serve])


def test_pages_that_cannot_be_decoded_are_refused():
    with pytest.raises(ValueError, match="5 pages at 0xfed41000 cannot be decoded"):
        is_in_pages(Signal(32), PAGED + PAGE_SIZE, PAGES)
