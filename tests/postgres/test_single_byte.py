"""Databases in encodings of single bytes: every row that can be decoded is, the others are left out one by one."""

from __future__ import annotations

import psycopg
import pytest

from supervisor.sources import LeftOut
from supervisor.sources.postgres import PostgresSource
from supervisor.sources.single_byte import CODECS, LEFT_OUT_MAX
from tests.postgres.recording import CopyRow
from tests.postgres_server import PostgresServer, temporary_database

CONNECT_TIMEOUT_S = 10.0
STALL_TIMEOUT_S = 30.0
TABLE = "CREATE TABLE obex_dapl_functions (id serial PRIMARY KEY, name text, code text, type text, interface bytea)"


class PushedRows:
    """A `RowSink` that keeps what is pushed."""

    def __init__(self) -> None:
        self.rows: list[CopyRow] = []

    def push(
        self, id: int, name: bytes | None, code: bytes | None, type: bytes | None = None, interface: bytes | None = None
    ) -> None:
        self.rows.append((id, name, code, type, interface))

    def feed_copy(self, chunk: bytes | memoryview) -> int:
        raise AssertionError(f"{len(chunk)} bytes that are not UTF-8")


@pytest.mark.parametrize("encoding", CODECS)
def test_the_codec_has_the_characters_and_the_holes_of_postgresqls_conversion(
    server: PostgresServer, encoding: str
) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        holes = 0
        for byte in range(0x80, 0x100):
            translate = f"SELECT convert('\\x{byte:02x}'::bytea, '{encoding}', 'UTF8')"
            try:
                row = connection.execute(translate.encode()).fetchone()
                assert row is not None
                wanted = bytes(row[0]).decode()
            except psycopg.errors.UntranslatableCharacter:
                wanted = None
            try:
                found = bytes([byte]).decode(CODECS[encoding])
            except UnicodeDecodeError:
                found = None
                holes += 1
            assert found == wanted, hex(byte)
        assert holes, "it can be translated by PostgreSQL as a whole"


def test_a_byte_that_is_no_character_costs_its_row_only(server: PostgresServer) -> None:
    with temporary_database(server, "single_byte", "WIN1252") as name:
        server.execute(TABLE, database=name)
        insert = "INSERT INTO obex_dapl_functions (name, code, type, interface) VALUES "
        good = "".join(map(chr, [*range(1, 0x80), 0x20AC, *range(0xA0, 0x100)]))
        server.execute(insert + "('good', %s, NULL, %s)", [good, "[\u20ac]".encode()], database=name)
        for row in (
            "('code', 'x = 1' || chr(129), '', NULL)",
            "('na' || chr(141), 'x = 1', '', NULL)",
            "('type', 'x = 1', chr(143), NULL)",
            "(NULL, chr(144), '', NULL)",
            "('last', 'x = ' || chr(128), '', NULL)",
        ):
            server.execute(insert + row, database=name)
        told: list[tuple[LeftOut, ...]] = []
        source = PostgresSource(server.url(database=name), CONNECT_TIMEOUT_S, STALL_TIMEOUT_S, told.append)
        try:
            sink = PushedRows()
            source.hydrate(sink)

            assert sink.rows == [
                (1, b"good", good.encode(), None, "[\u20ac]".encode()),
                (6, b"last", "x = \u20ac".encode(), b"", None),
            ]
            assert source.left_out == (
                LeftOut("code", "", "code has a byte that is no character of WIN1252 (0x81 at byte 5)", 2),
                LeftOut("", "", "name has a byte that is no character of WIN1252 (0x8d at byte 2)", 3),
                LeftOut("type", "", "type has a byte that is no character of WIN1252 (0x8f at byte 0)", 4),
                LeftOut("", "", "code has a byte that is no character of WIN1252 (0x90 at byte 0)", 5),
            )
            assert told == [source.left_out]
            assert not source.changed()

            server.execute("DELETE FROM obex_dapl_functions WHERE id BETWEEN 2 AND 5", database=name)
            source.hydrate(PushedRows())
            assert not source.left_out
            assert len(told) == 1
        finally:
            source.close()


def test_of_very_many_such_rows_the_first_are_named_and_the_rest_counted(server: PostgresServer) -> None:
    many = 20_000
    with temporary_database(server, "single_byte_many", "WIN1252") as name:
        server.execute(TABLE, database=name)
        server.execute(
            "INSERT INTO obex_dapl_functions (name, code) "
            "SELECT 'c' || n, CASE WHEN n % 2 = 0 THEN chr(129) ELSE repeat('x', 700) END "
            f"FROM generate_series(1, {many}) n",
            database=name,
        )
        source = PostgresSource(server.url(database=name), CONNECT_TIMEOUT_S, STALL_TIMEOUT_S)
        try:
            sink = PushedRows()
            source.hydrate(sink)
        finally:
            source.close()
        assert len(source.left_out) == LEFT_OUT_MAX
        refused = [row for row in sink.rows if row[2] == b"\xff"]
        assert len(refused) == many // 2 - LEFT_OUT_MAX
        assert len(sink.rows) - len(refused) == many // 2
