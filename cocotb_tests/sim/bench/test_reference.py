"""The reference circuit computes what its declaration in Python says, so that its speed is that of this and no other circuit."""

import pytest

from sim.bench.reference import REFERENCE, ReferenceSpeed, reference_sums
from sim.model import Model, build_model

__all__: list[str] = []


@pytest.mark.parametrize("cycles", [1, 2, 100])
def test_it_computes_what_python_computes(cycles: int) -> None:
    model = Model(build_model(REFERENCE))
    model.run(cycles, stops=())
    assert model.get("total") == reference_sums(cycles) != 0
    model.close()


def test_speed_adds_up() -> None:
    speed = ReferenceSpeed()
    assert speed.cycles_per_second == 0
    speed.measure(5000)
    speed.measure(3000)
    assert speed.cycles == 8000
    assert speed.seconds > 0 and speed.cycles_per_second == speed.cycles / speed.seconds
    speed.close()
