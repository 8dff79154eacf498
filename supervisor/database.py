"""`avap db init` and `avap db seed`: the only two things that write to the database.

Each is one transaction under one advisory lock, so that it happens wholly or not at all, may be repeated, and may be
run by several people at the same time. Tables that exist are never altered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from supervisor.database_address import TABLE, Address, missing_columns, no_table
from supervisor.database_link import DatabaseLink, StopSignal
from supervisor.sources.command_file import EmbeddedCommand
from supervisor.sources.embedded import load_commands

BYTECODE_TABLE = "avap_bytecode"

STALL_TIMEOUT_S = 30.0
"""How long the server, or somebody else who holds the lock, may keep us waiting."""

# Any number will do that is the same for every appliance and nobody else's.
_ADVISORY_LOCK = int.from_bytes(hashlib.sha256(b"avap db").digest()[:8], signed=True)

# The predecessor's tables, type by type.
_CREATE = {
    TABLE: f"""
        CREATE TABLE {TABLE} (
            id serial PRIMARY KEY,
            name varchar(100),
            interface text,
            description text,
            type varchar(50),
            logic boolean,
            componenttype varchar(50),
            service varchar(50),
            command varchar(50),
            code text
        )""",
    BYTECODE_TABLE: f"""
        CREATE TABLE {BYTECODE_TABLE} (
            id serial PRIMARY KEY,
            command_name varchar(100) UNIQUE NOT NULL,
            bytecode bytea,
            version integer DEFAULT 1,
            compiled_at timestamp DEFAULT now(),
            source_hash varchar(64),
            is_verified boolean DEFAULT false
        )""",
}

_COLUMNS = """
SELECT attname, format_type(atttypid, NULL)
FROM pg_attribute
WHERE attrelid = to_regclass($1) AND attnum > 0 AND NOT attisdropped
ORDER BY attnum"""

Progress = Callable[[int, int], None]
"""Called with (done, total)."""


@dataclass(frozen=True, slots=True)
class TableReport:
    """What `init` found or did about one table."""

    table: str
    created: bool
    missing_columns: tuple[str, ...]
    """Columns that the appliance cannot do without and that an existing table lacks; it was left alone."""


@dataclass(frozen=True, slots=True)
class InitReport:
    """`place` is the server and database, without user or password."""

    place: str
    tables: tuple[TableReport, ...]


@dataclass(frozen=True, slots=True)
class SeedReport:
    """Names of commands by what `seed` did, each in the order of the commands. `place` as in `InitReport`."""

    place: str
    inserted: tuple[str, ...]
    updated: tuple[str, ...]
    differing: tuple[str, ...]
    """There with another text, and left so because `replace` was not asked for."""
    unchanged: tuple[str, ...]


def init(url: str, connect_timeout_s: float) -> InitReport:
    """Create the two tables where they are absent from the search_path.

    Raises `SourceError`: "unreachable", "auth", "stalled", "query" (no privilege, a read-only server).
    """
    with _transaction(url, connect_timeout_s) as link:
        tables = tuple(_create(link, table) for table in _CREATE)
        return InitReport(link.address.place, tables)


def seed(
    url: str,
    connect_timeout_s: float,
    *,
    replace: bool = False,
    commands: Sequence[EmbeddedCommand] | None = None,
    progress: Progress | None = None,
) -> SeedReport:
    """Insert the commands (default: those packaged with the appliance) whose name is absent.

    With `replace`, the row that counts for a name (the highest id) is rewritten where its text differs. Columns that
    the table does not have are passed over. Raises `SourceError` as `init`, and "no_table", "missing_column".
    """
    if commands is None:
        commands = load_commands()
    outcomes: dict[str, list[str]] = {"inserted": [], "updated": [], "differing": [], "unchanged": []}
    with _transaction(url, connect_timeout_s) as link:
        columns = _columns(link, TABLE)
        if not columns:
            raise no_table(link.address)
        if missing := _missing(columns):
            raise missing_columns(link.address, missing)
        for number, command in enumerate(commands, 1):
            outcomes[_seed_one(link, columns, command, replace)].append(command.name)
            if progress is not None:
                progress(number, len(commands))
        place = link.address.place
    return SeedReport(place, **{outcome: tuple(names) for outcome, names in outcomes.items()})


@contextmanager
def _transaction(url: str, connect_timeout_s: float) -> Iterator[DatabaseLink]:
    stop = StopSignal()
    try:
        link = DatabaseLink.connect(Address.parse(url), connect_timeout_s, STALL_TIMEOUT_S, stop)
        try:
            lock_timeout_ms = round(STALL_TIMEOUT_S * 900)
            link.script(
                f"BEGIN; SET LOCAL lock_timeout = {lock_timeout_ms}; SET LOCAL client_min_messages = warning;"
                f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"
            )
            yield link
            link.script("COMMIT")
        finally:
            link.close()  # without a COMMIT nothing happened
    finally:
        stop.close()


def _create(link: DatabaseLink, table: str) -> TableReport:
    columns = _columns(link, table)
    if not columns:
        link.script(_CREATE[table])
        return TableReport(table, created=True, missing_columns=())
    return TableReport(table, created=False, missing_columns=_missing(columns) if table == TABLE else ())


def _columns(link: DatabaseLink, table: str) -> dict[str, str]:
    """Column names and types of the table, empty if it is not on the search_path."""
    return {name: kind for name, kind in link.query(_COLUMNS, [table]) if name is not None and kind is not None}


def _missing(columns: dict[str, str]) -> tuple[str, ...]:
    return tuple(name for name in ("name", "code") if name not in columns)


def _seed_one(link: DatabaseLink, columns: dict[str, str], command: EmbeddedCommand, replace: bool) -> str:
    wanted = {
        "code": command.code,
        "type": command.type,
        "interface": command.interface_json,
        "description": command.description,
    }
    texts = {column: text for column, text in wanted.items() if column in columns}
    numbered = list(enumerate(texts, 2))  # $1 is the name
    parameters = [command.name, *texts.values()]
    # The row that counts: of several with one name the highest id wins. Without ids all of them are taken to count.
    counts = f" AND id = (SELECT max(id) FROM {TABLE} WHERE name = $1)" if "id" in columns else ""
    # json has no equality and jsonb rewrites what it is given, so both are compared as jsonb.
    differs = " OR ".join(
        f"{column}::{_comparable(columns[column])} IS DISTINCT FROM ${number}::{_comparable(columns[column])}"
        for number, column in numbered
    )
    found = link.query(f"SELECT {differs} FROM {TABLE} WHERE name = $1{counts}", parameters)
    if not found:
        names = ", ".join(texts)
        values = ", ".join(f"${number}::{_written(columns[column])}" for number, column in numbered)
        link.query(f"INSERT INTO {TABLE} (name, {names}) VALUES ($1, {values})", parameters)
        return "inserted"
    if ("t",) not in found:
        return "unchanged"
    if not replace:
        return "differing"
    settings = ", ".join(f"{column} = ${number}::{_written(columns[column])}" for number, column in numbered)
    link.query(f"UPDATE {TABLE} SET {settings} WHERE name = $1{counts}", parameters)
    return "updated"


def _written(column_type: str) -> str:
    """The type to send a value as: text goes into every kind of string by itself, into json only by a cast."""
    return column_type if column_type in ("json", "jsonb") else "text"


def _comparable(column_type: str) -> str:
    return "jsonb" if column_type in ("json", "jsonb") else "text"
