"""The core alone runs real code: programs of ``cocotb_tests/rtl/programs``, each of which checks itself and ends with an exit code."""

import subprocess
from pathlib import Path

import pytest

from cocotb_tests.rtl.core_bench import RAM_BYTES
from sim.model import Model, ModelSpec, Recorder, Stream, build_model
from sim.ram import SIM_RAM

__all__ = ["SPEC", "assemble"]

PROGRAMS = Path(__file__).parent / "programs"
PASSED = 0xF0
LIMIT = 200_000

SPEC = ModelSpec(
    top="cocotb_tests.rtl.core_bench:CoreBench",
    rooms=("rtl", "contracts", "cocotb_tests/rtl/core_bench.py", "cocotb_tests/rtl/slots.py"),
    verilog=(SIM_RAM,),
    stops=("exit_valid", "shutdown", "gap"),
    streams=(Stream("exit", "exit_valid", "exit_data"), Stream("console", "console_valid", "console_data")),
    recorders=(Recorder("retire", "retire"),),
)
TINY = ModelSpec(**{**SPEC.__dict__, "arguments": {"tiny": True, "latency": 1}})


def assemble(name: str, folder: Path) -> bytes:
    """An image of all of RAM."""
    image = folder / f"{name}.bin"
    subprocess.run(["nasm", "-f", "bin", f"-I{PROGRAMS}/", "-o", image, PROGRAMS / f"{name}.asm"], check=True)
    data = image.read_bytes()
    assert len(data) == RAM_BYTES
    return data


def run(spec: ModelSpec, program: str, folder: Path) -> tuple[Model, int | None]:
    """The model after the run, and the exit code if there was one."""
    model = Model(build_model(spec))
    model.load(0, assemble(program, folder))
    model.record("retire", keep_last=40)
    result = model.run(LIMIT)
    codes = model.take("exit")
    if not codes or codes[0] != PASSED:
        for r in model.take_records("retire"):
            if r.instruction_valid:
                print(f"{r.instruction_cs:04x}:{r.instruction_eip:08x} event={r.instruction_event} vector={r.instruction_vector}")
    assert result.stops, f"{program} did not end within {LIMIT} cycles"
    assert "gap" not in result.stops, f"a slot of the retire port was skipped in cycle {model.cycle - 1}"
    return model, codes[0] if codes else None


@pytest.mark.parametrize("spec", [SPEC, TINY], ids=["default", "tiny"])
@pytest.mark.parametrize("program", ["real", "protected"])
def test_program_passes(spec: ModelSpec, program: str, tmp_path: Path) -> None:
    model, code = run(spec, program, tmp_path)
    assert code == PASSED, f"check {code} failed"
    if program == "real":
        assert model.take("console") == b"Ringfence\n"


def test_third_fault_shuts_down(tmp_path: Path) -> None:
    model, code = run(SPEC, "triple", tmp_path)
    assert code is None and model.get("shutdown") == 1
