"""The supervisor ends, kindly or not: nothing stays behind, and a restart serves at once."""

from __future__ import annotations

import os
import signal
import socket
from pathlib import Path

import grpc
import pytest

from tests.appliance.catalog import write_version
from tests.appliance.frames import RawConnection
from tests.appliance.load import SYNC, get_raw, open_channel
from tests.appliance.process import KEY, Appliance, serving
from tests.waiting import wait_until

GONE_WITHIN_S = 10


def port_is_free(address: str) -> bool:
    """Whether nobody listens on a loopback address any more."""
    host, port = address.split(":")
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, int(port)))
        except OSError:
            return False
        return True


def all_processes(appliance: Appliance) -> list[int]:
    """Every process of the appliance; its session is its own."""
    return appliance.processes()


def assert_nothing_left(appliance: Appliance, address: str) -> None:
    """No process, no shared memory, no listening socket."""
    wait_until(lambda: not all_processes(appliance), GONE_WITHIN_S, "every process to be gone")
    wait_until(lambda: not appliance.shared_memory(), GONE_WITHIN_S, "shared memory to be unlinked")
    assert port_is_free(address)


def test_a_killed_supervisor_leaves_nothing_and_a_restart_serves_at_once(tmp_path: Path) -> None:
    environ = {"AVAP_GRPC_WORKERS": "2"}
    with Appliance(tmp_path / "state", environ).wait_ready() as appliance:
        with open_channel(appliance.grpc_address) as channel:
            good, version = get_raw(channel, "addVar")
        address = appliance.grpc_address
        appliance.signal(signal.SIGKILL)
        assert appliance.wait() == -signal.SIGKILL
        assert_nothing_left(appliance, address)
    with serving(tmp_path / "state", {**environ, "PORT": address.split(":")[1]}) as appliance:
        with open_channel(appliance.grpc_address) as channel:
            again, later = get_raw(channel, "addVar")
        assert again == good
        assert int(later.split("-")[0]) > int(version.split("-")[0])


def test_everything_killed_at_once_is_tidied_by_the_next_start(tmp_path: Path) -> None:
    with Appliance(tmp_path / "state").wait_ready() as appliance:
        address = appliance.grpc_address
        for pid in all_processes(appliance):
            os.kill(pid, signal.SIGKILL)
        appliance.wait()
        wait_until(lambda: not all_processes(appliance), GONE_WITHIN_S, "every process to be gone")
        assert port_is_free(address)
        left = appliance.shared_memory()
        assert left, "the resource tracker died too, so names must have been left for this test to mean anything"
    with serving(tmp_path / "state") as appliance:
        assert set(appliance.logged("Leftovers Removed")[0]["names"]) == set(left)
        assert not set(left) & set(appliance.shared_memory()) - {name for name in left if not name[-1].isdigit()}


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_drains_and_leaves_nothing(tmp_path: Path, signum: signal.Signals) -> None:
    with Appliance(tmp_path / "state", {"AVAP_GRPC_WORKERS": "2"}).wait_ready() as appliance:
        address = appliance.grpc_address
        with open_channel(address) as channel:
            get_raw(channel, "addVar")
            appliance.signal(signum)
            assert appliance.wait() == 0
        assert_nothing_left(appliance, address)
        assert appliance.logged("Stopped")
        assert not (tmp_path / "state" / "admin.sock").exists()


def test_ctrl_c_at_a_terminal_reaches_the_whole_group_and_still_drains(tmp_path: Path) -> None:
    with Appliance(tmp_path / "state", {"AVAP_GRPC_WORKERS": "2"}).wait_ready() as appliance:
        address = appliance.grpc_address
        os.killpg(appliance.process.pid, signal.SIGINT)
        assert appliance.wait() == 0
        assert not appliance.logged("Worker Died")
        assert_nothing_left(appliance, address)


@pytest.mark.parametrize(("signum", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_ends_it_at_once(tmp_path: Path, signum: signal.Signals, code: int) -> None:
    environ = {"AVAP_DRAIN_GRACE_S": "20", "AVAP_DRAIN_TIMEOUT_S": "60"}
    with Appliance(tmp_path / "state", environ).wait_ready() as appliance:
        address = appliance.grpc_address
        appliance.signal(signum)
        appliance.wait_logged("Draining")
        appliance.signal(signum)
        assert appliance.wait() == code
        assert_nothing_left(appliance, address)


def test_draining_finishes_a_large_reply_and_refuses_nobody_before(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    folder.mkdir()
    write_version(folder, 1, [f"command{number}" for number in range(400)], padding=20_000)
    environ = {"AVAP_CATALOG_DIR": str(folder), "AVAP_DRAIN_TIMEOUT_S": "20", "AVAP_DRAIN_GRACE_S": "1"}
    with Appliance(tmp_path / "state", environ).wait_ready() as appliance:
        reader = RawConnection(appliance.grpc_address)
        stream = reader.request(SYNC, KEY)
        reader.wait_headers()
        appliance.signal(signal.SIGTERM)
        appliance.wait_logged("Draining")
        with open_channel(appliance.grpc_address) as channel:  # within the grace new connections are still served
            get_raw(channel, "addVar")
        fields, body = reader.reply(stream)
        reader.close()
        assert fields["grpc-status"] == "0"
        assert len(body) > 400 * 20_000
        assert appliance.wait() == 0


def test_health_turns_to_not_serving_while_draining(tmp_path: Path) -> None:
    from appliance.pb import health_pb2

    environ = {"AVAP_DRAIN_GRACE_S": "3"}
    with (
        Appliance(tmp_path / "state", environ).wait_ready() as appliance,
        open_channel(appliance.grpc_address) as channel,
    ):
        watch = channel.unary_stream(
            "/grpc.health.v1.Health/Watch",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )(health_pb2.HealthCheckRequest(), timeout=20)
        assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
        appliance.signal(signal.SIGTERM)
        assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
        get_raw(channel, "addVar")
        watch.cancel()
        channel.close()
        assert appliance.wait() == 0


def test_a_hangup_rotates_keys_and_closes_no_connection(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("old-key-0001\n")
    environ = {"API_KEY": "", "API_KEY_FILE": str(keys)}
    with serving(tmp_path / "state", environ) as appliance, RawConnectionOf(appliance) as connection:
        assert connection.call(GET, "old-key-0001", ADD_VAR)[0]["grpc-status"] == "0"
        keys.write_text("new-key-0002\n")
        appliance.signal(signal.SIGHUP)
        appliance.wait_logged("Configuration Reloaded")
        wait_until(
            lambda: connection.call(GET, "new-key-0002", ADD_VAR)[0]["grpc-status"] == "0", 5, "the new key to be taken"
        )
        fields, _ = connection.call(GET, "old-key-0001", ADD_VAR)
        assert (fields["grpc-status"], fields["grpc-message"]) == ("16", "Invalid Credentials")
        keys.write_text("")
        appliance.signal(signal.SIGHUP)
        appliance.wait_logged("Reload Refused")
        assert connection.call(GET, "new-key-0002", ADD_VAR)[0]["grpc-status"] == "0"


GET = "/avap.DefinitionEngine/GetCommand"
ADD_VAR = b"\x0a\x06addVar"


class RawConnectionOf(RawConnection):
    """A raw connection to an appliance, closed at the end of a block."""

    def __init__(self, appliance: Appliance) -> None:
        super().__init__(appliance.grpc_address)

    def __enter__(self) -> RawConnectionOf:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def test_usr2_dumps_the_state_to_the_log_without_a_key(tmp_path: Path) -> None:
    with serving(tmp_path / "state") as appliance:
        appliance.signal(signal.SIGUSR2)
        state = appliance.wait_logged("State")
        assert state["catalog"]["commands"] == "30"
        assert KEY not in appliance.text_log()


def test_clients_of_a_killed_supervisor_get_an_error_and_no_silence(tmp_path: Path) -> None:
    with Appliance(tmp_path / "state").wait_ready() as appliance, open_channel(appliance.grpc_address) as channel:
        get_raw(channel, "addVar")
        appliance.signal(signal.SIGKILL)
        appliance.wait()
        wait_until(lambda: not all_processes(appliance), GONE_WITHIN_S, "every process to be gone")
        with pytest.raises(grpc.RpcError) as caught:
            get_raw(channel, "addVar", timeout=2)
        assert caught.value.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
