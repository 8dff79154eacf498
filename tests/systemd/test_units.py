"""systemd accepts our files, finds the service well confined, and the unit agrees with the program it starts."""

from __future__ import annotations

import os
import pwd
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from appliance.config.layers import CREDENTIALS
from appliance.config.settings import Settings
from appliance.errors import ConfigError, SecretError, StateDirectoryError

SYSTEMD_DIR = Path(__file__).resolve().parent.parent.parent / "systemd"
UNIT = SYSTEMD_DIR / "avap.service"
PREFIX = "/opt/avap"
EXPOSURE_MAX = 2.0
SYSTEM_UID_MAX = 999  # logind's RemoveIPC= spares users up to here
TOOL_TIMEOUT_S = 60

# System calls without which the appliance does not work, and what for.
SYSTEM_CALLS = {
    "sched_setaffinity": "pinned workers",
    "sched_setscheduler": "SCHED_BATCH threads",
    "setrlimit": "limits of short-lived processes",
    "prlimit64": "limits of short-lived processes",
    "signalfd4": "signals in the worker's loop",
    "eventfd2": "announcements",
    "pidfd_open": "the supervisor's watch over workers",
    "pidfd_send_signal": "the supervisor's watch over workers",
    "socketpair": "control of workers",
    "sendmsg": "sockets passed between processes",
    "accept4": "connections",
    "epoll_wait": "event loops",
    "timerfd_create": "event loops",
    "fallocate": "room for a segment",
    "ftruncate": "the final size of a segment",
    "madvise": "pre-faulted segments",
    "mmap": "segments",
    "flock": "the lock of the state directory",
    "fsync": "snapshots",
    "rename": "snapshots",
    "statx": "file checks",
    "execve": "workers",
    "vfork": "workers",
    "clone3": "threads",
    "kill": "orders to workers",
    "getrandom": "keys",
}


def tool(name: str) -> str:
    """The path of a systemd tool; a machine without systemd cannot judge its units."""
    program = shutil.which(name)
    if program is None:
        if os.environ.get("CI"):
            pytest.fail(f"{name} is not installed")
        pytest.skip(f"{name} is not installed")
    return program


def run(*command: str) -> subprocess.CompletedProcess[str]:
    """The finished command, its two outputs as one text."""
    return subprocess.run(
        [tool(command[0]), *command[1:]],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=TOOL_TIMEOUT_S,
        env=os.environ | {"SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""},
    )


def directives() -> dict[str, list[str]]:
    """The values of each directive of avap.service, in order."""
    values: dict[str, list[str]] = {}
    for line in UNIT.read_text(encoding="utf-8").splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            values.setdefault(name, []).append(value)
    return values


def only(name: str) -> str:
    """The value of a directive that is given once."""
    (value,) = directives()[name]
    return value


def verify(folder: Path, unit: str, drop_ins: dict[str, str] | None = None) -> str:
    """What systemd has to say about a unit installed below `folder`; nothing, if all is well."""
    units = folder / "units"
    units.mkdir(parents=True)
    program = folder / "bin" / "avap"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n", encoding="ascii")
    program.chmod(0o755)
    # The program has to exist, and /opt is not ours to write.
    (units / UNIT.name).write_text(unit.replace(f"{PREFIX}/", f"{folder}/"), encoding="utf-8")
    shutil.copy(SYSTEMD_DIR / "avap.slice", units)
    for name, text in (drop_ins or {}).items():
        (units / f"{UNIT.name}.d").mkdir(exist_ok=True)
        (units / f"{UNIT.name}.d" / name).write_text(text, encoding="utf-8")
    done = run(
        "systemd-analyze",
        "verify",
        "--man=no",
        "--recursive-errors=no",
        str(units / UNIT.name),
        str(units / "avap.slice"),
    )
    # Units of this host that ours depend on may have troubles of their own.
    ours = "".join(line for line in done.stdout.splitlines(keepends=True) if "avap" in line)
    return ours if ours or done.returncode == 0 else f"exit code {done.returncode}: {done.stdout}"


def exposure(folder: Path, unit: str) -> float:
    """The exposure level that systemd computes from the unit's text: 0 best, 10 worst."""
    copy = folder / UNIT.name
    copy.write_text(unit, encoding="utf-8")
    done = run("systemd-analyze", "security", "--no-pager", "--offline=yes", str(copy))
    level = re.search(r"Overall exposure level for avap\.service: ([0-9.]+)", done.stdout)
    assert level is not None, done.stdout
    return float(level[1])


def test_verify_finds_nothing_in_the_unit_and_the_slice(tmp_path: Path) -> None:
    assert verify(tmp_path, UNIT.read_text(encoding="utf-8")) == ""


def test_verify_finds_nothing_in_the_examples(tmp_path: Path) -> None:
    examples = {path.name: path.read_text(encoding="utf-8") for path in (SYSTEMD_DIR / "examples").glob("*.conf")}
    assert len(examples) == 2
    assert verify(tmp_path, UNIT.read_text(encoding="utf-8"), examples) == ""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        (f"ExecStart={PREFIX}/bin/avap", f"ExecStart={PREFIX}/bin/absent"),
        ("WatchdogSec=20", "WatchdogSec=often"),
        ("RemoveIPC=no", "RemoveIPCs=no"),
        ("SystemCallFilter=sched_setaffinity", "SystemCallFilter=sched_set_affinity"),
    ],
)
def test_verify_would_find_a_mistake(tmp_path: Path, right: str, wrong: str) -> None:
    unit = UNIT.read_text(encoding="utf-8")
    assert right in unit
    assert verify(tmp_path, unit.replace(right, wrong)) != ""


def test_the_service_is_well_confined(tmp_path: Path) -> None:
    assert exposure(tmp_path, UNIT.read_text(encoding="utf-8")) <= EXPOSURE_MAX


def test_the_exposure_level_would_show_a_loss_of_confinement(tmp_path: Path) -> None:
    head, tail = UNIT.read_text(encoding="utf-8").split("# ---- hardening")
    assert "NoNewPrivileges=yes" in tail
    assert exposure(tmp_path, head) > EXPOSURE_MAX


@pytest.mark.skipif(os.geteuid() != 0, reason="making files of another user takes root")
def test_users_and_folders_are_made_as_the_unit_needs_them(tmp_path: Path) -> None:
    etc = tmp_path / "etc" / "avap"
    etc.mkdir(parents=True)
    for name in ("appliance.toml", "appliance.env"):
        (etc / name).write_text("", encoding="ascii")
        (etc / name).chmod(0o666)
    root = f"--root={tmp_path}"
    users = run("systemd-sysusers", root, str(SYSTEMD_DIR / "avap.sysusers.conf"))
    assert users.returncode == 0, users.stdout
    passwd = (tmp_path / "etc" / "passwd").read_text(encoding="utf-8")
    (entry,) = (line.split(":") for line in passwd.splitlines() if line.startswith("avap:"))
    uid, gid, home, shell = int(entry[2]), int(entry[3]), entry[5], entry[6]
    assert (only("User"), only("Group")) == ("avap", "avap")
    assert 0 < uid <= SYSTEM_UID_MAX
    assert home == "/var/lib/avap"
    assert shell.endswith("nologin")

    # As at a boot: with the user known, folders and modes follow; a second time changes nothing.
    for _ in range(2):
        files = run("systemd-tmpfiles", "--create", root, str(SYSTEMD_DIR / "avap.tmpfiles.conf"))
        assert files.returncode == 0, files.stdout
        assert files.stdout == ""
    found = {name: mode_and_owner(tmp_path / name) for name in ("etc/avap", "var/lib/avap")}
    assert found["etc/avap"] == (int(only("ConfigurationDirectoryMode"), 8), 0, gid)
    assert found["var/lib/avap"] == (int(only("StateDirectoryMode"), 8), uid, gid)
    assert mode_and_owner(etc / "appliance.toml") == (0o640, 0, gid)
    assert mode_and_owner(etc / "appliance.env") == (0o600, 0, 0)


def mode_and_owner(path: Path) -> tuple[int, int, int]:
    """(permission bits, uid, gid)."""
    status = path.stat()
    return stat.S_IMODE(status.st_mode), status.st_uid, status.st_gid


def test_sysusers_changes_nothing_on_a_dry_run() -> None:
    before = [entry.pw_name for entry in pwd.getpwall()]
    done = run("systemd-sysusers", "--dry-run", str(SYSTEMD_DIR / "avap.sysusers.conf"))
    assert done.returncode == 0, done.stdout
    assert [entry.pw_name for entry in pwd.getpwall()] == before


def test_sysctl_takes_the_file_and_asks_for_no_more_than_the_backlog() -> None:
    lines = (SYSTEMD_DIR / "avap.sysctl.conf").read_text(encoding="utf-8").splitlines()
    values = dict(line.split(" = ") for line in lines if line and not line.startswith("#"))
    assert values == {"net.core.somaxconn": "4096"}
    for name in values:
        assert Path("/proc/sys", *name.split(".")).exists(), f"the kernel knows no {name}"


def test_what_the_appliance_relies_on_is_set() -> None:
    assert only("Type") == "notify"
    assert only("NotifyAccess") == "main"
    assert only("RemoveIPC") == "no"
    assert only("LimitNOFILE") == "65536"
    assert only("OOMPolicy") == "continue"
    assert only("KillMode") == "mixed"
    assert float(only("WatchdogSec")) > 0
    assert "DynamicUser" not in directives()


def test_a_restart_is_not_tried_where_a_person_has_to_act() -> None:
    codes = {error.exit_code for error in (ConfigError, SecretError, StateDirectoryError)}
    assert {int(code) for code in only("RestartPreventExitStatus").split()} == codes
    assert only("Restart") == "on-failure"
    assert only("StartLimitIntervalSec") == "0"


def test_the_drain_ends_before_systemd_loses_patience() -> None:
    drain = Settings().drain
    assert float(only("TimeoutStopSec")) >= 2 * (drain.grace_s + drain.timeout_s)


def test_credentials_have_the_names_that_the_appliance_looks_for() -> None:
    example = (SYSTEMD_DIR / "examples" / "credentials.conf").read_text(encoding="utf-8")
    assert set(re.findall(r"^LoadCredential=(\w+):", example, re.MULTILINE)) == set(CREDENTIALS)


def test_the_system_call_filter_leaves_what_the_appliance_needs() -> None:
    allowed: set[str] = set()
    for value in directives()["SystemCallFilter"]:
        calls = set().union(*(system_calls(name) for name in value.removeprefix("~").split()))
        allowed = allowed - calls if value.startswith("~") else allowed | calls
    assert {call: why for call, why in SYSTEM_CALLS.items() if call not in allowed} == {}
    assert not allowed & {"chown", "setuid", "mount", "ptrace", "bpf", "io_uring_setup", "keyctl"}


def system_calls(name: str) -> set[str]:
    """A system call, or all of a `@set` with the sets inside it."""
    if not name.startswith("@"):
        return {name}
    done = run("systemd-analyze", "syscall-filter", name)
    assert done.returncode == 0, done.stdout
    members = [line.strip() for line in done.stdout.splitlines()[1:]]
    return set().union(*(system_calls(member) for member in members if member and not member.startswith("#")))
