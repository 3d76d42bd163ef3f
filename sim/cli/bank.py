"""The scenario ``bank`` from the command line: its runs, its report, its table."""

from typing import NoReturn

from sim.cli.errors import user_errors
from sim.cli.progress import progress
from sim.cli.scenario import chosen, conclude, prepare

__all__ = ["run"]

_NAME = "bank"


def run(jobs: int, names: tuple[str, ...], waves: str) -> NoReturn:
    """A payment on a machine whose BIOS lies, and the attacks on it; the exit status is 0 if all is as promised."""
    from sim.bank.attacks import BY_NAME
    from sim.bank.report import report, show, write
    from sim.bank.runs import run_all
    from sim.bank.waves_whole import write_whole
    from sim.tpm.swtpm import TpmError, check_swtpm

    attacks = chosen(names, BY_NAME)
    with user_errors(TpmError):
        check_swtpm()
    folder, start = prepare(_NAME, ("lying_bios", "market", "bank"))
    drawn = folder / "waves"
    with progress(_NAME) as tell:
        results = run_all(attacks, jobs, tell, drawn)
    write_whole(drawn, full=waves == "full")
    content = report(results, len(attacks), drawn)
    path, page = write(folder, content, results)
    show(results, content)
    conclude(start, content, path, page, drawn)
