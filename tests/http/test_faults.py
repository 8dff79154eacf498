"""Workers die, drain and go over to other versions while scripts run: who notices, and what is still true."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import socket
import threading
from pathlib import Path

from appliance.pb import admin_pb2
from tests.appliance.process import Appliance, clean_environ, serving
from tests.http.client import Reply, bare, connected, get, post, read_to_end, send, statuses
from tests.http.conftest import HTTP
from tests.waiting import wait_until, wait_until_grown

ENDLESS = {"script": "startLoop(i, 0, 100000000)\n  x = i\nendLoop()"}


def http_worker(appliance: Appliance, slot: int = 0) -> admin_pb2.WorkerStatus:
    """The status of an HTTP worker."""
    return next(one for one in appliance.status().workers if one.role == "http" and one.slot == slot)


RETRY_S = 0.01
"""Between two attempts of a caller to connect while nobody listens; its end is not waited for."""


class Callers:
    """Threads that run a script again and again over kept connections, each with a number of its own."""

    def __init__(self, address: str, count: int) -> None:
        self._address = address
        self._count = count
        self.calls = 0
        self.lost = 0
        """Connections that ended without an answer."""
        self.wrong: list[str] = []
        self.versions: list[int] = []
        """Highest generation that was seen by each, and whether any went back is in `wrong`."""

    def __enter__(self) -> Callers:
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._run, args=(number,)) for number in range(self._count)]
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(60)

    def _run(self, number: int) -> None:
        token = 0
        while not self._stop.is_set():
            generation = 0
            try:
                with connected(self._address) as connection:
                    while not self._stop.is_set():
                        token += 1
                        body = f'{{"script": "addResult(t)", "variables": {{"t": "{number}-{token}"}}}}'
                        reply = send(connection, "POST", "/api/v1/execute", body.encode())
                        generation = self._judge(reply, f"{number}-{token}", generation)
                        if reply.headers.get("connection") == "close":
                            break
            except (OSError, http.client.HTTPException):
                self.lost += 1
                self._stop.wait(RETRY_S)

    def _judge(self, reply: Reply, token: str, before: int) -> int:
        generation = int(reply.headers["x-catalog-version"].split("-")[0])
        if reply.status == 503:
            return generation
        if reply.status != 200 or reply.json()["result"] != {"t": token}:
            self.wrong.append(f"{reply.status} {reply.body!r} for {token}")
        if generation < before:
            self.wrong.append(f"generation {generation} after {before}")
        self.calls += 1
        return generation


def test_killed_workers_cost_only_the_connections_that_they_had(tmp_path: Path) -> None:
    environ = {**HTTP, "AVAP_HTTP_WORKERS": "2", "AVAP_WORKER_BACKOFF_MAX_S": "0.5"}
    with serving(tmp_path / "state", environ) as appliance:
        allowed = 0
        totals = []
        with Callers(appliance.http_address, 6) as callers:
            for number in range(8):
                wait_until_grown(lambda: callers.calls, 20, "scripts to run again")
                worker = http_worker(appliance, number % 2)
                allowed += worker.connections + 1
                os.kill(worker.pid, signal.SIGKILL)

                def refilled(slot: int = number % 2, dead: int = worker.pid) -> bool:
                    now = http_worker(appliance, slot)
                    return now.state == "serving" and now.pid not in (0, dead)

                wait_until(refilled, 20, "a new worker")
                metrics = appliance.metrics()
                totals.append(sum(v for k, v in metrics.items() if k.startswith("avap_http_requests_total")))
        assert callers.wrong == []
        assert callers.lost <= allowed
        assert totals == sorted(totals), "totals went back"
        died = appliance.logged("Worker Died")
        assert {line["worker_role"] for line in died} == {"http"}
        assert get(appliance.http_address, "/metrics").status == 200


def test_new_connections_are_answered_while_a_slot_is_vacant(tmp_path: Path) -> None:
    with serving(tmp_path / "state", {**HTTP, "AVAP_HTTP_WORKERS": "2"}) as appliance:
        for _ in range(5):
            os.kill(http_worker(appliance).pid, signal.SIGKILL)
            for _ in range(20):
                # A connection may have been accepted by the worker that was killed just then.
                with contextlib.suppress(OSError, http.client.HTTPException):
                    assert get(appliance.http_address, "/health").status == 200
            wait_until(lambda: http_worker(appliance).state == "serving", 20, "the slot to be filled")
        assert appliance.logged("Slot Adopted")


def test_versions_change_under_running_scripts(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    folder.mkdir()

    def write(number: int) -> None:
        (folder / "which.py").write_text(
            f'# /// command\n# interface = [{{ item = "t", type = "var" }}]\n# ///\n'
            f'self.conector.variables[task["properties"]["t"]] = {number}\n'
        )

    write(0)
    with serving(tmp_path / "state", {**HTTP, "AVAP_CATALOG_DIR": str(folder)}) as appliance:
        assert post(appliance.http_address, "/api/v1/execute", {"script": "which(x)\naddResult(x)"}).json()[
            "result"
        ] == {"x": 0}
        with Callers(appliance.http_address, 4) as callers:
            for number in range(1, 8):
                write(number)
                assert appliance.reload().outcome == "announced"
                script = {"script": "which(x)\naddResult(x)"}

                def changed(number: int = number, script: dict[str, str] = script) -> bool:
                    reply = post(appliance.http_address, "/api/v1/execute", script)
                    return bool(reply.json()["result"] == {"x": number})

                wait_until(changed, 10, "the edited definition to be the one that runs")
        assert callers.calls > 0
        assert callers.wrong == []
        assert callers.lost == 0


def test_a_drain_answers_what_runs_and_says_close(tmp_path: Path) -> None:
    environ = {**HTTP, "AVAP_DRAIN_GRACE_S": "0.5"}
    with serving(tmp_path / "state", environ) as appliance:
        with connected(appliance.http_address) as kept, bare(appliance.http_address) as running:
            assert send(kept, "GET", "/ready").status == 200
            body = b'{"script": "startLoop(i, 0, 100000000)\\nx = i\\nendLoop()"}'
            running.sendall(
                b"POST /api/v1/execute HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            wait_until(lambda: appliance.metrics()["avap_scripts_running"] == 1, 5, "the script to run")
            appliance.signal(signal.SIGTERM)
            appliance.wait_logged("Draining")

            def told() -> bool:
                reply = send(kept, "GET", "/ready")
                assert reply.status in (200, 503)
                return reply.status == 503 and reply.headers["connection"] == "close"

            wait_until(told, 5, "the worker to say that it goes")
            answer = read_to_end(running)
        assert statuses(answer) == [504]
        assert b"connection: close" in answer
        assert appliance.wait() == 0


def test_a_script_that_ends_during_the_drain_is_answered_whole(tmp_path: Path) -> None:
    environ = {**HTTP, "AVAP_DRAIN_GRACE_S": "0.1", "AVAP_VM_TIMEOUT_MS": "60000", "AVAP_DRAIN_TIMEOUT_S": "60"}
    with serving(tmp_path / "state", environ) as appliance:
        with bare(appliance.http_address) as running:
            body = b'{"script": "startLoop(i, 1, 15000000)\\nx = i\\nendLoop()\\naddResult(x)"}'
            running.sendall(
                b"POST /api/v1/execute HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
            )
            wait_until(lambda: appliance.metrics()["avap_scripts_running"] == 1, 5, "the script to run")
            appliance.signal(signal.SIGTERM)
            appliance.wait_logged("Drain Started", 2)
            running.settimeout(60)
            answer = read_to_end(running)
        assert statuses(answer) == [200]
        assert b'"result": {"x": 15000000}' in answer
        assert appliance.wait() == 0


def test_an_http_port_that_is_taken_is_said_with_its_setting(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        environ = {**HTTP, "AVAP_HTTP_PORT": str(taken.getsockname()[1])}
        with Appliance(tmp_path / "state", environ) as appliance:
            assert appliance.wait() == 69
            assert "AVAP_HTTP_PORT" in appliance.text_log() + appliance.stdout.decode()


def test_an_address_that_others_reach_wants_a_key(tmp_path: Path) -> None:
    environ = clean_environ(tmp_path / "state", {**HTTP, "AVAP_BIND": "0.0.0.0"})
    del environ["API_KEY"]
    with Appliance(tmp_path / "state", {**environ, "API_KEY": ""}) as appliance:
        assert appliance.wait() == 78
        assert "AVAP_HTTP_AUTH=off" in appliance.text_log()
    with serving(tmp_path / "state", {**HTTP, "AVAP_BIND": "0.0.0.0"}) as open_to_all:
        address = open_to_all.http_address.replace("0.0.0.0", "127.0.0.1")
        assert post(address, "/api/v1/execute", {"script": "x = 1"}).status == 401
        key = {"x-avap-auth": open_to_all.environ["API_KEY"]}
        assert post(address, "/api/v1/execute", {"script": "x = 1"}, key).status == 200


def test_a_stopped_worker_is_replaced(tmp_path: Path) -> None:
    with serving(tmp_path / "state", {**HTTP, "AVAP_WORKER_HEARTBEAT_TIMEOUT_S": "1"}) as appliance:
        pid = http_worker(appliance).pid
        os.kill(pid, signal.SIGSTOP)
        wait_until(lambda: http_worker(appliance).pid not in (0, pid), 20, "another worker")
        wait_until(lambda: http_worker(appliance).state == "serving", 20, "it to serve")
        assert get(appliance.http_address, "/health").status == 200
