"""Which locality has the TPM: requests, seizing, giving up."""

from amaranth.hdl import Module, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from contracts.registers import Field
from contracts.tpm import HASH_LOCALITY, TPM

__all__ = ["ACCESS_WIDTH", "AccessWrite", "Localities"]

_ACCESS = TPM["ACCESS"]
ACCESS_WIDTH = 8 * _ACCESS.size
_CLAIMANTS = HASH_LOCALITY  # localities 0 to 3 have an ACCESS register
_WRITABLE = ("ACTIVE_LOCALITY", "BEEN_SEIZED", "SEIZE", "REQUEST_USE")


class AccessWrite(data.Struct):
    """What is written to an ACCESS register."""

    valid: 1
    value: ACCESS_WIDTH


class _State(data.Struct):
    owned: 1  # by ``owner``
    owner: range(_CLAIMANTS)
    leaving: 1  # the owner gives it up
    seizing: 1  # ``seizer`` takes it
    seizer: range(_CLAIMANTS)
    requests: _CLAIMANTS
    seized: _CLAIMANTS  # who has lost it


def _bit(value: Value, field: Field) -> Value:
    return value[field.lsb]


class Localities(wiring.Component):
    """The ACCESS registers of localities 0 to 3.

    The TPM changes hands when what is under way has come to an end: ``end`` asks for that, ``rest`` tells of it. While nobody has it, the
    highest locality that asks gets it.

    Members
    -------
    locality : In(2), whose register is accessed
    write : In(AccessWrite), taken at once
    valid, established : In(1); access : Out(8), what ACCESS reads
    hold : In(1), the late launch takes the TPM; vacant : Out(1), no locality has it
    active : Out(1), ``locality`` has the TPM; owner : Out(2), who has it
    end : Out(1), end what is under way; rest : In(1), nothing is under way
    """

    locality: In(range(_CLAIMANTS))
    write: In(AccessWrite)
    valid: In(1)
    established: In(1)
    access: Out(ACCESS_WIDTH)
    hold: In(1)
    vacant: Out(1)
    active: Out(1)
    owner: Out(range(_CLAIMANTS))
    end: Out(1)
    rest: In(1)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        state = Signal(_State)
        own = Signal()  # the one that is accessed has it, and has not given it up
        m.d.comb += [
            own.eq(state.owned & (state.owner == self.locality) & ~state.leaving),
            self.end.eq(state.owned & (state.leaving | state.seizing | self.hold)),
            self.active.eq(own & ~self.end),
            self.owner.eq(state.owner),
            self.vacant.eq(~state.owned),
        ]
        fields = {
            "ESTABLISHMENT": ~self.established,
            "REQUEST_USE": state.requests.bit_select(self.locality, 1),
            "PENDING_REQUEST": (state.requests & ~(1 << self.locality)[:_CLAIMANTS]).any(),
            "BEEN_SEIZED": state.seized.bit_select(self.locality, 1),
            "ACTIVE_LOCALITY": own,
            "VALID": self.valid,
        }
        m.d.comb += [_bit(self.access, _ACCESS.field(name)).eq(value) for name, value in fields.items()]

        highest = Signal(range(_CLAIMANTS))
        for n in range(_CLAIMANTS):
            with m.If(state.requests[n]):
                m.d.comb += highest.eq(n)
        with m.If(self.write.valid):  # before all else, so that nothing is granted in the cycle in which it is asked for or given up
            self._write(m, state, own)
        with m.Elif(self.end & self.rest):
            m.d.sync += [state.leaving.eq(0), state.seizing.eq(0)]
            with m.If(~state.leaving):
                m.d.sync += state.seized.bit_select(state.owner, 1).eq(1)
            with m.If(state.seizing & ~self.hold):
                m.d.sync += [state.owner.eq(state.seizer), state.requests.bit_select(state.seizer, 1).eq(0)]
            with m.Else():
                m.d.sync += state.owned.eq(0)
                with m.If(state.seizing):  # it has come too late, and waits its turn
                    m.d.sync += state.requests.bit_select(state.seizer, 1).eq(1)
        with m.Elif(~state.owned & ~self.hold & state.requests.any()):
            m.d.sync += [state.owned.eq(1), state.owner.eq(highest), state.requests.bit_select(highest, 1).eq(0)]
        return m

    def _write(self, m: Module, state: data.View, own: Signal) -> None:
        """What the register is told: one thing at a time, two are nothing."""
        told = {name: _bit(self.write.value, _ACCESS.field(name)) for name in _WRITABLE}
        alone = sum(told.values()) == 1
        mine = state.requests.bit_select(self.locality, 1)
        with m.If(alone & told["BEEN_SEIZED"]):
            m.d.sync += state.seized.bit_select(self.locality, 1).eq(0)
        with m.If(alone & told["ACTIVE_LOCALITY"]):
            with m.If(own):
                m.d.sync += state.leaving.eq(1)
            with m.Else():
                m.d.sync += mine.eq(0)
        with m.If(alone & told["REQUEST_USE"] & ~own):
            m.d.sync += mine.eq(1)
        with m.If(alone & told["SEIZE"]):
            with m.If(~state.owned):
                m.d.sync += mine.eq(1)
            with m.Elif((self.locality > state.owner) & (~state.seizing | (self.locality > state.seizer))):
                m.d.sync += [state.seizing.eq(1), state.seizer.eq(self.locality)]
