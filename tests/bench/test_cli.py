"""`avap bench` as people and programs use it: tables with verdicts, results files, exit codes, nothing left behind."""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from appliance.cli.app import app
from bench.cli import app as bench_app
from bench.results import Results, read
from tests.appliance.process import AVAP, KEY, Appliance, serving
from tests.waiting import wait_until

VERDICTS = {"server-bound", "client-bound", "network-bound", "host-noisy"}
TINY = ("--seconds", "0.1", "--warmup", "0.02", "--rounds", "2")
TIMEOUT_S = 60
HIGHER = {"requests a second", "MB/s"}


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder with a short name, in place of pytest's: the appliance's socket lies deep in it."""
    with tempfile.TemporaryDirectory(prefix="avap-test-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    """A server that runs already, with the packaged commands."""
    with serving(tmp_path_factory.mktemp("served") / "state") as running:
        yield running


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its key."""
    path = tmp_path_factory.mktemp("key") / "key"
    path.write_text(KEY + "\n")
    return path


def environ(tmp_path: Path) -> dict[str, str]:
    """An environment in which nothing of the caller's appliance is set, with a folder for temporary files."""
    (tmp_path / "temporary").mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {**kept, "TMPDIR": str(tmp_path / "temporary")}


def avap_bench(tmp_path: Path, *arguments: str, code: int = 0) -> subprocess.CompletedProcess[str]:
    """Run `avap bench` to its end, which must leave nothing; stdout is no terminal."""
    done = subprocess.run(
        [str(AVAP), "bench", *arguments], env=environ(tmp_path), capture_output=True, text=True, timeout=TIMEOUT_S,
        check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == code, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert list((tmp_path / "temporary").iterdir()) == []
    return done


@contextmanager
def started(tmp_path: Path, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`avap bench` while it runs."""
    with subprocess.Popen(
        [str(AVAP), "bench", *arguments], env=environ(tmp_path), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        try:
            yield process
        finally:
            # One that is killed ends nothing that it started.
            below = descendants(process.pid)
            process.kill()
            for pid in below:
                with suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGTERM)


def rows(printed: str, heading: str) -> dict[str, list[str]]:
    """The table below the line that starts with `heading`: first cell to the others."""
    lines = printed.splitlines()
    start = next(number for number, line in enumerate(lines) if line.split()[:1] == [heading])
    found = {}
    for line in lines[start + 1 :]:
        if not line:
            break
        name, *cells = re.split(r"\s{2,}", line.strip())
        found[name] = cells
    return found


def descendants(pid: int) -> set[int]:
    """All live processes below one, sessions of their own included."""
    found: set[int] = set()
    waiting = [pid]
    for parent in waiting:
        for children in Path(f"/proc/{parent}/task").glob("*/children"):
            try:
                below = [int(child) for child in children.read_text().split()]
            except OSError:
                continue
            found.update(below)
            waiting += below
    return found


def alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def check_results(path: Path, arguments: Sequence[str]) -> Results:
    """Read a results file, compare it with its schema, and hold what every file must have."""
    found = read(path)
    document: dict[str, Any] = json.loads(path.read_text())
    schema = json.loads((Path(__file__).parents[2] / "bench" / "schema.json").read_text())
    assert set(schema["required"]) <= set(document)
    one = schema["$defs"]["measurement"]
    for measurement in document["measurements"]:
        assert set(one["required"]) <= set(measurement)
        assert measurement["verdict"] in VERDICTS
        assert measurement["because"]
        assert measurement["better"] == ("higher" if measurement["unit"] in HIGHER else "lower")
        assert len(measurement["started_s"]) == len(measurement["runs"])
    assert found.command == ("avap", "bench", *arguments)
    wanted = {"cpu", "kernel", "mitigations", "governor", "loopback_mtu", "somaxconn", "cpuset", "cores_allowed",
              "appliance", "python", "grpcio", "revision"}  # fmt: skip
    assert wanted <= set(found.host)
    return found


def test_quick_starts_its_own_appliance_and_gives_each_figure_a_verdict(tmp_path: Path) -> None:
    arguments = ["quick", *TINY, "--commands", "20", "--json", str(tmp_path / "quick.json")]
    printed = avap_bench(tmp_path, *arguments).stdout
    table = rows(printed, "shape")
    assert list(table) == ["1×1", "8×10", "8×100", "200×1", "sync"]
    for shape, cells in table.items():
        assert cells[-1] in VERDICTS
        assert len(cells) == 7
        assert re.search(rf"^{shape} +{cells[-1]}: server \d+%|^{shape} +host-noisy: ", printed, re.MULTILINE), printed
    assert "every reply checked byte for byte" in printed
    found = check_results(tmp_path / "quick.json", arguments)
    names = {measurement.name for measurement in found.measurements}
    shapes = [f"GetCommand {shape}" for shape in list(table)[:-1]] + ["SyncCatalog 1×1"]
    assert {f"{shape}: {figure}" for shape in shapes for figure in ("rate", "p50", "p99", "p99.9", "CPU")} <= names
    assert {"SyncCatalog 1×1: volume", "SyncCatalog 1×1: CPU by volume"} <= names
    assert all(len(measurement.runs) == 2 for measurement in found.measurements)


def test_diff_reads_what_run_writes(tmp_path: Path) -> None:
    arguments = ["run", *TINY, "--commands", "20", "--shape", "2x3", "--zipf", "1", "--miss", "0.2", "--seed", "5"]
    avap_bench(tmp_path, *arguments, "--json", "a.json")
    done = avap_bench(tmp_path, "diff", "a.json", "a.json", code=2)
    assert "too few runs" in done.stdout
    assert "GetCommand 2×3: CPU" in done.stdout


def test_a_server_that_runs_already_is_measured_and_goes_on(
    appliance: Appliance, key_file: Path, tmp_path: Path
) -> None:
    before = appliance.metrics()['avap_requests_total{method="GetCommand",status="200"}']
    arguments = ["run", "--target", appliance.grpc_address, "--key-file", str(key_file), *TINY]
    printed = avap_bench(tmp_path, *arguments, "--rate", "500", "--arrivals", "poisson", "--shape", "4x2").stdout
    assert rows(printed, "load")["4×2"][-1] in VERDICTS
    assert "open loop" in printed
    assert appliance.metrics()['avap_requests_total{method="GetCommand",status="200"}'] > before + 10
    assert appliance.process.poll() is None


def test_surface_has_a_row_for_each_combination(appliance: Appliance, key_file: Path, tmp_path: Path) -> None:
    arguments = ["surface", "--connections", "1,3", "--streams", "1,4", "--target", appliance.grpc_address,
                 "--key-file", str(key_file), *TINY, "--json", str(tmp_path / "surface.json")]  # fmt: skip
    assert list(rows(avap_bench(tmp_path, *arguments).stdout, "shape")) == ["1×1", "1×4", "3×1", "3×4"]
    assert len(check_results(tmp_path / "surface.json", arguments).measurements) == 4 * 5


def test_sync_makes_a_catalogue_of_the_size_that_is_wanted(tmp_path: Path) -> None:
    printed = avap_bench(tmp_path, "sync", "--size", "0.5", "--shapes", "2x1", *TINY).stdout
    size = re.search(r"sync of ([\d.]+) MB: appliance with (\d+) commands", printed)
    assert size is not None
    assert 0.5 <= float(size[1]) < 0.6  # the packaged commands come on top
    assert rows(printed, "shape")["2×1"][-1] in VERDICTS


def test_compare_shows_servers_side_by_side(appliance: Appliance, key_file: Path, tmp_path: Path) -> None:
    with serving(tmp_path / "state") as second:
        arguments = [
            "compare", "--with", second.grpc_address, "--shapes", "2x2", "--sync", "--target", appliance.grpc_address,
            "--key-file", str(key_file), *TINY, "--json", str(tmp_path / "c.json"),
        ]  # fmt: skip
        printed = avap_bench(tmp_path, *arguments).stdout
        for heading in ("2×2", "sync"):
            table = rows(printed, heading)
            assert list(table) == [appliance.grpc_address, second.grpc_address]
            assert table[appliance.grpc_address][1] == "1.00×"
            assert all(cells[-1] in VERDICTS for cells in table.values())
        names = {measurement.name for measurement in check_results(tmp_path / "c.json", arguments).measurements}
        assert f"{second.grpc_address} GetCommand 2×2: rate" in names


def test_compare_says_which_toolchain_is_missing_and_measures_the_others(
    appliance: Appliance, key_file: Path, tmp_path: Path
) -> None:
    without = tmp_path / "without.py"
    without.write_text(
        "from bench import toolchains\nfrom bench.verdict import MissingToolError\n"
        "def node():\n    raise MissingToolError('no Node 18 or later')\n"
        "toolchains.node = toolchains.npm = node\n"
        "from appliance.cli.app import run\nrun()\n"
    )
    arguments = ["compare", "--with", "node", "--shapes", "1x1", "--target", appliance.grpc_address, "--key-file",
                 str(key_file), *TINY]  # fmt: skip
    done = subprocess.run(
        [sys.executable, str(without), "bench", *arguments], env=environ(tmp_path), capture_output=True, text=True,
        timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert re.search(r"^node .*not measured$", done.stdout, re.MULTILINE), done.stdout
    assert "not measured: no Node 18 or later" in done.stdout
    assert rows(done.stdout, "1×1")[appliance.grpc_address][-1] in VERDICTS


def test_python_clients_are_measured_as_the_predecessor_was(
    appliance: Appliance, key_file: Path, tmp_path: Path
) -> None:
    arguments = ["quick", "--client", "python", "--target", appliance.grpc_address, "--key-file", str(key_file), *TINY,
                 "--json", str(tmp_path / "python.json")]  # fmt: skip
    table = rows(avap_bench(tmp_path, *arguments).stdout, "shape")
    assert list(table) == ["50 threads", "sync"]
    assert all(cells[-1] in VERDICTS for cells in table.values())
    names = {measurement.name for measurement in check_results(tmp_path / "python.json", arguments).measurements}
    assert "Python GetCommand 1×50: rate" in names
    assert "Python SyncCatalog 1×1: volume" in names


@contextmanager
def http_server(tmp_path: Path, answer: str) -> Iterator[str]:
    """A server of HTTP/1.1 with kept connections that answers every POST alike; yields where."""
    script = tmp_path / "server.py"
    script.write_text(
        "import http.server\n"
        "class Handler(http.server.BaseHTTPRequestHandler):\n"
        "    protocol_version = 'HTTP/1.1'\n"
        "    wbufsize = -1\n"
        "    def do_POST(self):\n"
        "        self.rfile.read(int(self.headers['content-length']))\n"
        f"        body = {answer.encode()!r} if self.headers.get('x-own') == 'yes' else b'no header'\n"
        "        self.send_response(200); self.send_header('content-length', str(len(body)))\n"
        "        self.end_headers(); self.wfile.write(body)\n"
        "    def log_message(self, *_): pass\n"
        "server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)\n"
        "print(server.server_port, flush=True); server.serve_forever()\n"
    )
    with subprocess.Popen([sys.executable, str(script)], stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.kill()


def test_scripts_are_executed_over_http_and_their_answers_compared(tmp_path: Path) -> None:
    with http_server(tmp_path, '{"result": 1}') as address:
        arguments = ["run", "--method", "Execute", "--target", address, "--body", '{"script": "…"}', "--header",
                     "x-own: yes", *TINY]  # fmt: skip
        printed = avap_bench(tmp_path, *arguments, "--shape", "2x1", "--expect", '{"result": 1}').stdout
        assert rows(printed, "load")["2×1"][-1] in VERDICTS
        assert "the null server has no HTTP/1.1" in printed or "host-noisy" in printed
        done = avap_bench(tmp_path, *arguments, "--expect", '{"result": 2}', code=70)
        assert "wrong_bytes" in done.stderr


@pytest.mark.parametrize("catalog", ["packaged", "folder"])
def test_other_catalogues_are_served_too(tmp_path: Path, catalog: str) -> None:
    if catalog == "folder":
        (tmp_path / "commands").mkdir()
        (tmp_path / "commands" / "mine.py").write_text("# /// command\n# ///\nown = 1\n")
        catalog = str(tmp_path / "commands")
    printed = avap_bench(tmp_path, "run", "--catalog", catalog, "--shape", "1x2", *TINY).stdout
    count = 30 if catalog == "packaged" else 31
    assert f"appliance with {count} commands" in printed


def test_another_catalogue_than_the_servers_is_noticed(appliance: Appliance, key_file: Path, tmp_path: Path) -> None:
    channel_reply = tmp_path / "catalog"
    record = b"\x0a\x06addVar\x12\x04code"
    channel_reply.write_bytes(b"\x0a" + bytes([len(record)]) + record)
    done = avap_bench(
        tmp_path, "run", "--target", appliance.grpc_address, "--key-file", str(key_file), "--catalog",
        str(channel_reply), *TINY, code=70,
    )  # fmt: skip
    assert "replies are not what they must be" in done.stderr
    assert "wrong_bytes" in done.stderr
    assert "verdict" not in done.stdout


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["quick", "--target", "192.0.2.1:50051"], 2, "--yes-remote"),
        (["compare", "--with", "192.0.2.1:50051"], 2, "--yes-remote"),
        (["compare", "--with", "cobol"], 2, "--with wants all, python_aio"),
        (["quick", "--target", "127.0.0.1:1"], 69, "is the server running"),
        (["quick", "--target", "nonsense"], 2, "host:port"),
        (["quick", "--key-file", "k"], 2, "--target"),
        (["quick", "--catalog", "/absent"], 2, "folder of commands"),
        (["quick", "--cores", "4000"], 2, "cores to choose from"),
        (["quick", "--json", "/absent/file.json"], 71, "cannot write"),
        (["run", "--shape", "8by10"], 2, "connections × streams"),
        (["run", "--method", "Execute"], 2, "--target and --body"),
        (["run", "--arrivals", "poisson"], 2, "--rate"),
        (["run", "--client", "python", "--rate", "5"], 2, "closed loop"),
        (["surface", "--streams", "0"], 2, "--streams wants numbers"),
        (["nonsense"], 2, "nonsense"),
    ],
)
def test_what_cannot_work_is_said_before_anything_is_started(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], code: int, said: str
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    for name in ("API_KEY", "API_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)
    done = CliRunner().invoke(app, ["bench", *arguments], prog_name="avap")
    assert done.exit_code == code, done.output
    assert said in done.stderr
    assert done.stdout == ""
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_key_is_said(appliance: Appliance, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong"
    wrong.write_text("not-the-key-of-it\n")
    done = avap_bench(tmp_path, "quick", "--target", appliance.grpc_address, "--key-file", str(wrong), code=77)
    assert "refuses the key" in done.stderr
    assert "not-the-key-of-it" not in done.stderr


def test_a_server_that_dies_in_the_middle_is_said(key_file: Path, tmp_path: Path) -> None:
    with Appliance(tmp_path / "state") as doomed:
        doomed.wait_ready()
        with started(
            tmp_path, "run", "--target", doomed.grpc_address, "--key-file", str(key_file), "--seconds", "1",
            "--rounds", "50",
        ) as process:  # fmt: skip
            assert process.stderr is not None
            assert "measuring" in process.stderr.readline()
            for pid in doomed.processes():
                os.kill(pid, signal.SIGKILL)
            printed, said = process.communicate(timeout=TIMEOUT_S)
        for name in doomed.shared_memory():  # nobody was left to do it
            Path("/dev/shm", name).unlink()
    assert process.returncode == 69, said
    assert f"{doomed.grpc_address} went away while it was measured" in said
    assert printed == ""
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
@pytest.mark.parametrize("when", ["starting", "measuring"])
def test_an_interrupted_run_leaves_nothing_behind(tmp_path: Path, number: int, code: int, when: str) -> None:
    temporary = tmp_path / "temporary"
    with started(tmp_path, "run", "--seconds", "300", "--commands", "20") as process:
        assert process.stderr is not None
        if when == "measuring":
            assert "measuring" in process.stderr.readline()
            wait_until(lambda: len(descendants(process.pid)) >= 3, 30, "appliance and null server")
        else:
            wait_until(lambda: list(temporary.glob("*/state/*")), 30, "the appliance's start")
        state_dirs = list(temporary.glob("*/state"))
        below = descendants(process.pid)
        assert below
        process.send_signal(number)
        _, said = process.communicate(timeout=TIMEOUT_S)
    assert process.returncode == code, said
    assert "Traceback" not in said
    wait_until(lambda: not any(alive(pid) for pid in below), 10, "every process to end")
    assert list(temporary.iterdir()) == []
    for state_dir in state_dirs:
        instance = hashlib.sha256(os.fsencode(state_dir.resolve())).hexdigest()[:12]
        assert list(Path("/dev/shm").glob(f"avap-{instance}-*")) == []


def test_a_disk_that_is_full_at_the_end_costs_the_file_and_not_the_table(
    appliance: Appliance, key_file: Path, tmp_path: Path
) -> None:
    small = tmp_path / "small"
    small.mkdir()
    user = [] if os.geteuid() == 0 else ["--map-root-user"]
    script = f'set -e; mount -t tmpfs -o size=4k,nr_inodes=9 none {small}; exec "$@"'
    done = subprocess.run(
        ["unshare", "--mount", *user, "sh", "-c", script, "sh", str(AVAP), "bench", "run", "--target",
         appliance.grpc_address, "--key-file", str(key_file), *TINY, "--json", f"{small}/results.json"],
        env=environ(tmp_path), capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
    )  # fmt: skip
    assert done.returncode == 71, done.stderr
    assert "cannot write: No space left on device" in done.stderr
    assert rows(done.stdout, "load")["8×10"][-1] in VERDICTS


def test_the_command_itself_starts_without_bench() -> None:
    script = (
        "import sys\nfrom appliance.cli import app\n"
        "sys.argv = ['avap', *sys.argv[1:]]\n"
        "try:\n    app.run()\nexcept SystemExit:\n    pass\n"
        "print([name for name in sys.modules if name.split('.')[0] in ('bench', 'psycopg')])"
    )  # fmt: skip
    for arguments, loaded in ((["--help"], False), (["version"], False), (["bench", "--help"], True)):
        done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
        names = done.stdout.splitlines()[-1]
        assert ("'bench" in names) == loaded
        assert "psycopg" not in names


def test_the_manual_names_every_option_and_no_other() -> None:
    manual = (Path(__file__).parents[2] / "docs" / "bench.md").read_text()
    commands: dict[str, Any] = vars(typer.main.get_command(bench_app))["commands"]
    options = {name for command in commands.values() for one in command.params for name in one.opts if "--" in name}
    assert sorted(options - set(re.findall(r"--[a-z-]+", manual))) == []
    assert sorted(set(re.findall(r"--[a-z][a-z-]+", manual)) - options) == []
    assert [name for name in commands if f"## `avap bench {name}" not in manual] == []
