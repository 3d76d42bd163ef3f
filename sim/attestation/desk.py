"""Where a run takes questions for quotes: a socket that is looked at between two steps of the kernel.

A question becomes a message to the guest; what the guest then has quoted comes from the kernel, and goes to whoever asked with that nonce.
So who asks learns what the TPM says, and nothing is asked of it that the guest does not want to have asked.
"""

import selectors
import socket
from contextlib import suppress
from pathlib import Path

from contracts.attestation import REQUEST, Statement
from contracts.hypercalls import Status
from isolation_kernel.kernel import Kernel
from sim.attestation.wire import LONGEST, Question, WireError, failure, success
from verifier.bundle import Bundle, write_bundle

__all__ = ["Desk", "DeskError"]

_STATUS_SIZE = 4
_PIECE = 4096


class DeskError(Exception):
    """The socket cannot be; the message is one line."""


class Desk:
    """A Unix socket at ``path``, until it is closed. ``quoted`` is the kernel's to call (``KernelConfig.quoted``)."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._open: dict[socket.socket, bytes] = {}  # who has not asked yet, and what has come of the question
        self._asked: dict[socket.socket, Question] = {}
        self._selector = selectors.DefaultSelector()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            self._socket.bind(str(path))
            self._socket.listen()
        except OSError as error:
            self._socket.close()
            raise DeskError(f"{path}: {error.strerror or error}") from None
        path.chmod(0o600)
        self._socket.setblocking(False)
        self._selector.register(self._socket, selectors.EVENT_READ)

    def close(self) -> None:
        """Whoever still waits is told that there is no quote."""
        self._greet()
        for client in (*self._asked, *self._open):
            self._answer(client, failure("the run has ended"))
        self._selector.close()
        self._socket.close()
        self._path.unlink(missing_ok=True)

    def serve(self, kernel: Kernel, wait: bool = False) -> None:
        """Take what has come, or ``wait`` for it; pass questions on, and refusals back."""
        for key, _ in self._selector.select(None if wait else 0):
            if key.fileobj is self._socket:
                self._greet()
            elif isinstance(key.fileobj, socket.socket):
                self._listen(key.fileobj, kernel)
        for number in {question.guest for question in self._asked.values()}:
            self._hear(kernel, number)

    def quoted(self, number: int, said: Statement) -> None:
        """A guest has had something quoted."""
        bundle = write_bundle(Bundle(*said.quoted, said.nonce, said.identity, said.data))
        for client in [c for c, question in self._asked.items() if question == Question(number, said.nonce)]:
            self._answer(client, success(bundle))

    def _greet(self) -> None:
        with suppress(OSError):  # until there is nobody more
            while True:
                client, _ = self._socket.accept()
                client.setblocking(False)
                self._open[client] = b""
                self._selector.register(client, selectors.EVENT_READ)

    def _listen(self, client: socket.socket, kernel: Kernel) -> None:
        """Some of a question, or somebody who has gone."""
        try:
            data = client.recv(_PIECE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data or client in self._asked:
            self._forget(client)
            return
        self._open[client] += data
        line, end, _ = self._open[client].partition(b"\n")
        if end or len(line) > LONGEST:
            self._ask(client, line, kernel)

    def _ask(self, client: socket.socket, line: bytes, kernel: Kernel) -> None:
        try:
            question = Question.read(line)
            if kernel.living(question.guest) is None:
                raise WireError(f"there is no guest {question.guest}, or it has ended")
            if not kernel.post_message(question.guest, REQUEST + question.nonce):
                raise WireError(f"guest {question.guest} takes no more messages")
        except WireError as error:
            self._answer(client, failure(str(error)))
            return
        self._open.pop(client)
        self._asked[client] = question

    def _hear(self, kernel: Kernel, number: int) -> None:
        """A guest may have told that it was refused, or have ended: then its oldest question, or all of them, come to nothing."""
        waiting = [client for client, question in self._asked.items() if question.guest == number]
        for message in kernel.take_answers(number):
            if waiting and message[: len(REQUEST)] == REQUEST and len(message) == len(REQUEST) + _STATUS_SIZE:
                status = int.from_bytes(message[len(REQUEST) :], "little", signed=True)
                name = Status(status).name if status in Status.__members__.values() else str(status)
                self._answer(waiting.pop(0), failure(f"guest {number} was refused a quote: {name} (--audit has the reason)"))
        if kernel.living(number) is None:
            for client in waiting:
                self._answer(client, failure(f"guest {number} has ended"))

    def _answer(self, client: socket.socket, line: bytes) -> None:
        with suppress(OSError):
            client.setblocking(True)
            client.sendall(line)
        self._forget(client)

    def _forget(self, client: socket.socket) -> None:
        self._open.pop(client, None)
        self._asked.pop(client, None)
        self._selector.unregister(client)
        client.close()
