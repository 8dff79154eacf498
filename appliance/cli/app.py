"""The tree of commands, and what becomes of an error: one line on standard error and an exit code, no traceback."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from appliance import __version__
from appliance.cli import bench, catalog, config, database, doctor, lookup, script, serve, status
from appliance.errors import EXIT_INTERRUPTED, AvapError

EPILOG = """\b
Exit codes:
  0  done                           70  a fault of our own
  1  the answer is no               71  the operating system refused
  2  wrong usage                    73  state directory not writable
 69  cannot reach it, port taken    75  another instance runs there
 77  key unreadable or refused      78  wrong configuration
130  interrupted                   143  terminated

\b
First steps:
  avap serve             serve the packaged commands on 127.0.0.1:50051
  avap get addVar        ask it for one command
  avap doctor            is this host fit for it?
"""


class AvapGroup(TyperGroup):
    """The root command; every error of every command passes through here."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command line. Raises `typer.Exit` with the documented code in place of any error."""
        try:
            return super().invoke(ctx)
        except AvapError as error:
            if ctx.params.get("debug"):
                raise
            complain(str(error))
            raise typer.Exit(error.exit_code) from None
        except KeyboardInterrupt:
            raise typer.Exit(EXIT_INTERRUPTED) from None
        except BrokenPipeError:  # `avap sync | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(0) from None
        except (ArithmeticError, AssertionError, AttributeError, ImportError, LookupError, OSError,
                RecursionError, TypeError, ValueError) as error:  # fmt: skip
            if ctx.params.get("debug"):
                raise
            complain(
                f"internal fault: {type(error).__name__}: {error}\n"
                "  `avap --debug …` shows where; please report it with that traceback"
            )
            raise typer.Exit(AvapError.exit_code) from None


def complain(message: str) -> None:
    """Write one message to standard error, as `avap: …`."""
    typer.echo(f"avap: {message}", err=True)


app = typer.Typer(
    name="avap",
    cls=AvapGroup,
    help="Serve a catalogue of AVAP commands from shared memory over gRPC, run scripts over it by HTTP, look after it.",
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"avap {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_print_version, is_eager=True)
    ] = False,
) -> None:
    pass


serve.register(app)
status.register(app)
lookup.register(app)
script.register(app)
catalog.register(app)
config.register(app)
database.register(app)
doctor.register(app)
bench.register(app)


@app.command("version")
def print_version() -> None:
    """Print the version of this installation."""
    typer.echo(f"avap {__version__}")


def run() -> None:
    """Run `avap` with the arguments of this process, and exit."""
    # The C core of gRPC writes its own lines to standard error, where ours are read as JSON or by people.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    app(prog_name="avap")
