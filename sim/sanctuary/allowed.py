"""How the allowed access of the same kind is recognised after an attempt: by trace and by memory, never by the attacker's word."""

from collections.abc import Callable
from dataclasses import replace

from contracts.architecture import Gpr
from contracts.boot import BOOT_ADDRESS
from contracts.devices import DeviceNumber
from contracts.hypercalls import Hypercall
from contracts.memory_map import PAGE_SIZE, Irq, Physical, Port
from contracts.msr import Msr
from firmware.guests.attack import Witness
from firmware.guests.attacks import BY_NAME, OWN_MARK, OWN_STATUS, OWN_TEXT
from firmware.guests.layout import GIVEN_PAGE, RESULT_ADDRESS, Result
from sim.sanctuary.acts import Act, Seen, access, between, call, load_cr3, out, then, went_on
from sim.sanctuary.acts_dma import Descriptor, engine
from sim.sanctuary.acts_of_time import interrupted
from sim.sanctuary.attempts import ALIAS, LARGE_WINDOW, TABLE_WINDOW, USER, WINDOW
from sim.sanctuary.evidence import Evidence

__all__ = ["allowed_seen"]

_ONES = 0xFFFF_FFFF
_LARGE_PAGE = 4 << 20
_MSR_BYTES = 2  # of RDMSR and WRMSR
_PERIODIC, _OWN_COUNT, _OWN_MASK, _A20 = 0x34, 0x4000, 0xFA, 1 << 1  # firmware/guests/attacker/ports.c
_OTHER_PAGE = GIVEN_PAGE + PAGE_SIZE  # firmware/guests/attacker/calls.c
_STATUS = RESULT_ADDRESS + Result.STATUS
_NOWHERE = range(Physical.NOWHERE, Physical.NOWHERE + PAGE_SIZE)

_About = Callable[[Evidence], Act]


def _is(value: int) -> Callable[[int], bool]:
    return lambda word: word == value


def _read(address: int, value: int, e: Evidence, cpl: int | None = None) -> Act:
    """A read that brings that word, from memory of guest 1's own."""
    return access(address, 1, write=False, cpl=cpl, data=_is(value), physical=e.guest1)


def _own_page(e: Evidence) -> Act:
    return _read(e.own_page, OWN_MARK, e)


def _mapped_at(linear: int) -> _About:
    def about(e: Evidence) -> Act:
        write = access(linear + 4, 1, write=True, data=_is(OWN_MARK + 1), physical=range(e.own_page, e.own_page + PAGE_SIZE))
        return then(write, _read(linear, OWN_MARK, e), _read(e.own_page + 4, OWN_MARK + 1, e))

    return about


def _dma_own(number: int) -> _About:
    def about(e: Evidence) -> Act:
        def fits(d: Descriptor) -> bool:
            return not d.fill and d.source == e.own_page and d.destination == e.own_page + 8

        return then(engine(fits, number=number), _read(e.own_page + 8, OWN_MARK, e))

    return about


def _msr(code: str, msr: Msr) -> Act:
    """RDMSR or WRMSR after which the guest went on."""
    prefix = bytes.fromhex(code)

    def act(e: Evidence) -> Seen | None:
        for step in e.steps:
            if step.code.startswith(prefix) and step.registers[Gpr.ECX] == msr:
                return Seen(step.cycle, f"EIP {step.eip:#x}: {step.code.hex(' ')} retired in cycle {step.cycle}")
        for x in e.exits:
            if x.code.startswith(prefix) and x.registers[Gpr.ECX] == msr and went_on(e, x, _MSR_BYTES):
                return Seen(x.cycle, f"EIP {x.eip:#x}: {prefix.hex(' ')} carried out in cycle {x.cycle}")
        return None

    return act


def _said(channel: str, e: Evidence) -> Act:
    """Its text has arrived: at the host from guest 1, or at the machine's COM1."""
    return lambda _: Seen(e.cycles, f"its text has arrived by {channel}") if OWN_TEXT.encode() in e.sent + e.com1 else None


def _ended(e: Evidence) -> Act:
    """The guest has called SHUTDOWN, never ran again, and nothing is left of it in memory."""
    asked = call(Hypercall.SHUTDOWN, OWN_STATUS)

    def act(seen: Evidence) -> Seen | None:
        found = asked(seen)
        return found if found and e.cleared and not any(s.cycle > found.cycle for s in e.steps) else None

    return act


def _restarted(e: Evidence) -> Act:
    """After the attempt ``main`` was entered again, in guest mode; then memory was used."""

    def again(_: Evidence) -> Seen | None:
        begun = e.entered[BY_NAME[e.attack].attempt]
        step = next((s for s in e.steps if s.cycle > begun and s.eip == e.main), None)
        return Seen(step.cycle, f"guest 1 starts again in cycle {step.cycle}") if step else None

    return then(again, _mapped_at(WINDOW)(e))


def _given_device(e: Evidence) -> Act:
    """The engine is given away, and its registers are not there any more."""
    gone = access(Physical.DMA_ENGINES, PAGE_SIZE, write=False, data=_is(_ONES), physical=_NOWHERE)
    return then(call(Hypercall.GIVE_DEVICE, int(DeviceNumber.DMA0), passed=True), gone)


def _given_page(e: Evidence) -> Act:
    gone = access(_OTHER_PAGE, 1, write=False, data=_is(_ONES), physical=_NOWHERE)
    return then(_write_own(_OTHER_PAGE), call(Hypercall.GIVE_PAGE, _OTHER_PAGE, passed=True), gone)


def _write_own(address: int) -> Act:
    return access(address, 1, write=True, data=_is(OWN_MARK), physical=range(address, address + 1))


def _guest2_ends(e: Evidence) -> Act:
    def act(seen: Evidence) -> Seen | None:
        x = next((x for x in e.guest2_calls if x.registers[Gpr.EAX] == Hypercall.SHUTDOWN), None)
        return Seen(x.cycle, f"guest 2 ends by VMMCALL SHUTDOWN in cycle {x.cycle}") if x else None

    return act


def _rom_reads(e: Evidence) -> Act:
    def act(seen: Evidence) -> Seen | None:
        return access(BOOT_ADDRESS, 1 << 8, write=False)(replace(seen, steps=e.after_reset))

    return act


def _buffer(e: Evidence) -> range:
    return range(e.own_page, e.own_page + PAGE_SIZE)


_ACTS: dict[str | Witness, _About] = {
    "map_own": _mapped_at(WINDOW),
    "map_own_elsewhere": _mapped_at(ALIAS),
    "large_own": lambda e: _read(LARGE_WINDOW + e.own_page % _LARGE_PAGE, OWN_MARK, e),
    "user_own": lambda e: _read(WINDOW, OWN_MARK, e, cpl=USER),
    "paging_off_own": _own_page,
    "real_mode_own": _own_page,
    "wrap_own": _own_page,
    "cr3_own_allowed": lambda e: then(load_cr3(lambda value: value in e.guest1), _read(WINDOW, OWN_MARK, e)),
    "second_mapping_own": lambda e: _read(WINDOW, OWN_MARK + 2, e),
    "dma_table_own": lambda e: then(engine(lambda d: d.fill), _read(WINDOW, OWN_MARK + 2, e)),
    "table_own": lambda e: _read(TABLE_WINDOW, OWN_MARK, e),
    "dma_own": _dma_own(0),
    "second_engine_own": _dma_own(1),
    "msr_own": lambda e: then(_msr("0f30", Msr.TSC), _msr("0f32", Msr.TSC), access(_STATUS, 1, write=True)),
    "call_own": lambda e: call(Hypercall.YIELD, range(1 << 32), passed=True),
    "interrupt_own": lambda e: then(out((Port.PIT + 3, _is(_PERIODIC))), interrupted(Irq.TIMER)),
    "timer_own": lambda e: then(
        out((Port.PIT + 3, _is(_PERIODIC))), access(_STATUS, 1, write=True, data=lambda count: 0 < count < _OWN_COUNT)
    ),
    "port_own": lambda e: then(out((Port.PIC_MASTER + 1, _is(_OWN_MASK))), access(_STATUS, 1, write=True, data=_is(_OWN_MASK))),
    "com1_own": lambda e: _said("COM1", e),
    "a20_own": lambda e: then(
        out((Port.SYSTEM_CONTROL_A, lambda byte: bool(byte & _A20))), _write_own(GIVEN_PAGE), _read(GIVEN_PAGE, OWN_MARK, e)
    ),
    "restart_own": _restarted,
    "send_own": lambda e: then(call(Hypercall.SEND, e.guest1, len(OWN_TEXT), passed=True), _said("SEND", e)),
    "console_own": lambda e: then(call(Hypercall.CONSOLE_WRITE, e.guest1, len(OWN_TEXT), passed=True), _said("CONSOLE_WRITE", e)),
    "receive_own": lambda e: then(call(Hypercall.RECEIVE, _buffer(e), passed=True), _read(e.own_page + 16, OWN_MARK, e)),
    "shutdown_own": _ended,
    "give_device_own": _given_device,
    "give_page_own": _given_page,
    Witness.GUEST2_ENDS: _guest2_ends,
    Witness.ROM_READS: _rom_reads,
}


def allowed_seen(e: Evidence) -> Seen | None:
    """Where the allowed access is to be seen, after the attempt; None if it is not."""
    attack = BY_NAME[e.attack]
    attempted = e.entered.get(attack.attempt)
    if attempted is None:
        return None
    if isinstance(attack.allowed, Witness):
        return _ACTS[attack.allowed](e)(between(e, attempted))
    start = e.entered.get(attack.allowed)
    return _ACTS[attack.allowed](e)(between(e, start)) if start is not None and start > attempted else None
