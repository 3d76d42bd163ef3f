"""What the verifier expects of the machine and its guests: a file in TOML, written by whoever relies on them.

```toml
[machine]                                   # its attestation key, by one of the two
name = "000b…"                              # as tpm2_readpublic says it: 68 hexadecimal digits
key = \"\"\"-----BEGIN PUBLIC KEY-----…\"\"\"     # PEM

[launch]                                    # SHA-256 in 64 hexadecimal digits; any of a list will do
block = ["…"]
stub = ["…"]
kernel = ["…"]
accept_development = false

[policy]
digests = ["…"]

[[guest]]
name = "vault"
identity = "…"
```
"""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from contracts.attestation import IDENTITY_SIZE
from contracts.event_log import DIGEST_SIZE, EventKind
from contracts.tpm2 import Algorithm
from verifier.errors import InputError
from verifier.keys import Key, PublicArea, key_of_pem

__all__ = ["Expected", "read_expected"]

_NAME_PREFIX = int(Algorithm.SHA256).to_bytes(2, "big")
_HEX = re.compile(r"[0-9a-fA-F]*\Z")
_MOST_NAME = 64  # characters of a guest's name
_MOST_SAID = 150  # characters of what is wrong, if the file's own text is in that


@dataclass(frozen=True)
class Expected:
    """One file's content."""

    key: Key | None  # of the machine; if None it is known by its key's name
    key_name: bytes | None
    digests: Mapping[EventKind, frozenset[bytes]]  # what may have been measured
    accept_development: bool
    guests: Mapping[bytes, str]  # names by identity

    def is_machine(self, public: PublicArea) -> bool:
        """Whether this is the machine's attestation key."""
        return public.name == self.key_name if self.key is None else public.key == self.key


def read_expected(text: bytes) -> Expected:
    """InputError (which does not name the file) if anything in it is missing, unknown or wrong."""
    try:
        top = _Table("", tomllib.loads(text.decode()))
    except UnicodeDecodeError:
        raise InputError("no TOML: not UTF-8") from None
    except RecursionError:
        raise InputError("no TOML: nested too deep") from None
    except ValueError as error:  # TOMLDecodeError, or a number of thousands of digits
        raise InputError(f"no TOML: {' '.join(str(error).split()):.{_MOST_SAID}}") from None
    machine, launch, policy = (top.table(name) for name in ("machine", "launch", "policy"))
    expected = Expected(
        *_machine(machine),
        {
            EventKind.BLOCK: launch.digests("block"),
            EventKind.STUB: launch.digests("stub"),
            EventKind.KERNEL: launch.digests("kernel"),
            EventKind.POLICY: policy.digests("digests"),
        },
        launch.flag("accept_development"),
        _guests(top),
    )
    for table in (machine, launch, policy, top):
        table.end()
    return expected


class _Table:
    """A table of the file: each entry is taken once, and none may be left."""

    def __init__(self, path: str, entries: dict[str, Any]) -> None:
        self._path = path
        self._entries = dict(entries)

    def error(self, name: str, text: str) -> InputError:
        """To be raised; names the place."""
        return InputError(f"{self._path} {name}: {text}".strip())

    def take(self, name: str) -> object:
        """An entry, or None."""
        return self._entries.pop(name, None)

    def table(self, name: str) -> "_Table":
        """The table of that name."""
        entries = self.take(name)
        if not isinstance(entries, dict):
            raise InputError(f"[{name}] is missing" if entries is None else f"{name} is no table: write [{name}]")
        return _Table(f"[{name}]", entries)

    def tables(self, name: str) -> "list[_Table]":
        """The tables of that name, one at least."""
        entries = self.take(name)
        if not isinstance(entries, list) or not entries or not all(isinstance(each, dict) for each in entries):
            raise InputError(f"[[{name}]] is missing" if entries is None else f"{name} is no list of tables: write [[{name}]]")
        return [_Table(f"[[{name}]] {number}", each) for number, each in enumerate(entries, 1)]

    def text(self, name: str) -> str:
        """A string."""
        value = self.take(name)
        if not isinstance(value, str):
            raise self.error(name, "is missing" if value is None else "is no string")
        return value

    def flag(self, name: str) -> bool:
        """A boolean, false if it is missing."""
        value = self.take(name)
        if not isinstance(value, bool | None):
            raise self.error(name, "is neither true nor false")
        return bool(value)

    def digests(self, name: str) -> frozenset[bytes]:
        """A list of digests, one at least."""
        values = self.take(name)
        if not isinstance(values, list):
            raise self.error(name, "is missing" if values is None else "is no list of digests")
        if not values:
            raise self.error(name, "is empty, so that nothing would be accepted")
        return frozenset(self.hexadecimal(name, value, DIGEST_SIZE) for value in values)

    def hexadecimal(self, name: str, value: object, size: int) -> bytes:
        """So many bytes."""
        if not isinstance(value, str) or len(value) != 2 * size or not _HEX.match(value):
            raise self.error(name, f"{2 * size} hexadecimal digits in quotes are needed")
        return bytes.fromhex(value)

    def end(self) -> None:
        """InputError if there is anything else in it."""
        for name in self._entries:
            raise self.error(f"{name!r:.{_MOST_SAID}}", "there is no such entry")


def _machine(table: _Table) -> tuple[Key | None, bytes | None]:
    pem, name = table.take("key"), table.take("name")
    if (pem is None) == (name is None):
        raise InputError("[machine] the attestation key is needed, by key or by name" + ("" if pem is None else ", not by both"))
    if name is not None:
        value = table.hexadecimal("name", name, len(_NAME_PREFIX) + DIGEST_SIZE)
        if not value.startswith(_NAME_PREFIX):
            raise table.error("name", f"is no name by SHA-256: those begin with {_NAME_PREFIX.hex()}")
        return None, value
    if not isinstance(pem, str):
        raise table.error("key", "is no string")
    try:
        return key_of_pem(pem), None
    except ValueError as error:
        raise table.error("key", str(error)) from None


def _guests(top: _Table) -> dict[bytes, str]:
    guests: dict[bytes, str] = {}
    for table in top.tables("guest"):
        name = table.text("name")
        if not 0 < len(name) <= _MOST_NAME or not name.isprintable():
            raise table.error("name", f"1 to {_MOST_NAME} printable characters are needed")
        if name in guests.values():
            raise table.error("name", f"another guest is called {name} too")
        identity = table.hexadecimal("identity", table.take("identity"), IDENTITY_SIZE)
        if identity in guests:
            raise table.error("identity", f"is that of {guests[identity]} too")
        guests[identity] = name
        table.end()
    return guests
