"""A circuit as a library: any ``wiring.Component`` becomes a Verilator model that Python loads and runs.

``ModelSpec`` says which component and what to watch, ``build_model`` makes the library (or finds it built), ``Model`` runs it.
"""

from sim.model.build import build_model
from sim.model.library import Model, RunResult
from sim.model.spec import Feed, ModelSpec, Recorder, Stream, Transactor

__all__ = ["Feed", "Model", "ModelSpec", "Recorder", "RunResult", "Stream", "Transactor", "build_model"]
