"""Pages and devices that were given away, and what is left in them."""

from firmware.guests.attack import Attack, Judge, Needs, Target

__all__ = ["GIVEN_AWAY"]

_DMA, _MESSAGES, _GIVE = (Needs.DMA,), (Needs.GUEST2_MESSAGES,), (Needs.GIVE_PAGE,)
_SECRET = Judge.SECRET_IN_LOOT

GIVEN_AWAY: tuple[Attack, ...] = (
    Attack(
        "stale_tlb",
        "writes to a page that it gave away, through the TLB entry it kept",
        "stale_write",
        "map_own_elsewhere",
        Target.NONE,
        Judge.GIVEN_PAGE_DIRTY,
        "flush_on_revoke",
        needs=_GIVE,
    ),
    Attack(
        "stale_global_tlb",
        "the same with a global entry and CR3 reloaded",
        "stale_global_write",
        "map_own_elsewhere",
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
        "second_engine_own",
        Target.NONE,
        Judge.ENGINE_TOUCHED,
        "drop_on_revoke",
        needs=_DMA + (Needs.SECOND_DMA, Needs.GIVE_DEVICE),
    ),
    Attack(
        "queued_on_given_device",
        "leaves a running chain in the engine that it gives away",
        "queued_device_write",
        "second_engine_own",
        Target.NONE,
        Judge.ENGINE_TOUCHED,
        "device_reset",
        needs=_DMA + (Needs.SECOND_DMA, Needs.GIVE_DEVICE),
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
)
