"""Commands and catalogues as the client hands them out."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from appliance.client.errors import BadInterface, ServerFault
from appliance.client.package import source_of
from appliance.client.version import Version

Wire = Literal["standard", "lite"]


@dataclass(frozen=True)
class Command:
    """A command as the catalogue holds it. Equal when the content is; `version` does not count."""

    name: str
    type: str
    interface_json: str = field(repr=False)
    """The arguments as the source wrote them, a JSON list of `{"item", "type"}`."""
    code: str = field(repr=False)
    """The definition's source text."""
    hash: str
    """Lower-case hex SHA-256 of `code`."""
    package: bytes = field(default=b"", repr=False)
    """`code` as a signed package; empty when the appliance has no signing key."""
    version: Version | None = field(default=None, compare=False, repr=False)
    """The version of the catalogue that this was read from."""

    @property
    def interface(self) -> list[dict[str, Any]]:
        """The arguments in order. Raises BadInterface when the source wrote something else than a list of objects."""
        try:
            parsed = json.loads(self.interface_json or "[]")
        except ValueError as error:
            raise BadInterface(f"the interface of command {self.name!r} is not JSON: {error}") from error
        if not isinstance(parsed, list) or not all(isinstance(item, dict) for item in parsed):
            raise BadInterface(f"the interface of command {self.name!r} is not a JSON list of objects")
        return parsed


class Catalog(Mapping[str, Command]):
    """A whole catalogue: commands by name, in load order. Immutable; commands are made when they are asked for."""

    def __init__(self, commands: Iterable[Record], version: Version | None, wire: Wire) -> None:
        self._commands = {record.name: record for record in commands}
        self._wire: Wire = wire
        self.version = version
        """None when the server does not send one."""

    def __getitem__(self, name: str) -> Command:
        return command_of(self._commands[name], self.version, self._wire)

    def __iter__(self) -> Iterator[str]:
        return iter(self._commands)

    def __len__(self) -> int:
        return len(self._commands)

    def __repr__(self) -> str:
        return f"<Catalog of {len(self)} commands, version {self.version}>"


class Record(Protocol):
    """Either wire form's message for a command."""

    name: str
    type: str
    interface_json: str
    hash: str


def command_of(record: Any, version: Version | None, wire: Wire) -> Command:
    if wire == "standard":
        code, package = record.code, record.package
    else:
        package = record.code
        try:
            code = source_of(package).decode()
        except UnicodeDecodeError as error:
            raise ServerFault(f"the source of command {record.name!r} is not UTF-8 text") from error
    return Command(record.name, record.type, record.interface_json, code, record.hash, package, version)
