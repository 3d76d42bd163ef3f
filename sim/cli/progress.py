"""How far a scenario has come: for people, on standard error."""

import sys
from collections.abc import Callable

__all__ = ["progress"]


class progress:
    """A bar on a terminal; a line for every tenth run of the ``scenario`` elsewhere."""

    def __init__(self, scenario: str) -> None:
        self._scenario = scenario

    def __enter__(self) -> Callable[[str, int, int], None]:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

        self._bar = None
        if not sys.stderr.isatty():
            return self._line
        from rich.console import Console

        console = Console(stderr=True)
        self._bar = Progress(TextColumn("{task.description:<34}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console)
        self._bar.start()
        task = self._bar.add_task("starting", total=None)

        def tell(label: str, number: int, total: int) -> None:
            assert self._bar is not None
            self._bar.update(task, description=label, completed=number, total=total)

        return tell

    def _line(self, label: str, number: int, total: int) -> None:
        if number % 10 == 0 or number == total:
            print(f"{self._scenario}: {number} of {total} runs, the last: {label}", file=sys.stderr, flush=True)

    def __exit__(self, *_: object) -> None:
        if self._bar is not None:
            self._bar.stop()
