"""A TPM that is absent, or dies at any moment of a launch: what has started is told clearly, and no TPM tells that it was measured."""

import random
from collections.abc import Callable
from pathlib import Path

import pytest

from cocotb_tests.attacks.launch.stage import Stage
from cocotb_tests.attacks.launch.tpm import Refusing
from contracts.tpm import TpmOp
from sim.tpm.bridge import AnswerByte, TpmBridge
from sim.tpm.swtpm import Swtpm

__all__: list[str] = []

_MEASURED = 1000  # words of the block, of some more


class _Dies(TpmBridge):
    """A way to a TPM that dies when the ``turn``-th request of a kind comes."""

    op, turn = TpmOp.RESET, 1

    def __init__(self, tpm: Swtpm) -> None:
        super().__init__(tpm)
        self._mortal, self._left = tpm, self.turn

    def take(self, op: int, locality: int, last: bool, mask: int, data: int) -> list[AnswerByte]:
        """As of ``TpmBridge``."""
        if op == self.op and last:
            self._left -= 1
            if not self._left:
                self._mortal.kill()
        return super().take(op, locality, last, mask, data)


class _Absent(TpmBridge):
    def __init__(self, tpm: Swtpm) -> None:
        super().__init__(None)


def _dies(op: TpmOp, turn: int = 1) -> type[TpmBridge]:
    return type("_Dies", (_Dies,), {"op": op, "turn": turn})


_MOMENTS: dict[str, Callable[[], type[TpmBridge]]] = {
    "absent": lambda: _Absent,
    "at the platform's reset": lambda: _dies(TpmOp.RESET),
    "as the launch begins": lambda: _dies(TpmOp.HASH_START),
    "in the middle of the block": lambda: _dies(TpmOp.HASH_DATA, _MEASURED),
    "at its end": lambda: _dies(TpmOp.HASH_END),
    "at the stub": lambda: _dies(TpmOp.COMMAND, 1),
    "at the kernel": lambda: _dies(TpmOp.COMMAND, 2),
    "at the last event": lambda: _dies(TpmOp.COMMAND, 3),
}


@pytest.mark.parametrize("moment", _MOMENTS)
def test_the_launch_goes_on_and_says_so(moment: str, tmp_path: Path, rng: random.Random) -> None:
    """The stub starts, as in the manual, and the loader says that nothing is measured: the TPM tells nothing, and what a reset leaves."""
    with Refusing(tmp_path) as tpm:
        stage = Stage(frozenset(), rng, tpm, bridge=_MOMENTS[moment]())
        evidence = stage.run()
        assert evidence.said == "LS"
        assert stage.handed is not None
        assert not stage.handed.measured
        assert tpm.alive == (moment == "absent")
        assert evidence.launch != evidence.genuine[0]
    with Refusing(tmp_path) as tpm:  # the same TPM, started again
        evidence = Stage(frozenset(), rng, tpm, launches=False).run()
        assert evidence.launch != evidence.genuine[0]
        assert evidence.launch == b"\xff" * 32


def test_one_that_lives_says_that_it_is_measured(tmp_path: Path, rng: random.Random) -> None:
    """The control."""
    with Refusing(tmp_path) as tpm:
        stage = Stage(frozenset(), rng, tpm)
        evidence = stage.run()
        assert stage.handed is not None
        assert stage.handed.measured
        assert (evidence.launch, evidence.kernel) == evidence.genuine
