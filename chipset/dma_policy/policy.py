"""The policy in force, as the guard's registers hand it to the guard."""

from collections.abc import Collection

from amaranth.lib import data

from chipset.dma_policy.decision import needs_own_maps
from contracts.policy_map import MAX_DMA_REQUESTERS, Format

__all__ = ["Denial", "LaunchRegion", "MapPlace", "policy_layout"]

_FORMAT_WIDTH = 2


class MapPlace(data.Struct):
    """Where a map lies, in 32-bit words."""

    base: 30
    length: 17  # up to 2^16, which two bits a page need for 4 GiB


class LaunchRegion(data.Struct):
    """The 64 KiB that no DMA reaches while ``protect``."""

    protect: 1
    base: 16  # address bits 31:16


def policy_layout(requesters: int, formats: Collection[Format]) -> data.StructLayout:
    """Layout of the policy for ``requesters`` DMA requesters; ``maps`` has a place for each, or one where all formats share one map."""
    if not 1 <= requesters <= MAX_DMA_REQUESTERS:
        raise ValueError(f"{requesters} DMA requesters: 1 to {MAX_DMA_REQUESTERS} can be built")
    if not formats:
        raise ValueError("a DMA guard without a format of the map: at least one must be built")
    maps = requesters if needs_own_maps(formats) else 1
    return data.StructLayout({
        "enable": 1, "map_format": _FORMAT_WIDTH, "launch": LaunchRegion, "maps": data.ArrayLayout(MapPlace, maps),
    })  # fmt: skip


class Denial(data.Struct):
    """An access that is being refused in this cycle."""

    valid: 1
    address: 32
    requester: 5
    write: 1
