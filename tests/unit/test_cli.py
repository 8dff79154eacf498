"""The `avap` command: what it prints, its exit codes, and that its errors are sentences and not tracebacks."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import grpc
import pytest
from typer.testing import CliRunner, Result

from appliance import __version__
from appliance.cli import app as cli_app
from appliance.cli.connecting import reachable
from appliance.cli.output import duration, size
from appliance.errors import InstanceRunningError
from appliance.pb import admin_pb2, admin_pb2_grpc
from tests.unit.definition_server import DIGEST, INTERFACE, KEY, Engine, serving
from tests.waiting import wait_until

COMMANDS = {"addVar": "x = 1\n", "if": "y = 2", "../evil": "z\n", ".hidden": "h\n", "x" * 256: "long\n"}


class Admin(admin_pb2_grpc.AdminServicer):
    """An admin service that answers what a test sets."""

    def __init__(self) -> None:
        self.status = admin_pb2.StatusReply(
            version="9.9",
            instance="abc",
            pid=4242,
            started_at_ms=1,
            state="serving",
            grpc_address="127.0.0.1:1",
            wire="standard",
            keys=2,
            key_source="API_KEY_FILE /k",
            state_dir="/s",
            catalog=admin_pb2.CatalogStatus(
                generation=2**40, digest=DIGEST, commands=30, bytes=2048, origin="embedded"
            ),
            source=admin_pb2.SourceStatus(
                kind="postgres", up=False, last_error_kind="auth", last_error="refused", failures=3
            ),
            workers=[
                admin_pb2.WorkerStatus(role="grpc", slot=0, pid=77, state="serving", adopted_by=-1),
                admin_pb2.WorkerStatus(role="grpc", slot=1, state="vacant", adopted_by=0),
            ],
            warnings=["careful"],
        )
        self.outcome = "announced"
        self.refuse: tuple[grpc.StatusCode, str] | None = None
        self.asked: list[Any] = []

    def _note(self, request: Any, context: grpc.ServicerContext) -> None:
        self.asked.append(request)
        if self.refuse is not None:
            context.abort(*self.refuse)

    def Status(self, request: admin_pb2.StatusRequest, context: Any) -> admin_pb2.StatusReply:  # noqa: N802
        self._note(request, context)
        return self.status

    def Reload(self, request: admin_pb2.ReloadRequest, context: Any) -> admin_pb2.ReloadReply:  # noqa: N802
        self._note(request, context)
        return admin_pb2.ReloadReply(outcome=self.outcome, message="said", generation=8, digest=DIGEST, commands=3)

    def ListVersions(self, request: Any, context: Any) -> admin_pb2.ListVersionsReply:  # noqa: N802
        self._note(request, context)
        versions = [admin_pb2.Version(generation=8, digest=DIGEST, commands=3, current=True, pinned=True)]
        return admin_pb2.ListVersionsReply(versions=versions)

    def Rollback(self, request: Any, context: Any) -> admin_pb2.RollbackReply:  # noqa: N802
        self._note(request, context)
        return admin_pb2.RollbackReply(generation=9, digest=DIGEST, commands=3)

    def Unpin(self, request: Any, context: Any) -> admin_pb2.UnpinReply:  # noqa: N802
        self._note(request, context)
        return admin_pb2.UnpinReply(was_pinned=True)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    path = tmp_path / "state"
    path.mkdir(mode=0o700)
    return path


@pytest.fixture
def environ(state: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """A clean environment: nothing of whoever runs the tests."""
    for name in list(os.environ):
        if name.startswith("AVAP_") or name in (
            "API_KEY",
            "API_KEY_FILE",
            "DATABASE_URL",
            "PORT",
            "CREDENTIALS_DIRECTORY",
        ):
            monkeypatch.delenv(name)
    values = {"AVAP_STATE_DIR": str(state), "PORT": str(free_port()), "AVAP_METRICS_PORT": "0", "AVAP_HTTP_PORT": "0"}
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return values


def avap(*arguments: str, env: Mapping[str, str] | None = None) -> Result:
    return CliRunner().invoke(cli_app.app, list(arguments), env=dict(env or {}), prog_name="avap")


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def admin_on(state: Path) -> Iterator[Admin]:
    admin = Admin()
    server = grpc.server(futures.ThreadPoolExecutor(4))
    admin_pb2_grpc.add_AdminServicer_to_server(admin, server)  # type: ignore[no-untyped-call]
    server.add_insecure_port(f"unix:{state}/admin.sock")
    server.start()
    try:
        yield admin
    finally:
        server.stop(0).wait()


@pytest.fixture
def admin(environ: dict[str, str], state: Path) -> Iterator[Admin]:
    with admin_on(state) as admin:
        yield admin


@pytest.fixture
def target(environ: dict[str, str]) -> Iterator[str]:
    with serving(Engine(dict(COMMANDS))) as target:
        yield target


def python(*code: str, **environ: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *code], env=os.environ | environ, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )


# -- the tree ------------------------------------------------------------------------------------


def test_without_arguments_it_shows_help_with_every_command() -> None:
    result = avap()
    assert "Usage: avap" in result.output
    for name in ("serve", "status", "reload", "get", "sync", "health", "catalog", "config", "db", "doctor", "version"):
        assert f"\n  {name} " in result.output


@pytest.mark.parametrize(
    "command",
    [
        "",
        "serve",
        "status",
        "reload",
        "get",
        "sync",
        "health",
        "catalog",
        "catalog list",
        "catalog rollback",
        "catalog unpin",
        "config",
        "config show",
        "config check",
        "db",
        "db init",
        "db seed",
        "doctor",
        "version",
    ],
)
def test_every_command_explains_itself(command: str) -> None:
    result = avap(*command.split(), "--help")
    assert result.exit_code == 0
    assert len(result.output.splitlines()) > 4


@pytest.mark.parametrize("arguments", [["version"], ["--version"]])
def test_the_version_costs_no_heavy_import(arguments: list[str]) -> None:
    code = (
        "import sys; sys.argv[1:] = " + repr(arguments) + "; from appliance.cli import main; main(); "
        "heavy = {'typer', 'rich', 'grpc', 'pydantic', 'psycopg', 'supervisor'} & set(sys.modules); "
        "assert not heavy, heavy"
    )
    with python("-c", code) as process:
        out, err = process.communicate(timeout=60)
    assert (process.returncode, out, err) == (0, f"avap {__version__}\n", "")


def test_the_package_imports_nothing() -> None:
    code = "import sys; before = set(sys.modules); import appliance; assert set(sys.modules) - before == {'appliance'}"
    with python("-I", "-c", f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r}); {code}") as process:
        _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (0, "")


@pytest.mark.parametrize(
    "arguments", [["nope"], ["get"], ["get", "a", "--nope"], ["serve", "--port", "x"], ["serve", "--wire", "x"]]
)
def test_wrong_usage_exits_2(arguments: list[str]) -> None:
    assert avap(*arguments).exit_code == 2


def test_completion_is_available() -> None:
    assert "complete" in avap("--show-completion", env={"SHELL": "/bin/bash"}).output


def test_ctrl_c_ends_a_client_command_quietly_with_130(environ: dict[str, str]) -> None:
    release = threading.Event()
    engine = Engine(dict(COMMANDS), stall=lambda: release.wait(60))
    try:
        with serving(engine) as target:
            process = python("-m", "appliance.cli", "get", "addVar", "--target", target, "--timeout", "60", API_KEY=KEY)
            with process:
                wait_until(lambda: engine.calls, 30, "the call")
                process.send_signal(signal.SIGINT)
                out, err = process.communicate(timeout=30)
            release.set()
    finally:
        release.set()
    assert (process.returncode, out, err) == (130, "", "")


def test_an_internal_fault_is_one_message_and_exit_70_unless_debugged(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise TypeError("a mistake of ours")

    monkeypatch.setattr("appliance.cli.status.find_state_dir", fail)
    result = avap("status")
    assert result.exit_code == 70
    assert "internal fault: TypeError: a mistake of ours" in result.output
    assert "Traceback" not in result.output
    assert isinstance(avap("--debug", "status").exception, TypeError)


# -- serve ---------------------------------------------------------------------------------------


def test_serve_hands_the_merged_settings_over_and_returns_its_exit_code(
    environ: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Any] = []

    def run(loaded: Any, *, welcome: bool) -> int:
        seen.append((loaded, welcome))
        return 143

    monkeypatch.setitem(sys.modules, "supervisor.main", type(sys)("supervisor.main"))
    monkeypatch.setattr(sys.modules["supervisor.main"], "run", run, raising=False)
    result = avap("serve", "--port", "7777", "--log-level", "debug", "--welcome")
    assert result.exit_code == 143
    ((loaded, welcome),) = seen
    assert welcome
    assert loaded.settings.grpc.port == 7777
    assert loaded.sources["grpc.port"] == "flag --port"
    assert loaded.sources["state_dir"] == "environment AVAP_STATE_DIR"
    assert loaded.settings.log.level == "debug"

    def refuse(loaded: Any, *, welcome: bool) -> int:
        raise InstanceRunningError("another instance (pid 1) runs")

    monkeypatch.setattr(sys.modules["supervisor.main"], "run", refuse)
    result = avap("serve")
    assert result.exit_code == 75
    assert "avap: another instance (pid 1) runs" in result.output


def test_serve_with_a_bad_configuration_names_all_of_it_and_exits_78(environ: dict[str, str]) -> None:
    result = avap("serve", "--port", "99999", env={"AVAP_GRPC_WORKERS": "0"})
    assert result.exit_code == 78
    assert "2 problems" in result.output
    assert "grpc.port (flag --port)" in result.output
    assert "grpc.workers (environment AVAP_GRPC_WORKERS)" in result.output


# -- status, reload, catalog ---------------------------------------------------------------------


def test_status_is_plain_lines_when_nobody_looks_and_json_for_programs(admin: Admin) -> None:
    result = avap("status")
    assert result.exit_code == 0, result.output
    lines = dict(line.split(": ", 1) for line in result.output.splitlines() if ": " in line)
    assert lines["state"] == "serving"
    assert lines["keys"] == "2 from API_KEY_FILE /k"
    assert lines["catalog"] == f"generation {2**40}, 30 commands, 2.0 KiB"
    assert lines["source"].startswith("postgres, DOWN (auth)")
    assert lines["source_error"].startswith("refused")
    assert lines["warning"] == "careful"
    assert "grpc 0 accepts for it" in result.output
    assert "\x1b" not in result.output
    found = json.loads(avap("status", "--json").output)
    assert found["catalog"]["generation"] == 2**40
    assert found["catalog"]["last_rejection"] is None
    assert found["workers"][1]["adopted_by"] == 0
    assert found["source"]["up"] is False


def test_status_of_an_appliance_without_a_catalogue_says_what_to_do(admin: Admin) -> None:
    admin.status = admin_pb2.StatusReply(state="not_serving")
    assert "avap db seed" in avap("status").output


@pytest.mark.parametrize(
    ("outcome", "code"), [("announced", 0), ("unchanged", 0), ("pinned", 1), ("rejected", 1), ("failed", 1)]
)
def test_reload_exits_by_its_outcome(admin: Admin, outcome: str, code: int) -> None:
    admin.outcome = outcome
    result = avap("reload", "--force")
    assert result.exit_code == code
    assert f"{outcome}: said" in result.output
    assert admin.asked[-1].force


def test_catalog_commands_ask_for_what_was_said(admin: Admin) -> None:
    assert "current pinned" in avap("catalog", "list").output
    assert json.loads(avap("catalog", "list", "--json").output)[0]["digest"] == DIGEST
    assert "generation 9" in avap("catalog", "rollback", "--to", " 9f3c ").output
    assert admin.asked[-1].to == "9f3c"
    assert avap("catalog", "rollback").exit_code == 0
    assert admin.asked[-1].to == ""
    assert "followed again" in avap("catalog", "unpin").output


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (grpc.StatusCode.NOT_FOUND, 1),
        (grpc.StatusCode.FAILED_PRECONDITION, 1),
        (grpc.StatusCode.INVALID_ARGUMENT, 2),
        (grpc.StatusCode.UNAVAILABLE, 69),
        (grpc.StatusCode.DEADLINE_EXCEEDED, 69),
        (grpc.StatusCode.INTERNAL, 70),
    ],
)
def test_a_refusal_of_the_admin_service_is_a_message_and_an_exit_code(
    admin: Admin, status: grpc.StatusCode, code: int
) -> None:
    admin.refuse = (status, "no such version")
    result = avap("catalog", "rollback")
    assert result.exit_code == code
    assert result.output.startswith("avap: ")


def test_without_an_appliance_admin_commands_exit_69_and_say_where_they_looked(
    environ: dict[str, str], state: Path
) -> None:
    for command in (["status"], ["reload"], ["catalog", "list"]):
        result = avap(*command)
        assert result.exit_code == 69
        assert str(state) in result.output
        assert "avap serve" in result.output
    left_behind = socket.socket(socket.AF_UNIX)
    left_behind.bind(f"{state}/admin.sock")
    left_behind.close()
    assert avap("status").exit_code == 69


def test_a_named_state_directory_works_whatever_the_configuration(admin: Admin, state: Path) -> None:
    assert avap("status", "--state-dir", str(state), env={"AVAP_NONSENSE": "1"}).exit_code == 0
    assert avap("status", env={"AVAP_NONSENSE": "1"}).exit_code == 78


def test_a_state_directory_with_a_percent_sign_is_found(environ: dict[str, str], tmp_path: Path) -> None:
    odd = tmp_path / "50%20 ü"
    odd.mkdir()
    plain = tmp_path / "p"
    plain.mkdir()
    with admin_on(plain):
        (odd / "admin.sock").symlink_to(plain / "admin.sock")
        assert avap("status", "--state-dir", str(odd)).exit_code == 0


# -- get, sync, health ---------------------------------------------------------------------------


def test_get_prints_code_interface_or_everything(target: str) -> None:
    environ = {"API_KEY": KEY}
    assert avap("get", "addVar", "--target", target, env=environ).output == "x = 1\n"
    assert avap("get", "if", "--target", target, env=environ).output == "y = 2\n"
    assert avap("get", "if", "--target", target, "--interface", env=environ).output == INTERFACE + "\n"
    found = json.loads(avap("get", "addVar", "--target", target, "--json", env=environ).output)
    assert (found["name"], found["code"], found["version"]) == (
        "addVar",
        "x = 1\n",
        {"generation": 1, "digest": DIGEST},
    )


def test_get_exits_by_what_went_wrong(target: str, tmp_path: Path) -> None:
    for arguments, environ, code, said in (
        (["nope"], {"API_KEY": KEY}, 1, "Command 'nope' not found"),
        (["addVar"], {"API_KEY": "wrong"}, 77, "refused the key"),
        (["addVar"], {}, 77, "none was sent"),
        (["addVar", "--key-file", str(tmp_path / "absent")], {}, 77, "cannot read the key file"),
        (["x" * 257], {"API_KEY": KEY}, 2, "1 to 256 bytes"),
    ):
        result = avap("get", *arguments, "--target", target, env=environ)
        assert (result.exit_code, said in result.output) == (code, True), result.output
    assert avap("get", "addVar", "--target", f"127.0.0.1:{free_port()}", env={"API_KEY": KEY}).exit_code == 69


def test_the_key_is_found_in_the_state_directory_and_the_address_asked_of_the_admin_service(
    admin: Admin, target: str, state: Path
) -> None:
    admin.status.grpc_address = target
    (state / "api_key").write_text(KEY + "\n")
    assert avap("get", "addVar").output == "x = 1\n"
    (state / "api_key").unlink()
    key_file = state / "elsewhere"
    key_file.write_text(KEY + "\n")
    assert avap("get", "addVar", "--key-file", str(key_file)).output == "x = 1\n"


def test_the_settings_name_the_address_when_no_appliance_is_asked(environ: dict[str, str]) -> None:
    with serving(Engine(dict(COMMANDS)), f"127.0.0.1:{environ['PORT']}"):
        assert avap("get", "addVar", env={"API_KEY": KEY}).output == "x = 1\n"
    assert avap("health", env={"PORT": "0"}).exit_code == 69


def test_health_prints_the_answer_and_exits_by_it(environ: dict[str, str]) -> None:
    engine = Engine()
    with serving(engine) as target:
        result = avap("health", "--target", target)
        assert (result.exit_code, result.output) == (0, "SERVING\n")
        engine.hydrated = False
        result = avap("health", "--target", target)
        assert (result.exit_code, result.output) == (1, "NOT_SERVING\n")
        assert avap("health", "--target", target, "--service", "x").output == "SERVICE_UNKNOWN\n"
    assert avap("health", "--target", target, "--timeout", "1").exit_code == 69


def test_sync_summarises_without_a_place_to_write(target: str) -> None:
    environ = {"API_KEY": KEY}
    output = avap("sync", "--target", target, env=environ).output
    assert "commands: 5" in output
    assert f"digest: {DIGEST}" in output
    assert json.loads(avap("sync", "--target", target, "--json", env=environ).output)["commands"] == 5


def test_sync_writes_documents_and_lines(target: str, tmp_path: Path) -> None:
    environ = {"API_KEY": KEY}
    for name in ("all.json", "all.ndjson"):
        assert avap("sync", "--target", target, "--out", str(tmp_path / name), env=environ).exit_code == 0
    document = json.loads((tmp_path / "all.json").read_text())
    lines = [json.loads(line) for line in (tmp_path / "all.ndjson").read_text().splitlines()]
    for commands in (document["commands"], lines):
        assert {command["name"]: command["code"] for command in commands} == COMMANDS
    assert document["version"] == {"generation": 1, "digest": DIGEST}
    piped = avap("sync", "--target", target, "--out", "-", env=environ)
    assert [json.loads(line)["name"] for line in piped.output.splitlines()] == list(COMMANDS)
    assert sorted(path.name for path in tmp_path.iterdir() if path.is_file()) == ["all.json", "all.ndjson"]


def test_sync_mirrors_into_a_folder_and_leaves_foreign_files_alone(environ: dict[str, str], tmp_path: Path) -> None:
    engine = Engine(dict(COMMANDS))
    folder = tmp_path / "out" / "deep"
    with serving(engine) as target:
        arguments = ("sync", "--target", target, "--out", str(folder))
        assert avap(*arguments, env={"API_KEY": KEY}).exit_code == 0
        index = json.loads((folder / "index.json").read_text())
        assert {entry["name"]: (folder / entry["file"]).read_text() for entry in index["commands"]} == COMMANDS
        assert {path.parent for path in tmp_path.rglob("*.py")} == {folder}
        (folder / "mine.py").write_text("mine")
        unchanged = (folder / "addVar.py").stat().st_mtime_ns
        del engine.commands["if"]
        assert avap(*arguments, env={"API_KEY": KEY}).exit_code == 0
    names = {path.name for path in folder.iterdir()}
    assert "if.py" not in names
    assert {"mine.py", "addVar.py", "index.json"} <= names
    assert (folder / "addVar.py").stat().st_mtime_ns == unchanged
    assert not any(name.startswith(".") for name in names)


def test_sync_refuses_places_it_cannot_or_should_not_write(target: str, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    (tmp_path / "foreign").mkdir()
    (tmp_path / "foreign" / "index.json").write_text("[1]")
    for out, code in (("file", 2), ("foreign", 2), ("file/x.json", 71)):
        result = avap("sync", "--target", target, "--out", str(tmp_path / out), env={"API_KEY": KEY})
        assert result.exit_code == code, result.output
        assert "Traceback" not in result.output
    result = avap("sync", "--target", target, "--out", "-", "--format", "dir", env={"API_KEY": KEY})
    assert result.exit_code == 2


# -- config, db ----------------------------------------------------------------------------------


def test_config_show_masks_secrets_and_names_sources(environ: dict[str, str]) -> None:
    secrets = {"API_KEY": "hush-a", "AVAP_SIGNING_KEY": "hush-b", "DATABASE_URL": "postgresql://u:hush-c@h/d"}
    for arguments in ([], ["--json"]):
        result = avap("config", "show", *arguments, env=secrets)
        assert result.exit_code == 0
        assert "hush" not in result.output
        assert "environment API_KEY" in result.output
    found = json.loads(result.output)
    assert found["database.url"]["value"] == "postgresql://u:***@h/d"
    assert found["grpc.port"] == {"value": int(environ["PORT"]), "source": "environment PORT", "environment": "PORT"}


def test_config_check_names_every_problem_and_exits_1(environ: dict[str, str], tmp_path: Path) -> None:
    assert avap("config", "check").exit_code == 0
    file = tmp_path / "a.toml"
    file.write_text("[log]\nlevel = 'x'\n[nope]\n")
    result = avap("config", "check", "--config", str(file))
    assert result.exit_code == 1
    assert result.output.count("problem: ") == 2
    result = avap("config", "check", env={"API_KEY_FILE": str(tmp_path / "absent"), "AVAP_SIGNING_KEY_FILE": "/absent"})
    assert result.exit_code == 1
    assert result.output.count("problem: ") == 2


def test_db_commands_need_a_database_that_answers(environ: dict[str, str]) -> None:
    for command in ("init", "seed"):
        result = avap("db", command)
        assert result.exit_code == 78
        assert "DATABASE_URL" in result.output
        url = f"postgresql://u:hush@127.0.0.1:{free_port()}/d"
        result = avap("db", command, env={"DATABASE_URL": url, "AVAP_DATABASE_CONNECT_TIMEOUT_S": "2"})
        assert result.exit_code == 69, result.output
        assert "hush" not in result.output


# -- small things --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "wanted"),
    [("0.0.0.0:1", "127.0.0.1:1"), ("[::]:2", "[::1]:2"), ("10.0.0.1:3", "10.0.0.1:3"), ("[fe80::1]:4", "[fe80::1]:4")],
)
def test_a_listening_address_becomes_one_to_connect_to(given: str, wanted: str) -> None:
    assert reachable(given) == wanted


def test_sizes_and_durations_are_short() -> None:
    assert [size(0), size(1023), size(1536), size(5 * 2**30)] == ["0 B", "1023 B", "1.5 KiB", "5.0 GiB"]
    assert [duration(0), duration(59.9), duration(3725), duration(90_000)] == ["0s", "59s", "1h 2m", "1d 1h"]
