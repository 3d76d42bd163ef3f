"""The scenario ``sanctuary`` from the command line: its runs, its report, its table."""

from typing import NoReturn

from sim.cli.progress import progress
from sim.cli.scenario import chosen, conclude, prepare

__all__ = ["run"]

_NAME = "sanctuary"
_WHOLE = "dma_read_guest2"  # of which the waves are drawn as a whole


def run(jobs: int, names: tuple[str, ...], waves: str) -> NoReturn:
    """Two guests above the isolation kernel, one of which attacks in every way open to it; the exit status is 0 if all is as promised."""
    from firmware.guests.attacks import BY_NAME
    from sim.sanctuary.html import write_html
    from sim.sanctuary.report import report, write_report
    from sim.sanctuary.runs import run_all
    from sim.sanctuary.table import show
    from sim.sanctuary.waves_whole import write_whole

    attacks = chosen(names, BY_NAME)
    folder, start = prepare(_NAME, ("attacker", "trusted", "mass_market", "sensitive", "sensitive_ring1"))
    drawn = folder / "waves"
    with progress(_NAME) as tell:
        results = run_all(attacks, jobs, tell, drawn)
    write_whole(drawn, attacks[0] if names else BY_NAME[_WHOLE], full=waves == "full")
    content = report(results, len(attacks), drawn)
    path, page = write_report(folder, content), write_html(folder, content, results)
    show(results, content)
    conclude(start, content, path, page, drawn)
