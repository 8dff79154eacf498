"""Whether one reply is what some announced version says, byte for byte."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_VERSION_FORM = re.compile(r"([1-9][0-9]*)-([0-9a-f]{32})")
_TAG_COMMANDS = 0x0A
_TAG_TOTAL_COUNT = 0x10
_TAG_VERSION_HASH = 0x1A


@dataclass(frozen=True, slots=True)
class Version:
    """What the appliance may answer from one version."""

    digest: str
    commands: Mapping[str, bytes]
    sync_body: bytes | None


def read_versions(versions: Sequence[Mapping[str, Any]]) -> dict[str, Version]:
    """The versions of the input by digest, their base64 decoded once."""
    read = {}
    for version in versions:
        body = version.get("sync_body")
        read[version["digest"]] = Version(
            version["digest"],
            {name: base64.b64decode(record) for name, record in version["commands"].items()},
            None if body is None else base64.b64decode(body),
        )
    return read


def parse_version(text: str | None) -> tuple[int, str] | None:
    """The value of `avap-catalog-version` as (generation, digest)."""
    match = _VERSION_FORM.fullmatch(text or "")
    return (int(match[1]), match[2]) if match else None


def judge_hit(version: Version, name: str, reply: bytes) -> str | None:
    """What is wrong with the reply to GetCommand, or None."""
    expected = version.commands.get(name)
    if expected is None:
        return "answered, but this version does not hold the name"
    return None if reply == expected else f"{len(reply)} bytes differ from the record's {len(expected)}"


def judge_sync(version: Version, reply: bytes, wire: str) -> str | None:
    """What is wrong with the reply to SyncCatalog, or None."""
    if version.sync_body is not None:
        same = reply == version.sync_body
        return None if same else f"{len(reply)} bytes differ from the version's {len(version.sync_body)}"
    records, end = _split_records(reply)
    if sorted(records) != sorted(version.commands.values()):
        return f"{len(records)} records are not the version's {len(version.commands)}"
    tail = b""
    if wire == "lite":
        version_hash = b"v-" + version.digest.encode()
        tail = bytes([_TAG_TOTAL_COUNT]) + _varint(len(records))
        tail += bytes([_TAG_VERSION_HASH, len(version_hash)]) + version_hash
    return None if reply[end:] == tail else f"{len(reply) - end} bytes behind the records instead of {len(tail)}"


def _split_records(body: bytes) -> tuple[list[bytes], int]:
    """The records of a SyncCatalog body and the offset where they end."""
    records = []
    offset = 0
    while offset < len(body) and body[offset] == _TAG_COMMANDS:
        length = shift = 0
        start = offset + 1
        while start < len(body):
            byte = body[start]
            length |= (byte & 0x7F) << shift
            shift += 7
            start += 1
            if byte < 0x80:
                break
        if start + length > len(body):
            break
        records.append(body[start : start + length])
        offset = start + length
    return records, offset


def _varint(value: int) -> bytes:
    encoded = bytearray()
    while value >= 0x80:
        encoded.append(value & 0x7F | 0x80)
        value >>= 7
    encoded.append(value)
    return bytes(encoded)
