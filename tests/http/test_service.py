"""What the HTTP service answers when all is well: health, metrics, the catalogue, and the headers of every answer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.appliance.catalog import embedded_names, write_version
from tests.appliance.load import get_raw, open_channel
from tests.appliance.process import KEY, Appliance, serving
from tests.http.client import call, connected, get, send
from tests.http.conftest import HTTP
from tests.waiting import wait_until


def test_health_is_the_predecessors(appliance: Appliance) -> None:
    reply = get(appliance.http_address, "/health")
    assert reply.status == 200
    assert reply.json() == {"status": "healthy", "service": "avap-server", "version": appliance.status().version}
    moved = get(appliance.http_address, "/")
    assert (moved.status, moved.headers["location"]) == (301, "/health")


def test_ready_names_what_is_served(appliance: Appliance) -> None:
    reply = get(appliance.http_address, "/ready")
    catalog = appliance.status().catalog
    assert (reply.status, reply.json()) == (
        200,
        {"status": "ready", "generation": catalog.generation, "commands": catalog.commands},
    )


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/health", 200),
        ("GET", "/nothing", 404),
        ("PUT", "/health", 405),
        ("GET", "/api/v1/commands?limit=x", 400),
    ],
)
def test_every_answer_is_json_with_the_same_headers(appliance: Appliance, method: str, path: str, status: int) -> None:
    reply = call(appliance.http_address, method, path)
    catalog = appliance.status().catalog
    assert reply.status == status
    assert reply.headers["content-type"] == "application/json; charset=UTF-8"
    assert reply.headers["x-catalog-version"] == f"{catalog.generation}-{catalog.digest}"
    assert reply.headers["x-content-type-options"] == "nosniff"
    assert reply.headers["cache-control"] == "no-store"
    assert len(reply.headers["x-request-id"]) == 28
    reply.json()


def test_a_request_keeps_its_id_if_it_has_a_plain_one(appliance: Appliance) -> None:
    def echoed(request_id: str) -> str:
        return get(appliance.http_address, "/health", {"X-Request-Id": request_id}).headers["x-request-id"]

    assert echoed("req-7.a:b/c") == "req-7.a:b/c"
    for odd in ("", "a b", "x" * 129, '"><script>'):
        made = echoed(odd)
        assert made != odd
        assert len(made) == 28
    assert echoed("") != echoed("")


def test_a_wrong_method_names_the_right_ones(appliance: Appliance) -> None:
    for method in ("POST", "DELETE", "OPTIONS", "PATCH", "BREW"):
        reply = call(appliance.http_address, method, "/api/v1/commands")
        assert (reply.status, reply.headers["allow"]) == (405, "GET, HEAD")
        assert reply.json()["code"] == "method_not_allowed"


def test_head_is_get_without_the_body(appliance: Appliance) -> None:
    whole, head = (call(appliance.http_address, method, "/api/v1/commands/addVar") for method in ("GET", "HEAD"))
    assert (head.status, head.body) == (200, b"")
    assert head.headers["content-length"] == str(len(whole.body))
    assert head.headers["etag"] == whole.headers["etag"]


def test_commands_are_listed_in_pages(appliance: Appliance) -> None:
    names: list[str] = []
    path = "/api/v1/commands?limit=7"
    while True:
        page = get(appliance.http_address, path).json()
        assert page["total"] == len(embedded_names())
        assert page["digest"] == appliance.status().catalog.digest
        names += [one["name"] for one in page["commands"]]
        if page["next"] is None:
            break
        path = f"/api/v1/commands?limit=7&after={page['next']}"
    assert names == sorted(embedded_names())
    assert [one["name"] for one in get(appliance.http_address, "/api/v1/commands").json()["commands"]] == names


def test_a_command_is_what_grpc_serves(appliance: Appliance) -> None:
    with open_channel(appliance.grpc_address) as channel:
        raw, _ = get_raw(channel, "addVar")
    reply = get(appliance.http_address, "/api/v1/commands/addVar").json()
    assert reply["name"] == "addVar"
    for field in ("code", "hash", "interface_json"):
        assert reply[field].encode() in raw
    unknown = get(appliance.http_address, "/api/v1/commands/addvar")
    assert (unknown.status, unknown.json()["error"]) == (404, "Command 'addvar' not found")


def test_what_a_client_has_is_not_sent_again(tmp_path: Path) -> None:
    folder = tmp_path / "commands"
    folder.mkdir()
    names = ["one", "two"]
    write_version(folder, 1, names)
    environ = {**HTTP, "AVAP_CATALOG_DIR": str(folder)}
    with serving(tmp_path / "state", environ) as appliance, connected(appliance.http_address) as connection:
        for path in ("/api/v1/commands/one", "/api/v1/commands"):
            first = send(connection, "GET", path)
            again = send(connection, "GET", path, headers={"If-None-Match": first.headers["etag"]})
            assert (first.status, again.status, again.body) == (200, 304, b"")
            assert again.headers["etag"] == first.headers["etag"]
        tag = first.headers["etag"]
        write_version(folder, 2, names)
        assert appliance.reload().outcome == "announced"

        def changed() -> bool:
            return send(connection, "GET", "/api/v1/commands", headers={"If-None-Match": tag}).status == 200

        wait_until(changed, 10, "the new version over the same connection")


def test_metrics_are_those_of_all_workers_and_equal_the_supervisors(appliance: Appliance) -> None:
    with open_channel(appliance.grpc_address) as channel:
        get_raw(channel, "addVar")
    for path in ("/metrics", "/api/v1/metrics"):
        reply = get(appliance.http_address, path)
        assert reply.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
        lines = [line for line in reply.body.decode().splitlines() if not line.startswith("#")]
        ours = {name: float(value) for name, value in (line.rsplit(" ", 1) for line in lines)}
        theirs = appliance.metrics()
        assert ours['avap_requests_total{method="GetCommand",status="200"}'] >= 1
        steady = [name for name in ours if "http" not in name and "connections" not in name]
        assert len(steady) > 100
        # Bounds of buckets are written as 1.0 by one and 1 by the other.
        bucketless = [name for name in steady if "_bucket" not in name]
        assert {name: ours[name] for name in bucketless} == {name: theirs[name] for name in bucketless}


def test_requests_are_counted_by_route_and_status(appliance: Appliance) -> None:
    name = 'avap_http_requests_total{route="command",status="404"}'
    before = appliance.metrics()[name]
    for _ in range(3):
        get(appliance.http_address, "/api/v1/commands/none")
    assert appliance.metrics()[name] == before + 3


def test_keys_are_asked_for_when_they_are_switched_on_and_change_live(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("first-key\n")
    environ = {**HTTP, "AVAP_HTTP_AUTH": "on", "API_KEY": "", "API_KEY_FILE": str(keys)}

    with serving(tmp_path / "state", environ) as appliance:

        def status(path: str, **headers: str) -> int:
            return get(
                appliance.http_address, path, {name.replace("_", "-"): value for name, value in headers.items()}
            ).status

        for path in ("/health", "/ready", "/"):
            assert status(path) in (200, 301)
        for path in ("/metrics", "/api/v1/metrics", "/api/v1/commands", "/api/v1/commands/addVar"):
            assert status(path) == 401
            assert status(path, x_avap_auth="first-keyy") == 401
            assert status(path, x_avap_auth="first-key") == 200
            assert status(path, Authorization="Bearer first-key") == 200
        refused = get(appliance.http_address, "/metrics")
        assert (refused.json()["error"], refused.headers["www-authenticate"]) == ("Invalid Credentials", "Bearer")
        keys.write_text("second-key\n")
        appliance.process.send_signal(1)  # HUP
        wait_until(lambda: status("/metrics", x_avap_auth="second-key") == 200, 10, "the new key")
        assert status("/metrics", x_avap_auth="first-key") == 401


def test_pages_of_other_origins_may_call_only_when_configured(tmp_path: Path, appliance: Appliance) -> None:
    asking = {"Origin": "https://a.example", "Access-Control-Request-Method": "GET"}
    closed = call(appliance.http_address, "OPTIONS", "/api/v1/commands", headers=asking)
    assert closed.status == 405
    assert not any(name.startswith("access-control") for name in closed.headers)
    with serving(tmp_path / "state", {**HTTP, "AVAP_HTTP_CORS_ORIGINS": "https://a.example"}) as other:
        opened = call(other.http_address, "OPTIONS", "/api/v1/commands", headers=asking)
        assert (opened.status, opened.body) == (204, b"")
        assert opened.headers["access-control-allow-origin"] == "https://a.example"
        assert "x-avap-auth" in opened.headers["access-control-allow-headers"]
        read = get(other.http_address, "/health", {"Origin": "https://a.example"})
        assert read.headers["access-control-allow-origin"] == "https://a.example"
        assert read.headers["vary"] == "origin"
        foreign = get(other.http_address, "/health", {"Origin": "https://b.example"})
        assert "access-control-allow-origin" not in foreign.headers


def test_without_workers_there_is_no_http(tmp_path: Path) -> None:
    with serving(tmp_path / "state", {"AVAP_HTTP_WORKERS": "0"}) as appliance:
        assert appliance.ready["http"] == ""
        assert {worker.role for worker in appliance.status().workers} == {"grpc"}


def test_the_key_of_grpc_is_not_asked_for_on_loopback(appliance: Appliance) -> None:
    assert get(appliance.http_address, "/metrics", {"x-avap-auth": KEY}).status == 200
    assert get(appliance.http_address, "/metrics").status == 200
