"""What messages between guests take: round trips by who spends them, and what goes through a channel against a plain copy loop."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from contracts.configuration import KernelConfig
from contracts.hypercalls import MAX_MESSAGE
from contracts.report import Step
from contracts.rights import Right
from sim.bench.meter import Metered
from sim.bench.programs import BenchError
from sim.guests import GuestProgram, GuestSystem
from sim.machine import Machine, MachineConfig

__all__ = ["ChannelCost", "channel_cost"]

_MEMORY = 2 << 20  # bytes of each guest
_LIMIT = 50_000_000  # cycles
_ASKS, _ANSWERS = 1, 2  # partitions
_PARTS = ("nothing", "short", "long", "stream", "page", "copy")  # as firmware/guests/channel_bench/main.c has them


@dataclass(frozen=True)
class ChannelCost:
    """Of ``rounds`` round trips, ``messages`` of MAX_MESSAGE bytes one way, and ``pages`` of as many bytes through the shared page.

    Attributes
    ----------
    round_trip_short, round_trip_long : of one round trip, 4 bytes and MAX_MESSAGE bytes each way, asked and answered: cycles, and of them
        the processor's (both guests, world switches, the stub), the kernel's declared ones, the bus's and the TPM's; and transactions
    messages_per_million_cycles, bytes_per_cycle : one way, the sender never waiting but for room
    page_bytes_per_cycle : written to the shared page, told of, and read from there
    copy_bytes_per_cycle : a plain loop in one guest that copies words
    """

    rounds: int
    messages: int
    pages: int
    round_trip_short: dict[str, float]
    round_trip_long: dict[str, float]
    messages_per_million_cycles: float
    bytes_per_cycle: float
    page_bytes_per_cycle: float
    copy_bytes_per_cycle: float
    ratio_to_copy: float = field(init=False)
    page_ratio_to_copy: float = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "ratio_to_copy", self.bytes_per_cycle / self.copy_bytes_per_cycle)
        object.__setattr__(self, "page_ratio_to_copy", self.page_bytes_per_cycle / self.copy_bytes_per_cycle)


def channel_cost(guest: Path, config: MachineConfig | None = None, rounds: int = 16, messages: int = 32, pages: int = 16) -> ChannelCost:
    """Measure it with two of ``guest``. BenchError."""
    counts = f"rounds={rounds} messages={messages} pages={pages}"
    rights = frozenset({Right.MESSAGES, Right.CHANNEL})
    lines = (f"role=ask peer={_ANSWERS} {counts}", f"role=answer peer={_ASKS} {counts}")
    programs = [GuestProgram.load(guest, _MEMORY, command_line=line, one_to_one=n == 0, rights=rights) for n, line in enumerate(lines)]
    meters: list[Metered] = []

    def metered(link: Any) -> Any:
        meters.append(Metered(link))
        return meters[0]

    marks: list[dict[str, int]] = []
    with Machine(config) as machine:
        system = GuestSystem(machine, KernelConfig(), guest_limit=_LIMIT, record=metered)
        asks, answers = system.start(programs)
        while system.kernel.step() is not Step.OVER and machine.cycle < _LIMIT:
            if system.kernel.take_answers(asks.number):
                marks.append(meters[0].now())
    if (asks.exit_status, answers.exit_status) != (0, 0) or len(marks) != len(_PARTS) + 1:
        raise BenchError(f"{guest.stem}: {asks.end_reason or 'no end'}, {answers.end_reason or 'no end'}, {len(marks)} of its marks seen")
    nothing, *taken = [{name: after[name] - before[name] for name in after} for before, after in zip(marks, marks[1:], strict=False)]
    parts = dict(zip(_PARTS[1:], ({name: count - nothing[name] for name, count in part.items()} for part in taken), strict=True))
    stream, page, copy = (parts[name]["cycles"] for name in ("stream", "page", "copy"))
    short, long = ({name: count / rounds for name, count in parts[length].items()} for length in ("short", "long"))
    return ChannelCost(
        rounds, messages, pages, short, long,
        messages_per_million_cycles=messages * 1_000_000 / stream,
        bytes_per_cycle=messages * MAX_MESSAGE / stream,
        page_bytes_per_cycle=pages * MAX_MESSAGE / page,
        copy_bytes_per_cycle=messages * MAX_MESSAGE / copy,
    )  # fmt: skip
