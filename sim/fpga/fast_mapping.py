"""How a small circuit with a short clock is mapped to an ECP5's look-up tables, and placed: the recipe by which the bare guard is measured.

Found by trial, for the guard. ``synth_ecp5`` as it is makes the lookups a level or two longer; whoever wants the guard's clock in a design
of their own maps it as is done here. The longest ways are laid out in the circuit itself (``chipset/dma_policy/tables.py``).
"""

from collections.abc import Sequence

from chipset.dma_policy.tables import NET_CELL
from sim.fpga.toolchain import TOP

__all__ = ["PLACING", "TARGET_MHZ", "script"]

TARGET_MHZ = 150  # what placer and router aim at; with a higher aim they do worse

# What a level of logic costs in wires, in picoseconds (1,000 and more are a chip's usual): high enough that levels matter more than area.
_WIRE_DELAY = 700
# For ABC, a step a line: remove what is equal; restructure for tables of six inputs by sums of products, which is by depth; balance; find
# choices of structure beside that; map to the tables there are, by depth, then by area where there is time to spare; and use don't-cares.
_ABC = (
    "&scorr", "&sweep",
    "&st", "&if,-g,-K,6,-C,8",
    "&st", "&b,-d",
    "&dch,-C,500",
    "&if,{W},{D},{R},-v",
    "&mfs",
)  # fmt: skip
# Tables of four inputs alone: those of five to eight, made of several with multiplexers, have lost more in placing than a level is worth.
_MOST_INPUTS = 4

PLACING: Sequence[str] = (
    "--freq", str(TARGET_MHZ),
    "--tmg-ripup",  # the router looks at what is late
    "--placer-heap-timingweight", "30",  # the default, 10, is for designs that are hard to route
)  # fmt: skip
"""nextpnr-ecp5's options."""


def script(apart: str) -> tuple[str, ...]:
    """Yosys' commands, from the design as it was read to ``top.json``. The module ``apart`` is not joined with what is around it. Of the
    design's nets, made for ``StopsAtNets``, each stays one: what is before it is mapped apart from what is behind it."""
    synthesis = f"synth_ecp5 -top {TOP}"
    return (
        f"setattr -mod -set keep_hierarchy 1 {apart}",
        f"setparam -set WIDTH 1 t:{NET_CELL}", f"chtype -set $barrier t:{NET_CELL}",
        f"{synthesis} -run :map_luts",
        "techmap -map +/lattice/latches_map.v",  # the first half of the step that is left out here
        f"abc9 -W {_WIRE_DELAY} -maxlut {_MOST_INPUTS} -script +{';'.join(_ABC)}",
        "setparam -unset WIDTH t:$barrier", "chtype -set $_BUF_ t:$barrier", "clean",
        f"{synthesis} -run map_cells: -json {TOP}.json",
    )  # fmt: skip
