"""A target is found, refused or said not to answer: each with a message that says what to do."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.target import RemoteRefusedError, Target, bare, fetch, listening, read_key, resolve
from bench.verdict import KeyRefusedError, UnreachableError, UsageError

LISTEN = (
    "import socket, sys\n"
    "server = socket.socket(); server.bind(('127.0.0.1', 0)); server.listen()\n"
    "print(server.getsockname()[1], flush=True); sys.stdin.readline()"
)


@pytest.fixture
def stranger() -> Iterator[tuple[int, int]]:
    """Another process that listens: its pid and its port."""
    with subprocess.Popen([sys.executable, "-c", LISTEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        yield process.pid, int(process.stdout.readline())
        process.kill()


@pytest.fixture
def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as once:
        once.bind(("127.0.0.1", 0))
        port: int = once.getsockname()[1]
    return port


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:50051", "127.0.0.1:50051"),
        ("localhost:1", ("127.0.0.1:1", "[::1]:1")),
        ("[::1]:65535", "[::1]:65535"),
        ("127.8.9.10:80", "127.8.9.10:80"),
    ],
)
def test_loopback_in_every_spelling_needs_no_permission(text: str, address: str | tuple[str, ...]) -> None:
    found, remote = resolve(text, allow_remote=False)
    assert found in ((address,) if isinstance(address, str) else address)
    assert not remote


@pytest.mark.parametrize("text", ["192.0.2.1:50051", "[2001:db8::1]:50051", "0.0.0.0:80"])
def test_another_host_is_refused_unless_somebody_says_so(text: str) -> None:
    with pytest.raises(RemoteRefusedError, match="--yes-remote"):
        resolve(text, allow_remote=False)
    assert resolve(text, allow_remote=True) == (text, True)


@pytest.mark.parametrize("text", ["", "50051", ":50051", "localhost", "localhost:", "localhost:http", "a:0", "a:65536"])
def test_what_is_not_host_and_port_is_wrong_usage(text: str) -> None:
    with pytest.raises(UsageError, match="host:port"):
        resolve(text, allow_remote=True)


def test_a_name_that_no_host_has_is_said(free_port: int) -> None:
    with pytest.raises(UnreachableError, match="no such host"):
        resolve(f"no-such-host.invalid:{free_port}", allow_remote=True)


def test_a_port_where_nobody_listens_is_said(free_port: int) -> None:
    address = f"127.0.0.1:{free_port}"
    with pytest.raises(UnreachableError, match="is the server running"):
        fetch(address, "key")
    with pytest.raises(UnreachableError, match="is the server running"):
        bare(address, key="", allow_remote=False)
    assert not Target("x", address, "", {}, list).answers()


def test_the_process_behind_a_port_is_found(stranger: tuple[int, int], free_port: int) -> None:
    pid, port = stranger
    assert listening(f"127.0.0.1:{port}") == [pid]
    assert Target("x", f"127.0.0.1:{port}", "", {}, list).answers()
    assert listening(f"127.0.0.1:{free_port}") == []


def test_a_key_comes_from_its_file_or_the_environment(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("# ours\n\n the-first-key \nthe-second-key\n")
    assert read_key(file, {"API_KEY": "another"}) == "the-first-key"
    assert read_key(None, {"API_KEY": "another", "API_KEY_FILE": str(file)}) == "another"
    assert read_key(None, {"API_KEY_FILE": str(file)}) == "the-first-key"
    assert read_key(None, {}) == ""


def test_a_key_file_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    (tmp_path / "empty").write_text("# nothing\n")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    for name, message in (("absent", "cannot read"), ("empty", "holds no key"), ("bytes", "not text")):
        with pytest.raises(KeyRefusedError, match=message) as raised:
            read_key(tmp_path / name, {})
        assert str(tmp_path / name) in str(raised.value)
