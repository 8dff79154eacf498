"""What a setting of host or appliance is worth: the trials behind tuning.md.

Each trial runs one appliance a variant, side by side, and measures them in turn, round after round, so that whatever
else the host does meets all of them alike. Loads are `bench.tuning_load`'s; CPU time is that of the appliance's whole
session. What each variant differs by is said by `bench.diff`, what bounded it by `bench.bound`.
Nothing of the host is changed: settings of the kernel are made in namespaces of the trial's own, and a control group
that is removed again (both need root).
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path

from appliance._native import snapshot_probe
from bench.appliance_process import KEY
from bench.bound import Bound, Observation, judge_rounds
from bench.commands import CommandSet
from bench.cores import divide
from bench.diff import compare
from bench.host import fingerprint
from bench.interruption import terminable
from bench.postgres import postgres
from bench.processes import cpu_s, session_pids
from bench.results import Better, Measurement, Results
from bench.tuning_load import PREFIX_BYTES, Load, Outcome, Subject
from bench.verdict import BenchError

RECORD_BYTES = 700
START_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 30.0
LOAD_TIMEOUT_S = 300.0
IDLE_S, IDLE_SHARE = 0.5, 0.04
"""An appliance that used no more than this of a core for this long is done with starting (two ticks of the clock)."""
CGROUP = Path("/sys/fs/cgroup")
CGROUP_2 = (CGROUP / "cgroup.controllers").exists()
QUOTA_GROUP = (CGROUP if CGROUP_2 else CGROUP / "cpu") / "avap-tuning"
NOT_CALIBRATED = "variants are compared with each other"


@dataclass(frozen=True, slots=True)
class Variant:
    """A setting: environment of the appliance, and a command in front of it that ends in exec of its arguments."""

    environ: Mapping[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()
    own_network: bool = False
    load: Load | None = None
    """In place of the trial's loads: the setting is the client's."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Variants, the first of which the others are compared with."""

    variants: Mapping[str, Variant]
    loads: Mapping[str, Load]
    catalog_bytes: int = 20_000_000
    apart: bool = True
    """The generator keeps off the core of the one worker. Not where the trial is about who runs where."""
    rounds: int = 10
    starts: int = 0
    """How often each variant is also started, to see how long its worker takes to map the version."""


def _shell(script: str, *, network: bool = False, mounts: bool = False) -> tuple[str, ...]:
    kinds = (*(("--net",) if network else ()), *(("--mount",) if mounts else ()))
    return (*(("unshare", *kinds) if kinds else ()), "sh", "-ec", script + '; exec "$@"', "sh")


def _huge(mode: str) -> Variant:
    return Variant(prefix=_shell(f"mount -t tmpfs -o size=4g,mode=1777,huge={mode} tmpfs /dev/shm", mounts=True))


def _loopback(script: str) -> Variant:
    return Variant(prefix=_shell(f"ip link set lo up; {script}", network=True), own_network=True)


def _quota(quota_us: int, period_us: int) -> Variant:
    group = f"{QUOTA_GROUP}-{quota_us}-{period_us}"
    limit = (
        f"echo {quota_us} {period_us} > {group}/cpu.max"
        if CGROUP_2
        else f"echo {period_us} > {group}/cpu.cfs_period_us; echo {quota_us} > {group}/cpu.cfs_quota_us"
    )
    script = f"mkdir -p {group}; {limit}; echo $$ > {group}/cgroup.procs"
    return Variant(prefix=_shell(script))


GET = Load("get")
WORKERS_1 = {"AVAP_GRPC_WORKERS": "1"}
TRIALS: Mapping[str, Trial] = {
    "workers": Trial(
        {f"{count}": Variant({"AVAP_GRPC_WORKERS": f"{count}"}) for count in (1, 2, 4)},
        {"get 8×10": GET, "get 200×1": Load("get", 200, 1)},
        apart=False,
    ),
    "pin": Trial(
        {"off": Variant({"AVAP_PIN": "off"}), "auto": Variant({"AVAP_PIN": "auto"})},
        {"get 8×10": GET, "get 1×1": Load("get", 1, 1)},
        apart=False,
        rounds=16,
    ),
    "somaxconn": Trial(
        {f"{length}": _loopback(f"sysctl -qw net.core.somaxconn={length}") for length in (4096, 128, 16)},
        {"1000 connects": Load("connects", connections=1000)},
        rounds=8,
    ),
    "nofile": Trial(
        {f"{count}": Variant(prefix=("prlimit", f"--nofile={count}:{count}")) for count in (16_384, 256)},
        {"500 connects": Load("connects", connections=500)},
        rounds=8,
    ),
    "keepalive": Trial(
        {
            "kept": Variant(load=Load("calls", connections=8, streams=1, requests=40_000)),
            "anew": Variant(load=Load("calls", connections=2000, streams=1, requests=2000)),
        },
        {"call": Load("calls")},
    ),
    "huge-pages": Trial(
        {mode: _huge(mode) for mode in ("never", "within_size")},
        {"get 8×10": GET, "sync": Load("sync", connections=1, streams=1, requests=15)},
        catalog_bytes=100_000_000,
        starts=5,
    ),
    "mtu": Trial(
        {f"{mtu}": _loopback(f"ip link set lo mtu {mtu}") for mtu in (65_536, 9_000, 1_500)},
        {"get 8×10": GET, "sync": Load("sync", connections=1, streams=1, requests=40)},
    ),
    "quota": Trial(
        {
            "none": Variant(),
            "50 of 100 ms": _quota(50_000, 100_000),
            "30 of 100 ms": _quota(30_000, 100_000),
            "3 of 10 ms": _quota(3_000, 10_000),
        },
        {"get 20,000/s": Load("get", rate=20_000.0)},
        rounds=18,
    ),
}


class Server:
    """An appliance with a setting, serving the catalogue of a prepared state directory."""

    def __init__(self, state_dir: Path, variant: Variant, url: str) -> None:
        """Start it; `wait` for it."""
        self._variant = variant
        self._log = state_dir.with_name(state_dir.name + ".log")
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "PYTHONPATH") if name in os.environ}
        ours = {
            "AVAP_STATE_DIR": str(state_dir), "API_KEY": KEY, "PORT": "0", "AVAP_METRICS_PORT": "0",
            "AVAP_HTTP_WORKERS": "0",
            "AVAP_CATALOG_REFRESH_S": "3600", "DATABASE_URL": url,
        }  # fmt: skip
        avap = str(Path(sys.executable).parent / "avap")
        with self._log.open("wb") as log:
            self.process = subprocess.Popen(
                [*variant.prefix, avap, "serve"], env={**kept, **ours, **WORKERS_1, **variant.environ},
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=log, start_new_session=True,
            )  # fmt: skip
        self.address = ""

    def wait(self) -> None:
        """Wait until it serves and is idle. Raises BenchError."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.address or not self._idle():
            if self.process.poll() is not None or time.monotonic() > deadline:
                said = self._log.read_text(errors="replace")[-2000:]
                raise BenchError(f"the appliance did not get ready; its log ends:\n{said}")
            time.sleep(0.02)
            self.address = self._serves_at()

    def measure(self, load: Load, subject: Subject) -> Outcome:
        """Run a load. Raises BenchError."""
        inside = ("nsenter", f"--net=/proc/{self.process.pid}/ns/net") if self._variant.own_network else ()
        pids = session_pids(self.process.pid)
        asked = {"load": asdict(load), "subject": {**asdict(subject), "address": self.address, "pids": pids}}
        done = subprocess.run(
            [*inside, sys.executable, "-m", "bench.tuning_load", json.dumps(asked)],
            capture_output=True, text=True, timeout=LOAD_TIMEOUT_S, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise BenchError(f"the load failed: {done.stderr[-2000:]}")
        if session_pids(self.process.pid) != pids:
            raise BenchError("the appliance's processes changed during a measurement")
        return Outcome(**json.loads(done.stdout))

    def map_ms(self) -> float:
        """How long its worker took to map the version that it serves. Raises BenchError."""
        for line in self._log.read_text(errors="replace").splitlines():
            if '"Generation Acked"' in line:
                return float(json.loads(line)["map_ms"])
        raise BenchError("no worker said how long it took to map the version")

    def close(self) -> None:
        """Stop it, by force if it must be."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_TIMEOUT_S)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(STOP_TIMEOUT_S)

    def _serves_at(self) -> str:
        for line in self._log.read_text(errors="replace").splitlines():
            if '"Appliance Ready"' in line:
                return str(json.loads(line)["grpc"])
        return ""

    def _idle(self) -> bool:
        before_s = cpu_s(session_pids(self.process.pid))
        time.sleep(IDLE_S)
        return cpu_s(session_pids(self.process.pid)) - before_s <= IDLE_SHARE * IDLE_S


@dataclass(slots=True)
class Runs:
    """The runs of one measurement of one variant: when they began, what came out, and what was seen meanwhile."""

    started_s: list[float] = field(default_factory=list)
    values: list[float] = field(default_factory=list)
    seen: list[Observation] = field(default_factory=list)

    @property
    def bound(self) -> Bound:
        """What bounded it."""
        return judge_rounds(self.seen)


Series = dict[tuple[str, str], Runs]
"""By variant and measurement."""


def run(trial: Trial, rounds: int, directory: Path) -> Series:
    """Measure each variant `rounds` times, interleaved. Raises BenchError, MissingToolError."""
    commands = CommandSet(trial.catalog_bytes // (RECORD_BYTES + 3), RECORD_BYTES)
    series: Series = {}
    with ExitStack() as stack:
        with postgres() as url:
            prepared = _prepare(commands, url, directory)
            subject = _subject(trial, commands, prepared)
        if trial.starts:
            _measure_starts(trial, prepared, url)
        # The database is gone: each variant serves the snapshot, as one in a network of its own must anyhow.
        servers: dict[str, Server] = {}
        for number, (name, variant) in enumerate(trial.variants.items()):
            state_dir = directory / f"variant-{number}"
            shutil.copytree(prepared, state_dir, ignore=shutil.ignore_patterns("*.sock", "lock"))
            servers[name] = Server(state_dir, variant, url)
            stack.callback(servers[name].close)
        for server in servers.values():
            server.wait()
        for number in range(rounds):
            print(f"round {number + 1} of {rounds}", file=sys.stderr, flush=True)
            order = list(servers)
            # Who comes first gains or loses by it; each is first in turn.
            for name in order[number % len(order) :] + order[: number % len(order)]:
                own = trial.variants[name].load
                for title, load in trial.loads.items():
                    _measure(series, name, title, servers[name], own or load, subject)
    return series


def _measure_starts(trial: Trial, prepared: Path, url: str) -> None:
    """Start each variant in turn and print how long mapping took: of one thread, without load."""
    found: dict[str, list[float]] = {name: [] for name in trial.variants}
    for number in range(trial.starts):
        for name, variant in trial.variants.items():
            state_dir = prepared.with_name(f"start-{number}-{name}")
            shutil.copytree(prepared, state_dir, ignore=shutil.ignore_patterns("*.sock", "lock"))
            server = Server(state_dir, variant, url)
            try:
                server.wait()
                found[name].append(server.map_ms())
            finally:
                server.close()
                shutil.rmtree(state_dir)
    for name, times in found.items():
        low, middle, high = map(_short, _quartiles(times))
        print(f"{name}: a worker maps the version in {middle} ms ({low} to {high}; {len(times)} starts)")


def _measure(series: Series, variant: str, title: str, server: Server, load: Load, subject: Subject) -> None:
    started_s = time.time()
    outcome = server.measure(load, subject)
    seen = Observation(**outcome.seen, ceiling_missing=NOT_CALIBRATED)
    for measurement, value in _figures(title, outcome).items():
        runs = series.setdefault((variant, measurement), Runs())
        runs.started_s.append(started_s)
        runs.values.append(value)
        runs.seen.append(seen)


def _prepare(commands: CommandSet, url: str, directory: Path) -> Path:
    """A state directory with a snapshot of the commands."""
    commands.load(url)
    prepared = directory / "prepared"
    prepared.mkdir(mode=0o700)
    server = Server(prepared, Variant(), url)
    try:
        server.wait()
    finally:
        server.close()
    return prepared


def _subject(trial: Trial, commands: CommandSet, prepared: Path) -> Subject:
    digest = snapshot_probe(str(prepared / "catalog.snapshot")).digest
    catalog = commands.write_catalog(prepared.with_name("catalog"))
    request = prepared.with_name("request")
    name = commands.name(commands.count // 2).encode()
    message = b"\x0a" + bytes([len(name)]) + name
    request.write_bytes(b"\0" + len(message).to_bytes(4, "big") + message)
    cores = divide(sorted(os.sched_getaffinity(0)), 1, "auto" if trial.apart else "off").generator
    return Subject("", KEY, digest, str(catalog), str(request), PREFIX_BYTES + RECORD_BYTES, (), cores)


def _figures(title: str, outcome: Outcome) -> dict[str, float]:
    """By name with its unit."""
    if outcome.worst_ms:
        return {
            f"{title}: the last answered after, ms": outcome.worst_ms,
            f"{title}: answered, count": max(0.5, outcome.requests),  # a run must be above zero
        }
    found = {
        f"{title}: CPU, µs a request": outcome.server_cpu_s / outcome.requests * 1e6,
        f"{title}: rate, req/s": outcome.rate,
    }
    if outcome.p99_us:
        found |= {f"{title}: p50, µs": outcome.p50_us, f"{title}: p99, µs": outcome.p99_us}
    return found


def results(series: Series, variant: str, command: Sequence[str]) -> Results:
    """One variant's runs as a results file, for `avap bench diff`."""
    measurements = []
    for (name, measurement), runs in series.items():
        if name == variant:
            title, _, unit = measurement.rpartition(", ")
            better: Better = "higher" if unit in ("req/s", "count") else "lower"
            measurements.append(
                Measurement(title, unit, better, tuple(runs.values), runs.bound.verdict, tuple(runs.started_s))
            )
    return Results(fingerprint(), tuple(command), tuple(measurements))


def show(trial: Trial, series: Series, files: Mapping[str, Results]) -> None:
    """Print medians with the middle half of the runs, what bounded them, and the difference to the first variant."""
    first, *others = trial.variants
    said = {
        (name, comparison.name): comparison.words
        for name in others
        for comparison in compare(files[first], files[name]).comparisons
    }
    width = max(map(len, trial.variants))
    for title in trial.loads:
        print(f"\n{title}")
        measurements = dict.fromkeys(name for _, name in series if name.startswith(f"{title}: "))
        for name in trial.variants:
            print(f"  {name:<{width}} {series[name, next(iter(measurements))].bound}")
        for measurement in measurements:
            print(f"  {measurement.removeprefix(title + ': ')}")
            for name in trial.variants:
                low, middle, high = map(_short, _quartiles(series[name, measurement].values))
                words = said.get((name, measurement.rpartition(", ")[0]), "")
                print(f"    {name:<{width}} {middle:>8} {f'({low} to {high})':<22} {words}".rstrip())


def _quartiles(values: Sequence[float]) -> tuple[float, float, float]:
    if len(values) == 1:
        return values[0], values[0], values[0]
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return low, middle, high


def _short(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


@contextmanager
def _quota_groups() -> Iterator[None]:
    """Remove the control groups of the trial at the end; without processes they are empty folders."""
    try:
        yield
    finally:
        for group in QUOTA_GROUP.parent.glob(QUOTA_GROUP.name + "-*"):
            with suppress(OSError):
                group.rmdir()


def main() -> int:
    """Run trials, by default all."""
    parser = argparse.ArgumentParser(prog="python -m bench.tuning", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("trials", nargs="*", metavar="TRIAL", help=f"one of {', '.join(TRIALS)}; by default all")
    parser.add_argument("--rounds", type=int, default=0, help="measurements of each variant; by default the trial's")
    parser.add_argument("--json", type=Path, metavar="PREFIX", help="write PREFIX-TRIAL-VARIANT.json for each variant")
    options = parser.parse_args()
    if unknown := [name for name in options.trials if name not in TRIALS]:
        parser.error(f"no such trial: {', '.join(unknown)}")
    try:
        with terminable(), _quota_groups():
            for name in options.trials or TRIALS:
                _trial(name, options.rounds, options.json)
    except BenchError as error:
        print(f"tuning: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    return 0


def _trial(name: str, rounds: int, json_prefix: Path | None) -> None:
    trial = TRIALS[name]
    rounds = rounds or trial.rounds
    with tempfile.TemporaryDirectory(prefix="avap-tuning-") as directory:
        series = run(trial, rounds, Path(directory))
    command = ("python", "-m", "bench.tuning", name, "--rounds", str(rounds))
    files = {variant: results(series, variant, command) for variant in trial.variants}
    print(f"{name}: medians of {rounds} rounds (and the middle half of them)")
    show(trial, series, files)
    print(flush=True)
    if json_prefix is not None:
        for variant, found in files.items():
            path = json_prefix.with_name(f"{json_prefix.name}-{name}-{variant.replace(' ', '-')}.json")
            found.write(path)


if __name__ == "__main__":
    sys.exit(main())
