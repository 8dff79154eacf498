"""`avap status` and `avap reload`."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Annotated

import typer

from appliance.cli import options
from appliance.cli.connecting import Admin, find_state_dir
from appliance.cli.output import ago, duration, plain, print_json, print_pairs, print_table, size
from appliance.errors import EXIT_NO

if TYPE_CHECKING:
    from appliance.pb import admin_pb2

STATUS_EPILOG = """\b
Examples:
  avap status
  avap status --json | jq .catalog.generation
"""
RELOAD_EPILOG = """\b
Outcomes:
  announced   a new version is served
  unchanged   the source holds what is served already
and, with the old version still served and exit code 1:
  pinned      a version is pinned; `avap catalog unpin` ends that
  rejected    the new version was refused
  failed      the source could not be read

\b
Examples:
  avap reload
  avap reload --force      accept a catalogue that lost most of its commands
"""
COLOURS = {
    "serving": "green",
    "starting": "yellow",
    "draining": "yellow",
    "not_serving": "red",
    "vacant": "red",
    "stopped": "red",
}


def register(app: typer.Typer) -> None:
    """Add the commands to the tree."""
    app.command("status", epilog=STATUS_EPILOG, short_help="Show what is served, from where, by which workers.")(status)
    app.command("reload", epilog=RELOAD_EPILOG, short_help="Read the source now and tell the outcome.")(reload)


def status(config: options.ConfigFile = None, state_dir: options.StateDir = None, json: options.Json = False) -> None:
    """Show what the running appliance serves, from where, and how its workers are."""
    with Admin(find_state_dir(config, state_dir)) as admin:
        reply = admin.status()
    if json:
        print_json(plain(reply))
        return
    print_pairs(pairs(reply))
    typer.echo()
    print_table(
        ("worker", "pid", "state", "generation", "connections", "restarts", "since"),
        [_worker_row(worker) for worker in reply.workers],
        colours=COLOURS,
    )
    for warning in reply.warnings:
        typer.echo(f"warning: {warning}")


def reload(
    config: options.ConfigFile = None,
    state_dir: options.StateDir = None,
    force: Annotated[bool, typer.Option("--force", help="Accept a version that shrank more than allowed.")] = False,
    timeout: options.Timeout = 600.0,
    json: options.Json = False,
) -> None:
    """Read the source now, and wait until it is known what came of it: a new version is served by then.

    Configuration and keys are read again by the signal HUP (`systemctl reload avap`).
    """
    from appliance.pb import admin_pb2

    with Admin(find_state_dir(config, state_dir)) as admin:
        reply = admin.ask(admin.stub.Reload, admin_pb2.ReloadRequest(force=force), timeout)
    if json:
        print_json(plain(reply))
    else:
        text = f"{reply.outcome}: {reply.message}" if reply.message else reply.outcome
        typer.echo(text)
        if reply.generation:
            typer.echo(f"generation {reply.generation}, {reply.commands} commands, digest {reply.digest}")
    if reply.outcome not in ("announced", "unchanged"):
        raise typer.Exit(EXIT_NO)


def pairs(reply: admin_pb2.StatusReply) -> list[tuple[str, str]]:
    """The status as `key: value` lines."""
    uptime = duration(time.time() - reply.started_at_ms / 1000)
    found = [
        ("state", reply.state),
        ("appliance", f"{reply.version}, instance {reply.instance}, pid {reply.pid}, up {uptime}"),
        ("grpc", f"{reply.grpc_address} ({reply.wire})"),
        ("http", f"http://{reply.http_address}" if reply.http_address else "none"),
        ("metrics", f"http://{reply.metrics_address}/metrics" if reply.metrics_address else "none"),
        ("keys", f"{reply.keys} from {reply.key_source}"),
        ("state_dir", reply.state_dir),
        *_catalog_pairs(reply.catalog),
        *_code_pairs(reply.code),
        ("source", _source(reply.source)),
    ]
    if reply.source.last_error and not reply.source.up:
        found.append(("source_error", f"{reply.source.last_error} ({ago(reply.source.last_error_at_ms)})"))
    snapshot = reply.snapshot
    if snapshot.present:
        found.append(("snapshot", f"{size(snapshot.bytes)}, written {ago(snapshot.written_at_ms)}, {snapshot.path}"))
    else:
        found.append(("snapshot", "none yet"))
    if snapshot.last_error:
        found.append(("snapshot_error", snapshot.last_error))
    return found


def _catalog_pairs(catalog: admin_pb2.CatalogStatus) -> list[tuple[str, str]]:
    if not catalog.generation:
        found = [("catalog", "nothing announced yet; is the source empty? `avap db seed` fills a database")]
    else:
        marks = [f"from {catalog.origin}", f"confirmed {duration(catalog.age_ms / 1000)} ago"]
        marks += ["STALE"] if catalog.stale else []
        marks += ["PINNED"] if catalog.pinned else []
        found = [
            ("catalog", f"generation {catalog.generation}, {catalog.commands} commands, {size(catalog.bytes)}"),
            ("catalog_state", ", ".join(marks)),
            ("digest", catalog.digest),
        ]
    left_out = [f"{catalog.duplicates} duplicate names"] if catalog.duplicates else []
    left_out += [f"{catalog.bad_rows} bad rows or files"] if catalog.bad_rows else []
    if left_out:
        found.append(("left_out", ", ".join(left_out)))
    if catalog.rejected:
        last = catalog.last_rejection
        found.append(("rejected", f"{catalog.rejected}, last {ago(last.at_ms)}: {last.reason}: {last.message}"))
    return found


def _code_pairs(code: admin_pb2.CodeStatus) -> list[tuple[str, str]]:
    text = code.state
    if code.state == "compiled":
        good = code.definitions - code.refused - code.quarantined
        text = f"{good} of {code.definitions} definitions compiled, {size(code.bytes)}, in {code.seconds:.3f} s"
    if code.refused or code.quarantined:
        text += "; `avap catalog check` lists the others"
    found = [("code", text)]
    if code.last_error:
        found.append(("code_error", code.last_error))
    found += [("quarantined", f"{one.name} ({ago(one.at_ms)}): {one.reason}") for one in code.quarantine]
    if code.quarantine_total > len(code.quarantine):
        found.append(("quarantined", f"and {code.quarantine_total - len(code.quarantine)} more"))
    return found


def _source(source: admin_pb2.SourceStatus) -> str:
    if source.up:
        return f"{source.kind}, up, read {ago(source.last_ok_at_ms)} in {source.hydration_s:.3f} s"
    wait_s = source.next_try_at_ms / 1000 - time.time()
    then = f", next try in {duration(wait_s)}" if source.next_try_at_ms else ""
    kind = f" ({source.last_error_kind})" if source.last_error_kind else ""
    return (
        f"{source.kind}, DOWN{kind}, last read {ago(source.last_ok_at_ms)}, {source.failures} failures in a row{then}"
    )


def _worker_row(worker: admin_pb2.WorkerStatus) -> tuple[str, ...]:
    since = ago(worker.started_at_ms) if worker.pid else ""
    if not worker.pid and worker.next_start_at_ms:
        since = f"starts in {duration(worker.next_start_at_ms / 1000 - time.time())}"
    if worker.adopted_by >= 0:
        since = f"{since}, {worker.role} {worker.adopted_by} accepts for it".removeprefix(", ")
    return (
        f"{worker.role} {worker.slot}",
        str(worker.pid or "-"),
        worker.state,
        str(worker.generation),
        str(worker.connections),
        str(worker.restarts),
        since,
    )
