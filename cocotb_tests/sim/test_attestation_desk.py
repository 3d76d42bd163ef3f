"""The desk at which a run takes questions for quotes: whoever asks is answered, whatever guest or asker does."""

import json
import socket
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from random import Random

import pytest

from cocotb_tests.isolation_kernel.governed import load, named
from cocotb_tests.isolation_kernel.sealed.rooted import BUFFER, NAMES, RootedWorld, put
from cocotb_tests.isolation_kernel.sealed.stage import Stage
from cocotb_tests.isolation_kernel.world import World
from contracts.attestation import NONCE_SIZE, REQUEST, Statement
from contracts.hypercalls import MAX_QUEUED, Hypercall, Status
from isolation_kernel.kernel import Kernel
from isolation_kernel.model.script import Script, Vmmcall
from sim.attestation.desk import Desk, DeskError
from sim.attestation.wire import LONGEST, Question, WireError, answer_of
from verifier.bundle import read_bundle

__all__: list[str] = []

NONCES = [bytes([n]) * NONCE_SIZE for n in range(1, 20)]


@pytest.fixture
def stage(tmp_path: Path, rng: Random) -> Iterator[Stage]:
    with Stage(tmp_path, rng) as made:
        yield made


@contextmanager
def desk_at(path: Path) -> Iterator[Desk]:
    desk = Desk(path)
    try:
        yield desk
    finally:
        desk.close()


def asker(path: Path, line: bytes = b"") -> socket.socket:
    client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    client.connect(str(path))
    client.sendall(line)
    client.settimeout(0)
    return client


def answered(client: socket.socket) -> bytes:
    """What has come so far."""
    try:
        return client.recv(LONGEST)
    except BlockingIOError:
        return b""


def serve(desk: Desk, kernel: Kernel, world: World | None = None) -> None:
    """A few looks, and the guests meanwhile."""
    for _ in range(4):
        desk.serve(kernel)
        if world is not None:
            world.run(20)


def answers(count: int) -> Callable[[], Script]:
    """A guest that answers questions, and, if it was refused, tells so."""

    def script() -> Script:
        for _ in range(count):
            yield Vmmcall(Hypercall.RECEIVE, BUFFER, 64)  # the nonce lies behind the tag; what lies behind it is the guest's data
            status = yield Vmmcall(Hypercall.ATTEST, BUFFER + len(REQUEST))
            if status != Status.OK:
                assert isinstance(status, int)
                yield from put(NAMES, REQUEST + status.to_bytes(4, "little", signed=True))
                yield Vmmcall(Hypercall.SEND, NAMES, 8)
        while True:
            yield Vmmcall(Hypercall.RECEIVE, BUFFER, 64)

    return script


def waits() -> Script:
    while True:
        yield Vmmcall(Hypercall.RECEIVE, NAMES, 64, 77)  # of a channel that there is not: the host's messages stay


def test_each_asker_gets_the_quote_of_its_nonce(stage: Stage, tmp_path: Path) -> None:
    with desk_at(tmp_path / "socket") as desk:
        world = RootedWorld(stage, disk=False)
        world.quotes = _Forwards(desk)
        guest = load(world, named("vault"), answers(3))
        clients = [asker(tmp_path / "socket", Question(guest.number, nonce).line()) for nonce in NONCES[:3]]
        serve(desk, world.kernel, world)
        for client, nonce in zip(clients, NONCES, strict=False):
            assert read_bundle(answer_of(answered(client)).encode()).nonce == nonce


class _Forwards(list[tuple[int, Statement]]):
    """What the world notes down goes to the desk."""

    def __init__(self, desk: Desk) -> None:
        super().__init__()
        self._desk = desk

    def append(self, said: tuple[int, Statement]) -> None:
        self._desk.quoted(*said)


def test_a_refusal_is_told(stage: Stage, tmp_path: Path) -> None:
    with desk_at(tmp_path / "socket") as desk:
        world = RootedWorld(stage, launched=False)
        guest = load(world, named("vault"), answers(1))
        client = asker(tmp_path / "socket", Question(guest.number, NONCES[0]).line())
        serve(desk, world.kernel, world)
        with pytest.raises(WireError, match="was refused a quote: UNAVAILABLE"):
            answer_of(answered(client))


def test_who_is_not_there_and_who_takes_nothing(tmp_path: Path) -> None:
    world = World()
    world.guest(waits)
    with desk_at(tmp_path / "socket") as desk:
        clients = [asker(tmp_path / "socket", Question(1, nonce).line()) for nonce in NONCES[: MAX_QUEUED + 1]]
        serve(desk, world.kernel)
        told = [answered(client) for client in clients]
        assert told[:MAX_QUEUED] == [b""] * MAX_QUEUED and json.loads(told[-1]) == {"error": "guest 1 takes no more messages"}
        for number in (0, 2, -1, 1 << 40):
            client = asker(tmp_path / "socket", Question(number, NONCES[0]).line())
            serve(desk, world.kernel)
            assert json.loads(answered(client)) == {"error": f"there is no guest {number}, or it has ended"}
        world.kernel.end_guest(world.kernel.partitions[1], "for the test")
        serve(desk, world.kernel)
        assert [json.loads(answered(client))["error"] for client in clients[:MAX_QUEUED]] == ["guest 1 has ended"] * MAX_QUEUED


@pytest.mark.parametrize(
    "line",
    [
        b"\n", b"{}\n", b"[]\n", b"null\n", b'{"guest": 1}\n', b'{"guest": "1", "nonce": "00"}\n', b'{"guest": true, "nonce": "0"}\n',
        b'{"guest": 1, "nonce": "0"}\n', b'{"guest": 1, "nonce": 7}\n', b"\xff\xfe\n", b"[" * 5000 + b"\n", b"x" * (LONGEST + 2),
    ],
)  # fmt: skip
def test_nonsense_is_answered_and_harms_nobody(line: bytes, tmp_path: Path) -> None:
    world = World()
    world.guest(waits)
    with desk_at(tmp_path / "socket") as desk:
        client = asker(tmp_path / "socket")
        for at in range(0, len(line), 4096):
            client.setblocking(True)
            client.sendall(line[at : at + 4096])
            client.settimeout(0)
            serve(desk, world.kernel)
        assert json.loads(answered(client)) == {"error": "this is no question for a quote"}
        other = asker(tmp_path / "socket", Question(1, NONCES[0]).line())
        serve(desk, world.kernel)
        assert answered(other) == b"" and len(world.kernel.partitions[1].inbox) == 1


def test_who_goes_away_is_forgotten_and_who_waits_at_the_end_is_told(tmp_path: Path) -> None:
    world = World()
    world.guest(waits)
    with desk_at(tmp_path / "socket") as desk:
        assert stat.S_IMODE((tmp_path / "socket").stat().st_mode) == 0o600
        for line in (b"", b'{"gu', Question(1, NONCES[0]).line()):
            asker(tmp_path / "socket", line).close()
        stays = asker(tmp_path / "socket", Question(1, NONCES[1]).line())
        serve(desk, world.kernel)
    assert json.loads(answered(stays)) == {"error": "the run has ended"}
    assert not (tmp_path / "socket").exists()


def test_a_place_that_cannot_be_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("kept")
    for path in (tmp_path / "file", tmp_path / "no" / "folder", tmp_path / ("long" * 40)):
        with pytest.raises(DeskError):
            Desk(path)
    assert (tmp_path / "file").read_text() == "kept"


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b"no json", b'{"bundle": 7}', b'{"error": ""}'])
def test_an_answer_that_is_none_is_told(line: bytes) -> None:
    with pytest.raises(WireError):
        answer_of(line)
