"""What a late launch gives to the kernel: the TPM in a locality of its own, and with it sealed storage and quotes.

Without a launch, and without a TPM, both are missing; a TPM that fails later is told by each call that needs it. Nothing else of the
kernel depends on them.
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress

from contracts.configuration import KernelConfig
from contracts.event_log import Event, EventKind
from contracts.machine import Machine
from contracts.sealed_storage import StorageError
from contracts.user_view import NOBODY, PHRASE_SLOT
from isolation_kernel.attestation import Attestation
from isolation_kernel.audit import AuditLog
from isolation_kernel.sealing import Sealing
from isolation_kernel.storage import SealedStorage
from isolation_kernel.tpm import Tpm, TpmError

__all__ = ["Roots", "Unavailable"]


class Unavailable(Exception):
    """It was not done, and the log says why."""


class Roots:
    """The kernel's sealed storage and its quotes."""

    def __init__(self, machine: Machine, config: KernelConfig, audit: AuditLog) -> None:
        self._audit, self.phrase = audit, config.phrase
        self._attestation: Attestation | None = None
        self._store: SealedStorage | None = None
        if config.launch_log is None:
            return
        tpm = Tpm(machine)
        if config.disk is not None:
            self._store = SealedStorage(Sealing(tpm), config.disk)
            with suppress(TpmError, StorageError):  # none is sealed
                self.phrase = self._store.unseal(NOBODY, NOBODY, PHRASE_SLOT)
        attestation = Attestation(tpm, config.launch_log)
        with suppress(Unavailable), self.told("kernel", "MEASURE"):  # before any guest runs, or nothing is ever quoted
            attestation.measure(Event(EventKind.POLICY, bytes.fromhex(config.policy.digest)))
            self._attestation = attestation

    @property
    def store(self) -> SealedStorage:
        """StorageError if there is none."""
        if self._store is None:
            raise StorageError("there is no sealed storage: it needs a late launch and a disk")
        return self._store

    @property
    def attestation(self) -> Attestation:
        """TpmError if there is none."""
        if self._attestation is None:
            raise TpmError("nothing is quoted: there was no late launch, or the TPM has not taken the kernel's measurements")
        return self._attestation

    def keep_phrase(self, phrase: bytes) -> None:
        """Seal the owner's secret phrase to the launch and to the kernel itself, and show it from now on. StorageError, TpmError."""
        self.store.seal(NOBODY, PHRASE_SLOT, phrase, (NOBODY,))
        self.phrase = phrase

    @contextmanager
    def told(self, who: str, what: str) -> Iterator[None]:
        """What TPM or storage do not do, the log tells the machine's owner; ``Unavailable`` then."""
        try:
            yield
        except (TpmError, StorageError) as error:
            self._audit.append(who=who, what=what, about="tpm", decision="failed", why=str(error))
            raise Unavailable from None
