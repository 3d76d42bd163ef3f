"""VMMCALL: every argument is the guest's word and is checked here."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from contracts.architecture import Exc, Gpr
from contracts.hypercalls import MAX_MESSAGE, Hypercall, Status
from contracts.memory_map import PAGE_SIZE
from isolation_kernel.configuration import Right
from isolation_kernel.devices import DEVICES, DeviceNumber
from isolation_kernel.partition import MAX_QUEUED, Partition, State

if TYPE_CHECKING:
    from isolation_kernel.kernel import Kernel

__all__ = ["complete_receive", "hypercall"]

_HIGHEST_PAGE = 0xF000_0000 // PAGE_SIZE  # devices and ROM lie above


_Result = int | None  # None: no answer yet, or nobody left to answer


def _read(kernel: "Kernel", partition: Partition, address: int, length: int) -> bytes | None:
    if length > MAX_MESSAGE:
        return None
    return partition.memory.read(address, length, kernel.config.protections.hypercall_buffers)


def _yield(kernel: "Kernel", partition: Partition, first: int, second: int) -> _Result:
    kernel.scheduler.end_slice(partition)
    return Status.OK


def _console_write(kernel: "Kernel", partition: Partition, address: int, length: int) -> _Result:
    data = _read(kernel, partition, address, length)
    if data is None:
        return Status.BAD_ARGUMENT
    kernel.print(partition, data)
    return Status.OK


def _receive(kernel: "Kernel", partition: Partition, address: int, size: int) -> _Result:
    check = kernel.config.protections.hypercall_buffers
    if size > MAX_MESSAGE or not partition.memory.holds(address, size, check):
        return Status.BAD_ARGUMENT
    if not partition.inbox:
        partition.state = State.WAITING
        return None
    message = partition.inbox[0]
    if len(message) > size or not partition.memory.write(address, message, check):
        return Status.BAD_ARGUMENT  # the message waits for a better buffer
    partition.inbox.popleft()
    return len(message)


def _send(kernel: "Kernel", partition: Partition, address: int, length: int) -> _Result:
    data = _read(kernel, partition, address, length)
    if data is None:
        return Status.BAD_ARGUMENT
    if len(partition.answers) >= MAX_QUEUED:
        return Status.AGAIN
    partition.answers.append(data)
    return Status.OK


def _give_page(kernel: "Kernel", partition: Partition, address: int, number: int) -> _Result:
    receiver = kernel.living(number)
    if address % PAGE_SIZE or receiver is None or receiver is partition:
        return Status.BAD_ARGUMENT
    if partition.memory.frame_of(address // PAGE_SIZE) is None:
        return Status.NOT_OWNER
    return Status.OK if kernel.mover.give_page(partition, address // PAGE_SIZE, receiver) else Status.AGAIN


def _accept_page(kernel: "Kernel", partition: Partition, address: int, second: int) -> _Result:
    page = address // PAGE_SIZE
    if address % PAGE_SIZE or page >= _HIGHEST_PAGE or page in partition.memory.pages:
        return Status.BAD_ARGUMENT
    return Status.OK if kernel.mover.accept_page(partition, page) else Status.AGAIN


def _give_device(kernel: "Kernel", partition: Partition, number: int, receiver_number: int) -> _Result:
    receiver = kernel.living(receiver_number)
    if number not in DEVICES or receiver is None or receiver is partition:
        return Status.BAD_ARGUMENT
    device = DeviceNumber(number)
    if device not in partition.devices and kernel.config.protections.hypercall_rights:
        return Status.NOT_OWNER
    return Status.OK if kernel.mover.give_device(device, receiver) else Status.AGAIN


def _shutdown(kernel: "Kernel", partition: Partition, status: int, second: int) -> _Result:
    partition.exit_status = status
    kernel.end_guest(partition, "shut itself down")
    return None


def _system_shutdown(kernel: "Kernel", partition: Partition, status: int, second: int) -> _Result:
    kernel.shutdown(status)
    return None


_CALLS: dict[Hypercall, tuple[Callable[["Kernel", Partition, int, int], _Result], Right | None]] = {
    Hypercall.YIELD: (_yield, None),
    Hypercall.CONSOLE_WRITE: (_console_write, None),
    Hypercall.RECEIVE: (_receive, Right.MESSAGES),
    Hypercall.SEND: (_send, Right.MESSAGES),
    Hypercall.GIVE_PAGE: (_give_page, Right.GIVE_PAGE),
    Hypercall.ACCEPT_PAGE: (_accept_page, None),
    Hypercall.GIVE_DEVICE: (_give_device, Right.GIVE_DEVICE),
    Hypercall.SHUTDOWN: (_shutdown, None),
    Hypercall.SYSTEM_SHUTDOWN: (_system_shutdown, Right.SYSTEM_SHUTDOWN),
}


def hypercall(kernel: "Kernel", partition: Partition) -> None:
    """Answer a VMMCALL exit."""
    vcpu = partition.vcpu
    if vcpu.get("CPL") and kernel.config.protections.hypercall_ring:
        vcpu.inject(Exc.UD)  # as where there is no VMMCALL: applications have no business with the kernel
        return
    number = vcpu.register(Gpr.EAX)
    result: _Result
    if number not in Hypercall.__members__.values():
        result = Status.BAD_CALL
    else:
        call, right = _CALLS[Hypercall(number)]
        if right is None or right in partition.config.rights or not kernel.config.protections.hypercall_rights:
            result = call(kernel, partition, vcpu.register(Gpr.EBX), vcpu.register(Gpr.ECX))
        else:
            result = Status.DENIED
    if result is not None:
        vcpu.set_register(Gpr.EAX, result)
        vcpu.advance()


def complete_receive(kernel: "Kernel", partition: Partition) -> None:
    """A message is there for a guest that waits in RECEIVE: the call ends without being executed again."""
    partition.state = State.RUNNABLE
    hypercall(kernel, partition)
