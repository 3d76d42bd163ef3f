"""What outlasts the machine's power: its TPM, the disk with sealed storage, the far bank; and who runs on it."""

import hashlib
import pickle
import random
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TypeVar

from contracts.devices import DeviceNumber
from contracts.event_log import Event, EventKind
from contracts.identity import identity
from contracts.late_launch import LENGTH_OFFSET
from contracts.policy import Policy
from contracts.rights import Right
from firmware.build import build, changed, guest, secure_loader
from sim.bank.missing import Missing
from sim.bank.remote import ANSWER_CHECKS, PAYMENT_CHECKS, Account, Bank
from sim.guests import GuestProgram
from sim.launch.kernel_image import kernel_digest
from sim.launch.start import stub_image
from sim.sanctuary.steps import functions
from verifier.expected import Expected
from verifier.judge import CHECKS
from verifier.keys import parse_public

__all__ = ["AMOUNT", "CUSTOMER", "PAYEE", "PIN", "World"]

CUSTOMER, PIN = 42, "24680"
PAYEE, AMOUNT = "Bookshop", 1999
_MEMORY = 2 << 20
_MARKET, _TRUSTED = 1, 2  # partitions
_RIGHTS = frozenset({Right.MESSAGES, Right.CHANNEL, Right.SEAL, Right.UNSEAL, Right.ATTEST})
_SEED = 5
_C = TypeVar("_C")


def _trusted(changes: Mapping[str, Mapping[str, str]]) -> tuple[GuestProgram, Mapping[str, int]]:
    """And where its objects lie in its memory."""
    if not changes:
        return _program(guest("bank"))
    with TemporaryDirectory() as folder:
        path = Path(folder) / "bank.elf"
        path.write_bytes(changed("bank", changes))
        return _program(path)


def _program(path: Path) -> tuple[GuestProgram, Mapping[str, int]]:
    program = GuestProgram.load(path, _MEMORY, "bank", command_line=f"peer={_MARKET}", rights=_RIGHTS)
    return program, dict(functions(path, "STT_OBJECT"))


def _market(line: str) -> GuestProgram:
    program = GuestProgram.load(build("market"), _MEMORY, "market", one_to_one=True, rights=_RIGHTS, devices=frozenset({DeviceNumber.DMA0}))
    return replace(program, command_line=line)


def _measured() -> dict[EventKind, frozenset[bytes]]:
    """What a genuine machine has measured."""
    block = secure_loader()
    length = int.from_bytes(block[LENGTH_OFFSET : LENGTH_OFFSET + 2], "little")
    policy = Event(EventKind.POLICY, bytes.fromhex(Policy().digest))
    return {
        EventKind.BLOCK: frozenset({hashlib.sha256(block[:length]).digest()}),
        EventKind.STUB: frozenset({hashlib.sha256(stub_image()).digest()}),
        EventKind.KERNEL: frozenset({kernel_digest()}),
        EventKind.POLICY: frozenset({policy.digest}),
    }


class World:
    """In a folder of its own. ``missing``: what is off in it, from the beginning."""

    def __init__(self, folder: Path, missing: Missing) -> None:
        self.folder, self.missing = folder, missing
        folder.mkdir(parents=True, exist_ok=True)
        self.trusted, self.objects = _trusted(missing.guest)
        self.market = _market(f"peer={_TRUSTED} orders=1")
        self.market_objects = functions(build("market"), "STT_OBJECT")
        self.identity = bytes.fromhex(identity(self.trusted.configuration()))
        rng = random.Random(_SEED)
        self.bank = Bank(
            Expected(None, None, _measured(), accept_development=True, guests={self.identity: "bank"}),
            rng.randbytes,
            self._left(PAYMENT_CHECKS),
            self._left(ANSWER_CHECKS),
            quote_checks=self._left(CHECKS),
        )
        self.letter = self.bank.enrol(CUSTOMER, PIN)
        self.places: dict[str, int] = {}  # where the trusted guest's objects lie in the machine's memory, once it has run

    def _left(self, checks: Iterable[_C]) -> list[_C]:
        """Those that are not missing."""
        return [check for check in checks if getattr(check, "__name__", "") not in self.missing.checks]

    def exchange(self, changes: Mapping[str, Mapping[str, str]]) -> None:
        """From now on a changed program runs in the trusted guest's place; what the bank expects stays."""
        self.trusted, self.objects = _trusted(changes)

    def fresh(self) -> None:
        """Another machine, that nobody has used, with a new TPM and an empty disk; and the customer is new to the bank, too."""
        shutil.rmtree(self.tpm, ignore_errors=True)
        self.disk.unlink(missing_ok=True)
        self.letter = self.bank.enrol(CUSTOMER, PIN)

    @property
    def tpm(self) -> Path:
        """The TPM's memory."""
        return self.folder / "tpm"

    @property
    def disk(self) -> Path:
        """The image with sealed storage."""
        return self.folder / "disk"

    @property
    def account(self) -> Account:
        """The customer's, at the bank."""
        return self.bank.accounts[CUSTOMER]

    def meet(self, key: bytes) -> None:
        """In the owner's presence the bank is told the machine's attestation key: from now on, that and no other."""
        self.bank.expected = replace(self.bank.expected, key_name=parse_public(key).name)

    # to begin where another world has come to

    def keep(self, folder: Path) -> None:
        """Copy what outlasts the power."""
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(self.folder, folder)
        (folder / "bank").write_bytes(pickle.dumps((self.bank.expected.key_name, self.bank.accounts, self.places)))

    def resume(self, folder: Path) -> None:
        """Go on from such a copy, of a world in which the same trusted guest runs."""
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(folder, self.folder)
        name, self.bank.accounts, self.places = pickle.loads((self.folder / "bank").read_bytes())
        self.bank.expected = replace(self.bank.expected, key_name=name)
