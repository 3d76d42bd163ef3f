"""The cache of models: shared by workers, unharmed by an interrupted build, clear about a wrong specification."""

import multiprocessing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cocotb_tests.sim.model.sample import WORKED, sample_spec
from sim.model import Model, ModelSpec, Stream, build, build_model
from sim.model.toolchain import ToolError

__all__: list[str] = []


def _size_after_build(spec: ModelSpec) -> int:
    return build_model(spec).library.stat().st_size


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(build, "MODELS", tmp_path / "models")
    return tmp_path / "models"


@pytest.mark.regress
def test_two_at_a_time_share_one_build(empty_cache: Path) -> None:
    spec = sample_spec()
    with multiprocessing.get_context("fork").Pool(2) as pool:
        sizes = pool.map(_size_after_build, [spec, spec], chunksize=1)
    assert sizes[0] == sizes[1] > 0
    assert len(list(empty_cache.glob("*/libmodel.so"))) == 1
    assert not list((empty_cache / "partial").iterdir())


@pytest.mark.regress
def test_what_an_interrupted_build_left_is_replaced(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*arguments: object) -> None:
        folder = arguments[4]
        assert isinstance(folder, Path)
        (folder / build.LIBRARY).write_text("half a library")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(build, "_make_library", interrupted)
        with pytest.raises(KeyboardInterrupt):
            build_model(sample_spec())
    assert not list(empty_cache.glob("*/libmodel.so"))
    assert build_model(sample_spec()).library.stat().st_size > 10_000


def test_an_unchanged_room_is_not_elaborated_again(empty_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    spec = replace(sample_spec(), rooms=("cocotb_tests/sim/model/sample.py",))
    first = build_model(spec)
    monkeypatch.setattr("sim.model.verilog.elaborate", lambda *_: pytest.fail("elaborated again"))
    again = build_model(spec)
    assert (again.folder, again.interface) == (first.folder, first.interface)
    monkeypatch.setattr(build, "sources_digest", lambda rooms: "changed")
    with pytest.raises(pytest.fail.Exception, match="elaborated again"):
        build_model(spec)


@pytest.mark.regress
def test_a_model_is_trained_by_what_its_specification_names(empty_cache: Path) -> None:
    built = build_model(replace(sample_spec(), training="cocotb_tests.sim.model.sample:work"))
    said = (built.folder / "build.log").read_text()
    assert said.index("-fprofile-generate") < said.index(WORKED) < said.index("-fprofile-use")
    assert {p.name for p in built.folder.iterdir()} == {build.LIBRARY, "build.log", "design.v", "interface.json"}
    with Model(built) as model:
        model.set("run", 1)
        assert model.run(10, stops=()).cycles == 10
    assert b"__gcov" not in built.library.read_bytes()


@pytest.mark.regress
def test_training_that_fails_is_one_clear_line(empty_cache: Path) -> None:
    with pytest.raises(ToolError, match="status 1: .*cannot work"):
        build_model(replace(sample_spec(), training="cocotb_tests.sim.model.sample:fail"))
    assert not list(empty_cache.glob("*/libmodel.so"))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"stops": ("nothing",)}, "has no port nothing"),
        ({"stops": ("run",)}, "port run is an input"),
        ({"streams": (Stream("s", "say_data", "say_data"),)}, "port say_data is 8 bits wide, not 1"),
        ({"streams": (Stream("s", "say_valid", "wide__out"),)}, "port wide__out is 70 bits wide, more than 32"),
    ],
)
def test_a_wrong_specification_is_refused(change: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        build_model(replace(sample_spec(), **change))


def test_a_missing_room_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no_such_room"):
        build_model(replace(sample_spec(), rooms=("no_such_room",)))
