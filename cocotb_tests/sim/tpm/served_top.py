"""The TPM's register file with flat pins and a bus that a model's transactor plays: all localities, and the late launch's side."""

from amaranth.hdl import Module, Mux, ResetInserter
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from chipset.devices.tpm.port import HashOpCode
from chipset.devices.tpm.simulation_port import SimulationPort
from chipset.devices.tpm.tpm import Tpm
from sim.model import ModelSpec, Transactor
from sim.tpm.served import TPM_ASKS, TPM_FEED, TPM_STREAMS

__all__ = ["SPEC", "ServedTop"]


class ServedTop(wiring.Component):
    """A transaction is an access to a register, or with ``hashes`` a step of a launch: ``address`` is its operation then. ``end`` ends the
    launch, for which nobody waits."""

    def __init__(self) -> None:
        self._pins = SimulationPort()
        super().__init__({
            **self._pins.pins(), "platform_reset": In(1), "launched": In(1), "end": In(1),
            "hashes": In(1), "write": In(1), "privileged": In(1), "page": In(3), "address": In(10), "mask": In(4), "data": In(32),
            "valid": In(1), "ready": Out(1), "answer": Out(32), "answered": Out(1),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        tpm = Tpm()
        m.submodules.tpm = ResetInserter(self.platform_reset)(tpm)
        m.submodules.pins = self._pins
        wiring.connect(m, tpm.port, self._pins.port)
        self._pins.join(m, self)
        block, launch = tpm.block, tpm.hash
        m.d.comb += [
            tpm.launched.eq(self.launched),
            block.valid.eq(self.valid & ~self.hashes), block.write.eq(self.write), block.page.eq(self.page), block.address.eq(self.address),
            block.mask.eq(self.mask), block.write_data.eq(self.data), block.privileged.eq(self.privileged),
            launch.valid.eq((self.valid & self.hashes) | self.end),
            launch.op.eq(Mux(self.end, HashOpCode.END, HashOpCode(self.address[:2]))), launch.mask.eq(self.mask), launch.data.eq(self.data),
            self.ready.eq(block.ready & block.valid | launch.ready & launch.valid),
        ]  # fmt: skip
        m.d.sync += [self.answer.eq(block.read_data), self.answered.eq(self.valid & self.ready)]
        return m


SPEC = ModelSpec(
    f"{__name__}:ServedTop",
    rooms=("contracts", "chipset", "cocotb_tests/sim/tpm/served_top.py"),
    stops=(TPM_ASKS,),
    streams=TPM_STREAMS,
    feeds=(TPM_FEED,),
    transactor=Transactor(("hashes", "write", "privileged", "page", "address", "mask", "data"), "valid", "ready", ("answer",), "answered"),
)
