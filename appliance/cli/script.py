"""`avap exec | check`: run a script on the appliance, or ask what in it will surprise."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from appliance.cli import options
from appliance.cli.connecting import load_settings, reachable, running
from appliance.cli.output import print_json, print_table
from appliance.errors import EXIT_NO, InternalError, SecretError, UnavailableError, UsageError

SCRIPT_BYTES_MAX = 1 << 20
ANSWER_BYTES_MAX = 64 << 20
COLOURS = {"ok": "green", "failed": "red", "error": "red", "warning": "yellow"}

EXEC_EPILOG = """\b
Examples:
  avap exec script.avap
  avap exec script.avap --var units=3 --var 'names=["a","b"]' --trace
  echo 'addVar(x, 1)' | avap exec -

A value that reads as JSON is what it says, any other is text: --var n=3 is a number, --var 'n="3"' a text.
`result` goes to standard output as JSON, an error and its line to standard error.
docs/language.md teaches the language.
Exit codes: 0 done, 1 the script failed, 2 wrong usage, 69 no appliance answers.
"""
CHECK_EPILOG = """\b
Examples:
  avap check script.avap
  avap check script.avap --json

Each has its place, what will happen there, and behind `=` what was probably meant. Nothing is run.
Exit codes: 0 no errors or warnings, 1 there are some, 2 wrong usage, 69 no appliance answers.
"""

File = Annotated[str, typer.Argument(metavar="FILE", help="The script; - reads standard input.")]
HttpTarget = Annotated[
    str | None,
    typer.Option("--target", metavar="HOST:PORT", help="Its HTTP address; by default, of the one on this host."),
]
Timeout = Annotated[
    float,
    typer.Option("--timeout", metavar="SECONDS", callback=options.positive, help="Longest wait for the answer."),
]


def register(app: typer.Typer) -> None:
    """Add the commands to the tree."""
    app.command("exec", epilog=EXEC_EPILOG, short_help="Run a script on the appliance.")(execute)
    app.command("check", epilog=CHECK_EPILOG, short_help="Say what in a script will surprise; run nothing.")(check)


def execute(
    file: File,
    var: Annotated[
        list[str] | None, typer.Option("--var", metavar="NAME=VALUE", help="A variable; may be repeated.")
    ] = None,
    trace: Annotated[
        bool, typer.Option("--trace", help="Show each statement outside of blocks, how long it took and how it ended.")
    ] = False,
    target: HttpTarget = None,
    key_file: options.KeyFile = None,
    timeout: Timeout = 70.0,
    config: options.ConfigFile = None,
    state_dir: options.StateDir = None,
    json: options.Json = False,
) -> None:
    """Run a script on the appliance and print its result."""
    script = _read(file)
    url, key = _find(config, state_dir, target, key_file)
    body = {"script": script, "variables": _variables(var or [])}
    answer = _post(f"{url}/api/v1/execute", body, key, timeout)
    if trace and answer.get("logs") is not None:
        _show_trace(answer["logs"])
    if json:
        print_json(answer)
    elif answer.get("success"):
        print_json(answer["result"])
    else:
        typer.echo(_told(answer, script, file), err=True)
    if not answer.get("success"):
        raise typer.Exit(EXIT_NO)


def check(
    file: File,
    target: HttpTarget = None,
    key_file: options.KeyFile = None,
    timeout: Timeout = 10.0,
    config: options.ConfigFile = None,
    state_dir: options.StateDir = None,
    json: options.Json = False,
) -> None:
    """Say which places of a script will surprise, what happens there, and what was probably meant."""
    script = _read(file)
    url, key = _find(config, state_dir, target, key_file)
    answer = _post(f"{url}/api/v1/check", {"script": script}, key, timeout)
    if "diagnostics" not in answer:
        typer.echo(_told(answer, script, file), err=True)
        raise typer.Exit(EXIT_NO)
    if json:
        print_json(answer)
    else:
        lines = _lines(script)
        for one in answer["diagnostics"]:
            typer.echo(_place(file, one))
            _show_source(lines, one)
            typer.echo(f"  = {one['meant']}")
        if answer["left_out"]:
            typer.echo(f"and {answer['left_out']} more")
    if any(one["severity"] in ("error", "warning") for one in answer["diagnostics"]):
        raise typer.Exit(EXIT_NO)


def _read(file: str) -> str:
    """The script's text, without the byte order mark that editors put before it. Raises UsageError."""
    try:
        if file == "-":
            data = sys.stdin.buffer.read(SCRIPT_BYTES_MAX + 1)
        else:
            with Path(file).open("rb") as opened:
                data = opened.read(SCRIPT_BYTES_MAX + 1)
        if len(data) > SCRIPT_BYTES_MAX:
            raise UsageError(f"the script is larger than {SCRIPT_BYTES_MAX} bytes: {file}")
        return data.decode("utf-8").removeprefix("\ufeff")
    except OSError as error:
        raise UsageError(f"cannot read the script: {error.strerror}: {file}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"the script is not UTF-8 text: {file}") from error


def _variables(given: list[str]) -> dict[str, object]:
    """`name=value` texts as variables. Raises UsageError."""
    found: dict[str, object] = {}
    for one in given:
        name, equals, value = one.partition("=")
        if not equals or not name:
            raise UsageError(f"--var takes NAME=VALUE; found {one!r}")
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def _find(config: Path | None, state_dir: Path | None, target: str | None, key_file: Path | None) -> tuple[str, str]:
    """URL and key of the appliance that is meant. Raises UnavailableError, SecretError."""
    from appliance.config import read_keys
    from appliance.keys import find_key, read_key_file

    settings = load_settings(config, state_dir).settings
    if target is None:
        status = running(settings.state_dir)
        if status is None:
            raise UnavailableError(
                f"no appliance runs on this state directory; start one with `avap serve`, or give --target: "
                f"{settings.state_dir}"
            )
        if not status.http_address:
            raise UnavailableError("the appliance serves no HTTP; set AVAP_HTTP_WORKERS to 1 or more")
        target = reachable(status.http_address)
    if key_file is not None:
        keys = read_key_file(key_file, "the key file")
    else:
        found = find_key(os.environ)
        keys = found.values if found is not None else read_keys(settings)
    return f"http://{target}", keys[0] if keys else ""


def _post(url: str, body: object, key: str, timeout_s: float) -> Any:
    """The JSON answer, whatever its status. Raises UnavailableError, SecretError, InternalError."""
    import http.client
    from urllib.error import HTTPError, URLError
    from urllib.request import ProxyHandler, Request, build_opener

    headers = {"Content-Type": "application/json", **({"x-avap-auth": key} if key else {})}
    request = Request(url, json.dumps(body).encode(), headers)
    opener = build_opener(ProxyHandler({}))  # a proxy knows nothing of this host's loopback
    try:
        try:
            with opener.open(request, timeout=timeout_s) as reply:
                data = reply.read(ANSWER_BYTES_MAX)
        except HTTPError as error:
            if error.code == 401:
                raise SecretError(f"the appliance refused the key; set API_KEY or give --key-file: {url}") from error
            data = error.read(ANSWER_BYTES_MAX)
    except (URLError, http.client.HTTPException, OSError) as error:
        raise UnavailableError(f"the appliance does not answer: {getattr(error, 'reason', error)}: {url}") from error
    if not data:  # a status without a body, which the script chose
        return {"success": True, "result": {}, "logs": None}
    try:
        return json.loads(data)
    except ValueError as error:
        raise InternalError(f"the answer is not JSON; is it an appliance? {url}") from error


def _show_trace(logs: list[dict[str, Any]]) -> None:
    rows = [
        (
            str(number),
            entry["command"],
            f"{entry['duration_ms']:.3f}",
            "ok" if entry["success"] else "failed",
            entry.get("error", ""),
        )
        for number, entry in enumerate(logs, 1)
    ]
    print_table(("statement", "command", "ms", "end", "error"), rows, colours=COLOURS)


def _told(answer: dict[str, Any], script: str, file: str) -> str:
    """An error as text: what, where, and the line itself."""
    text = f"{file}: error: {answer.get('error', 'no reason given')}"
    if "line" not in answer:
        return text
    lines = _lines(script)
    place = f"{file}:{answer['line']}:{answer['column']}: error: {answer['error']}"
    return "\n".join([place, *_source_lines(lines, answer)])


def _place(file: str, one: dict[str, Any]) -> str:
    return f"{file}:{one['line']}:{one['column']}: {one['severity']}: {one['happens']} [{one['code']}]"


def _show_source(lines: list[str], one: dict[str, Any]) -> None:
    for line in _source_lines(lines, one):
        typer.echo(line)


def _lines(script: str) -> list[str]:
    return script.split("\n")


def _source_lines(lines: list[str], place: dict[str, Any]) -> list[str]:
    if not 1 <= place["line"] <= len(lines):
        return []
    line = lines[place["line"] - 1].replace("\t", " ").rstrip("\r")
    return [f"  | {line}", f"  | {' ' * (place['column'] - 1)}^"]
