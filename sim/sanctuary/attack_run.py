"""One run of one attack: the same whether all protections are on or some are off; what happened is left as ``Evidence``."""

import struct
from collections.abc import Collection
from contextlib import suppress
from dataclasses import replace

from contracts.memory_map import PAGE_SIZE
from contracts.policy_map import Format, map_bytes
from firmware.build import guest
from firmware.guests.attack import Attack, Judge, Needs, Stage, Target, Witness
from firmware.guests.attacks import ATTACK_MARK, OWN_MARK
from firmware.guests.layout import GIVEN_PAGE, RESULT_ADDRESS, SECRET_WORDS, Life, Result, Trusted
from isolation_kernel.partition import State
from sim.kernel_time import KernelTime
from sim.link import MachineEnded
from sim.machine import Ending, Machine
from sim.sanctuary.evidence import Evidence, Region
from sim.sanctuary.picture import picture_of
from sim.sanctuary.started import Start, Started
from sim.sanctuary.steps import entered, functions, steps
from sim.sanctuary.world import COPIED_BYTES, GUEST_MEMORY, engine_registers, guard_registers

__all__ = ["AttackRun", "run_attack"]

_STEPS = 6000  # of the kernel
_PATIENCE = 2_500_000  # cycles from guest 1's orders to the end of the run
_AFTER_RESET = 150_000  # cycles for a BIOS to look around
_SCRUB = 20_000_000  # cycles in which RAM is scrubbed
_FIRST_LOOK = 3000  # cycles in which a BIOS has read RAM
_HALTS = 2000  # cycles in which the stub has carried out a command
_HLT = b"\xf4"
_MANY_LETTERS = 1000
_SPIN = 10_000  # rounds of what starves others: 100,000 cycles, in which guest 2 gets two turns at least, if it is not starved
_SPINS: dict[str, int] = {"starve_exits": 640, "starve_faults": 2000, "queued_device_write": 24_000}  # of the same length, or more
_LONGEST_INSTRUCTION = 15
_WORD = 4


class AttackRun:
    """A run of an attack, from where it has been started; ``run`` does it once."""

    def __init__(self, attack: Attack, started: Started) -> None:
        self.attack = attack
        self.started = started
        self.machine, self.system, self.watch = started.machine, started.system, started.watch
        self.guest1, self.guest2, self.mail, self.targets = started.guest1, started.guest2, started.mail, started.targets
        self.evidence = Evidence(attack.name, started.targets.address(attack.target), range(GUEST_MEMORY))
        self.number1 = started.guest1.number
        started.console = self._print

    def _print(self, partition: int, data: bytes) -> None:
        if partition == self.number1:
            self.evidence.sent += data

    # setting up

    def _give_orders(self) -> None:
        """Guest 1 waits for them."""
        needs, target = self.attack.needs, self.evidence.target
        spin = _SPINS.get(self.attack.name, _SPIN)
        line = f"attack={self.attack.name} partition={self.guest2.number} spin={spin}"
        if self.attack.target is not Target.NONE:
            line += f" {self.attack.target.value}={target:#x}"
        self._line = line
        self.system.kernel.post_message(self.number1, line.encode("ascii"))
        if Needs.MESSAGE in needs:
            for word in (ATTACK_MARK, OWN_MARK):
                self.system.kernel.post_message(self.number1, word.to_bytes(4, "little"))
        if Needs.RESTART in needs:
            self.guest1.config = replace(self.guest1.config, restart_on_reset=True)
        if Needs.PAGE_FROM_GUEST2 in needs:
            self.mail.post(b"GIV:" + struct.pack("<I", self.number1))

    def _mark_regions(self) -> None:
        """What must not change, as it is before guest 1 knows what to do."""
        regions = {"page": (self.targets.of_guest2(Trusted.PAGE), PAGE_SIZE)}
        regions["directory"] = (self.targets.of_guest2(Trusted.DIRECTORY), PAGE_SIZE)
        regions["table"] = (self.targets.of_guest2(Trusted.TABLE), PAGE_SIZE)
        if self.attack.target is Target.DEVICE:
            policy = self.system.kernel.policy
            regions["device map"] = (policy.maps[self.evidence.target], map_bytes(Format.PER_REQUESTER, self.system.config.layout.pages))
        elif self.attack.target is not Target.NONE:
            victim = Trusted.VICTIM - Trusted.PAGE if self.attack.target is Target.GUEST2 else 0
            size = COPIED_BYTES if self.attack.judge is Judge.COPIED else _WORD
            regions["target"] = (self.evidence.target + victim, size)
        self.evidence.regions = {name: Region(at, self.machine.model.dump(at, size)) for name, (at, size) in regions.items()}
        self.evidence.guard = (guard_registers(self.system), ())

    # running

    def _stage_seen(self, stage: int) -> None:
        if stage in (Stage.ATTEMPTED, Stage.DONE):
            for region in self.evidence.regions.values():
                if region.attempted is None:
                    region.attempted = self.machine.model.dump(region.address, len(region.before))

    @property
    def _resets_all(self) -> bool:
        """Whether the machine is reset in any case: guest 2 is asked before, and will not come to answer afterwards."""
        return self.attack.allowed is Witness.ROM_READS

    def run(self) -> Evidence:
        """The whole of it."""
        if self._resets_all:
            self.mail.post(b"a first letter")
            self.started.until_answered()
        self._mark_regions()
        self.watch.follow(self.guest1.vcpu.block, _counters(), self._stage_seen)
        self._give_orders()
        start = self.machine.cycle
        try:
            self.evidence.ended = self._both_run(start + _PATIENCE)
        except MachineEnded as end:
            self._machine_ended(end)
        self._gather()
        return self.evidence

    def _both_run(self, deadline: int) -> str:
        number, letters = 0, _MANY_LETTERS if Needs.GUEST2_MESSAGES in self.attack.needs else int(not self._resets_all)
        for _ in range(_STEPS):
            begun = letters == 1 or self.watch.stage >= Stage.BOOTED  # without preemption guest 1 would never get the processor
            if not self.mail.waiting and number < letters and begun and self.watch.stage < Stage.ATTEMPTED:
                number += 1
                self.mail.post(b"letter %d" % number)
            if not self._step() or self._over(deadline):
                break
        if not self.guest1.alive:
            self._started_again()
        if not self.system.kernel.over:
            self.mail.post(b"a last letter")
            self.started.until_answered()
            self._until_guest1_waits()
        self.evidence.guest2_end = self.guest2.end_reason
        if self.attack.allowed is Witness.GUEST2_ENDS and self.guest2.alive:
            self.mail.post(b"END:")
            for _ in range(_STEPS):
                if not self.guest2.alive or not self._step():
                    break
        if self.watch.stage == Stage.DONE:
            return "guest 1 was done"
        return f"guest 1 ended: {self.guest1.end_reason}" if not self.guest1.alive else "guest 1 had no more time"

    def _until_guest1_waits(self) -> None:
        """When it is done guest 1 lives on for a while."""
        for _ in range(_STEPS):
            if self.watch.stage < Stage.DONE or self.guest1.state not in (State.RUNNABLE, State.HALTED) or not self._step():
                return

    def _step(self) -> bool:
        going = self.started.step()
        if self.watch.stage < Stage.DONE:
            self.evidence.sent += b"".join(self.system.kernel.take_answers(self.number1))
        return going

    def _over(self, deadline: int) -> bool:
        return self.watch.stage == Stage.DONE or not self.guest1.alive or self.machine.cycle > deadline

    def _started_again(self) -> None:
        """If the kernel has started guest 1 again, it is told to leave out the attempt and shows what it still may."""
        kernel, name = self.system.kernel, self.guest1.config.name
        again = next((p for p in kernel.partitions.values() if p.alive and p.config.name == name), None)
        if again is None:
            return
        self.guest1, self.number1 = again, again.number
        self.evidence.restarted = True
        self.watch.follow_also(again.vcpu.block)
        kernel.post_message(again.number, f"{self._line} again=1".encode("ascii"))
        deadline = self.machine.cycle + _PATIENCE
        for _ in range(_STEPS):
            if not self._step() or self._over(deadline):
                break

    def _machine_ended(self, end: MachineEnded) -> None:
        evidence = self.evidence
        evidence.ended, evidence.status, evidence.lost = end.ending.value, end.status, True
        evidence.guest2_end = self.guest2.end_reason
        if end.ending is Ending.RESET:
            evidence.reset = True
            self._reset()

    def _reset(self) -> None:
        """Let the machine come back, note the first that it does, and let a BIOS look around."""
        model, first = self.machine.model, self.machine.instructions
        self.machine.record()
        for _ in range(_SCRUB // _FIRST_LOOK):
            model.run(_FIRST_LOOK, stops=())
            if self.machine.instructions != first:
                break
        model.run(_FIRST_LOOK, stops=())
        self.evidence.after_reset = steps(model.decoder("retire"), [model.take_record_bytes("retire")], 0, context=0)
        self.machine.record(on=False)
        self.machine.run(_AFTER_RESET, stop_on_reset=False)
        with suppress(ValueError):
            self.watch.record = model.dump(RESULT_ADDRESS, Result.SIZE)

    # afterwards

    def _gather(self) -> None:
        evidence, watch, model, kernel = self.evidence, self.watch, self.machine.model, self.system.kernel
        evidence.stub_halted = self._stub_halts()
        self.machine.drain()
        for region in evidence.regions.values():
            region.end = model.dump(region.address, len(region.before))
        own = model.dump(0, GUEST_MEMORY)
        evidence.cleared = not any(own)
        evidence.secrets = tuple(_find(own, SECRET_WORDS[0].to_bytes(4, "little")))
        evidence.record, evidence.stages = watch.record, watch.stages
        evidence.life, evidence.life_last = watch.life, watch.life_last
        elf = guest("attacker")
        evidence.steps = steps(model.decoder("retire"), watch.raw, self.system.config.layout.kernel_base)
        code = {s.eip: s.code for s in evidence.steps if s.code}
        evidence.exits = [replace(e, code=code.get(e.eip) or _bytes_at(own, e.eip)) for e in watch.exits]
        evidence.own_page, evidence.main = functions(elf, "STT_OBJECT")["own_page"], functions(elf)["main"]
        evidence.guest2_calls = watch.other_calls
        evidence.entered = entered(elf, evidence.steps)
        evidence.refusals = tuple(self.machine.denials())
        if kernel.frames.owner(GIVEN_PAGE // PAGE_SIZE) != self.number1:
            evidence.given = model.dump(GIVEN_PAGE, PAGE_SIZE)
        if not evidence.reset and evidence.status is None and not kernel.over:
            evidence.guard = (evidence.guard[0], guard_registers(self.system))
            if self.attack.judge is Judge.ENGINE_TOUCHED:
                evidence.engine = engine_registers(self.system)
        evidence.com1 = bytes(self.machine.outputs["com1"])
        evidence.answers = self.mail.letters
        evidence.cycles = self.machine.cycle
        evidence.kernel_time = KernelTime.of(self.system.link)
        evidence.exit_counts = watch.exit_counts
        watch.window.stop()
        evidence.window = watch.window.raw
        evidence.guests = self.started.guests()
        evidence.picture = picture_of(kernel, model.dump)

    def _stub_halts(self) -> bool:
        """Whether ring −1, if the machine has neither been reset nor ended, halts in the stub instead of waiting for a command."""
        if self.evidence.reset or self.evidence.status is not None:
            return False
        model, base = self.machine.model, self.system.config.layout.kernel_base
        model.take_record_bytes("retire")
        self.machine.record()
        model.run(_HALTS, stops=())
        last = steps(model.decoder("retire"), [model.take_record_bytes("retire")], 0, context=0)[-1:]
        self.machine.record(on=False)
        return bool(last) and last[0].code == _HLT and last[0].eip >= base


def _counters() -> list[int]:
    """Addresses in guest 1's memory: its ticks, the counts of its processes."""
    objects = functions(guest("attacker"), "STT_OBJECT")
    return [objects["ticks"], *(objects["living"] + n * Life.STRIDE for n in range(Life.PROCESSES))]


def _find(data: bytes, word: bytes) -> list[int]:
    found, at = [], data.find(word)
    while at >= 0:
        found.append(at)
        at = data.find(word, at + 1)
    return found


def _bytes_at(memory: bytes, address: int) -> bytes:
    return memory[address : address + _LONGEST_INSTRUCTION] if address < len(memory) else b""


def run_attack(attack: Attack, off: Collection[str], machine: Machine | None = None) -> Evidence:
    """One run with ``off`` switched off, from power-on."""
    with machine or Machine() as m:
        return AttackRun(attack, Started(Start.of(attack, off), m)).run()
