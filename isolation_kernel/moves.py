"""Pages and devices change hands while guests run. Every path of the old owner is closed before the new one sees anything."""

from contracts.devices import DEVICES, Device, DeviceNumber
from contracts.memory_map import PAGE_SIZE
from isolation_kernel.channels import Channel, SharedPage
from isolation_kernel.dma_policy import DmaPolicy
from isolation_kernel.foundation import Foundation
from isolation_kernel.frames import Owner
from isolation_kernel.partition import MAX_OFFERED, Partition
from isolation_kernel.pci import reset_function

__all__ = ["Mover"]


class Mover:
    """Moves of frames and devices."""

    def __init__(self, base: Foundation, policy: DmaPolicy) -> None:
        self._base = base
        self._policy = policy
        self.device_owners: dict[DeviceNumber, Partition | None] = dict.fromkeys(DEVICES)
        for device in DEVICES.values():
            reset_function(base.machine, device)
            if device.requester is not None:
                policy.hold(device.requester, base.protections.device_reset)  # until someone owns it

    # pages: shadow entries, TLB, DMA; then clean; then the new owner

    def give_page(self, giver: Partition, page: int, receiver: Partition) -> bool:
        """Take a page from its guest and offer it to another; False if it is not the giver's or too many wait already."""
        frame = giver.memory.frame_of(page)
        if frame is None or len(receiver.offered) >= MAX_OFFERED:
            return False
        self._withdraw(giver, frame, Owner.IN_TRANSIT)
        receiver.offered.append(frame)
        return True

    def _withdraw(self, giver: Partition, frame: int, owner: Owner) -> None:
        giver.memory.pages = {page: f for page, f in giver.memory.pages.items() if f != frame}
        giver.shadow.forget(frame)
        if self._base.protections.dma_revoke:
            self._policy.change(giver.number, frame, admitted=False)
        self._clean(frame)
        self._base.frames.change(frame, giver.number, owner)

    def _clean(self, frame: int) -> None:
        if self._base.protections.clean_moved_page:
            self._base.machine.clear(frame * PAGE_SIZE, PAGE_SIZE)

    def _arrive(self, receiver: Partition, page: int, frame: int, owner: Owner) -> None:
        self._base.frames.change(frame, owner, receiver.number)
        receiver.memory.pages[page] = frame
        receiver.shadow.forget_absent()
        self._policy.change(receiver.number, frame, admitted=True)

    def accept_page(self, receiver: Partition, page: int) -> bool:
        """Let the first page that was offered appear at a free place; False if none is offered or something is there."""
        if not receiver.offered or receiver.memory.occupied(page):
            return False
        self._arrive(receiver, page, receiver.offered.pop(0), Owner.IN_TRANSIT)
        return True

    def move_page(self, giver: Partition, page: int, receiver: Partition, place: int) -> bool:
        """From one guest to a free place of another; what others have offered stays, nor does it stand in the way."""
        frame = giver.memory.frame_of(page)
        if frame is None or receiver.memory.occupied(place):
            return False
        self._withdraw(giver, frame, Owner.IN_TRANSIT)
        self._arrive(receiver, place, frame, Owner.IN_TRANSIT)
        return True

    # a channel's page: as if given to it, and reached by its two ends; no DMA reaches it, and the kernel reads nothing there

    def share_page(self, giver: Partition, page: int, channel: Channel) -> None:
        """A page of a guest becomes its channel's, and stays where it is."""
        frame = giver.memory.pages[page]
        self._withdraw(giver, frame, Owner.SHARED)
        channel.page = SharedPage(frame, giver, page)
        self.map_shared(giver, page, channel.page)

    def map_shared(self, end: Partition, page: int, shared: SharedPage) -> None:
        """It appears at a free place of an end."""
        end.memory.shared[page] = shared.frame
        end.shadow.forget_absent()

    def close(self, channel: Channel) -> None:
        """Neither end reaches the page any more; it is cleaned and goes back, or is free if its giver has ended."""
        channel.open, shared, channel.page = False, channel.page, None
        if shared is None:
            return
        for end in (channel.one, channel.other):
            end.memory.shared = {page: frame for page, frame in end.memory.shared.items() if frame != shared.frame}
            end.shadow.forget(shared.frame)
        self._clean(shared.frame)
        if shared.giver.alive:
            self._arrive(shared.giver, shared.home, shared.frame, Owner.SHARED)
        else:
            self._base.frames.change(shared.frame, Owner.SHARED, Owner.FREE)

    # devices: register page, ports, interrupt; held; DMA; at rest and reset; then the new owner

    def take_device(self, number: DeviceNumber) -> bool:
        """Take a device from its owner and bring it to rest; False if it will not rest: then it stays nobody's, its DMA closed."""
        device, owner = DEVICES[number], self.device_owners[number]
        if owner is not None:
            owner.devices.discard(number)
            owner.io_map.permit(device.ports, allowed=not self._base.protections.io_permission)
            if device.function is not None:
                owner.pc.ask(owner.pc.pc.pci.forget, device.function)
            if device.page is not None:
                owner.memory.device_pages.discard(device.page)
                owner.shadow.forget(device.page)
        self.device_owners[number] = None
        if device.requester is not None:
            if self._base.protections.device_reset:
                self._policy.hold(device.requester, True)  # before its memory is closed: what it is at is no attack
            self._policy.assign(device.requester, None, ())
        if owner is not None:
            owner.shadow.set_dma(bool(self._policy.of_owner(owner.number)))
        return not self._base.protections.device_reset or self._reset(device)

    def _reset(self, device: Device) -> bool:
        self._base.access(device.quiet)
        reset_function(self._base.machine, device)
        return device.requester is None or self._policy.rests(device.requester)

    def give_device(self, number: DeviceNumber, owner: Partition) -> bool:
        """Move a device to a guest, from wherever it is."""
        device = DEVICES[number]
        if not self.take_device(number):
            return False
        self.device_owners[number] = owner
        owner.devices.add(number)
        owner.io_map.permit(device.ports, allowed=True)
        if device.page is not None:
            owner.memory.device_pages.add(device.page)
            owner.shadow.forget_absent()
        if device.requester is not None:
            owner.shadow.set_dma(True)
            self._policy.assign(device.requester, owner.number, owner.memory.pages.values())
            self._policy.hold(device.requester, False)
            if self._base.protections.device_reset:
                reset_function(self._base.machine, device)  # a function that is held takes no settings
        return True

    def release_all(self, partition: Partition) -> None:
        """A guest ends: its devices come to rest, then its memory is cleaned and free."""
        for number in sorted(partition.devices):
            self.take_device(number)
        for frame in partition.offered:
            self._base.frames.change(frame, Owner.IN_TRANSIT, partition.number)
        partition.offered.clear()
        partition.memory.pages.clear()
        for frame in self._base.frames.owned_by(partition.number):
            if self._base.protections.clean_ended_guest:
                self._base.machine.clear(frame * PAGE_SIZE, PAGE_SIZE)
            self._base.frames.change(frame, partition.number, Owner.FREE)
