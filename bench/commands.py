"""Catalogues to measure with: made by rule, so that every reply can be checked against what it must be."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from appliance.pb import avap_pb2

TABLE = "obex_dapl_functions"
INTERFACE = '[{"item": "value", "type": "value"}]'
_FILLER = "    # each turn of this loop does what the one before it did, until the record is as long as it must be\n"


class CommandSet:
    """`count` commands whose records are `record_bytes` long. Another `edition` differs in every record."""

    def __init__(self, count: int, record_bytes: int, edition: int = 0, interface: str = INTERFACE) -> None:
        """Raises ValueError when a record cannot be that short."""
        self.count = count
        self.record_bytes = record_bytes
        self.edition = edition
        self.interface = interface
        code_bytes = record_bytes - self._record_bytes_without_code()
        # The field's own tag and length: two bytes of length up to 16 kB.
        self._code_bytes = code_bytes - 3
        if not 128 <= self._code_bytes < 1 << 14:
            raise ValueError(f"a record of {record_bytes} bytes cannot be made here")

    def name(self, index: int) -> str:
        """The name of a command; all are of one length."""
        return f"command_{index:07d}"

    def code(self, index: int) -> str:
        """The definition's text."""
        head = f"def {self.name(index)}(self):\n    edition = {self.edition:09d}\n"
        filler = _FILLER * (self._code_bytes // len(_FILLER) + 1)
        return head + filler[: self._code_bytes - len(head)]

    def record(self, index: int) -> avap_pb2.CommandDefinition:
        """What GetCommand must reply."""
        code = self.code(index)
        return avap_pb2.CommandDefinition(
            name=self.name(index),
            code=code,
            hash=hashlib.sha256(code.encode()).hexdigest(),
            type="function",
            interface_json=self.interface,
        )

    def catalog(self) -> bytes:
        """What SyncCatalog must reply."""
        return b"".join(
            avap_pb2.Catalog(commands=[self.record(index)]).SerializeToString() for index in range(self.count)
        )

    def write_catalog(self, path: Path) -> Path:
        """Write `catalog()` to a file for the load generator."""
        path.write_bytes(self.catalog())
        return path

    def load(self, url: str) -> None:
        """Make them the only rows of the table, creating it if needed."""
        import psycopg  # here: what is installed to measure serving alone needs no database

        with psycopg.connect(url) as connection:
            connection.execute(
                f"CREATE TABLE IF NOT EXISTS {TABLE} (id serial PRIMARY KEY, name varchar(100), interface text, "
                "description text, type varchar(50), code text)"
            )
            connection.execute(f"TRUNCATE {TABLE}")
            with connection.cursor().copy(f"COPY {TABLE} (id, name, code, type, interface) FROM STDIN") as copy:
                for row in self._rows():
                    copy.write_row(row)
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute(f"VACUUM (FREEZE, ANALYZE) {TABLE}")  # no hint bits are written in a measurement

    def _rows(self) -> Iterator[tuple[int, str, str, str, str]]:
        for index in range(self.count):
            yield index + 1, self.name(index), self.code(index), "function", self.interface

    def _record_bytes_without_code(self) -> int:
        sample = avap_pb2.CommandDefinition(
            name=self.name(0), hash="0" * 64, type="function", interface_json=self.interface
        )
        return sample.ByteSize()
