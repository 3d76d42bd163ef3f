"""The page's server: what a browser is given, what it may send, and who else may not. The run is the display's own small model, or none."""

import http.client
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any

import pytest
from PIL import Image

from contracts.display import PICTURE_HEIGHT, PICTURE_WIDTH
from sim.display.live import Live
from sim.display.screen import NoPicture, Screen
from sim.display.server import ADDRESS, ServerError, serve

__all__: list[str] = []

DARK, LIGHT = (Screen(bytes((dot,)) * (PICTURE_WIDTH * PICTURE_HEIGHT)) for dot in (0, 0x3F))


class Player:
    """What the live view needs of a machine: a camera whose pictures are laid in front of it, and the user's hands."""

    def __init__(self, pictures: list[Screen]) -> None:
        self.camera = self
        self.pictures, self.asked = pictures, 0
        self.done: list[tuple[Any, ...]] = []

    def ask(self) -> None:
        self.asked += 1

    def look(self) -> Screen | None:
        if self.asked and self.pictures:
            self.asked = 0
            return self.pictures.pop(0)
        return None

    def screen(self) -> Screen:
        if not self.pictures:
            raise NoPicture("there is none")
        return self.pictures.pop(0)

    def press(self, key: str) -> None:
        self.done.append((key, True))

    def release(self, key: str) -> None:
        self.done.append((key, False))

    def move_mouse(self, x: int, y: int, buttons: tuple[bool, bool, bool]) -> None:
        self.done.append((x, y, buttons))


class Run:
    """A player that is attended until it is told to end, in a thread of its own."""

    def __init__(self, live: Live, pictures: list[Screen]) -> None:
        self.player: Any = Player(pictures)
        self._live, self._over = live, threading.Event()
        self._thread = threading.Thread(target=self._attend)
        self._thread.start()

    def _attend(self) -> None:
        while not self._over.wait(0.001):
            self._live.attend(self.player)

    def stop(self) -> None:
        self._over.set()
        self._thread.join()


@contextmanager
def served(*pictures: Screen) -> Iterator[tuple[str, Live, Run]]:
    live = Live()
    with serve(live) as url:
        run = Run(live, list(pictures))
        try:
            yield url, live, run
        finally:
            run.stop()


def get(url: str, **headers: str) -> Any:
    return urllib.request.urlopen(urllib.request.Request(url, headers=headers))


def post(url: str, events: object, kind: str = "application/json") -> Any:
    body = events if isinstance(events, bytes) else json.dumps(events).encode()
    return urllib.request.urlopen(urllib.request.Request(url + "hands", body, {"Content-Type": kind}))


def refusal(call: Callable[[], object]) -> tuple[int, str]:
    with pytest.raises(urllib.error.HTTPError) as caught:
        call()
    return caught.value.code, caught.value.read().decode()


def test_the_page_needs_nothing_from_elsewhere():
    with served() as (url, _, _run):
        page = get(url)
        text = page.read().decode()
        assert page.headers["Content-Type"].startswith("text/html") and "page.js" in text and "//" not in text.replace("<!doctype", "")
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "hands" in get(url + "page.js").read().decode()
        assert refusal(lambda: get(url + "server.py")) == (404, "there is no such page")
        assert refusal(lambda: get(url + "../../etc/passwd"))[0] == 404


def test_pictures_are_waited_for_and_numbered():
    with served(DARK, LIGHT) as (url, _, run):
        got = [get(url + f"screen.png?after={n}") for n in (0, 1)]
        assert [answer.headers["Picture"] for answer in got] == ["1", "2"]
        colours = [Image.open(BytesIO(answer.read())).convert("RGB").getpixel((0, 0)) for answer in got]
        assert colours == [(0, 0, 0), (255, 255, 255)]
        assert get(url + "screen.png").headers["Picture"] == "2"  # whoever comes later sees the latest
        assert run.player.asked == 0, "nobody waits, nothing is asked for"
        assert refusal(lambda: get(url + "screen.png?after=x")) == (400, "after: the number of a picture is wanted")


def test_the_end_is_told_with_a_last_picture_and_after_it():
    with served(DARK) as (url, live, run):
        get(url + "screen.png")
        waiting: list[Any] = []
        thread = threading.Thread(target=lambda: waiting.append(get(url + "screen.png?after=1")))
        thread.start()
        run.stop()
        last: Any = Player([LIGHT])
        live.finish(last, "the program wrote to the exit port")
        thread.join()
        assert (waiting[0].headers["Picture"], waiting[0].headers["Ended"]) == ("2", "the program wrote to the exit port")
        assert refusal(lambda: get(url + "screen.png?after=2")) == (410, "the program wrote to the exit port")
        assert refusal(lambda: post(url, [{"key": "KeyA", "down": True}])) == (410, "the program wrote to the exit port")


def test_who_waits_when_there_is_no_picture_is_told_too():
    with served() as (url, live, run):
        told: list[tuple[int, str]] = []
        thread = threading.Thread(target=lambda: told.append(refusal(lambda: get(url + "screen.png"))))
        thread.start()
        run.stop()
        live.finish(run.player, "the cycle limit was reached")
        thread.join()
        assert told == [(410, "the cycle limit was reached")]


def test_hands_come_in_their_order():
    with served() as (url, _, run):
        post(url, [{"key": "KeyA", "down": True}, {"key": "KeyA", "down": False}])
        post(url, [{"x": 3, "y": -2, "buttons": [True, False, False]}, {"key": "Escape", "down": True}])
        run.stop()
        run._live.attend(run.player)
        assert run.player.done == [("KeyA", True), ("KeyA", False), (3, -2, (True, False, False)), ("Escape", True)]


@pytest.mark.parametrize(
    ("events", "why"),
    [
        ([{"key": "Fn", "down": True}], "the keyboard has no key 'Fn'"),
        ([{"key": "KeyA"}], "is neither a key nor a movement"),
        ([{"key": 7, "down": True}], "is neither a key nor a movement"),
        ([{"x": 1000, "y": 0, "buttons": [0, 0, 0]}], "is more than one event"),
        ([{"x": 1, "y": 0, "buttons": [0, 0]}], "is neither a key nor a movement"),
        ({"key": "KeyA", "down": True}, "a list of events is wanted"),
        (b"[", "Expecting value"),
        (b"\xff", "decode"),
    ],
)
def test_what_is_no_hand_does_nothing(events, why):
    """Nor does anything that comes with it."""
    with served() as (url, _, run):
        if isinstance(events, list):
            events = [{"key": "KeyB", "down": True}, *events]
        code, said = refusal(lambda: post(url, events))
        assert code == 400 and why in said
        post(url, [{"key": "KeyC", "down": True}])
        run.stop()
        run._live.attend(run.player)
        assert run.player.done == [("KeyC", True)]


def test_pages_of_others_neither_look_nor_type():
    """A name of theirs that leads here; a form, which needs no leave; and more than there can be to say."""
    with served(DARK) as (url, _, run):
        assert refusal(lambda: get(url + "screen.png", Host="evil.example")) == (403, f"ask for {url}")
        assert refusal(lambda: post(url, [{"key": "KeyA", "down": True}], kind="text/plain")) == (415, "application/json is wanted")
        assert refusal(lambda: post(url, b"[" + b" " * (64 << 10) + b"]"))[0] == 413
        run.stop()
        run._live.attend(run.player)
        assert run.player.done == [] and len(run.player.pictures) == 1
        assert get(url.replace(ADDRESS, "localhost")).status == 200


def test_nobody_elsewhere_reaches_it():
    with served() as (url, _, _run):
        assert url.startswith("http://127.0.0.1:")


def test_a_port_that_is_taken_is_told_of():
    with served() as (url, _, _run):
        port = int(url.rstrip("/").rpartition(":")[2])
        with pytest.raises(ServerError, match=rf"^port {port} of 127.0.0.1: Address already in use$"), serve(Live(), port):
            pass


def test_a_browser_that_goes_away_harms_nobody():
    with served(DARK) as (url, _, run):
        connection = http.client.HTTPConnection(url.split("/")[2])
        connection.request("GET", "/screen.png?after=7")
        connection.close()
        assert get(url + "screen.png").status == 200
