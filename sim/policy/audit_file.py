"""Reads an audit log (``isolation_kernel.audit``) and checks its chain."""

import json
from dataclasses import dataclass
from pathlib import Path

from contracts.audit import START, link
from contracts.canonical import canonical

__all__ = ["AuditError", "AuditFile", "AuditWriter", "read_audit"]

_DIGITS = 64


class AuditError(Exception):
    """A log that is not what the kernel wrote; the message has file and line of the first broken record."""


@dataclass(frozen=True)
class AuditFile:
    """A log whose chain holds."""

    records: tuple[dict[str, str], ...]
    head: str


class AuditWriter:
    """Writes records as the kernel hands them over (``KernelConfig.log``), a line each, to disk at once."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", encoding="ascii", buffering=1)
        self.head = START
        self.count = 0

    def __call__(self, record: str) -> None:
        self._file.write(f"{record}\n")
        self.head = record[:_DIGITS]
        self.count += 1

    def close(self) -> None:
        """No more."""
        self._file.close()


def _record(head: str, line: str) -> tuple[str, dict[str, str]]:
    """The head behind a line, and its record; ValueError says what is wrong."""
    text = line[_DIGITS + 1 :]
    if line[_DIGITS : _DIGITS + 1] != " ":
        raise ValueError("is no record")
    if line[:_DIGITS] != link(head, text):
        raise ValueError("does not follow from the records before it: it, or the order, was changed, or one is missing")
    record = json.loads(text)
    if not isinstance(record, dict) or canonical(record) != text or not all(isinstance(value, str) for value in record.values()):
        raise ValueError("is not written as the kernel writes")
    return line[:_DIGITS], record


def read_audit(path: Path, head: str | None = None) -> AuditFile:
    """Read a log; AuditError if it cannot be read, at the first record that breaks the chain, or if it does not end with ``head``: without
    that, a log that lacks its last records cannot be told from a whole one."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise AuditError(f"{path}: cannot be read: {error.strerror}") from None
    *lines, rest = data.split(b"\n")
    current, records = START, []
    for number, line in enumerate(lines, 1):
        try:
            current, record = _record(current, line.decode("ascii"))
        except ValueError as error:
            why = "is not ASCII" if isinstance(error, UnicodeDecodeError) else str(error)
            raise AuditError(f"{path}:{number}: record {number} {why}") from None
        records.append(record)
    if rest:
        raise AuditError(f"{path}:{len(lines) + 1}: record {len(lines) + 1} is not whole: its line has no end")
    if head is not None and head != current:
        raise AuditError(
            f"{path}:{len(lines) + 1}: record {len(lines) + 1} is missing: the log ends before the head that was given, or is another"
        )
    return AuditFile(tuple(records), current)
