"""VMMCALL: every argument is the guest's word and is checked here."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from contracts.architecture import Exc, Gpr
from contracts.attestation import GUEST_DATA_SIZE, NONCE_SIZE, Statement
from contracts.devices import DEVICES, DeviceNumber
from contracts.hypercalls import HOST_END, IDENTITY_SIZE, LIST_HEADER, MAX_MESSAGE, MAX_QUEUED, Hypercall, Status
from contracts.memory_map import PAGE_SIZE
from contracts.rights import HOST, NOBODY, SYSTEM, Right
from contracts.sealed_storage import MAX_READERS, SLOTS
from isolation_kernel.channels import Channel
from isolation_kernel.partition import Partition, State
from isolation_kernel.roots import Unavailable

if TYPE_CHECKING:
    from isolation_kernel.kernel import Kernel

__all__ = ["hypercall"]

_HIGHEST_PAGE = 0xF000_0000 // PAGE_SIZE  # devices and ROM lie above


_Result = int | None  # what EAX is to hold; None: OK


class _Refused(Exception):
    """The call has no effect and is answered with an error, its argument."""


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


def _is_free(partition: Partition, address: int) -> bool:
    """Whether a page may appear there."""
    return not address % PAGE_SIZE and address // PAGE_SIZE < _HIGHEST_PAGE and not partition.memory.occupied(address // PAGE_SIZE)


def _wait(partition: Partition, call: Hypercall, whom: int) -> None:
    _require(not partition.vcpu.register(Gpr.ESI), Status.AGAIN)
    partition.state, partition.waits = State.WAITING, (call, whom)


def _channel(kernel: "Kernel", partition: Partition, number: int) -> Channel:
    """The caller's channel to a guest."""
    channel = partition.channels.get(number)
    if channel is None and not kernel.protections.channel_ends:
        channel = next((c for p in kernel.partitions.values() for c in p.channels.values() if number in c.queues), None)
    if channel is None:
        raise _Refused(Status.CLOSED)
    return channel


def _receive(kernel: "Kernel", partition: Partition, address: int, size: int) -> _Result:
    check, whom = kernel.protections.hypercall_buffers, partition.vcpu.register(Gpr.EDX)
    channel = None if whom == HOST_END else _channel(kernel, partition, whom)
    _require(channel is not None or kernel.permits(partition, Right.MESSAGES, HOST), Status.DENIED)
    queue = partition.inbox if channel is None else next(q for end, q in channel.queues.items() if end != whom)
    _require(size <= MAX_MESSAGE and partition.memory.holds(address, size, check))
    if not queue:
        _require(channel is None or channel.open, Status.CLOSED)
        _wait(partition, Hypercall.RECEIVE, whom)
        return None
    message = queue[0]
    _require(len(message) <= size and partition.memory.write(address, message, check))  # or it waits for a better buffer
    queue.popleft()
    if queue:
        partition.news[whom] = None
    if len(queue) + 1 == MAX_QUEUED and channel is not None and channel.open:
        kernel.wake(whom, partition.number)
    return len(message)


def _send(kernel: "Kernel", partition: Partition, address: int, length: int) -> None:
    whom = partition.vcpu.register(Gpr.EDX)
    channel = None if whom == HOST_END else _channel(kernel, partition, whom)
    _require(channel is not None or kernel.permits(partition, Right.MESSAGES, HOST), Status.DENIED)
    queue = partition.answers if channel is None else channel.queues[whom]
    data = _read(kernel, partition, address, length)
    _require(channel is None or channel.open, Status.CLOSED)
    if len(queue) >= MAX_QUEUED and (channel is None or kernel.protections.channel_bounds):
        _require(channel is not None, Status.AGAIN)
        _wait(partition, Hypercall.SEND, whom)
        return
    queue.append(data)
    kernel.wake(whom, partition.number)


def _open(kernel: "Kernel", partition: Partition, number: int, address: int) -> None:
    """Both ends have to open it, and each is told by the kernel who the other is."""
    peer, check = _receiver(kernel, partition, Right.CHANNEL, number), kernel.protections.hypercall_buffers
    _require(partition.memory.holds(address, IDENTITY_SIZE, check))
    channel = partition.channels.get(number)
    if channel is None or not channel.open:
        if peer.waits != (Hypercall.OPEN, partition.number) and kernel.protections.channel_consent:
            _wait(partition, Hypercall.OPEN, number)
            kernel.wake(number, partition.number)
            return
        Channel(partition, peer)
    name = bytes.fromhex(peer.identity)
    if not kernel.protections.channel_identity:
        name = peer.memory.read(peer.vcpu.register(Gpr.ECX), IDENTITY_SIZE) or name  # whatever it says
    partition.memory.write(address, name, check)
    kernel.wake(number, partition.number)


def _wait_for_any(kernel: "Kernel", partition: Partition, first: int, second: int) -> _Result:
    """In the order in which it happened; nothing is told of a guest that is at no end of a channel of the caller's, unless it may know."""
    for number in list(partition.news):
        del partition.news[number]
        right, about = (Right.MESSAGES, HOST) if number == HOST_END else (Right.CHANNEL, kernel.partitions[number].identity)
        if number in partition.channels or kernel.permits(partition, right, about):
            return number
    _wait(partition, Hypercall.WAIT, HOST_END)
    return None


def _close(kernel: "Kernel", partition: Partition, number: int, second: int) -> None:
    channel = _channel(kernel, partition, number)
    partition.channels.pop(number, None)
    if channel.open:
        kernel.mover.close(channel)
        kernel.wake(number, partition.number)


def _share_page(kernel: "Kernel", partition: Partition, address: int, number: int) -> None:
    channel = _channel(kernel, partition, number)
    _require(not address % PAGE_SIZE)
    _require(partition.memory.frame_of(address // PAGE_SIZE) is not None, Status.NOT_OWNER)
    _require(channel.open, Status.CLOSED)
    _require(channel.page is None)
    kernel.mover.share_page(partition, address // PAGE_SIZE, channel)


def _map_shared(kernel: "Kernel", partition: Partition, address: int, number: int) -> None:
    channel = _channel(kernel, partition, number)
    _require(_is_free(partition, address))
    _require(channel.open, Status.CLOSED)
    if channel.page is None:
        raise _Refused(Status.AGAIN)
    _require(channel.page.frame not in partition.memory.shared.values())  # at one place
    kernel.mover.map_shared(partition, address // PAGE_SIZE, channel.page)


def _give_page(kernel: "Kernel", partition: Partition, address: int, number: int) -> None:
    receiver = _receiver(kernel, partition, Right.GIVE_PAGE, number)
    _require(not address % PAGE_SIZE)
    _require(partition.memory.frame_of(address // PAGE_SIZE) is not None, Status.NOT_OWNER)
    _require(kernel.mover.give_page(partition, address // PAGE_SIZE, receiver), Status.AGAIN)


def _accept_page(kernel: "Kernel", partition: Partition, address: int, second: int) -> None:
    _require(_is_free(partition, address))
    _require(kernel.mover.accept_page(partition, address // PAGE_SIZE), Status.AGAIN)


def _give_device(kernel: "Kernel", partition: Partition, number: int, receiver_number: int) -> None:
    receiver = _receiver(kernel, partition, Right.GIVE_DEVICE, receiver_number)
    _require(number in DEVICES)
    _require(number in partition.devices or not kernel.protections.hypercall_rights, Status.NOT_OWNER)
    _require(kernel.permits(receiver, Right.USE, DeviceNumber(number).name), Status.DENIED)
    _require(kernel.mover.give_device(DeviceNumber(number), receiver), Status.AGAIN)


def _names(kernel: "Kernel", partition: Partition, address: int) -> tuple[bytes, ...]:
    """The guests that a buffer lists; without a buffer, the caller."""
    if not address:
        return (_own_name(kernel, partition),)
    count = int.from_bytes(_read(kernel, partition, address, LIST_HEADER), "little")
    _require(0 < count <= MAX_READERS)
    listed = _read(kernel, partition, address + LIST_HEADER, count * IDENTITY_SIZE)
    return tuple(listed[at : at + IDENTITY_SIZE] for at in range(0, len(listed), IDENTITY_SIZE))


def _own_name(kernel: "Kernel", partition: Partition) -> bytes:
    own = bytes.fromhex(partition.identity)
    return own if kernel.protections.sealed_identity else partition.memory.read(partition.vcpu.register(Gpr.EDI), IDENTITY_SIZE) or own


def _seal(kernel: "Kernel", partition: Partition, address: int, length: int) -> None:
    slot, readers = partition.vcpu.register(Gpr.EDX), _names(kernel, partition, partition.vcpu.register(Gpr.ESI))
    _require(slot < SLOTS)
    data = _read(kernel, partition, address, length)
    for reader in readers:
        _require(kernel.permits(partition, Right.SEAL, reader.hex()), Status.DENIED)
    with kernel.roots.told(partition.identity, Right.SEAL.name):
        kernel.roots.store.seal(_own_name(kernel, partition), slot, data, readers)


def _unseal(kernel: "Kernel", partition: Partition, address: int, size: int) -> _Result:
    slot, named, check = partition.vcpu.register(Gpr.EDX), partition.vcpu.register(Gpr.ESI), kernel.protections.hypercall_buffers
    own = _own_name(kernel, partition)
    writer = _read(kernel, partition, named, IDENTITY_SIZE) if named else own
    _require(slot < SLOTS and size <= MAX_MESSAGE and partition.memory.holds(address, size, check))
    _require(kernel.permits(partition, Right.UNSEAL, writer.hex()), Status.DENIED)
    with kernel.roots.told(partition.identity, Right.UNSEAL.name):
        data = kernel.roots.store.unseal(own, writer, slot)
    _require(len(data) <= size and partition.memory.write(address, data, check))
    return len(data)


def _attest(kernel: "Kernel", partition: Partition, address: int, second: int) -> None:
    asked, own = _read(kernel, partition, address, NONCE_SIZE + GUEST_DATA_SIZE), _own_name(kernel, partition)
    about = asked[:NONCE_SIZE], own, asked[NONCE_SIZE:]
    with kernel.roots.told(partition.identity, Right.ATTEST.name):
        kernel.config.quoted(partition.number, Statement(kernel.roots.attestation.quote(*about), *about))


def _shutdown(kernel: "Kernel", partition: Partition, status: int, second: int) -> None:
    partition.exit_status = status
    kernel.end_guest(partition, "shut itself down")


_CALLS: dict[Hypercall, tuple[Callable[["Kernel", Partition, int, int], _Result], Right | None, str]] = {
    Hypercall.YIELD: (lambda kernel, partition, first, second: kernel.scheduler.end_slice(partition), None, NOBODY),
    Hypercall.CONSOLE_WRITE: (lambda kernel, partition, *buffer: partition.say(_read(kernel, partition, *buffer)), None, NOBODY),
    Hypercall.RECEIVE: (_receive, None, NOBODY),
    Hypercall.SEND: (_send, None, NOBODY),
    Hypercall.GIVE_PAGE: (_give_page, None, NOBODY),
    Hypercall.ACCEPT_PAGE: (_accept_page, None, NOBODY),
    Hypercall.GIVE_DEVICE: (_give_device, None, NOBODY),
    Hypercall.SHUTDOWN: (_shutdown, None, NOBODY),
    Hypercall.OPEN: (_open, None, NOBODY),
    Hypercall.CLOSE: (_close, None, NOBODY),
    Hypercall.SHARE_PAGE: (_share_page, None, NOBODY),
    Hypercall.MAP_SHARED: (_map_shared, None, NOBODY),
    Hypercall.SEAL: (_seal, None, NOBODY),
    Hypercall.UNSEAL: (_unseal, None, NOBODY),
    Hypercall.ATTEST: (_attest, Right.ATTEST, HOST),
    Hypercall.WAIT: (_wait_for_any, None, NOBODY),
    Hypercall.SYSTEM_SHUTDOWN: (lambda kernel, partition, status, second: kernel.shutdown(status), Right.SYSTEM_SHUTDOWN, SYSTEM),
}


def hypercall(kernel: "Kernel", partition: Partition) -> None:
    """Answer a VMMCALL exit."""
    vcpu = partition.vcpu
    if vcpu.get("CPL") and kernel.protections.hypercall_ring:
        vcpu.inject(Exc.UD)  # as where there is no VMMCALL: applications have no business with the kernel
        return
    try:
        _require((number := vcpu.register(Gpr.EAX)) in _CALLS, Status.BAD_CALL)
        call, right, about = _CALLS[Hypercall(number)]
        _require(right is None or kernel.permits(partition, right, about), Status.DENIED)
        result = call(kernel, partition, vcpu.register(Gpr.EBX), vcpu.register(Gpr.ECX)) or Status.OK
    except _Refused as refusal:
        result = refusal.args[0]
    except Unavailable:
        result = Status.UNAVAILABLE
    if partition.state is State.RUNNABLE:  # neither ended nor to be answered later
        vcpu.set_register(Gpr.EAX, result)
        vcpu.advance()
