"""A machine, as far as a verifier can tell one: a real TPM in which launches leave their measurements, and which tpm2-tools ask for quotes.

What the processor does in locality 4, the loader in locality 3 and the kernel in locality 2 is done here by hand.
"""

import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from cocotb_tests.verifier.software import GENUINE, NONCE, VAULT, VAULTS_DATA, Software, hashed
from contracts.attestation import qualifying_data
from contracts.event_log import Event, EventKind, Pcr, encode
from contracts.tpm2 import Command, Handle, command, extension, result
from sim.tpm.swtpm import Swtpm
from verifier.bundle import Bundle

__all__ = ["SIGNS_ANYTHING", "AttestationKey", "Measured", "ToolFailed"]

_REGISTERS = "sha256:17,18,19"
# noda: a reset of the TPM without TPM2_Shutdown counts as a failed guess at every other key, and after three none can be used.
SIGNS_ANYTHING = "fixedtpm|fixedparent|sensitivedataorigin|userwithauth|noda|sign"
_RESTRICTED = f"{SIGNS_ANYTHING}|restricted"
_ATTESTATION_KEY = 0x8101_0001  # a persistent handle
_LOADERS_LOCALITY, _KERNELS_LOCALITY = 3, 2
_LOCALITIES = {Pcr.LAUNCH: _LOADERS_LOCALITY, Pcr.KERNEL: _LOADERS_LOCALITY, Pcr.POLICY: _KERNELS_LOCALITY}


class ToolFailed(Exception):
    """One of the tpm2-tools did not do it."""


@dataclass(frozen=True)
class AttestationKey:
    """A key that stays in the TPM."""

    handle: int
    public: bytes  # TPMT_PUBLIC
    pem: str
    name: bytes


class Measured:
    """One TPM with an attestation key; ``key`` says of what kind. A context manager."""

    def __init__(self, state: Path, key: str = "ecc256:ecdsa-sha256:null") -> None:
        self.tpm = Swtpm(state)
        self.folder = Path(tempfile.mkdtemp(dir=state))
        self.key = self.new_key(_ATTESTATION_KEY, key, _RESTRICTED)

    def __enter__(self) -> "Measured":
        return self

    def __exit__(self, *_: object) -> None:
        self.tpm.close()

    def tool(self, name: str, *arguments: object) -> str:
        """Run one of the tpm2-tools, in our folder; what it prints."""
        self.tpm.release()
        environment = {**os.environ, "TPM2TOOLS_TCTI": self.tpm.tcti}
        done = subprocess.run(
            [f"tpm2_{name}", *map(str, arguments)], cwd=self.folder, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise ToolFailed(f"tpm2_{name}: {done.stderr}")
        return done.stdout

    def file(self, name: str) -> bytes:
        """What a tool has written."""
        return (self.folder / name).read_bytes()

    def new_key(self, handle: int, kind: str, attributes: str) -> AttestationKey:
        """Made in the TPM, and kept there."""
        self.tool("createprimary", "-C", "o", "-G", kind, "-a", attributes, "-c", "key")
        self.tool("evictcontrol", "-C", "o", "-c", "key", f"{handle:#x}")
        self.tool("flushcontext", "-t")
        self.tool("readpublic", "-c", f"{handle:#x}", "-o", "public", "-n", "name")
        self.tool("readpublic", "-c", f"{handle:#x}", "-o", "pem", "-f", "pem")
        return AttestationKey(handle, self.file("public")[2:], self.file("pem").decode(), self.file("name"))  # [2:]: a size

    def extend(self, pcr: int, digest: bytes, locality: int) -> int:
        """TPM2_PCR_Extend by software; the TPM's answer."""
        return result(self.tpm.command(command(Command.PCR_EXTEND, (pcr,), extension(digest), (Handle.PASSWORD,)), locality))

    def reset_pcr(self, pcr: int, locality: int) -> int:
        """TPM2_PCR_Reset by software; the TPM's answer."""
        return result(self.tpm.command(command(Command.PCR_RESET, (pcr,), b"", (Handle.PASSWORD,)), locality))

    def measure(self, event: Event) -> None:
        """An event after the launch, by whoever has to."""
        assert self.extend(event.kind.pcr, event.digest, _LOCALITIES[event.kind.pcr]) == 0

    def launch(self, software: Software = GENUINE) -> None:
        """SKINIT, and what loader and kernel measure after it."""
        self.tpm.hash_start()
        self.tpm.hash_data(software.block)
        self.tpm.hash_end()
        for event in software.events:
            if event.kind is not EventKind.BLOCK:
                self.measure(event)

    def answer(
        self,
        software: Software = GENUINE,
        nonce: bytes = NONCE,
        identity: bytes = VAULT,
        data: bytes = VAULTS_DATA,
        registers: str = _REGISTERS,
    ) -> Bundle:
        """A quote of what the PCRs hold now, with the honest log of ``software``."""
        self.quote(qualifying_data(nonce, identity, data), registers)
        return Bundle(self.file("quote"), self.file("signature"), self.key.public, encode(software.events), nonce, identity, data)

    def quote(self, qualification: bytes, registers: str = _REGISTERS) -> None:
        """Leaves the files ``quote``, ``signature`` and ``pcrs``."""
        self.tool("quote", "-c", f"{self.key.handle:#x}", "-l", registers, "-q", qualification.hex(), "-g", "sha256",
                  "-m", "quote", "-s", "signature", "-f", "tss", "-o", "pcrs")  # fmt: skip

    def signed(self, message: bytes, key: AttestationKey) -> bytes:
        """TPMT_SIGNATURE of any bytes by a key of this TPM, if that lets itself be used so."""
        (self.folder / "digest").write_bytes(hashed(message))
        self.tool("sign", "-c", f"{key.handle:#x}", "-g", "sha256", "-s", "ecdsa", "-d", "-f", "tss", "-o", "signed", "digest")
        return self.file("signed")

    @property
    def named(self) -> str:
        """The line that tells of this machine in a file of expectations."""
        return f'name = "{self.key.name.hex()}"'
