"""Memory of others by way of page tables, of its own and of others."""

from firmware.guests.attack import Attack, Judge, Needs, Target

__all__ = ["PAGE_TABLES"]

_G2, _KERNEL = Target.GUEST2, Target.KERNEL
_DMA = (Needs.DMA,)
_SECRET, _MARK = Judge.SECRET_IN_LOOT, Judge.MARK_AT_TARGET
_OWNER = "frame_owner_check"

PAGE_TABLES: tuple[Attack, ...] = (
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
    Attack(
        "cr3_kernel",
        "loads CR3 with a page of ring −1 that holds a page directory",
        "cr3_load",
        "cr3_own_allowed",
        Target.KERNEL_DIRECTORY,
        _MARK,
        "table_owner_check",
    ),
    Attack(
        "cr3_shadow",
        "loads CR3 with the shadow directory that it runs on",
        "cr3_load",
        "cr3_own_allowed",
        Target.OWN_SHADOW,
        Judge.CR3_LOADED,
        "table_owner_check",
    ),
    Attack(
        "table_shadow",
        "points a directory entry at guest 2's shadow table and reads what it maps",
        "table_shadow",
        "table_own",
        Target.SHADOW_TABLE,
        _SECRET,
        "table_owner_check",
        (_OWNER,),
    ),
)
