"""Starts ``swtpm`` and speaks to it: commands on its data channel, what a TPM's pins and locality 4 do on its control channel.

The control channel's messages are those of swtpm_ioctls(3): a command word, its operands, and a result word, all big-endian.
"""

import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
from enum import IntEnum
from pathlib import Path
from types import TracebackType
from typing import Self

__all__ = ["Swtpm", "TpmError", "check_swtpm"]

_PROGRAM = "swtpm"
_PACKAGE = "swtpm"
_START_SECONDS = 10.0
_POLL_SECONDS = 0.01
_PATIENCE_SECONDS = 300.0  # for an answer: no command takes that long, however slow the host is
_HEADER = struct.Struct(">HII")  # of a command and of its answer: tag, size in bytes, code
_WORD = struct.Struct(">I")
_FLAG = struct.Struct(">Bxxx")
_STARTUP_CLEAR = bytes.fromhex("80010000000c000001440000")
_SELF_TEST = bytes.fromhex("80010000000b0000014301")  # all of it
_SUCCESS = 0
_PIECE = 2048  # bytes of one CMD_HASH_DATA (swtpm takes up to 4,096 at once)


class TpmError(Exception):
    """The TPM is missing, has died, or has answered with an error; the message is one line."""


class _Control(IntEnum):
    """Commands of the control channel."""

    INIT = 2
    GET_ESTABLISHED = 4
    SET_LOCALITY = 5
    HASH_START = 6
    HASH_DATA = 7
    HASH_END = 8
    RESET_ESTABLISHED = 11


def check_swtpm() -> str:
    """Where it is. TpmError if it is not installed."""
    program = shutil.which(_PROGRAM)
    if program is None:
        raise TpmError(f"{_PROGRAM} is not installed (Debian package {_PACKAGE})")
    return program


class Swtpm:
    """One TPM, whose state is kept in ``state`` (a folder; it is made anew if it is not there).

    It is a context manager. Sockets lie in a folder of their own that goes with it. At the start it has had TPM2_Startup(CLEAR).
    """

    def __init__(self, state: Path) -> None:
        program = check_swtpm()
        state.mkdir(parents=True, exist_ok=True)
        self._folder = Path(tempfile.mkdtemp(prefix="ringfence-tpm-"))  # socket names are short: 108 bytes at most
        self._log = self._folder / "log"
        with self._log.open("w") as log:
            self._process = subprocess.Popen(
                [program, "socket", "--tpm2", "--tpmstate", f"dir={state}", "--server", f"type=unixio,path={self.path}",
                 "--ctrl", f"type=unixio,path={self._control_path}", "--flags", "not-need-init,startup-clear"],
                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            )  # fmt: skip
        self._data: socket.socket | None = None
        self._control: socket.socket | None = None
        try:
            self._control = self._connect(self._control_path)
        except TpmError:
            self.close()
            raise

    @property
    def path(self) -> Path:
        """The data channel's socket; the control channel's is this with ``.ctrl``."""
        return self._folder / "tpm"

    @property
    def _control_path(self) -> str:
        return f"{self.path}.ctrl"

    @property
    def tcti(self) -> str:
        """What TPM2TOOLS_TCTI is to be for the tpm2-tools to speak to this TPM. A channel takes one client: see :meth:`release`."""
        return f"swtpm:path={self.path}"

    def command(self, command: bytes, locality: int = 0) -> bytes:
        """Send one command, whole, from a locality of 0 to 4; its answer, whole."""
        if self._data is None:
            self._data = self._connect(str(self.path))
        self._do(_Control.SET_LOCALITY, bytes((locality,)))
        self._send(self._data, command)
        head = self._receive(self._data, _HEADER.size)
        _tag, size, _code = _HEADER.unpack(head)
        return head + self._receive(self._data, size - _HEADER.size)

    def release(self) -> None:
        """Let another client speak to it, until it is next spoken to here."""
        for channel in (self._data, self._control):
            if channel is not None:
                channel.close()
        self._data = self._control = None

    def hash_start(self) -> None:
        """Locality 4: a measured launch begins; PCR 17 to 22 are reset to zeros."""
        self._do(_Control.HASH_START)

    def hash_data(self, data: bytes) -> None:
        """Locality 4: so many bytes more of what is measured."""
        for at in range(0, len(data), _PIECE):
            piece = data[at : at + _PIECE]
            self._do(_Control.HASH_DATA, _WORD.pack(len(piece)) + piece)

    def hash_end(self) -> None:
        """Locality 4: PCR 17 = H(0 ‖ H(what has been measured))."""
        self._do(_Control.HASH_END)

    @property
    def alive(self) -> bool:
        """Whether the process is there."""
        return self._process.poll() is None

    def established(self) -> bool:
        """Whether a measured launch has begun since this was last cleared; a reset clears nothing."""
        return bool(_FLAG.unpack(self._do(_Control.GET_ESTABLISHED, answer=_FLAG.size))[0])

    def clear_established(self, locality: int) -> None:
        """It has not; TpmError from a locality that may not say so."""
        self._do(_Control.RESET_ESTABLISHED, bytes((locality,)))

    def reset(self) -> None:
        """The reset pin, then TPM2_Startup(CLEAR) and a self-test, so that nothing depends on what a BIOS does of them.

        Before its startup a TPM would take locality 4's hash for that of a BIOS, and put it into PCR 0.
        """
        self._do(_Control.INIT, _WORD.pack(0))
        self.release()
        for command in (_STARTUP_CLEAR, _SELF_TEST):
            _tag, _size, code = _HEADER.unpack(self.command(command)[: _HEADER.size])
            if code != _SUCCESS:
                raise TpmError(f"{_PROGRAM} does not start: it answers {code:#x}")

    def kill(self) -> None:
        """It dies, as by a fault."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def close(self) -> None:
        """End it, its state saved."""
        self.release()
        if self.alive:
            self._process.terminate()
            self._process.wait()
        shutil.rmtree(self._folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def _connect(self, path: str) -> socket.socket:
        """Waits until it listens."""
        end = time.monotonic() + _START_SECONDS
        while True:
            channel = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            channel.settimeout(_PATIENCE_SECONDS)
            try:
                channel.connect(path)
                return channel
            except OSError:
                channel.close()
            if not self.alive or time.monotonic() > end:
                raise TpmError(f"{_PROGRAM} does not answer: {self._last_words()}")
            time.sleep(_POLL_SECONDS)

    def _last_words(self) -> str:
        lines = self._log.read_text(errors="replace").splitlines()
        return lines[-1] if lines else "it has said nothing"

    def _do(self, command: _Control, operands: bytes = b"", answer: int = 0) -> bytes:
        """One control command; so many bytes that follow its result."""
        if self._control is None:
            self._control = self._connect(self._control_path)
        self._send(self._control, _WORD.pack(command) + operands)
        (result,) = _WORD.unpack(self._receive(self._control, _WORD.size))
        if result:
            raise TpmError(f"{_PROGRAM}: {command.name} fails with {result:#x}")
        return self._receive(self._control, answer)

    def _send(self, channel: socket.socket, data: bytes) -> None:
        try:
            channel.sendall(data)
        except OSError as error:
            raise TpmError(f"{_PROGRAM} has died: {_reason(error)}") from None

    def _receive(self, channel: socket.socket, size: int) -> bytes:
        data = b""
        while len(data) < size:
            try:
                piece = channel.recv(size - len(data))
            except OSError as error:
                raise TpmError(f"{_PROGRAM} has died: {_reason(error)}") from None
            if not piece:
                raise TpmError(f"{_PROGRAM} has died in the middle of an answer")
            data += piece
        return data


def _reason(error: OSError) -> str:
    return "it says nothing any more" if isinstance(error, TimeoutError) else os.strerror(error.errno or 0)
