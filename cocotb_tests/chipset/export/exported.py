"""The exported modules as designs for cocotb: the very Verilog that is handed out."""

import hashlib

from chipset.export.flat import FlatTop
from sim.cocotb_runner import VerilogDesign
from sim.export.verilog import module_text
from sim.model.interface import Port
from sim.paths import BUILD

__all__ = ["exported"]


def exported(top: FlatTop, name: str) -> VerilogDesign:
    """A design of the module; its Verilog is kept under ``build/``."""
    text = module_text(top, name)
    path = BUILD / "export" / hashlib.sha256(text.encode()).hexdigest()[:32] / f"{name}.v"
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        scratch = path.with_suffix(".partial")
        scratch.write_text(text)
        scratch.rename(path)
    ports = (Port(top.clock, 1, True), Port(top.reset, 1, True), *(Port(p.name, p.width, p.is_input) for p in top.flat))
    return VerilogDesign(name, (path,), ports)
