"""What of tuning.md is not applied on this host. Only what matters here is said: a finding is an `info` or a `warning`.

Like the other checks they look through the paths of the `Host`, so that a test can show each a host on which it speaks.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator
from pathlib import Path

from appliance.cli.checks import Case, Finding, cgroup_folders
from appliance.cli.output import size

HUGE_PAGES_MIN_BYTES = 256 * 1024 * 1024
"""At 100 MB requests do not show them, and mapping a version takes 7 ms instead of 9 (bench.tuning huge-pages)."""
SLOW_CLOCKS = frozenset({"acpi_pm", "hpet", "jiffies", "refined-jiffies", "xen"})
"""Not read in user space: each look at the time is a system call, and each request takes two."""
DOCUMENT = "tuning.md"


def workers(case: Case) -> Iterator[Finding]:
    """A worker is one thread: more of them than cores wait for one another."""
    count, cores = case.settings.grpc.workers, case.host.cores()
    if count > cores:
        said = f"{count} workers share {cores} cores"
        yield Finding("warning", "workers", said, _todo(f"set AVAP_GRPC_WORKERS to {max(1, cores - 1)}", "Workers"))
    elif count < cores - 1 and not _only_here(case):
        said = f"{count} workers on {cores} cores; requests use {count} of them"
        yield Finding("info", "workers", said, _todo(f"up to AVAP_GRPC_WORKERS={cores - 1} pays", "Workers"))
    else:
        yield Finding("ok", "workers", f"{count} on {cores} cores")


def pinning(case: Case) -> Iterator[Finding]:
    """A list of cores shorter than the workers puts two of them on one core."""
    pin = case.settings.pin
    if isinstance(pin, tuple) and len(set(pin)) < case.settings.grpc.workers:
        said = f"{case.settings.grpc.workers} workers are pinned to {len(set(pin))} cores"
        yield Finding("warning", "pinning", said, _todo("name a core for each, or set AVAP_PIN=auto", "Pinning"))
    else:
        yield Finding("ok", "pinning", pin if isinstance(pin, str) else ",".join(map(str, pin)))


def cpu_quota(case: Case) -> Iterator[Finding]:
    """A quota stops every thread until its period ends: nobody is answered for tens of milliseconds."""
    found = _tightest_quota(case)
    if found is None:
        yield Finding("ok", "CPU quota", "none")
        return
    cores, folder = found
    throttled = _throttled(folder)
    said = f"{folder} allows {cores:g} cores"
    todo = _todo("remove CPUQuota= of the unit (containers: --cpus), or use CPUWeight= and a cpuset", "CPU quotas")
    if cores < case.settings.grpc.workers + 1:
        yield Finding("warning", "CPU quota", f"{said} to {case.settings.grpc.workers} workers and a supervisor", todo)
    elif throttled:
        yield Finding("warning", "CPU quota", f"{said} and has stopped the processes in it {throttled} times", todo)
    else:
        yield Finding("ok", "CPU quota", f"{cores:g} cores, not used up so far")


def governor(case: Case) -> Iterator[Finding]:
    """How fast a core runs is the host's business; in a virtual machine there is nothing to see."""
    found = {
        _read(path) for path in (case.host.sys / "devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor")
    } - {""}
    if slow := sorted(found - {"performance"}):
        todo = _todo("run `cpupower frequency-set --governor performance`", "Governor")
        yield Finding("info", "governor", f"cores follow the governor {', '.join(slow)}: slow at low load", todo)
    elif found:
        yield Finding("ok", "governor", "performance")


def clock_source(case: Case) -> Iterator[Finding]:
    """Latencies and deadlines are taken from the clock, twice a request."""
    path = case.host.sys / "devices/system/clocksource/clocksource0"
    current = _read(path / "current_clocksource")
    if current in SLOW_CLOCKS:
        todo = _todo(
            f"see `{path / 'available_clocksource'}`; `dmesg | grep -i tsc` says why tsc is not used", "Clock source"
        )
        yield Finding("warning", "clock source", f"{current}: each look at the time is a system call", todo)
    elif current:
        yield Finding("ok", "clock source", current)


def huge_pages(case: Case) -> Iterator[Finding]:
    """Segments are files in /dev/shm: its mount decides, `shmem_enabled` only by `force` and `deny`."""
    if case.catalog_bytes < HUGE_PAGES_MIN_BYTES:
        return
    enabled = _read(case.host.sys / "kernel/mm/transparent_hugepage/shmem_enabled")
    options = _mount_options(case)
    mode = next((option.removeprefix("huge=") for option in options if option.startswith("huge=")), "never")
    if "[deny]" in enabled:
        mode = "never"
    elif "[force]" in enabled:
        mode = "always"
    if enabled and mode not in ("always", "within_size"):
        said = f"the catalogue of {size(case.catalog_bytes)} lies in small pages, which take longer to map"
        todo = _todo(f"run `mount -o remount,huge=within_size {case.host.shm}`, and put it in /etc/fstab", "Huge pages")
        yield Finding("info", "huge pages", said, todo)
    elif enabled:
        yield Finding("ok", "huge pages", mode)


def receive_queues(case: Case) -> Iterator[Finding]:
    """One receive queue is one core that takes in the packets of all clients."""
    if _only_here(case) or case.host.cores() == 1:
        return
    for queues in sorted((case.host.sys / "class/net").glob("*/queues")):
        interface = queues.parent
        if not (interface / "device").exists() or _read(interface / "operstate") not in ("up", "unknown"):
            continue
        receiving = sorted(queues.glob("rx-*"))
        spread = any(_read(queue / "rps_cpus").replace(",", "").strip("0") for queue in receiving)
        if len(receiving) > 1 or spread:
            yield Finding(
                "ok", "receive queues", f"{interface.name}: {len(receiving)}{', spread (RPS)' if spread else ''}"
            )
            continue
        said = f"{interface.name} has one receive queue, so one core takes in all packets"
        todo = _todo(
            f"raise it (`ethtool -L {interface.name} combined {case.host.cores()}`); where the device has only one, "
            f"write a mask of cores to {queues / 'rx-0/rps_cpus'}",
            "Receive and transmit queues",
        )
        yield Finding("info", "receive queues", said, todo)


TUNING_CHECKS: tuple[Callable[[Case], Iterator[Finding]], ...] = (
    workers, pinning, cpu_quota, governor, clock_source, huge_pages, receive_queues,
)  # fmt: skip
"""In the order of the report."""


def _todo(what: str, section: str) -> str:
    return f"{what} ({DOCUMENT}, {section})"


def _read(path: Path) -> str:
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def _only_here(case: Case) -> bool:
    """Whether only clients on this host can come."""
    try:
        return ipaddress.ip_address(case.settings.bind).is_loopback
    except ValueError:
        return case.settings.bind == "localhost"


def _tightest_quota(case: Case) -> tuple[float, Path] | None:
    """Cores, and the control group that allows no more; version 2 (`cpu.max`) or version 1."""
    found = []
    for folder in cgroup_folders(case, "cpu"):
        words = _read(folder / "cpu.max").split() or [
            _read(folder / "cpu.cfs_quota_us"),
            _read(folder / "cpu.cfs_period_us"),
        ]
        if len(words) == 2 and all(word.isdecimal() and int(word) for word in words):  # not `max`, not -1
            found.append((int(words[0]) / int(words[1]), folder))
    return min(found, default=None)


def _throttled(folder: Path) -> int:
    for line in _read(folder / "cpu.stat").splitlines():
        name, _, value = line.partition(" ")
        if name == "nr_throttled" and value.isdecimal():
            return int(value)
    return 0


def _mount_options(case: Case) -> list[str]:
    """Of the file system at /dev/shm, as the process sees it; the last mount there covers those before."""
    options: list[str] = []
    for line in _read(case.process / "mounts").splitlines():
        words = line.split(" ")
        if len(words) > 3 and words[1] == str(case.host.shm):
            options = words[3].split(",")
    return options
