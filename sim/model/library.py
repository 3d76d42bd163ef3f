"""A model in Python: ports, runs, streams, records, transactions, main memory, waves."""

import ctypes
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType

from sim.model.build import Built
from sim.model.layout import RecordDecoder, RecordView

__all__ = ["Model", "RunResult", "TransactionTimeout"]

_WORDS = ctypes.POINTER(ctypes.c_uint32)
_FULL = 1 << 31


class TransactionTimeout(RuntimeError):
    """A queue of transactions was not done within its cycles."""


@dataclass(frozen=True)
class RunResult:
    """``cycles`` run; ``stops``: the stop ports that were not 0 in the last of them."""

    cycles: int
    stops: frozenset[str]


class Model:
    """An instance of a built model. Cycles are counted from 0; inputs keep what they were set to."""

    def __init__(self, built: Built, arguments: Sequence[str] = ()) -> None:
        """``arguments``: the simulator's, ``+name=value``."""
        self.built = built
        self.spec = built.spec
        self.interface = built.interface
        self._lib = _bind(built.library)
        encoded = [os.fsencode(a) for a in arguments]
        self._state = self._lib.model_create(len(encoded), (ctypes.c_char_p * len(encoded))(*encoded))
        self._streams = {s.name: n for n, s in enumerate(self.spec.streams)}
        self._feeds = {f.name: n for n, f in enumerate(self.spec.feeds)}
        self._recorders = {r.name: n for n, r in enumerate(self.spec.recorders)}
        self._stop_mask = {name: 1 << n for n, name in enumerate(self.spec.stops)}
        layouts = self.interface.layouts
        self._decoders = {r.name: RecordDecoder(layouts[r.port].fields, layouts[r.port].width) for r in self.spec.recorders}
        # Words fetched from full buffers in the middle of a run.
        self._taken: dict[str, bytearray] = {s.name: bytearray() for s in self.spec.streams}
        self._entries: dict[str, bytearray] = {r.name: bytearray() for r in self.spec.recorders}

    # ports

    def get(self, name: str) -> int:
        """The value of a port, inputs of this cycle applied."""
        words = self.interface.port(name).words
        buffer = (ctypes.c_uint32 * max(2, words))()
        self._lib.model_get(self._state, self.interface.index(name), buffer)
        return int.from_bytes(bytes(buffer), "little")

    def set(self, name: str, value: int) -> None:
        """Set an input from this cycle on; ValueError if it is an output or the value does not fit."""
        port = self.interface.port(name)
        if not port.is_input:
            raise ValueError(f"{name} is an output")
        if value < 0 or value >> port.width:
            raise ValueError(f"{value:#x} does not fit in {name} ({port.width} bits)")
        words = max(2, port.words)
        buffer = (ctypes.c_uint32 * words).from_buffer_copy(value.to_bytes(4 * words, "little"))
        self._lib.model_set(self._state, self.interface.index(name), buffer)

    # time

    @property
    def cycle(self) -> int:
        """Rising edges so far."""
        return int(self._lib.model_cycle(self._state))

    def run(self, cycles: int, stops: Iterable[str] | None = None) -> RunResult:
        """Run for ``cycles``, or until one of ``stops`` (if not given, any of the specification's) is not 0 in a cycle, the last."""
        mask = sum(self._stop_mask[s] for s in (self._stop_mask if stops is None else stops))
        stopped = ctypes.c_uint32()
        done = 0
        while done < cycles:
            done += self._lib.model_run(self._state, cycles - done, mask, ctypes.byref(stopped))
            if stopped.value & _FULL:
                self._empty_buffers()
            if reached := stopped.value & ~_FULL:
                return RunResult(done, frozenset(n for n, bit in self._stop_mask.items() if reached & bit))
        return RunResult(done, frozenset())

    # streams and feeds

    def take(self, stream: str) -> bytes:
        """The bytes that came out of a stream (the low byte of each word) since they were last taken."""
        return self.take_words(stream)[::4]

    def take_words(self, stream: str) -> bytes:
        """The same as little-endian 32-bit words."""
        self._fetch_stream(stream)
        words = bytes(self._taken[stream])
        self._taken[stream].clear()
        return words

    def _fetch_stream(self, name: str) -> None:
        number = self._streams[name]
        pointer = _WORDS()
        count = self._lib.model_stream(self._state, number, ctypes.byref(pointer))
        if count:
            self._taken[name] += ctypes.string_at(pointer, 4 * count)
            self._lib.model_stream_drop(self._state, number)

    def feed(self, name: str, words: Sequence[int] | bytes) -> None:
        """Queue words for an input stream."""
        buffer = (ctypes.c_uint32 * len(words))(*words)
        self._lib.model_feed(self._state, self._feeds[name], buffer, len(words))

    def feed_left(self, name: str) -> int:
        """Words not taken yet."""
        return int(self._lib.model_feed_left(self._state, self._feeds[name]))

    # records

    def record(self, name: str, on: bool = True, keep_last: int = 0) -> None:
        """Start or end keeping records; with ``keep_last`` at least that many of the newest are kept and older ones dropped."""
        self._lib.model_record(self._state, self._recorders[name], int(on), keep_last)

    def record_count(self, name: str) -> int:
        """Valid records so far, kept or not."""
        return int(self._lib.model_record_count(self._state, self._recorders[name]))

    def take_record_bytes(self, name: str) -> bytes:
        """The entries kept since they were last taken: each two words of cycle number, then the record."""
        self._fetch_records(name)
        entries = bytes(self._entries[name])
        self._entries[name].clear()
        return entries

    def take_records(self, name: str) -> Iterator[RecordView]:
        """The same, decoded one by one."""
        return self._decoders[name].decode(self.take_record_bytes(name))

    def decoder(self, name: str) -> RecordDecoder:
        """The layout of a recorder's records."""
        return self._decoders[name]

    def _fetch_records(self, name: str) -> None:
        number = self._recorders[name]
        pointer = _WORDS()
        count = self._lib.model_records(self._state, number, ctypes.byref(pointer))
        if count:
            self._entries[name] += ctypes.string_at(pointer, 4 * count)
            self._lib.model_records_drop(self._state, number)

    def _empty_buffers(self) -> None:
        for stream in self._streams:
            self._fetch_stream(stream)
        for recorder in self._recorders:
            self._fetch_records(recorder)

    # transactions

    def transact(self, requests: Sequence[tuple[int, ...]], max_cycles: int = 10_000_000) -> list[tuple[int, ...]]:
        """Play requests (the transactor's fields in order, then the number of answers) and return the answers' fields, in order.

        TransactionTimeout if they are not done in ``max_cycles``.
        """
        transactor = self.spec.transactor
        if transactor is None:
            raise ValueError(f"{self.spec.name} has no transactor")
        flat = [word for request in requests for word in request]
        width = len(transactor.fields) + 1
        if len(flat) != width * len(requests):
            raise ValueError(f"a request has {width} numbers")
        buffer = (ctypes.c_uint32 * len(flat))(*flat)
        pointer = _WORDS()
        words = ctypes.c_size_t()
        done = self._lib.model_transact(self._state, buffer, len(requests), max_cycles, ctypes.byref(pointer), ctypes.byref(words))
        if done != len(requests):
            raise TransactionTimeout(f"request {done} of {len(requests)} was not done within {max_cycles} cycles: {requests[done]}")
        answers = pointer[: words.value]
        size = len(transactor.response_fields)
        return [tuple(answers[n : n + size]) for n in range(0, len(answers), size)]

    # main memory, from the outside

    @property
    def memory_size(self) -> int:
        """Bytes of the main memory; 0 if the model has none."""
        return 4 * self.interface.ram_words

    def memory(self) -> memoryview:
        """Main memory itself, as bytes that can be read and written between runs."""
        size = ctypes.c_size_t()
        pointer = self._lib.model_ram(self._state, ctypes.byref(size))
        if not pointer:
            raise ValueError(f"{self.spec.name} has no main memory")
        array = (ctypes.c_uint8 * (4 * size.value)).from_address(ctypes.cast(pointer, ctypes.c_void_p).value or 0)
        array._model = self  # type: ignore[attr-defined]
        return memoryview(array).cast("B")

    def load(self, address: int, data: bytes) -> None:
        """Write to main memory behind the circuit's back; for images before a run."""
        self._check_range(address, len(data))
        self.memory()[address : address + len(data)] = data

    def dump(self, address: int, length: int) -> bytes:
        """Read main memory behind the circuit's back."""
        self._check_range(address, length)
        return bytes(self.memory()[address : address + length])

    def _check_range(self, address: int, length: int) -> None:
        if address < 0 or length < 0 or address + length > self.memory_size:
            raise ValueError(f"{address:#x} to {address + length:#x} does not lie in {self.memory_size:#x} bytes of memory")

    # waves

    def trace_start(self, path: Path) -> None:
        """Draw waves into ``path`` from now on; needs a model that was built for it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if not self._lib.model_trace_start(self._state, str(path).encode()):
            raise OSError(f"{path}: cannot draw waves (was the model built with trace='vcd' or 'fst'?)")

    def trace_stop(self) -> None:
        """Close the file of waves."""
        self._lib.model_trace_stop(self._state)

    # end

    def close(self) -> None:
        """Give the model back; memory views of it must not be used any more."""
        if self._state:
            self._lib.model_destroy(self._state)
            self._state = None

    def __enter__(self) -> "Model":
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def __del__(self) -> None:
        if getattr(self, "_state", None):
            self.close()


def _bind(path: Path) -> ctypes.CDLL:
    lib = ctypes.CDLL(str(path))
    state, words_out = ctypes.c_void_p, ctypes.POINTER(_WORDS)
    u32, u64, size, integer = ctypes.c_uint32, ctypes.c_uint64, ctypes.c_size_t, ctypes.c_int
    size_out = ctypes.POINTER(ctypes.c_size_t)
    signatures: dict[str, tuple[object, list[object]]] = {
        "model_create": (state, [integer, ctypes.POINTER(ctypes.c_char_p)]),
        "model_destroy": (None, [state]),
        "model_set": (None, [state, u32, _WORDS]),
        "model_get": (None, [state, u32, _WORDS]),
        "model_cycle": (u64, [state]),
        "model_run": (u64, [state, u64, u32, _WORDS]),
        "model_stream": (size, [state, u32, words_out]),
        "model_stream_drop": (None, [state, u32]),
        "model_feed": (None, [state, u32, _WORDS, size]),
        "model_feed_left": (size, [state, u32]),
        "model_record": (None, [state, u32, integer, u64]),
        "model_record_count": (u64, [state, u32]),
        "model_records": (size, [state, u32, words_out]),
        "model_records_drop": (None, [state, u32]),
        "model_transact": (size, [state, _WORDS, size, u64, words_out, size_out]),
        "model_ram": (_WORDS, [state, size_out]),
        "model_trace_start": (integer, [state, ctypes.c_char_p]),
        "model_trace_stop": (None, [state]),
    }
    for name, (result, arguments) in signatures.items():
        function = getattr(lib, name)
        function.restype = result
        function.argtypes = arguments
    return lib
