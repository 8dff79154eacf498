"""Rows of a database made to harm: their version is served, every other command runs, and each says why not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisor import database
from tests.appliance.load import get_raw, open_channel
from tests.appliance.process import Appliance, serving
from tests.http.client import Reply, get, post
from tests.http.conftest import HTTP
from tests.http.test_compilation import GOOD, HOSTILE, PATIENCE_S
from tests.postgres_server import PostgresServer, temporary_database

CONNECT_TIMEOUT_S = 10.0
INTERFACE = '[{"item": "target", "type": "variable"}]'
INSERT = "INSERT INTO obex_dapl_functions (name, code, type, interface) VALUES (%s, %s, 'function', %s)"
NOT_UTF8 = b"x = '\xff\xfe'\n"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


def run(appliance: Appliance, command: str) -> Reply:
    """A script that calls one command, after one that works."""
    script = f"addVar(y, 1)\n{command}(x)\naddResult(x)"
    return post(appliance.http_address, "/api/v1/execute", {"script": script})


def seeded(server: PostgresServer, name: str) -> str:
    """URL of a database with the packaged commands."""
    url = server.url(database=name)
    database.init(url, CONNECT_TIMEOUT_S)
    database.seed(url, CONNECT_TIMEOUT_S)
    return url


def assert_served(appliance: Appliance, *names: str) -> None:
    """These commands are found over gRPC and HTTP, and a packaged and a row's own one run."""
    with open_channel(appliance.grpc_address) as channel:
        for name in names:
            assert get_raw(channel, name)[0]
            assert get(appliance.http_address, f"/api/v1/commands/{name}").status == 200
    assert run(appliance, "mine").json()["result"] == {"x": 1}


def assert_unavailable(appliance: Appliance, name: str, *words: str) -> None:
    """Calling it fails with the reason, the command's name and the place of the call; nothing else does."""
    reply = run(appliance, name)
    found = reply.json()
    assert (reply.status, found["code"]) == (400, "command_unavailable"), reply.body[:300]
    assert (found["command"], found["line"]) == (name, 2)
    assert all(word in found["error"] for word in words), found["error"]


def test_hostile_rows_of_a_database_disturb_nothing_and_are_listed(server: PostgresServer, tmp_path: Path) -> None:
    with temporary_database(server, "hostile_rows", "SQL_ASCII") as name:
        url = seeded(server, name)
        rows = {
            "mine": GOOD,
            "endless": "while True:\n    pass\n",
            "importing": "import subprocess\n",
            **{name: code for name, (code, _) in HOSTILE.items()},
        }
        for command, code in rows.items():
            server.execute(INSERT, [command, code, INTERFACE], database=name)
        server.execute(
            "INSERT INTO obex_dapl_functions (name, code) VALUES ('unreadable', convert_from(%s, 'SQL_ASCII'))",
            [NOT_UTF8],
            database=name,
        )
        with serving(tmp_path / "state", {**HTTP, "DATABASE_URL": url}) as appliance:
            assert appliance.status().catalog.commands == 30 + len(rows)
            broadcast = appliance.wait_logged("Code Broadcasted", timeout_s=PATIENCE_S)
            assert broadcast["quarantined"] == 0
            assert_served(appliance, *rows)
            for command, (_, words) in HOSTILE.items():
                assert_unavailable(appliance, command, words, "line ")
            assert_unavailable(appliance, "unreadable", "code is not UTF-8 (at byte 5)")
            ended = run(appliance, "endless")
            assert (ended.status, ended.json()["code"]) == (504, "deadline_exceeded")
            assert run(appliance, "importing").json()["code"] == "script_error"

            left_out = appliance.wait_logged("Rows Left Out")
            assert [(row["name"], row["reason"]) for row in left_out["rows"]] == [
                ("unreadable", "code is not UTF-8 (at byte 5)")
            ]
            metrics = appliance.metrics()
            assert metrics["avap_catalog_bad_rows"] == 1
            assert metrics['avap_definitions{state="refused"}'] == len(HOSTILE)
            listed = appliance.run_avap("catalog", "check")
            assert listed.returncode == 1
            lines = listed.stdout.splitlines()
            for command in HOSTILE:
                assert [line for line in lines if line.startswith(f"{command}: line ")], command
            assert [line for line in lines if line.startswith("unreadable: row ") and "(at byte 5)" in line]
            found = json.loads(appliance.run_avap("catalog", "check", "--json").stdout)
            assert [row["name"] for row in found["bad_rows_shown"]] == ["unreadable"]

            # Corrected, it is a command like any other, for the same script too.
            server.execute("UPDATE obex_dapl_functions SET code = %s, interface = %s WHERE name = 'unreadable'",
                           [GOOD, INTERFACE], database=name)  # fmt: skip
            assert appliance.reload().outcome == "announced"
            assert_served(appliance, *rows, "unreadable")
            assert run(appliance, "unreadable").json()["result"] == {"x": 1}
            assert not appliance.logged("Worker Died")
            assert not appliance.logged("Compiler Died")


def test_every_byte_of_a_latin1_database_is_text(server: PostgresServer, tmp_path: Path) -> None:
    with temporary_database(server, "latin_rows", "LATIN1") as name:
        url = seeded(server, name)
        every = "".join(map(chr, range(0x80, 0x100)))
        for command, code in {"mine": GOOD, "every": f"{GOOD}y = '{every}'\n"}.items():
            server.execute(INSERT, [command, code, INTERFACE], database=name)
        with serving(tmp_path / "state", {**HTTP, "DATABASE_URL": url}) as appliance:
            assert appliance.status().catalog.bad_rows == 0
            assert_served(appliance, "mine", "every")
            assert run(appliance, "every").json()["result"] == {"x": 1}
            with open_channel(appliance.grpc_address) as channel:
                assert every.encode() in get_raw(channel, "every")[0]


def test_a_byte_that_is_no_character_of_win1252_costs_its_row_only(server: PostgresServer, tmp_path: Path) -> None:
    """PostgreSQL stores it and cannot translate it: it would end the whole read."""
    with temporary_database(server, "windows_rows", "WIN1252") as name:
        url = seeded(server, name)
        for command, code in {"mine": GOOD, "euro": f"{GOOD}y = '\u20ac'\n"}.items():
            server.execute(INSERT, [command, code, INTERFACE], database=name)
        server.execute(
            "INSERT INTO obex_dapl_functions (name, code) VALUES ('broken', 'x = 1' || chr(129))", database=name
        )
        with serving(tmp_path / "state", {**HTTP, "DATABASE_URL": url}) as appliance:
            catalog = appliance.status().catalog
            assert (catalog.commands, catalog.bad_rows) == (32, 1)
            assert_served(appliance, "mine", "euro")
            with open_channel(appliance.grpc_address) as channel:
                assert "'\u20ac'".encode() in get_raw(channel, "euro")[0]
            reason = "code has a byte that is no character of WIN1252 (0x81 at byte 5)"
            assert_unavailable(appliance, "broken", reason)
            (left_out,) = appliance.wait_logged("Rows Left Out")["rows"]
            assert (left_out["name"], left_out["reason"]) == ("broken", reason)
            listed = appliance.run_avap("catalog", "check").stdout.splitlines()
            assert f"broken: row {left_out['id']} is left out: {reason}" in listed

            server.execute(
                "UPDATE obex_dapl_functions SET code = %s, interface = %s WHERE name = 'broken'",
                [GOOD, INTERFACE],
                database=name,
            )
            assert appliance.reload().outcome == "announced"
            assert run(appliance, "broken").json()["result"] == {"x": 1}


def test_code_in_bytea_is_served_and_refused_row_by_row(server: PostgresServer, tmp_path: Path) -> None:
    with temporary_database(server, "bytea_rows") as name:
        server.execute(
            "CREATE TABLE obex_dapl_functions "
            "(id serial PRIMARY KEY, name text, code bytea, type text, interface text)",
            database=name,
        )
        for command, code in {"mine": GOOD.encode(), "unreadable": NOT_UTF8, "addVar": b"x = 1"}.items():
            server.execute(INSERT, [command, code, INTERFACE], database=name)
        url = server.url(database=name)
        with serving(tmp_path / "state", {**HTTP, "DATABASE_URL": url}) as appliance:
            catalog = appliance.status().catalog
            assert (catalog.commands, catalog.bad_rows) == (2, 1)
            script = {"script": "mine(x)\nz = x"}
            assert post(appliance.http_address, "/api/v1/execute", script).json()["variables"] == {"x": 1, "z": 1}
            assert_unavailable(appliance, "unreadable", "code is not UTF-8 (at byte 5)")


def test_a_view_that_fails_on_a_row_costs_no_version_that_is_served(server: PostgresServer, tmp_path: Path) -> None:
    """`convert_from` fails the whole read, which is the view's doing: what was served stays, and the log says why."""
    with temporary_database(server, "view_rows") as name:
        server.execute(
            "CREATE TABLE stored (id serial PRIMARY KEY, name text, code bytea, type text, interface text);"
            "CREATE VIEW obex_dapl_functions AS "
            "SELECT id, name, convert_from(code, 'UTF8') AS code, type, interface FROM stored",
            database=name,
        )
        insert = INSERT.replace("obex_dapl_functions", "stored")
        server.execute(insert, ["mine", GOOD.encode(), INTERFACE], database=name)
        with serving(tmp_path / "state", {**HTTP, "DATABASE_URL": server.url(database=name)}) as appliance:
            server.execute(insert, ["unreadable", NOT_UTF8, INTERFACE], database=name)
            reply = appliance.reload()
            assert reply.outcome == "failed"
            assert "invalid byte sequence" in reply.message
            assert "invalid byte sequence" in appliance.wait_logged("Source Failed")["error"]
            script = {"script": "mine(x)"}
            found = post(appliance.http_address, "/api/v1/execute", script).json()
            assert found["variables"] == {"x": 1}
