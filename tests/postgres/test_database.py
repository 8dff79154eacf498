"""`avap db init` and `avap db seed` on a real server."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from supervisor import database as avap_db
from supervisor.sources import SourceError
from supervisor.sources.command_file import EmbeddedCommand
from supervisor.sources.embedded import load_commands
from tests.postgres.conftest import CONNECT_TIMEOUT_S, Database, MakeSource
from tests.postgres.recording import RecordingSink
from tests.postgres_server import PostgresServer

COMMANDS = (
    EmbeddedCommand(name="addVar", type="command", interface_json='[{"item": "x"}]', description="d", code="a = 'é'"),
    EmbeddedCommand(name="if", type="function", interface_json="[]", description="", code="b = 2"),
)

OUR_TABLE = "id serial PRIMARY KEY, name varchar(100), interface text, description text, type varchar(50), code text"


def init(database: Database) -> avap_db.InitReport:
    return avap_db.init(database.url(), CONNECT_TIMEOUT_S)


def seed(database: Database, *, replace: bool = False) -> avap_db.SeedReport:
    return avap_db.seed(database.url(), CONNECT_TIMEOUT_S, replace=replace, commands=COMMANDS)


def stored(database: Database) -> list[tuple[object, ...]]:
    return database.execute("SELECT name, code, type, interface, description FROM obex_dapl_functions ORDER BY id")


def expected() -> list[tuple[object, ...]]:
    return [(c.name, c.code, c.type, c.interface_json, c.description) for c in COMMANDS]


def test_init_creates_both_tables_and_finds_them_the_second_time(database: Database) -> None:
    first = init(database)
    assert [(t.table, t.created) for t in first.tables] == [("obex_dapl_functions", True), ("avap_bytecode", True)]
    assert database.name in first.place
    assert database.server.password not in repr(first)
    second = init(database)
    assert [t.created for t in second.tables] == [False, False]
    assert all(t.missing_columns == () for t in second.tables)


def test_the_tables_are_the_predecessors(database: Database) -> None:
    init(database)
    assert database.execute(
        "SELECT table_name::text, column_name::text, data_type::text, character_maximum_length, "
        "column_default IS NOT NULL FROM information_schema.columns "
        "WHERE table_schema = 'public' ORDER BY table_name DESC, ordinal_position"
    ) == [
        ("obex_dapl_functions", "id", "integer", None, True),
        ("obex_dapl_functions", "name", "character varying", 100, False),
        ("obex_dapl_functions", "interface", "text", None, False),
        ("obex_dapl_functions", "description", "text", None, False),
        ("obex_dapl_functions", "type", "character varying", 50, False),
        ("obex_dapl_functions", "logic", "boolean", None, False),
        ("obex_dapl_functions", "componenttype", "character varying", 50, False),
        ("obex_dapl_functions", "service", "character varying", 50, False),
        ("obex_dapl_functions", "command", "character varying", 50, False),
        ("obex_dapl_functions", "code", "text", None, False),
        ("avap_bytecode", "id", "integer", None, True),
        ("avap_bytecode", "command_name", "character varying", 100, False),
        ("avap_bytecode", "bytecode", "bytea", None, False),
        ("avap_bytecode", "version", "integer", None, True),
        ("avap_bytecode", "compiled_at", "timestamp without time zone", None, True),
        ("avap_bytecode", "source_hash", "character varying", 64, False),
        ("avap_bytecode", "is_verified", "boolean", None, True),
    ]


def test_init_leaves_a_table_of_another_shape_alone_and_says_what_it_lacks(database: Database) -> None:
    database.create_table("id int, name text")
    database.execute("INSERT INTO obex_dapl_functions VALUES (1, 'kept')")
    ours, bytecode = init(database).tables
    assert (ours.created, ours.missing_columns) == (False, ("code",))
    assert bytecode.created
    assert database.execute("SELECT * FROM obex_dapl_functions") == [(1, "kept")]


def test_eight_inits_and_seeds_at_the_same_time(database: Database) -> None:
    with ThreadPoolExecutor(8) as pool:
        inits = list(pool.map(lambda _: init(database), range(8)))
        seeds = list(pool.map(lambda _: seed(database), range(8)))
    assert sum(report.tables[0].created for report in inits) == 1
    assert sorted(len(report.inserted) for report in seeds) == [0] * 7 + [len(COMMANDS)]
    assert stored(database) == expected()


def test_seed_inserts_what_is_absent_once(database: Database) -> None:
    init(database)
    first = seed(database)
    assert first.inserted == ("addVar", "if")
    second = seed(database)
    assert (second.inserted, second.updated, second.unchanged) == ((), (), ("addVar", "if"))
    assert stored(database) == expected()


def test_seed_keeps_another_text_unless_it_may_replace(database: Database) -> None:
    init(database)
    seed(database)
    database.execute("UPDATE obex_dapl_functions SET code = 'mine' WHERE name = 'if'")
    kept = seed(database)
    assert (kept.differing, kept.unchanged) == (("if",), ("addVar",))
    assert ("if", "mine") in [row[:2] for row in stored(database)]
    replaced = seed(database, replace=True)
    assert (replaced.updated, replaced.unchanged) == (("if",), ("addVar",))
    assert stored(database) == expected()


def test_of_several_rows_with_a_name_the_one_that_counts_is_replaced(database: Database) -> None:
    init(database)
    database.execute("INSERT INTO obex_dapl_functions (name, code) VALUES ('if', 'older'), ('if', 'newer')")
    assert seed(database, replace=True).updated == ("if",)
    codes = database.execute("SELECT code FROM obex_dapl_functions WHERE name = 'if' ORDER BY id")
    assert codes == [("older",), ("b = 2",)]


@pytest.mark.parametrize("kind", ["json", "jsonb"])
def test_seed_into_json_columns_is_idempotent(database: Database, kind: str) -> None:
    database.create_table(OUR_TABLE.replace("interface text", f"interface {kind}"))
    assert seed(database).inserted == ("addVar", "if")
    assert seed(database, replace=True).unchanged == ("addVar", "if")
    assert database.execute("SELECT interface::text FROM obex_dapl_functions ORDER BY id")[0] == ('[{"item": "x"}]',)


def test_seed_into_a_table_with_name_and_code_only(database: Database) -> None:
    database.create_table("name text, code text")
    assert seed(database).inserted == ("addVar", "if")
    database.execute("UPDATE obex_dapl_functions SET code = 'mine'")
    assert seed(database, replace=True).updated == ("addVar", "if")
    assert seed(database, replace=True).unchanged == ("addVar", "if")


def test_a_command_that_does_not_fit_leaves_nothing_behind(database: Database) -> None:
    database.create_table(OUR_TABLE.replace("code text", "code varchar(6)"))
    with pytest.raises(SourceError, match="too long") as caught:
        seed(database)
    assert caught.value.kind == "query"
    assert stored(database) == []


@pytest.mark.parametrize(("columns", "kind"), [(None, "no_table"), ("id int, name text", "missing_column")])
def test_seed_says_what_the_table_lacks(database: Database, columns: str | None, kind: str) -> None:
    if columns is not None:
        database.create_table(columns)
    with pytest.raises(SourceError) as caught:
        seed(database)
    assert caught.value.kind == kind


def test_a_user_who_may_not_create_is_told_so(database: Database, server: PostgresServer) -> None:
    server.set_password("onlooker", "looking")
    with pytest.raises(SourceError, match="privilege") as caught:
        avap_db.init(database.url(user="onlooker", password="looking"), CONNECT_TIMEOUT_S)
    assert caught.value.kind == "query"


def test_a_read_only_server_is_named(database: Database) -> None:
    with pytest.raises(SourceError, match="connect to the primary"):
        avap_db.init(database.url(options="-c default_transaction_read_only=on"), CONNECT_TIMEOUT_S)


def test_progress_counts_to_the_end(database: Database) -> None:
    init(database)
    seen: list[tuple[int, int]] = []
    avap_db.seed(
        database.url(), CONNECT_TIMEOUT_S, commands=COMMANDS, progress=lambda done, total: seen.append((done, total))
    )
    assert seen == [(1, 2), (2, 2)]


def test_the_packaged_commands_are_served_as_seeded(database: Database, make_source: MakeSource) -> None:
    init(database)
    packaged = load_commands()
    assert len(avap_db.seed(database.url(), CONNECT_TIMEOUT_S).inserted) == len(packaged)
    sink = RecordingSink()
    make_source().hydrate(sink)
    assert [row[1:] for row in sink.rows] == [
        (c.name.encode(), c.code.encode(), c.type.encode(), c.interface_json.encode()) for c in packaged
    ]


def test_an_init_waits_for_another_and_then_finds_its_tables(database: Database) -> None:
    with psycopg.connect(database.url()) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SELECT pg_advisory_xact_lock(%s)", [avap_db._ADVISORY_LOCK])
        second = pool.submit(init, database)
        other.execute("CREATE TABLE obex_dapl_functions (name text, code text)")
        other.commit()
        assert second.result(30).tables[0].created is False
