"""What this host is, as far as it bears on a measurement."""

from __future__ import annotations

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parent.parent


def fingerprint() -> dict[str, Any]:
    """CPU, kernel, mitigations, governor, limits, versions."""
    vulnerabilities = sorted(Path("/sys/devices/system/cpu/vulnerabilities").glob("*"))
    return {
        "cpu": _cpu_model(),
        "cores_allowed": sorted(os.sched_getaffinity(0)),
        "cores": os.cpu_count(),
        "cpuset": _cpuset(),
        "isolated": _read(Path("/sys/devices/system/cpu/isolated")),
        "smt": _read(Path("/sys/devices/system/cpu/smt/active")),
        "clocksource": _read(Path("/sys/devices/system/clocksource/clocksource0/current_clocksource")),
        "kernel": platform.release(),
        "mitigations": {path.name: _read(path) for path in vulnerabilities},
        "governor": _read(Path("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor")),
        "hypervisor": "hypervisor" in _read(Path("/proc/cpuinfo")),
        "idle_halt_poll_ns": _read(Path("/sys/module/haltpoll/parameters/guest_halt_poll_ns")),
        "memory_kb": int(_read(Path("/proc/meminfo")).split()[1]),
        "transparent_hugepage": _read(Path("/sys/kernel/mm/transparent_hugepage/enabled")),
        "transparent_hugepage_shmem": _read(Path("/sys/kernel/mm/transparent_hugepage/shmem_enabled")),
        "loopback_mtu": _read(Path("/sys/class/net/lo/mtu")),
        "somaxconn": _read(Path("/proc/sys/net/core/somaxconn")),
        "cgroup_cpu_max": _read(Path("/sys/fs/cgroup/cpu.max")),
        "python": platform.python_version(),
        "appliance": _version("avap-appliance"),
        "grpcio": _version("grpcio"),
        "revision": _revision(),
    }


def _cpu_model() -> str:
    lines = _read(Path("/proc/cpuinfo")).splitlines()
    return next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _cpuset() -> str:
    """The cores that this process's control group allows, empty where there is none; of either version of cgroups."""
    for line in _read(Path("/proc/self/cgroup")).splitlines():
        _, controllers, path = line.split(":", 2)
        if "cpuset" in controllers.split(","):
            return _read(Path(f"/sys/fs/cgroup/cpuset{path}/cpuset.cpus"))
        if not controllers:
            found = _read(Path(f"/sys/fs/cgroup{path}/cpuset.cpus.effective"))
            if found:
                return found
    return ""


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


def _revision() -> str:
    """The git revision with `+` when the tree differs from it; empty outside a repository."""
    try:
        described = subprocess.run(
            ["git", "-C", REPOSITORY, "describe", "--always", "--abbrev=12", "--dirty=+"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
    except OSError:
        return ""
    return described.stdout.strip()
