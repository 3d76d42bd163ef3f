"""What the kernel protects by, as named switches: all on, except in a control run that shows what an attack does without one.

The attacks name them, the kernel obeys them, and reports tell of them.
"""

from dataclasses import dataclass, fields

__all__ = ["Protections"]


@dataclass(frozen=True)
class Protections:
    """Each switch names the attack that succeeds without it, on the RTL as on the model (of the channels' own, channel_ends alone).

    frame_owner_check: a shadow entry is made only for a frame that the guest owns. Without: a guest maps a neighbour's or the
        kernel's frame in its own page table and reads or writes it.
    table_owner_check: guest page tables are read (and their A and D bits set) only in frames of the guest. Without: CR3 or a directory
        entry that points into a neighbour's frame makes the kernel walk it and set bits in it.
    cr3_intercept: CR3 writes exit. Without, from the moment the guest has paging on: the processor itself walks tables of the guest.
    kernel_mmio_refused: the pages of guard and host link are in no guest's map. Without: a guest maps the guard's registers and
        opens DMA (where the chipset's authority check, the second fence, is off in both runs).
    single_fetch: an entry is installed from the copy that was checked. Without: the tables are walked again after the check, and DMA or a
        second mapping changes it in between.
    flush_on_revoke: the TLB is flushed when a frame or device page is taken away. Without: a stale TLB entry still reaches it.
    drop_on_revoke: shadow entries of a frame that is taken away are dropped. Without: the guest keeps using it.
    asid_per_root: each shadow root has an ASID of its own. Without: a guest hits its neighbour's TLB entries.
    clean_moved_page: a page is zeroed before its new owner sees it. Without: the new owner reads what the old one left.
    clean_ended_guest: memory of an ended guest is zeroed before it is given out again. Without: the next guest reads it.
    dma_policy: the guard's map admits only frames of the requester's owner. Without: a DMA engine reads and writes anything.
    dma_revoke: the map is edited and committed when a page goes. Without: DMA still reaches a page that was given away.
    device_reset: a device is reset and idle before it changes hands. Without: what its old owner queued runs with the new owner's rights.
    io_permission: the I/O map grants nothing but owned ports. Without: a guest programs the physical 8254, 8259 or exit port.
    pci_configuration: a guest reaches the configuration of its own functions alone, and its base addresses move nothing. Without: it moves
        a neighbour's ports or stops its DMA.
    msr_permission: the MSR map grants nothing. Without: a guest writes VM_HSAVE_PA or VM_CR.
    svm_intercepts: ring −1's instructions exit and raise #UD. Without: VMSAVE writes to any physical address, CLGI holds off the timer.
    reset_virtualised: reset requests (8042, port 92h, CF9h, triple fault's) concern the guest alone. Without: they reset the machine.
    preemption: the kernel's timer ends a time slice. Without: a guest with interrupts off, or one that faults for ever, goes on for ever.
    hypercall_buffers: buffers are checked page by page. Without: SEND reads and RECEIVE writes a neighbour's memory.
    hypercall_rights: calls that need a right are refused without it. Without: any guest shuts the system down or gives devices away.
    channel_ends: a guest finds its own channels alone. Without: a third one reads and writes messages, maps the page, closes the channel.
    channel_consent: a channel is there once both have opened it. Without: a guest is told who it talks to that has agreed to nothing.
    channel_identity: the kernel says who is at the other end. Without: each says so itself.
    channel_bounds: a queue holds a bounded number of messages. Without: a guest that floods another takes the kernel's memory.
    sealed_identity: the kernel says who seals, reads and is quoted. Without: a guest says so itself (EDI = buffer of an identity).
    screen_apart: what a guest shows that is not in front lies in frames of its own. Without: it writes to the display, and reads there.
    screen_revoke: no entry leads to the display or to those frames after a switch. Without: a stale one does.
    screen_clean: those frames are zeroed before they serve anyone else. Without: the next guest reads what the old one showed.
    vga_in_front: registers of the display show what those of the guest in front do. Without: any guest moves what another shows.
    keys_in_front: keys and the mouse reach the guest in front alone. Without: all guests hear them.
    attention_key: F12 is the kernel's and no guest's. Without: it is a key as others, and the user does not get the kernel's ear.
    held_keys: a key's release and repetitions follow its pressing, and go nowhere after a switch. Without: the next guest learns of them.
    input_bounds: with each tick of the timer a bounded number of bytes is taken. Without: a storm of keyboard or mouse stops all guests.
    line_columns: of a guest's name printable characters are shown, in a column. Without: it draws what else the trusted line says.
    hypercall_ring: hypercalls are for CPL 0. Without: an application of a guest gives away its pages.
    """

    frame_owner_check: bool = True
    table_owner_check: bool = True
    cr3_intercept: bool = True
    kernel_mmio_refused: bool = True
    single_fetch: bool = True
    flush_on_revoke: bool = True
    drop_on_revoke: bool = True
    asid_per_root: bool = True
    clean_moved_page: bool = True
    clean_ended_guest: bool = True
    dma_policy: bool = True
    dma_revoke: bool = True
    device_reset: bool = True
    io_permission: bool = True
    pci_configuration: bool = True
    msr_permission: bool = True
    svm_intercepts: bool = True
    reset_virtualised: bool = True
    preemption: bool = True
    hypercall_buffers: bool = True
    hypercall_rights: bool = True
    channel_ends: bool = True
    channel_consent: bool = True
    channel_identity: bool = True
    channel_bounds: bool = True
    sealed_identity: bool = True
    hypercall_ring: bool = True
    screen_apart: bool = True
    screen_revoke: bool = True
    screen_clean: bool = True
    vga_in_front: bool = True
    keys_in_front: bool = True
    attention_key: bool = True
    held_keys: bool = True
    input_bounds: bool = True
    line_columns: bool = True

    @classmethod
    def without(cls, *names: str) -> "Protections":
        """All but the named ones; ValueError for a name that is none."""
        unknown = set(names) - {f.name for f in fields(cls)}
        if unknown:
            raise ValueError(f"no such protection: {', '.join(sorted(unknown))}")
        return cls(**dict.fromkeys(names, False))
