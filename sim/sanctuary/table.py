"""The scenario's results on a terminal."""

from rich.console import Console
from rich.table import Table

from sim.sanctuary.report import evidence_text
from sim.sanctuary.runs import Results

__all__ = ["show"]

_WIDTH = 200  # where the output is no terminal


def _mark(good: bool) -> str:
    return "[green]yes[/]" if good else "[bold red]NO[/]"


def show(results: Results, content: dict[str, object]) -> None:
    """Print the table of attacks, then what else was looked at."""
    console = Console()
    if not console.is_terminal:
        console = Console(width=_WIDTH)
    table = Table(title="sanctuary", show_lines=False, pad_edge=False)
    for name in ("guest", "attack", "blocked?", "succeeded in control?", "evidence"):
        table.add_column(name, overflow="fold")
    for pair in results.pairs:
        marks = _mark(pair.blocked), _mark(pair.control_succeeded)
        table.add_row("guest 1", pair.attack.name, *marks, evidence_text(pair).replace("[", "\\["))
    console.print(table)
    for run in results.retired:
        console.print(f"guest 2 {run.company}: {run.instructions} instructions retired, digest {run.digest[:16]}, answers "
                      f"{'right' if run.right else 'WRONG'}")  # fmt: skip
    interference = content["no_interference"]
    assert isinstance(interference, dict)
    seventeen = content["seventeen_instructions"]
    assert isinstance(seventeen, dict)
    console.print(f"no interference: {_mark(bool(interference['same']))}")
    console.print(f"the 17 instructions, in a guest as natively: {_mark(bool(seventeen['guest_as_native']))}; "
                  f"in ring 1 without ring −1, differences: {len(seventeen['ring_1_differs'] or ())}")  # fmt: skip
    for failure in results.failures:
        console.print(f"[red]{failure}[/]")
    good = sum(p.as_promised for p in results.pairs)
    console.print(f"{good} of {len(results.pairs)} attacks as promised: {'PASSED' if content['passed'] else 'FAILED'}")
