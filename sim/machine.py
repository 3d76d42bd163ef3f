"""The simulated machine as a whole: load a program, run it, watch its consoles, read what it retired."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from contracts.boot import BOOT_ADDRESS, MULTIBOOT_INFO, BootFlag, boot_block, multiboot_info
from contracts.clocks import CYCLES_PER_PIT_TICK
from sim.disk import SIM_DISK, disk_arguments
from sim.display.hands import KEY_FEED, MOVE_FEED, key_words, move_word
from sim.display.screen import CAPTURED, DISPLAY_STREAM, Camera, Screen, take_screen
from sim.model import Feed, Model, ModelSpec, Recorder, Stream, Transactor, build_model
from sim.model.layout import RecordView
from sim.model.library import RunResult
from sim.model.spec import Trace
from sim.multiboot import MultibootImage
from sim.ram import SIM_RAM
from sim.tpm.bridge import TpmBridge
from sim.tpm.served import TPM_ASKS, TPM_FEED, TPM_STREAMS, ServedTpm

__all__ = ["DEFAULT_MEMORY", "SLICE_CYCLES", "Ending", "Machine", "MachineConfig", "Outcome", "machine_spec"]

DEFAULT_MEMORY = 32 << 20
_ROOMS = ("contracts", "rtl", "cpu_ext", "chipset", "firmware/reset_rom", "firmware/headers.py", "firmware/build.py", "sim/machine_top.py")
_RETIRE = "rtl.retire.port:RetirePort"
_VIEW = "sim.machine_top:VIEW"
_TRAINING = "sim.machine_training:work"
_TRAINED = 8 << 20  # bytes of memory that the kernel and the guest of the training need
SLICE_CYCLES = 200_000  # cycles between two looks at the consoles
_STALLED = 20_000_000  # cycles in which nothing is retired, not even an iteration, after which nothing more is to be expected
_RESET_LIMIT = 1000  # cycles that a power-on reset may take
_PICTURE_LIMIT = 10_000_000  # cycles within which there is a picture, however often the machine is reset


@dataclass(frozen=True)
class MachineConfig:
    """What to build. ``memory`` is a power of two of bytes; ``params`` a configuration of ``CoreParams``."""

    memory: int = DEFAULT_MEMORY
    extension: bool = True
    host_link: bool = True
    params: str = "default"
    latency: int = 6
    timer_divider: int = CYCLES_PER_PIT_TICK


def machine_spec(config: MachineConfig, *, named_view: bool = False) -> ModelSpec:
    """The machine's model: what ends a run, which bytes come out, what is recorded. ``named_view``: for waves."""
    return ModelSpec(
        top="sim.machine_top:simulated_machine",
        arguments={
            "memory_bytes": config.memory, "extension": config.extension, "host_link": config.host_link, "params": config.params,
            "latency": config.latency, "timer_divider": config.timer_divider, **({"named_view": True} if named_view else {}),
        },
        rooms=_ROOMS,
        verilog=(SIM_RAM, SIM_DISK),
        stops=("exit_valid", "platform_reset", "stub_waiting", TPM_ASKS, CAPTURED),
        streams=(
            Stream("com1", "com1_tx_valid", "com1_tx_data"),
            Stream("debug", "debug_valid", "debug_data"),
            Stream("post", "post_valid", "post_data"),
            Stream("exit", "exit_valid", "exit_data"),
            Stream("denied_address", "denied_valid", "denied_address"),
            Stream("denied_write", "denied_valid", "denied_write"),
            Stream("denied_requester", "denied_valid", "denied_requester"),
            *TPM_STREAMS,
            DISPLAY_STREAM,
        ),
        feeds=(Feed("com1", "com1_rx_valid", "com1_rx_data", "com1_rx_ready"), TPM_FEED, KEY_FEED, MOVE_FEED),
        recorders=(
            Recorder("retire", "retire", layout=_RETIRE),
            Recorder("instructions", "retire", ("instruction.valid", "instruction.final", "~instruction.event"), layout=_RETIRE),
            Recorder("events", "retire", ("instruction.valid", "instruction.event"), layout=_RETIRE),
            Recorder("view", "view", layout=_VIEW),
        ),
        transactor=Transactor(
            ("link_op", "link_address", "link_data"), "link_valid", "link_ready", ("link_rsp_data", "link_rsp_error"), "link_rsp_valid"
        ),
        training=_TRAINING if config.extension and config.host_link and config.memory >= _TRAINED else "",
    )  # fmt: skip


class Ending(Enum):
    """Why a run ended."""

    EXIT = "the program wrote to the exit port"
    LIMIT = "the cycle limit was reached"
    RESET = "the machine was reset"
    STALLED = "the processor did nothing any more"
    WAITING = "the ring -1 stub waits for the kernel"
    INTERRUPTED = "interrupted"

    @property
    def status(self) -> int:
        """The exit status of a run in which the program has given none: as timeout(1) and shells have it where they have one."""
        return {Ending.LIMIT: 124, Ending.INTERRUPTED: 130}.get(self, 3)


@dataclass(frozen=True)
class Outcome:
    """A run: how it ended, how long it was, and at what rate. ``status`` is the exit status as QEMU's isa-debug-exit gives it."""

    ending: Ending
    cycles: int
    instructions: int
    seconds: float  # of the processor that simulates
    status: int | None = None

    @property
    def cycles_per_second(self) -> float:
        """Simulated cycles in a second of the simulating processor's time."""
        return self.cycles / self.seconds if self.seconds else 0.0


Console = Callable[[str, bytes], None]


class Machine:
    """The machine, out of its power-on reset and before its first instruction.

    Attributes
    ----------
    camera : takes pictures of the screen while the machine runs
    stall_limit : cycles in which nothing is retired after which a run ends, unless it says otherwise; None: it may wait for a key for ever
    """

    def __init__(
        self,
        config: MachineConfig | None = None,
        trace: Trace = "none",
        spec: ModelSpec | None = None,
        disk: Path | None = None,
        model: Model | None = None,
        tpm: TpmBridge | None = None,
    ) -> None:
        """``spec`` stands for another circuit with the same ports, ``model`` for a new instance of the machine's. ``disk`` is the image of
        the IDE drive, read and written in place; without it there is no drive. DiskError if it cannot be one. Without ``tpm`` there is no
        TPM behind its registers."""
        self.config = config or MachineConfig()
        arguments = disk_arguments(disk) if disk is not None else ()
        self.model = model or Model(build_model(spec or machine_spec(self.config, named_view=trace != "none"), trace), arguments)
        self._console: Console | None = None
        self.camera = Camera(self.model)
        self.stall_limit: int | None = _STALLED
        self.outputs: dict[str, bytearray] = {name: bytearray() for name in ("com1", "debug", "post")}
        self._tpm = ServedTpm(self.model, tpm) if tpm is not None else None
        if self._tpm is not None:
            self._tpm.serve()
        self._leave_reset()

    def _leave_reset(self) -> None:
        for _ in range(_RESET_LIMIT):
            if not self.model.get("platform_reset"):
                return
            self.model.run(1, stops=())
        raise RuntimeError("the machine does not leave its reset")

    # what is loaded

    def load_multiboot(self, image: MultibootImage, command_line: str = "", flags: BootFlag = BootFlag(0)) -> None:
        """Put a program into memory and a boot block beside it: the reset ROM starts it as a multiboot loader would."""
        for segment in image.segments:
            self.model.load(segment.address, segment.data.ljust(segment.size, b"\0"))
        self.model.load(MULTIBOOT_INFO, multiboot_info(self.config.memory, command_line))
        self.load_boot_block(boot_block(image.entry, flags=flags))

    def load_boot_block(self, block: bytes) -> None:
        """A boot block of ``contracts.boot``, for a program that has been loaded otherwise."""
        self.model.load(BOOT_ADDRESS, block)

    def set_straps(self, straps: int) -> None:
        """``chipset.boards.straps.Strap``: the switches of control runs."""
        self.model.set("straps", straps)

    # running

    def on_output(self, console: Console | None) -> None:
        """``console(name, bytes)`` is called with what ``com1`` and ``debug`` say, while a run goes on."""
        self._console = console

    def type(self, text: bytes) -> None:
        """Bytes for COM1's receiver."""
        self.model.feed("com1", text)

    def press(self, key: str) -> None:
        """A key goes down, or down again as keys do that are held. UnknownKey."""
        self.model.feed(KEY_FEED.name, key_words(key))

    def release(self, key: str) -> None:
        """A key is let go. UnknownKey."""
        self.model.feed(KEY_FEED.name, key_words(key, released=True))

    def move_mouse(self, x: int, y: int, buttons: tuple[bool, bool, bool] = (False, False, False)) -> None:
        """So many counts to the right and away from the user, with the buttons left, right and middle. ValueError if it is too far."""
        self.model.feed(MOVE_FEED.name, [move_word(x, y, buttons)])

    def screen(self) -> Screen:
        """What the display shows. The machine runs on for it, a frame and up to one more; what would end a run goes by. NoPicture."""
        self.camera.give_up()
        return take_screen(self.model, _PICTURE_LIMIT, self._advance)

    @property
    def leds(self) -> int:
        """Of the keyboard: bit 0 scroll lock, 1 num lock, 2 caps lock."""
        return self.model.get("leds")

    @property
    def cycle(self) -> int:
        """Cycles since power-on."""
        return self.model.cycle

    @property
    def instructions(self) -> int:
        """Instructions retired since power-on (a repeated string instruction counts once)."""
        return self.model.record_count("instructions")

    def run(
        self,
        max_cycles: int | None = None,
        *,
        stop_on_reset: bool = True,
        stop_at_stub: bool = False,
        stall_limit: int | None = None,
        each_slice: Callable[[], None] | None = None,
        slice_cycles: int = SLICE_CYCLES,
    ) -> Outcome:
        """Run until the program ends, resets the machine or does nothing any more for ``stall_limit`` cycles (the machine's own
        limit, if not given), or for ``max_cycles``.

        ``each_slice`` is called every ``slice_cycles`` and at the end: to fetch records before they are too many.
        """
        first_cycle, first_instruction = self.model.cycle, self.instructions
        patience = self.stall_limit if stall_limit is None else stall_limit
        start = time.process_time()
        stops = ("exit_valid", *(("platform_reset",) if stop_on_reset else ()), *(("stub_waiting",) if stop_at_stub else ()))
        ending: Ending | None = None
        last_sign, idle = -1, 0
        while ending is None:
            left = slice_cycles if max_cycles is None else min(slice_cycles, max_cycles - (self.model.cycle - first_cycle))
            if left <= 0:
                ending = Ending.LIMIT
                break
            result = self._advance(left, stops)
            sign = self.model.record_count("retire")  # of life: a repeated string instruction retires each of its iterations
            idle = idle + result.cycles if sign == last_sign else 0
            last_sign = sign
            self.drain()
            if each_slice is not None:
                each_slice()
            ending = self._ending(result.stops, patience is not None and idle >= patience)
        seconds = time.process_time() - start
        status = None
        if ending is Ending.EXIT:
            status = (self.model.take("exit")[-1] << 1 | 1) & 0xFF
        return Outcome(ending, self.model.cycle - first_cycle, self.instructions - first_instruction, seconds, status)

    def _advance(self, cycles: int, stops: tuple[str, ...]) -> RunResult:
        """As ``Model.run``; what the TPM is asked meanwhile it answers, in no simulated time."""
        if self._tpm is None:
            return self.model.run(cycles, stops)
        left = cycles
        while True:
            result = self.model.run(left, (*stops, TPM_ASKS))
            left -= result.cycles
            self._tpm.serve()
            others = result.stops - {TPM_ASKS}
            if others or left <= 0:
                return RunResult(cycles - left, others)

    def serve_tpm(self) -> None:
        """Let the TPM answer what it has been asked: for who lets cycles go by without ``run``."""
        if self._tpm is not None and self.model.get(TPM_ASKS):
            self._tpm.serve()

    @staticmethod
    def _ending(stops: frozenset[str], stalled: bool) -> Ending | None:
        if "exit_valid" in stops:
            return Ending.EXIT
        if "platform_reset" in stops:
            return Ending.RESET
        if "stub_waiting" in stops:
            return Ending.WAITING
        return Ending.STALLED if stalled else None

    def drain(self) -> None:
        """Fetch what the consoles have said."""
        for name, kept in self.outputs.items():
            if said := self.model.take(name):
                kept += said
                if self._console is not None and name != "post":
                    self._console(name, said)

    # what happened

    def record(self, on: bool = True, keep_last: int = 0) -> None:
        """Keep the retire records from now on (all, or only the newest)."""
        self.model.record("retire", on, keep_last)

    def records(self) -> Iterator[RecordView]:
        """The retire records kept since the last call."""
        return self.model.take_records("retire")

    def denials(self) -> list[tuple[int, bool, int]]:
        """DMA accesses that were refused since the last call: address, write, requester."""
        words = [memoryview(self.model.take_words(f"denied_{part}")).cast("I") for part in ("address", "write", "requester")]
        return [(address, bool(write), requester) for address, write, requester in zip(*words, strict=True)]

    def trace_start(self, path: Path) -> None:
        """Draw waves into ``path``; the machine must have been made with ``trace``."""
        self.model.trace_start(path)

    def trace_stop(self) -> None:
        """Close the waves."""
        self.model.trace_stop()

    def close(self) -> None:
        """Give the model back."""
        self.model.close()

    def __enter__(self) -> "Machine":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
