"""A database that is away, silent, slow or wrong: an error of the right kind in bounded time, then recovery."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from pathlib import Path

import psycopg
import pytest

from supervisor.sources import SourceError
from supervisor.sources.postgres import PostgresSource
from tests.postgres.conftest import STALL_TIMEOUT_S, Database, MakeSource
from tests.postgres.recording import RecordingSink, beside
from tests.postgres_server import PostgresServer, free_port, temporary_database
from tests.tcp_proxy import TcpProxy
from tests.waiting import wait_until

PROMPTLY_S = 5.0
"""Far above what it takes, far below the limits (60 s) that a prompt end must not wait for."""


def failure(source: PostgresSource) -> SourceError:
    with pytest.raises(SourceError) as caught:
        source.hydrate(RecordingSink())
    return caught.value


def row_count(source: PostgresSource) -> int:
    sink = RecordingSink()
    source.hydrate(sink)
    return len(sink.rows)


def test_nobody_listens(database: Database, make_source: MakeSource) -> None:
    error = failure(make_source(url=database.url(port=free_port())))
    assert error.kind == "unreachable"
    assert "127.0.0.1" in str(error)
    assert "check that it runs" in str(error)


def test_unknown_host(make_source: MakeSource) -> None:
    assert failure(make_source(url="postgresql://u:secret-word@host.invalid/d")).kind == "unreachable"


@pytest.mark.parametrize("user", ["owner", "nobody_knows_me"])
def test_wrong_password_or_user(database: Database, make_source: MakeSource, user: str) -> None:
    error = failure(make_source(url=database.url(user=user, password="not-the-password")))
    assert error.kind == "auth"
    assert "not-the-password" not in str(error)
    assert "DATABASE_URL" in str(error)


def test_unknown_database(server: PostgresServer, make_source: MakeSource) -> None:
    error = failure(make_source(url=server.url(database="not_there")))
    assert error.kind == "unreachable"
    assert "no such database" in str(error)


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:pa@ssw0rd@127.0.0.1:1/db",
        "postgresql://user:pa/ssw0rd@127.0.0.1:1/db",
        "postgresql://user:pa?ssw0rd@127.0.0.1:1/db",
        "postgresql://user:ssw0rd@127.0.0.1:notaport/db",
        "postgresql://user:ssw0rd@[::1/db",
        "host=127.0.0.1 password=ssw0rd nonsense",
        "user:ssw0rd@127.0.0.1",
    ],
)
def test_an_address_that_cannot_be_read_is_not_repeated(make_source: MakeSource, url: str) -> None:
    """The parts of a mistyped URL may be parts of its password."""
    error = failure(make_source(url=url))
    assert error.kind == "unreachable"
    assert "DATABASE_URL" in str(error)
    assert "ssw0rd" not in str(error)
    assert error.__cause__ is None


def test_no_table_then_a_table(database: Database, make_source: MakeSource) -> None:
    source = make_source()
    error = failure(source)
    assert error.kind == "no_table"
    assert "avap db init" in str(error)
    assert source.changed()
    database.create_table()
    database.add_commands(3)
    assert row_count(source) == 3


def test_table_dropped_between_polls(database: Database, make_source: MakeSource) -> None:
    database.create_table()
    database.add_commands(3)
    source = make_source()
    assert row_count(source) == 3
    database.execute("DROP TABLE obex_dapl_functions")
    with pytest.raises(SourceError) as caught:
        source.changed()
    assert caught.value.kind == "no_table"
    database.create_table()
    assert source.changed()
    assert row_count(source) == 0


@pytest.mark.parametrize("columns", ["id serial PRIMARY KEY, name text", "id serial PRIMARY KEY, code text"])
def test_a_required_column_is_missing(database: Database, make_source: MakeSource, columns: str) -> None:
    database.create_table(columns)
    error = failure(make_source())
    assert error.kind == "missing_column"
    assert str(error).endswith("code" if "name" in columns else "name")


def test_permission_denied_then_granted(database: Database, server: PostgresServer, make_source: MakeSource) -> None:
    database.create_table()
    server.set_password("stranger", "strange")
    source = make_source(url=database.url(user="stranger", password="strange"))
    error = failure(source)
    assert error.kind == "query"
    assert "GRANT SELECT" in str(error)
    database.execute("GRANT SELECT (id, name, code, type, interface) ON obex_dapl_functions TO stranger")
    assert row_count(source) == 0
    assert not source.changed()
    database.execute("DROP OWNED BY stranger")


def test_password_changed_and_changed_back(database: Database, server: PostgresServer, make_source: MakeSource) -> None:
    database.create_table()
    server.set_password("reader", "before")
    database.execute("GRANT SELECT ON obex_dapl_functions TO reader")
    source = make_source(url=database.url(user="reader", password="before"))
    assert row_count(source) == 0
    server.set_password("reader", "after")
    database.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'reader'")
    wait_until(lambda: _is_gone(database, "reader"), PROMPTLY_S, "the session is ended")
    assert failure(source).kind == "auth"
    server.set_password("reader", "before")
    assert row_count(source) == 0
    database.execute("DROP OWNED BY reader")


def test_a_restart_between_polls_is_not_noticed(
    database: Database, server: PostgresServer, make_source: MakeSource
) -> None:
    database.create_table()
    database.add_commands(3)
    source = make_source()
    assert row_count(source) == 3
    server.restart()
    assert row_count(source) == 3


@pytest.mark.parametrize("how", ["stop", "crash"])
def test_server_goes_in_the_middle_of_a_copy(
    database: Database, server: PostgresServer, make_source: MakeSource, how: str
) -> None:
    database.create_table()
    database.add_commands(20_000, code_bytes=1000)
    source = make_source(stall_timeout_s=60)
    gate = threading.Event()
    sink = RecordingSink(gate)
    hydration = beside(lambda: source.hydrate(sink))
    wait_until(lambda: sink.calls, PROMPTLY_S, "the first rows")
    if how == "stop":
        server.stop("fast")
    else:
        server.crash()
    gate.set()
    assert _failure_of(hydration).kind == "unreachable"
    assert failure(source).kind == "unreachable"
    server.start()
    assert source.changed()
    assert row_count(source) == 20_000


def test_black_hole_in_the_middle_of_a_copy(database: Database, proxy: TcpProxy, make_source: MakeSource) -> None:
    database.create_table()
    database.add_commands(20_000, code_bytes=1000)
    source = make_source(url=database.url(port=proxy.port))
    proxy.black_hole_after(3_000_000)
    started = time.monotonic()
    error = failure(source)
    assert error.kind == "stalled"
    assert STALL_TIMEOUT_S <= time.monotonic() - started < STALL_TIMEOUT_S + PROMPTLY_S
    assert failure(source).kind == "unreachable"  # the black hole takes new connections and says nothing
    proxy.switch("pass")
    assert row_count(source) == 20_000


def test_black_hole_at_connect(database: Database, proxy: TcpProxy, make_source: MakeSource) -> None:
    proxy.switch("black-hole")
    started = time.monotonic()
    error = failure(make_source(url=database.url(port=proxy.port)))
    assert error.kind == "unreachable"
    assert "timeout" in str(error)
    assert time.monotonic() - started < 2 + PROMPTLY_S


def test_black_hole_at_the_first_host_is_passed_by(
    database: Database, server: PostgresServer, proxy: TcpProxy, make_source: MakeSource
) -> None:
    database.create_table()
    proxy.switch("black-hole")
    url = database.url().replace(f"127.0.0.1:{server.port}", f"127.0.0.1:{proxy.port},127.0.0.1:{server.port}")
    assert row_count(make_source(url=url)) == 0


def test_a_kept_connection_gone_silent_is_replaced(
    database: Database, proxy: TcpProxy, make_source: MakeSource
) -> None:
    """As after a firewall forgot it: nothing arrives on the old connection, new ones work."""
    database.create_table()
    source = make_source(url=database.url(port=proxy.port), stall_timeout_s=60)
    assert row_count(source) == 0
    assert not source.changed()
    proxy.switch("black-hole")
    polled: list[bool] = []
    poll = beside(lambda: polled.append(source.changed()))
    wait_until(lambda: proxy.connections == 2, PROMPTLY_S, "a second connection is tried")
    proxy.switch("pass")
    poll.result(PROMPTLY_S)
    assert polled == [False]


def test_a_paused_server_stalls_and_recovers(
    database: Database, server: PostgresServer, make_source: MakeSource
) -> None:
    database.create_table()
    database.add_commands(20_000, code_bytes=1000)
    source = make_source()
    gate = threading.Event()
    sink = RecordingSink(gate)
    hydration = beside(lambda: source.hydrate(sink))
    wait_until(lambda: sink.calls, PROMPTLY_S, "the first rows")
    server.pause()
    gate.set()
    assert _failure_of(hydration).kind == "stalled"
    assert failure(source).kind == "unreachable"
    server.resume()
    assert row_count(source) == 20_000


def test_slow_is_allowed_even_where_one_row_takes_longer_than_the_limit(
    database: Database, proxy: TcpProxy, make_source: MakeSource
) -> None:
    database.create_table()
    # Text that does not compress, so that it also travels from the server's storage as it is.
    database.execute(
        "INSERT INTO obex_dapl_functions (name, code) "
        "SELECT 'slow', string_agg(md5(g::text), '') FROM generate_series(1, 20000) g"
    )
    source = make_source(url=database.url(port=proxy.port))
    proxy.switch("slow", bytes_per_s=250_000)
    started = time.monotonic()
    assert row_count(source) == 1
    assert time.monotonic() - started > 1.5 * STALL_TIMEOUT_S


def test_a_locked_table_stalls_and_leaves_no_backend_waiting(database: Database, make_source: MakeSource) -> None:
    database.create_table()
    source = make_source()
    with psycopg.connect(database.url()) as holder:
        holder.execute("LOCK TABLE obex_dapl_functions IN ACCESS EXCLUSIVE MODE")
        error = failure(source)
        assert error.kind == "stalled"
        assert "lock" in str(error)
        wait_until(
            lambda: database.execute("SELECT count(*) FROM pg_locks WHERE NOT granted") == [(0,)],
            PROMPTLY_S,
            "no backend waits for the lock",
        )
    assert row_count(source) == 0


def test_statement_timeout_of_the_role_does_not_end_a_hydration(
    database: Database, server: PostgresServer, make_source: MakeSource
) -> None:
    database.create_table()
    database.add_commands(20_000, code_bytes=1000)
    database.execute(f"ALTER ROLE owner IN DATABASE {database.name} SET statement_timeout = '200ms'")
    gate = threading.Event()
    sink = RecordingSink(gate)
    source = make_source(stall_timeout_s=60)
    hydration = beside(lambda: source.hydrate(sink))
    wait_until(lambda: sink.calls, PROMPTLY_S, "the first rows")
    wait_until(
        lambda: server.execute(
            "SELECT 1 FROM pg_stat_activity WHERE application_name = 'avap' AND now() - query_start > '400ms'"
        ),
        PROMPTLY_S,
        "the COPY is older than the timeout",
    )
    gate.set()
    hydration.result(60)
    assert len(sink.rows) == 20_000


@pytest.mark.parametrize("ended_by", ["cancel", "close"])
def test_stopping_ends_a_silent_copy_at_once(
    database: Database, proxy: TcpProxy, make_source: MakeSource, ended_by: str
) -> None:
    database.create_table()
    database.add_commands(20_000, code_bytes=1000)
    source = make_source(url=database.url(port=proxy.port), stall_timeout_s=60)
    proxy.black_hole_after(3_000_000)
    hydration = beside(lambda: source.hydrate(RecordingSink()))
    wait_until(lambda: proxy.mode == "black-hole", PROMPTLY_S, "the server went silent")
    if ended_by == "cancel":
        source.cancel()
    else:
        source.close()
    assert _failure_of(hydration).kind == "cancelled"
    assert failure(source).kind == "cancelled"


def test_stopping_ends_a_silent_connect_at_once(database: Database, proxy: TcpProxy, make_source: MakeSource) -> None:
    proxy.switch("black-hole")
    source = make_source(url=database.url(port=proxy.port), connect_timeout_s=60)
    hydration = beside(lambda: source.hydrate(RecordingSink()))
    wait_until(lambda: proxy.connections, PROMPTLY_S, "it connects")
    source.cancel()
    assert _failure_of(hydration).kind == "cancelled"


def test_what_the_sink_raises_goes_through_and_the_source_lives_on(database: Database, make_source: MakeSource) -> None:
    class FullSink(RecordingSink):
        def feed_copy(self, chunk: bytes | memoryview) -> int:
            raise MemoryError("no room")

    database.create_table()
    database.add_commands(3)
    source = make_source()
    with pytest.raises(MemoryError, match="no room"):
        source.hydrate(FullSink())
    assert source.changed()
    assert row_count(source) == 3


def test_failures_leave_no_descriptor_thread_or_session(
    database: Database, server: PostgresServer, make_source: MakeSource
) -> None:
    def descriptors() -> int:
        return len(list(Path("/proc/self/fd").iterdir()))

    source = make_source()
    failure(source)
    before = descriptors()
    for _ in range(20):
        assert failure(source).kind == "no_table"
        assert failure(make_source(url=database.url(password="wrong-one"))).kind == "auth"
    wait_until(
        lambda: all(thread.name != "avap-db-connect" for thread in threading.enumerate()), PROMPTLY_S, "threads ended"
    )
    assert descriptors() <= before + 20  # one stop signal a source that is not closed yet
    wait_until(
        lambda: server.execute("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'avap'") == [(0,)],
        PROMPTLY_S,
        "no session is left",
    )


def test_text_that_has_no_utf8_is_named(server: PostgresServer, make_source: MakeSource) -> None:
    """The server converts row by row and gives up at the first that it cannot; no other encoding would be right.

    Rows in encodings of single bytes are decoded by us, one by one: `test_single_byte.py`.
    """
    with temporary_database(server, "japanese_catalog", "EUC_JP") as name:
        database = Database(server, name)
        database.create_table()
        unassigned = "convert_from('\\xa9a1', 'EUC_JP')"
        database.execute(f"INSERT INTO obex_dapl_functions (name, code) VALUES ('n', {unassigned})")
        source = make_source(url=database.url())
        error = failure(source)
        assert error.kind == "query"
        assert "cannot be told in UTF-8" in str(error)
        assert "0xa9 0xa1" in str(error)
        database.execute("UPDATE obex_dapl_functions SET code = '\u65e5'")
        assert row_count(source) == 1
        source.close()


def _failure_of(hydration: Future[None]) -> SourceError:
    error = hydration.exception(timeout=60)
    assert isinstance(error, SourceError), error
    return error


def _is_gone(database: Database, user: str) -> bool:
    return not database.execute("SELECT 1 FROM pg_stat_activity WHERE usename = %s", user)
