"""What the TPM keeps for sealed storage: the root key, a counter, and the anchor of what is good on the disk.

All of it obeys one policy: the PCRs of this launch (17, 18), and the locality of the launched kernel. So another loader, ring −1 stub or
kernel gets nothing out of it and changes nothing in it, and neither does whoever speaks to the TPM in a lower locality. Whoever has the
owner's authority, as a BIOS may, can take it away or put something else in its place: that is noticed, and opens nothing.
"""

from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress

from contracts import tpm2
from contracts.event_log import Pcr
from contracts.sealed_storage import ANCHOR, ANCHOR_SIZE, COUNT, COUNT_SIZE, KEY_SIZE, ROOT_KEY, StorageError
from contracts.tpm2 import Attributes, Command, Handle, NvAttributes
from isolation_kernel.tpm import LOCALITY, Tpm, TpmError

__all__ = ["PASSWORD", "Sealing", "policy"]

PASSWORD = (Handle.PASSWORD,)  # the empty one
_LAUNCH = (Pcr.LAUNCH, Pcr.KERNEL)
_SEALED = Attributes.FIXED_TPM | Attributes.FIXED_PARENT | Attributes.ADMIN_WITH_POLICY | Attributes.NO_DA
_KEPT = NvAttributes.POLICY_WRITE | NvAttributes.AUTH_READ | NvAttributes.NO_DA
_INDEXES = ((COUNT, _KEPT | NvAttributes.COUNTER, COUNT_SIZE), (ANCHOR, _KEPT, ANCHOR_SIZE))


@contextmanager
def policy(tpm: Tpm, pcrs: Iterable[Pcr]) -> Iterator[tuple[int, bytes]]:
    """A session for which these PCRs, as they are, and the kernel's locality speak, and the policy that it fulfils."""
    session = tpm.run(Command.START_AUTH_SESSION, Handle.NULL, Handle.NULL, parameters=tpm2.POLICY_SESSION).handle
    try:
        if pcrs:
            tpm.run(Command.POLICY_PCR, session, parameters=tpm2.sized(b"") + tpm2.pcr_selection(pcrs))
        tpm.run(Command.POLICY_LOCALITY, session, parameters=bytes((1 << LOCALITY,)))
        yield session, tpm.run(Command.POLICY_GET_DIGEST, session).first
    finally:
        tpm.run(Command.FLUSH_CONTEXT, parameters=tpm2.handle(session))


class Sealing:
    """These three things in one TPM."""

    def __init__(self, tpm: Tpm) -> None:
        self._tpm = tpm
        self.random = tpm.random

    def create(self) -> None:
        """Make all of them anew; what was sealed before is lost for good."""
        run = self._tpm.run
        with self._policy() as (_, fulfilled):
            with suppress(TpmError):  # there is none
                run(Command.EVICT_CONTROL, Handle.OWNER, ROOT_KEY, parameters=tpm2.handle(ROOT_KEY), sessions=PASSWORD)
            sealed = tpm2.new_object(tpm2.sealed_data(_SEALED, fulfilled), self.random(KEY_SIZE))
            key = run(Command.CREATE_PRIMARY, Handle.OWNER, parameters=sealed, sessions=PASSWORD).handle
            run(Command.EVICT_CONTROL, Handle.OWNER, key, parameters=tpm2.handle(ROOT_KEY), sessions=PASSWORD)
            run(Command.FLUSH_CONTEXT, parameters=tpm2.handle(key))
            for index, attributes, size in _INDEXES:
                with suppress(TpmError):
                    run(Command.NV_UNDEFINE_SPACE, Handle.OWNER, index, sessions=PASSWORD)
                defined = tpm2.sized(b"") + tpm2.sized(tpm2.nv_public(index, attributes, fulfilled, size))
                run(Command.NV_DEFINE_SPACE, Handle.OWNER, parameters=defined, sessions=PASSWORD)
        self.increment()
        self.set_anchor(bytes(ANCHOR_SIZE))  # nothing is good yet

    def root_key(self) -> bytes:
        """Unsealed."""
        with self._policy() as (session, _):
            return self._tpm.run(Command.UNSEAL, ROOT_KEY, sessions=(session,)).first

    def read(self) -> tuple[int, bytes]:
        """Counter and anchor. StorageError unless both are such as a kernel of this launch alone can write, and has written."""
        values = []
        with self._policy() as (_, fulfilled):
            for index, attributes, size in _INDEXES:
                own = tpm2.nv_public(index, attributes | NvAttributes.WRITTEN, fulfilled, size)
                if self._tpm.run(Command.NV_READ_PUBLIC, index).first != own:
                    raise StorageError("the TPM's counter or anchor is another launch's (PCR 17, 18), or was replaced")
                whole = size.to_bytes(2, "big") + bytes(2)
                values.append(self._tpm.run(Command.NV_READ, index, index, parameters=whole, sessions=PASSWORD).first)
        return int.from_bytes(values[0], "big"), values[1]

    def increment(self) -> None:
        """Count one more change: what was good is old from now on."""
        self._write(Command.NV_INCREMENT, COUNT, b"")

    def set_anchor(self, anchor: bytes) -> None:
        """In one step: a loss of power leaves the old one or this one."""
        self._write(Command.NV_WRITE, ANCHOR, tpm2.sized(anchor) + bytes(2))

    def _policy(self) -> AbstractContextManager[tuple[int, bytes]]:
        return policy(self._tpm, _LAUNCH)

    def _write(self, command: Command, index: int, parameters: bytes) -> None:
        with self._policy() as (session, _):
            self._tpm.run(command, index, index, parameters=parameters, sessions=(session,))
