"""One server for the session, one database for each test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from supervisor.sources.postgres import PostgresSource
from tests.postgres_server import PostgresServer, temporary_database
from tests.tcp_proxy import TcpProxy

CONNECT_TIMEOUT_S = 2.0  # psycopg's floor
STALL_TIMEOUT_S = 1.0

_numbers = itertools.count(1)


@dataclass(frozen=True)
class Database:
    """One test's database."""

    server: PostgresServer
    name: str

    def url(self, **overrides: Any) -> str:
        """As `PostgresServer.url`."""
        return self.server.url(database=self.name, **overrides)

    def execute(self, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
        """As `PostgresServer.execute`."""
        return self.server.execute(statement, parameters or None, database=self.name)

    def create_table(
        self, columns: str = "id serial PRIMARY KEY, name varchar(100), code text, type varchar(50), interface text"
    ) -> None:
        """The table of commands with these columns."""
        self.execute(f"CREATE TABLE obex_dapl_functions ({columns})")

    def add_commands(self, count: int, code_bytes: int = 20) -> None:
        """Insert command_1 … command_`count`, each with a code of this length."""
        self.execute(
            "INSERT INTO obex_dapl_functions (name, code) SELECT 'command_' || g, rpad('code ' || g, %s, 'x') "
            "FROM generate_series(1, %s) g ORDER BY g",
            code_bytes,
            count,
        )


@pytest.fixture(scope="session")
def server() -> Iterator[PostgresServer]:
    with PostgresServer() as running:
        yield running


@pytest.fixture
def database(server: PostgresServer) -> Iterator[Database]:
    with temporary_database(server, f"catalog_{next(_numbers)}") as name:
        yield Database(server, name)


@pytest.fixture
def proxy(server: PostgresServer) -> Iterator[TcpProxy]:
    with TcpProxy(server.port) as running:
        yield running


MakeSource = Callable[..., PostgresSource]


@pytest.fixture
def make_source(database: Database) -> Iterator[MakeSource]:
    """`make_source(url=…, connect_timeout_s=…, stall_timeout_s=…)`: a source, closed at the end of the test."""
    sources: list[PostgresSource] = []

    def make(
        url: str | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
        stall_timeout_s: float = STALL_TIMEOUT_S,
    ) -> PostgresSource:
        sources.append(PostgresSource(url or database.url(), connect_timeout_s, stall_timeout_s))
        return sources[-1]

    yield make
    for source in sources:
        source.close()
