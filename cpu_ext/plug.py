"""Joins ring −1's circuits to the seam of the core."""

from collections.abc import Mapping

from amaranth import Cat, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import Out

from contracts.exit_codes import ExitCode
from contracts.msr import VmCr
from contracts.vmcb import General1
from cpu_ext.events import Events
from cpu_ext.intercepts import Intercepts
from cpu_ext.special import Point
from cpu_ext.state import State
from rtl.arch.exceptions import Vector
from rtl.microcode.uop import InterceptPoint
from rtl.seam import CoreParams, SeamSignature

__all__ = ["Context", "RingMinus1"]

_EVENT_POINTS = (InterceptPoint.INTR.value, InterceptPoint.NMI.value, int(Point.VINTR), int(Point.INIT))  # no instruction: no next RIP


class Context(data.Struct):
    """The context word of the retire port and of the processor's view."""

    guest: 1
    gif: 1
    asid: 8
    exit_code: 8  # of the latest #VMEXIT
    _free: 14


class RingMinus1(wiring.Component):
    """The component behind the seam: intercepts, exits, events, ASID, authority."""

    def __init__(self, params: CoreParams, labels: Mapping[str, int]) -> None:
        self._params = params
        self._labels = labels
        super().__init__({"seam": Out(SeamSignature())})

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        seam = self.seam
        m.submodules.state = state = State()
        m.submodules.intercepts = intercepts = Intercepts()
        m.submodules.events = events = Events(self._labels)
        m.d.comb += [
            state.number.eq(seam.special_number),
            state.write.eq(seam.special_write),
            state.value.eq(seam.special_data),
            seam.special_read.eq(state.read),
            seam.asid.eq(state.asid & state.guest.replicate(8)),
            seam.ring_minus_1.eq(~state.guest),
            seam.tsc_offset.eq(Cat(state.tsc_offset_low, state.tsc_offset_high) & state.guest.replicate(64)),
        ]
        context = Signal(Context)
        m.d.comb += [context.guest.eq(state.guest), context.gif.eq(state.gif), context.asid.eq(seam.asid)]
        m.d.comb += [context.exit_code.eq(state.exitcode), seam.context.eq(context)]
        m.d.comb += [
            intercepts.guest.eq(state.guest),
            intercepts.point_valid.eq(seam.point_valid),
            intercepts.point.eq(seam.point),
            intercepts.decoded.eq(seam.decoded),
            intercepts.a.eq(seam.a),
            intercepts.b.eq(seam.b),
            intercepts.constant.eq(seam.constant),
            intercepts.cr0.eq(seam.cr0),
            intercepts.intercept_cr.eq(state.intercept_cr),
            intercepts.intercept_dr.eq(state.intercept_dr),
            intercepts.general1.eq(state.intercept_general1),
            intercepts.general2.eq(state.intercept_general2),
        ]
        m.d.comb += [
            events.pending.eq(seam.pending),
            events.guest.eq(state.guest),
            events.gif.eq(state.gif),
            events.host_if.eq(state.host_if),
            events.inject.eq(state.inject),
            events.int_control.eq(state.int_control),
            events.general1.eq(state.intercept_general1),
            events.redirect_init.eq((state.vm_cr & int(VmCr.R_INIT)).any()),
            seam.a20_on.eq((state.vm_cr & int(VmCr.DIS_A20M)).any()),
            seam.breakpoints_off.eq(~state.gif),
            seam.event_take.eq(events.take),
            seam.event_target.eq(events.target),
        ]
        self._exits(m, state, intercepts)
        return m

    def _exits(self, m: Module, state: State, intercepts: Intercepts) -> None:
        """Latches code and information where an exit is decided, and says where the sequencer goes."""
        seam, route, latch = self.seam, intercepts.route, state.exit
        raised = seam.raised
        vector = raised.word[:5]
        shutdown = Signal()
        is_event = Signal()
        m.d.comb += [
            shutdown.eq(raised.shutdown & state.intercept_general1[General1.SHUTDOWN]),
            seam.raised_take.eq(
                seam.raised_valid
                & state.guest
                & (shutdown | (~raised.shutdown & ~raised.icebp & state.intercept_exceptions.bit_select(vector, 1)))
            ),
            seam.raised_target.eq(self._labels["vmexit"]),
            seam.take.eq(route.exit | route.io_map | route.msr_map),
            seam.target.eq(self._labels["vmexit"]),
            is_event.eq(seam.point.as_value().matches(*_EVENT_POINTS)),
        ]
        with m.If(route.io_map):
            m.d.comb += seam.target.eq(self._labels["ioio_check"])
        with m.If(route.msr_map):
            m.d.comb += seam.target.eq(self._labels["msr_check"])
        with m.If(seam.raised_take):
            m.d.comb += [
                latch.valid.eq(1),
                latch.code.eq(int(ExitCode.EXCEPTION) + vector),
                latch.nrip.eq(seam.decoded.next_eip & raised.software.replicate(32)),
            ]
            with m.If(raised.shutdown):
                m.d.comb += [latch.code.eq(int(ExitCode.SHUTDOWN)), latch.nrip.eq(0)]
            with m.Else():
                m.d.comb += latch.info1.eq(raised.error)
                with m.If(vector == Vector.PF):
                    m.d.comb += latch.info2.eq(raised.address)
        with m.Elif(seam.take):
            m.d.comb += [
                latch.valid.eq(1),
                latch.code.eq(route.code),
                latch.info1.eq(route.info1),
                latch.info2.eq(route.info2),
                latch.nrip.eq(seam.decoded.next_eip & ~is_event.replicate(32)),
            ]
