"""The first calls of the README work as they are written, against a real appliance."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.appliance.process import AVAP, KEY, Appliance, serving
from tests.clients import toolchain
from tests.docs.markdown import REPOSITORY, code_blocks, read, section

EXAMPLES = REPOSITORY / "docs" / "examples"
STUBS = "avap.invalid/example/avappb"  # import path of the Go stubs, docs/examples/README.md
TIMEOUT_S = 240  # the first build of the Go example compiles grpc-go


@pytest.fixture(scope="module")
def appliance(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Appliance]:
    with serving(tmp_path_factory.mktemp("examples") / "state") as appliance:
        yield appliance


def run(
    command: list[str], appliance: Appliance, *, cwd: Path, environ: Mapping[str, str] | None = None
) -> subprocess.CompletedProcess[str]:
    """Run a client with the address and the key in its environment."""
    ours = {"API_KEY": KEY, "AVAP_TARGET": appliance.grpc_address}
    return subprocess.run(
        command, cwd=cwd, env={**os.environ, **ours, **(environ or {})}, capture_output=True, text=True,
        timeout=TIMEOUT_S, check=False,
    )  # fmt: skip


def generate(arguments: list[str]) -> None:
    """Run protoc, which grpcio-tools brings."""
    command = [sys.executable, "-m", "grpc_tools.protoc", "-I", str(REPOSITORY / "proto"), *arguments, "avap.proto"]
    subprocess.run(command, check=True, timeout=TIMEOUT_S)


def python_example(appliance: Appliance, folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    shutil.copy(EXAMPLES / "python" / "get_command.py", folder)
    generate([f"--python_out={folder}", f"--grpc_python_out={folder}"])
    return run([sys.executable, "get_command.py", name], appliance, cwd=folder)


def node_example(appliance: Appliance, folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    wanted, had = (
        json.loads((place / "package.json").read_text()) for place in (EXAMPLES / "node", toolchain.NODE_DIR)
    )
    assert wanted["dependencies"] == had["dependencies"], "the example runs on the modules of tests/clients/node"
    modules = toolchain.install_node_client().parent / "node_modules"
    command = [str(toolchain.node()), "get_command.js", name]
    return run(command, appliance, cwd=EXAMPLES / "node", environ={"NODE_PATH": str(modules)})


def go_example(appliance: Appliance, folder: Path, name: str) -> subprocess.CompletedProcess[str]:
    environ = {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    return run([str(toolchain.go()), "run", ".", name], appliance, cwd=EXAMPLES / "go", environ=environ)


Example = Callable[[Appliance, Path, str], subprocess.CompletedProcess[str]]
CLIENTS = pytest.mark.parametrize("example", [python_example, node_example, go_example])


@CLIENTS
def test_an_example_prints_the_command_and_the_version(appliance: Appliance, example: Example, tmp_path: Path) -> None:
    served = json.loads(appliance.run_avap("get", "addVar", "--json").stdout)
    version = served["version"]
    done = example(appliance, tmp_path, "addVar")
    assert done.returncode == 0, done.stderr
    assert done.stdout == (
        f"{served['code']}\n# addVar of 30 commands, version {version['generation']}-{version['digest']}\n"
    )


@CLIENTS
def test_an_example_tells_an_unknown_command(appliance: Appliance, example: Example, tmp_path: Path) -> None:
    done = example(appliance, tmp_path, "nothing")
    assert done.returncode == 1
    assert "Command 'nothing' not found" in done.stderr


def test_the_go_stubs_are_those_of_the_contract(tmp_path: Path) -> None:
    environ = os.environ | {"GOTOOLCHAIN": "local", "GOFLAGS": "-mod=readonly -buildvcs=false"}
    for plugin in ("google.golang.org/protobuf/cmd/protoc-gen-go", "google.golang.org/grpc/cmd/protoc-gen-go-grpc"):
        command = [str(toolchain.go()), "build", "-o", f"{tmp_path}/", plugin]
        subprocess.run(command, cwd=EXAMPLES / "go", env=environ, check=True, timeout=TIMEOUT_S)
    made = tmp_path / "made"
    made.mkdir()
    options = f"module={STUBS.rpartition('/')[0]},Mavap.proto={STUBS}"
    generate([
        f"--plugin={tmp_path}/protoc-gen-go", f"--go_out={made}", f"--go_opt={options}",
        f"--plugin={tmp_path}/protoc-gen-go-grpc", f"--go-grpc_out={made}", f"--go-grpc_opt={options}",
    ])  # fmt: skip
    kept = EXAMPLES / "go" / "avappb"
    assert {path.name for path in kept.iterdir()} == {path.name for path in (made / "avappb").iterdir()}
    for path in kept.iterdir():
        assert without_versions(path) == without_versions(made / "avappb" / path.name)


def without_versions(path: Path) -> str:
    """A generated file less the comments that name the generators' versions."""
    return re.sub(r"^//.*\bprotoc\b.*\n", "", path.read_text(), flags=re.MULTILINE)


def test_the_snippet_for_our_client_runs(appliance: Appliance, tmp_path: Path) -> None:
    [snippet] = code_blocks(section(read("README.md"), "### Python, our client"), "python")
    done = run(
        [sys.executable, "-c", snippet.replace("127.0.0.1:50051", appliance.grpc_address)], appliance, cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert "30 commands, version 1-" in done.stdout


def test_the_commands_of_the_readme_run(appliance: Appliance, tmp_path: Path) -> None:
    [block] = code_blocks(section(read("README.md"), "### Command line"), "sh")
    commands = [line.split("#")[0].split() for line in block.splitlines()]
    assert len(commands) == 5
    for command in commands:
        done = subprocess.run(
            [str(AVAP), *command[1:]], cwd=tmp_path, env=appliance.environ, capture_output=True, text=True,
            timeout=60, check=False,
        )  # fmt: skip
        expected = (0, 1) if command[1] == "doctor" else (0,)  # this host may really be unfit
        assert done.returncode in expected, f"{command}: {done.stdout}{done.stderr}"
        assert "Traceback" not in done.stderr
    assert len(list((tmp_path / "catalog").glob("*"))) > 30


def test_the_script_of_the_readme_gives_the_answer_below_it(tmp_path: Path) -> None:
    scripts = section(read("README.md"), "### Scripts, over HTTP")
    [call], [shown] = code_blocks(scripts, "sh"), code_blocks(scripts, "json")
    with serving(tmp_path / "state", {"AVAP_HTTP_WORKERS": "1"}) as appliance:
        command = ["sh", "-c", call.replace("127.0.0.1:8888", appliance.http_address)]
        done = run(command, appliance, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert [one["command"] for one in answer["logs"]] == ["addParam", "assign", "addResult"]
    assert answer | {"logs": ["…"]} == json.loads(shown)


def test_the_welcome_is_as_the_readme_shows_it(tmp_path: Path) -> None:
    [shown] = [block for block in code_blocks(read("README.md"), "text") if "AVAP Appliance" in block]
    # As in a shell that has not yet taken the README's advice to put the appliance's folder on its PATH.
    path = ":".join(one for one in os.environ["PATH"].split(":") if Path(one) != AVAP.parent)
    environ = {"API_KEY": "", "AVAP_HTTP_WORKERS": "1", "PATH": path}
    with Appliance(tmp_path / "state", environ, arguments=["--welcome"]) as appliance:
        appliance.wait_ready()
        assert appliance.stop() == 0
        said = appliance.stdout.decode()
    assert masked(said) == masked(shown)


def masked(text: str) -> list[str]:
    """Lines without paths, addresses and the options that name them."""
    text = re.sub(r" --(state-dir|target) \S+", "", text)
    text = re.sub(r"http://[^/\s]+/", "http://ADDRESS/", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "ADDRESS", text)
    text = re.sub(r"(?<=[\s\"])[^\s\"]*/([\w.]+)(?=[\s\"])", r"PATH/\1", text)
    text = re.sub(r"(state +)\S+", r"\1PATH", text)
    return [line.rstrip() for line in text.splitlines() if line.strip()]
