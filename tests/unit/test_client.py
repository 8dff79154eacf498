"""The client against a real gRPC server: replies, the status table, retries, timeouts, limits, integrity."""

from __future__ import annotations

import hashlib
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import grpc
import pytest

from appliance.client import (
    BadInterface,
    Client,
    ClientError,
    Command,
    CommandNotFound,
    DeadlineExceeded,
    IntegrityError,
    InvalidKey,
    InvalidRequest,
    LimitExceeded,
    NotImplementedByServer,
    ServerFault,
    Unavailable,
    Version,
)
from appliance.client.connection import BACKOFF_FIRST_S, BACKOFF_MAX_S, _pause_s
from appliance.errors import SecretError, UsageError
from tests.unit.definition_server import DIGEST, KEY, SIGNING_KEY, Engine, serving
from tests.waiting import wait_until

COMMANDS = {"addVar": "x = 1\n", "if": "y = 'ñ'\n", "naïve name": ""}


@pytest.fixture
def engine() -> Engine:
    return Engine(dict(COMMANDS))


@pytest.fixture
def address(engine: Engine) -> Iterator[str]:
    with serving(engine) as address:
        yield address


@pytest.fixture
def client(address: str) -> Iterator[Client]:
    with Client(address, KEY) as client:
        yield client


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize("wire", ["standard", "lite"])
def test_a_command_comes_as_the_server_holds_it_in_both_wire_forms(engine: Engine, address: str, wire: str) -> None:
    engine.wire = wire
    with Client(address, KEY, wire="lite" if wire == "lite" else "standard") as client:
        for name, code in COMMANDS.items():
            command = client.get(name)
            assert (command.name, command.code, command.type) == (name, code, "function")
            assert command.hash == hashlib.sha256(code.encode()).hexdigest()
            assert command.interface == [{"item": "a", "type": "var"}]
            assert bool(command.package) == (wire == "lite")


@pytest.mark.parametrize("wire", ["standard", "lite"])
def test_sync_gives_a_mapping_in_load_order_equal_to_single_gets(engine: Engine, address: str, wire: str) -> None:
    engine.wire = wire
    with Client(address, KEY, wire="lite" if wire == "lite" else "standard") as client:
        catalog = client.sync()
        assert list(catalog) == list(COMMANDS)
        assert len(catalog) == 3
        assert "absent" not in catalog
        assert all(catalog[name] == client.get(name) for name in catalog)
        assert catalog.version == Version(1, DIGEST)


def test_a_catalogue_far_over_grpcios_default_limit_arrives_whole(engine: Engine, client: Client) -> None:
    engine.commands = {f"command {number}": "z" * 100_000 for number in range(120)}
    catalog = client.sync()
    assert sum(len(command.code) for command in catalog.values()) == 12_000_000


@pytest.mark.parametrize(
    ("status", "kind", "exit_code"),
    [
        (grpc.StatusCode.INVALID_ARGUMENT, InvalidRequest, 2),
        (grpc.StatusCode.UNAUTHENTICATED, InvalidKey, 77),
        (grpc.StatusCode.NOT_FOUND, CommandNotFound, 1),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, LimitExceeded, 70),
        (grpc.StatusCode.INTERNAL, ServerFault, 70),
        (grpc.StatusCode.UNIMPLEMENTED, NotImplementedByServer, 69),
        (grpc.StatusCode.DEADLINE_EXCEEDED, DeadlineExceeded, 69),
        (grpc.StatusCode.UNAVAILABLE, Unavailable, 69),
        (grpc.StatusCode.DATA_LOSS, ClientError, 70),
    ],
)
def test_each_status_is_its_own_error_and_only_unavailable_is_tried_again(
    engine: Engine, client: Client, status: grpc.StatusCode, kind: type[ClientError], exit_code: int
) -> None:
    engine.fail = [status] * 10
    with pytest.raises(kind) as caught:
        client.get("addVar")
    assert type(caught.value) is kind
    assert caught.value.status is status
    assert caught.value.exit_code == exit_code
    assert caught.value.version == Version(1, DIGEST)
    assert "on purpose" in str(caught.value)
    assert engine.calls == (4 if status is grpc.StatusCode.UNAVAILABLE else 1)


def test_an_unknown_command_is_said_in_the_servers_words(client: Client) -> None:
    with pytest.raises(CommandNotFound, match=r"^Command 'nope' not found$"):
        client.get("nope")


def test_a_wrong_key_and_no_key_are_told_apart_and_the_key_is_not_shown(address: str) -> None:
    with Client(address, "wrong-key") as client, pytest.raises(InvalidKey, match="refused the key") as caught:
        client.get("addVar")
    assert "wrong-key" not in str(caught.value)
    with Client(address, "") as client, pytest.raises(InvalidKey, match="none was sent; set API_KEY"):
        client.get("addVar")


def test_the_key_comes_from_the_environment_unless_given(
    engine: Engine, address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "keys"
    file.write_text(f"# newest first\n{KEY}\nolder\n")
    monkeypatch.delenv("API_KEY", raising=False)
    monkeypatch.setenv("API_KEY_FILE", str(file))
    with Client(address) as client:
        client.get("addVar")
    monkeypatch.setenv("API_KEY", "of-environment")
    with Client(address) as client, pytest.raises(InvalidKey):
        client.get("addVar")
    assert engine.keys_seen == [KEY, "of-environment"]


@pytest.mark.parametrize("key", ["two words", "new\nline", "ü", "x" * 1025])
def test_a_key_that_cannot_travel_is_refused_before_anything_is_sent(key: str) -> None:
    with pytest.raises(SecretError) as caught:
        Client("127.0.0.1:1", key)
    assert key not in str(caught.value)


@pytest.mark.parametrize("name", ["", "x" * 257, "ñ" * 129, "\ud800"])
def test_a_name_that_no_command_can_have_is_not_sent(engine: Engine, client: Client, name: str) -> None:
    with pytest.raises(InvalidRequest):
        client.get(name)
    assert engine.calls == 0


def test_a_failure_that_passes_is_not_seen(engine: Engine, client: Client) -> None:
    engine.fail = [grpc.StatusCode.UNAVAILABLE] * 3
    assert client.get("addVar").code == "x = 1\n"
    assert engine.calls == 4


def test_retries_end_with_the_timeout(engine: Engine, address: str) -> None:
    engine.fail = [grpc.StatusCode.UNAVAILABLE] * 1000
    with Client(address, KEY, retries=1000, timeout_s=0.5) as client:
        started = time.monotonic()
        with pytest.raises(Unavailable):
            client.get("addVar")
        assert time.monotonic() - started < 5  # of 1000 tries with pauses it made a few


def test_pauses_between_tries_grow_spread_and_are_bounded() -> None:
    for number in range(12):
        pauses = {_pause_s(number) for _ in range(50)}
        assert len(pauses) > 10
        assert min(pauses) >= BACKOFF_FIRST_S
        assert max(pauses) <= min(BACKOFF_MAX_S, BACKOFF_FIRST_S * 2 ** (number + 1))


def test_a_server_that_does_not_answer_ends_in_deadline_exceeded_and_is_not_tried_again(
    engine: Engine, address: str
) -> None:
    release = threading.Event()
    engine.stall = lambda: release.wait(30)
    try:
        with Client(address, KEY, timeout_s=0.2) as client:
            with pytest.raises(DeadlineExceeded, match=r"0\.2 s"):
                client.get("addVar")
            with pytest.raises(DeadlineExceeded, match=r"0\.1 s"):
                client.sync(timeout_s=0.1)
        assert engine.calls == 2
    finally:
        release.set()


def test_nobody_at_the_target_is_unavailable_with_the_target_named() -> None:
    target = f"127.0.0.1:{free_port()}"
    with Client(target, KEY, timeout_s=1, retries=1) as client, pytest.raises(Unavailable, match=target):
        client.get("addVar")


def test_a_client_finds_a_restarted_server_again_by_itself(engine: Engine) -> None:
    port = free_port()
    with Client(f"127.0.0.1:{port}", KEY, retries=50, timeout_s=20) as client:
        with serving(engine, f"127.0.0.1:{port}"):
            client.get("addVar")
        with serving(engine, f"127.0.0.1:{port}"):
            assert client.get("addVar").code == "x = 1\n"


def test_the_version_follows_each_reply_also_errors(engine: Engine, client: Client) -> None:
    assert client.version is None
    assert client.get("addVar").version == Version(1, DIGEST)
    engine.generation = 2
    with pytest.raises(CommandNotFound):
        client.get("nope")
    assert client.version == Version(2, DIGEST)
    assert str(client.version) == f"2-{DIGEST}"
    assert Version(2, DIGEST) > Version(1, DIGEST)
    assert Version.parse("nonsense") is None
    assert Version.parse("-1-ab") is None


def test_health_needs_no_key_and_knows_both_services(engine: Engine, address: str) -> None:
    with Client(address, "") as client:
        assert client.health() == "SERVING"
        assert client.health("avap.DefinitionEngine") == "SERVING"
        assert client.health("other") == "SERVICE_UNKNOWN"
        engine.hydrated = False
        assert client.health() == "NOT_SERVING"
    assert engine.keys_seen == []


def test_before_the_first_hydration_a_call_is_unavailable(engine: Engine, address: str) -> None:
    engine.hydrated = False
    with Client(address, KEY, retries=0) as client, pytest.raises(Unavailable, match="nothing hydrated yet"):
        client.get("addVar")


def test_a_reply_that_does_not_match_its_hash_is_refused_unless_checking_is_off(engine: Engine, address: str) -> None:
    engine.wrong_hash = "v-enterprise"
    with Client(address, KEY) as client:
        for call in (lambda: client.get("addVar"), client.sync):
            with pytest.raises(IntegrityError, match="'addVar' does not match its hash"):
                call()
    with Client(address, KEY, verify_hash=False) as client:
        assert client.get("addVar").hash == "v-enterprise"


@pytest.mark.parametrize(("ours", "theirs"), [("standard", "lite"), ("lite", "standard")])
def test_the_wrong_wire_form_is_an_error_that_says_so(engine: Engine, address: str, ours: str, theirs: str) -> None:
    engine.wire = theirs
    with (
        Client(address, KEY, wire="lite" if ours == "lite" else "standard") as client,
        pytest.raises((IntegrityError, ServerFault), match="wire"),
    ):
        client.get("addVar")


@pytest.mark.parametrize("wire", ["standard", "lite"])
def test_signatures_are_checked_when_keys_are_given(engine: Engine, address: str, wire: str) -> None:
    engine.wire, engine.signed = wire, True
    form = "lite" if wire == "lite" else "standard"
    with Client(address, KEY, wire=form, signing_keys=[b"other", SIGNING_KEY]) as client:  # type: ignore[arg-type]
        assert client.get("addVar").code == "x = 1\n"
        assert len(client.sync()) == 3
        engine.tampered = True
        with pytest.raises(IntegrityError, match="not signed"):
            client.get("addVar")
    with Client(address, KEY, wire=form, signing_keys=[b"other"]) as client:  # type: ignore[arg-type]
        engine.tampered = False
        with pytest.raises(IntegrityError, match="not signed"):
            client.get("addVar")


def test_an_unsigned_command_is_refused_when_a_signature_is_wanted(client: Client, address: str) -> None:
    with Client(address, KEY, signing_keys=[SIGNING_KEY]) as strict, pytest.raises(IntegrityError):
        strict.get("addVar")


def test_a_lite_catalogue_that_lost_commands_is_refused(engine: Engine, address: str) -> None:
    engine.wire, engine.tampered = "lite", True
    with Client(address, KEY, wire="lite", verify_hash=False) as client, pytest.raises(IntegrityError, match="names 4"):
        client.sync()


def test_one_client_serves_many_threads(engine: Engine, client: Client) -> None:
    def one(number: int) -> str:
        if number % 3 == 0:
            return client.sync()["addVar"].code
        if number % 7 == 0:
            with pytest.raises(CommandNotFound):
                client.get("nope")
        return client.get("addVar").code

    with ThreadPoolExecutor(16) as pool:
        assert set(pool.map(one, range(300))) == {"x = 1\n"}


def test_a_unix_socket_is_a_target_too(engine: Engine, tmp_path: Path) -> None:
    with serving(engine, f"unix:{tmp_path}/s") as address, Client(address, KEY) as client:
        assert client.get("addVar").name == "addVar"


def test_close_may_be_called_twice_and_ends_waiting_calls(engine: Engine, address: str) -> None:
    client = Client(address, KEY, retries=100, timeout_s=60)
    engine.fail = [grpc.StatusCode.UNAVAILABLE] * 1000
    failed: list[BaseException] = []

    def call() -> None:
        try:
            client.get("addVar")
        except BaseException as error:
            failed.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    wait_until(lambda: engine.calls, 10, "a first try")
    client.close()
    client.close()
    caller.join(10)
    assert [isinstance(error, ClientError) for error in failed] == [True]
    with pytest.raises(Unavailable, match="closed"):
        client.get("addVar")


@pytest.mark.parametrize(
    ("given", "used"),
    [
        ("host", "host:50051"), ("host:1", "host:1"), ("[::1]", "[::1]:50051"), ("[::1]:7", "[::1]:7"),
        ("::1", "[::1]:50051"), ("unix:/a/b", "unix:/a/b"), ("dns:///h:1", "dns:///h:1"),
    ],
)  # fmt: skip
def test_targets_are_completed(given: str, used: str) -> None:
    with Client(given, "") as client:
        assert client.target == used


@pytest.mark.parametrize("target", ["", "host:", "host:x", "host:0", "host:65536", "http://host:1"])
def test_targets_that_cannot_be_are_refused(target: str) -> None:
    with pytest.raises(UsageError):
        Client(target, "")


@pytest.mark.parametrize("text", ["{", "3", '["x"]'])
def test_an_interface_that_is_not_a_list_of_objects_is_an_error_only_when_asked_for(text: str) -> None:
    command = Command("x", "function", text, "", "")
    with pytest.raises(BadInterface, match="'x'"):
        _ = command.interface
