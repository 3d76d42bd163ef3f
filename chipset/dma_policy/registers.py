"""The guard's registers (``contracts.policy_map.GUARD``)."""

from amaranth.hdl import Cat, Const, Module, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.decision import BUILT_FORMATS
from chipset.dma_policy.policy import Denial, policy_layout
from chipset.interconnect.ports import RegisterSignature
from contracts.policy_map import GUARD

__all__ = ["GuardRegisters"]

_WORD = 4
_ALL = 0xFFFF_FFFF


def _at(name: str, index: int = 0) -> int:
    """Word address of a register in the block."""
    return GUARD[name].at(index) // _WORD


class _Control(data.Struct):
    """CONTROL as ``GUARD`` declares it."""

    enable: 1
    map_format: 2
    memory_clean: 1


class GuardRegisters(wiring.Component):
    """A write that changes the policy waits until the guard is drained, and takes effect before the guard takes anything new.

    Members
    -------
    block : In(RegisterSignature)
    policy : Out; hold : Out(1); drained : In(1)
    denial : In(Denial); map_error : In(1)
    enabled, memory_clean, irq : Out(1)
    device_reset : Out(requesters), whose device is held at rest; device_idle : In(requesters)
    """

    def __init__(self, *, requesters: int) -> None:
        self._requesters = requesters
        super().__init__({
            "block": In(RegisterSignature()), "policy": Out(policy_layout(requesters)), "hold": Out(1), "drained": In(1),
            "denial": In(Denial), "map_error": In(1), "enabled": Out(1), "memory_clean": Out(1), "irq": Out(1),
            "device_reset": Out(requesters), "device_idle": In(requesters),
        })  # fmt: skip

    def elaborate(self, platform) -> Module:
        m = Module()
        block = self.block
        policy = self.policy
        memory_clean = Signal()
        denied = Signal()
        map_error = Signal()
        log_address = Signal(32)
        log_requester = Signal(5)
        log_write = Signal()
        count = Signal(32)
        m.d.comb += [self.enabled.eq(policy.enable), self.memory_clean.eq(memory_clean), self.irq.eq(denied)]

        # Writes.
        clears = Signal()
        commits = Signal()
        m.d.comb += [
            clears.eq(block.valid & block.write & (block.address == _at("STATUS"))),
            commits.eq(block.valid & block.write & (block.address != _at("STATUS"))),
            self.hold.eq(commits),
            block.ready.eq(~commits | self.drained),
        ]
        words = block.write_data[2:]
        with m.If(commits & self.drained):
            with m.Switch(block.address):
                with m.Case(_at("CONTROL")):
                    control = _Control(block.write_data[: data.Layout.cast(_Control).size])
                    m.d.sync += [
                        policy.enable.eq(policy.enable | control.enable), policy.map_format.eq(control.map_format),
                        memory_clean.eq(control.memory_clean),
                    ]  # fmt: skip
                with m.Case(_at("LAUNCH_BASE")):
                    m.d.sync += policy.launch.base.eq(block.write_data[16:])
                with m.Case(_at("LAUNCH_CONTROL")):
                    m.d.sync += policy.launch.protect.eq(block.write_data[0])
                with m.Case(_at("DEVICE_RESET")):
                    m.d.sync += self.device_reset.eq(block.write_data)
                for n in range(self._requesters):
                    with m.Case(_at("MAP_BASE", n)):
                        m.d.sync += policy.maps[n].base.eq(words)
                    with m.Case(_at("MAP_LENGTH", n)):
                        m.d.sync += policy.maps[n].length.eq(words)

        # What happens; it wins over being cleared.
        with m.If(clears):
            m.d.sync += [denied.eq(denied & ~block.write_data[0]), map_error.eq(map_error & ~block.write_data[1])]
        with m.If(self.map_error):
            m.d.sync += map_error.eq(1)
        with m.If(self.denial.valid):
            m.d.sync += denied.eq(1)
            with m.If(count != _ALL):
                m.d.sync += count.eq(count + 1)
            with m.If(~denied | (clears & block.write_data[0])):
                m.d.sync += [
                    log_address.eq(self.denial.address), log_requester.eq(self.denial.requester), log_write.eq(self.denial.write),
                ]  # fmt: skip

        # Reads.
        formats = sum(1 << int(f) for f in BUILT_FORMATS)
        capability = GUARD["CAPABILITY"]
        built = capability.field("REQUESTERS").put(self._requesters) | capability.field("FORMATS").put(formats)
        with m.Switch(block.address):
            with m.Case(_at("CONTROL")):
                m.d.comb += block.read_data.eq(Cat(policy.enable, policy.map_format, memory_clean))
            with m.Case(_at("STATUS")):
                m.d.comb += block.read_data.eq(Cat(denied, map_error))
            with m.Case(_at("LOG_ADDRESS")):
                m.d.comb += block.read_data.eq(log_address)
            with m.Case(_at("LOG_INFO")):
                m.d.comb += block.read_data.eq(Cat(log_requester, log_write))
            with m.Case(_at("DENIED_COUNT")):
                m.d.comb += block.read_data.eq(count)
            with m.Case(_at("LAUNCH_BASE")):
                m.d.comb += block.read_data.eq(Cat(Const(0, 16), policy.launch.base))
            with m.Case(_at("LAUNCH_CONTROL")):
                m.d.comb += block.read_data.eq(policy.launch.protect)
            with m.Case(_at("CAPABILITY")):
                m.d.comb += block.read_data.eq(built)
            with m.Case(_at("DEVICE_RESET")):
                m.d.comb += block.read_data.eq(self.device_reset)
            with m.Case(_at("DEVICE_IDLE")):
                m.d.comb += block.read_data.eq(self.device_idle)
            for n in range(self._requesters):
                with m.Case(_at("MAP_BASE", n)):
                    m.d.comb += block.read_data.eq(Cat(Const(0, 2), policy.maps[n].base))
                with m.Case(_at("MAP_LENGTH", n)):
                    m.d.comb += block.read_data.eq(Cat(Const(0, 2), policy.maps[n].length))
        return m
