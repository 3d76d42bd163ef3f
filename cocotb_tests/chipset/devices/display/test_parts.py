"""Font, palette, raster: each by itself."""

import pytest
from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import Out

from chipset.devices.display.font import GLYPHS, glyphs
from chipset.devices.display.palette import Palette
from chipset.devices.display.raster import VGA_RASTER, Raster, RasterCounter
from chipset.devices.display.registers import _InputStatus
from cocotb_tests.chipset.bus_master import simulate
from contracts.display import CELL_HEIGHT, InputStatus, levels

__all__: list[str] = []


def test_every_printable_character_has_a_glyph_of_its_own():
    font = glyphs()
    printable = [font[code] for code in range(0x21, 0x7F)]
    assert len(set(printable)) == len(printable)
    assert not any(font[0x20]) and not any(font[0]) and all(any(glyph) for glyph in printable)
    assert len(font) == GLYPHS and {len(glyph) for glyph in font} == {CELL_HEIGHT}


def test_a_letter():
    """As it is drawn in the file."""
    rows = ["".join(".#"[row >> n & 1] for n in reversed(range(8))) for row in glyphs()[ord("L")]]
    assert rows[2:12] == ["##......"] * 9 + [".######."]


@pytest.mark.parametrize(
    ("text", "complaint"),
    [("41:00  A", "16 bytes"), (f"41:{'00' * 16}  A\n41:{'00' * 16}  A", "a new code"), (f"41:{'00' * 16}  A", "not 256")],
)
def test_a_font_that_is_none_is_refused(monkeypatch, tmp_path, text, complaint):
    (tmp_path / "font.hex").write_text(text)
    monkeypatch.setattr("chipset.devices.display.font._FILE", tmp_path / "font.hex")
    with pytest.raises(ValueError, match=complaint):
        glyphs()


class Clocked(wiring.Component):
    """A circuit without a clock of its own, beside a counter that has one."""

    def __init__(self, circuit: wiring.Component) -> None:
        self._circuit = circuit
        super().__init__({"count": Out(1)})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.circuit = self._circuit
        m.d.sync += self.count.eq(~self.count)
        return m


def test_palette():
    dut = Palette()

    async def bench(ctx):
        for trusted in (False, True):
            for colour in range(16):
                ctx.set(dut.colour, colour)
                ctx.set(dut.trusted, trusted)
                await ctx.tick()
                assert (ctx.get(dut.levels.red), ctx.get(dut.levels.green), ctx.get(dut.levels.blue)) == levels(colour, trusted=trusted)

    simulate(Clocked(dut), bench)


def test_a_line_of_vga():
    """800 dots, of them 96 of sync that begins 16 behind the picture."""
    dut = RasterCounter(VGA_RASTER)
    seen: list[tuple[int, int]] = []

    async def bench(ctx):
        for _ in range(3 * VGA_RASTER.dots):
            seen.append((ctx.get(dut.visible), ctx.get(dut.horizontal_sync)))
            await ctx.tick()

    simulate(dut, bench)
    assert (VGA_RASTER.dots, VGA_RASTER.lines) == (800, 525)
    for n in (0, 1):
        visible = [at for at, (shown, _) in enumerate(seen[800 * n :]) if shown][:640]
        sync = [at for at, (_, synced) in enumerate(seen[800 * n :]) if synced][:96]
        assert visible == list(range(8, 648))
        assert sync == list(range(visible[-1] + 1 + 16, visible[-1] + 1 + 16 + 96))


@pytest.mark.parametrize("changed", [{"front": 15}, {"front": 0, "sync": 8, "back": 0}, {"vertical_front": 0}])
def test_what_is_no_raster_is_refused(changed):
    numbers = {"front": 8, "sync": 8, "back": 8, "vertical_front": 1, "vertical_sync": 1, "vertical_back": 1} | changed
    with pytest.raises(ValueError, match="no raster"):
        Raster(**numbers)


def test_status_bits_lie_where_the_contract_has_them():
    places = {name.upper(): 1 << field.offset for name, field in _InputStatus.as_shape()}
    assert {flag.name: places[flag.name] for flag in InputStatus} == {flag.name: int(flag) for flag in InputStatus}
