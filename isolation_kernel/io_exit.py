"""IN, OUT, INS and OUTS to a port that the guest does not own."""

from contracts.architecture import Eflags
from contracts.io_exit import IoExit
from contracts.memory_map import Port
from isolation_kernel.instruction import carry_out
from isolation_kernel.partition import Partition
from virtual_pc.port_instructions import port_instruction
from virtual_pc.ports import Effect
from virtual_pc.requests import Done

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
    vcpu, info, effects = partition.vcpu, IoExit.decode(partition.vcpu.get("EXITINFO1")), [Effect.NONE]
    vcpu.put("NRIP", vcpu.get("EXITINFO2"))

    def port(value: int | None) -> int:
        if value is None:
            return _read(partition, info, partition.base.machine.time())
        effects.append(_write(partition, info, value & (1 << 8 * info.size) - 1))
        return 0

    found = carry_out(partition, port_instruction(info, bool(vcpu.get("RFLAGS") & Eflags.DF)), port)
    if isinstance(found, Done) and found.over:
        vcpu.advance()
    return max(effects)
