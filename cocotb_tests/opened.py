"""Looking into a component: a proof's invariants speak of registers that are nobody else's business.

Nothing is added to the component for it. A seeded bug is an assignment appended to the component's own statements: the last one wins.
"""

from typing import Any

from amaranth.hdl import Fragment, Module, Value
from amaranth.hdl._ast import AnySeq
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

__all__ = ["Opened"]


class Opened:
    """``component``, elaborated now, so that what is inside can be named; it is still added as a submodule as ever.

    Members
    -------
    component : itself
    module : its statements, to which a seeded bug adds one
    """

    def __init__(self, component: wiring.Component) -> None:
        self.component = component
        self.module: Module = component.elaborate(None)
        component.elaborate = lambda _platform: self.module

    def __getitem__(self, name: str) -> Value:
        """The one signal of that name that the component drives."""
        found = [s for s in self.module._driving if s.name == name]
        if len(found) != 1:
            raise KeyError(f"{len(found)} signals are named {name}")
        return found[0]

    def shaped(self, name: str, layout: Any) -> data.View:
        """That signal as a structure."""
        return data.View(data.Layout.cast(layout), self[name])

    def ongoing(self, state: str, fsm: str = "fsm") -> Value:
        """1 while that state machine is in that state."""
        return self.module._generated[fsm].ongoing(state)

    def open(self, name: str) -> "Opened":
        """A submodule, opened in its turn."""
        return Opened(getattr(self.module.submodules, name))

    def free(self, name: str) -> wiring.Component:
        """A submodule that says anything, in every cycle: what is proved with it holds whatever it is. To be called once, before that one
        is elaborated; only its ports mean something then."""
        component: wiring.Component = getattr(self.module.submodules, name)
        Fragment.get(component, None)  # what is inside counts as used then, though it is thrown away
        anything = Module()
        for _, member, value in component.signature.flatten(component):
            if member.flow is Out:
                anything.d.comb += Value.cast(value).eq(AnySeq(len(Value.cast(value))))
        component.elaborate = lambda _platform: anything
        return component
