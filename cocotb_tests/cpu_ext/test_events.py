"""Which event ring −1 takes between two instructions, over all states (AMD64 APM vol. 2, 15.13, 15.17, 15.21)."""

from itertools import product

from cocotb_tests.rtl.packed import evaluate
from cpu_ext.events import Events

__all__: list[str] = []

LABELS = {name: 0x100 + n for n, name in enumerate((
    "inject_entry", "debug_trap_entry", "init_exit", "init_security", "init_entry", "nmi_entry", "interrupt_entry", "vintr_entry",
))}  # fmt: skip
V_IRQ, V_IGN_TPR, V_INTR_MASKING = 1 << 8, 1 << 20, 1 << 24
INIT_BIT = 1 << 3
PINS = ("intr", "nmi", "init", "interrupt_flag", "shadow", "nmi_masked", "debug_trap")


def choice(case: dict) -> str | None:
    """What the manual says, in words that are not the circuit's."""
    case = dict.fromkeys(("guest", "gif", "host_if", "inject", "int_control", "general1", "redirect_init"), 0) | case
    p, control = dict.fromkeys(PINS, 0) | case["pending"], case["int_control"]
    if case["guest"] and case["inject"]:
        return "inject_entry"
    if p["debug_trap"]:  # GIF does not hold it back
        return "debug_trap_entry"
    if not case["gif"]:
        return None
    if p["init"]:
        if case["guest"] and case["general1"] & INIT_BIT:
            return "init_exit"
        return "init_security" if case["redirect_init"] else "init_entry"  # #SX where VM_CR.R_INIT says so
    if p["nmi"] and not p["nmi_masked"] and not p["shadow"]:
        return "nmi_entry"
    enabled = case["host_if"] if case["guest"] and control & V_INTR_MASKING else p["interrupt_flag"]
    if p["intr"] and enabled and not p["shadow"]:
        return "interrupt_entry"
    v_priority, v_tpr = control >> 16 & 15, control & 15
    if case["guest"] and control & V_IRQ and (control & V_IGN_TPR or v_priority > v_tpr) and p["interrupt_flag"] and not p["shadow"]:
        return "vintr_entry"
    return None


def check(cases: list[dict]) -> set[str | None]:
    names = {address: name for name, address in LABELS.items()}
    seen = set()
    for case, answer in zip(cases, evaluate(Events(LABELS), cases), strict=True):
        want = choice(case)
        seen.add(want)
        assert (names[answer["target"]] if answer["take"] else None) == want, case
    return seen


def test_every_combination_of_state_and_pins():
    """All of 2¹⁶, with a virtual interrupt that V_IGN_TPR or its priority lets through."""
    cases = []
    for values in product((0, 1), repeat=16):
        pending = dict(zip(PINS, values[:7], strict=True))
        guest, gif, host_if, inject, v_irq, ignore, masking, intercepted, redirect = values[7:]
        control = V_IRQ * v_irq | V_IGN_TPR * ignore | V_INTR_MASKING * masking | 3 << 16 | (3 if ignore else 2)
        cases.append({"pending": pending, "guest": guest, "gif": gif, "host_if": host_if, "inject": inject, "int_control": control,
                      "general1": INIT_BIT * intercepted, "redirect_init": redirect})  # fmt: skip
    assert check(cases) == {*LABELS, None}


def test_priority_against_task_priority():
    """All priorities against all of V_TPR, whose upper half is reserved and does not count."""
    cases = []
    for priority, tpr, ignore in product(range(16), range(256), (0, 1)):
        control = V_IRQ | V_INTR_MASKING | priority << 16 | tpr | V_IGN_TPR * ignore
        cases.append({"pending": {"interrupt_flag": 1}, "guest": 1, "gif": 1, "int_control": control})
    assert check(cases) == {"vintr_entry", None}
