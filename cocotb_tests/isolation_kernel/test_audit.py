"""The log of decisions: all of them are in it, and nothing in it can be changed, moved or taken away unseen."""

import json
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from cocotb_tests.isolation_kernel.governed import everything, load, named, without
from cocotb_tests.isolation_kernel.world import World
from contracts.audit import START
from contracts.devices import DeviceNumber
from contracts.hypercalls import Hypercall, Status
from contracts.identity import identity
from contracts.policy import Policy
from contracts.rights import HOST, NOBODY, SYSTEM, Right
from isolation_kernel.model.script import Script, Spin, Vmmcall
from sim.policy.audit_file import AuditError, AuditWriter, read_audit

__all__: list[str] = []

FIRST, SECOND = named("first", devices=frozenset({DeviceNumber.DMA0})), named("second")
POLICY = Policy(without(everything((FIRST, SECOND)), FIRST, Right.SYSTEM_SHUTDOWN))


def first() -> Script:
    assert (yield Vmmcall(Hypercall.SEND, 0x8000, 4)) == Status.OK
    assert (yield Vmmcall(Hypercall.GIVE_PAGE, 0x9000, 2)) == Status.OK
    assert (yield Vmmcall(Hypercall.GIVE_PAGE, 0x9000, 7)) == Status.BAD_ARGUMENT
    assert (yield Vmmcall(Hypercall.SYSTEM_SHUTDOWN, 0)) == Status.DENIED
    yield Vmmcall(Hypercall.GIVE_DEVICE, DeviceNumber.DMA0, 2)
    yield Vmmcall(Hypercall.SHUTDOWN, 0)


def idle() -> Script:
    while True:
        yield Spin(1000)


@cache
def written() -> tuple[str, tuple[str, ...]]:
    """The head that the kernel has, and the records that it wrote."""
    log: list[str] = []
    world = World(policy=POLICY, log=log.append)
    load(world, FIRST, first)
    load(world, SECOND, idle)
    world.run(40)
    return world.kernel.audit.head, tuple(log)


def test_every_decision_is_in_it() -> None:
    _, log = written()
    start, *records = (json.loads(record.partition(" ")[2]) for record in log)
    assert start == {"policy": POLICY.digest}
    one, two = identity(FIRST), identity(SECOND)
    assert [(r["who"], r["what"], r["about"], r["decision"], r["why"]) for r in records] == [
        (one, "RUN", SYSTEM, "allowed", ""),
        (one, "USE", "DMA0", "allowed", ""),
        (two, "RUN", SYSTEM, "allowed", ""),
        (one, "MESSAGES", HOST, "allowed", ""),
        (one, "GIVE_PAGE", two, "allowed", ""),
        (one, "GIVE_PAGE", NOBODY, "allowed", ""),
        (one, "SYSTEM_SHUTDOWN", SYSTEM, "refused", "not granted"),
        (one, "GIVE_DEVICE", two, "allowed", ""),
        (two, "USE", "DMA0", "allowed", ""),
    ]


def text(lines: list[str] | tuple[str, ...]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def plain(data: bytes) -> int:
    """The control: a reader that asks no more than that each line is a record."""
    records = [json.loads(line[65:]) for line in data.decode().splitlines()]
    assert all("policy" in record or record["decision"] in ("allowed", "refused") for record in records)
    return len(records)


def broken_at(path: Path, data: bytes, head: str | None = None) -> int:
    """The number of the first broken record."""
    path.write_bytes(data)
    with pytest.raises(AuditError) as caught:
        read_audit(path, head)
    place, _, what = str(caught.value).partition(": record ")
    line = int(place.removeprefix(f"{path}:"))
    assert what.startswith(f"{line} ")
    return line


def test_a_whole_log_is_read(tmp_path: Path) -> None:
    head, lines = written()
    (tmp_path / "log").write_bytes(text(lines))
    log = read_audit(tmp_path / "log", head)
    assert log.head == head and len(log.records) == len(lines) and log.records[0]["policy"] == POLICY.digest
    (tmp_path / "empty").write_bytes(b"")
    assert read_audit(tmp_path / "empty", START).records == ()


def test_every_changed_bit_is_found_where_it_is(tmp_path: Path) -> None:
    """One bit of every byte, another for each byte; the line's end is its record's, unless it makes the record longer."""
    _, lines = written()
    data = text(lines)
    for at in range(len(data)):
        changed = bytearray(data)
        changed[at] ^= 1 << at % 7
        assert broken_at(tmp_path / "log", bytes(changed)) == data[:at].count(b"\n") + 1


def test_a_changed_decision_is_found(tmp_path: Path) -> None:
    _, lines = written()
    data = text(lines).replace(b'"refused"', b'"allowed"')
    assert broken_at(tmp_path / "log", data) == 8
    assert plain(data) == len(lines)


MOVES: dict[str, Callable[[list[str], int], list[str]]] = {
    "taken out": lambda lines, n: lines[:n] + lines[n + 1 :],
    "written twice": lambda lines, n: lines[: n + 1] + lines[n:],
    "moved to the end": lambda lines, n: lines[:n] + lines[n + 1 :] + [lines[n]],
    "changed with the one before it": lambda lines, n: lines[: n - 1] + [lines[n], lines[n - 1]] + lines[n + 1 :],
    "replaced by another": lambda lines, n: [*lines[:n], lines[n - 1], *lines[n + 1 :]],
}


@pytest.mark.parametrize("move", MOVES)
def test_what_is_moved_or_missing_is_found(tmp_path: Path, move: str) -> None:
    _, lines = written()
    for n in range(1, len(lines) - 1):
        moved = text(MOVES[move](list(lines), n))
        assert broken_at(tmp_path / "log", moved) in (n, n + 1, n + 2)
        assert plain(moved)


def test_what_is_cut_off_is_found(tmp_path: Path) -> None:
    """After any byte, by who knows the head; in the middle of a record by everyone."""
    head, lines = written()
    data = text(lines)
    for at in range(0, len(data), 7):
        assert broken_at(tmp_path / "log", data[:at], head) == data[:at].count(b"\n") + 1
    for n in range(len(lines)):
        assert broken_at(tmp_path / "log", text(lines[:n]), head) == n + 1
        assert plain(text(lines[:n])) == n
        assert len(read_audit(tmp_path / "log").records) == n  # the control: without the head nobody can know


def test_a_chain_made_anew_has_another_head(tmp_path: Path) -> None:
    """Whoever can write the file can compute a chain, but not the head that the kernel holds."""
    head, lines = written()
    path = tmp_path / "log"
    from isolation_kernel.audit import AuditLog

    writer = AuditWriter(path)
    forged = AuditLog(writer)
    for line in lines:
        forged.append(**(json.loads(line.partition(" ")[2]) | {"why": ""}))
    writer.close()
    assert len(read_audit(path).records) == len(lines) and writer.count == len(lines) and writer.head == forged.head != head
    with pytest.raises(AuditError, match="the log ends before the head that was given, or is another"):
        read_audit(path, head)
