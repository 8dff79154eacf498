"""`avap db init | seed`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from appliance.cli import options
from appliance.cli.connecting import load_settings
from appliance.cli.output import person_reads, print_json
from appliance.errors import EXIT_NO, AvapError, ConfigError, RefusedError, SecretError, UnavailableError

INIT_EPILOG = """\b
Example:
  DATABASE_URL=postgresql://avap:…@db/avap avap db init
"""
SEED_EPILOG = """\b
Examples:
  avap db seed                    the commands packaged with the appliance
  avap db seed --dir ./commands   those of a folder of yours
  avap db seed --replace          overwrite commands whose text differs
"""
ERRORS: dict[str, type[AvapError]] = {
    "unreachable": UnavailableError,
    "stalled": UnavailableError,
    "auth": SecretError,
}
"""Kind of a SourceError to the error that has its exit code; any other kind is a refusal."""


def register(app: typer.Typer) -> None:
    """Add the commands to the tree."""
    group = typer.Typer(
        help="Prepare the PostgreSQL database that DATABASE_URL names.",
        no_args_is_help=True,
        rich_markup_mode=None,
    )
    group.command("init", epilog=INIT_EPILOG, short_help="Create the tables where they are absent.")(init)
    group.command("seed", epilog=SEED_EPILOG, short_help="Insert the packaged commands that are absent.")(seed)
    app.add_typer(group, name="db")


def init(config: options.ConfigFile = None, json: options.Json = False) -> None:
    """Create the two tables of the catalogue where they are absent. May be repeated; never alters a table."""
    from supervisor import database

    url, connect_timeout_s = _address(config)
    with _source_errors():
        report = database.init(url, connect_timeout_s)
    if json:
        tables = [{"table": table.table, "created": table.created, "missing_columns": list(table.missing_columns)}
                  for table in report.tables]  # fmt: skip
        print_json({"place": report.place, "tables": tables})
    else:
        typer.echo(f"database {report.place}")
        for table in report.tables:
            typer.echo(f"  {table.table}: {'created' if table.created else 'there already'}")
            if table.missing_columns:
                typer.echo(f"    lacks columns that the appliance needs: {', '.join(table.missing_columns)}")
    if any(table.missing_columns for table in report.tables):
        raise typer.Exit(EXIT_NO)


def seed(
    config: options.ConfigFile = None,
    folder: Annotated[
        Path | None,
        typer.Option("--dir", metavar="DIR", help="Folder with command files, instead of the packaged ones."),
    ] = None,
    replace: Annotated[bool, typer.Option("--replace", help="Overwrite commands whose text differs.")] = False,
    json: options.Json = False,
) -> None:
    """Insert commands whose names are absent from the table. Wholly or not at all; may be repeated."""
    from supervisor import database
    from supervisor.sources.embedded import read_folder

    url, connect_timeout_s = _address(config)
    with _source_errors(), _progress() as progress:
        found = read_folder(folder) if folder is not None else None
        commands = found.commands if found is not None else None
        report = database.seed(url, connect_timeout_s, replace=replace, commands=commands, progress=progress)
    for one in found.left_out if found is not None else ():
        typer.echo(f"warning: {one.path} was left out: {one.reason}", err=True)
    outcomes = {
        "inserted": report.inserted,
        "updated": report.updated,
        "differing": report.differing,
        "unchanged": report.unchanged,
    }
    if json:
        print_json({"place": report.place} | {name: list(names) for name, names in outcomes.items()})
        return
    typer.echo(f"database {report.place}")
    for name, names in outcomes.items():
        if names:
            typer.echo(f"  {name}: {len(names)}{'' if name == 'unchanged' else ' (' + ', '.join(names) + ')'}")
    if report.differing:
        typer.echo("  commands with a text of their own were left alone; `avap db seed --replace` overwrites them")


def _address(config: Path | None) -> tuple[str, float]:
    settings = load_settings(config).settings
    if settings.database.url is None:
        raise ConfigError("no database is named; set DATABASE_URL or DATABASE_URL_FILE")
    return settings.database.url.get_secret_value(), settings.database.connect_timeout_s


@contextmanager
def _source_errors() -> Iterator[None]:
    from supervisor.sources import SourceError

    try:
        yield
    except SourceError as error:
        raise ERRORS.get(error.kind, RefusedError)(str(error)) from error


class _Bar:
    """A progress bar that appears with the first report."""

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import Progress

        self.shown = Progress(console=Console(stderr=True), transient=True)
        self._task = self.shown.add_task("seeding", total=None)

    def report(self, done: int, total: int) -> None:
        self.shown.update(self._task, completed=done, total=total)


@contextmanager
def _progress() -> Iterator[Callable[[int, int], None] | None]:
    if not person_reads(errors=True):
        yield None
        return
    bar = _Bar()
    with bar.shown:
        yield bar.report
