"""The keyboard controller with a keyboard and a mouse that whoever runs the machine plays: the whole of it for a simulation."""

from amaranth.hdl import Module
from amaranth.lib import stream, wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.ps2.controller import PATIENCE, Ps2Controller
from chipset.devices.ps2.keyboard import Keyboard
from chipset.devices.ps2.mouse import Mouse
from chipset.devices.ps2.port import KeyEvent, MouseEvent
from chipset.interconnect.ports import IoSignature

__all__ = ["Ps2"]


class Ps2(wiring.Component):
    """Controller, keyboard and mouse, joined.

    Parameters
    ----------
    patience : as of ``Ps2Controller``

    Members
    -------
    data, control, a20, reset, irq, mouse_irq : as of ``Ps2Controller``
    keys : stream of KeyEvent, In; moves : stream of MouseEvent, In
    leds : Out(3), as of ``Keyboard``
    """

    def __init__(self, patience: int = PATIENCE) -> None:
        self._patience = patience
        super().__init__({
            "data": In(IoSignature()), "control": In(IoSignature()), "a20": Out(1), "reset": Out(1), "irq": Out(1), "mouse_irq": Out(1),
            "keys": In(stream.Signature(KeyEvent)), "moves": In(stream.Signature(MouseEvent)), "leds": Out(3),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.controller = controller = Ps2Controller(self._patience)
        m.submodules.keyboard = keyboard = Keyboard()
        m.submodules.mouse = mouse = Mouse()
        wiring.connect(m, controller.keyboard, keyboard.line)
        wiring.connect(m, controller.mouse, mouse.line)
        wiring.connect(m, wiring.flipped(self.data), controller.data)
        wiring.connect(m, wiring.flipped(self.control), controller.control)
        wiring.connect(m, wiring.flipped(self.keys), keyboard.keys)
        wiring.connect(m, wiring.flipped(self.moves), mouse.moves)
        m.d.comb += [
            self.a20.eq(controller.a20), self.reset.eq(controller.reset), self.irq.eq(controller.irq),
            self.mouse_irq.eq(controller.mouse_irq), self.leds.eq(keyboard.leds),
        ]  # fmt: skip
        return m
