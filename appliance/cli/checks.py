"""The checks of `avap doctor`: what must be so on a host for the appliance to run well, and what to do where it is not.

Each check is a function of the `Case` and returns findings. The host is looked at through paths and functions in the
case, so that a test can show each check a host on which it fails.
"""

from __future__ import annotations

import errno
import os
import re
import socket
import stat
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from appliance.cli.connecting import reachable
from appliance.cli.output import duration, size
from appliance.errors import SecretError
from appliance.keys import KEY_FILE_NAME, known_key_warnings

if TYPE_CHECKING:
    from appliance.config import Settings
    from appliance.pb import admin_pb2

NOFILE_MIN = 65_536
"""One descriptor a connection, and some; the predecessor's operators know the number."""
SOMAXCONN_MIN = 4096
"""What the listening sockets ask for, and the kernel's default since 5.4."""
MEMORY_MIN_BYTES = 256 * 1024 * 1024
"""Supervisor, a few workers, and the page cache that they need to be quick."""
CLOCK_MIN_S = 1_735_689_600
"""2025-01-01: before any build of this software, so a clock before it was never set."""
CLOCK_SLACK_S = 60.0
CONNECT_TIMEOUT_S = 2.0

Level = Literal["ok", "info", "warning", "problem"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's report."""

    level: Level
    check: str
    said: str
    todo: str = ""
    """What to do; empty when all is well."""


@dataclass(frozen=True)
class Host:
    """Where the checks look."""

    proc: Path = Path("/proc")
    sys: Path = Path("/sys")
    cgroup: Path = Path("/sys/fs/cgroup")
    shm: Path = Path("/dev/shm")
    etc: Path = Path("/etc")
    systemd: Path = Path("/run/systemd/system")
    uid: int = field(default_factory=os.geteuid)
    cores: Callable[[], int] = lambda: len(os.sched_getaffinity(0))
    """How many we may run on."""
    now_s: Callable[[], float] = time.time
    statvfs: Callable[[Path], os.statvfs_result] = os.statvfs
    set_reuseport: Callable[[socket.socket], None] = lambda probe: probe.setsockopt(
        socket.SOL_SOCKET, socket.SO_REUSEPORT, 1
    )


@dataclass(frozen=True)
class Case:
    """A host, the settings, and the appliance that runs with them, if one does."""

    settings: Settings
    status: admin_pb2.StatusReply | None = None
    host: Host = Host()

    @property
    def process(self) -> Path:
        """/proc of the supervisor, else of ourselves: limits and cgroup are those of a process."""
        mine = self.host.proc / "self"
        return self.host.proc / str(self.status.pid) if self.status is not None else mine

    @property
    def catalog_bytes(self) -> int:
        """Size of a version: the one served, else that of the snapshot, else 0."""
        if self.status is not None and self.status.catalog.bytes:
            return self.status.catalog.bytes
        try:
            return (self.settings.state_dir / "catalog.snapshot").stat().st_size
        except OSError:
            return 0


def instance(case: Case) -> Iterator[Finding]:
    """Does the appliance run, and does it serve what the source holds?"""
    status = case.status
    if status is None:
        yield Finding("ok", "instance", f"none runs on {case.settings.state_dir}")
        return
    if status.state == "serving":
        yield Finding("ok", "instance", f"pid {status.pid} serves generation {status.catalog.generation}")
    else:
        todo = "look at its log; an empty database is filled by `avap db seed`"
        yield Finding("problem", "instance", f"pid {status.pid} runs but is in state {status.state}", todo)
    if not status.source.up and status.source.last_error:
        todo = "mend the source; the appliance tries again by itself and serves the last good version meanwhile"
        yield Finding("warning", "source", f"{status.source.kind} is down: {status.source.last_error}", todo)
    if status.catalog.pinned:
        yield Finding("warning", "pin", "a version is pinned", "`avap catalog unpin` follows the source again")


def open_files(case: Case) -> Iterator[Finding]:
    """RLIMIT_NOFILE bounds the connections of each worker."""
    whose = "the appliance" if case.status is not None else "this shell"
    try:
        text = (case.process / "limits").read_text()
    except OSError as error:
        yield Finding(
            "warning", "open files", f"cannot read the limit: {error.strerror}", "run it as the appliance's user"
        )
        return
    match = re.search(r"^Max open files\s+(\d+|unlimited)\s+(\d+|unlimited)", text, re.MULTILINE)
    limit = match[1] if match else "0"
    if limit == "unlimited" or int(limit) >= NOFILE_MIN:
        yield Finding("ok", "open files", f"{limit} allowed to {whose}")
        return
    todo = f"set LimitNOFILE={NOFILE_MIN} in the unit, or run `ulimit -n {NOFILE_MIN}` before `avap serve`"
    yield Finding("problem", "open files", f"{whose} may open {limit}, at least {NOFILE_MIN} are needed", todo)


def accept_queue(case: Case) -> Iterator[Finding]:
    """net.core.somaxconn cuts the queue of connections that wait for accept."""
    try:
        length = int((case.host.proc / "sys/net/core/somaxconn").read_text())
    except (OSError, ValueError):
        yield Finding("warning", "accept queue", "net.core.somaxconn cannot be read", "is /proc mounted?")
        return
    if length >= SOMAXCONN_MIN:
        yield Finding("ok", "accept queue", f"net.core.somaxconn is {length}")
    else:
        todo = f"run `sysctl -w net.core.somaxconn={SOMAXCONN_MIN}`, and put it in /etc/sysctl.d"
        yield Finding(
            "warning", "accept queue", f"net.core.somaxconn is {length}, so bursts of clients are refused", todo
        )


def shared_memory(case: Case) -> Iterator[Finding]:
    """Versions live in /dev/shm: the next one needs room beside those that are kept."""
    settings, shm = case.settings, case.host.shm
    try:
        room = case.host.statvfs(shm)
    except OSError as error:
        yield Finding("problem", "shared memory", f"{shm}: {error.strerror}", f"mount a tmpfs on {shm}")
        return
    total, free = room.f_blocks * room.f_frsize, room.f_bavail * room.f_frsize
    next_one = case.catalog_bytes  # the reserve is kept back from memory, not from here
    all_kept = (settings.catalog.keep_generations + 2) * case.catalog_bytes  # and the one that is being built
    said = f"{shm} has {size(free)} free of {size(total)}"
    if free < next_one:
        wanted = _mount_size(max(total, all_kept) * 2)
        todo = f"run `mount -o remount,size={wanted} {shm}` and put it in /etc/fstab (containers: --shm-size)"
        yield Finding("problem", "shared memory", f"{said}; the next version needs {size(next_one)}", todo)
    elif total < all_kept:
        todo = "enlarge it in /etc/fstab (containers: --shm-size), or lower catalog.keep_generations"
        yield Finding("warning", "shared memory", f"{said}; all versions that may be kept need {size(all_kept)}", todo)
    else:
        yield Finding("ok", "shared memory", said)


def memory(case: Case) -> Iterator[Finding]:
    """Shared memory is memory: what is not there ends in the OOM killer."""
    try:
        text = (case.host.proc / "meminfo").read_text()
    except OSError:
        text = ""
    match = re.search(r"^MemAvailable:\s+(\d+) kB", text, re.MULTILINE)
    if match is None:
        yield Finding("warning", "memory", "the available memory cannot be read", "is /proc mounted?")
        return
    available = int(match[1]) * 1024
    group = _cgroup_left(case)
    left = available if group is None else min(available, group)
    need = case.catalog_bytes + case.settings.catalog.reserve_bytes + MEMORY_MIN_BYTES
    where = "in the control group" if group is not None and group < available else "on the host"
    if left < need:
        todo = "add memory, raise MemoryMax= of the unit (containers: the memory limit), or stop something else"
        yield Finding("problem", "memory", f"{size(left)} available {where}, the next version needs {size(need)}", todo)
    else:
        yield Finding("ok", "memory", f"{size(left)} available {where}")


def state_directory(case: Case) -> Iterator[Finding]:
    """Generation, snapshot and key live there."""
    path = case.settings.state_dir
    existing = next(parent for parent in (path, *path.parents) if parent.exists())
    todo = f"give it to the appliance's user (`chown USER {existing}`), or set AVAP_STATE_DIR"
    if not existing.is_dir():
        yield Finding("problem", "state directory", f"{existing} is not a folder", "set AVAP_STATE_DIR to a folder")
        return
    if not os.access(existing, os.W_OK | os.X_OK):
        yield Finding("problem", "state directory", f"{existing} is not writable for uid {case.host.uid}", todo)
        return
    if existing != path:
        yield Finding("ok", "state directory", f"{path} will be made on first start")
        return
    status = path.stat()
    if status.st_uid != case.host.uid:
        said = f"{path} belongs to uid {status.st_uid}, not to uid {case.host.uid}"
        yield Finding("warning", "state directory", said, "run `avap doctor` as the appliance's user, or " + todo)
    elif status.st_mode & 0o022:
        said = f"{path} is writable for others (mode {stat.S_IMODE(status.st_mode):04o})"
        yield Finding("problem", "state directory", said, f"run `chmod go-w {path}`")
    else:
        room = case.host.statvfs(path)
        free, need = room.f_bavail * room.f_frsize, 2 * case.catalog_bytes + 1024 * 1024
        if free < need:
            said = f"{path} has {size(free)} free, a new snapshot needs {size(need)}"
            yield Finding("problem", "state directory", said, "free some space there")
        else:
            yield Finding("ok", "state directory", f"{path}, {size(free)} free")


def keys(case: Case) -> Iterator[Finding]:
    """Who may read the keys can call the appliance."""
    from appliance.config import configured_keys
    from appliance.keys import load_state_key

    settings = case.settings
    try:
        configured = configured_keys(settings)
        found = configured or load_state_key(settings.state_dir, make=False)
    except SecretError as error:
        yield Finding("problem", "key", str(error), "mend the file, or set API_KEY or API_KEY_FILE")
        return
    if found is None:
        yield Finding("ok", "key", f"one will be made on first start: {settings.state_dir / KEY_FILE_NAME}")
        return
    allowed = 0o007 if configured is not None else 0o077
    if found.path is not None and found.path.stat().st_mode & allowed:
        mode = stat.S_IMODE(found.path.stat().st_mode)
        todo = f"run `chmod {'o-rwx' if configured is not None else '600'} {found.path}`, and change the key"
        yield Finding("problem", "key", f"other users of this host can read {found.path} (mode {mode:04o})", todo)
    elif known_key_warnings(found.values, found.source):
        said = f"the key from {found.source} is the publicly known default"
        yield Finding("warning", "key", said, "make another: `openssl rand -hex 32`")
    else:
        yield Finding("ok", "key", f"{len(found.values)} from {found.source}")


def ports(case: Case) -> Iterator[Finding]:
    """Reachable when the appliance runs, free when not."""
    settings, status = case.settings, case.status
    if status is not None:
        yield _answers("grpc port", status.grpc_address)
        if status.http_address:
            yield _answers("http port", status.http_address)
        if status.metrics_address:
            yield _answers("metrics port", status.metrics_address)
        return
    wanted = [("grpc port", settings.grpc.port, "PORT"), ("metrics port", settings.metrics.port, "AVAP_METRICS_PORT")]
    if settings.http.workers > 0:
        wanted.insert(1, ("http port", settings.http.port, "AVAP_HTTP_PORT"))
    for check, port, name in wanted:
        if port == 0:
            yield Finding("ok", check, "any free one")
        else:
            yield _is_free(check, settings.bind, port, name)


def shared_port(case: Case) -> Iterator[Finding]:
    """SO_REUSEPORT spreads connections over the workers (Linux 3.9, some containers refuse it)."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        try:
            case.host.set_reuseport(probe)
        except OSError as error:
            todo = "use Linux 3.9 or later, and a container runtime that lets SO_REUSEPORT pass"
            yield Finding("problem", "SO_REUSEPORT", f"the kernel refuses it: {error.strerror}", todo)
            return
    yield Finding("ok", "SO_REUSEPORT", "the kernel shares a port between workers")


def logout(case: Case) -> Iterator[Finding]:
    """systemd-logind removes the shared memory of ordinary users when they log out (logind.conf(5), RemoveIPC=)."""
    host = case.host
    system_max = _system_uid_max(host)
    if host.uid <= system_max:
        yield Finding("ok", "RemoveIPC", f"uid {host.uid} is a system user; logind leaves its shared memory alone")
    elif not host.systemd.is_dir():
        yield Finding("ok", "RemoveIPC", "there is no logind here")
    elif _removes_ipc(host):
        said = f"logind removes the catalogue from {host.shm} when uid {host.uid} logs out"
        todo = "run the appliance as a system user (its unit does), or set RemoveIPC=no in /etc/systemd/logind.conf"
        yield Finding("warning", "RemoveIPC", said, todo)
    else:
        yield Finding("ok", "RemoveIPC", "logind is told to leave shared memory alone")


def clock(case: Case) -> Iterator[Finding]:
    """Ages, log times and key rotation are read by people who trust them."""
    now_s = case.host.now_s()
    todo = "set the clock and keep it: `timedatectl set-ntp true`"
    if now_s < CLOCK_MIN_S:
        yield Finding("problem", "clock", f"it says {time.strftime('%Y-%m-%d', time.gmtime(now_s))}", todo)
        return
    try:
        newest = max((entry.stat().st_mtime for entry in case.settings.state_dir.iterdir()), default=0.0)
    except OSError:
        newest = 0.0
    if newest > now_s + CLOCK_SLACK_S:
        said = f"it is {duration(newest - now_s)} behind the files in {case.settings.state_dir}; it was set back"
        yield Finding("warning", "clock", said, todo)
    else:
        yield Finding("ok", "clock", time.strftime("%Y-%m-%d %H:%M:%S UTC", time.gmtime(now_s)))


CHECKS: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    instance, open_files, accept_queue, shared_memory, memory, state_directory, keys, ports, shared_port, logout, clock,
)  # fmt: skip
"""In the order of the report."""


def _mount_size(count: int) -> str:
    return f"{max(1, -(-count // (1024 * 1024)))}m"


def cgroup_folders(case: Case, controller: str) -> list[Path]:
    """The process's control groups, innermost first: of version 2, and of version 1 where it has this controller."""
    try:
        lines = (case.process / "cgroup").read_text().splitlines()
    except OSError:
        return []
    folders = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if not controllers:
            root = case.host.cgroup
        elif controller in controllers.split(","):
            root = case.host.cgroup / controller
        else:
            continue
        group = Path(path.lstrip("/"))
        folders += [root / folder for folder in (group, *group.parents)]
    return folders


def _cgroup_left(case: Case) -> int | None:
    """Bytes left under the tightest memory limit of the process's control groups (v2), None without one."""
    left: int | None = None
    for folder in cgroup_folders(case, "memory"):
        try:
            limit = (folder / "memory.max").read_text().strip()
            used = int((folder / "memory.current").read_text())
            room = None if limit == "max" else max(0, int(limit) - used)
        except (OSError, ValueError):
            continue
        if room is not None:
            left = room if left is None else min(left, room)
    return left


def _answers(check: str, address: str) -> Finding:
    host, _, port = reachable(address).rpartition(":")
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_TIMEOUT_S).close()
    except OSError as error:
        todo = "is a packet filter in the way? `avap status` shows the workers"
        return Finding("problem", check, f"{address} does not answer: {error.strerror or error}", todo)
    return Finding("ok", check, f"{address} answers")


def _is_free(check: str, host: str, port: int, name: str) -> Finding:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            todo = f"find its owner with `ss -ltnp 'sport = :{port}'`, or set another {name}"
            return Finding("problem", check, f"{host}:{port} is taken by another process", todo)
        if error.errno in (errno.EACCES, errno.EPERM):
            return Finding("problem", check, f"this user may not bind port {port}", f"set {name} to 1024 or more")
        todo = "set AVAP_BIND to an address of this host"
        return Finding("problem", check, f"cannot bind {host}:{port}: {error.strerror or error}", todo)
    return Finding("ok", check, f"{host}:{port} is free")


def _system_uid_max(host: Host) -> int:
    try:
        match = re.search(r"^\s*SYS_UID_MAX\s+(\d+)", (host.etc / "login.defs").read_text(), re.MULTILINE)
    except OSError:
        match = None
    return int(match[1]) if match else 999


def _removes_ipc(host: Host) -> bool:
    """The last assignment counts; files in logind.conf.d override logind.conf."""
    drop_ins = host.etc / "systemd/logind.conf.d"
    files = [host.etc / "systemd/logind.conf", *(sorted(drop_ins.glob("*.conf")) if drop_ins.is_dir() else ())]
    said = "yes"
    for path in files:
        try:
            text = path.read_text(errors="replace")
        except OSError:
            continue
        for match in re.finditer(r"^\s*RemoveIPC\s*=\s*(\w+)", text, re.MULTILINE):
            said = match[1]
    return said.lower() not in ("no", "false", "off", "0", "n", "f")
