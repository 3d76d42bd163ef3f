"""What is launched in these tests: bytes that stand for loader, stub, kernel and policy, their log, and the file that expects them."""

import hashlib
from dataclasses import dataclass

from contracts.event_log import DEVELOPMENT, Event, EventKind
from verifier.expected import Expected, read_expected

__all__ = [
    "GENUINE",
    "GUESTS",
    "MAIL",
    "NONCE",
    "STRANGER",
    "VAULT",
    "VAULTS_DATA",
    "Software",
    "expectation",
    "expectation_text",
    "hashed",
]


def hashed(data: bytes) -> bytes:
    """SHA-256."""
    return hashlib.sha256(data).digest()


VAULT, MAIL, STRANGER = (hashed(name) for name in (b"vault", b"mail", b"stranger"))  # identities; nobody expects the last
GUESTS = {"vault": VAULT, "mail": MAIL}
VAULTS_DATA = hashed(b"the vault's public key")
NONCE = hashed(b"a nonce that is drawn for one quote")


@dataclass(frozen=True)
class Software:
    """All that is measured in a launch."""

    block: bytes = b"secure loader" * 500  # more than one piece of the hash sequence
    stub: bytes = b"stub"
    kernel: bytes = b"kernel"
    policies: tuple[bytes, ...] = (b"policy",)
    development: bool = False
    unmeasured: EventKind | None = None  # what the code that ought to measure leaves out
    also: tuple[Event, ...] = ()  # what is measured at the end beside it

    @property
    def events(self) -> tuple[Event, ...]:
        """What an honest log tells."""
        events = (
            Event(EventKind.BLOCK, hashed(self.block)),
            Event(EventKind.STUB, hashed(self.stub)),
            Event(EventKind.KERNEL, hashed(self.kernel)),
            *((DEVELOPMENT,) if self.development else ()),
            *(Event(EventKind.POLICY, hashed(policy)) for policy in self.policies),
        )
        return tuple(event for event in events if event.kind is not self.unmeasured) + self.also


GENUINE = Software()


def expectation_text(machine: str, software: Software = GENUINE, accept_development: bool = False) -> str:
    """The file that expects this software and our guests on the machine of which ``machine`` tells (a line of TOML)."""
    policies = ", ".join(f'"{hashed(policy).hex()}"' for policy in software.policies)
    guests = "".join(f'\n[[guest]]\nname = "{name}"\nidentity = "{identity.hex()}"\n' for name, identity in GUESTS.items())
    return f"""\
[machine]
{machine}

[launch]
block = ["{hashed(software.block).hex()}"]
stub = ["{hashed(software.stub).hex()}"]
kernel = ["{hashed(software.kernel).hex()}"]
accept_development = {str(accept_development).lower()}

[policy]
digests = [{policies}]
{guests}"""


def expectation(machine: str, software: Software = GENUINE, accept_development: bool = False) -> Expected:
    """The same, read."""
    return read_expected(expectation_text(machine, software, accept_development).encode())
