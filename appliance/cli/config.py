"""`avap config show | check`."""

from __future__ import annotations

from typing import Annotated

import typer

from appliance.cli import options
from appliance.cli.connecting import load_settings
from appliance.cli.output import print_json, print_table
from appliance.errors import EXIT_NO, ConfigError, SecretError

SHOW_EPILOG = """\b
Later ones win:
  defaults
  /etc/avap/appliance.toml, or --config FILE
  systemd credentials (api_key, database_url, signing_key)
  environment
  options of `avap serve`

\b
Examples:
  avap config show
  PORT=50052 avap config show --json

A narrow terminal has no room for the names in the environment; `avap config show --json` has them.
"""
CHECK_EPILOG = """\b
Examples:
  avap config check
  avap config check --config ./appliance.toml && systemctl reload avap
"""


def register(app: typer.Typer) -> None:
    """Add the commands to the tree."""
    group = typer.Typer(help="Show or check the configuration.", no_args_is_help=True, rich_markup_mode=None)
    group.command("show", epilog=SHOW_EPILOG, short_help="Show every setting, its value, its source.")(show)
    group.command("check", epilog=CHECK_EPILOG, short_help="Check it as `avap serve` would.")(check)
    app.add_typer(group, name="config")


def show(config: options.ConfigFile = None, json: options.Json = False) -> None:
    """Show every setting, its value and where the value comes from. Secrets are masked."""
    from appliance.config.showing import rows

    loaded = load_settings(config)
    found = rows(loaded)
    if json:
        print_json(
            {row.key: {"value": row.value, "source": row.source, "environment": row.environment} for row in found}
        )
    else:
        print_table(("setting", "value", "source", "environment"), [
            (row.key, row.text, row.source, row.environment) for row in found
        ], droppable="environment")  # fmt: skip
    for warning in loaded.warnings:
        typer.echo(f"warning: {warning}", err=True)


def check(
    config: options.ConfigFile = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print problems only.")] = False,
) -> None:
    """Check the configuration as `avap serve` would, secret files included. Exit 1 names every problem."""
    from appliance.config import configured_keys, read_signing_keys

    problems: list[str] = []
    warnings: list[str] = []
    try:
        loaded = load_settings(config)
    except ConfigError as error:
        problems += error.problems
    except SecretError as error:
        problems.append(str(error))
    else:
        warnings += loaded.warnings
        for read in (configured_keys, read_signing_keys):
            try:
                found = read(loaded.settings)
            except SecretError as error:
                problems.append(str(error))
            else:
                warnings += getattr(found, "warnings", ())
    for problem in problems:
        typer.echo(f"problem: {problem}", err=True)
    for warning in () if quiet else warnings:
        typer.echo(f"warning: {warning}", err=True)
    if problems:
        raise typer.Exit(EXIT_NO)
    if not quiet:
        typer.echo("the configuration is good")
