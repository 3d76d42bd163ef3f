"""What to make a model of, and what the C++ part of it does at every cycle so that Python need not."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

__all__ = ["Feed", "ModelSpec", "Recorder", "Stream", "Trace", "Transactor"]

Trace = Literal["none", "vcd", "fst"]


@dataclass(frozen=True)
class Stream:
    """Bytes (or words of up to 32 bits) that come out: ``data`` is taken in every cycle in which ``valid`` is 1."""

    name: str
    valid: str
    data: str


@dataclass(frozen=True)
class Feed:
    """Words that go in: each is offered on ``data`` with ``valid`` until a cycle in which ``ready`` is 1."""

    name: str
    valid: str
    data: str
    ready: str


@dataclass(frozen=True)
class Recorder:
    """A wide port, of a ``data.Struct``'s layout, that is kept in every cycle in which all the one-bit fields of ``when`` are 1 (0, if
    written with a ``~`` before). A port that is a ``data.ArrayLayout`` of such structures has several records side by side: each is
    looked at by itself, and those of a cycle are kept in their order, as if they had come one after the other.

    ``layout`` is the ``package.module:Struct`` (or the array) of a port that is declared as plain bits.
    """

    name: str
    port: str
    when: tuple[str, ...] = ("valid",)
    layout: str = ""


@dataclass(frozen=True)
class Transactor:
    """A request and answer pair of ports, played from a queue: one request at a time, its answers in order.

    ``fields`` are the request's input ports, ``valid``/``ready`` its handshake; ``response_fields`` are the answer's output ports, taken
    with ``response_valid``. Every field is at most 32 bits wide.
    """

    fields: tuple[str, ...]
    valid: str
    ready: str
    response_fields: tuple[str, ...]
    response_valid: str


@dataclass(frozen=True)
class ModelSpec:
    """A component and its parameters, and the ports that have a part to play.

    ``top`` is ``package.module:Class`` (or a function that returns a component); it is imported only when something has to be built.
    ``rooms`` are the folders and files (relative to the root) on which the circuit depends: as long as they are unchanged a model is found
    without elaborating the circuit. Without rooms the circuit is elaborated every time, and the model found by its Verilog.

    ``training`` is the ``package.module:function`` that puts a ``Model`` through typical work: the compiler then sees what is taken often.
    It makes a large model a quarter faster, and twice as long to build; models that draw waves are not trained.
    """

    top: str
    arguments: Mapping[str, object] = field(default_factory=dict)
    rooms: tuple[str, ...] = ()
    verilog: tuple[Path, ...] = ()
    stops: tuple[str, ...] = ()
    streams: tuple[Stream, ...] = ()
    feeds: tuple[Feed, ...] = ()
    recorders: tuple[Recorder, ...] = ()
    transactor: Transactor | None = None
    training: str = ""

    @property
    def name(self) -> str:
        """The component's own name, for messages."""
        return self.top.rpartition(":")[2]
