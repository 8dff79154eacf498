"""`avap catalog list | check | rollback | unpin`."""

from __future__ import annotations

from typing import Annotated

import typer

from appliance.cli import options
from appliance.cli.connecting import STATUS_TIMEOUT_S, Admin, find_state_dir
from appliance.cli.output import ago, person_reads, plain, print_json, print_table, size
from appliance.errors import EXIT_NO

ROLLBACK_EPILOG = """\b
Examples:
  avap catalog rollback                  to the version before this one
  avap catalog rollback --to 41          to the content that was generation 41
  avap catalog rollback --to 9f3c        to the digest that begins like this

The old content is announced under a new generation and pinned: what the source says is not announced
until `avap catalog unpin`, also over restarts.
"""
ROLLBACK_TIMEOUT_S = 60.0
DIGEST_SHOWN = 12
"""Digits of a digest on a terminal: enough for `--to`, and the table fits 80 columns."""
UNPIN_TIMEOUT_S = 600.0
CHECK_EPILOG = """\b
Exit codes:
  0  every row is served and every definition compiles
  1  some are not, or do not, and are listed; or nothing could be compiled

\b
Examples:
  avap catalog check
  avap catalog check --json | jq -r '.failures[].name'

A command that does not compile is served as text all the same, and only a script that calls it fails. One that is
quarantined ended the compiler; it is tried again when it is edited. A row that is left out cannot be served at all: it
has no name, is no UTF-8 or is too long.
"""


def register(app: typer.Typer) -> None:
    """Add the commands to the tree."""
    group = typer.Typer(help="List versions, check definitions, go back to a version, follow the source again.",
                        no_args_is_help=True, rich_markup_mode=None)  # fmt: skip
    group.command("list")(list_versions)
    group.command("check", epilog=CHECK_EPILOG)(check)
    group.command("rollback", epilog=ROLLBACK_EPILOG)(rollback)
    group.command("unpin")(unpin)
    app.add_typer(group, name="catalog")


def list_versions(
    config: options.ConfigFile = None, state_dir: options.StateDir = None, json: options.Json = False
) -> None:
    """List the versions that can be announced again, newest first."""
    from appliance.pb import admin_pb2

    with Admin(find_state_dir(config, state_dir)) as admin:
        reply = admin.ask(admin.stub.ListVersions, admin_pb2.ListVersionsRequest(), STATUS_TIMEOUT_S)
    if json:
        print_json(plain(reply)["versions"])
        return
    rows = [
        (
            str(version.generation),
            version.digest[:DIGEST_SHOWN] if person_reads() else version.digest,
            str(version.commands),
            size(version.bytes),
            version.origin,
            ago(version.announced_at_ms),
            " ".join(word for word, holds in (("current", version.current), ("pinned", version.pinned)) if holds),
        )
        for version in reply.versions
    ]
    print_table(
        ("generation", "digest", "commands", "size", "origin", "announced", "state"),
        rows,
        colours={"current": "green", "current pinned": "yellow"},
    )


def check(
    config: options.ConfigFile = None,
    state_dir: options.StateDir = None,
    timeout: options.Timeout = 600.0,
    json: options.Json = False,
) -> None:
    """List the definitions that do not compile, with line and column, and the rows and files that are left out."""
    from appliance.pb import admin_pb2

    with Admin(find_state_dir(config, state_dir)) as admin:
        reply = admin.ask(admin.stub.Check, admin_pb2.CheckRequest(), timeout)
    if json:
        print_json(plain(reply))
    elif reply.state != "compiled":
        typer.echo(f"not checked: {reply.message}")
    else:
        for one in reply.failures:
            place = "quarantined" if one.quarantined else f"line {one.line}, column {one.column}"
            typer.echo(f"{one.name}: {place}: {one.message.removeprefix('quarantined: ')}")
        unlisted = reply.failed - len(reply.failures)
        if unlisted:
            typer.echo(f"and {unlisted} more")
        for row in reply.bad_rows_shown:
            what = f"row {row.id}" if row.id else "a file"
            typer.echo(f"{row.name or 'no name'}: {what} is left out: {row.reason}")
        if reply.bad_rows > len(reply.bad_rows_shown):
            more = reply.bad_rows - len(reply.bad_rows_shown)
            typer.echo(f"and {more} more rows or files are left out: their calls say command_not_found, and no reason")
        good = reply.definitions - reply.failed
        typer.echo(f"generation {reply.generation}: {good} of {reply.definitions} definitions compile")
    if reply.state != "compiled" or reply.failed or reply.bad_rows:
        raise typer.Exit(EXIT_NO)


def rollback(
    config: options.ConfigFile = None,
    state_dir: options.StateDir = None,
    to: Annotated[
        str,
        typer.Option("--to", metavar="GENERATION|DIGEST", help="Which version; by default the one before the current."),
    ] = "",
    json: options.Json = False,
) -> None:
    """Serve an older version again, and stay with it."""
    from appliance.pb import admin_pb2

    with Admin(find_state_dir(config, state_dir)) as admin:
        reply = admin.ask(admin.stub.Rollback, admin_pb2.RollbackRequest(to=to.strip()), ROLLBACK_TIMEOUT_S)
    if json:
        print_json(plain(reply))
        return
    typer.echo(f"generation {reply.generation}, {reply.commands} commands, digest {reply.digest}")
    typer.echo("pinned; `avap catalog unpin` follows the source again")


def unpin(config: options.ConfigFile = None, state_dir: options.StateDir = None, json: options.Json = False) -> None:
    """End a pin: what the source says is announced again, from now on."""
    from appliance.pb import admin_pb2

    with Admin(find_state_dir(config, state_dir)) as admin:
        reply = admin.ask(admin.stub.Unpin, admin_pb2.UnpinRequest(), UNPIN_TIMEOUT_S)
    if json:
        print_json(plain(reply))
    else:
        typer.echo("the pin is ended; the source is followed again" if reply.was_pinned else "nothing was pinned")
