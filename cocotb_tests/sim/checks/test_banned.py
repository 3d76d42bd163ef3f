"""What ``make lint`` refuses of Amaranth: Record, Elaboratable for a base class, star imports; by whatever name they are reached."""

import subprocess
import sys

import pytest

from sim.paths import ROOT

__all__: list[str] = []

BANNED, STAR = "TID251", "F403"

GOOD = '''"""A circuit."""

from amaranth.hdl import Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out


class Inverter(wiring.Component):
    """``q`` is not ``d``."""

    d: In(1)
    q: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.d.comb += self.q.eq(~self.d)
        return m
'''


def complaints(source: str) -> str:
    """Of ruff, with the project's settings, about a file of ``rtl/``; one a line."""
    command = [sys.executable, "-m", "ruff", "check", "--no-cache", "--output-format", "concise", "--stdin-filename", "rtl/unit.py", "-"]
    done = subprocess.run(command, input=source, cwd=ROOT, capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    return done.stdout if done.returncode else ""


def test_a_component_is_accepted() -> None:
    assert complaints(GOOD) == ""


@pytest.mark.parametrize(
    ("source", "rule"),
    [
        ("from amaranth import Elaboratable", BANNED),
        ("from amaranth.hdl import Elaboratable", BANNED),
        ("from amaranth.hdl.ir import Elaboratable", BANNED),
        ("from amaranth.hdl._ir import Elaboratable", BANNED),
        ("from amaranth.hdl import ir", BANNED),
        ("import amaranth.hdl.ir", BANNED),
        ("import amaranth\n\nx = amaranth.Elaboratable", BANNED),
        ("import amaranth as am\n\nx = am.hdl.Elaboratable", BANNED),
        ("import amaranth as am\n\nx = am.hdl._ir.Elaboratable", BANNED),
        ("from amaranth import hdl\n\nx = hdl.Elaboratable", BANNED),
        ("def f():\n    from amaranth import Elaboratable\n\n    return Elaboratable", BANNED),
        ("from amaranth import Record", BANNED),
        ("from amaranth.hdl import Record", BANNED),
        ("from amaranth.hdl.rec import Record", BANNED),
        ("from amaranth.hdl.rec import Layout", BANNED),
        ("from amaranth.hdl._rec import Record", BANNED),
        ("from amaranth.hdl import rec", BANNED),
        ("from amaranth import hdl\n\nx = hdl.rec.Record", BANNED),
        ("from amaranth import *", STAR),
        ("from amaranth.hdl import *", STAR),
        ("from amaranth.hdl.rec import *", BANNED),
        ("from amaranth.hdl._ir import *", BANNED),
    ],
)
def test_the_old_style_is_refused(source: str, rule: str) -> None:
    assert f" {rule} " in complaints(source + "\n")
