"""What the kernel does about each exit. A guest gets what the bare machine would give it, or a fault of its own; never more."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from contracts.architecture import Eflags, Exc, Gpr
from contracts.events import Event
from contracts.exit_codes import ExitCode, exit_name
from contracts.io_exit import IoExit
from contracts.memory_map import PAGE_SIZE, Port
from contracts.vmcb import EventType
from isolation_kernel.control_registers import read_control, write_control
from isolation_kernel.hypercalls import hypercall
from isolation_kernel.instruction import big_code, carry_out
from isolation_kernel.linear import GuestFault
from isolation_kernel.partition import Partition, State
from virtual_pc.clock import accesses_msr, reads_clock
from virtual_pc.control_registers import invalidates
from virtual_pc.cpuid import tells
from virtual_pc.port_instructions import port_instruction
from virtual_pc.requests import Addressed, Done, Effect, Written

if TYPE_CHECKING:
    from isolation_kernel.kernel import Kernel

__all__ = ["handle_exit"]

_RESET_PORTS = (Port.KBC_DATA, Port.KBC_STATUS, Port.SYSTEM_CONTROL_A, Port.RESET_CONTROL)
_RING_MINUS_1 = (ExitCode.VMRUN, ExitCode.VMLOAD, ExitCode.VMSAVE, ExitCode.STGI, ExitCode.CLGI, ExitCode.SKINIT, ExitCode.INVLPGA)


def _page_fault(kernel: "Kernel", partition: Partition) -> None:
    address = partition.vcpu.get("EXITINFO2") & 0xFFFF_FFFF
    fault = partition.shadow.fault(address, partition.vcpu.get("EXITINFO1"))
    if fault is not None:
        _raise_in_guest(kernel, partition, GuestFault(Exc.PF, fault, address))


def _raise_in_guest(kernel: "Kernel", partition: Partition, fault: GuestFault) -> None:
    """Deliver an exception, merged with what was being delivered (the processor does so only for what it delivers itself)."""
    vcpu, during = partition.vcpu, Event.decode(partition.vcpu.get("EXITINTINFO"))
    if fault.vector == Exc.PF and during is not None and during.kind == EventType.EXCEPTION:
        if during.vector == Exc.DF:
            kernel.reset_guest(partition, "triple fault")
            return
        if during.vector == Exc.PF:
            vcpu.inject(Exc.DF, 0)
            return
    if fault.address is not None:
        vcpu.put("CR2", fault.address)
    vcpu.inject(fault.vector, fault.error)


def _pass_on(kernel: "Kernel", partition: Partition) -> None:
    """An exception that is intercepted only so that its delivery, should it never end, is seen: the guest gets it. The processor comes to
    no boundary between two such exits, so physical interrupts are looked for here."""
    vector = Exc(partition.vcpu.get("EXITCODE") - ExitCode.EXCEPTION)
    partition.vcpu.inject(vector, partition.vcpu.get("EXITINFO1") & 0xFFFF_FFFF if vector is Exc.AC else None)
    if kernel.protections.preemption and Event.decode(partition.vcpu.get("EXITINTINFO")) is not None:
        kernel.take_interrupt(partition)


def _invlpg(kernel: "Kernel", partition: Partition) -> None:
    found = carry_out(partition, invalidates(big_code(partition)))
    if isinstance(found, Addressed):
        partition.shadow.invlpg(partition.vcpu.get(f"{found.segment.name}_BASE") + found.offset & 0xFFFF_FFFF)


def _hlt(kernel: "Kernel", partition: Partition) -> None:
    if not partition.vcpu.get("RFLAGS") & Eflags.TF:  # the trap of a single step wakes it at once
        partition.state = State.HALTED


def _cpuid(kernel: "Kernel", partition: Partition) -> None:
    memory = partition.memory.offset * PAGE_SIZE, partition.config.memory, partition.number, 0
    carry_out(partition, tells(kernel.config.native_cpuid, memory))


def _msr(kernel: "Kernel", partition: Partition) -> None:
    write, now = bool(partition.vcpu.get("EXITINFO1") & 1), kernel.machine.time() if partition.config.clock else None
    found = carry_out(partition, accesses_msr(partition.pc.pc, write, now))
    if isinstance(found, Written):
        partition.vcpu.put("TSC_OFFSET", found.value)


def _io(kernel: "Kernel", partition: Partition) -> None:
    """IN, OUT, INS or OUTS to a port that the guest does not own: the room says what it does. Of a string one element an exit."""
    vcpu, info = partition.vcpu, IoExit.decode(partition.vcpu.get("EXITINFO1"))
    vcpu.put("NRIP", vcpu.get("EXITINFO2"))
    if info.port in _RESET_PORTS and not info.is_in and not kernel.protections.reset_virtualised:
        kernel.machine.io_write(info.port, vcpu.register(Gpr.EAX) & 0xFF)
    down = bool(vcpu.get("RFLAGS") & Eflags.DF)
    found = carry_out(partition, port_instruction(partition.pc.pc, info, down, kernel.machine.time()))
    if isinstance(found, Done):
        if found.over:
            vcpu.advance()
        if found.effect is Effect.EXIT:
            partition.exit_status = found.status & 0xFF
            kernel.end_guest(partition, "wrote to the exit port")
        elif found.effect is Effect.RESET:
            kernel.reset_guest(partition, "asked for a reset")


_Handler = Callable[["Kernel", Partition], object]
_INSTRUCTIONS: dict[int, _Handler] = {  # which the handler carries out: the guest goes on behind them
    **{ExitCode.CR_READ + n: lambda kernel, partition: read_control(partition) for n in (0, 3, 4)},
    **{ExitCode.CR_WRITE + n: lambda kernel, partition: write_control(partition) for n in (0, 3, 4)},
    ExitCode.RDTSC: lambda kernel, partition: carry_out(partition, reads_clock(partition.pc.pc, None)),  # of a guest without a clock
    ExitCode.CPUID: _cpuid,
    **dict.fromkeys((ExitCode.INVD, ExitCode.WBINVD), lambda kernel, partition: None),  # caches are coherent
    ExitCode.HLT: _hlt,
    ExitCode.INVLPG: _invlpg,
    ExitCode.MSR: _msr,
    ExitCode.ICEBP: lambda kernel, partition: partition.vcpu.inject(Exc.DB),  # a trap: its frame holds the address behind it
}
_OTHERS: dict[int, _Handler] = {
    ExitCode.EXCEPTION + Exc.PF: _page_fault,
    **dict.fromkeys((ExitCode.EXCEPTION + Exc.DB, ExitCode.EXCEPTION + Exc.AC), _pass_on),
    **dict.fromkeys((ExitCode.INTR, ExitCode.NMI), lambda kernel, partition: kernel.take_interrupt(partition)),
    ExitCode.IOIO: _io,
    ExitCode.SHUTDOWN: lambda kernel, partition: kernel.reset_guest(partition, "triple fault"),
    ExitCode.VMMCALL: hypercall,
    **dict.fromkeys((*_RING_MINUS_1, *range(ExitCode.DR_READ, ExitCode.EXCEPTION)), lambda _, partition: partition.vcpu.inject(Exc.UD)),
}


def _redeliver(partition: Partition) -> None:
    """An event was being delivered at the exit: deliver it again, unless the guest's instruction raises it again by itself.

    Where the guest's own tables do not hold what the delivery needs, it gets that fault instead, and an interrupt is lost while the 8259
    has it in service: so it is on the bare machine, whose 8259 has been acknowledged by then."""
    event = Event.decode(partition.vcpu.get("EXITINTINFO"))
    if event is not None and not event.comes_again and Event.decode(partition.vcpu.get("EVENTINJ")) is None:
        partition.vcpu.inject(*event)


def handle_exit(kernel: "Kernel", partition: Partition) -> None:
    """Answer the exit that the VMCB describes. An exit that nobody foresaw ends the guest."""
    vcpu, code = partition.vcpu, partition.vcpu.get("EXITCODE")
    vcpu.put("EVENTINJ", 0)
    try:
        if code in _INSTRUCTIONS:
            _INSTRUCTIONS[code](kernel, partition)
            vcpu.advance()
        elif code in _OTHERS:
            _OTHERS[code](kernel, partition)
        else:
            kernel.end_guest(partition, f"unforeseen exit {exit_name(code)}")
    except GuestFault as fault:
        _raise_in_guest(kernel, partition, fault)
    if partition.alive:
        _redeliver(partition)
