"""The C header of ``contracts/bank.py``."""

from contracts import bank

__all__ = ["BANK_HEADER", "EVIL_CUSTOMER", "LOOT_SIZE", "bank_header"]

BANK_HEADER = "bank.h"
LOOT_SIZE = 256  # bytes that an attack of the mass-market guest brings in
EVIL_CUSTOMER = 666  # that it would have the trusted guest work for


def _structure(layout: bank.Layout) -> str:
    fields = "".join(f"    u8 {f.name}[{f.size}];\n" if f.size else f"    u32 {f.name};\n" for f in layout.fields)
    check = f'_Static_assert(sizeof(struct {layout.name}) == {layout.size}, "contracts/bank.py says so");\n'
    return f"struct {layout.name} {{\n{fields}}};\n{check}"


def bank_header() -> str:
    """Structures and numbers."""
    numbers = {
        "BANK_MESSAGE_MAGIC": bank.MESSAGE_MAGIC, "BANK_LETTER_MAGIC": bank.LETTER_MAGIC, "BANK_ACCOUNT_MAGIC": bank.ACCOUNT_MAGIC,
        "BANK_ACCOUNT_VERSION": bank.ACCOUNT_VERSION, "BANK_ACCOUNT_SLOT": bank.ACCOUNT_SLOT, "BANK_TRIES": bank.TRIES,
        "BANK_PIN_SHORTEST": bank.PIN_SHORTEST, "BANK_PIN_LONGEST": bank.PIN_LONGEST, "BANK_KEY_SIZE": bank.KEY_SIZE,
        "BANK_LOOT_SIZE": LOOT_SIZE, "BANK_EVIL_CUSTOMER": EVIL_CUSTOMER,
        **{f"BANK_{kind.name}": int(kind) for kind in bank.Kind},
        **{f"BANK_REASON_{reason.name}": int(reason) for reason in bank.Reason},
    }  # fmt: skip
    defines = "".join(f"#define {name} {value:#x}\n" for name, value in numbers.items())
    structures = "\n".join(map(_structure, (bank.MESSAGE, bank.LETTER, bank.ACCOUNT)))
    head = "/* Made from contracts/bank.py: do not edit. */\n#ifndef BANK_H\n#define BANK_H\n"
    return f'{head}\n#include "lib/types.h"\n#include "ringfence.h"\n\n{defines}\n{structures}\n#endif\n'
