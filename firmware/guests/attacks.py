"""The attacks of the guest ``attacker``. Data, not code: what each is made of is declared in ``attack.py``.

``attempt`` and ``allowed`` are functions of ``firmware/guests/attacker/*.c``; the C table is made from this list. Each attack has a control
run in which exactly one thing is different: ``control`` is switched off (a field of the isolation kernel's ``Protections``, or a ``Strap``
of the simulated machine). ``off_in_both`` names fences that stand before the one in question and are down in both runs.
"""

from firmware.guests.attack import Attack, Judge, Needs, Stage, Target

__all__ = [
    "ATTACKS",
    "ATTACK_HEADER",
    "ATTACK_MARK",
    "BY_NAME",
    "MACHINE_STATUS",
    "PENDING",
    "SHUTDOWN_STATUS",
    "SPOOF",
    "Attack",
    "Judge",
    "Needs",
    "Stage",
    "Target",
    "attack_header",
]

ATTACK_HEADER = "attack_table.h"
ATTACK_MARK = 0xA77A_C4ED  # what attacks write
SPOOF = "guest 2 says: all is well"  # what com1_spoof prints
MACHINE_STATUS = 0x55  # what exit_port ends the machine with
SHUTDOWN_STATUS = 0x66  # what system_shutdown ends the system with

_G2, _KERNEL = Target.GUEST2, Target.KERNEL
_DMA, _MESSAGES, _GIVE = (Needs.DMA,), (Needs.GUEST2_MESSAGES,), (Needs.GIVE_PAGE,)
_SECRET, _MARK = Judge.SECRET_IN_LOOT, Judge.MARK_AT_TARGET
_OWNER, _POLICY = "frame_owner_check", "dma_policy"

ATTACKS: tuple[Attack, ...] = (
    # memory, through page tables of its own
    Attack("map_read_guest2", "maps guest 2's page and reads it", "map_read", "map_own", _G2, _SECRET, _OWNER),
    Attack("map_write_guest2", "maps guest 2's page and writes to it", "map_write_victim", "map_own", _G2, _MARK, _OWNER),
    Attack("map_read_kernel", "maps a page of ring −1 and reads it", "map_read", "map_own", _KERNEL, _SECRET, _OWNER),
    Attack("map_write_kernel", "maps a page of ring −1 and writes to it", "map_write", "map_own", _KERNEL, _MARK, _OWNER),
    Attack("map_write_shadow", "maps a shadow table and writes an entry", "map_write", "map_own", Target.SHADOW, _MARK, _OWNER),
    Attack("map_write_vmcb", "maps guest 2's VMCB and writes to it", "map_write", "map_own", Target.VMCB, _MARK, _OWNER),
    Attack("map_write_policy_map", "maps the DMA policy map and opens pages in it", "map_write", "map_own", Target.MAP, _MARK, _OWNER),
    Attack("map_write_stub", "maps the code of ring −1 and writes to it", "map_write", "map_own", Target.STUB, _MARK, _OWNER),
    Attack("large_page_guest2", "lays a 4 MiB page over guest 2", "large_read", "large_own", _G2, _SECRET, _OWNER),
    Attack("user_read_guest2", "maps guest 2's page for ring 3, where a process reads it", "user_read", "user_own", _G2, _SECRET, _OWNER),
    Attack(
        "paging_off_guest2",
        "switches paging off and reads guest 2's page at its address",
        "paging_off_read",
        "paging_off_own",
        _G2,
        _SECRET,
        _OWNER,
    ),
    Attack(
        "real_mode_guest2",
        "reads guest 2's page from real mode with a 4 GiB segment",
        "real_mode_read",
        "real_mode_own",
        _G2,
        _SECRET,
        _OWNER,
    ),
    Attack(
        "segment_wrap_guest2",
        "reaches guest 2's page by a segment base and an offset that wrap around at 4 GiB, paging off",
        "wrap_read",
        "wrap_own",
        _G2,
        _SECRET,
        _OWNER,
    ),
    Attack(
        "own_directory_guest2",
        "loads CR3 with a directory of its own that maps guest 2's page",
        "cr3_own_read",
        "cr3_own_allowed",
        _G2,
        _SECRET,
        "cr3_intercept",
    ),
    Attack(
        "second_mapping_guest2",
        "changes a page-table entry in use through a second mapping of the table",
        "second_mapping_read",
        "second_mapping_own",
        _G2,
        _SECRET,
        _OWNER,
    ),
    Attack(
        "dma_page_table_guest2",
        "lets DMA change a page-table entry in use",
        "dma_table_read",
        "dma_table_own",
        _G2,
        _SECRET,
        _OWNER,
        needs=_DMA,
    ),
    Attack(
        "dma_page_table_race",
        "DMA flips a page-table entry between an own and guest 2's page while it is being read",
        "dma_race_read",
        "dma_table_own",
        _G2,
        _SECRET,
        "single_fetch",
        needs=_DMA,
    ),
    # page tables that are not its own
    Attack(
        "cr3_guest2",
        "loads CR3 with guest 2's page directory",
        "cr3_foreign",
        "cr3_own_allowed",
        Target.DIRECTORY,
        Judge.PAGE_CHANGED,
        "table_owner_check",
    ),
    Attack(
        "table_guest2",
        "points a directory entry at guest 2's page table",
        "table_foreign",
        "table_own",
        Target.TABLE,
        Judge.PAGE_CHANGED,
        "table_owner_check",
    ),
    # pages and devices that were given away
    Attack(
        "stale_tlb",
        "writes to a page that it gave away, through the TLB entry it kept",
        "stale_write",
        "map_own",
        Target.NONE,
        Judge.GIVEN_PAGE_DIRTY,
        "flush_on_revoke",
        needs=_GIVE,
    ),
    Attack(
        "stale_global_tlb",
        "the same with a global entry and CR3 reloaded",
        "stale_global_write",
        "map_own",
        Target.NONE,
        Judge.GIVEN_PAGE_DIRTY,
        "flush_on_revoke",
        needs=_GIVE,
    ),
    Attack(
        "keep_given_page",
        "writes to a page that it gave away from another address space, where it is mapped too",
        "second_space_write",
        "map_own",
        Target.NONE,
        Judge.GIVEN_PAGE_DIRTY,
        "drop_on_revoke",
        needs=_GIVE,
    ),
    Attack(
        "dma_given_page",
        "writes by DMA to the page that it gave away",
        "dma_given_write",
        "dma_own",
        Target.NONE,
        Judge.GIVEN_PAGE_DIRTY,
        "dma_revoke",
        needs=_DMA + _GIVE,
    ),
    Attack(
        "dma_in_flight_page",
        "gives a page away while DMA writes to it",
        "dma_in_flight_page",
        "dma_own",
        Target.NONE,
        Judge.GIVEN_PAGE_DIRTY,
        "dma_revoke",
        needs=_DMA + _GIVE,
    ),
    Attack(
        "given_device",
        "programs the DMA engine that it gave away",
        "given_device_write",
        "dma_own",
        Target.NONE,
        Judge.ENGINE_TOUCHED,
        "drop_on_revoke",
        needs=_DMA + (Needs.GIVE_DEVICE,),
        last=True,
    ),
    Attack(
        "queued_on_given_device",
        "leaves a running chain in the engine that it gives away",
        "queued_device_write",
        "dma_own",
        Target.NONE,
        Judge.ENGINE_TOUCHED,
        "device_reset",
        needs=_DMA + (Needs.GIVE_DEVICE,),
        last=True,
    ),
    Attack(
        "asid_reuse",
        "reads an address where guest 2 has a TLB entry",
        "asid_read",
        "map_own",
        Target.NONE,
        _SECRET,
        "asid_per_root",
        needs=_MESSAGES,
    ),
    Attack(
        "residue_given_page",
        "looks for what guest 2 left in a page that it gave",
        "residue_read",
        "map_own",
        Target.NONE,
        _SECRET,
        "clean_moved_page",
        needs=(Needs.PAGE_FROM_GUEST2,),
    ),
    # DMA
    Attack("dma_read_guest2", "reads guest 2's page by DMA", "dma_read", "dma_own", _G2, _SECRET, _POLICY, needs=_DMA),
    Attack("dma_write_guest2", "writes to guest 2's page by DMA", "dma_write_victim", "dma_own", _G2, _MARK, _POLICY, needs=_DMA),
    Attack("dma_read_kernel", "reads a page of ring −1 by DMA", "dma_read", "dma_own", _KERNEL, _SECRET, "GUARD_OFF", needs=_DMA),
    Attack("dma_write_kernel", "writes to a page of ring −1 by DMA", "dma_write", "dma_own", _KERNEL, _MARK, "GUARD_OFF", needs=_DMA),
    Attack("dma_write_shadow", "writes a shadow table by DMA", "dma_write", "dma_own", Target.SHADOW, _MARK, _POLICY, needs=_DMA),
    Attack("dma_write_vmcb", "writes guest 2's VMCB by DMA", "dma_write", "dma_own", Target.VMCB, _MARK, _POLICY, needs=_DMA),
    Attack(
        "dma_write_policy_map", "opens pages in the policy map by DMA", "dma_write", "dma_own", Target.MAP, _MARK, "GUARD_OFF", needs=_DMA
    ),
    Attack("dma_write_stub", "writes the code of ring −1 by DMA", "dma_write", "dma_own", Target.STUB, _MARK, _POLICY, needs=_DMA),
    Attack(
        "dma_descriptor_guest2",
        "lets the engine take its descriptor from guest 2's page",
        "dma_descriptor",
        "dma_own",
        _G2,
        _SECRET,
        _POLICY,
        needs=_DMA,
    ),
    Attack(
        "dma_wrap",
        "starts DMA in the last pages below 4 GiB and of RAM, to run on around the end",
        "dma_wrap",
        "dma_own",
        Target.TOP,
        _MARK,
        "GUARD_OFF",
        needs=_DMA,
    ),
    # registers of the chipset and of ring −1
    Attack(
        "guard_move_map",
        "maps the guard's registers and points it at a map of its own, then reads guest 2 by DMA",
        "guard_move_map",
        "dma_own",
        _G2,
        _SECRET,
        "kernel_mmio_refused",
        ("REGISTERS_OPEN",),
        _DMA,
    ),
    Attack(
        "guard_mark_clean",
        "maps the guard's registers and says that memory holds no secret",
        "guard_mark_clean",
        "map_own",
        Target.NONE,
        Judge.GUARD_CHANGED,
        "kernel_mmio_refused",
        ("REGISTERS_OPEN",),
    ),
    Attack(
        "guard_authority",
        "the same where the kernel forgot to hide the registers",
        "guard_mark_clean",
        "map_own",
        Target.NONE,
        Judge.GUARD_CHANGED,
        "REGISTERS_OPEN",
        ("kernel_mmio_refused",),
    ),
    Attack(
        "host_link_read",
        "maps the host link and reads it",
        "host_link_read",
        "map_own",
        Target.NONE,
        Judge.LOOT,
        "kernel_mmio_refused",
        ("REGISTERS_OPEN",),
    ),
    Attack(
        "wrmsr_hsave", "moves ring −1's save area into its own memory", "wrmsr_hsave", "call_own", Target.NONE, Judge.LOOT, "msr_permission"
    ),
    Attack("rdmsr_hsave", "reads where ring −1 saves its state", "rdmsr_hsave", "call_own", Target.NONE, Judge.LOOT, "msr_permission"),
    Attack("wrmsr_vm_cr", "changes VM_CR", "wrmsr_vm_cr", "call_own", Target.NONE, Judge.LOOT, "msr_permission"),
    Attack("vmsave_guest2", "writes to guest 2's page with VMSAVE", "vmsave_write", "call_own", _G2, Judge.PAGE_CHANGED, "svm_intercepts"),
    Attack("vmload_guest2", "reads guest 2's page with VMLOAD", "vmload_read", "call_own", _G2, _SECRET, "svm_intercepts", last=True),
    Attack(
        "clgi",
        "holds off all interrupts with CLGI",
        "clgi_spin",
        "call_own",
        Target.NONE,
        Judge.GUEST2_STARVED,
        "svm_intercepts",
        needs=_MESSAGES,
    ),
    # ports
    Attack(
        "stop_timer",
        "stops the machine's timer",
        "stop_timer",
        "port_own",
        Target.NONE,
        Judge.GUEST2_STARVED,
        "io_permission",
        needs=_MESSAGES,
    ),
    Attack(
        "mask_interrupts",
        "masks the machine's interrupt controllers",
        "mask_interrupts",
        "port_own",
        Target.NONE,
        Judge.GUEST2_STARVED,
        "io_permission",
        needs=_MESSAGES,
    ),
    Attack(
        "com1_spoof",
        "prints on the machine's COM1 in guest 2's name",
        "com1_spoof",
        "port_own",
        Target.NONE,
        Judge.SPOOFED,
        "io_permission",
    ),
    Attack(
        "exit_port",
        "ends the machine by its exit port",
        "exit_port",
        "port_own",
        Target.NONE,
        Judge.MACHINE_ENDED,
        "io_permission",
        last=True,
    ),
    Attack(
        "a20_alias",
        "switches A20 off, so that odd megabytes alias even ones",
        "a20_off",
        "port_own",
        _G2,
        Judge.GUEST2_STARVED,
        "A20_OBEYED",
        ("io_permission",),
        _MESSAGES,
    ),
    # reset
    Attack(
        "reset_8042",
        "resets the machine by the keyboard controller",
        "reset_8042",
        "port_own",
        Target.NONE,
        Judge.MACHINE_RESET,
        "reset_virtualised",
        last=True,
    ),
    Attack(
        "reset_port92",
        "resets the machine by port 92h",
        "reset_port92",
        "port_own",
        Target.NONE,
        Judge.MACHINE_RESET,
        "reset_virtualised",
        last=True,
    ),
    Attack(
        "reset_cf9",
        "resets the machine by port CF9h",
        "reset_cf9",
        "port_own",
        Target.NONE,
        Judge.MACHINE_RESET,
        "reset_virtualised",
        last=True,
    ),
    Attack(
        "reset_triple_fault",
        "resets the machine by a triple fault",
        "reset_triple_fault",
        "map_own",
        Target.NONE,
        Judge.MACHINE_RESET,
        "reset_virtualised",
        last=True,
    ),
    Attack(
        "reset_and_read",
        "resets the machine; a BIOS of its own then looks for what is left in memory",
        "reset_cf9",
        "map_own",
        _G2,
        _SECRET,
        "NO_SCRUB",
        ("reset_virtualised",),
        last=True,
    ),
    # time
    Attack(
        "starve_cli",
        "loops with interrupts off",
        "starve_cli",
        "call_own",
        Target.NONE,
        Judge.GUEST2_STARVED,
        "preemption",
        needs=_MESSAGES,
    ),
    Attack(
        "starve_faults",
        "has a handler that returns to the instruction that faults",
        "starve_faults",
        "call_own",
        Target.NONE,
        Judge.GUEST2_STARVED,
        "preemption",
        needs=_MESSAGES,
    ),
    Attack(
        "starve_exits",
        "makes exits without end",
        "starve_exits",
        "call_own",
        Target.NONE,
        Judge.GUEST2_STARVED,
        "preemption",
        needs=_MESSAGES,
    ),
    # hypercalls
    Attack(
        "send_guest2", "sends a message out of guest 2's memory", "send_foreign", "call_own", _G2, Judge.SECRET_SENT, "hypercall_buffers"
    ),
    Attack("console_guest2", "prints guest 2's memory", "console_foreign", "call_own", _G2, Judge.SECRET_SENT, "hypercall_buffers"),
    Attack(
        "receive_guest2",
        "receives a message into guest 2's memory",
        "receive_foreign",
        "call_own",
        _G2,
        _MARK,
        "hypercall_buffers",
        needs=(Needs.MESSAGE,),
    ),
    Attack(
        "system_shutdown",
        "shuts the system down without the right to",
        "system_shutdown",
        "call_own",
        Target.NONE,
        Judge.SYSTEM_ENDED,
        "hypercall_rights",
    ),
    Attack(
        "give_foreign_device",
        "gives another guest a device that is not its own to give",
        "give_foreign_device",
        "call_own",
        Target.DEVICE,
        Judge.OWNER_CHANGED,
        "hypercall_rights",
    ),
    Attack(
        "ring3_hypercall",
        "an application in ring 3 gives a page of its system away",
        "ring3_give_page",
        "call_own",
        Target.NONE,
        Judge.OWNER_CHANGED,
        "hypercall_ring",
        needs=_GIVE,
    ),
)

# Attacks that are not as promised yet, each with the reason: in neither the scenario nor its count.
PENDING: tuple[tuple[Attack, str], ...] = ()

BY_NAME: dict[str, Attack] = {attack.name: attack for attack in ATTACKS}


def attack_header() -> str:
    """The C table: ``ATTACK(name, attempt, allowed, parameter, last)`` for each."""
    rows = [f'    ATTACK("{a.name}", {a.attempt}, {a.allowed}, "{a.target.value}", {int(a.last)}) \\' for a in ATTACKS]
    constants = {"ATTACK_MARK": ATTACK_MARK, "MACHINE_STATUS": MACHINE_STATUS, "SHUTDOWN_STATUS": SHUTDOWN_STATUS}
    constants |= {f"STAGE_{m}": int(v) for m, v in Stage.__members__.items()}
    lines = [*(f"#define {k} {v:#x}" for k, v in constants.items()), f'#define SPOOF "{SPOOF}"']
    lines += [
        f"{kind} {name}(u32 target);"
        for kind, names in (("void", {a.attempt for a in ATTACKS}), ("int", {a.allowed for a in ATTACKS}))
        for name in sorted(names)
    ]
    return "\n".join(
        [
            "/* Made from firmware/guests/attacks.py: do not edit. */",
            '#include "lib/types.h"',
            *lines,
            "#define ATTACK_TABLE \\",
            *rows,
            "",
            "",
        ]
    )
