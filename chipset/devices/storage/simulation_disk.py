"""Storage of the simulator: a file on the host (``sim/disk``)."""

from amaranth.hdl import ClockSignal, Instance, Module
from amaranth.lib import wiring
from amaranth.lib.wiring import In

from chipset.devices.storage.port import StorageSignature

__all__ = ["SimulationDisk"]


class SimulationDisk(wiring.Component):
    """The module ``sim_disk``: the file that the simulator's argument ``+disk=FILE`` names; without it there is no drive."""

    def __init__(self) -> None:
        super().__init__({"port": In(StorageSignature())})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        port = self.port
        m.submodules.file = Instance(
            "sim_disk", i_clk=ClockSignal(), i_reset=port.reset, o_sectors=port.sectors,
            i_request_valid=port.request.valid, i_request_op=port.request.payload.op, i_request_sector=port.request.payload.sector,
            o_request_ready=port.request.ready,
            o_read_valid=port.read.valid, o_read_data=port.read.payload, i_read_ready=port.read.ready,
            i_write_valid=port.write.valid, i_write_data=port.write.payload, o_write_ready=port.write.ready,
            o_done=port.done, o_error=port.error,
        )  # fmt: skip
        return m
