"""Headless Chromium, told what to do over a pipe (the DevTools protocol)."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

__all__ = ["Page", "page_at"]

_PROGRAM = "chromium"
_OPTIONS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking",
    "--remote-debugging-pipe",
)  # fmt: skip
_ON_3_AND_4 = 'exec "$@" 3<&"$COMMANDS" 4>&"$ANSWERS"'  # where Chromium looks for the pipes


class Page:
    """A page, as its user sees it."""

    def __init__(self, commands: int, answers: int) -> None:
        self._commands, self._answers = os.fdopen(commands, "wb"), os.fdopen(answers, "rb")
        self._count = 0
        self._rest = b""
        self._session = ""
        while not (pages := [t for t in self._call("Target.getTargets")["targetInfos"] if t["type"] == "page"]):
            pass
        self._session = self._call("Target.attachToTarget", targetId=pages[0]["targetId"], flatten=True)["sessionId"]
        self._call("Page.enable")

    def open(self, url: str) -> None:
        """Until it is loaded."""
        self._call("Page.navigate", url=url)
        while not self.value(f"location.href == {json.dumps(url)} && document.readyState == 'complete'"):
            pass

    def _call(self, method: str, **parameters: object) -> Any:
        self._count += 1
        message = {"id": self._count, "method": method, "params": parameters, **({"sessionId": self._session} if self._session else {})}
        self._commands.write(json.dumps(message).encode() + b"\0")
        self._commands.flush()
        while True:
            message = self._next()
            if message.get("id") == self._count:
                assert "error" not in message, message
                return message["result"]

    def _next(self) -> Any:
        while b"\0" not in self._rest:
            more = os.read(self._answers.fileno(), 1 << 16)
            assert more, "the browser has ended"
            self._rest += more
        message, _, self._rest = self._rest.partition(b"\0")
        return json.loads(message)

    def value(self, script: str) -> Any:
        """Of an expression in the page; of a promise, what comes of it."""
        result = self._call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def key(self, code: str, *, down: bool) -> None:
        self._call("Input.dispatchKeyEvent", type="rawKeyDown" if down else "keyUp", code=code)

    def strike(self, code: str) -> None:
        self.key(code, down=True)
        self.key(code, down=False)

    def mouse(self, x: int, y: int, kind: str = "mouseMoved", button: str = "none") -> None:
        """``kind``: mouseMoved, mousePressed or mouseReleased, at a place in the window."""
        self._call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button=button, buttons=int(kind == "mousePressed"))


@contextmanager
def page_at(url: str) -> Iterator[Page]:
    """A browser of its own with that page."""
    assert shutil.which(_PROGRAM), "chromium is missing: sim/setup/packages.sh regress installs it"
    here, commands = os.pipe()
    answers, there = os.pipe()
    with tempfile.TemporaryDirectory(prefix="ringfence-browser-", ignore_cleanup_errors=True) as profile:
        line = ["bash", "-c", _ON_3_AND_4, "-", _PROGRAM, *_OPTIONS, f"--user-data-dir={profile}", "about:blank"]
        environment = os.environ | {"COMMANDS": str(here), "ANSWERS": str(there)}
        with subprocess.Popen(line, pass_fds=(here, there), env=environment, stderr=subprocess.DEVNULL) as process:
            os.close(here)
            os.close(there)
            try:
                page = Page(commands, answers)
                page.open(url)
                yield page
            finally:
                process.terminate()
