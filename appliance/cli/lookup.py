"""`avap get | sync | health`: the calls of a client."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from appliance.cli import options
from appliance.cli.connecting import connect
from appliance.cli.output import person_reads, print_json, print_pairs, size
from appliance.errors import EXIT_NO

if TYPE_CHECKING:
    from appliance.client import Catalog, Command

GET_EPILOG = """\b
Examples:
  avap get addVar
  avap get addVar --interface
  avap get addVar --json --target 10.0.0.5:50051 --key-file ./key

There is no option for the key itself, because every user of a host can read arguments.
"""
SYNC_EPILOG = """\b
Examples:
  avap sync                       how many commands, which version
  avap sync --out ./catalog       a folder: one file a command, index.json
  avap sync --out catalog.json    one JSON document
  avap sync --out catalog.ndjson  one JSON object a line
  avap sync --out - | jq .name    the same to standard output

A folder is brought up to date: files of an earlier sync whose command is gone are removed, other files are not touched.
"""
HEALTH_EPILOG = """\b
Examples:
  avap health
  avap health --target 10.0.0.5:50051 --service avap.DefinitionEngine

Exit codes: 0 serving, 1 not serving, 69 no answer.
"""


def register(app: typer.Typer) -> None:
    """Add the commands to the tree."""
    app.command("get", epilog=GET_EPILOG)(get)
    app.command("sync", epilog=SYNC_EPILOG, short_help="Fetch the whole catalogue and store it.")(sync)
    app.command("health", epilog=HEALTH_EPILOG, short_help="Ask whether it serves, as a load balancer does.")(health)


def get(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The command's name; case counts.")],
    target: options.Target = None,
    key_file: options.KeyFile = None,
    wire: options.Wire = None,
    timeout: options.Timeout = 5.0,
    config: options.ConfigFile = None,
    state_dir: options.StateDir = None,
    interface: Annotated[
        bool, typer.Option("--interface", help="Print the arguments, as JSON, instead of the code.")
    ] = False,
    json: options.Json = False,
) -> None:
    """Ask for one command and print its code."""
    with connect(config, state_dir, target, key_file, wire, timeout) as client:
        command = client.get(name)
    if json:
        print_json(as_json(command))
    elif interface:
        typer.echo(command.interface_json)
    else:
        typer.echo(command.code, nl=not command.code.endswith("\n"))


def sync(
    out: Annotated[
        str | None,
        typer.Option(
            "--out", "-o", metavar="PATH", help="Folder, .json or .ndjson file, or - for lines on standard output."
        ),
    ] = None,
    form: Annotated[
        Literal["dir", "json", "ndjson"] | None,
        typer.Option("--format", help="Form of what is written; by default, what the path's ending says."),
    ] = None,
    target: options.Target = None,
    key_file: options.KeyFile = None,
    wire: options.Wire = None,
    timeout: Annotated[
        float | None,
        typer.Option(
            "--timeout", metavar="SECONDS", callback=options.positive, help="Longest wait; by default, no limit."
        ),
    ] = None,
    config: options.ConfigFile = None,
    state_dir: options.StateDir = None,
    json: options.Json = False,
) -> None:
    """Fetch the whole catalogue, check every hash, and store or summarise it."""
    with (
        _waiting("fetching the catalogue"),
        connect(config, state_dir, target, key_file, wire, 5.0, sync_timeout_s=timeout) as client,
    ):
        catalog = client.sync()
    if out is not None:
        _store(catalog, out, form)
        if out == "-":
            return
    _summarise(catalog, out, json)


def health(
    service: Annotated[
        str,
        typer.Option(
            "--service", metavar="NAME", help="Service to ask about; by default, the whole.", show_default=False
        ),
    ] = "",
    target: options.Target = None,
    timeout: options.Timeout = 2.0,
    config: options.ConfigFile = None,
    state_dir: options.StateDir = None,
) -> None:
    """Print SERVING and exit 0, or say what else and exit 1.

    Asks by the standard health protocol of gRPC; needs no key.
    """
    with connect(config, state_dir, target, None, None, timeout, needs_key=False) as client:
        answer = client.health(service)
    typer.echo(answer)
    if answer != "SERVING":
        raise typer.Exit(EXIT_NO)


def as_json(command: Command) -> dict[str, Any]:
    """A command as JSON data; the package, being bytes, as base64."""
    found: dict[str, Any] = {
        "name": command.name,
        "type": command.type,
        "interface_json": command.interface_json,
        "code": command.code,
        "hash": command.hash,
    }
    if command.package:
        found["package"] = base64.b64encode(command.package).decode()
    if command.version is not None:
        found["version"] = {"generation": command.version.generation, "digest": command.version.digest}
    return found


def _store(catalog: Catalog, out: str, form: Literal["dir", "json", "ndjson"] | None) -> None:
    from appliance.cli import export

    form = form or export.form_of(out)
    if out == "-":
        export.write_stdout(catalog, form)
    elif form == "dir":
        with _counting("writing files", len(catalog)) as advance:
            export.write_folder(catalog, Path(out), advance)
    else:
        export.write_file(catalog, Path(out), form)


def _summarise(catalog: Catalog, out: str | None, json: bool) -> None:
    version = catalog.version
    code_bytes = sum(len(command.code.encode()) for command in catalog.values())
    if json:
        found: dict[str, Any] = {"commands": len(catalog), "code_bytes": code_bytes, "out": out}
        if version is not None:
            found |= {"generation": version.generation, "digest": version.digest}
        print_json(found)
        return
    pairs = [("commands", str(len(catalog))), ("code", size(code_bytes))]
    if version is not None:
        pairs += [("generation", str(version.generation)), ("digest", version.digest)]
    if out is not None:
        pairs.append(("written", out))
    print_pairs(pairs)


@contextmanager
def _waiting(what: str) -> Iterator[None]:
    """A spinner while something of unknown length goes on, if a person looks."""
    if not person_reads(errors=True):
        yield
        return
    from rich.console import Console

    with Console(stderr=True).status(what):
        yield


@contextmanager
def _counting(what: str, total: int) -> Iterator[Any]:
    """A progress bar, if a person looks; yields what to call after each step."""
    if not person_reads(errors=True):
        yield lambda: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(what, total=total)
        yield lambda: progress.advance(task)
