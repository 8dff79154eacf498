"""The database misbehaves: what was good stays served, everybody is told, and it heals by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import grpc
import pytest

from supervisor import database
from tests.appliance.load import get_raw, open_channel
from tests.appliance.process import Appliance, serving
from tests.postgres_server import PostgresServer
from tests.tcp_proxy import TcpProxy
from tests.waiting import wait_until

TABLE = "obex_dapl_functions"
USER, PASSWORD = "reader", "first-password-4711"
NOTICE_TIMEOUT_S = 40.0


class Site:
    """A server, a proxy in front of it, and a seeded catalogue that the appliance reads as an ordinary user."""

    def __init__(self, server: PostgresServer, proxy: TcpProxy, name: str) -> None:
        self.server, self.proxy, self.name = server, proxy, name

    def execute(self, statement: str) -> None:
        """Run a statement in the catalogue's database."""
        self.server.execute(statement, database=self.name)

    def fill(self) -> None:
        """Create the tables, load the packaged commands, let the reader read."""
        url = self.server.url(database=self.name)
        database.init(url, 5.0)
        database.seed(url, 5.0)
        self.execute(f"GRANT SELECT ON {TABLE} TO {USER}")

    @property
    def environ(self) -> dict[str, str]:
        """What points an appliance at it, with short patience."""
        return {
            "DATABASE_URL": f"postgresql://{USER}:{PASSWORD}@127.0.0.1:{self.proxy.port}/{self.name}",
            "AVAP_CATALOG_REFRESH_S": "0.3",
            "AVAP_DATABASE_CONNECT_TIMEOUT_S": "1",
            "AVAP_DATABASE_STALL_TIMEOUT_S": "1",
        }


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """One PostgreSQL for this file."""
    with PostgresServer() as running:
        yield running


@pytest.fixture
def site(server: PostgresServer, request: pytest.FixtureRequest) -> Iterator[Site]:
    """A database of its own, filled, behind a proxy."""
    name = f"faults_{abs(hash(request.node.name)) % 10**9}"
    server.set_password(USER, PASSWORD)
    server.create_database(name)
    with TcpProxy(server.port) as proxy:
        found = Site(server, proxy, name)
        found.fill()
        yield found
    server.set_password(USER, PASSWORD)
    server.drop_database(name)


@dataclass(frozen=True)
class Fault:
    """Something done to the database, how it is undone, and what the appliance must call it."""

    do: Callable[[Site], None]
    undo: Callable[[Site], None]
    kind: str  # of the source's failure, or the reason of the rejection
    rejected: bool = False


def stop(site: Site) -> None:
    site.server.stop("immediate")


def start(site: Site) -> None:
    site.server.start()


def bad_rows(site: Site) -> None:
    site.execute(f"DELETE FROM {TABLE}")
    site.execute(
        f"INSERT INTO {TABLE} (name, code) SELECT CASE WHEN i % 2 = 0 THEN NULL ELSE '' END, 'x' "
        "FROM generate_series(1, 50) i"
    )


def good_rows(site: Site) -> None:
    site.execute(f"DELETE FROM {TABLE}")
    database.seed(site.server.url(database=site.name), 5.0)


def change_password(site: Site) -> None:
    site.server.set_password(USER, "another-password")
    site.server.execute(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{USER}'")


FAULTS = {
    "stopped": Fault(stop, start, "unreachable"),
    "refused": Fault(lambda s: s.proxy.switch("refuse"), lambda s: s.proxy.switch("pass"), "unreachable"),
    "black_holed": Fault(
        lambda s: s.proxy.switch("black-hole"), lambda s: s.proxy.switch("pass"), "stalled|unreachable"
    ),
    "emptied": Fault(lambda s: s.execute(f"DELETE FROM {TABLE}"), good_rows, "empty", rejected=True),
    "table_dropped": Fault(lambda s: s.execute(f"DROP TABLE {TABLE}"), lambda s: s.fill(), "no_table"),
    "bad_rows": Fault(bad_rows, good_rows, "empty", rejected=True),
    "password_changed": Fault(
        change_password,
        lambda s: s.server.set_password(USER, PASSWORD),
        "auth",
    ),
    "not_allowed": Fault(
        lambda s: s.execute(f"REVOKE SELECT ON {TABLE} FROM {USER}; UPDATE {TABLE} SET code = code || ' '"),
        lambda s: s.execute(f"GRANT SELECT ON {TABLE} TO {USER}"),
        "query",
    ),
}


def noticed(appliance: Appliance, fault: Fault) -> bool:
    """Whether the status shows the fault."""
    status = appliance.status()
    if fault.rejected:
        return status.catalog.last_rejection.reason == fault.kind
    return not status.source.up and status.source.last_error_kind in fault.kind.split("|")


@pytest.mark.parametrize("name", FAULTS)
def test_the_last_good_version_is_served_through_the_fault_and_it_heals(site: Site, tmp_path: Path, name: str) -> None:
    fault = FAULTS[name]
    with serving(tmp_path / "state", site.environ) as appliance:
        before = appliance.status().catalog
        assert (before.origin, before.commands, before.stale) == ("postgres", 30, False)
        with open_channel(appliance.grpc_address) as channel:
            good = get_raw(channel, "addVar")
            fault.do(site)
            try:
                wait_until(lambda: noticed(appliance, fault), NOTICE_TIMEOUT_S, "the status to tell of the fault")
                assert get_raw(channel, "addVar") == good
                metrics = appliance.metrics()
                if fault.rejected:
                    assert metrics[f'avap_catalog_rejected_total{{reason="{fault.kind}"}}'] >= 1
                    assert appliance.logged("Version Rejected")
                else:
                    assert metrics['avap_source_up{source="postgres"}'] == 0
                    assert metrics["avap_catalog_stale"] == 1
                    assert appliance.logged("Source Failed")
                    assert appliance.status().catalog.stale
                assert appliance.status().state == "serving"
            finally:
                fault.undo(site)
            site.execute(f"UPDATE {TABLE} SET code = code || '# edited' WHERE name = 'addVar'")
            wait_until(lambda: b"# edited" in get_raw(channel, "addVar")[0], NOTICE_TIMEOUT_S, "the edit to be served")
        wait_until(lambda: appliance.status().source.up, NOTICE_TIMEOUT_S, "the source to be up")
        assert not appliance.status().catalog.stale
        assert PASSWORD not in appliance.text_log()


@pytest.mark.parametrize("name", FAULTS)
def test_boot_during_the_fault_with_a_snapshot_serves_at_once_and_heals(site: Site, tmp_path: Path, name: str) -> None:
    fault = FAULTS[name]
    with serving(tmp_path / "state", site.environ) as appliance, open_channel(appliance.grpc_address) as channel:
        good, version = get_raw(channel, "addVar")
    fault.do(site)
    try:
        with serving(tmp_path / "state", site.environ) as appliance, open_channel(appliance.grpc_address) as channel:
            again, later = get_raw(channel, "addVar")
            assert again == good
            assert int(later.split("-")[0]) > int(version.split("-")[0])
            wait_until(lambda: noticed(appliance, fault), NOTICE_TIMEOUT_S, "the status to tell of the fault")
            assert appliance.status().catalog.stale
            fault.undo(site)
            fault = Fault(fault.do, lambda _: None, fault.kind)
            site.execute(f"UPDATE {TABLE} SET code = code || '# edited' WHERE name = 'addVar'")
            wait_until(lambda: b"# edited" in get_raw(channel, "addVar")[0], NOTICE_TIMEOUT_S, "the edit to be served")
    finally:
        fault.undo(site)


@pytest.mark.parametrize("name", FAULTS)
def test_boot_during_the_fault_without_a_snapshot_says_so_and_heals(site: Site, tmp_path: Path, name: str) -> None:
    fault = FAULTS[name]
    fault.do(site)
    try:
        with serving(tmp_path / "state", site.environ) as appliance, open_channel(appliance.grpc_address) as channel:
            with pytest.raises(grpc.RpcError) as caught:
                get_raw(channel, "addVar")
            assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
            assert appliance.run_avap("health", "--target", appliance.grpc_address).returncode == 1
            assert appliance.status().state == "not_serving"
            assert appliance.logged("Nothing To Serve")[0]["advice"]
            fault.undo(site)
            fault = Fault(fault.do, lambda _: None, fault.kind)
            wait_until(
                lambda: appliance.status().catalog.commands == 30, NOTICE_TIMEOUT_S, "the catalogue to be served"
            )
            wait_until(lambda: served(channel), 5, "the worker to serve")
            assert appliance.run_avap("health", "--target", appliance.grpc_address).returncode == 0
    finally:
        fault.undo(site)


def served(channel: grpc.Channel) -> bool:
    """Whether addVar is answered."""
    try:
        return bool(get_raw(channel, "addVar")[0])
    except grpc.RpcError:
        return False


def test_a_slow_database_is_waited_for_while_the_old_version_is_served(site: Site, tmp_path: Path) -> None:
    with serving(tmp_path / "state", site.environ) as appliance, open_channel(appliance.grpc_address) as channel:
        good = get_raw(channel, "addVar")
        site.proxy.switch("slow", 20_000)
        filler = "repeat(md5(random()::text), 40)"
        site.execute(f"INSERT INTO {TABLE} (name, code) SELECT 'slow' || i, {filler} FROM generate_series(1, 60) i")
        generation = appliance.status().catalog.generation
        assert get_raw(channel, "addVar") == good
        wait_until(lambda: appliance.status().catalog.commands == 90, NOTICE_TIMEOUT_S, "the slow version")
        assert appliance.status().catalog.generation > generation
        assert appliance.status().source.hydration_s > 1


def test_one_bad_row_costs_no_other_row(site: Site, tmp_path: Path) -> None:
    site.execute(
        f"INSERT INTO {TABLE} (name, code) VALUES (NULL, 'x'), ('addVar', '# the later one wins'), ('plain', NULL)"
    )
    with serving(tmp_path / "state", site.environ) as appliance, open_channel(appliance.grpc_address) as channel:
        catalog = appliance.status().catalog
        assert (catalog.commands, catalog.bad_rows, catalog.duplicates) == (31, 1, 1)
        assert b"# the later one wins" in get_raw(channel, "addVar")[0]
        assert appliance.logged("Rows Left Out")[0]["count"] == 1
        assert appliance.logged("Duplicate Names")[0]["names"] == ["addVar"]


def test_shrinking_too_much_is_refused_until_forced(site: Site, tmp_path: Path) -> None:
    with serving(tmp_path / "state", site.environ) as appliance:
        site.execute(f"DELETE FROM {TABLE} WHERE id > 5")
        wait_until(
            lambda: appliance.status().catalog.last_rejection.reason == "shrink", NOTICE_TIMEOUT_S, "the refusal"
        )
        assert appliance.status().catalog.commands == 30
        done = appliance.run_avap("reload", "--force")
        assert done.returncode == 0, done.stderr
        assert appliance.status().catalog.commands == 5
