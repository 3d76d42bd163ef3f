"""``ringfence``: the commands. Each lives in a module of its own, imported when it is called."""

import importlib
import importlib.util
import sys
from typing import Any

import click

from sim.cli.errors import PROGRAM, all_user_errors

__all__ = ["main"]

_COMMANDS = {
    "run": "sim.cli.run",
    "sim": "sim.cli.sanctuary",
    "bench": "sim.cli.bench",
    "bitstream": "sim.cli.bitstream",
    "wave": "sim.cli.wave",
    "export": "sim.cli.export",
    "measure": "sim.cli.measure",
    "attest": "sim.cli.attest",
    "verify": "sim.cli.verify",
    "policy": "sim.cli.policy",
    "audit": "sim.cli.audit",
}


class _Root(click.Group):
    """A group whose commands are imported when they are needed: ``--help`` stays quick. All that a user can put right is one line."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name for name, module in _COMMANDS.items() if importlib.util.find_spec(module) is not None]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in self.list_commands(ctx):
            return None
        command: Any = importlib.import_module(_COMMANDS[cmd_name]).command
        return command

    def main(self, *arguments: Any, **more: Any) -> Any:
        """As click's, which shows an error of usage in four lines if it is left to it. Ends the process."""
        with all_user_errors():
            status = super().main(*arguments, **{"prog_name": PROGRAM, **more, "standalone_mode": False})
        sys.exit(status if isinstance(status, int) else 0)


@click.command(PROGRAM, cls=_Root, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name=PROGRAM)
def main() -> None:
    """Ringfence: a PC with a mode below ring 0, DMA that is checked, and an isolation kernel."""


if __name__ == "__main__":
    main()
