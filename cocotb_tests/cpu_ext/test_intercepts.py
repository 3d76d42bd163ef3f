"""Instruction intercepts: every point against every bit, with the exit codes of the manual written out (AMD64 APM vol. 2, app. C)."""

from random import Random

import pytest

from cocotb_tests.rtl.packed import evaluate
from cpu_ext.intercepts import Intercepts
from cpu_ext.special import Point
from rtl.microcode.uop import InterceptPoint

__all__: list[str] = []

POINTS = {p.name: int(p.value) for p in InterceptPoint if not p.name.startswith("EXTENSION")} | {p.name: int(p) for p in Point}

# point: word of the VMCB (1: at 0Ch, 2: at 10h), bit, exit code
PLAIN = {
    "INTR": (1, 0, 0x60), "NMI": (1, 1, 0x61), "INIT": (1, 3, 0x63), "VINTR": (1, 4, 0x64),
    "IDTR_READ": (1, 6, 0x66), "GDTR_READ": (1, 7, 0x67), "LDTR_READ": (1, 8, 0x68), "TR_READ": (1, 9, 0x69),
    "IDTR_WRITE": (1, 10, 0x6A), "GDTR_WRITE": (1, 11, 0x6B), "LDTR_WRITE": (1, 12, 0x6C), "TR_WRITE": (1, 13, 0x6D),
    "RDTSC": (1, 14, 0x6E), "RDPMC": (1, 15, 0x6F), "PUSHF": (1, 16, 0x70), "POPF": (1, 17, 0x71), "CPUID": (1, 18, 0x72),
    "RSM": (1, 19, 0x73), "IRET": (1, 20, 0x74), "SWINT": (1, 21, 0x75), "INVD": (1, 22, 0x76), "PAUSE": (1, 23, 0x77),
    "HLT": (1, 24, 0x78), "INVLPG": (1, 25, 0x79), "INVLPGA": (1, 26, 0x7A),
    "VMRUN": (2, 0, 0x80), "VMMCALL": (2, 1, 0x81), "VMLOAD": (2, 2, 0x82), "VMSAVE": (2, 3, 0x83), "STGI": (2, 4, 0x84),
    "CLGI": (2, 5, 0x85), "SKINIT": (2, 6, 0x86), "ICEBP": (2, 8, 0x88), "WBINVD": (2, 9, 0x89),
}  # fmt: skip
SELECTIVE, IOIO, MSR = 5, 27, 28  # bits of word 1
MP, TS, ET = 1 << 1, 1 << 3, 1 << 4
NOTHING = dict.fromkeys(("exit", "io_map", "msr_map"), 0)


def routes(cases: list[dict]) -> list[dict[str, int]]:
    return [{k.removeprefix("route."): v for k, v in a.items()} for a in evaluate(Intercepts(), cases)]


def verdict(answer: dict[str, int]) -> dict[str, int]:
    return {name: answer[name] for name in NOTHING}


def inside(point: str, **inputs: object) -> dict:
    return {"guest": 1, "point_valid": 1, "point": POINTS[point], **inputs}


def single(number: int) -> dict[str, int]:
    """One of the 96 bits alone: 0 to 31 the CR word, 32 to 63 general 1, 64 to 95 general 2."""
    return {("intercept_cr", "general1", "general2")[number // 32]: 1 << number % 32}


def expected(point: str, bit: int) -> dict[str, int]:
    """For a point with constant 3 (where it names a control register) and CR0 that would not change."""
    if point in PLAIN:
        word, number, _code = PLAIN[point]
        return NOTHING | {"exit": int(bit == 32 * word + number)}
    return NOTHING | {
        "CR_READ": {"exit": int(bit == 3)}, "CR_WRITE": {"exit": int(bit == 16 + 3)}, "SMSW": {"exit": int(bit == 0)},
        "LMSW": {"exit": int(bit in (16, 32 + SELECTIVE))}, "IOIO": {"io_map": int(bit == 32 + IOIO)},
        "MSR_READ": {"msr_map": int(bit == 32 + MSR)}, "MSR_WRITE": {"msr_map": int(bit == 32 + MSR)},
    }.get(point, {})  # fmt: skip


def test_every_point_answers_its_own_bit_and_no_other():
    pairs = [(point, bit) for point in POINTS for bit in range(96)]
    answers = routes([inside(point, constant=3, **single(bit)) for point, bit in pairs])
    for (point, bit), answer in zip(pairs, answers, strict=True):
        assert verdict(answer) == expected(point, bit), (point, bit)
        if point in PLAIN and answer["exit"]:
            assert answer["code"] == PLAIN[point][2], point


def test_all_other_bits_do_not_make_a_point_exit():
    ones = (1 << 32) - 1
    for point, (word, bit, _code) in PLAIN.items():
        words = {"intercept_cr": ones, "general1": ones, "general2": ones}
        words[f"general{word}"] ^= 1 << bit
        (answer,) = routes([inside(point, **words)])
        assert verdict(answer) == NOTHING, point


@pytest.mark.parametrize("off", ["guest", "point_valid"])
def test_nothing_outside_guest_mode_or_without_a_point(off, rng: Random):
    cases = []
    for number in range(64):
        for ones in ((1 << 32) - 1, rng.getrandbits(32)):
            case = {
                "guest": 1,
                "point_valid": 1,
                "point": number,
                "intercept_cr": ones,
                "intercept_dr": ones,
                "general1": ones,
                "general2": ones,
            }
            cases.append(case | {"constant": rng.randrange(16), "a": rng.getrandbits(32), "b": rng.getrandbits(32), off: 0})
    assert all(not any(answer.values()) for answer in routes(cases))


@pytest.mark.parametrize(("point", "first", "base"), [("CR_READ", 0, 0x00), ("CR_WRITE", 16, 0x10)])
def test_control_registers_by_number(point, first, base):
    pairs = [(number, bit) for number in range(16) for bit in range(32)]
    answers = routes([inside(point, constant=number, intercept_cr=1 << bit) for number, bit in pairs])
    for (number, bit), answer in zip(pairs, answers, strict=True):
        assert answer["exit"] == (bit == first + number)
        if answer["exit"]:
            assert answer["code"] == base + number


@pytest.mark.parametrize(("point", "first", "base"), [("DR_READ", 0, 0x20), ("DR_WRITE", 16, 0x30)])
def test_debug_registers_as_they_are_named(point, first, base):
    """By ModRM.reg; DR4 and DR5 have bits and codes of their own."""
    pairs = [(number, bit) for number in range(8) for bit in range(32)]
    answers = routes([inside(point, decoded={"modrm": 0xC0 | number << 3 | bit % 8}, intercept_dr=1 << bit) for number, bit in pairs])
    for (number, bit), answer in zip(pairs, answers, strict=True):
        assert verdict(answer) == NOTHING | {"exit": int(bit == first + number)}
        if answer["exit"]:
            assert answer["code"] == base + number


def test_selective_cr0_writes(rng: Random):
    """Exits when a bit other than TS and MP changes (ET cannot); the unselective intercept wins; other registers do not ask it."""
    cases, wanted = [], []
    for _ in range(4000):
        old = rng.getrandbits(32) | ET
        new = old
        for _ in range(rng.randrange(3)):
            new ^= 1 << rng.choice((0, 1, 2, 3, 4, 5, 16, 18, 29, 30, 31))
        number, selective, unselective = rng.choice((0, 0, 0, 2, 3, 4)), rng.getrandbits(1), rng.getrandbits(1)
        cases.append(inside("CR_WRITE", constant=number, a=new, cr0=old, general1=selective << SELECTIVE,
                            intercept_cr=unselective << 16 + number))  # fmt: skip
        changes = (new ^ old) & ~(TS | MP | ET)
        wanted.append(0x10 + number if unselective else 0x65 if selective and number == 0 and changes else None)
    for case, code, answer in zip(cases, wanted, routes(cases), strict=True):
        assert (answer["code"] if answer["exit"] else None) == code, case
    assert len(set(wanted)) == 6


def test_lmsw_and_smsw(rng: Random):
    """LMSW counts as unselective and also exits by the selective bit, whatever it changes; SMSW reads CR0."""
    cases = []
    for general in (0, 1 << SELECTIVE):
        for cr in (0, 1, 1 << 16, 1 | 1 << 16):
            for point in ("LMSW", "SMSW"):
                cases.append(inside(point, general1=general, intercept_cr=cr, a=rng.getrandbits(32), cr0=rng.getrandbits(32)))
    for case, answer in zip(cases, routes(cases), strict=True):
        general, cr = case["general1"], case["intercept_cr"]
        if case["point"] == POINTS["SMSW"]:
            code = 0x00 if cr & 1 else None
        else:
            code = 0x10 if cr >> 16 & 1 else 0x65 if general else None
        assert (answer["code"] if answer["exit"] else None) == code


def test_msr_accesses_ask_their_map():
    for point, write in (("MSR_READ", 0), ("MSR_WRITE", 1)):
        (answer,) = routes([inside(point, general1=1 << MSR)])
        assert (answer["msr_map"], answer["exit"], answer["code"], answer["info1"]) == (1, 0, 0x7C, write)


def ioio(rng: Random) -> tuple[dict, int]:
    """A decoded IN, OUT, INS or OUTS, and EXITINFO1 as the manual has it."""
    string, is_input, immediate = rng.getrandbits(1), rng.getrandbits(1), rng.getrandbits(1)
    byte, operand32, address32 = rng.getrandbits(1), rng.getrandbits(1), rng.getrandbits(1)
    rep = rng.choice((0, 1, 2)) if string else rng.choice((0, 1))
    port, segment = rng.getrandbits(16), rng.randrange(6)
    if string:
        opcode = (0x6C if is_input else 0x6E) | (not byte)
    else:
        opcode = 0xE4 | (not is_input) << 1 | (not immediate) << 3 | (not byte)
    decoded = {"opcode": opcode, "byte": byte, "operand32": operand32, "address32": address32, "rep": rep, "data_segment": segment,
               "next_eip": rng.getrandbits(32)}  # fmt: skip
    info = is_input | string << 2 | (string and rep != 0) << 3 | port << 16
    info |= 1 << (4 if byte else 6 if operand32 else 5)
    info |= 1 << (8 if address32 else 7)
    if string and not is_input:
        info |= segment << 10
    return inside("IOIO", decoded=decoded, b=rng.getrandbits(16) << 16 | port, general1=1 << IOIO), info


def test_ioio_information(rng: Random):
    pairs = [ioio(rng) for _ in range(2000)]
    for (case, info), answer in zip(pairs, routes([case for case, _ in pairs]), strict=True):
        assert (answer["io_map"], answer["exit"], answer["code"]) == (1, 0, 0x7B)
        assert answer["info1"] == info, case
        assert answer["info2"] == case["decoded"]["next_eip"]
