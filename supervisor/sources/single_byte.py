"""Text of databases in an encoding of single bytes of which some stand for no character.

PostgreSQL translates a COPY as a whole: at the first such byte (0x81 in WIN1252, which it stores without a word) it
ends with an error, and one row would cost all the others. So the rows of such a database travel as they are stored and
are decoded here one by one. Python's codecs have the holes that PostgreSQL's conversions have
(`tests/postgres/test_single_byte.py`).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence

from supervisor.sources import LeftOut, RowSink

CODECS = {
    "WIN1250": "cp1250",
    "WIN1251": "cp1251",
    "WIN1252": "cp1252",
    "WIN1253": "cp1253",
    "WIN1254": "cp1254",
    "WIN1255": "cp1255",
    "WIN1257": "cp1257",
    "WIN1258": "cp1258",
    "WIN874": "cp874",
    "ISO_8859_6": "iso8859_6",
    "ISO_8859_7": "iso8859_7",
    "ISO_8859_8": "iso8859_8",
    "LATIN3": "iso8859_3",
}
"""PostgreSQL's name of each such encoding, and Python's."""

FIELDS = ("name", "code", "type", "interface")

LEFT_OUT_MAX = 100
NOT_UTF8 = b"\xff"

_SIGNATURE = b"PGCOPY\n\xff\r\n\0"
_FLAGS_AND_EXTENSION = struct.Struct(">ii")
_COUNT = struct.Struct(">h")
_LENGTH = struct.Struct(">i")
_ID = struct.Struct(">q")
_END = -1  # instead of a count of fields; as a length it is NULL


class SingleByteRows:
    """Decodes a binary COPY of (id int8, name, code, type, interface) and pushes its rows.

    `texts`: which of the last four are in the database's encoding; a bytea is not. Pieces hold whole rows.
    """

    def __init__(self, encoding: str, texts: Sequence[bool], sink: RowSink) -> None:
        self._encoding = encoding
        self._codec = CODECS[encoding]
        self._texts = tuple(texts)
        self._sink = sink
        self._begun = False
        self.left_out: list[LeftOut] = []
        """The first rows with a byte that stands for no character; of more, the sink is told."""

    def feed(self, chunk: bytes | memoryview) -> None:
        """Take a piece of the stream."""
        for row_id, fields in self._rows(memoryview(chunk)):
            decoded: list[bytes | None] = []
            for name, is_text, field in zip(FIELDS, self._texts, fields, strict=True):
                try:
                    decoded.append(self._utf8(field) if is_text and field is not None else field)
                except UnicodeDecodeError as error:
                    self._refuse(row_id, name, fields, error)
                    break
            else:
                name_bytes, code, kind, interface = decoded
                self._sink.push(row_id, name_bytes, code, kind, interface)

    def _utf8(self, field: bytes) -> bytes:
        return field if field.isascii() else field.decode(self._codec).encode()

    def _refuse(self, row_id: int, field: str, fields: Sequence[bytes | None], error: UnicodeDecodeError) -> None:
        if len(self.left_out) >= LEFT_OUT_MAX:
            self._sink.push(row_id, b"?", NOT_UTF8)  # which counts what it refuses
            return
        name = fields[0]
        try:
            asked_for = self._utf8(name).decode() if name is not None else ""
        except UnicodeDecodeError:
            asked_for = ""
        byte = error.object[error.start]
        reason = f"{field} has a byte that is no character of {self._encoding} (0x{byte:02x} at byte {error.start})"
        self.left_out.append(LeftOut(asked_for, "", reason, row_id))

    def _rows(self, chunk: memoryview) -> Iterator[tuple[int, list[bytes | None]]]:
        at = 0
        if not self._begun:
            self._begun = True
            at = len(_SIGNATURE)
            assert chunk[:at] == _SIGNATURE, "a COPY in binary begins with its signature"
            _, extension = _FLAGS_AND_EXTENSION.unpack_from(chunk, at)
            at += _FLAGS_AND_EXTENSION.size + extension
        while at < len(chunk):
            (count,) = _COUNT.unpack_from(chunk, at)
            at += _COUNT.size
            if count == _END:
                return
            fields: list[bytes | None] = []
            for _ in range(count):
                (length,) = _LENGTH.unpack_from(chunk, at)
                at += _LENGTH.size
                fields.append(None if length == _END else bytes(chunk[at : at + length]))
                at += max(length, 0)
            identifier, *rest = fields
            assert identifier is not None, "the statement gives every row a number"
            yield _ID.unpack(identifier)[0], rest
