"""Where PostgreSQL is and how to speak of it: the URL, what we add to it, and failures told without the password.

Every message about the database is made here, so that what must not be in one (a password, a whole URL) is kept out in
one place.
"""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field
from urllib.parse import unquote

import psycopg
from psycopg.conninfo import conninfo_to_dict

from supervisor.sources import SourceError

TABLE = "obex_dapl_functions"
"""The predecessor's table of commands, found on the connection's search_path."""

SECRET_CHARS_MIN = 4
"""Shorter passwords are not searched for in messages: a one-letter one would blank every word. libpq itself quotes
none.
"""

_URL = re.compile(r"(?P<scheme>postgres(?:ql)?)://(?P<authority>[^/?]*)(?P<rest>.*)", re.DOTALL)

# libpq hands out no SQLSTATE for a refused connection, only the server's words.
_AUTH = re.compile(
    r"authentication failed|no pg_hba\.conf entry|pg_hba\.conf rejects|role \".*\" does not exist|no password supplied"
    r"|permission denied for database|not permitted to log in|certificate authentication|password is required",
    re.IGNORECASE,
)
_NO_DATABASE = re.compile(r"database \".*\" does not exist")


@dataclass(frozen=True, slots=True)
class Address:
    """A parsed DATABASE_URL (URL or `key=value` form, one host or several)."""

    place: str
    """Hosts, ports and database for people: `db1:5432,db2:5432/avap`."""
    user: str
    _settings: dict[str, str] = field(repr=False)
    _secrets: tuple[str, ...] = field(repr=False)

    @classmethod
    def parse(cls, url: str) -> Address:
        """Raises `SourceError("unreachable")` for what libpq cannot read, or would read as something else than was
        meant.
        """
        secrets = [url]
        if match := _URL.match(url):
            authority, rest = match["authority"], match["rest"]
            # libpq would take the part of an unescaped password behind its first "@" or "/" for a host name, and say
            # it aloud.
            if authority.count("@") > 1 or ("@" not in authority and "@" in rest):
                raise _unreadable(
                    "an '@', '/' or '?' inside the user name or password must be percent-encoded (%40, %2F, %3F)"
                )
            secrets.append(authority.rpartition("@")[0].partition(":")[2])
        try:
            settings = {key: str(value) for key, value in conninfo_to_dict(url).items() if value is not None}
        except psycopg.Error:
            raise _unreadable("expected postgresql://user:password@host:5432/database") from None
        secrets += [settings.get("password", ""), settings.get("sslpassword", "")]
        secrets += [unquote(secret) for secret in secrets]
        return cls(
            place=_place(settings),
            user=settings.get("user", ""),
            _settings=settings,
            _secrets=tuple(sorted({s for s in secrets if len(s) >= SECRET_CHARS_MIN}, key=len, reverse=True)),
        )

    def parameters(self, connect_timeout_s: float, stall_timeout_s: float) -> dict[str, str]:
        """libpq parameters. What the URL says itself wins over ours, except the client encoding.

        Keep-alive finds a silently dropped idle connection within 25 s; tcp_user_timeout does so for data that nobody
        acknowledges.
        """
        ours = {
            "connect_timeout": str(max(1, math.ceil(connect_timeout_s))),
            "fallback_application_name": "avap",
            "keepalives": "1",
            "keepalives_idle": "10",
            "keepalives_interval": "5",
            "keepalives_count": "3",
            "tcp_user_timeout": str(max(1, round(stall_timeout_s * 1000))),
        }
        return ours | self._settings | {"client_encoding": "UTF8"}

    def safe(self, text: str) -> str:
        """`text` on one line, without any secret of this address."""
        for secret in self._secrets:
            text = text.replace(secret, "***")
        return " ".join(text.split())


def refused_connection(address: Address, text: str) -> SourceError:
    """The error for a connection that could not be made; `text` is libpq's account of it."""
    said = address.safe(text)
    if _AUTH.search(text):
        return SourceError(
            "auth",
            f"PostgreSQL at {address.place} refused the user: check name and password in DATABASE_URL and the server's "
            f"pg_hba.conf; it said: {said}",
        )
    if _NO_DATABASE.search(text):
        return SourceError(
            "unreachable",
            f"PostgreSQL at {address.place} answers but has no such database: check the name at the end of "
            f"DATABASE_URL; it said: {said}",
        )
    return SourceError(
        "unreachable",
        f"cannot connect to PostgreSQL at {address.place}: check that it runs, DATABASE_URL, and the "
        f"network between; {said}",
    )


def lost_connection(address: Address, text: str) -> SourceError:
    """The error for a connection that broke while in use."""
    return SourceError(
        "unreachable",
        f"lost the connection to PostgreSQL at {address.place}; it is made again at the next try: {address.safe(text)}",
    )


def failed_statement(address: Address, sqlstate: str, text: str) -> SourceError:
    """The error for a statement that the server refused (SQLSTATE: PostgreSQL manual, appendix A)."""
    said = f"{address.safe(text)} (SQLSTATE {sqlstate})"
    at = f"PostgreSQL at {address.place}"
    if sqlstate in ("28000", "28P01"):
        return SourceError("auth", f"{at} refused the user: check name and password in DATABASE_URL; it said: {said}")
    if sqlstate in ("42P01", "3F000"):
        return no_table(address)
    if sqlstate == "42703":
        return SourceError("missing_column", f"{at}: {TABLE} changed while it was read or lacks a column: {said}")
    if sqlstate == "42501":
        return SourceError(
            "query",
            f"{at}: the user '{address.user}' lacks a privilege: GRANT SELECT ON {TABLE} to serve it, or use the owner "
            f"for `avap db init` and `avap db seed`; it said: {said}",
        )
    if sqlstate == "55P03":
        return SourceError("stalled", f"{at}: {TABLE} is locked by another session (see pg_locks); it said: {said}")
    if sqlstate == "25006":
        return SourceError("query", f"{at} is read-only: connect to the primary; it said: {said}")
    if sqlstate[:2] in ("08", "53") or sqlstate in ("57P01", "57P02", "57P03", "57P05"):
        return SourceError("unreachable", f"{at} ended the work, which is tried again; it said: {said}")
    if sqlstate in ("22021", "22P05"):
        return SourceError(
            "query",
            f"{at}: a row of {TABLE} cannot be told in UTF-8: find and correct the text it names; it said: {said}",
        )
    return SourceError("query", f"{at} could not run our statement on {TABLE}; it said: {said}")


def no_table(address: Address) -> SourceError:
    """The error for a database without the table."""
    return SourceError(
        "no_table",
        f"PostgreSQL at {address.place} has no table {TABLE} on the search_path of '{address.user}': run "
        "`avap db init` and `avap db seed`, or check the database name and the schema's privileges",
    )


def missing_columns(address: Address, columns: tuple[str, ...]) -> SourceError:
    """The error for a table without a column that cannot be done without."""
    return SourceError(
        "missing_column",
        f"{TABLE} in PostgreSQL at {address.place} lacks a column that every command needs: add it, or give the "
        f"appliance a view of that name which has it: {', '.join(columns)}",
    )


def _unreadable(advice: str) -> SourceError:
    return SourceError("unreachable", f"DATABASE_URL is not a PostgreSQL address: {advice}")


def _place(settings: dict[str, str]) -> str:
    hosts = (settings.get("host") or settings.get("hostaddr") or "the local socket").split(",")
    ports = settings.get("port", "5432").split(",")
    if len(ports) < len(hosts):
        ports = [ports[0]] * len(hosts)
    pairs = [f"{host}:{port}" for host, port in zip(hosts, ports, strict=False)]
    return f"{','.join(pairs)}/{settings.get('dbname') or settings.get('user') or ''}"
