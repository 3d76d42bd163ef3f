"""The sequencer: which micro-op is next, and in which stage the present one is.

One micro-op is in the pipeline at a time. It spends a cycle in ISSUE (the ROM's word is resolved and registers are read), one or more in
ADDRESS (stage A, until the memory unit accepts the request) and MEMORY (stage M, until it answers) if it needs them, and one or more in
EXECUTE (stages X and W: result, flags, store and register writes all in the last of these cycles, ``finish``). In that cycle the ROM
already reads the next word: a register operation takes two cycles, one with a load four.

Between two instructions the sequencer is in BOUNDARY: events are taken, the frontend is redirected, the next instruction is awaited.
When the last micro-op changes nothing on which the choice of events or fetching depends (``settled``) and the next instruction waits
already, BOUNDARY is passed in the same cycle (``passing``).

A micro-op that is *interruptible* ends the instruction too, if an event waits: the event is taken, and the instruction begins again.
"""

from collections.abc import Callable, Mapping
from typing import Any

from amaranth import Module, Mux, Signal
from amaranth.lib import data, enum, wiring
from amaranth.lib.wiring import In, Out

from rtl.microcode.operation import Operation
from rtl.microcode.uop import LABEL_WIDTH, Memory, Sequence

__all__ = ["Sequencer", "State"]

STACK_DEPTH = 3

_Assign = Callable[[Any], list[Any]]


class State(enum.Enum, shape=4):
    """States of the sequencer."""

    RESET = 0
    BOUNDARY = 1
    ISSUE = 2
    ADDRESS = 3
    MEMORY = 4
    EXECUTE = 5
    RAISE = 6
    SHUTDOWN = 7


class ReturnAddress(data.Struct):
    """An entry of the micro stack. ``active``: the instruction was still to be retired when the call was made."""

    address: LABEL_WIDTH
    active: 1


class Sequencer(wiring.Component):
    """See the module's text; ``labels`` must hold ``deliver_event`` and ``debug_trap_entry``."""

    # ROM
    rom_enable: Out(1)
    rom_address: Out(LABEL_WIDTH)
    # the micro-op
    resolved: In(Operation)  # of the ROM's word, in ISSUE
    operation: In(Operation)  # latched
    issue: Out(1)  # latch it
    stage_address: Out(1)
    stage_memory: Out(1)
    stage_execute: Out(1)
    first_execute: Out(1)  # its first cycle
    finish: Out(1)  # it takes effect
    squash: Out(1)  # it does not
    # answers of the stages
    ready: In(1)  # after reset
    address_fault: In(1)
    accepted: In(1)
    done: In(1)
    access_fault: In(1)
    executed: In(1)  # the result is there and the store can be taken
    execute_fault: In(1)
    condition: In(1)
    settled: In(1)
    halt: In(1)
    intercepted: In(1)
    intercept_target: In(LABEL_WIDTH)
    idle: In(1)  # no store waits, caches and TLBs rest
    # boundary
    ended: Out(1)
    interrupted: Out(1)  # with ``ended``: in the midst of the instruction, which begins again after the event
    passing: Out(1)
    boundary: Out(1)
    take: Out(1)  # the next instruction is taken if it is there; the pipeline is empty
    dispatch: Out(1)  # it is taken
    decoded_valid: In(1)
    decoded_fault: In(1)
    entry: In(LABEL_WIDTH)
    event_take: In(1)
    event_target: In(LABEL_WIDTH)
    wake: In(1)
    event: Out(1)  # an event is taken
    stale: In(1)
    redirect_wanted: In(1)
    redirect: Out(1)
    armed: In(1)  # breakpoints are to be looked for: no boundary is passed
    held: In(1)  # they are being compared
    breakpoint: In(1)  # one is met by the next instruction
    breakpoint_take: Out(1)  # with ``event``: it is
    # exceptions
    resolve: Out(1)
    raised_take: In(1)
    raised_target: In(LABEL_WIDTH)
    again: In(1)
    dead: In(1)
    deliver: In(1)
    #
    active: Out(1)  # the instruction in hand will have been retired when it ends
    halted: Out(1)
    shutdown: Out(1)
    address: Out(LABEL_WIDTH)  # of the present micro-op, for traces

    def __init__(self, labels: Mapping[str, int]) -> None:
        self._deliver = labels["deliver_event"]
        self._debug = labels["debug_trap_entry"]
        super().__init__()

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        op = self.operation
        after = Signal(LABEL_WIDTH)
        stack = Signal(data.ArrayLayout(ReturnAddress, STACK_DEPTH))
        first = Signal()
        goto, goto_target = Signal(), Signal(LABEL_WIDTH)
        m.d.comb += [after.eq(self.address + 1), self.rom_enable.eq(goto), self.rom_address.eq(goto_target)]
        with m.If(goto):
            m.d.sync += self.address.eq(goto_target)

        def jump(target: Signal) -> list[Any]:
            return [goto.eq(1), goto_target.eq(target)]

        def push(active: Signal) -> list[Any]:
            return [stack[0].address.eq(after), stack[0].active.eq(active), *(stack[i + 1].eq(stack[i]) for i in range(STACK_DEPTH - 1))]

        with m.FSM():
            with m.State(State.RESET.name):
                with m.If(self.ready):
                    m.next = State.BOUNDARY.name
            with m.State(State.BOUNDARY.name):
                m.d.comb += self.boundary.eq(1)
                with m.If(self.wake):
                    m.d.sync += self.halted.eq(0)
                with m.If(self.held):
                    pass
                with m.Elif(self.event_take):
                    m.d.comb += [self.event.eq(1), *jump(self.event_target)]
                    m.d.sync += [self.halted.eq(0), self.active.eq(0)]
                    m.next = State.ISSUE.name
                with m.Elif(self.halted):
                    pass
                with m.Elif(self.redirect_wanted | self.stale):
                    m.d.comb += self.redirect.eq(1)
                with m.Elif(self.breakpoint):
                    m.d.comb += [self.event.eq(1), self.breakpoint_take.eq(1), *jump(self._debug)]
                    m.d.sync += self.active.eq(0)
                    m.next = State.ISSUE.name
                with m.Else():
                    m.d.comb += self.take.eq(1)
                    with m.If(self.decoded_valid):
                        m.d.comb += [self.dispatch.eq(1), *jump(self.entry)]
                        m.d.sync += self.active.eq(~self.decoded_fault)
                        with m.If(self.decoded_fault):
                            m.next = State.RAISE.name
                        with m.Else():
                            m.next = State.ISSUE.name
            with m.State(State.ISSUE.name):
                new = self.resolved
                with m.If(~new.drain | self.idle):
                    m.d.comb += self.issue.eq(1)
                    m.d.sync += first.eq(1)
                    with m.If((new.memory != Memory.NONE) | new.a.address | new.b.address):
                        m.next = State.ADDRESS.name
                    with m.Else():
                        m.next = State.EXECUTE.name
            with m.State(State.ADDRESS.name):
                m.d.comb += self.stage_address.eq(1)
                with m.If(self.address_fault):
                    m.d.comb += self.squash.eq(1)
                    m.next = State.RAISE.name
                with m.Elif(op.memory == Memory.NONE):
                    m.next = State.EXECUTE.name
                with m.Elif(self.accepted):
                    m.next = State.MEMORY.name
            with m.State(State.MEMORY.name):
                m.d.comb += self.stage_memory.eq(1)
                with m.If(self.done & self.access_fault):
                    m.d.comb += self.squash.eq(1)
                    m.next = State.RAISE.name
                with m.Elif(self.done):
                    m.next = State.EXECUTE.name
            with m.State(State.EXECUTE.name):
                m.d.comb += [self.stage_execute.eq(1), self.first_execute.eq(first)]
                m.d.sync += first.eq(0)
                with m.If(self.intercepted):
                    m.d.comb += [self.squash.eq(1), *jump(self.intercept_target)]
                    m.d.sync += [push(self.active), self.active.eq(0)]
                    m.next = State.ISSUE.name
                with m.Elif(self.execute_fault):
                    m.d.comb += self.squash.eq(1)
                    m.next = State.RAISE.name
                with m.Elif(self.executed):
                    m.d.comb += self.finish.eq(1)
                    with m.If(self.halt):
                        m.d.sync += self.halted.eq(1)
                    self._next(m, jump, push, stack, after)
            with m.State(State.RAISE.name):
                m.d.comb += self.resolve.eq(1)
                m.d.sync += self.active.eq(0)
                with m.If(self.raised_take):
                    m.d.comb += jump(self.raised_target)
                    m.next = State.ISSUE.name
                with m.Elif(self.deliver):
                    m.d.comb += jump(self._deliver)
                    m.next = State.ISSUE.name
                with m.Elif(self.dead):
                    m.next = State.SHUTDOWN.name
            with m.State(State.SHUTDOWN.name):
                m.d.comb += self.shutdown.eq(1)
        return m

    def _next(self, m: Module, jump: _Assign, push: _Assign, stack: data.View, after: Signal) -> None:
        """The micro-op finishes: where to?"""
        op = self.operation
        m.next = State.ISSUE.name
        with m.If(op.interruptible & self.event_take):
            m.d.comb += [self.ended.eq(1), self.interrupted.eq(1)]
            m.next = State.BOUNDARY.name
        with m.Else(), m.Switch(op.sequence):
            with m.Case(Sequence.NEXT):
                m.d.comb += jump(after)
            with m.Case(Sequence.JUMP):
                m.d.comb += jump(Mux(self.condition, op.label, after))
            with m.Case(Sequence.CALL):
                m.d.comb += jump(op.label)
                m.d.sync += push(self.active)
            with m.Case(Sequence.RETURN):
                m.d.comb += jump(stack[0].address)
                m.d.sync += [self.active.eq(stack[0].active), *(stack[i].eq(stack[i + 1]) for i in range(STACK_DEPTH - 1))]
            with m.Case(Sequence.LAST, Sequence.LAST_IF):
                with m.If((op.sequence == Sequence.LAST_IF) & ~self.condition):
                    m.d.comb += jump(after)
                with m.Else():
                    m.d.comb += self.ended.eq(1)
                    waits = self.event_take | self.stale | self.redirect_wanted | self.decoded_fault | ~self.decoded_valid | self.armed
                    with m.If(self.settled):
                        m.d.comb += self.passing.eq(1)
                        with m.If(waits):
                            m.next = State.BOUNDARY.name
                        with m.Else():
                            m.d.comb += [self.take.eq(1), self.dispatch.eq(1), *jump(self.entry)]
                            m.d.sync += self.active.eq(1)
                    with m.Else():
                        m.next = State.BOUNDARY.name
