"""A policy file (TOML), read and checked: what comes out is the value that the kernel enforces, and the names that people use.

``docs/policy.md`` describes the file. All that is wrong in it is told, a line each, with the place where it is.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from contracts.devices import DeviceNumber
from contracts.policy import Policy
from contracts.rights import HOST, SYSTEM, Right
from isolation_kernel.policy import refusal
from sim.policy.lattice import LatticeError, label_sets

__all__ = ["EVERYONE", "PolicyError", "PolicyFile", "read_policy", "right_name"]

VERSION = 1
EVERYONE = "*"
_IDENTITY = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9_.-]+")
_GUESTS, _DEVICES = "guests", "devices"
_RIGHTS: dict[str, tuple[Right, ...]] = {  # by the kind of what they are about
    _GUESTS: (Right.GIVE_PAGE, Right.GIVE_DEVICE, Right.CHANNEL, Right.POST, Right.SEAL, Right.UNSEAL),
    _DEVICES: (Right.USE,),
    HOST: (Right.MESSAGES, Right.ATTEST),
    SYSTEM: (Right.RUN, Right.SYSTEM_SHUTDOWN),
}
_TAKEN = frozenset({HOST, SYSTEM, *DeviceNumber.__members__})
_TOP = frozenset({"version", "mandatory", "labels", *_RIGHTS})


class PolicyError(Exception):
    """What is wrong with a policy file: a line each, with file and place."""

    def __init__(self, path: Path, errors: list[str]) -> None:
        super().__init__("\n".join(f"{path}: {error}" for error in errors))
        self.errors = errors

    @property
    def brief(self) -> str:
        """The first of them, in one line."""
        first, *others = str(self).splitlines()
        return f"{first} (and {len(others)} more: see ringfence policy check)" if others else first


def right_name(right: Right) -> str:
    """A right as a policy file calls it."""
    return right.name.lower().replace("_", "-")


@dataclass(frozen=True)
class PolicyFile:
    """``names``: of the guests, by identity. ``labels``: by guest's name, device, HOST and SYSTEM. ``below``: the labels as written."""

    path: Path
    policy: Policy
    names: dict[str, str]
    labels: dict[str, str]
    below: dict[str, list[str]]

    def name(self, who: str) -> str:
        """What the file calls a guest; anything else is called as it is."""
        return self.names.get(who, who)


@dataclass(frozen=True)
class _Thing:
    """What rights may be about, as the file has it. ``key`` is how the kernel calls it."""

    kind: str
    name: str
    place: str
    key: str
    label: str | None
    allow: dict[str, list[str]] = field(default_factory=dict)


class _Checker:
    """Reads one file's content and collects what is wrong with it."""

    def __init__(self, content: Mapping[str, object]) -> None:
        self._content = content
        self.errors: list[str] = []
        self.below: dict[str, list[str]] = {}
        self.names: dict[str, str] = {}  # by identity
        self.things: list[_Thing] = []
        self.labels: dict[str, frozenset[str]] | None = None
        self.grants: set[tuple[str, Right, str]] = set()

    def _wrong(self, place: str, message: str) -> None:
        self.errors.append(f"{place}: {message}")

    def _table(self, value: object, place: str, known: frozenset[str] | None = None) -> dict[str, object]:
        """A table, of known keys alone; what is none is told, and empty."""
        if not isinstance(value, dict):
            self._wrong(place, "must be a table")
            return {}
        for key in sorted(value.keys() - known) if known is not None else ():
            self._wrong(f"{place}.{key}", f"unknown (known are: {', '.join(sorted(known or ()))})")
        return value

    def _list(self, value: object, place: str) -> list[str]:
        """A list of strings, none twice."""
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            self._wrong(place, "must be a list of strings")
            return []
        for item in sorted({item for item in value if value.count(item) > 1}):
            self._wrong(place, f"{item!r} is there twice")
        return value

    def check(self) -> None:
        """All of it."""
        for key in sorted(self._content.keys() - _TOP):
            self._wrong(key, f"unknown (known are: {', '.join(sorted(_TOP))})")
        version = self._content.get("version")
        if type(version) is not int or version != VERSION:
            self._wrong("version", f"must be {VERSION}" + ("" if "version" in self._content else " and is missing"))
        mandatory = self._content.get("mandatory", False)
        if not isinstance(mandatory, bool):
            self._wrong("mandatory", "must be true or false")
        if "labels" in self._content and not mandatory:
            self._wrong("labels", "without effect unless mandatory = true")
        if mandatory:
            self._read_labels()
        self.things = list(self._read_things())
        if mandatory is True and self.labels is not None:
            self._check_labels(self.labels)
        for thing in self.things:
            self._read_grants(thing)

    def _read_labels(self) -> None:
        table = self._table(self._content.get("labels", {}), "labels")
        if not table:
            self._wrong("labels", "a mandatory policy needs labels")
        self.below = {label: self._list(others, f"labels.{label}") for label, others in table.items()}
        try:
            self.labels = label_sets(self.below)
        except LatticeError as error:
            self._wrong(f"labels.{error.label}", str(error))

    def _read_things(self) -> Iterator[_Thing]:
        for name, value in self._table(self._content.get(_GUESTS, {}), _GUESTS).items():
            place = f"{_GUESTS}.{name}"
            table = self._table(value, place, frozenset({"identity", "label", "allow"}))
            if not _NAME.fullmatch(name):
                self._wrong(place, "a name is of letters, digits, '_', '.' and '-'")
            if name in _TAKEN:
                self._wrong(place, f"{name!r} is the name of something else")
            identity = table.get("identity")
            if not isinstance(identity, str) or not _IDENTITY.fullmatch(identity):
                self._wrong(f"{place}.identity", "must be 64 hexadecimal digits in small letters (ringfence policy identity prints them)")
                continue
            if identity in self.names:
                self._wrong(f"{place}.identity", f"is that of {self.names[identity]!r} too")
                continue
            self.names[identity] = name
            yield self._thing(_GUESTS, name, place, identity, table)
        for name, value in self._table(self._content.get(_DEVICES, {}), _DEVICES).items():
            place = f"{_DEVICES}.{name}"
            if name not in DeviceNumber.__members__:
                self._wrong(place, f"no such device (there are: {', '.join(DeviceNumber.__members__)})")
            yield self._thing(_DEVICES, name, place, name, self._table(value, place, frozenset({"label", "allow"})))
        for name in (HOST, SYSTEM):
            if name in self._content:
                yield self._thing(name, name, name, name, self._table(self._content[name], name, frozenset({"label", "allow"})))

    def _thing(self, kind: str, name: str, place: str, key: str, table: dict[str, object]) -> _Thing:
        label = table.get("label")
        if label is not None and not isinstance(label, str):
            self._wrong(f"{place}.label", "must be a string")
            label = None
        allow = self._table(table.get("allow", {}), f"{place}.allow", frozenset(map(right_name, _RIGHTS[kind])))
        return _Thing(kind, name, place, key, label, {right: self._list(who, f"{place}.allow.{right}") for right, who in allow.items()})

    def _check_labels(self, labels: dict[str, frozenset[str]]) -> None:
        for thing in self.things:
            if thing.label is None:
                self._wrong(f"{thing.place}.label", "is missing, and the policy is mandatory")
            elif thing.label not in labels:
                self._wrong(f"{thing.place}.label", f"no such label: {thing.label!r} (there are: {', '.join(labels)})")

    def value(self) -> Policy:
        """The policy, of a file that is right so far."""
        if self.labels is None:
            return Policy(frozenset(self.grants))
        return Policy(frozenset(self.grants), {t.key: self.labels[t.label] for t in self.things if t.label in self.labels})

    def _read_grants(self, thing: _Thing) -> None:
        if thing.label is not None and not self._content.get("mandatory", False):
            self._wrong(f"{thing.place}.label", "without effect unless mandatory = true")
        identities = {name: identity for identity, name in self.names.items()}
        rights = {right_name(right): right for right in _RIGHTS[thing.kind]}
        for word, who in thing.allow.items():
            for name in who:
                if name != EVERYONE and name not in identities:
                    self._wrong(f"{thing.place}.allow.{word}", f"no such guest: {name!r}")
                elif word in rights:
                    chosen = identities.values() if name == EVERYONE else (identities[name],)
                    self.grants |= {(identity, rights[word], thing.key) for identity in chosen}

    def check_flows(self, policy: Policy) -> None:
        """A grant to a guest by its name that its label takes back is a mistake; one to everyone is for those whom it leaves it to."""
        identities = {name: identity for identity, name in self.names.items()}
        for thing in self.things:
            for word, who in thing.allow.items():
                right = next(right for right in _RIGHTS[thing.kind] if right_name(right) == word)
                for name in who:
                    if name != EVERYONE and (why := refusal(policy, identities[name], right, thing.key)):
                        self._wrong(f"{thing.place}.allow.{word}", f"{name!r} never may, by the labels: {why}")


def read_policy(path: Path) -> PolicyFile:
    """Read and check a file; PolicyError if anything is wrong with it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise PolicyError(path, [f"cannot be read: {error.strerror}"]) from None
    except UnicodeDecodeError as error:
        raise PolicyError(path, [f"byte {error.start}: not UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        raise PolicyError(path, [f"not TOML: {error}"]) from None
    checker = _Checker(content)
    checker.check()
    policy = checker.value()
    if not checker.errors:
        checker.check_flows(policy)
    if checker.errors:
        raise PolicyError(path, checker.errors)
    labels = {thing.name: thing.label for thing in checker.things if thing.label is not None}
    return PolicyFile(path, policy, checker.names, labels, checker.below)
