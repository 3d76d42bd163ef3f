"""Stands between the kernel and its link: notes each exit, follows the attacker's stages, keeps the retire records that matter."""

from collections.abc import Callable, Sequence
from typing import Any

from contracts import vmcb
from contracts.architecture import Gpr
from contracts.exit_codes import exit_name
from contracts.host_link import VcpuBlock
from firmware.guests.attack import Stage
from firmware.guests.layout import RESULT_ADDRESS, RESULT_MAGIC, Result
from sim.link import LinkMachine
from sim.sanctuary.evidence import GuestExit, Life
from sim.sanctuary.waves import Window

__all__ = ["Watch"]

_SLICE = 500  # cycles between two looks at the stage: less than any attempt takes to get going
_BEFORE = 1500  # records kept before a stage is seen to begin
_ATTEMPT = 12_000  # records kept of an attempt: enough for all but those that go round in circles
_EXITS = 4000
_OTHER_CALLS = 4  # of the neighbour, the newest
_ONES = 0xFFFF_FFFF
_IN_BLOCK = ("ECX", "EDX", "EBX", "EBP", "ESI", "EDI")  # registers that VMRUN does not switch


class Watch:
    """A kernel's machine; everything that is not named here is the link's.

    ``follow`` says which vCPU block is guest 1's; from then on its stages are looked for while it runs.
    """

    def __init__(self, link: LinkMachine) -> None:
        self._link = link
        self._model = link.machine.model
        self._stage_seen: Callable[[int], None] = lambda stage: None
        self._block: int | None = None
        self._running: int | None = None
        self._kept = 0
        self._counters: tuple[int, ...] = ()
        self.stages: dict[int, int] = {}
        self.life: dict[int, Life] = {}  # at each stage
        self.life_last: Life | None = None
        self.record = bytes(Result.SIZE)
        self.exits: list[GuestExit] = []
        self.other_calls: list[GuestExit] = []
        self.exit_counts: dict[str, int] = {}
        self.window = Window(self._model)
        self.raw: list[bytes] = []  # retire records of guest 1, as the model gives them

    def __getattr__(self, name: str) -> Any:
        return getattr(self._link, name)

    def follow_also(self, block: int) -> None:
        """Guest 1 has been started again: its new vCPU block."""
        self._block = block
        self.life_last = None

    def follow(self, block: int, counters: Sequence[int], stage_seen: Callable[[int], None]) -> None:
        """Guest 1's vCPU block, and the addresses of its ticks and its processes' counts; ``stage_seen`` is called at each new stage."""
        self._block = block
        self._counters = tuple(counters)
        self._stage_seen = stage_seen
        self._link.slice_cycles = _SLICE
        self._link.each_slice = self.look
        self.window.start()

    def run(self, block: int) -> None:
        """Enter the guest; note its exit."""
        self._running = block
        ours = block == self._block
        if ours:
            self._model.record("retire", keep_last=0 if self._recording else _BEFORE)
        try:
            self._link.run(block)
        finally:
            self.look()
            if ours:
                self._take()
                self._model.record("retire", on=False)
            self._running = None
        self._note(block, ours)

    def _note(self, block: int, ours: bool) -> None:
        name = exit_name(self._field(block, "EXITCODE"))
        self.exit_counts[name] = self.exit_counts.get(name, 0) + 1
        if ours and Stage.ATTEMPTING <= self.stage <= Stage.ATTEMPTED and len(self.exits) < _EXITS:
            self.exits.append(self._exit(block, name))
        elif not ours and name == "VMMCALL":
            self.other_calls.append(self._exit(block, name))
            del self.other_calls[:-_OTHER_CALLS]

    def _exit(self, block: int, name: str) -> GuestExit:
        names = ("EXITINFO1", "EXITINFO2", "RIP", "CPL")
        info1, info2, eip, cpl = (self._field(block, n) & _ONES for n in names)
        kept = {Gpr[r]: int.from_bytes(self._model.dump(block + VcpuBlock[r], 4), "little") for r in _IN_BLOCK}
        kept |= {Gpr.EAX: self._field(block, "RAX") & _ONES, Gpr.ESP: self._field(block, "RSP") & _ONES}
        return GuestExit(self._link.time(), name, info1, info2, eip, tuple(kept[r] for r in Gpr), cpl)

    def _field(self, block: int, name: str) -> int:
        f = vmcb.field(name)
        return int.from_bytes(self._model.dump(block + f.offset, f.size), "little")

    # stages

    @property
    def stage(self) -> int:
        """The last stage that was seen."""
        return max(self.stages, default=0)

    @property
    def _recording(self) -> bool:
        return Stage.ATTEMPTING <= self.stage < Stage.DONE and self._kept < _ATTEMPT

    def look(self) -> None:
        """Look at the attacker's record; called every slice."""
        self.window.look(self._link.machine.cycle, self.stages)
        if self._block is None or self._running != self._block:
            return
        record = self._model.dump(RESULT_ADDRESS, Result.SIZE)
        if int.from_bytes(record[:4], "little") != RESULT_MAGIC:
            return
        self.record = record
        ticks, *counts = (int.from_bytes(self._model.dump(at, 4), "little") for at in self._counters)
        self.life_last = Life(ticks, tuple(counts))
        stage = int.from_bytes(record[Result.STAGE : Result.STAGE + 4], "little")
        if stage in Stage.__members__.values() and stage not in self.stages:
            self.stages[stage] = self._link.machine.cycle
            self.life[stage] = self.life_last
            self._take()
            self._model.record("retire", keep_last=0 if self._recording else _BEFORE)
            self._stage_seen(stage)
        elif self._recording:
            self._take()
            if not self._recording:
                self._model.record("retire", keep_last=_BEFORE)

    def _take(self) -> None:
        data = self._model.take_record_bytes("retire")
        stride = self._model.decoder("retire").stride
        if self.stage >= Stage.BOOTED and data:
            self.raw.append(data)
            self._kept += len(data) // stride if self._recording else 0
