"""The judge of the attacks on the late launch sees each harm, and none where there is none."""

from dataclasses import replace

import pytest

from cocotb_tests.attacks.launch.evidence import Evidence
from cocotb_tests.attacks.launch.judge import Harm, judge

__all__: list[str] = []

_LOADER, _PAIR, _TROJAN, _RESET = b"\1" * 32, b"\2" * 32, b"\3" * 32, b"\xff" * 32
_GOOD = Evidence(genuine=(_LOADER, _PAIR), truthful=_PAIR, said="LS", launch=_LOADER, kernel=_PAIR, untouched=(_LOADER, _PAIR), starts=True)


def test_a_launch_as_it_should_be() -> None:
    assert not judge(_GOOD)


@pytest.mark.parametrize(
    ("harm", "changes"),
    [
        (Harm.RAN, {"said": "LT", "starts": False}),
        (Harm.RAN, {"said": "LST"}),
        (Harm.RAN, {"said": "JT", "launch": _RESET, "kernel": _RESET, "untouched": None, "starts": False}),
        (Harm.RAN, {"said": "LST", "truthful": _TROJAN}),  # the TPM names the genuine stub
        (Harm.FORGED, {"said": "", "starts": False}),
        (Harm.FORGED, {"said": "JS"}),
        (Harm.TOUCHED, {"kernel": _TROJAN}),
        (Harm.TOUCHED, {"launch": _TROJAN}),
        (Harm.SECRET, {"spilt": [0x1000]}),
        (Harm.SURVIVED, {"survived": True}),
        (Harm.STOPPED, {"said": "L"}),
    ],
)
def test_each_harm_is_seen(harm: Harm, changes: dict[str, object]) -> None:
    assert judge(replace(_GOOD, **changes)) == {harm}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changes",
    [
        {"said": "LT", "kernel": _TROJAN, "truthful": _TROJAN, "untouched": None, "starts": False},  # it ran, and the TPM names it
        {"said": "LT", "launch": _TROJAN, "untouched": None, "starts": False},  # it is another block, says the TPM
        {"said": "TLS"},  # it ran before the launch, where it may
        {"said": "", "launch": _RESET, "kernel": _RESET, "untouched": (_RESET, _RESET), "starts": False},
        {"said": "L", "launch": None, "kernel": None, "untouched": None, "starts": False},
    ],
)
def test_what_is_no_harm(changes: dict[str, object]) -> None:
    assert not judge(replace(_GOOD, **changes))  # type: ignore[arg-type]
