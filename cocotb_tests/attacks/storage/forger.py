"""An attacker with the owner's authority over the TPM, as whoever runs before the launch has it, makes a store of its own."""

from contracts import tpm2
from contracts.sealed_storage import ANCHOR, ANCHOR_SIZE, COUNT, COUNT_SIZE, KEY_SIZE, ROOT_KEY, Disk
from contracts.tpm2 import Attributes, Command, Handle, NvAttributes
from isolation_kernel.sealing import PASSWORD, Sealing
from isolation_kernel.storage import SealedStorage
from isolation_kernel.tpm import Tpm

__all__ = ["forge"]

_ROOT = b"r" * KEY_SIZE
_SEALED = Attributes.FIXED_TPM | Attributes.FIXED_PARENT | Attributes.ADMIN_WITH_POLICY | Attributes.NO_DA
_ITS_OWN = NvAttributes.AUTH_WRITE | NvAttributes.POLICY_WRITE | NvAttributes.AUTH_READ | NvAttributes.NO_DA
_POLICY = slice(12, 44)  # in TPMS_NV_PUBLIC of an index with a policy by SHA-256


class _RootKey(Sealing):
    """Knows the root key. Counter and anchor are the genuine ones, which it can read and not write."""

    def create(self) -> None:
        """A root key in the genuine one's place: the kernel can unseal it."""
        run = self._tpm.run
        run(Command.EVICT_CONTROL, Handle.OWNER, ROOT_KEY, parameters=tpm2.handle(ROOT_KEY), sessions=PASSWORD)
        sealed = tpm2.new_object(tpm2.sealed_data(_SEALED, self._genuine()), _ROOT)
        key = run(Command.CREATE_PRIMARY, Handle.OWNER, parameters=sealed, sessions=PASSWORD).handle
        run(Command.EVICT_CONTROL, Handle.OWNER, key, parameters=tpm2.handle(ROOT_KEY), sessions=PASSWORD)
        run(Command.FLUSH_CONTEXT, parameters=tpm2.handle(key))

    def root_key(self) -> bytes:
        """Known."""
        return _ROOT

    def read(self) -> tuple[int, bytes]:
        """One change less than the counter says, so that what is forged next has the right count."""
        return self._count() - 1, b""

    def increment(self) -> None:
        """It cannot."""

    def set_anchor(self, anchor: bytes) -> None:
        """It cannot."""

    def _genuine(self) -> bytes:
        """The policy of the genuine launch, which everybody can read."""
        return self._tpm.run(Command.NV_READ_PUBLIC, COUNT).first[_POLICY]

    def _count(self) -> int:
        whole = COUNT_SIZE.to_bytes(2, "big") + bytes(2)
        return int.from_bytes(self._tpm.run(Command.NV_READ, COUNT, COUNT, parameters=whole, sessions=PASSWORD).first, "big")


class _AllOfIt(_RootKey):
    """Writes counter and anchor, too, by the empty password."""

    def create(self) -> None:
        """Root key, counter and anchor in the genuine ones' place: the kernel can use them all."""
        super().create()
        genuine, run = self._genuine(), self._tpm.run
        for index, attributes, size in ((COUNT, _ITS_OWN | NvAttributes.COUNTER, COUNT_SIZE), (ANCHOR, _ITS_OWN, ANCHOR_SIZE)):
            run(Command.NV_UNDEFINE_SPACE, Handle.OWNER, index, sessions=PASSWORD)
            defined = tpm2.sized(b"") + tpm2.sized(tpm2.nv_public(index, attributes, genuine, size))
            run(Command.NV_DEFINE_SPACE, Handle.OWNER, parameters=defined, sessions=PASSWORD)
        self.increment()

    def read(self) -> tuple[int, bytes]:
        """The counter."""
        return self._count(), b""

    def increment(self) -> None:
        """It can."""
        self._tpm.run(Command.NV_INCREMENT, COUNT, COUNT, sessions=PASSWORD)

    def set_anchor(self, anchor: bytes) -> None:
        """It can."""
        self._tpm.run(Command.NV_WRITE, ANCHOR, ANCHOR, parameters=tpm2.sized(anchor) + bytes(2), sessions=PASSWORD)


def forge(tpm: Tpm, disk: Disk, writer: bytes, data: bytes, indexes: bool) -> None:
    """A store in which ``writer`` keeps ``data`` for itself, in its slot 0. ``indexes``: counter and anchor in the TPM are forged, too."""
    store = SealedStorage((_AllOfIt if indexes else _RootKey)(tpm), disk)
    store.create()
    store.seal(writer, 0, data, (writer,))
