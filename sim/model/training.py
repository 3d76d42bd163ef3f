"""Puts a model that has been compiled for it through typical work, so that the compiler has a profile of it.

In a process of its own (``python -m sim.model.training FOLDER``), as the profile is written when a process ends.
"""

import importlib
import pickle
import sys
from pathlib import Path

from sim.model.spec import ModelSpec
from sim.model.toolchain import run_tool
from sim.paths import ROOT

__all__ = ["main", "train"]

_SPEC = "spec.pickle"


def train(spec: ModelSpec, folder: Path, log: Path) -> None:
    """Call ``spec.training`` with the model in ``folder``. ToolError if it fails."""
    kept = folder / _SPEC
    kept.write_bytes(pickle.dumps(spec))
    run_tool([sys.executable, "-m", "sim.model.training", str(folder)], log, cwd=ROOT)
    kept.unlink()


def main(folder: Path) -> None:
    """The process."""
    from sim.model.build import Built  # which imports this
    from sim.model.interface import read_interface
    from sim.model.library import Model

    spec: ModelSpec = pickle.loads((folder / _SPEC).read_bytes())
    module, _, name = spec.training.partition(":")
    with Model(Built(spec, folder, read_interface(folder / "interface.json"))) as model:
        getattr(importlib.import_module(module), name)(model)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
