"""How an attempt is recognised in what guest 1 retired and in its exits, whether it was refused or not."""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise

from contracts.dma_engine import DMA_ENGINE
from contracts.hypercalls import Hypercall
from contracts.memory_map import PAGE_SIZE, Physical, Port
from firmware.guests.attacks import BY_NAME
from firmware.guests.layout import Trusted
from sim.sanctuary.evidence import Access, Evidence, Step

__all__ = ["attempt_seen"]

_Act = Callable[[Evidence], str | None]
_WINDOW, _LARGE_WINDOW, _TABLE_WINDOW = 0x8000_0000, 0x9000_0000, 0xA000_0000  # firmware/guests/attacker/attacker.h
_LARGE_PAGE = 4 << 20
_ROUNDS = 10  # of what goes round and round
_INVALID_OPCODE = 6
_CYCLE = re.compile(r"in cycle (\d+)")
_USER = 3


def _accesses(e: Evidence) -> Iterator[tuple[Step, Access]]:
    for step in e.steps:
        for access in step.accesses:
            yield step, access


def _linear(first: int, size: int, write: bool | None = None, cpl: int | None = None) -> _Act:
    """A data access to linear addresses of that range."""

    def act(e: Evidence) -> str | None:
        for step, a in _accesses(e):
            if a.io or not first <= a.linear < first + size:
                continue
            if write in (None, a.write) and cpl in (None, step.cpl):
                what = f"{'write to' if a.write else 'read of'} {a.linear:#x}, physical {a.physical:#x}"
                return f"EIP {step.eip:#x}: {what}, in cycle {step.cycle}"
        return None

    return act


def _at_target(e: Evidence) -> str | None:
    return _linear(e.target, PAGE_SIZE)(e)


def _large(e: Evidence) -> str | None:
    return _linear(_LARGE_WINDOW + e.target % _LARGE_PAGE, PAGE_SIZE)(e)


def _engine(e: Evidence) -> str | None:
    """A store of START to engine 0's CONTROL, at its address."""
    at, start = Physical.DMA_ENGINES + DMA_ENGINE["CONTROL"].offset, DMA_ENGINE["CONTROL"].field("START").mask
    for step, a in _accesses(e):
        if a.write and a.linear == at and a.data & start:
            return f"EIP {step.eip:#x}: starts the DMA engine, in cycle {step.cycle}"
    return None


def _code(*prefixes: str) -> _Act:
    """An instruction, by its first bytes in hexadecimal, retired or the cause of an exit or an exception."""
    wanted = tuple(bytes.fromhex(p) for p in prefixes)

    def act(e: Evidence) -> str | None:
        for step in e.steps:
            if step.code.startswith(wanted):
                return f"EIP {step.eip:#x}: {step.code.hex(' ')} retired in cycle {step.cycle}"
        for x in e.exits:
            if x.code.startswith(wanted):
                return f"EIP {x.eip:#x}: {x.code[:3].hex(' ')} exits with {x.name} in cycle {x.cycle}"
        return None

    return act


def _port(*ports: int) -> _Act:
    """An OUT to each of the ports."""

    def act(e: Evidence) -> str | None:
        found = []
        for port in ports:
            done = [f"retired in cycle {s.cycle}" for s, a in _accesses(e) if a.io and a.write and a.linear & 0xFFFF == port]
            done += [f"exits in cycle {x.cycle}" for x in e.exits if x.name == "IOIO" and not x.info1 & 1 and x.info1 >> 16 == port]
            if not done:
                return None
            found.append(f"OUT to port {port:#x} {done[0]}")
        return ", ".join(found)

    return act


def _call(number: Hypercall, cpl: int = 0) -> _Act:
    """A hypercall."""

    def act(e: Evidence) -> str | None:
        for x in e.exits:
            if x.name == "VMMCALL" and x.eax == number and x.cpl == cpl:
                return f"VMMCALL {number.name} of ring {cpl} exits in cycle {x.cycle}"
        return None

    return act


def _spins(e: Evidence) -> str | None:
    loop = [s for s in e.steps if s.code == b"\x75\xfd" or s.code[:1] == b"\x75"]
    eips = [s.eip for s in loop]
    busy = max(set(eips), key=eips.count, default=None)
    count = eips.count(busy) if busy is not None else 0
    return f"EIP {busy:#x}: goes round {count} times and more" if busy is not None and count >= _ROUNDS else None


def _faults(e: Evidence) -> str | None:
    count = sum(s.vector == _INVALID_OPCODE for s in e.steps)
    return f"#UD taken {count} times and more" if count >= _ROUNDS else None


def _exits(e: Evidence) -> str | None:
    count = sum(x.name == "CPUID" for x in e.exits)
    return f"CPUID exits {count} times" if count >= _ROUNDS else None


def _loads(e: Evidence) -> str | None:
    """MOV SS, EDX again and again, each behind the one before."""
    code = bytes.fromhex("8ed2")
    behind = [b.eip for a, b in pairwise(e.steps) if a.code == b.code == code and b.eip == a.eip + len(code)]
    return f"EIP {behind[0]:#x}: loads SS {len(behind)} times in a row and more" if len(behind) >= _ROUNDS else None


def _then(first: _Act, *acts: _Act) -> _Act:
    """An act, and others after it."""

    def act(e: Evidence) -> str | None:
        text = first(e)
        if text is None:
            return None
        start = int(_CYCLE.findall(text)[-1])
        later = replace(e, steps=[s for s in e.steps if s.cycle > start], exits=[x for x in e.exits if x.cycle > start])
        found = [a(later) for a in acts]
        return None if None in found else f"{text}; then {'; '.join(f for f in found if f)}"

    return act


_window = _linear(_WINDOW, PAGE_SIZE)
_window_write = _linear(_WINDOW, PAGE_SIZE, write=True)
_mov_cr3 = _code("0f22d8", "0f22d9", "0f22da", "0f22db", "0f22dd", "0f22de", "0f22df")
_give_page = _call(Hypercall.GIVE_PAGE)
_give_device = _call(Hypercall.GIVE_DEVICE)

_ACTS: dict[str, _Act] = {
    "map_read": _window,
    "map_write": _window_write,
    "map_write_victim": _window_write,
    "large_read": _large,
    "user_read": _linear(_WINDOW, PAGE_SIZE, cpl=_USER),
    "paging_off_read": _at_target,
    "real_mode_read": _at_target,
    "wrap_read": _at_target,
    "cr3_own_read": _then(_mov_cr3, _window),
    "second_mapping_read": _window,
    "dma_table_read": _then(_engine, _window),
    "dma_race_read": _then(_engine, _window),
    "cr3_foreign": _mov_cr3,
    "table_foreign": _linear(_TABLE_WINDOW, PAGE_SIZE),
    "stale_write": _then(_give_page, _window_write),
    "stale_global_write": _then(_give_page, _mov_cr3, _window_write),
    "second_space_write": _then(_give_page, _mov_cr3, _window_write),
    "dma_given_write": _then(_give_page, _engine),
    "dma_in_flight_page": _then(_engine, _give_page),
    "given_device_write": _then(_give_device, _engine),
    "queued_device_write": _then(_engine, _give_device),
    "asid_read": _linear(Trusted.SECRET, PAGE_SIZE),
    "residue_read": _then(_call(Hypercall.ACCEPT_PAGE), _window),
    "dma_read": _engine,
    "dma_write": _engine,
    "dma_write_victim": _engine,
    "dma_descriptor": _engine,
    "dma_wrap": _engine,
    "guard_move_map": _then(_window_write, _engine),
    "guard_mark_clean": _window_write,
    "host_link_read": _window,
    "wrmsr_hsave": _code("0f30"),
    "rdmsr_hsave": _code("0f32"),
    "wrmsr_vm_cr": _code("0f30"),
    "vmsave_write": _code("0f01db"),
    "vmload_read": _code("0f01da"),
    "clgi_spin": _code("0f01dd"),
    "stop_timer": _port(Port.PIT + 3),
    "mask_interrupts": _port(Port.PIC_MASTER + 1, Port.PIC_SLAVE + 1),
    "com1_spoof": _port(Port.COM1),
    "exit_port": _port(Port.EXIT),
    "a20_off": _port(Port.KBC_STATUS, Port.SYSTEM_CONTROL_A),
    "reset_8042": _port(Port.KBC_STATUS),
    "reset_port92": _port(Port.SYSTEM_CONTROL_A),
    "reset_cf9": _port(Port.RESET_CONTROL),
    "reset_triple_fault": _code("0f0118", "0f0119", "0f011a", "0f011b", "0f011d", "0f011e", "0f011f", "0f015d", "0f019d"),
    "starve_cli": _spins,
    "starve_faults": _faults,
    "starve_exits": _exits,
    "starve_shadow": _loads,
    "send_foreign": _call(Hypercall.SEND),
    "console_foreign": _call(Hypercall.CONSOLE_WRITE),
    "receive_foreign": _call(Hypercall.RECEIVE),
    "system_shutdown": _call(Hypercall.SYSTEM_SHUTDOWN),
    "give_foreign_device": _give_device,
    "ring3_give_page": _call(Hypercall.GIVE_PAGE, _USER),
}


def attempt_seen(e: Evidence) -> str | None:
    """Where the attempt of this attack is to be seen; None if it is not. The function that makes it must have been entered."""
    attempt = BY_NAME[e.attack].attempt
    start = e.entered.get(attempt)
    if start is None:
        return None
    steps, exits = [s for s in e.steps if s.cycle >= start], [x for x in e.exits if x.cycle >= start]
    return _ACTS[attempt](replace(e, steps=steps, exits=exits))
