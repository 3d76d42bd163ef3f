"""The attacks of the guest ``attacker``. Data, not code: what each is made of is declared in ``firmware/guests/attack.py``.

``attempt`` and ``allowed`` are functions of ``firmware/guests/attacker/*.c``; the C table is made from this list. Each attack has a control
run in which exactly one thing is different: ``control`` is switched off (a field of the isolation kernel's ``Protections``, or a ``Strap``
of the simulated machine). ``off_in_both`` names fences that stand before the one in question and are down in both runs.
"""

from firmware.guests.attack import Attack, Judge, Needs, Stage, Target, Witness
from firmware.guests.attacks.dma import DMA
from firmware.guests.attacks.given_away import GIVEN_AWAY
from firmware.guests.attacks.hypercalls import HYPERCALLS
from firmware.guests.attacks.page_tables import PAGE_TABLES
from firmware.guests.attacks.registers import REGISTERS
from firmware.guests.attacks.time import TIME

__all__ = [
    "ATTACKS",
    "ATTACK_HEADER",
    "ATTACK_MARK",
    "BY_NAME",
    "MACHINE_STATUS",
    "OWN_MARK",
    "OWN_STATUS",
    "OWN_TEXT",
    "PENDING",
    "SHUTDOWN_STATUS",
    "SPOOF",
    "Attack",
    "Judge",
    "Needs",
    "Stage",
    "Target",
    "Witness",
    "attack_header",
]

ATTACK_HEADER = "attack_table.h"
ATTACK_MARK = 0xA77A_C4ED  # what attacks write
SPOOF = "guest 2 says: all is well"  # what com1_spoof prints
MACHINE_STATUS = 0x55  # what exit_port ends the machine with
SHUTDOWN_STATUS = 0x66  # what system_shutdown ends the system with
OWN_MARK = 0x0A11_D0C5  # what guest 1 finds in its own memory
OWN_STATUS = 0x33  # what it ends itself with
OWN_TEXT = "guest 1 says: these words are mine"  # what it prints and sends of its own

ATTACKS: tuple[Attack, ...] = (*PAGE_TABLES, *GIVEN_AWAY, *DMA, *REGISTERS, *TIME, *HYPERCALLS)

# Attacks that are not as promised yet, each with the reason: in neither the scenario nor its count.
PENDING: tuple[tuple[Attack, str], ...] = ()

BY_NAME: dict[str, Attack] = {attack.name: attack for attack in ATTACKS}


def attack_header() -> str:
    """The C table: ``ATTACK(name, attempt, allowed, parameter, prepare)`` for each."""
    allowed = {a.name: "0" if isinstance(a.allowed, Witness) else a.allowed for a in ATTACKS}
    rows = [f'    ATTACK("{a.name}", {a.attempt}, {allowed[a.name]}, "{a.target.value}", {a.prepare or 0}) \\' for a in ATTACKS]
    constants = {"ATTACK_MARK": ATTACK_MARK, "MACHINE_STATUS": MACHINE_STATUS, "SHUTDOWN_STATUS": SHUTDOWN_STATUS}
    constants |= {"OWN_MARK": OWN_MARK, "OWN_STATUS": OWN_STATUS}
    constants |= {f"STAGE_{m}": int(v) for m, v in Stage.__members__.items()}
    lines = [*(f"#define {k} {v:#x}" for k, v in constants.items()), f'#define SPOOF "{SPOOF}"', f'#define OWN_TEXT "{OWN_TEXT}"']
    lines += [
        f"{kind} {name}(u32 target);"
        for kind, names in (("void", {a.attempt for a in ATTACKS}), ("int", {*allowed.values()} - {"0"}))
        for name in sorted(names)
    ]
    lines += [f"void {name}(void);" for name in sorted({a.prepare for a in ATTACKS} - {""})]
    return "\n".join(
        [
            "/* Made from firmware/guests/attacks/: do not edit. */",
            '#include "lib/types.h"',
            *lines,
            "#define ATTACK_TABLE \\",
            *rows,
            "",
            "",
        ]
    )
