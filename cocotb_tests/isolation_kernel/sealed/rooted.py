"""A whole kernel above a launched TPM: the machine of the unit tests, but for the TPM's registers, which are the chipset's own."""

import hashlib
from collections.abc import Callable, Sequence

from cocotb_tests.isolation_kernel.governed import load, named
from cocotb_tests.isolation_kernel.sealed.machine import TpmMachine
from cocotb_tests.isolation_kernel.sealed.stage import GENUINE, Stage
from cocotb_tests.isolation_kernel.world import LAYOUT, World
from contracts.attestation import Statement
from contracts.configuration import GuestConfig
from contracts.event_log import encode
from contracts.hypercalls import Hypercall
from contracts.identity import identity
from contracts.memory_map import Physical
from contracts.protections import Protections
from contracts.tpm import LOCALITIES, LOCALITY_STRIDE
from isolation_kernel.model.machine import ModelMachine
from isolation_kernel.model.script import Read, Script, Vmmcall, Write
from isolation_kernel.partition import Partition

__all__ = [
    "BUFFER", "CLAIM", "DATA", "NAMES", "NONCE", "OTHER", "SECRET", "RootedMachine", "RootedWorld", "attests", "bytes_at", "calls",
    "listed", "name_of", "put", "seals", "unseals", "world_of",
]  # fmt: skip

BUFFER, NAMES, OTHER, CLAIM = 0x8000, 0x9000, 0xA000, 0xB000  # guest-physical: data, lists of identities, identities
SECRET = b"the vault's own key, 31 bytes.."
NONCE, DATA = hashlib.sha256(b"nonce").digest(), hashlib.sha256(b"data").digest()
_TPM = range(Physical.TPM, Physical.TPM + LOCALITIES * LOCALITY_STRIDE)


class RootedMachine(ModelMachine):
    """``tpm`` answers at the TPM's registers."""

    def __init__(self, tpm: TpmMachine) -> None:
        super().__init__(LAYOUT)
        self._tpm = tpm

    def read32(self, address: int) -> int:
        return self._tpm.read32(address) if address in _TPM else super().read32(address)

    def write32(self, address: int, value: int) -> None:
        if address in _TPM:
            self._tpm.write32(address, value)
        else:
            super().write32(address, value)


class RootedWorld(World):
    """``quotes``: what guests have had quoted, by number; ``audit``: the log."""

    def __init__(
        self, stage: Stage, protections: Protections | None = None, disk: bool = True, launched: bool = True, **more: object
    ) -> None:
        self.quotes: list[tuple[int, Statement]] = []
        self.audit: list[str] = []
        settings: dict[str, object] = {
            "launch_log": encode(GENUINE.events) if launched else None, "disk": stage.disk if disk else None,
            "quoted": lambda *said: self.quotes.append(said), "log": self.audit.append,
        }  # fmt: skip
        super().__init__(protections, None, RootedMachine(stage.machine), **settings, **more)

    def answers(self, who: str | GuestConfig, script: Callable[[list[object]], Script]) -> tuple[Partition, list[object]]:
        """Run a guest of that name (``governed.named``) until it ends; what it found."""
        found: list[object] = []

        def ends() -> Script:
            yield from script(found)
            yield Vmmcall(Hypercall.SHUTDOWN, 0)

        self.kernel.over = False  # though the guests before it have ended
        partition = load(self, named(who) if isinstance(who, str) else who, ends)
        self.run(5000)
        assert not partition.alive, "the guest has come to its end"
        return partition, found

    def failures(self) -> list[str]:
        """Records of what TPM or storage have not done."""
        return [record for record in self.audit if '"decision":"failed"' in record]


def put(address: int, data: bytes) -> Script:
    """Write bytes into the guest's memory."""
    padded = data + bytes(-len(data) % 4)
    for at in range(0, len(padded), 4):
        yield Write(address + at, int.from_bytes(padded[at : at + 4], "little"))


def bytes_at(address: int, length: int, found: list[object]) -> Script:
    """Read bytes of the guest's memory and append them."""
    data = b""
    for at in range(0, length, 4):
        word: int = yield Read(address + at)
        data += word.to_bytes(4, "little")
    found.append(data[:length])


def calls(found: list[object], each: Sequence[Vmmcall]) -> Script:
    """Make calls and append the answers."""
    for call in each:
        found.append((yield call))


def name_of(guest: str | GuestConfig) -> bytes:
    """Its identity."""
    return bytes.fromhex(identity(named(guest) if isinstance(guest, str) else guest))


def listed(*names: bytes) -> bytes:
    """A list of readers."""
    return len(names).to_bytes(4, "little") + b"".join(names)


# A guest's calls; ``claim`` is whom it says that it is, to a kernel that asks for that (``Protections.sealed_identity``).


def seals(found: list[object], data: bytes = SECRET, slot: int = 0, names: bytes = b"", claim: bytes = b"") -> Script:
    """SEAL; the answer."""
    yield from put(CLAIM, claim)
    yield from put(BUFFER, data)
    yield from put(NAMES, names)
    yield from calls(found, [Vmmcall(Hypercall.SEAL, BUFFER, len(data), slot, NAMES if names else 0, CLAIM)])


def unseals(found: list[object], slot: int = 0, writer: bytes = b"", size: int = 64, claim: bytes = b"") -> Script:
    """UNSEAL; the answer, and the data if there are any."""
    yield from put(CLAIM, claim)
    yield from put(OTHER, writer)
    length = yield Vmmcall(Hypercall.UNSEAL, BUFFER, size, slot, OTHER if writer else 0, CLAIM)
    assert isinstance(length, int)
    found.append(length)
    if length > 0:
        yield from bytes_at(BUFFER, length, found)


def attests(found: list[object], nonce: bytes = NONCE, data: bytes = DATA, claim: bytes = b"") -> Script:
    """ATTEST; the answer."""
    yield from put(CLAIM, claim)
    yield from put(BUFFER, nonce + data)
    yield from calls(found, [Vmmcall(Hypercall.ATTEST, BUFFER, edi=CLAIM)])


def world_of(stage: Stage, **more: object) -> RootedWorld:
    """Power lost and back, a launch, a kernel; the store is the one that there was."""
    stage.launch()
    return RootedWorld(stage, **more)  # type: ignore[arg-type]
