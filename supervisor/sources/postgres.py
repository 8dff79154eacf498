"""The source `postgres`: the predecessor's table, read as it stands, streamed so that the supervisor's memory stays
flat.

Hydration is one read-only, repeatable-read transaction with one binary `COPY` of exactly (id, name, code, type,
interface). The statement is built from the columns that the table has. Nothing is ever written.

`changed` is the cheap check between two hydrations. The baseline it compares with is read *before* the snapshot of a
hydration is taken, so that a change committed in between is seen as new, never lost:

* The relation's identity, its columns, its file node (TRUNCATE, rewrites) and the tuple counters of
  pg_stat_all_tables, for inequality. Backends report their counters up to 10 s after a commit when they go idle
  (PGSTAT_IDLE_INTERVAL, pgstat.c), so a change is seen by the first poll later than that. A reset of statistics or a
  fail-over is an inequality too: one hydration more.
* A fingerprint over (ctid, xmin) of every row, at every tenth poll and after a reconnect. Where there are no usable
  counters (a view, a foreign or partitioned table, track_counts off, a hot standby, whose counters stand still) it is
  taken at every poll.

Where counters are usable the first fingerprint is taken by the first poll after a hydration, not inside it: over one
million rows it takes 0.6 s, the whole COPY of 1 GB 1.5 s. A change between the two is not lost, the counters show it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass

from supervisor.database_address import TABLE, Address, missing_columns, no_table
from supervisor.database_link import DatabaseLink, StopSignal
from supervisor.sources import LeftOut, RowSink, SourceError
from supervisor.sources.single_byte import CODECS, FIELDS, SingleByteRows

FINGERPRINT_EVERY_POLLS = 10

NAME_BYTES_MAX = 256
"""A longer name is a bad row; it is cut behind the limit, so that the sink sees that it is too long without all of it
travelling.
"""

FIELD_BYTES_MAX = (1 << 24) - 1
"""A record is at most this long. libpq holds a whole row in memory, so a longer field is replaced on the server by 16
MiB of "?", which the sink refuses and counts as too large: a 1 GB row costs the supervisor 16 MiB.
"""

REQUIRED_COLUMNS = ("name", "code")

_TRANSACTION = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"

_RELATION = f"""
SELECT c.oid, c.relkind, c.relhassubclass, pg_catalog.pg_relation_filenode(c.oid),
       pg_catalog.pg_stat_get_tuples_inserted(c.oid), pg_catalog.pg_stat_get_tuples_updated(c.oid),
       pg_catalog.pg_stat_get_tuples_deleted(c.oid),
       pg_catalog.current_setting('track_counts'), pg_catalog.pg_is_in_recovery(),
       pg_catalog.has_table_privilege(c.oid, 'SELECT'),
       a.attname, a.attnum, a.atttypid, a.attnotnull
FROM pg_catalog.pg_class c
LEFT JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.oid = pg_catalog.to_regclass('{TABLE}')
ORDER BY a.attnum"""

_BYTEA = "17"
_INTEGER_TYPES = ("20", "21", "23")  # int8, int2, int4 (pg_type.dat)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table, as pg_attribute tells it."""

    name: str
    number: str
    type_oid: str
    not_null: bool


@dataclass(frozen=True, slots=True)
class Relation:
    """What is known of the table without reading a row. Two equal ones mean: no sign of a change."""

    identity: tuple[str | None, ...]
    """oid, kind, has children, file node."""
    counters: tuple[str | None, ...]
    """Tuples inserted, updated, deleted since the last reset of statistics."""
    columns: tuple[Column, ...]
    counts_tuples: bool
    """Whether the counters move when rows change."""
    has_row_versions: bool
    """Whether (ctid, xmin) of its rows can be read and mean something."""


@dataclass(slots=True)
class Baseline:
    """The state of the table that the last good hydration saw, or an older one."""

    relation: Relation
    fingerprint: str | None
    """None until it was taken; equal to no other one then."""


class PostgresSource:
    """Rows of `obex_dapl_functions`. One connection is kept between polls and made anew when it is broken.

    `url`: libpq URL or `key=value` string, several hosts allowed. `connect_timeout_s`: for each address.
    `stall_timeout_s`: the longest silence of the server. `changed` and `hydrate` block and are for one thread;
    `cancel` is for any other.
    """

    name = "postgres"

    def __init__(
        self,
        url: str,
        connect_timeout_s: float,
        stall_timeout_s: float,
        on_left_out: Callable[[tuple[LeftOut, ...]], None] | None = None,
    ) -> None:
        self._url = url
        self._connect_timeout_s = connect_timeout_s
        self._stall_timeout_s = stall_timeout_s
        self._stop = StopSignal()
        self._lock = threading.Lock()  # held while the connection is in use
        self._link: DatabaseLink | None = None
        self._baseline: Baseline | None = None
        self._polls = 0
        self._reconnected = False
        self._on_left_out = on_left_out
        self.left_out: tuple[LeftOut, ...] = ()
        """Rows that cannot be decoded; all other bad rows are the sink's to refuse."""

    def changed(self) -> bool:
        """Whether the table may differ from what the last good `hydrate` read. True until there was one.

        Raises `SourceError`: "unreachable", "auth", "no_table", "missing_column", "stalled", "query", "cancelled".
        """
        with self._lock:
            if self._baseline is None:
                return True
            try:
                return self._differs(self._open_link(), self._baseline)
            except BaseException:
                self._drop_link()
                raise

    def hydrate(self, sink: RowSink) -> None:
        """Give all rows to the sink, in ascending id. Raises `SourceError` (kinds as `changed`) and what the
        sink raises; the sink has then seen a part of the rows.
        """
        with self._lock:
            self._baseline = None
            try:
                link = self._open_link()
                relation = _read_relation(link)
                self._begin(link)
                self.left_out = self._copy(link, relation.columns, sink)
                self._baseline = Baseline(relation, self._end(link, relation))
            except BaseException:
                self._drop_link()
                raise
            self._polls = 0
            self._reconnected = self._link is None
            if self.left_out and self._on_left_out is not None:
                self._on_left_out(self.left_out)

    def cancel(self) -> None:
        """End a running `changed` or `hydrate` at once with `SourceError("cancelled")`, and refuse later ones. From
        any thread.
        """
        self._stop.set()

    def close(self) -> None:
        """Cancel what runs and close the connection."""
        self.cancel()
        with self._lock:
            self._drop_link()
            self._stop.close()

    def _open_link(self) -> DatabaseLink:
        if self._link is not None and not self._link.answers(self._connect_timeout_s):
            self._drop_link()
        if self._link is None:
            address = Address.parse(self._url)
            self._link = DatabaseLink.connect(address, self._connect_timeout_s, self._stall_timeout_s, self._stop)
            self._reconnected = True
        return self._link

    def _drop_link(self) -> None:
        link, self._link = self._link, None
        if link is not None:
            link.close()

    def _copy(self, link: DatabaseLink, columns: tuple[Column, ...], sink: RowSink) -> tuple[LeftOut, ...]:
        """Read all rows; what could not be decoded."""
        statement = copy_statement(columns)
        if link.server_encoding not in CODECS:
            link.copy_out(statement, sink.feed_copy)
            return ()
        types = {column.name: column.type_oid for column in columns}
        rows = SingleByteRows(link.server_encoding, [types.get(name) != _BYTEA for name in FIELDS], sink)
        link.copy_out(statement, rows.feed)
        return tuple(rows.left_out)

    def _begin(self, link: DatabaseLink) -> None:
        """Open the transaction and settle what the role or the server might have set against a long, steady read."""
        lock_timeout_ms = max(1, round(self._stall_timeout_s * 900))
        settings = [
            # Gives up in the server before we hang up: a backend that waits for a lock does not notice that its client
            # left.
            f"lock_timeout = {lock_timeout_ms}",
            "statement_timeout = 0",  # slow is allowed, silent is not, and that we judge ourselves
            # Walk the primary key instead of sorting the table: the first row comes at once and the server spills
            # nothing.
            "enable_sort = off",
            "max_parallel_workers_per_gather = 0",  # a COPY leaves through one process anyway
            "jit = off" if link.server_version >= 110000 else "",
            "transaction_timeout = 0" if link.server_version >= 170000 else "",
            "synchronize_seqscans = off",  # physical order where there is no id to order by
            # Text of a SQL_ASCII database may be anything. Unconverted it reaches the sink, which refuses the bad rows
            # one by one; as UTF8 the server would refuse the whole COPY at the first. Likewise for encodings with bytes
            # that stand for no character, whose rows we decode.
            "client_encoding = SQL_ASCII" if link.server_encoding in {"SQL_ASCII", *CODECS} else "",
        ]
        link.script(";".join([_TRANSACTION, *(f"SET LOCAL {setting}" for setting in settings if setting)]))

    def _end(self, link: DatabaseLink, relation: Relation) -> str | None:
        """End the transaction; the fingerprint of its snapshot where counters cannot stand in for it.

        The rows are all delivered: a failure here costs a needless hydration later, so it does not fail this one.
        """
        try:
            fingerprint = None if relation.counts_tuples else _read_fingerprint(link, relation)
            link.script("COMMIT")
        except SourceError as error:
            self._drop_link()
            if error.kind == "cancelled":
                raise
            return None
        return fingerprint

    def _differs(self, link: DatabaseLink, baseline: Baseline) -> bool:
        relation = _read_relation(link)
        self._polls += 1
        if relation != baseline.relation:
            return True
        trusted = relation.counts_tuples and not self._reconnected
        first = trusted and baseline.fingerprint is None
        if trusted and not first and self._polls % FINGERPRINT_EVERY_POLLS:
            return False
        try:
            fingerprint = _read_fingerprint(link, relation)
        except SourceError as error:
            if error.kind != "stalled":
                raise
            # Too big to be looked over within the limit: reading it, which shows progress, settles the question.
            self._drop_link()
            return True
        if first:
            baseline.fingerprint = fingerprint
        self._reconnected = self._reconnected and fingerprint != baseline.fingerprint
        return fingerprint != baseline.fingerprint


def copy_statement(columns: tuple[Column, ...]) -> str:
    """The COPY for a table with these columns: (id int8, name, code, type, interface), in ascending id."""
    return f"COPY ({_select(columns)}) TO STDOUT (FORMAT BINARY)"


def _select(columns: tuple[Column, ...]) -> str:
    present = {column.name: column for column in columns}
    fields = [_name_field(present["name"])]
    fields += [_field(present[name]) if name in present else "NULL::text" for name in ("code", "type", "interface")]
    identifier = present.get("id")
    # "t.id" is the column; a bare "id" would name the result `id::int8`, which no index is on.
    if identifier is None:
        number, order = "row_number() OVER ()", ""
    elif identifier.type_oid not in _INTEGER_TYPES:
        number, order = "row_number() OVER (ORDER BY t.id)", ""
    elif identifier.not_null:
        number, order = "t.id::int8", " ORDER BY t.id"
    else:
        number, order = f"coalesce(t.id::int8, {-(1 << 63)})", " ORDER BY t.id NULLS FIRST"
    return f"SELECT {number}, {', '.join(fields)} FROM {TABLE} t{order}"


def _name_field(column: Column) -> str:
    if column.type_oid == _BYTEA:
        return f"substr(t.name, 1, {NAME_BYTES_MAX + 1})"
    return (
        f"CASE WHEN octet_length(t.name::text) > {NAME_BYTES_MAX} "
        f"THEN left(t.name::text, {NAME_BYTES_MAX + 1}) ELSE t.name::text END"
    )


def _field(column: Column) -> str:
    # A bytea travels as its bytes, which the sink takes for text or refuses, row by row. Its text would be hexadecimal,
    # and `convert_from` fails the whole COPY at the first row that is not UTF-8.
    bytea = column.type_oid == _BYTEA
    value = f"t.{column.name}" if bytea else f"t.{column.name}::text"
    # `least` says nothing new; without it the planner would make the constant, 16 MiB a column, for every query.
    mark = f"repeat('?', least(octet_length({value}), {FIELD_BYTES_MAX + 1}))"
    mark = f"convert_to({mark}, 'SQL_ASCII')" if bytea else mark
    return f"CASE WHEN octet_length({value}) > {FIELD_BYTES_MAX} THEN {mark} ELSE {value} END"


def _read_relation(link: DatabaseLink) -> Relation:
    rows = link.query(_RELATION)
    if not rows:
        raise no_table(link.address)
    kind, has_children = rows[0][1], rows[0][2]
    track_counts, in_recovery, selectable = rows[0][7:10]
    columns = tuple(
        Column(name, number or "", type_oid or "", not_null == "t")
        for name, number, type_oid, not_null in (row[10:14] for row in rows)
        if name is not None
    )
    if missing := tuple(name for name in REQUIRED_COLUMNS if name not in {column.name for column in columns}):
        raise missing_columns(link.address, missing)
    plain = kind in ("r", "m") and has_children == "f"
    return Relation(
        identity=rows[0][0:4],
        counters=rows[0][4:7],
        columns=columns,
        counts_tuples=plain and track_counts == "on" and in_recovery == "f",
        has_row_versions=plain and selectable == "t",
    )


def _read_fingerprint(link: DatabaseLink, relation: Relation) -> str:
    """Number of rows and the sum of a 64-bit hash of each: of its version where rows have one, else of its content."""
    if relation.has_row_versions:
        row, rows = "ctid::text || ' ' || xmin::text", TABLE
    else:
        row, rows = "entry::text", f"({_select(relation.columns)}) entry"
    if link.server_version >= 110000:
        hashed = f"hashtextextended({row}, 0)"
    else:
        hashed = f"('x' || left(md5({row}), 16))::bit(64)::int8"
    count, total = link.query(f"SELECT count(*), sum({hashed}) FROM {rows}")[0]
    return f"{count} {total}"
