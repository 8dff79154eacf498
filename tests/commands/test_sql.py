"""ormDirect and ormCheckTable, with an SQLite database in memory and without any."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy

from .connector import Connector, after, error_of, run

NOT_CONFIGURED = {"error": "no SQL connection is configured"}


@pytest.fixture
def database() -> Iterator[Connector]:
    """A connector with a table `town` of two rows."""
    engine = sqlalchemy.create_engine("sqlite://", poolclass=sqlalchemy.StaticPool)
    with engine.connect() as connection:
        connection.execute(sqlalchemy.text("CREATE TABLE town (name TEXT, people INTEGER)"))
        connection.execute(sqlalchemy.text("INSERT INTO town VALUES ('Vigo', 292), ('Lugo', 98)"))
        connection.commit()
        connector = Connector()
        connector.conexion = connection  # type: ignore[attr-defined]
        connector.engine = engine  # type: ignore[attr-defined]
        yield connector
    engine.dispose()


def answer(connector: Connector, prompt: Any) -> Any:
    """What ormDirect stores."""
    run(connector, "ormDirect", prompt, "r")
    return connector.variables["r"]


def test_ormdirect_gives_rows_as_dicts(database: Connector) -> None:
    rows = answer(database, "SELECT name, people FROM town ORDER BY people")

    assert rows == [{"name": "Lugo", "people": 98}, {"name": "Vigo", "people": 292}]


def test_ormdirect_gives_an_empty_list_for_no_rows(database: Connector) -> None:
    assert answer(database, "SELECT name FROM town WHERE people > 1000") == []


def test_ormdirect_takes_the_statement_from_a_variable_and_backticks_as_quotes(database: Connector) -> None:
    database.variables["q"] = "SELECT people FROM town WHERE name = `Vigo`"

    assert answer(database, " q ") == [{"people": 292}]


def test_ormdirect_commits_and_counts(database: Connector) -> None:
    assert answer(database, "UPDATE town SET people = people + 1") == "Success: 2"

    database.conexion.rollback()  # type: ignore[attr-defined]
    assert answer(database, "SELECT people FROM town WHERE people IN (99, 293)") == [{"people": 293}, {"people": 99}]


def test_ormdirect_does_not_commit_in_a_sandbox(database: Connector) -> None:
    database.sandbox = True  # type: ignore[attr-defined]
    assert answer(database, "DELETE FROM town") == "Success: 2"

    database.conexion.rollback()  # type: ignore[attr-defined]
    assert answer(database, "SELECT count(*) AS n FROM town") == [{"n": 2}]


def test_ormdirect_gives_a_failure_as_a_value(database: Connector) -> None:
    result = answer(database, "SELECT 1 FROM nowhere")

    assert list(result) == ["error"]
    assert "no such table: nowhere" in result["error"]


@pytest.mark.parametrize("prompt", ["SELECT 1", 5, "ghost"])
def test_ormdirect_without_a_connection(prompt: Any) -> None:
    assert after("ormDirect", prompt, "r") == {"r": NOT_CONFIGURED}


@pytest.mark.parametrize(("name", "exists"), [("town", "True"), ("city", "False"), ("t", "True"), ("p", "True")])
def test_ormchecktable_answers_with_a_text(database: Connector, name: str, exists: str) -> None:
    database.variables["t"] = "town"
    database.local_vars["p"] = "town"
    run(database, "ormCheckTable", name, "r")

    assert database.variables["r"] == exists


def test_ormchecktable_gives_a_failure_as_a_value() -> None:
    connector = Connector()
    connector.engine = object()  # type: ignore[attr-defined]
    run(connector, "ormCheckTable", "town", "r")

    assert list(connector.variables["r"]) == ["error"]


def test_ormchecktable_without_a_connection() -> None:
    assert after("ormCheckTable", "town", "r") == {"r": NOT_CONFIGURED}


@pytest.mark.parametrize(("arguments", "error"), [([], "'dbaseName'"), (["town"], "'varTarget'")])
def test_ormchecktable_needs_both_arguments(arguments: list[Any], error: str) -> None:
    assert error_of("ormCheckTable", *arguments) == error
