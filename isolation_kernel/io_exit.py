"""IN, OUT, INS and OUTS to a port that the guest does not own."""

from contracts.architecture import Eflags, Gpr
from contracts.memory_map import Port
from isolation_kernel.linear import probe_write, read_linear, segment_linear, write_linear
from isolation_kernel.partition import Partition
from isolation_kernel.virtual_ports import PortEffect, read_port, write_port

__all__ = ["IoInfo", "port_access"]

_SEGMENTS = ("ES", "CS", "SS", "DS", "FS", "GS")
_CONFIG_ADDRESS = (Port.PCI_ADDRESS, 4)  # as a dword; its bytes are other devices' ports
_RESET_PORTS = (Port.KBC_DATA, Port.KBC_STATUS, Port.SYSTEM_CONTROL_A, Port.RESET_CONTROL)


class IoInfo:
    """EXITINFO1 of an IOIO exit."""

    def __init__(self, word: int) -> None:
        self.is_in = bool(word & 1 << 0)
        self.string = bool(word & 1 << 2)
        self.repeat = bool(word & 1 << 3)
        self.size = word >> 4 & 7  # 1, 2 or 4: the bits are those numbers
        self.wide_address = bool(word & 1 << 8)
        self.segment = _SEGMENTS[min(word >> 10 & 7, len(_SEGMENTS) - 1)]
        self.port = word >> 16 & 0xFFFF


def _read(partition: Partition, info: IoInfo, now: int) -> int:
    if (info.port, info.size) == _CONFIG_ADDRESS:
        return partition.pci.address
    return sum(read_port(partition, info.port + n & 0xFFFF, now) << 8 * n for n in range(info.size))


def _write(partition: Partition, info: IoInfo, value: int) -> PortEffect:
    """Write byte by byte; the strongest effect that one of them asks for."""
    effect = PortEffect.NONE
    if (info.port, info.size) == _CONFIG_ADDRESS:
        partition.pci.address = value & ~3
        return effect
    for n in range(info.size):
        port, byte = info.port + n & 0xFFFF, value >> 8 * n & 0xFF
        effect = max(effect, write_port(partition, port, byte, partition.base.machine.time()))
        if port in _RESET_PORTS and not partition.base.protections.reset_virtualised:
            partition.base.machine.io_write(port, byte)
    return effect


def port_access(partition: Partition) -> PortEffect:
    """Answer an IOIO exit. A string instruction does one element an exit; GuestFault if its memory faults."""
    vcpu, info = partition.vcpu, IoInfo(partition.vcpu.get("EXITINFO1"))
    done = PortEffect.NONE
    vcpu.put("NRIP", vcpu.get("EXITINFO2"))
    if not info.string:
        if info.is_in:
            vcpu.set_register(Gpr.EAX, _read(partition, info, partition.base.machine.time()), info.size)
        else:
            done = _write(partition, info, vcpu.register(Gpr.EAX) & (1 << 8 * info.size) - 1)
        vcpu.advance()
        return done
    width = 4 if info.wide_address else 2
    mask = (1 << 8 * width) - 1
    left = vcpu.register(Gpr.ECX) & mask if info.repeat else 1
    if left:
        index = Gpr.EDI if info.is_in else Gpr.ESI
        offset = vcpu.register(index) & mask
        linear = segment_linear(partition, "ES" if info.is_in else info.segment, offset, info.size, info.is_in)
        if info.is_in:
            probe_write(partition, linear, info.size)  # a device's byte is not taken in vain
            write_linear(partition, linear, _read(partition, info, partition.base.machine.time()).to_bytes(info.size, "little"))
        else:
            value = int.from_bytes(read_linear(partition, linear, info.size), "little")
            done = _write(partition, info, value)
        step = -info.size if vcpu.get("RFLAGS") & Eflags.DF else info.size
        vcpu.set_register(index, offset + step, width)
        left -= 1
        if info.repeat:
            vcpu.set_register(Gpr.ECX, left, width)
    if not left:
        vcpu.advance()
    return done
