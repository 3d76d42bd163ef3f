"""Waveforms: a window of the machine's view around each attack, written as VCD.

The view is recorded while the attack runs, in a ring, and stops being recorded soon after the attempt; so nothing has to be run twice,
and nothing is lost of what came before.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from vcd import VCDWriter

from firmware.guests.attack import Stage
from sim.model.layout import BitField, RecordDecoder, fields_of
from sim.sanctuary.evidence import Evidence, Step

__all__ = [
    "CYCLE_NS",
    "GUEST1_SIGNAL",
    "SCOPE",
    "Signal",
    "Window",
    "clip",
    "cycles_in",
    "draw",
    "draw_attack",
    "moments",
    "view_decoder",
    "view_signals",
]

SCOPE = "ringfence"
GUEST1_SIGNAL = "guest1.instruction"
CYCLE_NS = 10
_RING = 64_000  # cycles kept at least
_AFTER_START = 60_000  # cycles recorded from the stage ATTEMPTING on, at most
_AFTER_ATTEMPT = 1_500  # and from ATTEMPTED on
_MARGIN = 1_000  # cycles drawn before the first moment and after the last
_LONGEST = 6_000  # cycles drawn
_CYCLE = re.compile(r"in cycle (\d+)")
_HIDDEN = ("valid", "core.context._free", "core.context.asid")


class _Model(Protocol):
    def record(self, name: str, on: bool = True, keep_last: int = 0) -> None: ...
    def take_record_bytes(self, name: str) -> bytes: ...


@dataclass
class Window:
    """The recording of one run. ``look`` is called every few hundred cycles with the cycle and the stages seen so far."""

    model: _Model
    raw: bytes = b""
    recording: bool = field(default=False, init=False)

    def start(self) -> None:
        """Record from now on, the newest only."""
        self.model.record("view", keep_last=_RING)
        self.recording = True

    def look(self, cycle: int, stages: Mapping[int, int]) -> None:
        """Stop in time."""
        begun, over = stages.get(Stage.ATTEMPTING), stages.get(Stage.ATTEMPTED)
        if begun is not None and (cycle >= begun + _AFTER_START or (over is not None and cycle >= over + _AFTER_ATTEMPT)):
            self.stop()

    def stop(self) -> None:
        """Take what was recorded; once."""
        if self.recording:
            self.recording = False
            self.raw = self.model.take_record_bytes("view")
            self.model.record("view", on=False)


def cycles_in(text: str) -> list[int]:
    """The cycles that a verdict names."""
    return [int(number) for number in _CYCLE.findall(text)]


def moments(cycles: Sequence[int], stages: Mapping[int, int]) -> tuple[int, int]:
    """First and last cycle of what is to be seen: those of the attempt that the judge has found, or else its stages."""
    known = sorted(cycles) or sorted(stages[s] for s in (Stage.ATTEMPTING, Stage.ATTEMPTED) if s in stages)
    return (known[0], known[-1]) if known else (0, 0)


def clip(first: int, last: int, begun: int, ended: int) -> range:
    """The cycles to draw of those recorded, ``begun`` to ``ended``."""
    if not begun <= first <= ended:
        first = last = max(begun, ended - _AFTER_ATTEMPT)
    start = max(begun, first - _MARGIN)
    return range(start, min(ended, last + _MARGIN, start + _LONGEST) + 1)


@dataclass(frozen=True)
class Signal:
    """A signal of the view: its name in the file, with dots, and its bits."""

    name: str
    offset: int
    width: int

    @property
    def mask(self) -> int:
        """Its bits in a record."""
        return ((1 << self.width) - 1) << self.offset


def view_signals(fields: Mapping[str, BitField]) -> Iterator[Signal]:
    """The leaves of a view's layout as signals."""
    for name, f in fields.items():
        whole_array = any(other.startswith(f"{name}[") for other in fields)
        if not whole_array and name not in _HIDDEN:
            yield Signal(name.replace("[", "").replace("]", ""), f.offset, f.width)


def _entries(decoder: RecordDecoder, raw: bytes) -> Iterator[tuple[int, int]]:
    stride = decoder.stride
    for at in range(0, len(raw), stride):
        yield int.from_bytes(raw[at : at + 8], "little"), int.from_bytes(raw[at + 8 : at + stride], "little")


def _first_and_last(decoder: RecordDecoder, raw: bytes) -> tuple[int, int]:
    at = len(raw) - decoder.stride
    return int.from_bytes(raw[:8], "little"), int.from_bytes(raw[at : at + 8], "little")


def _scoped(name: str) -> tuple[str, str]:
    scope, _, short = name.rpartition(".")
    return (f"{SCOPE}.{scope}" if scope else SCOPE), short


def _roots_of_guest1(entries: Sequence[tuple[int, int]], cr3: Signal, steps: Sequence[Step]) -> set[int]:
    """The shadow directories on which guest 1 ran: those in force in the cycles in which it retired something."""
    at = {step.cycle for step in steps}
    return {(word & cr3.mask) >> cr3.offset for cycle, word in entries if cycle in at}


def view_decoder() -> RecordDecoder:
    """Reads the records of the port ``view``."""
    from sim.machine_top import VIEW  # the circuits are imported where waves are drawn only

    return RecordDecoder(fields_of(VIEW), VIEW.size)


def draw_attack(folder: Path, evidence: Evidence, attempt: str) -> Path | None:
    """Write ``<attack>.vcd``, the window around ``attempt`` (the judge's text, which names cycles); its path, None if there is nothing."""
    path = folder / f"{evidence.attack}.vcd"
    return path if draw(path, view_decoder(), evidence.window, cycles_in(attempt), evidence.stages, evidence.steps) else None


def draw(
    path: Path, decoder: RecordDecoder, raw: bytes, cycles: Sequence[int], stages: Mapping[int, int], steps: Sequence[Step] = ()
) -> bool:
    """Write the window around ``cycles`` (of the attempt) to ``path``; False if nothing was recorded.

    ``steps`` are guest 1's: while it runs, the signal ``guest1.instruction`` is its EIP, which the filter file turns into instructions.
    """
    if not raw:
        return False
    first, last = moments(cycles, stages)
    wanted = clip(first, last, *_first_and_last(decoder, raw))
    entries = [(cycle, word) for cycle, word in _entries(decoder, raw) if cycle in wanted]
    signals = list(view_signals(decoder.fields))
    by_name = {s.name: s for s in signals}
    guest, cr3, eip = (by_name[f"core.{n}"] for n in ("context.guest", "cr3", "eip"))
    roots = _roots_of_guest1(entries, cr3, steps)
    path.parent.mkdir(parents=True, exist_ok=True)
    start, comment = wanted.start * CYCLE_NS, f"cycle n is at {CYCLE_NS} n ns"
    with path.open("w") as file, VCDWriter(file, timescale="1 ns", comment=comment, init_timestamp=start) as writer:
        variables: list[tuple[Signal, Any]] = []
        for s in signals:
            scope, short = _scoped(s.name)
            variables.append((s, writer.register_var(scope, short, "wire", size=s.width, init=0)))
        scope, short = _scoped(GUEST1_SIGNAL)
        instruction = writer.register_var(scope, short, "wire", size=eip.width, init=0)
        clock = writer.register_var(SCOPE, "clk", "wire", size=1, init=0)
        before: int | None = None
        for cycle, word in entries:
            now = cycle * CYCLE_NS
            writer.change(clock, now, 1)
            changed = -1 if before is None else before ^ word
            if changed:
                for s, variable in variables:
                    if changed & s.mask:
                        writer.change(variable, now, (word & s.mask) >> s.offset)
                ours = word & guest.mask and (word & cr3.mask) >> cr3.offset in roots
                writer.change(instruction, now, (word & eip.mask) >> eip.offset if ours else 0)
            writer.change(clock, now + CYCLE_NS // 2, 0)
            before = word
    return True
