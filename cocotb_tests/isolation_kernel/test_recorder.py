"""The kernel's decisions depend on what the machine tells it and on nothing else: a recorded run replays call for call."""

import io
import json

import pytest

from cocotb_tests.isolation_kernel.world import CODE, LAYOUT, paging_on
from contracts.configuration import GuestConfig, KernelConfig, MultibootEntry, Right
from contracts.devices import DeviceNumber
from contracts.hypercalls import Hypercall
from contracts.protections import Protections
from isolation_kernel.kernel import Kernel
from isolation_kernel.model.machine import ModelMachine
from isolation_kernel.model.recorder import RecordingMachine, ReplayMachine, ReplayMismatch, replay
from isolation_kernel.model.script import Cpuid, Invlpg, Out, Read, Script, Spin, Vmmcall, Write, WriteCr

CONFIG = KernelConfig(layout=LAYOUT, tables_per_guest=64)
FIRST = GuestConfig("first", 2 << 20, (), MultibootEntry(CODE), True, frozenset({DeviceNumber.DMA0}), frozenset(Right))
SECOND = GuestConfig("second", 256 << 10, ((0x3001, b"data"),), MultibootEntry(CODE))


def busy() -> Script:
    yield from paging_on()
    for n in range(60):
        yield Write(0x20000 + 0x1000 * (n % 8), n)
        yield Write(0x11000 + 4 * 0x30, 0x20000 | 0x1000 * (n % 8) | 3)
        yield Invlpg(0x30000)
        yield Read(0x30000)
        yield WriteCr(3, 0x10000)
        yield Out(0xE9, 65 + n % 26)
        yield Spin(3000)
    yield Vmmcall(Hypercall.GIVE_PAGE, 0x9000, 2)
    yield Cpuid(1)


def answers() -> Script:
    while True:
        yield Vmmcall(Hypercall.RECEIVE, 0x8000, 64)
        yield Vmmcall(Hypercall.SEND, 0x8000, 4)


def record() -> list[str]:
    out = io.StringIO()
    machine = ModelMachine(LAYOUT)
    recorder = RecordingMachine(machine, out)
    kernel = Kernel(recorder, CONFIG)
    for config, script in ((FIRST, busy), (SECOND, answers)):
        recorder.note("load_guest", config.name)
        machine.attach(kernel.load_guest(config).vcpu.block, script)
    for n in range(300):
        if n % 40 == 20:
            recorder.note("post_message", 2, b"message")
            kernel.post_message(2, b"message")
        recorder.note("step")
        kernel.step()
    assert kernel.partitions[2].answers and kernel.partitions[1].console
    return out.getvalue().splitlines()


def guests(name: str) -> GuestConfig:
    return {"first": FIRST, "second": SECOND}[name]


def test_a_record_replays() -> None:
    lines = record()
    assert sum('"run"' in line for line in lines) > 200
    kernel = replay(lines, CONFIG, guests)
    assert kernel.partitions[1].console and [bytes(a) for a in kernel.partitions[2].answers] == [b"mess"] * len(
        kernel.partitions[2].answers
    )


@pytest.mark.parametrize("protection", ("frame_owner_check", "io_permission", "svm_intercepts", "cr3_intercept"))
def test_a_different_kernel_is_noticed(protection: str) -> None:
    with pytest.raises(ReplayMismatch):
        config = KernelConfig(layout=LAYOUT, tables_per_guest=64, protections=Protections.without("io_permission", protection))
        replay(record(), config, guests)


def test_a_changed_answer_is_noticed() -> None:
    """One other exit code leads to other calls."""
    lines = record()
    at = next(n for n, line in enumerate(lines) if '"run"' in line)
    first = next(n for n in range(at, len(lines)) if '"read_block"' in lines[n] and json.loads(lines[n])["args"][0] % 0x1000 == 0x70)
    line = json.loads(lines[first])
    line["result"] = "72" + line["result"][2:]  # CPUID instead
    lines[first] = json.dumps(line)
    with pytest.raises(ReplayMismatch):
        replay(lines, CONFIG, guests)


def test_a_call_left_out_is_noticed() -> None:
    lines = record()
    step = max(n for n, line in enumerate(lines) if '"host"' in line)
    lines.insert(step, json.dumps({"call": "write32", "args": [0, 0], "result": None}))
    with pytest.raises(ReplayMismatch):
        replay(lines, CONFIG, guests)


def test_other_names_are_no_methods() -> None:
    for machine in (RecordingMachine(ModelMachine(LAYOUT), io.StringIO()), ReplayMachine([])):
        assert not hasattr(machine, "memory")
