"""A machine, its TPM and its kernel in a process that is there to be killed: says what is stored, and stores more, without end."""

import random
import sys
from pathlib import Path

from cocotb_tests.isolation_kernel.sealed.stage import VAULT, Stage
from contracts.sealed_storage import SLOTS
from isolation_kernel.storage import SealedStorage

__all__ = ["main"]


def _number(kernel: SealedStorage, slot: int) -> int:
    return int.from_bytes(kernel.unseal(VAULT, VAULT, slot), "big")


def main(folder: Path) -> None:
    """Never returns."""
    with Stage(folder, random.Random(0)) as stage:
        kernel = stage.kernel
        if not (folder / "made").exists():
            kernel.create()
            for slot in range(SLOTS):
                kernel.seal(VAULT, slot, bytes(8), (VAULT,))
            (folder / "made").touch()
        numbers = [_number(kernel, slot) for slot in range(SLOTS)]
        print("found", *numbers, flush=True)
        number = max(numbers)
        while True:
            number += 1
            slot = number % SLOTS
            kernel.seal(VAULT, slot, number.to_bytes(8, "big"), (VAULT,))
            print(slot, number, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
