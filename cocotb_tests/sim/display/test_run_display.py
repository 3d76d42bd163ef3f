"""``ringfence run --display`` and ``--screenshot``: the screen on a page, keys and movements from there; by hand, and by a browser."""

import base64
import json
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from cocotb_tests.chipset.devices.display.reference import Shown
from cocotb_tests.sim.cli.test_one_line import refused
from cocotb_tests.sim.display.browser import page_at
from cocotb_tests.sim.test_multiboot import HEADER
from cocotb_tests.sim.test_run import out, write
from contracts.display import COLUMNS, ROWS
from contracts.memory_map import Port
from isolation_kernel.trusted_line import trusted_line
from sim.display.live import Live
from sim.display.screen import Screen
from sim.display.server import serve
from sim.paths import ROOT
from sim.programs.system import build_program

__all__: list[str] = []

EXIT = "the program wrote to the exit port"
MOST_CYCLES = 60_000_000  # after which a run has failed
MOST_PICTURES = 12  # until what was typed is seen
PICTURE = """(() => {
  const image = document.getElementById("screen"), canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  if (!canvas.width) return "";
  canvas.getContext("2d").drawImage(image, 0, 0);
  return canvas.toDataURL("image/png").split(",")[1];
})()"""

NEXT_PICTURE = (
    "new Promise(r => { const t = () => (n => n > %s || ended ? r(n) : setTimeout(t, 50))(Number(document.body.dataset.picture)); t(); })"
)


class Displayed:
    """A run of the program ``console`` in a process of its own."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stderr is not None
        while (line := process.stderr.readline()) and "the screen is at " not in line:
            pass
        self.url = line.split()[-1]

    def until(self, line: str) -> None:
        """The program has printed a line that begins so."""
        assert self.process.stdout is not None
        while not (said := self.process.stdout.readline()).startswith(line):
            assert said, f"{line!r} is never printed"

    def end(self) -> str:
        """Exit status 1; what was said about it."""
        _, said = self.process.communicate()
        assert self.process.returncode == 1, said
        return said


@contextmanager
def displayed(*arguments: str) -> Iterator[Displayed]:
    program = build_program("console", "console").path
    line = [sys.executable, "-m", "sim.cli.main", "run", str(program), "--display", "--max-cycles", str(MOST_CYCLES), *arguments]
    with subprocess.Popen(line, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield Displayed(process)
        finally:
            process.kill()


def post(url: str, events: list[dict[str, object]]) -> None:
    body = json.dumps(events).encode()
    urllib.request.urlopen(urllib.request.Request(url + "hands", body, {"Content-Type": "application/json"}))


def struck(*codes: str) -> list[dict[str, object]]:
    return [{"key": code, "down": down} for code in codes for down in (True, False)]


@cache
def pictures(typed: str) -> set[bytes]:
    """What the screen may show when that has been typed: with the cursor, and without."""
    shown = Shown(cursor=4 * COLUMNS + len(typed), cursor_start=0, cursor_end=15)
    for cell, text, attribute in (
        (0, " " * (COLUMNS * ROWS), 0x07), (2 * COLUMNS + 10, "A console", 0x1E), (5, "#", 0x07), (6, "!", 0x4E), (7, "!", 0x4F),
        (4 * COLUMNS, typed, 0x07),
    ):  # fmt: skip
        shown.screen[2 * cell : 2 * (cell + len(text))] = b"".join(bytes((ord(c), attribute)) for c in text)
    return {rgb(Screen(shown.picture(frame)).png()) for frame in (0, 8)}


def rgb(png: bytes) -> bytes:
    return Image.open(BytesIO(png)).convert("RGB").tobytes()


def test_by_hand(tmp_path: Path) -> None:
    """Keys and a movement reach the program, the picture follows, and the end is told; the same screen is left as a file."""
    shot = tmp_path / "screen.png"
    with displayed("--screenshot", str(shot)) as run:
        run.until("ready")
        post(run.url, struck("KeyO", "KeyK"))
        run.until("key a5")
        post(run.url, [{"x": -1, "y": 4, "buttons": [False, False, True]}])
        run.until("mouse 1c ff 04")
        number = 0
        for _ in range(MOST_PICTURES):
            answer = urllib.request.urlopen(f"{run.url}screen.png?after={number}")
            number = int(answer.headers["Picture"])
            if rgb(answer.read()) in pictures("ok"):
                break
        else:
            raise AssertionError("what was typed is not seen")
        post(run.url, struck("Escape"))
        while not (ended := urllib.request.urlopen(f"{run.url}screen.png?after={number}").headers["Ended"]):
            number += 1
        assert ended == EXIT
        assert EXIT in run.end()
    assert rgb(shot.read_bytes()) in pictures("ok")
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen(run.url)


@pytest.mark.regress
def test_in_a_browser() -> None:
    """Chromium shows the machine's dots; what is pressed and moved in its window reaches the program."""
    with displayed() as run, page_at(run.url) as page:
        run.until("ready")
        assert page.value("document.title") == "Ringfence"
        page.strike("KeyO")
        page.strike("KeyK")
        run.until("key a5")
        seen = page.value(NEXT_PICTURE % 0)
        left, top = page.value("(r => [r.x + 50, r.y + 50])(document.getElementById('screen').getBoundingClientRect())")
        page.mouse(left, top)
        page.mouse(left + 7, top - 3)
        run.until("mouse 08 07 03")
        page.mouse(left + 7, top - 3, "mousePressed", "left")
        run.until("mouse 09 00 00")
        page.mouse(left + 7, top - 3, "mouseReleased", "left")
        run.until("mouse 08 00 00")
        for _ in range(MOST_PICTURES):
            if rgb(base64.b64decode(page.value(PICTURE))) in pictures("ok"):
                break
            before, seen = seen, page.value(NEXT_PICTURE % seen)
            assert seen != before, "there are no more pictures"
        else:
            raise AssertionError("what was typed is not seen")
        page.key("ShiftLeft", down=True)
        run.until("key 2a")
        page.value("dispatchEvent(new Event('blur'))")
        run.until("key aa")  # a key that the page loses sight of is let go
        page.strike("Escape")
        run.until("end")
        said = page.value("new Promise(r => { const t = () => ended ? r(state.textContent) : setTimeout(t, 50); t(); })")
        assert said == f"The run has ended: {EXIT}"
        assert EXIT in run.end()


def test_errors_are_one_line(tmp_path: Path) -> None:
    program = str(build_program("console", "console").path)
    with serve(Live()) as url:
        port = url.rstrip("/").rpartition(":")[2]
        assert refused("run", program, "--display", "--display-port", port) == f"port {port} of 127.0.0.1: Address already in use"
    assert refused("run", program, "--display-port", "8080") == "--display-port is for --display"
    assert "is not in the range" in refused("run", program, "--display", "--display-port", "70000")
    assert "No such file" in refused("run", program, "--screenshot", str(tmp_path / "nowhere" / "screen.png"))
    assert "would overwrite" in refused("run", program, "--screenshot", program)


def test_above_the_kernel_the_screen_is_shown_as_well(tmp_path: Path) -> None:
    """Of a guest that has ended nothing is shown, and nobody is in front."""
    writes = HEADER + b"\xbf\x00\x80\x0b\x00\xb9\x80\x00\x00\x00\xb8\x41\x1f\x41\x1f\xfc\xf3\xab" + out(Port.EXIT, 0)
    shot = tmp_path / "screen.png"
    program = str(write(tmp_path, writes))
    nobody = b"".join(word.to_bytes(4, "little") for word in trusted_line(None, b"", attention=False))
    for arguments, text, line in ((("--guest", program), b"", nobody), ((program,), b"A\x1f" * 256, bytes(len(nobody)))):
        command = [sys.executable, "-m", "sim.cli.main", "run", *arguments, "--display", "--screenshot", str(shot)]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 1 and "the screen is at http://127.0.0.1:" in done.stderr, done.stderr
        shown = Shown(line=bytearray(line))
        shown.screen[: len(text)] = text
        assert rgb(shot.read_bytes()) in {rgb(Screen(shown.picture(frame)).png()) for frame in (0, 8)}
