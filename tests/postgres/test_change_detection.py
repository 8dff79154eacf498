"""`changed` between hydrations: every change is seen within the documented delay, and silence means silence."""

from __future__ import annotations

import psycopg
import pytest

from supervisor.sources.postgres import FINGERPRINT_EVERY_POLLS, PostgresSource
from tests.postgres.conftest import Database, MakeSource
from tests.postgres.recording import RecordingSink
from tests.postgres_server import PostgresServer
from tests.waiting import wait_until

COUNTERS_DELAY_S = 20.0
"""Backends report their counters after 10 s at the latest, at once when they end (as every `database.execute` does)."""

UNCOUNTED = "SET track_counts = off; "


@pytest.fixture
def source(database: Database, make_source: MakeSource) -> PostgresSource:
    database.create_table()
    database.add_commands(50)
    source = make_source()
    settle(source)
    return source


def settle(source: PostgresSource) -> None:
    """Hydrate until the counters of the test's own preparations have all arrived."""

    def quiet() -> bool:
        source.hydrate(RecordingSink())
        return not source.changed()

    wait_until(quiet, COUNTERS_DELAY_S, "the table looks unchanged")


def polls_until_changed(source: PostgresSource, polls_max: int) -> int | None:
    return next((poll for poll in range(1, polls_max + 1) if source.changed()), None)


def test_the_first_look_says_changed_without_connecting(make_source: MakeSource) -> None:
    assert make_source(url="postgresql://127.0.0.1:1/nowhere").changed()


def test_no_change_is_no_change(source: PostgresSource) -> None:
    assert polls_until_changed(source, 3 * FINGERPRINT_EVERY_POLLS) is None


def test_reading_and_vacuum_are_no_change(database: Database, source: PostgresSource) -> None:
    database.execute("SELECT count(code) FROM obex_dapl_functions")
    database.execute("VACUUM (ANALYZE, FREEZE) obex_dapl_functions")
    assert polls_until_changed(source, 2 * FINGERPRINT_EVERY_POLLS) is None


@pytest.mark.parametrize(
    "change",
    [
        "INSERT INTO obex_dapl_functions (name, code) VALUES ('new', 'c')",
        "UPDATE obex_dapl_functions SET code = code || '!' WHERE id = 7",
        "UPDATE obex_dapl_functions SET code = code",
        "DELETE FROM obex_dapl_functions WHERE id = 7",
        "TRUNCATE obex_dapl_functions",
        "BEGIN; TRUNCATE obex_dapl_functions; COMMIT",
        "ALTER TABLE obex_dapl_functions ALTER COLUMN code TYPE varchar",
        "ALTER TABLE obex_dapl_functions RENAME COLUMN interface TO parameters",
        "ALTER TABLE obex_dapl_functions DROP COLUMN type",
        "DROP TABLE obex_dapl_functions; CREATE TABLE obex_dapl_functions (id int, name text, code text)",
        "ALTER TABLE obex_dapl_functions RENAME TO old; CREATE TABLE obex_dapl_functions (LIKE old INCLUDING ALL); "
        "INSERT INTO obex_dapl_functions SELECT * FROM old",
        "SELECT pg_stat_reset()",
    ],
)
def test_each_kind_of_change_is_seen(database: Database, source: PostgresSource, change: str) -> None:
    database.execute(change)
    wait_until(source.changed, COUNTERS_DELAY_S, f"seen: {change}")
    assert source.changed(), "it stays so until a hydration"
    settle(source)


def test_a_writer_that_stays_connected_is_seen_within_the_documented_delay(
    database: Database, source: PostgresSource
) -> None:
    with psycopg.connect(database.url(), autocommit=True) as writer:
        # The second commit comes within the second in which a backend does not report again.
        for number in (1, 2):
            writer.execute("UPDATE obex_dapl_functions SET code = %s WHERE id = 7", [f"v{number}"])
            if number == 1:
                settle(source)
        wait_until(source.changed, COUNTERS_DELAY_S, "the second update is seen")


def test_a_change_during_a_hydration_is_seen_by_the_next_look(database: Database, source: PostgresSource) -> None:
    class WritingSink(RecordingSink):
        def feed_copy(self, chunk: bytes | memoryview) -> int:
            database.execute("UPDATE obex_dapl_functions SET code = 'during' WHERE id = 7")
            return super().feed_copy(chunk)

    sink = WritingSink()
    source.hydrate(sink)
    assert (7, b"command_7") in [row[:2] for row in sink.rows]
    assert b"during" not in [row[2] for row in sink.rows]
    wait_until(source.changed, COUNTERS_DELAY_S, "the update is seen")


@pytest.mark.parametrize("change", ["INSERT INTO obex_dapl_functions (name) VALUES ('new')",
                                    "UPDATE obex_dapl_functions SET code = code WHERE id = 7",
                                    "DELETE FROM obex_dapl_functions WHERE id = 7"])  # fmt: skip
def test_what_the_counters_miss_the_tenth_look_finds(database: Database, source: PostgresSource, change: str) -> None:
    database.execute(UNCOUNTED + change)
    polls = polls_until_changed(source, FINGERPRINT_EVERY_POLLS)
    assert polls is not None
    assert polls > 1, "the counters were to miss it"


def test_what_the_counters_miss_is_found_after_a_reconnect(
    database: Database, server: PostgresServer, source: PostgresSource
) -> None:
    server.restart()
    assert not source.changed(), "a restart alone is no change"
    database.execute(UNCOUNTED + "DELETE FROM obex_dapl_functions WHERE id = 7")
    server.restart()
    assert source.changed()
    assert source.changed(), "it stays so until a hydration"


def test_a_crash_of_the_server_loses_no_change(
    database: Database, server: PostgresServer, source: PostgresSource
) -> None:
    """The counters start from nothing after a crash; the rows do not."""
    server.crash()
    server.start()
    settle(source)
    database.execute(UNCOUNTED + "DELETE FROM obex_dapl_functions WHERE id = 7")
    server.crash()
    server.start()
    assert source.changed()


@pytest.mark.parametrize(
    "relation",
    [
        "CREATE VIEW obex_dapl_functions AS SELECT * FROM stored",
        "CREATE TABLE obex_dapl_functions (id int, name text, code text) PARTITION BY RANGE (id);"
        "CREATE TABLE part PARTITION OF obex_dapl_functions FOR VALUES FROM (0) TO (9);"
        "INSERT INTO obex_dapl_functions SELECT * FROM stored; ALTER TABLE stored RENAME TO unused;"
        "CREATE VIEW stored AS SELECT * FROM obex_dapl_functions",
        "CREATE TABLE obex_dapl_functions (id int, name text, code text);"
        "ALTER TABLE stored INHERIT obex_dapl_functions",
    ],
    ids=["view", "partitioned", "inherited"],
)
@pytest.mark.parametrize(
    "change",
    ["INSERT INTO stored VALUES (3, 'c', 'C')", "UPDATE stored SET code = 'x' WHERE id = 1", "DELETE FROM stored"],
)
def test_relations_without_counters_are_looked_over_each_time(
    database: Database, make_source: MakeSource, relation: str, change: str
) -> None:
    database.execute("CREATE TABLE stored (id int, name text, code text)")
    database.execute("INSERT INTO stored VALUES (1, 'a', 'A'), (2, 'b', 'B')")
    database.execute(relation)
    source = make_source()
    source.hydrate(RecordingSink())
    assert polls_until_changed(source, 3) is None
    database.execute(change)
    assert source.changed()


def test_without_statistics_the_rows_are_looked_over_each_time(database: Database, make_source: MakeSource) -> None:
    database.create_table()
    database.add_commands(5)
    database.execute(f"ALTER DATABASE {database.name} SET track_counts = off")
    source = make_source()
    source.hydrate(RecordingSink())
    assert polls_until_changed(source, 3) is None
    database.execute("UPDATE obex_dapl_functions SET code = 'x' WHERE id = 3")
    assert source.changed()


def test_a_hot_standby_is_looked_over_each_time(server: PostgresServer, make_source: MakeSource) -> None:
    """Its counters do not move when it replays the primary's changes."""
    primary = Database(server, "postgres")
    primary.create_table()
    try:
        primary.add_commands(5)
        with server.standby() as standby:
            wait_until(lambda: standby.execute("SELECT count(*) FROM obex_dapl_functions") == [(5,)], 30, "replayed")
            source = make_source(url=standby.url())
            source.hydrate(RecordingSink())
            assert polls_until_changed(source, 3) is None
            primary.execute("UPDATE obex_dapl_functions SET code = 'new' WHERE id = 3")
            wait_until(
                lambda: standby.execute("SELECT code FROM obex_dapl_functions WHERE id = 3") == [("new",)],
                30,
                "replayed",
            )
            assert source.changed()
            source.close()
    finally:
        primary.execute("DROP TABLE obex_dapl_functions")
