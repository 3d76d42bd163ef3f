"""How the attempt of each attack is recognised: by what it aims at, between its own first instruction and the allowed access after it."""

from collections.abc import Callable

from contracts.architecture import Gpr
from contracts.devices import DeviceNumber
from contracts.hypercalls import Hypercall
from contracts.memory_map import PAGE_SIZE, Physical, Port
from contracts.msr import Msr
from contracts.policy_map import GUARD
from firmware.guests.attacks import BY_NAME, MACHINE_STATUS, SHUTDOWN_STATUS, SPOOF
from firmware.guests.layout import ACCEPT_PAGE, GIVEN_MARK, GIVEN_PAGE, Trusted
from sim.sanctuary.acts import Act, Seen, access, between, call, instruction, load_cr3, maps, out, then, touch
from sim.sanctuary.acts_dma import Descriptor, engine
from sim.sanctuary.acts_of_time import clears_if, cpuid_exits, faults, returns, spins, ss_loads
from sim.sanctuary.evidence import Evidence

__all__ = ["ALIAS", "LARGE_WINDOW", "TABLE_WINDOW", "USER", "WINDOW", "attempt_seen"]

WINDOW, ALIAS, LARGE_WINDOW, TABLE_WINDOW = 0x8000_0000, 0x8400_0000, 0x9000_0000, 0xA000_0000  # firmware/guests/attacker/attacker.h
USER = 3
_LARGE_PAGE = 4 << 20
_LOOT_BYTES = 32
_VICTIM = Trusted.VICTIM - Trusted.PAGE
_DESCRIPTOR = Trusted.DESCRIPTOR - Trusted.PAGE
_KBC_RESET, _KBC_WRITE_OUTPUT, _PIT_STOPPED, _ALL_MASKED = 0xFE, 0xD1, 0x30, 0xFF
_A20, _FAST_RESET, _RESET_CPU = 1 << 1, 1 << 0, 1 << 2  # bits of port 92h, and of CF9h
_DMA0 = int(DeviceNumber.DMA0)

_About = Callable[[Evidence], Act]  # the act depends on where the target lies


def _window(e: Evidence) -> Act:
    """The target's page is mapped at the window, and touched there."""
    return then(maps(e.target), touch(WINDOW + e.target % PAGE_SIZE, _LOOT_BYTES))


def _window_write(at: int) -> _About:
    return lambda e: then(maps(e.target), touch(WINDOW + (e.target + at) % PAGE_SIZE, 1, write=True))


def _fixed_window(page: int, register: int, write: bool | None = None) -> _About:
    return lambda e: then(maps(page), touch(WINDOW + register, 1, write))


def _reads(e: Evidence) -> Callable[[Descriptor], bool]:
    return lambda d: not d.fill and d.source == e.target


def _writes(at: int) -> Callable[[Evidence], Act]:
    return lambda e: engine(lambda d: d.destination == e.target + at)


def _fills_entry(e: Evidence) -> Act:
    """DMA stores a page-table entry that leads to the target; then the window is touched."""
    frame = -PAGE_SIZE
    stored = engine(lambda d: d.fill and d.source & frame == e.target & frame and bool(d.source & 1))
    return then(stored, touch(WINDOW + e.target % PAGE_SIZE, _LOOT_BYTES))


def _to_given_page(d: Descriptor) -> bool:
    return d.destination & -PAGE_SIZE == GIVEN_PAGE


_give_page = call(Hypercall.GIVE_PAGE, GIVEN_PAGE)
_give_dma0 = call(Hypercall.GIVE_DEVICE, _DMA0)
_stale = access(WINDOW + 4, 1, write=True, data=lambda word: word == GIVEN_MARK)
_stale_write = then(_give_page, _stale)
_any_cr3 = load_cr3(lambda value: True)
_guard_map = GUARD["MAP_BASE"].at(0)


def _always(act: Act) -> _About:
    return lambda e: act


def _ecx(msr: Msr) -> Callable[..., bool]:
    return lambda registers: registers[Gpr.ECX] == msr


def _eax_page(e: Evidence) -> Callable[..., bool]:
    return lambda registers: registers[Gpr.EAX] == e.target & -PAGE_SIZE


def _equals(value: int) -> Callable[[int], bool]:
    return lambda byte: byte == value


_lidt = [f"0f01{mod | 3 << 3 | rm:02x}" for mod in (0x00, 0x40, 0x80) for rm in range(8)]

_ACTS: dict[str, _About] = {
    "map_read": _window,
    "map_write": _window_write(0),
    "map_write_victim": _window_write(_VICTIM),
    "large_read": lambda e: then(maps(e.target, large=True), touch(LARGE_WINDOW + e.target % _LARGE_PAGE, _LOOT_BYTES)),
    "user_read": lambda e: then(maps(e.target), touch(WINDOW + e.target % PAGE_SIZE, 1, cpl=USER)),
    "paging_off_read": lambda e: touch(e.target, _LOOT_BYTES),
    "real_mode_read": lambda e: touch(e.target, _LOOT_BYTES),
    "wrap_read": lambda e: touch(e.target, _LOOT_BYTES),
    "cr3_own_read": lambda e: then(maps(e.target), _any_cr3, touch(WINDOW + e.target % PAGE_SIZE, _LOOT_BYTES)),
    "second_mapping_read": lambda e: then(maps(e.target), touch(WINDOW + e.target % PAGE_SIZE, _LOOT_BYTES)),
    "dma_table_read": _fills_entry,
    "dma_race_read": _fills_entry,
    "cr3_foreign": lambda e: load_cr3(_equals(e.target)),
    "cr3_load": lambda e: load_cr3(_equals(e.target)),
    "table_foreign": lambda e: then(maps(e.target), touch(TABLE_WINDOW, 1)),
    "table_shadow": lambda e: then(maps(e.target), touch(TABLE_WINDOW + Trusted.SECRET % _LARGE_PAGE, _LOOT_BYTES)),
    "stale_write": _always(_stale_write),
    "stale_global_write": _always(then(_give_page, _any_cr3, _stale)),
    "second_space_write": _always(then(_give_page, _any_cr3, _stale)),
    "dma_given_write": _always(then(_give_page, engine(_to_given_page))),
    "dma_in_flight_page": _always(then(engine(_to_given_page), _give_page)),
    "given_device_write": _always(then(_give_dma0, engine(_to_given_page))),
    "queued_device_write": _always(then(engine(_to_given_page), _give_dma0)),
    "asid_read": _always(touch(Trusted.SECRET, PAGE_SIZE)),
    "residue_read": _always(then(call(Hypercall.ACCEPT_PAGE, ACCEPT_PAGE), maps(ACCEPT_PAGE), touch(WINDOW, _LOOT_BYTES))),
    "dma_read": lambda e: engine(_reads(e)),
    "dma_write": _writes(0),
    "dma_write_victim": _writes(_VICTIM),
    "dma_descriptor": lambda e: engine(lambda d: False, at=e.target + _DESCRIPTOR),
    "dma_past_end": lambda e: engine(lambda d: d.destination == e.target and d.length > PAGE_SIZE),
    "guard_move_map": lambda e: then(_fixed_window(Physical.GUARD, _guard_map, write=True)(e), engine(_reads(e))),
    "guard_mark_clean": _fixed_window(Physical.GUARD, GUARD["CONTROL"].offset, write=True),
    "host_link_read": lambda e: then(maps(Physical.HOST_LINK), touch(WINDOW, PAGE_SIZE, write=False)),
    "wrmsr_hsave": _always(instruction(["0f30"], _ecx(Msr.VM_HSAVE_PA))),
    "rdmsr_hsave": _always(instruction(["0f32"], _ecx(Msr.VM_HSAVE_PA))),
    "wrmsr_vm_cr": _always(instruction(["0f30"], _ecx(Msr.VM_CR))),
    "vmsave_write": lambda e: instruction(["0f01db"], _eax_page(e)),
    "vmload_read": lambda e: instruction(["0f01da"], _eax_page(e)),
    "clgi_spin": _always(then(instruction(["0f01dd"]), spins)),
    "stop_timer": _always(then(out((Port.PIT + 3, _equals(_PIT_STOPPED))), spins)),
    "mask_interrupts": _always(then(out(*((p + 1, _equals(_ALL_MASKED)) for p in (Port.PIC_MASTER, Port.PIC_SLAVE))), spins)),
    "com1_spoof": _always(out(*((Port.COM1, _equals(letter)) for letter in SPOOF.encode()))),
    "exit_port": _always(out((Port.EXIT, _equals(MACHINE_STATUS)))),
    "a20_off": _always(out((Port.KBC_STATUS, _equals(_KBC_WRITE_OUTPUT)), (Port.SYSTEM_CONTROL_A, lambda byte: not byte & _A20))),
    "reset_8042": _always(out((Port.KBC_STATUS, _equals(_KBC_RESET)))),
    "reset_port92": _always(out((Port.SYSTEM_CONTROL_A, lambda byte: bool(byte & _FAST_RESET)))),
    "reset_cf9": _always(out((Port.RESET_CONTROL, lambda byte: bool(byte & _RESET_CPU)))),
    "reset_triple_fault": _always(instruction(_lidt)),
    "starve_cli": _always(then(clears_if, spins)),
    "starve_faults": _always(faults),
    "starve_exits": _always(cpuid_exits),
    "starve_shadow": _always(ss_loads),
    "starve_iret": _always(returns),
    "send_foreign": lambda e: call(Hypercall.SEND, e.target),
    "console_foreign": lambda e: call(Hypercall.CONSOLE_WRITE, e.target),
    "receive_foreign": lambda e: call(Hypercall.RECEIVE, e.target + _VICTIM),
    "system_shutdown": _always(call(Hypercall.SYSTEM_SHUTDOWN, SHUTDOWN_STATUS)),
    "give_foreign_device": lambda e: call(Hypercall.GIVE_DEVICE, e.target),
    "ring3_give_page": _always(then(call(Hypercall.GIVE_PAGE, GIVEN_PAGE, cpl=USER), touch(GIVEN_PAGE, 1, write=False))),
}


def attempt_seen(e: Evidence) -> Seen | None:
    """Where the attempt of this attack is to be seen; None if it is not. The function that makes it must have been entered, and what
    comes after the entry of the allowed access is none of it."""
    attack = BY_NAME[e.attack]
    start = e.entered.get(attack.attempt)
    if start is None:
        return None
    end = e.entered.get(attack.allowed) if isinstance(attack.allowed, str) else None
    return _ACTS[attack.attempt](e)(between(e, start, end))
