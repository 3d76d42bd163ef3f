"""A stand-in for the processor with the ring −1 stub on it, in a few states: for the tests of the host link and the machine."""

from dataclasses import replace

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.boards.simulation import SimulationTop
from contracts.bus import Authority, BusSignature, SnoopSignature, Space
from contracts.host_link import HOST_LINK, StubCommand, VcpuBlock
from contracts.memory_map import PAGE_SIZE, Physical, Port
from rtl.retire.port import RetirePort
from sim.machine import MachineConfig, machine_spec
from sim.model import ModelSpec

__all__ = ["EXIT_BYTE", "MEMORY", "VECTOR", "StubDouble", "double_spec", "machine_with_double"]

MEMORY = 2 << 20
VECTOR = 0x21  # that every interrupt window reports
EXIT_BYTE = 0x15  # written to the exit port at SHUTDOWN
DELAY = 20  # cycles that a command takes


class StubDouble(wiring.Component):
    """Reads the mailbox; for each command writes VECTOR into the block, says a byte to port E9h and retires two instructions in one cycle,
    at the address that the mailbox said and at the next one.

    A RUN whose block is page 0 resets the machine instead, by ``shutdown``.
    """

    bus: Out(BusSignature())
    snoop: In(SnoopSignature())
    retire: Out(RetirePort)
    intr: In(1)
    nmi: In(1)
    init: In(1)
    shutdown: Out(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        answer, left = Signal(32), Signal(8)
        request = self.bus.req
        command = answer[:12]
        m.d.comb += [request.mask.eq(0xF), request.last.eq(1), request.authority.eq(Authority.RING_MINUS_1)]

        def access(name: str, following: str) -> None:
            with m.State(name):
                m.d.comb += self.bus.req_valid.eq(1)
                with m.If(self.bus.req_ready):
                    m.next = following

        with m.FSM() as fsm:
            access("ASK", "HEAR")
            with m.State("HEAR"):
                with m.If(self.bus.rsp_valid):
                    m.d.sync += [answer.eq(self.bus.rsp.data), left.eq(DELAY)]
                    m.next = "WORK"
            with m.State("WORK"):
                m.d.sync += left.eq(left - 1)
                with m.If(left == 0):
                    m.d.comb += self.shutdown.eq((command == StubCommand.RUN) & (answer[12:] == 0))
                    m.next = "TELL"
            access("TELL", "TOLD")
            with m.State("TOLD"):
                with m.If(self.bus.rsp_valid):
                    m.next = "SAY"
            access("SAY", "SAID")
            with m.State("SAID"):
                with m.If(self.bus.rsp_valid):
                    for slot, record in enumerate(self.retire):
                        m.d.comb += [
                            record.valid.eq(1), record.instruction.valid.eq(1), record.instruction.final.eq(1),
                            record.instruction.eip.eq(answer + slot),
                        ]  # fmt: skip
                    m.next = "ASK"
        is_shutdown = command == StubCommand.SHUTDOWN
        vector_at = (answer & ~(PAGE_SIZE - 1)) + VcpuBlock.VECTOR
        with m.If(fsm.ongoing("ASK")):
            m.d.comb += request.address.eq(Physical.HOST_LINK + HOST_LINK["MAILBOX"].offset)
        with m.Elif(fsm.ongoing("TELL")):
            m.d.comb += [request.address.eq(vector_at), request.write.eq(1), request.data.eq(VECTOR)]
        with m.Else():
            port = Mux(is_shutdown, Port.EXIT, Port.DEBUG_CONSOLE)
            lane = port[:2]
            m.d.comb += [
                request.space.eq(Space.IO), request.address.eq(port & ~3), request.mask.eq(1 << lane), request.write.eq(1),
                request.data.eq(Mux(is_shutdown, EXIT_BYTE, ord("0") + command[:4]) << (lane << 3)),
            ]  # fmt: skip
        return m


def machine_with_double(memory_bytes: int, *, latency: int, timer_divider: int, **_: object) -> SimulationTop:
    """The machine with a processor that knows nothing but the mailbox."""
    return SimulationTop(StubDouble(), bytes(64), memory_bytes, latency=latency, timer_divider=timer_divider, tpm=True,
                         keyboard=True, display=True)  # fmt: skip


def double_spec() -> ModelSpec:
    """Its model: that of the real machine with another circuit inside."""
    spec = machine_spec(MachineConfig(memory=MEMORY))
    recorders = tuple(r for r in spec.recorders if r.port != "view")  # the double has no such processor to show
    return replace(
        spec,
        recorders=recorders,
        top="cocotb_tests.sim.double:machine_with_double",
        rooms=("contracts", "chipset", "rtl/retire", "cocotb_tests/sim/double.py"),
    )
