"""`avap serve`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from appliance.cli import options
from appliance.cli.connecting import load_settings
from appliance.cli.output import person_reads

EPILOG = """\b
Examples:
  avap serve                               the packaged commands
  avap serve --catalog-dir ./commands      and commands of your own
  DATABASE_URL=postgresql://… avap serve   a catalogue from PostgreSQL
  avap serve --port 0 --http-port 0 --metrics-port 0 --state-dir /tmp/second
                                           a second one beside the first

\b
Signals:
  TERM, INT   drain and stop; a second one stops at once
  HUP         read configuration, keys and catalogue again
  USR2        write the state to the log

Secrets are not options, because every user of a host can read arguments: set API_KEY or API_KEY_FILE,
DATABASE_URL or DATABASE_URL_FILE, AVAP_SIGNING_KEY or AVAP_SIGNING_KEY_FILE, or pass them as systemd credentials.
`avap config show` lists all settings.
"""


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("serve", epilog=EPILOG)(serve)


def serve(
    config: options.ConfigFile = None,
    state_dir: Annotated[
        Path | None,
        typer.Option("--state-dir", metavar="DIR", help="Folder for snapshot, key and admin socket; one an instance."),
    ] = None,
    bind: Annotated[
        str | None, typer.Option("--bind", metavar="ADDRESS", help="Address to listen on [127.0.0.1].")
    ] = None,
    port: Annotated[
        int | None, typer.Option("--port", metavar="PORT", help="gRPC port, 0 for any free one [50051].")
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", metavar="N", help="Worker processes [allowed cores less one].")
    ] = None,
    wire: Annotated[
        Literal["standard", "lite"] | None, typer.Option("--wire", help="Form of the messages [standard].")
    ] = None,
    http_port: Annotated[
        int | None, typer.Option("--http-port", metavar="PORT", help="HTTP port, 0 for any free one [8888].")
    ] = None,
    http_workers: Annotated[
        int | None, typer.Option("--http-workers", metavar="N", help="HTTP worker processes, 0 for none [1].")
    ] = None,
    metrics_port: Annotated[
        int | None, typer.Option("--metrics-port", metavar="PORT", help="Prometheus port, 0 for any free one [9090].")
    ] = None,
    catalog_dir: Annotated[
        Path | None, typer.Option("--catalog-dir", metavar="DIR", help="Folder with commands of your own.")
    ] = None,
    refresh_s: Annotated[
        float | None, typer.Option("--refresh-s", metavar="SECONDS", help="How often to ask the source [60].")
    ] = None,
    pin: Annotated[
        str | None, typer.Option("--pin", metavar="CORES", help="auto, off, or cores such as 0,2-5 [auto].")
    ] = None,
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"] | None,
        typer.Option("--log-level", help="Least level written [info]."),
    ] = None,
    welcome: Annotated[
        bool | None,
        typer.Option(
            "--welcome/--no-welcome", help="Print first calls to try [only on a terminal].", show_default=False
        ),
    ] = None,
) -> None:
    """Serve the catalogue over gRPC and run scripts over HTTP until told to stop.

    Options win over the environment, the environment over the configuration file. The log, JSON lines, goes to
    standard error.
    """
    loaded = load_settings(
        config,
        state_dir,
        bind=bind,
        grpc__port=port,
        grpc__workers=workers,
        grpc__wire=wire,
        http__port=http_port,
        http__workers=http_workers,
        metrics__port=metrics_port,
        catalog__dir=catalog_dir,
        catalog__refresh_s=refresh_s,
        pin=pin,
        log__level=log_level,
    )
    from supervisor.main import run

    raise typer.Exit(run(loaded, welcome=person_reads() if welcome is None else welcome))
