"""What a hydration delivers from tables of every shape."""

from __future__ import annotations

import json

import pytest

from supervisor.sources.postgres import FIELD_BYTES_MAX, NAME_BYTES_MAX, PostgresSource
from tests.postgres.conftest import Database, MakeSource
from tests.postgres.recording import CopyRow, RecordingSink
from tests.postgres_server import PostgresServer, free_port, temporary_database
from tests.waiting import wait_until


def hydrate(source: PostgresSource) -> list[CopyRow]:
    sink = RecordingSink()
    source.hydrate(sink)
    return sink.rows


def test_rows_come_in_ascending_id_whatever_order_they_lie_in(database: Database, make_source: MakeSource) -> None:
    database.create_table()
    for number in (3, 1, 2):
        database.execute(
            "INSERT INTO obex_dapl_functions VALUES (%s, %s, %s, 'function', '[]')", number, f"n{number}", f"c{number}"
        )
    assert hydrate(make_source()) == [
        (number, b"n%d" % number, b"c%d" % number, b"function", b"[]") for number in (1, 2, 3)
    ]


def test_duplicates_and_nulls_pass_as_they_are(database: Database, make_source: MakeSource) -> None:
    database.create_table()
    database.execute(
        "INSERT INTO obex_dapl_functions (name, code, type, interface) VALUES "
        "('twice', 'first', NULL, NULL), (NULL, 'nameless', 'function', '[]'), ('twice', NULL, '', ''), "
        "('', 'é', 'x', 'y')"
    )
    assert hydrate(make_source()) == [
        (1, b"twice", b"first", None, None),
        (2, None, b"nameless", b"function", b"[]"),
        (3, b"twice", None, b"", b""),
        (4, b"", "é".encode(), b"x", b"y"),
    ]


def test_an_empty_table_is_an_empty_stream(database: Database, make_source: MakeSource) -> None:
    database.create_table()
    assert hydrate(make_source()) == []


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        pytest.param(
            "id serial PRIMARY KEY, name text, code text", [(1, b"b", b"B", None, None), (2, b"a", b"A", None, None)],
            id="neither type nor interface",
        ),
        pytest.param("name text, code text", [(1, b"b", b"B", None, None), (2, b"a", b"A", None, None)], id="no id"),
        pytest.param(
            "id bigint, name text, code text",
            [(-(1 << 63), b"b", b"B", None, None), (-(1 << 63), b"a", b"A", None, None)],
            id="id all NULL",
        ),
        pytest.param(
            "id uuid DEFAULT gen_random_uuid(), name char(4), code varchar",
            {(b"a   ", b"A"), (b"b   ", b"B"), (b"a", b"A"), (b"b", b"B")},
            id="id not a number",
        ),
    ],
)  # fmt: skip
def test_missing_columns_have_their_defaults(
    database: Database, make_source: MakeSource, columns: str, expected: list[CopyRow] | set[tuple[bytes, bytes]]
) -> None:
    database.create_table(columns)
    database.execute("INSERT INTO obex_dapl_functions (name, code) VALUES ('b', 'B'), ('a', 'A')")
    rows = hydrate(make_source())
    if isinstance(expected, set):
        assert [row[0] for row in rows] == [1, 2]
        assert {(row[1], row[2]) for row in rows} <= expected
    else:
        assert rows == expected


def test_rows_without_an_id_come_before_those_with_one(database: Database, make_source: MakeSource) -> None:
    database.create_table("id integer, name text, code text")
    database.execute("INSERT INTO obex_dapl_functions VALUES (7, 'c', 'new'), (NULL, 'c', 'old'), (-1, 'd', 'D')")
    assert [(row[0], row[2]) for row in hydrate(make_source())] == [(-(1 << 63), b"old"), (-1, b"D"), (7, b"new")]


def test_json_columns_come_as_text(database: Database, make_source: MakeSource) -> None:
    database.create_table("id smallserial PRIMARY KEY, name name, code text, type text, interface jsonb")
    database.execute("""INSERT INTO obex_dapl_functions VALUES (1, 'n', 'c', 't', '[{"item":"x"}]')""")
    ((number, name, code, kind, interface),) = hydrate(make_source())
    assert (number, name, code, kind) == (1, b"n", b"c", b"t")
    assert interface is not None
    assert json.loads(interface) == [{"item": "x"}]


@pytest.mark.parametrize(
    "setup",
    [
        pytest.param("CREATE VIEW obex_dapl_functions AS SELECT * FROM stored", id="view"),
        pytest.param("CREATE MATERIALIZED VIEW obex_dapl_functions AS SELECT * FROM stored", id="materialized view"),
        pytest.param(
            "CREATE TABLE obex_dapl_functions (id int, name text, code text) PARTITION BY RANGE (id);"
            "CREATE TABLE low PARTITION OF obex_dapl_functions FOR VALUES FROM (0) TO (2);"
            "CREATE TABLE high PARTITION OF obex_dapl_functions FOR VALUES FROM (2) TO (9);"
            "INSERT INTO obex_dapl_functions SELECT * FROM stored",
            id="partitioned",
        ),
        pytest.param(
            "CREATE SCHEMA other; CREATE TABLE other.obex_dapl_functions AS SELECT * FROM stored;"
            "ALTER ROLE ALL IN DATABASE {name} SET search_path = elsewhere, other",
            id="another schema of the search_path",
        ),
    ],
)
def test_other_relations_of_that_name_work(database: Database, make_source: MakeSource, setup: str) -> None:
    database.execute("CREATE TABLE stored (id int, name text, code text)")
    database.execute("INSERT INTO stored VALUES (2, 'b', 'B'), (1, 'a', 'A')")
    database.execute(setup.format(name=database.name))
    source = make_source()
    assert hydrate(source) == [(1, b"a", b"A", None, None), (2, b"b", b"B", None, None)]
    assert not source.changed()


def test_fields_no_record_can_hold_do_not_travel_whole(database: Database, make_source: MakeSource) -> None:
    """A row with 64 MB of code arrives as one that the builder counts as too large, in 16 MiB."""
    database.create_table("id serial PRIMARY KEY, name text, code text, type text, interface text")
    database.execute("INSERT INTO obex_dapl_functions (name, code) VALUES ('big', repeat('x', 64000000)), ('ok', 'c')")
    database.execute("INSERT INTO obex_dapl_functions (name, code) VALUES (repeat('é', 300), 'long name')")
    big, ok, long_name = hydrate(make_source(stall_timeout_s=10))
    assert big[2] is not None
    assert len(big[2]) == FIELD_BYTES_MAX + 1
    assert ok[2] == b"c"
    assert long_name[1] == ("é" * (NAME_BYTES_MAX + 1)).encode()


def test_bytes_of_a_database_without_an_encoding_arrive_as_they_are(
    server: PostgresServer, make_source: MakeSource
) -> None:
    """One row that is not UTF-8 must not take the others with it."""
    with temporary_database(server, "ascii_catalog", "SQL_ASCII") as name:
        database = Database(server, name)
        database.create_table()
        database.execute(
            r"INSERT INTO obex_dapl_functions (name, code) VALUES ('good', 'é'), ('bad', E'\xff\xfe'), ('z', 'z')"
        )
        source = make_source(url=database.url())
        assert [row[1:3] for row in hydrate(source)] == [
            (b"good", "é".encode()),
            (b"bad", b"\xff\xfe"),
            (b"z", b"z"),
        ]
        source.close()


def test_other_encodings_are_told_in_utf8(server: PostgresServer, make_source: MakeSource) -> None:
    with temporary_database(server, "latin_catalog", "LATIN1") as name:
        database = Database(server, name)
        database.create_table()
        database.execute("INSERT INTO obex_dapl_functions (name, code) VALUES ('é', 'ÿ')")
        source = make_source(url=database.url())
        assert [row[1:3] for row in hydrate(source)] == [("é".encode(), "ÿ".encode())]
        source.close()


def test_the_primary_key_is_walked_rather_than_the_table_sorted(database: Database, make_source: MakeSource) -> None:
    database.create_table()
    database.add_commands(2000)
    source = make_source()
    assert len(hydrate(source)) == 2000
    source.close()
    read = wait_until(
        lambda: database.execute("SELECT idx_tup_fetch, seq_tup_read FROM pg_stat_user_tables WHERE idx_scan > 0"),
        20,
        "the server counts an index scan",
    )
    assert read == [(2000, 0)]


def test_nothing_is_written(database: Database, make_source: MakeSource) -> None:
    """A view that writes, even by a function, is refused by the transaction."""
    database.execute(
        "CREATE SEQUENCE counter; CREATE VIEW obex_dapl_functions AS "
        "SELECT nextval('counter') AS id, 'n'::text AS name, 'c'::text AS code"
    )
    with pytest.raises(Exception, match="read-only"):
        hydrate(make_source())
    assert database.execute("SELECT is_called FROM counter") == [(False,)]


def test_rows_are_handed_on_in_batches(database: Database, make_source: MakeSource) -> None:
    database.create_table()
    database.add_commands(3000, code_bytes=1000)
    sink = RecordingSink()
    make_source().hydrate(sink)
    assert len(sink.rows) == 3000
    assert sink.calls < 40


@pytest.mark.parametrize("form", ["key=value", "unix socket", "several hosts", "encoded password"])
def test_every_form_of_address_works(
    database: Database, server: PostgresServer, make_source: MakeSource, form: str
) -> None:
    database.create_table()
    database.add_commands(1)
    if form == "key=value":
        url = f"host=127.0.0.1 port={server.port} user={server.user} password={server.password} dbname={database.name}"
    elif form == "unix socket":
        url = server.socket_url(database=database.name)
    elif form == "several hosts":
        url = database.url().replace(f"127.0.0.1:{server.port}", f"127.0.0.1:{free_port()},127.0.0.1:{server.port}")
    else:
        server.set_password("reader", "p@ss/w:rd?#%")
        database.execute("GRANT SELECT ON obex_dapl_functions TO reader")
        url = database.url(user="reader", password="p@ss/w:rd?#%")
    assert len(hydrate(make_source(url=url))) == 1
