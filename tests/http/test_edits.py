"""Definitions are the semantics: what an operator writes into PostgreSQL is what scripts do at the next version."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from supervisor import database
from tests.appliance.process import Appliance, serving
from tests.http.client import get, post
from tests.http.conftest import HTTP
from tests.postgres_server import PostgresServer
from tests.waiting import wait_until

CONNECT_TIMEOUT_S = 10.0

SCRIPT = (
    'addVar(x, 5)\nif(x, 5, =)\n  addVar(y, "equal")\nelse()\n  addVar(y, "other")\nend()\naddResult(x)\naddResult(y)'
)
AS_PACKAGED = {"x": 5, "y": "equal"}
NEVER_BEFORE = SCRIPT + "\n// {}"


@dataclass(frozen=True)
class Site:
    """An appliance over a database that an operator edits."""

    appliance: Appliance
    database: PostgresServer

    def edit(self, name: str, before: str, after: str) -> None:
        """Replace a text in a definition, and have the appliance take it up."""
        changed = self.database.execute(
            "UPDATE obex_dapl_functions SET code = replace(code, %s, %s) "
            "WHERE name = %s AND position(%s in code) > 0 RETURNING name",
            [before, after, name, before],
        )
        assert changed == [(name,)]
        reply = self.appliance.reload()
        assert reply.outcome == "announced"

        def served() -> bool:
            version = get(self.appliance.http_address, "/health").headers["x-catalog-version"]
            return int(version.split("-")[0]) >= reply.generation

        wait_until(served, 20, "the edit to be served")

    def run(self, script: str = SCRIPT) -> object:
        """What a script answers."""
        reply = post(self.appliance.http_address, "/api/v1/execute", {"script": script})
        assert reply.status == 200, reply.body
        return reply.json()["result"]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The packaged commands in a database."""
    with PostgresServer() as server:
        url = server.url()
        database.init(url, CONNECT_TIMEOUT_S)
        database.seed(url, CONNECT_TIMEOUT_S)
        environ = {**HTTP, "DATABASE_URL": url}
        with serving(tmp_path_factory.mktemp("edits") / "state", environ) as appliance:
            assert appliance.status().source.kind == "postgres"
            yield Site(appliance, server)


EDITS = {
    "if": ("holds = str(left) == str(right)", "holds = str(left) != str(right)", {"x": 5, "y": "other"}),
    "addVar": ("variables[target] = value", "variables[target] = [value]", {"x": [5], "y": ["other"]}),
}


@pytest.mark.parametrize("name", EDITS)
def test_an_edit_changes_the_same_script_at_the_next_version_and_editing_back_restores_it(
    site: Site, name: str
) -> None:
    before, after, expected = EDITS[name]
    for turn in range(2):
        assert site.run() == AS_PACKAGED  # and kept, compiled, from now on
        assert site.run() == AS_PACKAGED
        site.edit(name, before, after)
        assert site.run() == expected, "a script that was compiled before the edit"
        assert site.run(NEVER_BEFORE.format(f"{name} {turn}")) == expected
        site.edit(name, after, before)
        assert site.run() == AS_PACKAGED
        assert site.run(NEVER_BEFORE.format(f"{name} {turn}")) == AS_PACKAGED


def test_an_edit_that_does_not_compile_costs_that_command_alone_until_it_is_undone(site: Site) -> None:
    assert site.run() == AS_PACKAGED
    site.edit("if", "holds = False\n", "holds = (\n")
    reply = post(site.appliance.http_address, "/api/v1/execute", {"script": SCRIPT})
    assert (reply.status, reply.json()["code"]) == (400, "command_unavailable")
    assert (reply.json()["command"], reply.json()["line"]) == ("if", 2)
    assert site.run("addVar(x, 5)\naddResult(x)") == {"x": 5}
    site.edit("if", "holds = (\n", "holds = False\n")
    assert site.run() == AS_PACKAGED
