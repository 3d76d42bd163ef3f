"""The measurements in their order."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from contracts.configuration import KernelConfig
from contracts.host_link import KERNEL_CYCLES_PER_EXIT
from firmware.build import guest, program
from sim.bench.channel_cost import channel_cost
from sim.bench.figures import Figures, dmips_per_mhz
from sim.bench.guard_cost import GUARD_STEPS, LANES_RANDOM, LANES_STREAMING, GuardLoad, guard_spec, measure_guard
from sim.bench.guard_top import LATENCY, REQUESTERS
from sim.bench.launch_cost import launch_cost
from sim.bench.programs import GuestRun, numbers, run_as_guest, run_natively
from sim.bench.reference import ReferenceSpeed
from sim.bench.rooted_cost import rooted_cost
from sim.kernel_time import HOW_IT_IS_COUNTED
from sim.machine import MachineConfig, machine_spec
from sim.model import build_model

__all__ = ["STEPS", "Step", "measure"]

Step = Callable[[str, int], None]  # what is being measured, and how many cycles of it have passed

STEPS = (
    "Dhrystone, short run", "Dhrystone", "Dhrystone as a guest", "VMRUN round trip", "DMA throughput", "late launch", "sealed calls",
    "channel", *GUARD_STEPS,
)  # fmt: skip
_SHORT_RUNS = 20
_ROUNDS = 100
_DMA_BYTES = 64 << 10

_DHRYSTONE = r"dhrystone: (\d+) runs, (\d+) cycles, 0 wrong values"
_ROUND_TRIP = r"vmrun_round_trip: (\d+) rounds, (\d+) cycles, (\d+) cycles with VMLOAD and VMSAVE"
_DMA = r"dma_throughput: (\d+) bytes, (\d+) cycles open, (\d+) cycles checked"


@dataclass(frozen=True)
class _Dhrystone:
    """The loop of ``runs`` natively. Two runs of different length give instructions and cycles of one loop, so that nothing else counts."""

    runs: int
    cycles: int
    cpi: float
    instructions_per_run: float
    speed_cycles: int
    speed_seconds: float


def _dhrystone(runs: int, config: MachineConfig, tell: Step) -> _Dhrystone:
    image = program("dhrystone")
    short = run_natively(image, f"runs={_SHORT_RUNS}", config, each_slice=lambda cycle: tell(STEPS[0], cycle))
    long = run_natively(image, f"runs={runs}", config, each_slice=lambda cycle: tell(STEPS[1], cycle))
    numbers(short.said, _DHRYSTONE)
    _, cycles = numbers(long.said, _DHRYSTONE)
    more_instructions = long.outcome.instructions - short.outcome.instructions
    more_cycles = long.outcome.cycles - short.outcome.cycles
    return _Dhrystone(
        runs, cycles, more_cycles / more_instructions, more_instructions / (runs - _SHORT_RUNS),
        short.outcome.cycles + long.outcome.cycles, short.outcome.seconds + long.outcome.seconds,
    )  # fmt: skip


def _conditions(config: MachineConfig, kernel: KernelConfig) -> dict[str, object]:
    return {
        "memory": f"the first word after {config.latency} cycles, then a word a cycle; {config.memory >> 20} MiB",
        "kernel_time": HOW_IT_IS_COUNTED,
        "guest": f"one guest, mapped one to one; a timer interrupt every {kernel.timer_cycles} cycles ends its run",
        "dhrystone": "2.1 from Debian's u-boot, gcc -O2 -fno-inline -march=i486, string functions in plain C",
        "guard": f"{REQUESTERS} requesters asking without a pause for lines of 16 bytes, the first word of memory after {LATENCY} cycles; "
        f"streaming {GuardLoad.streaming_bytes >> 20} MiB with {max(LANES_STREAMING)} map words kept for each requester; random accesses "
        "are of 64 bytes, reads and writes",
        "rates": "per second of processor time, not of the wall clock",
    }


@contextmanager
def _reference() -> Iterator[ReferenceSpeed]:
    reference = ReferenceSpeed()
    yield reference
    reference.close()


def measure(runs: int, tell: Step, started: Callable[[], None] = lambda: None) -> Figures:
    """Measure everything. ``started`` is called when all is built and the first measurement begins. BenchError if a program fails."""
    config, kernel = MachineConfig(), KernelConfig()
    programs = {name: program(name) for name in ("dhrystone", "vmrun_round_trip", "dma_throughput")}
    for spec in (machine_spec(config), guard_spec(LANES_STREAMING), guard_spec(LANES_RANDOM)):
        build_model(spec)
    with _reference() as reference:
        started()
        reference.measure()
        native = _dhrystone(runs, config, tell)
        reference.measure()
        above: GuestRun = run_as_guest(
            programs["dhrystone"], f"runs={runs}", config, kernel=kernel, each_slice=lambda cycle: tell(STEPS[2], cycle)
        )
        trip = run_natively(programs["vmrun_round_trip"], f"rounds={_ROUNDS}", config, each_slice=lambda cycle: tell(STEPS[3], cycle))
        dma = run_natively(programs["dma_throughput"], f"bytes={_DMA_BYTES}", config, each_slice=lambda cycle: tell(STEPS[4], cycle))
        tell(STEPS[5], 0)
        launched = launch_cost(guest("mass_market"), config)
        tell(STEPS[6], 0)
        calls = rooted_cost(guest("vault"), config)
        tell(STEPS[7], 0)
        channel = channel_cost(guest("channel_bench"), config)
        reference.measure()
    guard = measure_guard(GuardLoad(), tell)
    _, guest_cycles = numbers(above.said, _DHRYSTONE)
    rounds, plain, with_state = numbers(trip.said, _ROUND_TRIP)
    moved, opened, checked = numbers(dma.said, _DMA)
    timed = above.before_output(guest_cycles)
    without_kernel = guest_cycles - timed.kernel
    speeds = [trip.outcome, dma.outcome]
    speed = (native.speed_cycles + sum(o.cycles for o in speeds)) / (native.speed_seconds + sum(o.seconds for o in speeds))
    return Figures(
        cpi=native.cpi,
        dhrystone_dmips_per_mhz=dmips_per_mhz(runs, native.cycles),
        guest_to_native_ratio=guest_cycles / native.cycles,
        guest_to_native_ratio_without_kernel=without_kernel / native.cycles,
        guest_to_native_ratio_without_kernel_and_link=(without_kernel - timed.link) / native.cycles,
        vmrun_round_trip_cycles=plain / rounds,
        vmrun_round_trip_with_state_cycles=with_state / rounds,
        dma_throughput_ratio=opened / checked,
        dma_bytes_per_cycle_open=moved / opened,
        dma_bytes_per_cycle_checked=moved / checked,
        late_launch_cycles=sum(launched.values()),
        late_launch_parts=launched,
        sealed_calls=calls,
        channel=channel,
        guard_streaming_ratio=guard.streaming_ratio,
        guard_streaming=guard.streaming,
        guard_random_range_mib=guard.range_mib,
        guard_random_ratio=guard.random,
        simulated_cycles_per_second=round(speed),
        reference_cycles_per_second=round(reference.cycles_per_second),
        speed_against_reference=speed / reference.cycles_per_second,
        dhrystone_runs=runs,
        native_cycles=native.cycles,
        native_instructions_per_run=native.instructions_per_run,
        guest_cycles=guest_cycles,
        guest_kernel_cycles=timed.kernel,
        guest_link_cycles=timed.link,
        kernel_cycles_per_exit=KERNEL_CYCLES_PER_EXIT,
        guest_exits=timed.exits,
        conditions=_conditions(config, kernel),
    )
