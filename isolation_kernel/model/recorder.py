"""Records every call of the machine interface as a line of JSON, and replays a record: the kernel must decide the same again."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TextIO

from contracts.configuration import GuestConfig, KernelConfig
from contracts.devices import DeviceNumber
from contracts.machine import Machine
from isolation_kernel.kernel import Kernel

__all__ = ["METHODS", "RecordingMachine", "ReplayMachine", "ReplayMismatch", "replay"]

METHODS = (
    "read32", "write32", "read_block", "write_block", "clear", "io_read", "io_write", "io_write32", "run", "take_interrupt", "halt",
    "invlpga", "time", "shutdown",
)  # fmt: skip


class ReplayMismatch(Exception):
    """The kernel did something else than what was recorded."""


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value


class RecordingMachine:
    """A machine that writes down what the kernel asks of another, and what it is told. ``note`` records what the host does."""

    def __init__(self, machine: Machine, out: TextIO) -> None:
        self._machine, self._out = machine, out

    def note(self, event: str, *arguments: object) -> None:
        """Something that the host did to the kernel between two steps: ``step`` itself, ``post_message``, …"""
        self._out.write(json.dumps({"host": event, "args": [_plain(a) for a in arguments]}) + "\n")

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in METHODS:
            raise AttributeError(name)
        method = getattr(self._machine, name)

        def recorded(*arguments: object) -> object:
            result = method(*arguments)
            line = {"call": name, "args": [_plain(a) for a in arguments], "result": _plain(result)}
            self._out.write(json.dumps(line) + "\n")
            return result

        return recorded


class ReplayMachine:
    """A machine that answers from a record, and complains if asked anything else. ``line`` is the number of the last line used."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines: list[dict[str, Any]] = [json.loads(line) for line in lines]
        self.line = 0

    def ahead(self) -> Iterator[dict[str, Any]]:
        """The lines to come."""
        return (self._lines[n] for n in range(self.line, len(self._lines)))

    def next_host_event(self) -> tuple[str, list[Any]] | None:
        """What the host did next; None at the end of the record. ReplayMismatch if the kernel has left calls out."""
        line = next(self.ahead(), None)
        if line is None:
            return None
        self.line += 1
        if "host" not in line:
            raise ReplayMismatch(f"line {self.line}: the kernel did not call {line['call']}{tuple(line['args'])}")
        return line["host"], line["args"]

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in METHODS:
            raise AttributeError(name)

        def replayed(*arguments: object) -> object:
            plain = [_plain(a) for a in arguments]
            line: dict[str, Any] = next(self.ahead(), {"call": "nothing", "args": []})
            self.line += 1
            if (line.get("call"), line["args"]) != (name, plain):
                wanted = line.get("call", line.get("host"))
                raise ReplayMismatch(f"line {self.line}: the kernel called {name}{tuple(plain)}, recorded is {wanted}{tuple(line['args'])}")
            result = line["result"]
            return self._answer(name, arguments, bytes.fromhex(result) if name == "read_block" else result)

        return replayed

    def _answer(self, name: str, arguments: tuple[Any, ...], recorded: Any) -> Any:
        """What a call returns."""
        return recorded


def replay(lines: Iterable[str] | ReplayMachine, config: KernelConfig, guest: Callable[[str], GuestConfig]) -> Kernel:
    """Run a new kernel against a record, or the machine that replays it; ``guest`` gives the configuration that was loaded under a name.
    ReplayMismatch if it differs."""
    machine = lines if isinstance(lines, ReplayMachine) else ReplayMachine(lines)
    kernel = Kernel(machine, config)
    while (event := machine.next_host_event()) is not None:
        name, arguments = event
        if name == "load_guest":
            kernel.load_guest(guest(arguments[0]))
        elif name == "post_message":
            kernel.post_message(arguments[0], bytes.fromhex(arguments[1]))
        elif name == "move_device":
            kernel.move_device(DeviceNumber(arguments[0]), arguments[1])
        elif name in ("step", "move_page", "take_answers"):
            getattr(kernel, name)(*arguments)
        else:
            raise ReplayMismatch(f"the record has the event {name}, which is none of the kernel's")
    return kernel
