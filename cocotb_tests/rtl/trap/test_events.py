"""The core's own choice between two instructions, and what is remembered of edges (SDM vol. 3, table 6-2)."""

from random import Random

from cocotb_tests.rtl.packed import Bench, simulate, unpack
from rtl.seam import PendingEvents
from rtl.trap.events import Events

__all__: list[str] = []

LABELS = {"debug_trap_entry": 1, "init_entry": 2, "nmi_entry": 3, "interrupt_entry": 4}


def test_random_pins_against_a_model(rng: Random):
    waiting = {"nmi": False, "init": False}
    before = {"nmi": 0, "init": 0}
    seen = set()

    async def program(bench: Bench) -> None:
        levels = dict.fromkeys(("intr", "nmi", "init", "interrupt_flag", "shadow", "nmi_masked", "debug_trap"), 0)
        for _ in range(6000):
            for name in levels:
                if rng.random() < 0.15:
                    levels[name] ^= 1
            entered, target = int(rng.random() < 0.1), rng.choice(list(LABELS.values()))
            taken = {"nmi_taken": int(rng.random() < 0.1), "init_taken": int(rng.random() < 0.05)}
            out = await bench.cycle(**levels, **taken, entered=entered, target=target)
            p = {**levels, "nmi": int(waiting["nmi"]), "init": int(waiting["init"])}
            assert unpack(PendingEvents, out["pending"]) == p
            if p["debug_trap"]:
                want = "debug_trap_entry"
            elif p["init"]:
                want = "init_entry"
            elif p["nmi"] and not p["nmi_masked"]:
                want = "nmi_entry"
            elif p["intr"] and p["interrupt_flag"] and not p["shadow"]:
                want = "interrupt_entry"
            else:
                want = None
            seen.add(want)
            assert (out["default_target"] if out["take"] else None) == (LABELS[want] if want else None)
            assert out["debug_taken"] == (entered and target == LABELS["debug_trap_entry"])
            acknowledged = {"nmi": taken["nmi_taken"], "init": taken["init_taken"] or (entered and target == LABELS["init_entry"])}
            for name in waiting:  # an edge in the cycle of the acknowledgement is a new one
                waiting[name] = bool(levels[name] and not before[name]) or (waiting[name] and not acknowledged[name])
                before[name] = levels[name]

    simulate(Events(LABELS), program)
    assert seen == {*LABELS, None}
