"""All attacks on the trusted path."""

from cocotb_tests.attacks.path.ears import EARS
from cocotb_tests.attacks.path.keys import KEYS
from cocotb_tests.attacks.path.line import LINE
from cocotb_tests.attacks.path.platform import PLATFORM
from cocotb_tests.attacks.path.screen import SCREEN
from cocotb_tests.attacks.path.screen_by_others import BY_OTHERS
from cocotb_tests.attacks.path.storms import STORMS

__all__ = ["ATTACKS"]

ATTACKS = (*KEYS, *EARS, *PLATFORM, *STORMS, *SCREEN, *BY_OTHERS, *LINE)
