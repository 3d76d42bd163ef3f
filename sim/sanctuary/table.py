"""A scenario's results on a terminal."""

from collections.abc import Iterable

from rich.console import Console
from rich.table import Table

from sim.sanctuary.report import evidence_text
from sim.sanctuary.runs import Results

__all__ = ["attack_table", "console", "show"]

_WIDTH = 200  # where the output is no terminal


def _mark(good: bool) -> str:
    return "[green]yes[/]" if good else "[bold red]NO[/]"


def console() -> Console:
    """Standard output, wide where it is no terminal."""
    found = Console()
    return found if found.is_terminal else Console(width=_WIDTH)


def attack_table(title: str, rows: Iterable[tuple[str, str, bool, bool, str]]) -> Table:
    """Rows are: whose attack, its name, whether it was blocked, and succeeded in its control run, the evidence."""
    table = Table(title=title, show_lines=False, pad_edge=False)
    for name in ("whose", "attack", "blocked?", "succeeded in control?", "evidence"):
        table.add_column(name, overflow="fold")
    for whose, name, blocked, succeeded, evidence in rows:
        table.add_row(whose, name, _mark(blocked), _mark(succeeded), evidence.replace("[", "\\["))
    return table


def show(results: Results, content: dict[str, object]) -> None:
    """Print the table of attacks, then what else was looked at."""
    out = console()
    out.print(
        attack_table("sanctuary", (("guest 1", p.attack.name, p.blocked, p.control_succeeded, evidence_text(p)) for p in results.pairs))
    )
    for run in results.retired:
        out.print(f"guest 2 {run.company}: {run.instructions} instructions retired, digest {run.digest[:16]}, answers "
                      f"{'right' if run.right else 'WRONG'}")  # fmt: skip
    interference = content["no_interference"]
    assert isinstance(interference, dict)
    seventeen = content["seventeen_instructions"]
    assert isinstance(seventeen, dict)
    out.print(f"no interference: {_mark(bool(interference['same']))}")
    out.print(f"the 17 instructions, in a guest as natively: {_mark(bool(seventeen['guest_as_native']))}; "
                  f"in ring 1 without ring −1, differences: {len(seventeen['ring_1_differs'] or ())}")  # fmt: skip
    for failure in results.failures:
        out.print(f"[red]{failure}[/]")
    good = sum(p.as_promised for p in results.pairs)
    out.print(f"{good} of {len(results.pairs)} attacks as promised: {'PASSED' if content['passed'] else 'FAILED'}")
