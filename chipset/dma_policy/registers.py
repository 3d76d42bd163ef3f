"""The guard's registers (``contracts.policy_map.GUARD``)."""

from collections.abc import Collection
from functools import reduce
from operator import or_

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from chipset.dma_policy.decision import ALL_FORMATS
from chipset.dma_policy.policy import Denial, policy_layout
from chipset.dma_policy.tables import net
from chipset.interconnect.ports import RegisterSignature
from chipset.late_launch.port import ProtectSignature
from contracts.policy_map import GUARD, Format

__all__ = ["GuardRegisters"]

_WORD = 4
_BANK_BITS = 4
_BANK = 1 << _BANK_BITS  # so many registers are told apart by one table


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

    Parameters
    ----------
    requesters, formats : as of ``Guard``
    closed_at_reset : the guard is on from reset, and as no map has a length, nothing is admitted until ring −1 gives it one

    Members
    -------
    block : In(RegisterSignature)
    launch : In(ProtectSignature): a late launch begins. It comes before the block's writes, and MEMORY_CLEAN is no longer so
    policy : Out; hold : Out(1); drained : In(1); flush : Out(1), the policy changes at the end of this cycle
    denial : In(Denial); map_error : In(1)
    enabled, memory_clean, irq : Out(1)
    device_reset : Out(requesters), whose device is held at rest; device_idle : In(requesters)
    """

    def __init__(self, *, requesters: int, formats: Collection[Format] = ALL_FORMATS, closed_at_reset: bool = False) -> None:
        self._requesters = requesters
        self._formats = frozenset(formats)
        policy = policy_layout(requesters, formats)
        reset = policy.const({"enable": closed_at_reset, "map_format": min(formats)})
        super().__init__({
            "block": In(RegisterSignature()), "launch": In(ProtectSignature()),
            "policy": Out(policy, init=reset), "hold": Out(1), "drained": In(1), "flush": Out(1),
            "denial": In(Denial), "map_error": In(1), "enabled": Out(1), "memory_clean": Out(1), "irq": Out(1),
            "device_reset": Out(requesters), "device_idle": In(requesters),
        })  # fmt: skip

    def elaborate(self, platform: object) -> Module:
        m = Module()
        block = self.block
        policy = self.policy
        memory_clean = Signal()
        denied = Signal()
        map_error = Signal()
        log_address = Signal(32)
        log_requester = Signal(5)
        log_write = Signal()
        count = Signal(GUARD["DENIED_COUNT"].field("COUNT").width)
        m.d.comb += [self.enabled.eq(policy.enable), self.memory_clean.eq(memory_clean), self.irq.eq(denied)]

        # For few levels a register is chosen by the bits of its number that one table takes, and what the others say comes last.
        chosen = [net(m, block.address[:_BANK_BITS] == n, f"chosen{n}") for n in range(_BANK)]
        last = _at("MAP_LENGTH", len(policy.maps) - 1)
        banks = {bank: net(m, block.address[_BANK_BITS:] == bank, f"bank{bank}") for bank in range(last // _BANK + 1)}

        def addressed(name: str, index: int = 0) -> Value:
            bank, number = divmod(_at(name, index), _BANK)
            return banks[bank] & chosen[number]

        # Writes.
        clears = Signal()
        commits = Signal()
        launch = self.launch
        m.d.comb += [
            clears.eq(block.valid & block.write & addressed("STATUS")),
            commits.eq(block.valid & block.write & ~addressed("STATUS")),
            self.flush.eq(((block.valid & block.write) | launch.valid) & self.hold & self.drained),
            launch.ready.eq(self.flush),
            block.ready.eq(~commits | (self.hold & self.drained & ~launch.valid)),
        ]
        m.d.sync += self.hold.eq((commits | launch.valid) & ~self.flush)  # a flip-flop, as the guard has a long way to go from here
        words = block.write_data[2:]
        with m.If(self.flush & launch.valid):
            m.d.sync += [policy.launch.base.eq(launch.base), policy.launch.protect.eq(1), memory_clean.eq(0)]
        with m.Elif(self.flush):
            with m.If(addressed("CONTROL")):
                control = _Control(block.write_data[: data.Layout.cast(_Control).size])
                m.d.sync += [
                    policy.enable.eq(policy.enable | control.enable), policy.map_format.eq(control.map_format),
                    memory_clean.eq(control.memory_clean),
                ]  # fmt: skip
            with m.If(addressed("LAUNCH_BASE")):
                m.d.sync += policy.launch.base.eq(block.write_data[16:])
            with m.If(addressed("LAUNCH_CONTROL")):
                m.d.sync += policy.launch.protect.eq(block.write_data[0])
            with m.If(addressed("DEVICE_RESET")):
                m.d.sync += self.device_reset.eq(block.write_data)
            for n in range(len(policy.maps)):
                with m.If(addressed("MAP_BASE", n)):
                    m.d.sync += policy.maps[n].base.eq(words)
                with m.If(addressed("MAP_LENGTH", n)):
                    m.d.sync += policy.maps[n].length.eq(words)

        # What happens; it wins over being cleared.
        with m.If(clears):
            m.d.sync += [denied.eq(denied & ~block.write_data[0]), map_error.eq(map_error & ~block.write_data[1])]
        with m.If(self.map_error):
            m.d.sync += map_error.eq(1)
        with m.If(self.denial.valid):
            m.d.sync += denied.eq(1)
            with m.If(~count.all()):
                m.d.sync += count.eq(count + 1)
            with m.If(~denied | (clears & block.write_data[0])):
                m.d.sync += [
                    log_address.eq(self.denial.address), log_requester.eq(self.denial.requester), log_write.eq(self.denial.write),
                ]  # fmt: skip

        # Reads.
        capability = GUARD["CAPABILITY"]
        formats = sum(1 << int(f) for f in self._formats)
        values: dict[int, Value] = {
            _at("CONTROL"): Cat(policy.enable, policy.map_format, memory_clean),
            _at("STATUS"): Cat(denied, map_error),
            _at("LOG_ADDRESS"): log_address,
            _at("LOG_INFO"): Cat(log_requester, log_write),
            _at("DENIED_COUNT"): count,
            _at("LAUNCH_BASE"): Cat(Const(0, 16), policy.launch.base),
            _at("LAUNCH_CONTROL"): policy.launch.protect,
            _at("CAPABILITY"): Const(capability.field("REQUESTERS").put(self._requesters) | capability.field("FORMATS").put(formats)),
            _at("DEVICE_RESET"): self.device_reset,
            _at("DEVICE_IDLE"): self.device_idle,
        }
        for n, place in enumerate(policy.maps):
            values |= {_at("MAP_BASE", n): Cat(Const(0, 2), place.base), _at("MAP_LENGTH", n): Cat(Const(0, 2), place.length)}
        # One-hot selection: few registers have the higher bits, so an OR of them is smaller than a multiplexer.
        read = (
            Mux(here, reduce(or_, (Mux(chosen[at % _BANK], value, 0) for at, value in values.items() if at // _BANK == bank)), 0)
            for bank, here in banks.items()
        )
        m.d.comb += block.read_data.eq(reduce(or_, read))
        return m
