"""Memory of others by way of DMA."""

from firmware.guests.attack import Attack, Judge, Needs, Target

__all__ = ["DMA"]

_G2, _KERNEL = Target.GUEST2, Target.KERNEL
_DMA = (Needs.DMA,)
_SECRET, _MARK = Judge.SECRET_IN_LOOT, Judge.MARK_AT_TARGET
_POLICY = "dma_policy"

DMA: tuple[Attack, ...] = (
    Attack("dma_read_guest2", "reads guest 2's page by DMA", "dma_read", "dma_own", _G2, _SECRET, _POLICY, needs=_DMA),
    Attack("dma_write_guest2", "writes to guest 2's page by DMA", "dma_write_victim", "dma_own", _G2, _MARK, _POLICY, needs=_DMA),
    Attack("dma_read_kernel", "reads a page of ring −1 by DMA", "dma_read", "dma_own", _KERNEL, _SECRET, "GUARD_OFF", needs=_DMA),
    Attack("dma_write_kernel", "writes to a page of ring −1 by DMA", "dma_write", "dma_own", _KERNEL, _MARK, "GUARD_OFF", needs=_DMA),
    Attack(
        "dma_read_shadow", "reads a shadow table by DMA", "dma_read", "dma_own", Target.SHADOW_DIRECTORY, Judge.COPIED, _POLICY, needs=_DMA
    ),
    Attack(
        "dma_read_policy_map", "reads the policy map by DMA", "dma_read", "dma_own", Target.MAP_EDGE, Judge.COPIED, "GUARD_OFF", needs=_DMA
    ),
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
        "dma_past_end",
        "starts DMA in the last page of RAM, to run on past its end, and in the last page below 4 GiB, where it stops at its first access",
        "dma_past_end",
        "dma_own",
        Target.TOP,
        _MARK,
        "GUARD_OFF",
        needs=_DMA,
    ),
)
