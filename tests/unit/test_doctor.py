"""`avap doctor`: each check passes on a good host, fails on one that is wrong in that respect, and says what to do."""

from __future__ import annotations

import errno
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from typer.testing import CliRunner

from appliance.cli import app as cli_app
from appliance.cli import checks, tuning_checks
from appliance.cli.checks import CHECKS, Case, Finding, Host
from appliance.config import Settings
from appliance.pb import admin_pb2

GIB = 2**30
LIMITS = (
    "Limit   Soft Limit   Hard Limit   Units\nMax open files            {}              1048576              files\n"
)


def statvfs(total: int, free: int) -> Callable[[Path], os.statvfs_result]:
    answer: Any = SimpleNamespace(f_frsize=1, f_blocks=total, f_bavail=free)
    return lambda path: answer


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


@pytest.fixture
def case(tmp_path: Path) -> Case:
    """A host on which everything is right, without an appliance."""
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    proc = tmp_path / "proc"
    write(proc / "self/limits", LIMITS.format(65536))
    write(proc / "self/cgroup", "0::/system.slice/avap.service\n")
    write(proc / "sys/net/core/somaxconn", "4096\n")
    write(proc / "meminfo", f"MemTotal: 9 kB\nMemAvailable:   {8 * GIB // 1024} kB\n")
    (tmp_path / "etc").mkdir()
    (tmp_path / "cgroup").mkdir()
    host = Host(
        proc=proc,
        cgroup=tmp_path / "cgroup",
        shm=tmp_path,
        etc=tmp_path / "etc",
        systemd=tmp_path / "systemd",
        uid=os.geteuid(),
        now_s=time.time,
        statvfs=statvfs(8 * GIB, 8 * GIB),
    )
    settings = Settings.model_validate({"state_dir": state, "grpc": {"port": 0}, "metrics": {"port": 0}})
    return Case(settings, None, host)


def on(case: Case, **changes: Any) -> Case:
    return replace(case, host=replace(case.host, **changes))


def with_settings(case: Case, **changes: Any) -> Case:
    return replace(case, settings=case.settings.model_copy(update=changes))


def only(findings: Iterator[Finding]) -> Finding:
    (finding,) = findings
    return finding


def expect(findings: Iterator[Finding], level: str, said: str) -> None:
    finding = only(findings)
    assert finding.level == level, finding
    assert said in finding.said, finding
    assert finding.todo, finding


def test_a_good_host_passes_every_check(case: Case) -> None:
    findings = [finding for check in CHECKS for finding in check(case)]
    assert [finding for finding in findings if finding.level != "ok"] == []
    assert len(findings) >= len(CHECKS)


def test_too_few_open_files(case: Case) -> None:
    write(case.host.proc / "self/limits", LIMITS.format(1024))
    expect(checks.open_files(case), "problem", "may open 1024")
    write(case.host.proc / "self/limits", LIMITS.format("unlimited"))
    assert only(checks.open_files(case)).level == "ok"


def test_the_limit_is_that_of_the_running_appliance(case: Case) -> None:
    running = replace(case, status=admin_pb2.StatusReply(pid=7))
    write(case.host.proc / "7/limits", LIMITS.format(1024))
    expect(checks.open_files(running), "problem", "the appliance may open 1024")


def test_a_short_accept_queue(case: Case) -> None:
    write(case.host.proc / "sys/net/core/somaxconn", "128\n")
    expect(checks.accept_queue(case), "warning", "is 128")


def test_little_shared_memory(case: Case) -> None:
    (case.settings.state_dir / "catalog.snapshot").write_bytes(b"")
    os.truncate(case.settings.state_dir / "catalog.snapshot", GIB)
    expect(checks.shared_memory(on(case, statvfs=statvfs(8 * GIB, GIB // 2))), "problem", "512.0 MiB free of 8.0 GiB")
    expect(
        checks.shared_memory(on(case, statvfs=statvfs(2 * GIB, 2 * GIB))), "warning", "all versions that may be kept"
    )


def test_no_shared_memory_at_all(case: Case) -> None:
    def missing(path: Path) -> os.statvfs_result:
        raise FileNotFoundError(errno.ENOENT, "No such file or directory", str(path))

    expect(checks.shared_memory(on(case, statvfs=missing)), "problem", "No such file")


def test_little_memory_on_the_host_or_in_the_control_group(case: Case) -> None:
    write(case.host.cgroup / "system.slice/memory.max", str(GIB))
    write(case.host.cgroup / "system.slice/memory.current", str(GIB - 1024))
    write(case.host.cgroup / "system.slice/avap.service/memory.max", "max")
    write(case.host.cgroup / "system.slice/avap.service/memory.current", "5")
    expect(checks.memory(case), "problem", "1.0 KiB available in the control group")
    write(case.host.cgroup / "system.slice/memory.max", "max")
    assert only(checks.memory(case)).level == "ok"
    write(case.host.proc / "meminfo", "MemAvailable:   1024 kB\n")
    expect(checks.memory(case), "problem", "1.0 MiB available on the host")


def test_a_state_directory_of_wrong_kind_mode_owner_or_room(case: Case, tmp_path: Path) -> None:
    state = case.settings.state_dir
    state.chmod(0o777)
    expect(checks.state_directory(case), "problem", "mode 0777")
    state.chmod(0o700)
    expect(checks.state_directory(on(case, uid=os.geteuid() + 1)), "warning", "belongs to uid")
    expect(checks.state_directory(on(case, statvfs=statvfs(GIB, 10))), "problem", "10 B free")
    expect(
        checks.state_directory(with_settings(case, state_dir=write(tmp_path / "file", ""))), "problem", "not a folder"
    )
    below = with_settings(case, state_dir=tmp_path / "file" / "x")
    expect(checks.state_directory(below), "problem", "not a folder")
    assert "will be made" in only(checks.state_directory(with_settings(case, state_dir=tmp_path / "new/er"))).said


def test_a_state_directory_that_may_not_be_written(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "access", lambda *_: False)  # root may write everywhere
    expect(checks.state_directory(case), "problem", "not writable")


def test_a_key_that_others_can_read_or_that_everybody_knows_or_that_cannot_be_read(case: Case, tmp_path: Path) -> None:
    key = write(case.settings.state_dir / "api_key", "a-key\n")
    key.chmod(0o640)
    expect(checks.keys(case), "problem", "mode 0640")
    key.chmod(0o600)
    assert only(checks.keys(case)).level == "ok"
    key.write_text("avap_secret_key_2026\n")
    expect(checks.keys(case), "warning", "publicly known")
    key.write_text("")
    expect(checks.keys(case), "problem", "holds no key")
    file = write(tmp_path / "keys", "a-key\n")
    file.chmod(0o604)
    expect(checks.keys(with_settings(case, api_key_file=file)), "problem", "mode 0604")
    file.chmod(0o640)  # a group may share the configured file
    assert only(checks.keys(with_settings(case, api_key_file=file))).level == "ok"


def test_a_port_that_somebody_else_has(case: Case) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        settings = case.settings.model_copy(update={"grpc": case.settings.grpc.model_copy(update={"port": port})})
        first, *others = checks.ports(replace(case, settings=settings))
    assert [first.level, *(one.level for one in others)] == ["problem", "ok", "ok"]
    assert "taken" in first.said
    assert "ss -ltnp" in first.todo


def test_an_address_that_is_not_of_this_host(case: Case) -> None:
    grpc = case.settings.grpc.model_copy(update={"port": 50051})
    settings = case.settings.model_copy(update={"grpc": grpc, "bind": "192.0.2.1"})
    first, *_ = checks.ports(replace(case, settings=settings))
    assert (first.level, "AVAP_BIND" in first.todo) == ("problem", True)


def test_a_running_appliance_that_does_not_answer(case: Case) -> None:
    with socket.create_server(("127.0.0.1", 0)) as answers, socket.create_server(("127.0.0.1", 0)) as gone:
        addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in (answers, gone)]
        gone.close()
        status = admin_pb2.StatusReply(pid=1, grpc_address=addresses[0], metrics_address=addresses[1])
        first, second = checks.ports(replace(case, status=status))
    assert (first.level, second.level) == ("ok", "problem")
    assert addresses[1] in second.said


def test_an_appliance_that_serves_nothing_or_not_what_the_source_holds(case: Case) -> None:
    status = admin_pb2.StatusReply(pid=1, state="not_serving")
    expect(checks.instance(replace(case, status=status)), "problem", "not_serving")
    status = admin_pb2.StatusReply(
        pid=1,
        state="serving",
        catalog=admin_pb2.CatalogStatus(generation=3, pinned=True),
        source=admin_pb2.SourceStatus(kind="postgres", last_error="refused"),
    )
    found = list(checks.instance(replace(case, status=status)))
    assert [(finding.level, finding.check) for finding in found] == [
        ("ok", "instance"),
        ("warning", "source"),
        ("warning", "pin"),
    ]


def test_a_kernel_without_so_reuseport(case: Case) -> None:
    def refuse(probe: socket.socket) -> None:
        raise OSError(errno.ENOPROTOOPT, "Protocol not available")

    expect(checks.shared_port(on(case, set_reuseport=refuse)), "problem", "Protocol not available")


def test_an_ordinary_user_whose_shared_memory_goes_at_logout(case: Case) -> None:
    case.host.systemd.mkdir()
    expect(checks.logout(on(case, uid=1000)), "warning", "when uid 1000 logs out")
    assert only(checks.logout(on(case, uid=999))).level == "ok"
    write(case.host.etc / "login.defs", "# SYS_UID_MAX 5\n SYS_UID_MAX   499\n")
    assert only(checks.logout(on(case, uid=999))).level == "warning"
    write(case.host.etc / "systemd/logind.conf", "[Login]\nRemoveIPC=yes\n")
    write(case.host.etc / "systemd/logind.conf.d/10.conf", "[Login]\n RemoveIPC = no\n")
    assert only(checks.logout(on(case, uid=1000))).level == "ok"
    case.host.systemd.rmdir()
    write(case.host.etc / "systemd/logind.conf.d/10.conf", "")
    assert "no logind" in only(checks.logout(on(case, uid=1000))).said


def test_a_clock_that_was_never_set_or_was_set_back(case: Case) -> None:
    expect(checks.clock(on(case, now_s=lambda: 0.0)), "problem", "1970-01-01")
    snapshot = write(case.settings.state_dir / "catalog.snapshot", "")
    later = time.time() + 7200
    os.utime(snapshot, (later, later))
    expect(checks.clock(case), "warning", "set back")


def test_the_command_exits_1_on_a_problem_and_0_on_warnings_alone(
    case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AVAP_STATE_DIR", str(tmp_path / "none"))
    levels: list[Any] = ["ok", "warning"]
    monkeypatch.setattr(tuning_checks, "TUNING_CHECKS", ())
    monkeypatch.setattr(checks, "CHECKS", (lambda case: (Finding(level, "c", "said", "do") for level in levels),))
    result = CliRunner().invoke(cli_app.app, ["doctor"])
    assert result.exit_code == 0
    assert "warning  c: said\n" in result.output
    assert "→ do" in result.output
    levels.append("problem")
    result = CliRunner().invoke(cli_app.app, ["doctor", "--json"])
    assert result.exit_code == 1
    assert json.loads(result.output)[-1] == {"level": "problem", "check": "c", "said": "said", "todo": "do"}


def test_the_command_says_what_of_the_tuning_is_not_applied_and_exits_0(
    case: Case, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AVAP_STATE_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("AVAP_PIN", "off")
    monkeypatch.setenv("AVAP_GRPC_WORKERS", "256")  # more than any host of ours has cores
    monkeypatch.setattr(checks, "CHECKS", ())
    result = CliRunner().invoke(cli_app.app, ["doctor"])
    assert result.exit_code == 0
    assert "warning  workers: 256 workers share " in result.output
    assert "(tuning.md, Workers)\n" in result.output
    assert "ok       pinning: off\n" in result.output
    assert "tuning.md" in CliRunner().invoke(cli_app.app, ["doctor", "--help"]).output


def test_a_wrong_configuration_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AVAP_NONSENSE", "1")
    result = CliRunner().invoke(cli_app.app, ["doctor"])
    assert result.exit_code == 1
    assert "problem  configuration: AVAP_NONSENSE" in result.output
