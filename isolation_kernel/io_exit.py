"""IN, OUT, INS and OUTS to a port that the guest does not own."""

from contracts.architecture import Eflags, Gpr
from contracts.io_exit import IoExit
from contracts.memory_map import Port
from isolation_kernel.linear import probe_write, read_linear, segment_linear, write_linear
from isolation_kernel.partition import Partition
from virtual_pc.ports import Effect

__all__ = ["port_access"]

_CONFIG_ADDRESS = (Port.PCI_ADDRESS, 4)  # as a dword; its bytes are other devices' ports
_PCI_PORTS = range(Port.PCI_DATA, Port.PCI_DATA + 4)
_RESET_PORTS = (Port.KBC_DATA, Port.KBC_STATUS, Port.SYSTEM_CONTROL_A, Port.RESET_CONTROL)


def _read(partition: Partition, info: IoExit, now: int) -> int:
    if (info.port, info.size) == _CONFIG_ADDRESS:
        return partition.pci.address
    ports = (info.port + n & 0xFFFF for n in range(info.size))
    lanes = (partition.pci.read(partition.devices, p - Port.PCI_DATA) if p in _PCI_PORTS else partition.pc.read(p, now) for p in ports)
    return sum(byte << 8 * n for n, byte in enumerate(lanes))


def _write(partition: Partition, info: IoExit, value: int) -> Effect:
    """Write byte by byte; the strongest effect that one of them asks for."""
    effect = Effect.NONE
    if (info.port, info.size) == _CONFIG_ADDRESS:
        partition.pci.address = value & ~3
        return effect
    for n in range(info.size):
        port, byte, now = info.port + n & 0xFFFF, value >> 8 * n & 0xFF, partition.base.machine.time()
        if port in _PCI_PORTS:
            partition.pci.write(partition.devices, port - Port.PCI_DATA, byte)
        elif (asked := partition.pc.write(port, byte, now)) is Effect.PRINT:
            partition.say(bytes([byte]))
        else:
            effect = max(effect, asked)
            partition.exit_status = byte if asked is Effect.EXIT else partition.exit_status
        if port in _RESET_PORTS and not partition.base.protections.reset_virtualised:
            partition.base.machine.io_write(port, byte)
    return effect


def port_access(partition: Partition) -> Effect:
    """Answer an IOIO exit. A string instruction does one element an exit; GuestFault if its memory faults."""
    vcpu, info = partition.vcpu, IoExit.decode(partition.vcpu.get("EXITINFO1"))
    done = Effect.NONE
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
