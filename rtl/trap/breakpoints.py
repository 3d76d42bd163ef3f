"""Breakpoints: the addresses of DR0 to DR3 beside what instructions access and where the next one lies (Intel SDM vol. 3, 17.3.1).

One comparator for each breakpoint serves three addresses in turn, each the number of a double word and a mask of its bytes:

- an access that has taken effect: its first double word, and in the cycle after that its second. What it has met stands in ``met`` until
  the instruction ends, which traps then;
- else, between two instructions, the next instruction's first byte. What it has met stands in ``at``, and the instruction faults.

A processor whose DR7 enables none spends no cycle on this. With one enabled no boundary is passed, and at each ``held`` is high until the
results stand: a cycle to choose, two for the access of the last micro-op, one for the instruction.
"""

from amaranth import Cat, Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from rtl.arch.debug import BREAKPOINTS, BreakpointLength, BreakpointType, DebugControl

__all__ = ["Breakpoints", "WatchedAccess"]

_WORD_BITS = 2  # of an address, within a double word
_WORD_BYTES = 4
_COMPARING = 4  # cycles at a boundary


class WatchedAccess(data.Struct):
    """A data access to a linear address, or of a port."""

    linear: 32
    size: 3  # 1, 2, 4 bytes
    write: 1  # or read and write
    io: 1


class Breakpoints(wiring.Component):
    """See the module's text."""

    addresses: In(data.ArrayLayout(32, BREAKPOINTS))
    control: In(DebugControl)
    ports: In(1)  # CR4.DE
    off: In(1)  # matches are dropped
    access_valid: In(1)  # in the cycle after it took effect
    access: In(WatchedAccess)
    boundary: In(1)  # between two instructions
    linear: In(32)  # of the next one
    covered: In(1)  # by EFLAGS.RF, or by a load of SS before it
    forget: In(1)  # the accesses were those of an instruction that faults, or have been reported
    armed: Out(1)
    held: Out(1)
    trap: Out(1)  # an access has met one
    met: Out(BREAKPOINTS)
    fault: Out(1)  # the next instruction has, and is not covered; valid while ``held`` is low
    at: Out(BREAKPOINTS)

    def elaborate(self, _platform: object) -> Module:
        m = Module()
        enabled = Signal(BREAKPOINTS)
        m.d.comb += [enabled[n].eq(self.control.enables[n].any()) for n in range(BREAKPOINTS)]
        m.d.comb += self.armed.eq(enabled.any() & ~self.off)

        access = self.access
        bytes_of = Signal(_WORD_BYTES)
        lanes = Signal(2 * _WORD_BYTES)
        behind = Signal()  # the second double word is compared
        m.d.comb += [
            bytes_of.eq(Cat(1, access.size != 1, access.size[2], access.size[2])),
            lanes.eq(bytes_of << access.linear[:_WORD_BITS]),
        ]
        m.d.sync += behind.eq(self.access_valid)

        # What is compared in this cycle.
        word, mask = Signal(32 - _WORD_BITS), Signal(_WORD_BYTES)
        of_data, writes, io = Signal(), Signal(), Signal()
        first = access.linear[_WORD_BITS:]
        m.d.sync += [of_data.eq(self.access_valid | behind), writes.eq(access.write), io.eq(access.io)]
        with m.If(self.access_valid | behind):
            m.d.sync += [word.eq(Mux(behind, first + 1, first)), mask.eq(Mux(behind, lanes[_WORD_BYTES:], lanes[:_WORD_BYTES]))]
        with m.Else():
            m.d.sync += [word.eq(self.linear[_WORD_BITS:]), mask.eq(1 << self.linear[:_WORD_BITS])]

        hits, following = Signal(BREAKPOINTS), Signal(BREAKPOINTS)
        for n in range(BREAKPOINTS):
            address, asked = self.addresses[n], self.control.breakpoints[n]
            span, kind = Signal(_WORD_BYTES, name=f"span{n}"), Signal(name=f"kind{n}")
            with m.Switch(asked.length):
                with m.Case(BreakpointLength.BYTE):
                    m.d.comb += span.eq(1 << address[:_WORD_BITS])
                with m.Case(BreakpointLength.WORD):
                    m.d.comb += span.eq(Mux(address[1], 0b1100, 0b0011))
                with m.Default():
                    m.d.comb += span.eq(0b1111)
            with m.Switch(asked.type):
                with m.Case(BreakpointType.EXECUTE):
                    m.d.comb += kind.eq(~of_data)
                with m.Case(BreakpointType.WRITE):
                    m.d.comb += kind.eq(of_data & ~io & writes)
                with m.Case(BreakpointType.IO):
                    m.d.comb += kind.eq(of_data & io & self.ports)
                with m.Case(BreakpointType.ACCESS):
                    m.d.comb += kind.eq(of_data & ~io)
            m.d.comb += hits[n].eq(enabled[n] & kind & (address[_WORD_BITS:] == word) & (span & mask).any())

        with m.If(of_data):
            m.d.sync += self.met.eq(self.met | hits)
        with m.Else():
            m.d.sync += following.eq(hits)
        with m.If(self.forget | ~self.armed):
            m.d.sync += self.met.eq(0)

        stood = Signal(range(_COMPARING + 1))
        with m.If(~self.boundary):
            m.d.sync += stood.eq(0)
        with m.Elif(stood != _COMPARING):
            m.d.sync += stood.eq(stood + 1)
        m.d.comb += [
            self.held.eq(self.armed & (stood != _COMPARING)),
            self.trap.eq(self.armed & self.met.any()),
            self.at.eq(Mux(self.armed & ~self.covered, following, 0)),
            self.fault.eq(self.at.any()),
        ]
        return m
