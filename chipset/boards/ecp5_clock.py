"""The machine's clock on a Lattice ECP5: a PLL behind the board's oscillator."""

from dataclasses import dataclass
from typing import Any

from amaranth.hdl import Const, Instance, Module, Signal
from amaranth.lib import io, wiring
from amaranth.lib.wiring import Out

__all__ = ["ClockPlan", "Ecp5Clock"]

# ECP5 family data sheet (FPGA-DS-02012), sysCLOCK PLL timing: the least of the phase detector, the range of the oscillator, in Hz.
_PHASE_DETECTOR_MIN_HZ = 3_125_000
_VCO_MIN_HZ, _VCO_MAX_HZ = 400_000_000, 800_000_000
_VCO_AIM_HZ = 600_000_000
_DIVIDER_MAX = 128


@dataclass(frozen=True)
class ClockPlan:
    """``oscillator_hz * multiply / divide``, and the dividers of EHXPLLL (with feedback from CLKOP) that give it.

    Raises ValueError where the PLL cannot.
    """

    oscillator_hz: int
    multiply: int
    divide: int

    def __post_init__(self) -> None:
        if self.oscillator_hz < self.divide * _PHASE_DETECTOR_MIN_HZ:
            raise ValueError(f"the PLL compares at {self.oscillator_hz / self.divide:.0f} Hz; its least is {_PHASE_DETECTOR_MIN_HZ} Hz")
        if not _VCO_MIN_HZ <= self.hz * self.output_divider <= _VCO_MAX_HZ or not 1 <= self.output_divider <= _DIVIDER_MAX:
            raise ValueError(f"the PLL's oscillator cannot run at a multiple of {self.hz} Hz")

    @property
    def hz(self) -> int:
        return self.oscillator_hz * self.multiply // self.divide

    @property
    def output_divider(self) -> int:
        return round(_VCO_AIM_HZ / self.hz)


class Ecp5Clock(wiring.Component):
    """``clk`` : Out(1), made of the platform's default clock by ``plan``.

    Not one edge comes before the PLL is locked, so every flip-flop is as configured at the first: the domain needs no reset.
    """

    clk: Out(1)

    def __init__(self, plan: ClockPlan) -> None:
        self._plan = plan
        super().__init__()

    def elaborate(self, platform: Any) -> Module:
        m = Module()
        m.submodules.oscillator = oscillator = io.Buffer("i", platform.request(platform.default_clk, dir="-"))
        made, locked, off, on = Signal(), Signal(), Const(0), Const(1)
        m.submodules.pll = Instance(
            "EHXPLLL",
            p_PLLRST_ENA="DISABLED", p_INTFB_WAKE="DISABLED", p_STDBY_ENABLE="DISABLED", p_DPHASE_SOURCE="DISABLED",
            p_FEEDBK_PATH="CLKOP", p_CLKI_DIV=self._plan.divide, p_CLKFB_DIV=self._plan.multiply,
            p_CLKOP_ENABLE="ENABLED", p_OUTDIVIDER_MUXA="DIVA", p_CLKOP_DIV=self._plan.output_divider,
            p_CLKOP_CPHASE=self._plan.output_divider // 2 - 1, p_CLKOP_FPHASE=0,
            a_ICP_CURRENT="12", a_LPF_RESISTOR="8", a_MFG_ENABLE_FILTEROPAMP="1", a_MFG_GMCREF_SEL="2",
            i_CLKI=oscillator.i, i_CLKFB=made, o_CLKOP=made, o_LOCK=locked, i_RST=off, i_STDBY=off, i_ENCLKOP=off, i_PLLWAKESYNC=off,
            i_PHASESEL0=off, i_PHASESEL1=off, i_PHASEDIR=on, i_PHASESTEP=on, i_PHASELOADREG=on,
        )  # fmt: skip
        m.submodules.gate = Instance("DCCA", i_CLKI=made, i_CE=locked, o_CLKO=self.clk)
        return m
