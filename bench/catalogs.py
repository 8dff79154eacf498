"""Catalogues in a folder for an appliance without a database: commands made by rule, as files."""

from __future__ import annotations

from pathlib import Path

from appliance.pb import avap_pb2
from bench.commands import CommandSet
from bench.verdict import BenchError

COMMANDS_MAX = 200_000
"""A file each; more than that is hydrated from a database (`python -m bench.hydration`)."""
INTERFACE = '[{"item":"value","type":"value"}]'
"""As the source `embedded` writes it."""
_HEAD = '# /// command\n# interface = [{ item = "value", type = "value" }]\n# ///\n'


def write_folder(folder: Path, count: int, record_bytes: int) -> CommandSet:
    """Write `count` commands whose records are `record_bytes` long. Raises BenchError."""
    if not 1 <= count <= COMMANDS_MAX:
        raise BenchError(f"1 to {COMMANDS_MAX} commands can be made; found {count}")
    try:
        commands = CommandSet(count, record_bytes, interface=INTERFACE)
    except ValueError as error:
        raise BenchError(str(error)) from error
    folder.mkdir()
    for index in range(count):
        (folder / f"{commands.name(index)}.py").write_text(_HEAD + commands.code(index))
    return commands


def names_in(catalog: Path) -> list[str]:
    """The names in a file with a `Catalog` message, in its order. Raises BenchError."""
    try:
        return [command.name for command in avap_pb2.Catalog.FromString(catalog.read_bytes()).commands]
    except (OSError, ValueError) as error:
        raise BenchError(f"{catalog} holds no catalogue: {error}") from error


def check_served(synced: bytes, commands: CommandSet) -> None:
    """Check that a catalogue holds each of the commands byte for byte. Raises BenchError."""
    held = {command.name: command.SerializeToString() for command in avap_pb2.Catalog.FromString(synced).commands}
    for index in range(commands.count):
        record = commands.record(index)
        if held.get(record.name) != record.SerializeToString():
            raise BenchError(f"the appliance does not serve what its folder holds: {record.name}")
