"""Takes the bus cycles of SKINIT (``contracts.late_launch``) to the guard and to the TPM, one at a time."""

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.tpm.port import HashOpCode, HashSignature
from chipset.late_launch.port import ProtectSignature
from contracts.bus import BusSignature
from contracts.late_launch import LaunchCycle

__all__ = ["LaunchSequence"]

_BASE_LSB = 16
_ADDRESS_WIDTH = 4  # of a cycle
_STEPS = {
    LaunchCycle.HASH_START: HashOpCode.START, LaunchCycle.HASH_DATA: HashOpCode.DATA, LaunchCycle.HASH_END: HashOpCode.END,
}  # fmt: skip


class LaunchSequence(wiring.Component):
    """A cycle is answered when the guard, or the TPM, has taken it.

    Members
    -------
    cpu : In(BusSignature), special cycles alone
    protect : Out(ProtectSignature)
    hash : Out(HashSignature)
    launched : Out(1), a late launch has begun since platform reset
    """

    cpu: In(BusSignature())
    protect: Out(ProtectSignature())
    hash: Out(HashSignature())
    launched: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        held = Signal.like(self.cpu.req)
        cycle = held.address[:_ADDRESS_WIDTH]
        done = Signal()
        m.d.comb += [
            self.protect.base.eq(held.data[_BASE_LSB:]), self.hash.data.eq(held.data), self.hash.mask.eq(held.mask),
            done.eq(Mux(cycle == LaunchCycle.PROTECT, self.protect.ready, self.hash.ready)), self.cpu.rsp.last.eq(1),
        ]  # fmt: skip
        with m.Switch(cycle):
            for address, op in _STEPS.items():
                with m.Case(int(address)):
                    m.d.comb += self.hash.op.eq(op)
        with m.FSM():
            with m.State("IDLE"):
                m.d.comb += self.cpu.req_ready.eq(1)
                m.d.sync += held.eq(self.cpu.req)
                with m.If(self.cpu.req_valid):
                    m.next = "ASK"
            with m.State("ASK"):
                m.d.comb += [
                    self.protect.valid.eq(cycle == LaunchCycle.PROTECT), self.hash.valid.eq(cycle != LaunchCycle.PROTECT),
                ]  # fmt: skip
                with m.If(self.protect.valid):
                    m.d.sync += self.launched.eq(1)
                with m.If(done):
                    m.next = "ANSWER"
            with m.State("ANSWER"):
                m.d.comb += self.cpu.rsp_valid.eq(1)
                m.next = "IDLE"
        return m
