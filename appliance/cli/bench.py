"""`avap bench`: the commands of `bench`, which is imported when one of them is wanted."""

from __future__ import annotations

import errno
from typing import Any

import typer
from typer.core import TyperGroup

HELP = "Measure what this host carries and what bounds it; compare."
EPILOG = """\b
Examples:
  avap bench quick                 half a minute, one table; starts its own appliance
  avap bench compare --with tonic  beside another server
  avap bench diff A.json B.json    is B slower?

\b
Each figure comes with a verdict:
  server-bound   the server could do no more
  client-bound   the generator could do no more: the server may be faster
  network-bound  both had time left: wake-ups and the loopback are what is measured
  host-noisy     the host gave its time to others: measure again

Nothing but loopback is loaded without --yes-remote. docs/bench.md has everything.
"""


def register(app: typer.Typer) -> None:
    """Add the commands to the tree."""
    app.add_typer(typer.Typer(name="bench", cls=BenchGroup, help=HELP, epilog=EPILOG, no_args_is_help=True))


class BenchGroup(TyperGroup):
    """Looks its commands up in `bench.cli`, so that `avap` itself starts without it."""

    def list_commands(self, ctx: Any) -> list[str]:
        """The names, in the order of the help."""
        return list(_commands())

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command by its name."""
        return _commands().get(cmd_name)

    def invoke(self, ctx: Any) -> Any:
        """Run the command. Raises `typer.Exit` with the documented code in place of an error of `bench`."""
        from bench.verdict import EXIT_OS, BenchError

        try:
            return super().invoke(ctx)
        except BenchError as error:
            if ctx.find_root().params.get("debug"):
                raise
            typer.echo(f"avap: {error}", err=True)
            raise typer.Exit(error.exit_code) from None
        except OSError as error:
            # What a full disk or a limit says; all else is a fault of our own.
            if error.errno not in (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EROFS):
                raise
            typer.echo(f"avap: the system refused: {error}", err=True)
            raise typer.Exit(EXIT_OS) from None


def _commands() -> dict[str, Any]:
    from bench.cli import app

    group: Any = typer.main.get_command(app)
    return dict(group.commands)
