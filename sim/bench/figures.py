"""What was measured, under the names that ``build/bench.json`` has, and how it was measured."""

from dataclasses import asdict, dataclass, field

from firmware.bench.dhrystone_source import DMIPS_DIVISOR
from sim.bench.channel_cost import ChannelCost

__all__ = ["Figures", "dmips_per_mhz"]

_MEGA = 1_000_000


def dmips_per_mhz(runs: int, cycles: int) -> float:
    """Dhrystones a second of a machine of 1 MHz, over those of a VAX 11/780."""
    return runs * _MEGA / cycles / DMIPS_DIVISOR


@dataclass(frozen=True)
class Figures:
    """All figures.

    Attributes
    ----------
    cpi : cycles per instruction of Dhrystone's loop, natively
    dhrystone_dmips_per_mhz : Dhrystone 2.1, natively
    guest_to_native_ratio : cycles of the same loop as a guest over cycles natively, all costs of ring −1 counted; 1.0 is native speed
    guest_to_native_ratio_without_kernel : the same without the declared cycles that stand for the kernel's instructions
    guest_to_native_ratio_without_kernel_and_link : the same without the host link's transactions too: world switches, stub, shadow faults
    vmrun_round_trip_cycles : VMRUN, a guest that exits at its first instruction, #VMEXIT
    vmrun_round_trip_with_state_cycles : the same with VMLOAD and VMSAVE
    dma_throughput_ratio : DMA throughput with the policy on over that with it off; 1.0 is no loss
    dma_bytes_per_cycle_open, dma_bytes_per_cycle_checked : an engine copying memory to memory
    late_launch_cycles : from SKINIT to a guest's first instruction, with a TPM that answers at once; ``late_launch_parts``: by part
    sealed_calls : cycles and transactions of SEAL, UNSEAL and ATTEST, the store open, by part; the TPM itself takes no simulated time
    channel : of a channel between two guests (``sim/bench/channel_cost.py``): round trips by part, and throughput against a copy loop
    guard_streaming_ratio : the least of ``guard_streaming``, which has, by format of the map and by what four requesters do at once, DMA
        throughput through the guard over that through wires in its place
    guard_random_ratio : the same for random accesses of 64 bytes, by format, by map words kept for each requester, then for each size of
        the range of addresses in ``guard_random_range_mib``
    simulated_cycles_per_second : of the machine, in a second of the simulating processor's time, nothing recorded, no waves
    reference_cycles_per_second : of the small fixed circuit in ``sim/bench/reference.py``, run in between
    speed_against_reference : the first over the second
    guest_exits : the exits of the guest's loop, by name
    guest_kernel_cycles, guest_link_cycles, guest_cycles, native_cycles : what the ratios are made of
    kernel_cycles_per_exit : the declared constant
    conditions : what holds for all of it
    """

    cpi: float
    dhrystone_dmips_per_mhz: float
    guest_to_native_ratio: float
    guest_to_native_ratio_without_kernel: float
    guest_to_native_ratio_without_kernel_and_link: float
    vmrun_round_trip_cycles: float
    vmrun_round_trip_with_state_cycles: float
    dma_throughput_ratio: float
    dma_bytes_per_cycle_open: float
    dma_bytes_per_cycle_checked: float
    late_launch_cycles: int
    guard_streaming_ratio: float
    simulated_cycles_per_second: int
    reference_cycles_per_second: int
    speed_against_reference: float
    dhrystone_runs: int
    native_cycles: int
    native_instructions_per_run: float
    guest_cycles: int
    guest_kernel_cycles: int
    guest_link_cycles: int
    kernel_cycles_per_exit: int
    channel: ChannelCost
    guest_exits: dict[str, int] = field(default_factory=dict)
    late_launch_parts: dict[str, int] = field(default_factory=dict)
    sealed_calls: dict[str, dict[str, int]] = field(default_factory=dict)
    guard_streaming: dict[str, dict[str, float]] = field(default_factory=dict)
    guard_random_range_mib: list[int] = field(default_factory=list)
    guard_random_ratio: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    conditions: dict[str, object] = field(default_factory=dict)

    def as_dict(self) -> dict[str, object]:
        """For JSON; six digits are enough."""
        return {name: _rounded(value) for name, value in asdict(self).items()}


def _rounded(value: object) -> object:
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, dict):
        return {name: _rounded(inner) for name, inner in value.items()}
    return [_rounded(inner) for inner in value] if isinstance(value, list) else value
