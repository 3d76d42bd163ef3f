"""VMMCALL: every argument is the guest's word and is checked here."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from contracts.architecture import Exc, Gpr
from contracts.hypercalls import MAX_MESSAGE, Hypercall, Status
from contracts.memory_map import PAGE_SIZE
from contracts.rights import HOST, NOBODY, SYSTEM, Right
from isolation_kernel.devices import DEVICES, DeviceNumber
from isolation_kernel.partition import MAX_QUEUED, Partition, State

if TYPE_CHECKING:
    from isolation_kernel.kernel import Kernel

__all__ = ["hypercall"]

_HIGHEST_PAGE = 0xF000_0000 // PAGE_SIZE  # devices and ROM lie above


_Result = int | None  # what EAX is to hold; None: OK


class _Refused(Exception):
    """The call has no effect and is answered with an error."""

    def __init__(self, status: Status) -> None:
        self.status = status


def _require(condition: bool, status: Status = Status.BAD_ARGUMENT) -> None:
    if not condition:
        raise _Refused(status)


def _read(kernel: "Kernel", partition: Partition, address: int, length: int) -> bytes:
    data = partition.memory.read(address, length, kernel.protections.hypercall_buffers) if length <= MAX_MESSAGE else None
    if data is None:
        raise _Refused(Status.BAD_ARGUMENT)
    return data


def _receiver(kernel: "Kernel", partition: Partition, right: Right, number: int) -> Partition:
    """The guest that shall get something. Whether it lives is told only to those who may ask."""
    receiver = kernel.partitions.get(number)
    _require(kernel.permits(partition, right, NOBODY if receiver is None else receiver.identity), Status.DENIED)
    if receiver is None or receiver is partition or not receiver.alive:
        raise _Refused(Status.BAD_ARGUMENT)
    return receiver


def _console_write(kernel: "Kernel", partition: Partition, address: int, length: int) -> None:
    partition.say(_read(kernel, partition, address, length))


def _receive(kernel: "Kernel", partition: Partition, address: int, size: int) -> _Result:
    check = kernel.protections.hypercall_buffers
    _require(size <= MAX_MESSAGE and partition.memory.holds(address, size, check))
    if not partition.inbox:
        partition.state = State.WAITING
        return None
    message = partition.inbox[0]
    _require(len(message) <= size and partition.memory.write(address, message, check))  # or it waits for a better buffer
    partition.inbox.popleft()
    return len(message)


def _send(kernel: "Kernel", partition: Partition, address: int, length: int) -> None:
    data = _read(kernel, partition, address, length)
    _require(len(partition.answers) < MAX_QUEUED, Status.AGAIN)
    partition.answers.append(data)


def _give_page(kernel: "Kernel", partition: Partition, address: int, number: int) -> None:
    receiver = _receiver(kernel, partition, Right.GIVE_PAGE, number)
    _require(not address % PAGE_SIZE)
    _require(partition.memory.frame_of(address // PAGE_SIZE) is not None, Status.NOT_OWNER)
    _require(kernel.mover.give_page(partition, address // PAGE_SIZE, receiver), Status.AGAIN)


def _accept_page(kernel: "Kernel", partition: Partition, address: int, second: int) -> None:
    page = address // PAGE_SIZE
    _require(not address % PAGE_SIZE and page < _HIGHEST_PAGE and page not in partition.memory.pages)
    _require(kernel.mover.accept_page(partition, page), Status.AGAIN)


def _give_device(kernel: "Kernel", partition: Partition, number: int, receiver_number: int) -> None:
    receiver = _receiver(kernel, partition, Right.GIVE_DEVICE, receiver_number)
    _require(number in DEVICES)
    _require(number in partition.devices or not kernel.protections.hypercall_rights, Status.NOT_OWNER)
    _require(kernel.permits(receiver, Right.USE, DeviceNumber(number).name), Status.DENIED)
    _require(kernel.mover.give_device(DeviceNumber(number), receiver), Status.AGAIN)


def _shutdown(kernel: "Kernel", partition: Partition, status: int, second: int) -> None:
    partition.exit_status = status
    kernel.end_guest(partition, "shut itself down")


_CALLS: dict[Hypercall, tuple[Callable[["Kernel", Partition, int, int], _Result], Right | None, str]] = {
    Hypercall.YIELD: (lambda kernel, partition, first, second: kernel.scheduler.end_slice(partition), None, NOBODY),
    Hypercall.CONSOLE_WRITE: (_console_write, None, NOBODY),
    Hypercall.RECEIVE: (_receive, Right.MESSAGES, HOST),
    Hypercall.SEND: (_send, Right.MESSAGES, HOST),
    Hypercall.GIVE_PAGE: (_give_page, None, NOBODY),
    Hypercall.ACCEPT_PAGE: (_accept_page, None, NOBODY),
    Hypercall.GIVE_DEVICE: (_give_device, None, NOBODY),
    Hypercall.SHUTDOWN: (_shutdown, None, NOBODY),
    Hypercall.SYSTEM_SHUTDOWN: (lambda kernel, partition, status, second: kernel.shutdown(status), Right.SYSTEM_SHUTDOWN, SYSTEM),
}


def hypercall(kernel: "Kernel", partition: Partition) -> None:
    """Answer a VMMCALL exit."""
    vcpu = partition.vcpu
    if vcpu.get("CPL") and kernel.protections.hypercall_ring:
        vcpu.inject(Exc.UD)  # as where there is no VMMCALL: applications have no business with the kernel
        return
    number = vcpu.register(Gpr.EAX)
    try:
        _require(number in Hypercall.__members__.values(), Status.BAD_CALL)
        call, right, about = _CALLS[Hypercall(number)]
        _require(right is None or kernel.permits(partition, right, about), Status.DENIED)
        result = call(kernel, partition, vcpu.register(Gpr.EBX), vcpu.register(Gpr.ECX)) or Status.OK
    except _Refused as refusal:
        result = refusal.status
    if partition.state is State.RUNNABLE:  # neither ended nor to be answered later
        vcpu.set_register(Gpr.EAX, result)
        vcpu.advance()
