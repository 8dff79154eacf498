"""Catalogues for tests: an operator's folder, and the records that must come of it, encoded by protobuf itself."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from appliance.pb import avap_pb2
from supervisor.sources.embedded import load_commands

INTERFACE = [{"item": "target", "type": "variable"}]


def embedded_names() -> list[str]:
    """Names of the packaged commands."""
    return [command.name for command in load_commands()]


def record(name: str, code: str, interface: object = INTERFACE) -> bytes:
    """The `standard` record of a command written by `write_command`."""
    definition = avap_pb2.CommandDefinition(
        name=name,
        code=code,
        hash=hashlib.sha256(code.encode()).hexdigest(),
        type="function",
        interface_json=json.dumps(interface, separators=(",", ":")),
    )
    return definition.SerializeToString()


def write_command(folder: Path, name: str, code: str) -> None:
    """Put one command into an operator's folder."""
    block = '# /// command\n# description = "A test\'s."\n# type = "function"\n'
    block += '# interface = [{ item = "target", type = "variable" }]\n# ///\n'
    (folder / f"{name}.py").write_text(block + code)


def write_version(folder: Path, number: int, names: list[str], *, padding: int = 0) -> dict[str, bytes]:
    """Fill `folder` with `names`, each with a text that only version `number` has. Returns the records by name."""
    records = {}
    for name in names:
        code = f"# {name} of version {number}\n" + "x" * padding + "\n"
        write_command(folder, name, code)
        records[name] = record(name, code)
    return records


def sync_body(records: Mapping[str, bytes]) -> bytes:
    """The `Catalog` message with these records, in the order of the mapping."""
    catalog = avap_pb2.Catalog(commands=[avap_pb2.CommandDefinition.FromString(data) for data in records.values()])
    return catalog.SerializeToString()
