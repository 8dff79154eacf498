"""One connection to PostgreSQL in which no wait is without an end.

Every wait for the server goes through one `poll` on two descriptors, the socket and a `StopSignal`, with a limit. So a
black-holed server ends in `SourceError("stalled")` after `stall_timeout_s` without a byte, and a shutdown interrupts
the wait at once; neither needs a second thread that closes sockets under a running query. A server which is slow but
still sends is never cut off. Queries go through `psycopg.pq` (libpq, non-blocking) rather than cursors because that is
where the waiting can be done by us; connecting stays with psycopg, which walks the hosts and addresses of a multi-host
URL.
"""

from __future__ import annotations

import contextlib
import functools
import os
import re
import select
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from appliance._native import CopyReader
from supervisor.database_address import TABLE, Address, failed_statement, lost_connection, refused_connection
from supervisor.sources import SourceError

if TYPE_CHECKING:
    from psycopg.pq.abc import PGconn, PGresult

CONNECT_TOTAL_S_MAX = 60.0
"""Bound on connecting altogether: name look-up (which nothing can interrupt) and every address of every host."""

COPY_BATCH_BYTES = 256 * 1024
"""libpq yields one message a row; they are joined to about this size before they are handed on."""

Row = tuple[str | None, ...]


class StopSignal:
    """A flag that a `poll` can wait for. `set` may be called from any thread and as often as one likes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._fd = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self._is_set = False

    @property
    def is_set(self) -> bool:
        """Whether `set` or `close` was called."""
        return self._is_set

    def fileno(self) -> int:
        """The descriptor, readable once the signal is set; -1 when closed."""
        return self._fd

    def set(self) -> None:
        """Wake everything that waits, for good."""
        with self._lock:
            if not self._is_set:
                self._is_set = True
                os.eventfd_write(self._fd, 1)

    def close(self) -> None:
        """Free the descriptor. Only when no thread waits on it any more."""
        with self._lock:
            self._is_set = True
            if self._fd >= 0:
                os.close(self._fd)
                self._fd = -1


class DatabaseLink:
    """An open connection in autocommit. For one thread at a time. After any error it is to be closed: its state is
    unknown.
    """

    def __init__(
        self, connection: psycopg.Connection, address: Address, stop: StopSignal, stall_timeout_s: float
    ) -> None:
        self._connection = connection
        self._pgconn: PGconn = connection.pgconn
        self._address = address
        self._stop = stop
        self._stall_timeout_s = stall_timeout_s

    @classmethod
    def connect(
        cls, address: Address, connect_timeout_s: float, stall_timeout_s: float, stop: StopSignal
    ) -> DatabaseLink:
        """Connect to the first host that answers; each address gets `connect_timeout_s` (libpq's floor is 2 s).

        Raises `SourceError`: "unreachable", "auth", or "cancelled" when `stop` is set meanwhile.
        """
        dial = _Dial(address, address.parameters(connect_timeout_s, stall_timeout_s))
        return cls(dial.wait(stop), address, stop, stall_timeout_s)

    @property
    def address(self) -> Address:
        """Where this connection goes."""
        return self._address

    @property
    def server_version(self) -> int:
        """libpq's form: 150018 is 15.18."""
        return self._pgconn.server_version

    @property
    def server_encoding(self) -> str:
        """The encoding of the database, `UTF8` or `SQL_ASCII` for example."""
        return (self._pgconn.parameter_status(b"server_encoding") or b"").decode("ascii", "replace")

    def query(self, sql: str, parameters: Sequence[str | None] = (), timeout_s: float | None = None) -> list[Row]:
        """Run one statement; `$1`, `$2`… stand for `parameters`. Values come back as PostgreSQL's text."""
        encoded = [None if value is None else value.encode() for value in parameters]
        with self._libpq_errors():
            self._pgconn.send_query_params(sql.encode(), encoded)
        return [row for result in self._results(timeout_s) for row in _text_rows(result)]

    def script(self, sql: str) -> None:
        """Run several statements, separated by semicolons, in one round trip."""
        with self._libpq_errors():
            self._pgconn.send_query(sql.encode())
        self._results(None)

    def copy_out(self, sql: str, feed: Callable[[bytes], object]) -> None:
        """Run a `COPY … TO STDOUT` and hand its bytes to `feed` in pieces of about `COPY_BATCH_BYTES`.

        What `feed` raises goes through unchanged.
        """
        with self._libpq_errors():
            self._pgconn.send_query(sql.encode())
        self._flush()
        result = self._next_result(None)
        if result is None or result.status != pq.ExecStatus.COPY_OUT:
            raise self._failure(result)
        with self._libpq_errors():
            self._feed_rows(feed)
        self._results(None)

    def answers(self, timeout_s: float) -> bool:
        """Whether a connection that was idle is still there. Firewalls drop without a word, so silence counts as no."""
        try:
            return self.query("SELECT 1", timeout_s=timeout_s) == [("1",)]
        except SourceError as error:
            if error.kind == "cancelled":
                raise
            return False

    def close(self) -> None:
        """Close the socket; never waits for the server."""
        self._connection.close()

    def _feed_rows(self, feed: Callable[[bytes], object]) -> None:
        libpq = _loaded_libpq()
        if libpq is None:
            self._feed_rows_one_by_one(feed)
            return
        reader = CopyReader(self._pgconn, libpq)
        while True:
            chunk, state = reader.read(COPY_BATCH_BYTES, self._stop.fileno(), self._stall_timeout_s)
            if self._stop.is_set:
                raise _cancelled()
            if chunk:
                feed(chunk)
            if state == "end":
                return
            if state == "failed":
                raise lost_connection(self._address, self._pgconn.get_error_message())
            if not chunk:
                raise self._stalled(self._stall_timeout_s)

    def _feed_rows_one_by_one(self, feed: Callable[[bytes], object]) -> None:
        """For a psycopg whose libpq is not a library of its own."""
        get_copy_data = self._pgconn.get_copy_data
        rows: list[memoryview] = []
        size = 0
        reads = 0
        while True:
            count, row = get_copy_data(1)
            if count > 0:
                reads = 0
                rows.append(row)
                size += count
                if size >= COPY_BATCH_BYTES:
                    feed(b"".join(rows))
                    rows.clear()
                    size = 0
            elif count < 0:
                break
            else:
                # Two reads before a poll: the first saves the poll while data flows, the second drains what a TLS
                # record left inside OpenSSL, which no poll on the socket would report.
                if reads == 2:
                    self._wait(select.POLLIN, None)
                    reads = 0
                reads += 1
                self._pgconn.consume_input()
        if rows:
            feed(b"".join(rows))

    def _results(self, timeout_s: float | None) -> list[PGresult]:
        """Everything the server answers until it is ready for the next query. Raises for the first error."""
        self._flush()
        results: list[PGresult] = []
        failed: PGresult | None = None
        while (result := self._next_result(timeout_s)) is not None:
            if result.status in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
                results.append(result)
            else:
                failed = failed or result
        if failed is not None:
            raise self._failure(failed)
        return results

    def _next_result(self, timeout_s: float | None) -> PGresult | None:
        with self._libpq_errors():
            while self._pgconn.is_busy():
                self._wait(select.POLLIN, timeout_s)
                self._pgconn.consume_input()
            return self._pgconn.get_result()

    def _flush(self) -> None:
        with self._libpq_errors():
            while self._pgconn.flush():
                # Read as well: a server that waits for us to read would never read from us.
                if self._wait(select.POLLIN | select.POLLOUT, None) & select.POLLIN:
                    self._pgconn.consume_input()

    def _wait(self, events: int, timeout_s: float | None) -> int:
        limit_s = self._stall_timeout_s if timeout_s is None else timeout_s
        if ready := _poll(self._pgconn.socket, events, self._stop, limit_s):
            return ready
        raise self._stalled(limit_s)

    def _stalled(self, limit_s: float) -> SourceError:
        return SourceError(
            "stalled",
            f"PostgreSQL at {self._address.place} sent nothing for {limit_s:g} s: look for a lock on {TABLE}, "
            "an overloaded server, or a network that drops packets",
        )

    @contextlib.contextmanager
    def _libpq_errors(self) -> Iterator[None]:
        try:
            yield
        except psycopg.Error as error:
            raise lost_connection(self._address, str(error)) from None

    def _failure(self, result: PGresult | None) -> SourceError:
        if result is None:
            return lost_connection(self._address, "no answer to the query")
        state = result.error_field(pq.DiagnosticField.SQLSTATE)
        if state is None:  # made by libpq itself, not by the server
            return lost_connection(self._address, result.error_message.decode("utf-8", "replace"))
        text = result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b""
        return failed_statement(self._address, state.decode("ascii", "replace"), text.decode("utf-8", "replace"))


class _Dial:
    """Connecting, in a thread of its own: a name look-up cannot be interrupted, so on a stop the thread is left to end
    by itself.

    It tells that it is done by closing its end of a pipe; each end has one owner.
    """

    def __init__(self, address: Address, parameters: dict[str, str]) -> None:
        self._address = address
        self._conninfo = make_conninfo("", **parameters)
        self._lock = threading.Lock()
        self._abandoned = False
        self._outcome: psycopg.Connection | SourceError | None = None

    def wait(self, stop: StopSignal) -> psycopg.Connection:
        done, finished = os.pipe2(os.O_CLOEXEC)
        try:
            try:
                threading.Thread(target=self._run, args=(finished,), name="avap-db-connect", daemon=True).start()
            except BaseException:
                os.close(finished)
                raise
            in_time = _poll(done, select.POLLIN, stop, CONNECT_TOTAL_S_MAX)
        except BaseException:
            self._abandon()
            raise
        finally:
            os.close(done)
        outcome = self._outcome if in_time else self._abandon()
        if isinstance(outcome, psycopg.Connection):
            return outcome
        raise outcome or refused_connection(self._address, f"no connection within {CONNECT_TOTAL_S_MAX:g} s")

    def _run(self, finished: int) -> None:
        try:
            outcome = self._connect()
            with self._lock:
                if not self._abandoned:
                    self._outcome = outcome
                elif isinstance(outcome, psycopg.Connection):
                    outcome.close()
        finally:
            os.close(finished)

    def _connect(self) -> psycopg.Connection | SourceError:
        try:
            return psycopg.Connection.connect(self._conninfo, autocommit=True)
        except (psycopg.Error, OSError, UnicodeError) as error:
            return refused_connection(self._address, str(error))

    def _abandon(self) -> SourceError | None:
        with self._lock:
            self._abandoned = True
            outcome, self._outcome = self._outcome, None
        if isinstance(outcome, psycopg.Connection):
            outcome.close()
            return None
        return outcome


def _poll(fd: int, events: int, stop: StopSignal, timeout_s: float) -> int:
    """The events of `fd` that are ready, 0 after `timeout_s`. Raises `SourceError("cancelled")` as soon as `stop` is
    set.
    """
    ready: dict[int, int] = {}
    if not stop.is_set:
        poller = select.poll()
        poller.register(fd, events)
        poller.register(stop.fileno(), select.POLLIN)
        ready = dict(poller.poll(timeout_s * 1000))
    if stop.is_set:
        raise _cancelled()
    return ready.get(fd, 0)


def _cancelled() -> SourceError:
    return SourceError("cancelled", "reading from PostgreSQL was interrupted because the appliance stops")


@functools.cache
def _loaded_libpq() -> str | None:
    """Path of the libpq that psycopg has loaded; None when it is not a library of its own, or not the only one."""
    maps = Path("/proc/self/maps").read_text(encoding="utf-8", errors="surrogateescape")
    paths = {line.partition("/")[2] for line in maps.splitlines()}
    found = [f"/{path}" for path in paths if re.match(r"libpq[-.].*so", path.rpartition("/")[2])]
    return found[0] if len(found) == 1 else None


def _text_rows(result: PGresult) -> list[Row]:
    columns = range(result.nfields)
    return [tuple(_text(result.get_value(row, column)) for column in columns) for row in range(result.ntuples)]


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("utf-8", "replace")
