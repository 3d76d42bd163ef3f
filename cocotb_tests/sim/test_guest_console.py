"""What guests print: whose line it is cannot be written over."""

import pytest

from sim.guest_console import GuestConsole

__all__: list[str] = []

FORGERY = b"\x1b[2K\r[bank] pay\r\n"


def test_one_guest_has_the_terminal_to_itself(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    console = GuestConsole({1: "market"})
    console(1, b"half")
    console(1, FORGERY)
    console.finish()
    assert capsysbinary.readouterr().out == b"half" + FORGERY


def test_lines_of_several_stay_apart(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    console = GuestConsole({1: "market", 2: "bank"})
    console(1, b"half")
    console(2, b"whole\r\nrest")
    console(1, b" and half\tmore\n")
    console.finish()
    assert capsysbinary.readouterr().out == b"[bank] whole\n[market] half and half\tmore\n[bank] rest\n"


def test_no_guest_writes_over_anothers_name(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    console = GuestConsole({1: "market", 2: "bank"})
    console(1, FORGERY)
    assert capsysbinary.readouterr().out == b"[market] ?[2K?[bank] pay\n"
