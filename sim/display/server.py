"""The screen as a web page on this computer: pictures go to the browser, keys and movements come from it.

``GET /``, ``/page.js``: the page. ``GET /screen.png?after=N``: the next picture after number N, as soon as there is one, its number in the
header ``Picture``; 410 and the reason when the run has ended. ``POST /hands``: a JSON list of ``{"key": CODE, "down": BOOL}`` (CODE as in
``KeyboardEvent.code``) and ``{"x": N, "y": N, "buttons": [LEFT, RIGHT, MIDDLE]}``, counts to the right and away from the user.
"""

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from sim.display.hands import key_words, move_word
from sim.display.live import Ended, Hand, Live

__all__ = ["ADDRESS", "ServerError", "serve"]

ADDRESS = "127.0.0.1"  # nobody else's computer reaches it
_HERE = Path(__file__).parent
_PAGES = {"/": ("page.html", "text/html; charset=utf-8"), "/page.js": ("page.js", "text/javascript; charset=utf-8")}
_TEXT, _PNG, _JSON = "text/plain; charset=utf-8", "image/png", "application/json"
_LONGEST = 64 << 10  # bytes of a request
_BUTTONS = 3
_POLICY = "default-src 'none'; script-src 'self'; style-src 'unsafe-inline'; img-src 'self' blob:; connect-src 'self'"


class ServerError(Exception):
    """The page cannot be served; the message is one line."""


class _Refused(Exception):
    """A request that is not one of those above."""

    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


def _hand(event: object) -> Hand:
    """What an event does. ValueError."""
    match event:
        case {"key": str(key), "down": bool(down)}:
            key_words(key)
            return (lambda machine: machine.press(key)) if down else (lambda machine: machine.release(key))
        case {"x": int(x), "y": int(y), "buttons": list(buttons)} if len(buttons) == _BUTTONS:
            left, right, middle = map(bool, buttons)
            move_word(x, y, (left, right, middle))
            return lambda machine: machine.move_mouse(x, y, (left, right, middle))
    raise ValueError(f"{json.dumps(event)[:80]} is neither a key nor a movement")


class _Handler(BaseHTTPRequestHandler):
    server: "_Server"

    def do_GET(self) -> None:
        self._answer(self._get)

    def do_POST(self) -> None:
        self._answer(self._post)

    def log_message(self, format: str, *arguments: object) -> None:
        """Requests are not the user's concern."""

    def _answer(self, respond: Callable[[], None]) -> None:
        with self.server.answering():
            try:
                self._check()
                respond()
            except _Refused as refused:
                self._send(refused.status, str(refused).encode())
            except Ended as ended:
                self._send(HTTPStatus.GONE, str(ended).encode())

    def _check(self) -> None:
        """Pages of others must not look or type: neither by a name of theirs that leads here, nor by a form."""
        if self.headers.get("Host") not in self.server.names:
            raise _Refused(HTTPStatus.FORBIDDEN, f"ask for {self.server.url}")
        if self.command == "POST" and self.headers.get_content_type() != _JSON:
            raise _Refused(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"{_JSON} is wanted")

    def _get(self) -> None:
        url = urlsplit(self.path)
        if url.path in _PAGES:
            name, kind = _PAGES[url.path]
            self._send(HTTPStatus.OK, (_HERE / name).read_bytes(), kind)
        elif url.path == "/screen.png":
            after = parse_qs(url.query).get("after", ["0"])[0]
            if not after.isascii() or not after.isdigit():
                raise _Refused(HTTPStatus.BAD_REQUEST, "after: the number of a picture is wanted")
            picture = self.server.live.picture(int(after))
            self._send(
                HTTPStatus.OK, picture.png, _PNG, {"Picture": str(picture.number), **({"Ended": picture.last} if picture.last else {})}
            )
        else:
            raise _Refused(HTTPStatus.NOT_FOUND, "there is no such page")

    def _post(self) -> None:
        if self.path != "/hands":
            raise _Refused(HTTPStatus.NOT_FOUND, "there is no such page")
        length = self.headers.get("Content-Length", "")
        if not length.isascii() or not length.isdigit() or int(length) > _LONGEST:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"at most {_LONGEST} bytes")
        try:
            events = json.loads(self.rfile.read(int(length)))
            if not isinstance(events, list):
                raise ValueError("a list of events is wanted")
            hands = [_hand(event) for event in events]
        except ValueError as error:
            raise _Refused(HTTPStatus.BAD_REQUEST, str(error)) from None
        self.server.live.act(hands)
        self._send(HTTPStatus.NO_CONTENT, b"")

    def _send(self, status: HTTPStatus, body: bytes, kind: str = _TEXT, more: dict[str, str] | None = None) -> None:
        self.send_response(status)
        headers = {
            "Content-Type": kind, "Content-Length": str(len(body)), "Cache-Control": "no-store", "Content-Security-Policy": _POLICY,
            "X-Content-Type-Options": "nosniff", **(more or {}),
        }  # fmt: skip
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)


class _Server(ThreadingHTTPServer):
    daemon_threads = True  # a browser keeps connections open that it does not use
    allow_reuse_address = True

    def __init__(self, live: Live, port: int) -> None:
        super().__init__((ADDRESS, port), _Handler)
        self.live = live
        self._answers = 0  # under way
        self._changed = threading.Condition()
        self.names = {f"{name}:{self.server_port}" for name in (ADDRESS, "localhost")}
        self.url = f"http://{ADDRESS}:{self.server_port}/"

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Around an answer, so that the last one is given before the server ends."""
        with self._changed:
            self._answers += 1
        try:
            yield
        finally:
            with self._changed:
                self._answers -= 1
                self._changed.notify_all()

    def finish(self) -> None:
        """No request is taken any more; those that are there are answered."""
        self.shutdown()
        with self._changed:
            self._changed.wait_for(lambda: self._answers == 0)
        self.server_close()

    def handle_error(self, request: object, client_address: object) -> None:
        """A browser that has gone is no concern of the run's."""


@contextmanager
def serve(live: Live, port: int = 0) -> Iterator[str]:
    """Serve until the end of the context, on ``port`` or on a free one; the page's address. ServerError."""
    try:
        server = _Server(live, port)
    except OSError as error:
        raise ServerError(f"port {port} of {ADDRESS}: {error.strerror or error}") from None
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server.url
    finally:
        live.finish(None, "the machine is gone")
        server.finish()
        thread.join()
