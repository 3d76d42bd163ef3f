"""The TPM of the machine: its register file (TIS), locality 4, and the way to the TPM itself."""

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.tpm.exchange import Exchange
from chipset.devices.tpm.link import TpmLink
from chipset.devices.tpm.localities import Localities
from chipset.devices.tpm.measurement import Measurement
from chipset.devices.tpm.port import HashOpCode, HashSignature, TpmPortSignature
from chipset.interconnect.ports import PagesSignature
from contracts.registers import WORD_SIZE, Register
from contracts.tpm import HASH_LOCALITY, LOCALITIES, TPM, TPM_HASH

__all__ = ["PATIENCE", "Tpm", "TpmStraps"]

PATIENCE = 1 << 32  # cycles: more than a minute, and no command takes that long
_ONES = 0xFFFF_FFFF
_CLEARING_LOCALITY = 3  # may take tpmEstablishment back, as locality 4 may
_CONSTANTS = ("INT_ENABLE", "INT_VECTOR", "INT_STATUS", "INTF_CAPABILITY", "INTERFACE_ID", "DID_VID", "RID")
_FIFOS = ("DATA_FIFO", "XDATA_FIFO")
_HASH_OPS = {"START": HashOpCode.START, "DATA": HashOpCode.DATA, "END": HashOpCode.END}


class TpmStraps(data.Struct):
    """Switches of control runs, zero on every board."""

    open_localities: 1  # localities 1 to 3 answer anybody, launch or no launch
    open_hash: 1  # locality 4's registers reach what the late launch alone must reach


class Tpm(wiring.Component):
    """What the bus and a late launch have of the TPM. Platform reset resets all of it, and it tells the TPM.

    Parameters
    ----------
    patience : cycles after which a TPM that neither takes a request nor answers counts as failed

    Members
    -------
    block : In(PagesSignature), a page a locality. Locality 0 answers anybody, 1 to 3 answer ring −1's authority after a launch, 4 nobody.
        An access ends within six cycles, whatever the TPM does (but for those that only ``open_hash`` lets through)
    launched : In(1), a late launch has begun since platform reset
    hash : In(HashSignature), the late launch's. Once ``port.present`` has fallen it is ready in the next cycle and ever after; before a TPM
        that only falls silent it waits for ``patience`` cycles and four more
    port : Out(TpmPortSignature), to the TPM
    straps : In(TpmStraps)
    """

    def __init__(self, patience: int = PATIENCE) -> None:
        self._patience = patience
        super().__init__({
            "block": In(PagesSignature(LOCALITIES)), "launched": In(1), "hash": In(HashSignature()), "port": Out(TpmPortSignature()),
            "straps": In(TpmStraps),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        block = self.block
        m.submodules.link = link = TpmLink(self._patience)
        m.submodules.localities = localities = Localities()
        m.submodules.exchange = exchange = Exchange()
        m.submodules.measurement = measurement = Measurement()
        wiring.connect(m, link.port, wiring.flipped(self.port))
        self._join(m, link, localities, exchange, measurement)

        allowed = Signal()
        writes = Signal()  # it is, and there is a TPM to hear it
        own = (block.privileged & self.launched) | self.straps.open_localities
        m.d.comb += [
            allowed.eq((block.page == 0) | ((block.page < HASH_LOCALITY) & own)),
            writes.eq(block.valid & block.write & allowed & link.up),
            localities.locality.eq(block.page),
        ]
        lane = Signal(range(WORD_SIZE))
        left = Signal(WORD_SIZE)  # bytes of a FIFO access that are still to be moved
        moved = Signal(32)
        is_fifo = Cat(self._addressed(TPM[name]) for name in _FIFOS).any()
        moving = Signal()
        strobe = Signal()  # a register other than the FIFO is accessed
        forged = self._forge(m, measurement)
        with m.FSM():
            with m.State("IDLE"):
                m.d.sync += [left.eq(block.mask), moved.eq(_ONES)]
                with m.If(block.valid & is_fifo & allowed & localities.active & link.up):
                    m.next = "MOVE"
                with m.Elif(forged):
                    m.d.comb += block.ready.eq(measurement.hash.ready)
                with m.Else():
                    m.d.comb += [block.ready.eq(1), strobe.eq(block.valid)]
            with m.State("MOVE"):
                m.d.comb += moving.eq(1)
                for n in reversed(range(WORD_SIZE)):
                    with m.If(left[n]):
                        m.d.comb += lane.eq(n)
                moves = left.any() & localities.active
                m.d.comb += [exchange.put.eq(moves & block.write), exchange.take.eq(moves & ~block.write)]
                m.d.sync += [left.eq(left & (left - 1)), moved.word_select(lane, 8).eq(exchange.take_data)]
                with m.If(~moves):
                    m.d.comb += block.ready.eq(1)
                    m.next = "IDLE"
        m.d.comb += exchange.put_data.eq(block.write_data.word_select(lane, 8))
        self._write_registers(m, writes & strobe, localities, exchange)
        self._read_registers(m, allowed & ~link.gone, Mux(moving, moved, _ONES), localities, exchange)
        return m

    def _addressed(self, register: Register) -> Value:
        return self.block.address == register.offset // WORD_SIZE

    def _join(self, m: Module, link: TpmLink, localities: Localities, exchange: Exchange, measurement: Measurement) -> None:
        """Commands and measurement share the way to the TPM: a measurement waits until no command is under way, and lets none begin."""
        m.d.comb += [
            link.awaited.eq(exchange.awaited | measurement.awaited),
            exchange.answer_valid.eq(link.answer_valid), exchange.answer.eq(link.answer),
            measurement.answered.eq(link.answer_valid), measurement.up.eq(link.up), measurement.gone.eq(link.gone),
            localities.valid.eq(link.up), localities.established.eq(link.established),
            localities.hold.eq(measurement.hold), measurement.vacant.eq(localities.vacant),
            localities.rest.eq(exchange.rest), exchange.end.eq(localities.end), exchange.locality.eq(localities.owner),
        ]  # fmt: skip
        for user in (exchange, measurement):
            with m.If(user.request.valid):
                m.d.comb += [link.request.valid.eq(1), link.request.payload.eq(user.request.payload)]
                m.d.comb += user.request.ready.eq(link.request.ready)

    def _forge(self, m: Module, measurement: Measurement) -> Value:
        """Joins the late launch to the measurement; whether an access is let through in its place, which takes a strap."""
        block = self.block
        forged = Signal()
        op = Signal(HashOpCode)
        with m.If(block.valid & block.write & (block.page == HASH_LOCALITY) & self.straps.open_hash):
            for name, code in _HASH_OPS.items():
                with m.If(self._addressed(TPM_HASH[name])):
                    m.d.comb += [forged.eq(1), op.eq(code)]
        source = measurement.hash
        m.d.comb += [
            source.valid.eq(self.hash.valid | forged), source.op.eq(Mux(forged, op, self.hash.op)),
            source.data.eq(Mux(forged, block.write_data, self.hash.data)), source.mask.eq(Mux(forged, block.mask, self.hash.mask)),
            self.hash.ready.eq(source.ready & ~forged),
        ]  # fmt: skip
        return forged

    def _write_registers(self, m: Module, write: Value, localities: Localities, exchange: Exchange) -> None:
        block = self.block
        sts = TPM["STS"]
        m.d.comb += [
            localities.write.valid.eq(write & self._addressed(TPM["ACCESS"]) & block.mask[0]),
            localities.write.value.eq(block.write_data[: len(localities.write.value)]),
        ]
        told = {name: sts.field(name).lsb for name in ("COMMAND_READY", "GO", "RESPONSE_RETRY", "RESET_ESTABLISHMENT")}
        with m.If(write & self._addressed(sts) & localities.active):
            ready, go, retry, clear = (block.write_data[bit] & block.mask[bit // 8] for bit in told.values())
            m.d.comb += [
                exchange.order.ready.eq(ready), exchange.order.go.eq(go), exchange.order.retry.eq(retry),
                exchange.order.clear_establishment.eq(clear & (block.page == _CLEARING_LOCALITY)),
            ]  # fmt: skip

    def _read_registers(self, m: Module, answers: Value, moved: Value, localities: Localities,
                        exchange: Exchange) -> None:  # fmt: skip
        block = self.block
        state = exchange.state
        sts = TPM["STS"]
        shown: dict[str, Value | int] = {
            "SELF_TEST_DONE": 1, "EXPECT": state.expect, "DATA_AVAILABLE": state.available, "COMMAND_READY": state.ready, "VALID": 1,
            "BURST_COUNT": state.burst, "FAMILY": 1,
        }  # fmt: skip
        status = Signal(32)
        for name, value in shown.items():
            field = sts.field(name)
            m.d.comb += status[field.lsb : field.lsb + field.width].eq(value)
        m.d.comb += block.read_data.eq(_ONES)
        with m.If(answers):
            with m.If(self._addressed(TPM["ACCESS"])):
                m.d.comb += block.read_data.eq(localities.access)
            with m.If(self._addressed(sts) & localities.active):
                m.d.comb += block.read_data.eq(status)
            for name in _FIFOS:
                with m.If(self._addressed(TPM[name])):
                    m.d.comb += block.read_data.eq(moved)
            for name in _CONSTANTS:
                with m.If(self._addressed(TPM[name])):
                    m.d.comb += block.read_data.eq(Const(TPM[name].reset, 32))
