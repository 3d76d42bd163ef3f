"""The judge. It sees the evidence of one run and does not know which protections were on in it."""

from collections.abc import Callable
from dataclasses import dataclass

from firmware.guests.attack import Judge, Stage, Witness
from firmware.guests.attacks import BY_NAME, MACHINE_STATUS, SPOOF, Attack
from firmware.guests.layout import GIVEN_PAGE, SECRET, Result
from sim.sanctuary.acts import access, cr3_held
from sim.sanctuary.allowed import allowed_seen
from sim.sanctuary.attempts import attempt_seen
from sim.sanctuary.evidence import Evidence, Life
from sim.sanctuary.world import expected

__all__ = ["Verdict", "judge"]

_LOOT_WORDS = 16
_NOTHING = (0, 0xFFFF_FFFF)
_PORTS = "io_permission"  # the protection without which ports lead to the machine's own devices


@dataclass(frozen=True)
class Verdict:
    """``succeeded``: the attacker got what it wanted. ``attempt``, ``found``: where it is to be seen, or what was looked at."""

    attempted: bool
    succeeded: bool
    allowed: bool  # after the attempt the allowed access of the same kind worked
    runs_on: bool  # at the end ring −1 still had the machine: neither reset nor ended, kept by no guest, not halted for good
    lived: bool  # guest 1's timer ticked and each of its processes counted, before the attempt and after it
    answers_right: bool  # all that guest 2 was asked it answered, as Python's hmac does
    attempt: str
    found: str
    access: str = ""  # where the allowed access is to be seen
    life: str = ""  # how far guest 1's timer and processes had come, and when


_Finding = str | None  # what shows that the attack succeeded


def _secret(e: Evidence) -> _Finding:
    return f"guest 2's or the kernel's secret at {e.secrets[0]:#x} in guest 1's memory" if e.secrets else None


def _changed(*names: str) -> Callable[[Evidence], _Finding]:
    def rule(e: Evidence) -> _Finding:
        for name in names:
            changes = e.regions[name].changes() if name in e.regions else []
            if changes:
                return f"{name}: {len(changes)} bytes changed, the first at {changes[0]:#x}"
        return None

    return rule


def _given(e: Evidence) -> _Finding:
    dirty = sum(map(bool, e.given))
    return f"{dirty} bytes of the page that was given away are not zero" if dirty else None


def _starved(e: Evidence) -> _Finding:
    start, end = e.stages.get(Stage.ATTEMPTING), e.stages.get(Stage.ATTEMPTED, e.cycles)
    if start is None or any(a.answered is not None and start < a.answered <= end for a in e.answers):
        return None
    return f"guest 2 answered nothing from cycle {start} to {end}"


def _loot(e: Evidence) -> _Finding:
    words = [int.from_bytes(e.record[Result.LOOT + 4 * n : Result.LOOT + 4 * n + 4], "little") for n in range(_LOOT_WORDS)]
    brought = [w for w in words if w not in _NOTHING]
    return f"brought in {brought[0]:#x}" if brought else None


def _page_lost(e: Evidence) -> _Finding:
    elsewhere = access(GIVEN_PAGE, 1, write=False, physical=range(GIVEN_PAGE + 1, 1 << 32))(e)
    return f"its page at {GIVEN_PAGE:#x} is gone: {elsewhere.text}" if elsewhere else None


def _copied(e: Evidence) -> _Finding:
    """What was there at some time, and is no pattern that a refusal could leave."""
    source = e.regions["target"]
    brought = e.record[Result.LOOT : Result.LOOT + len(source.before)]
    there = brought in (source.before, source.attempted, source.end)
    return f"brought in {brought.hex()}, as it stands at {e.target:#x}" if there and len(set(brought)) > 1 else None


def _cr3_loaded(e: Evidence) -> _Finding:
    held = cr3_held(e.target)(e)
    return f"went on, {held.text}" if held else None


def _engine(e: Evidence) -> _Finding:
    return f"registers of the engine: {', '.join(map(hex, e.engine))}" if any(e.engine) else None


_RULES: dict[Judge, Callable[[Evidence], _Finding]] = {
    Judge.SECRET_IN_LOOT: _secret,
    Judge.MARK_AT_TARGET: _changed("target"),
    Judge.PAGE_CHANGED: _changed("page", "directory", "table"),
    Judge.GIVEN_PAGE_DIRTY: _given,
    Judge.GUEST2_STARVED: _starved,
    Judge.LOOT: _loot,
    Judge.SECRET_SENT: lambda e: "guest 1 has sent or printed the secret" if SECRET in e.sent else None,
    Judge.MACHINE_RESET: lambda e: "the machine was reset" if e.reset else None,
    Judge.MACHINE_ENDED: lambda e: f"the machine ended with status {e.status:#x}" if e.status == MACHINE_STATUS << 1 & 0xFF | 1 else None,
    Judge.SYSTEM_ENDED: lambda e: "ring −1 has halted for good" if e.stub_halted else None,
    Judge.SPOOFED: lambda e: "the machine's COM1 printed what guest 1 wrote" if SPOOF.encode() in e.com1 else None,
    Judge.GUARD_CHANGED: lambda e: "a register of the guard has changed" if e.guard[1] and e.guard[0] != e.guard[1] else None,
    Judge.ENGINE_TOUCHED: _engine,
    Judge.PAGE_LOST: _page_lost,
    Judge.DEVICE_REACHES: _changed("device map"),
    Judge.COPIED: _copied,
    Judge.CR3_LOADED: _cr3_loaded,
}


def _not_found(e: Evidence) -> str:
    if e.refusals:
        address, write, _ = e.refusals[0]
        return f"nothing; the guard refused a {'write to' if write else 'read of'} {address:#x}"
    fault = e.word(Result.FAULT)
    if fault < 32:
        return f"nothing; guest 1 got exception {fault}"
    return f"nothing; {e.ended}"


_NO_LIFE = Life(0, ())


def _gone_on(attack: Attack, since: Life | None, now: Life | None) -> bool:
    """Whether the timer has ticked and each process counted meanwhile. Where ports are open in both runs guest 1 has set the
    machine's timer and not its own: its processes go on without ticks."""
    if since is None or now is None or not now.counts:
        return False
    ticked = now.ticks > since.ticks or _PORTS in attack.off_in_both
    before = since.counts or (0,) * len(now.counts)
    return ticked and all(later > earlier for earlier, later in zip(before, now.counts, strict=True))


def _lived(e: Evidence, attack: Attack) -> bool:
    """Before the attempt; and after it, unless it is one that guest 1 does not survive. Who was started again counts from nothing."""
    attempted = _NO_LIFE if e.restarted else e.life.get(Stage.ATTEMPTED)
    survives = not isinstance(attack.allowed, Witness)
    return _gone_on(attack, _NO_LIFE, e.life.get(Stage.ATTEMPTING)) and (not survives or _gone_on(attack, attempted, e.life_last))


def _life(e: Evidence) -> str:
    seen = {"before the attempt": e.life.get(Stage.ATTEMPTING), "after it": e.life.get(Stage.ATTEMPTED), "at the end": e.life_last}
    return "; ".join(f"{when} {life.ticks} ticks, processes at {', '.join(map(str, life.counts))}" for when, life in seen.items() if life)


def judge(e: Evidence) -> Verdict:
    """What the evidence says."""
    attack = BY_NAME[e.attack]
    attempt, allowed = attempt_seen(e), allowed_seen(e)
    found = _RULES[attack.judge](e)
    return Verdict(
        attempted=attempt is not None,
        succeeded=found is not None,
        allowed=allowed is not None,
        runs_on=not e.lost and not e.reset and e.status is None and not e.stub_halted,
        lived=_lived(e, attack),
        answers_right=bool(e.answers) and not e.guest2_end and all(a.answer == expected(a) for a in e.answers),
        attempt=attempt.text if attempt else "not seen",
        found=found or _not_found(e),
        access=allowed.text if allowed else "not seen",
        life=_life(e),
    )
