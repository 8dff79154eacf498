"""The file format of a command: a TOML block in comments, then the definition.

    # /// command
    # description = "Put a shared variable into the response's result."
    # type = "function"
    # interface = [
    #   { item = "sourceVariable", type = "variable" },
    # ]
    # ///
    name = task["properties"]["sourceVariable"]
    self.conector.results[name] = self.conector.variables.get(name)

The block has the syntax of inline script metadata (PEP 723) under the name `command` and starts on the first line.
Each of its lines is `#` alone or `# ` and TOML. All keys are optional: `description` (text, for people, not
served), `type` (text, "function") and `interface` (the arguments in order, each with the texts `item` and `type`).
The definition is every character after the line that closes the block, as it stands: that is where its line 1 is.
The file is UTF-8; a byte order mark is dropped. The command's name is the file's name without `.py`.
"""

from __future__ import annotations

import json
import tomllib
from dataclasses import dataclass

FIRST_LINE = "# /// command"
LAST_LINE = "# ///"
NAME_BYTES_MAX = 256
"""A longer name cannot be asked for."""
CODE_BYTES_MAX = 15 * 1024 * 1024
"""A record of the catalogue is at most 2^24 - 1 bytes; this leaves 1 MiB of it to name, type and interface."""

KEYS = ("description", "interface", "type")


class CommandFileError(Exception):
    """A text that is no command. The message is a reason that an operator can act on, without the file's name."""


@dataclass(frozen=True, slots=True)
class EmbeddedCommand:
    """A command as its file states it."""

    name: str
    type: str
    interface_json: str
    """JSON list of {"item", "type"}, in the order of the arguments, without blanks."""
    description: str
    code: str


def parse_command(name: str, content: bytes) -> EmbeddedCommand:
    """Read a command's file. Raises `CommandFileError`."""
    _check_name(name)
    try:
        text = content.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise CommandFileError(f"not UTF-8: {error.reason} at byte {error.start}") from None
    block, code = _split(text)
    if len(code.encode()) > CODE_BYTES_MAX:
        raise CommandFileError(f"the definition is over {CODE_BYTES_MAX} bytes")
    try:
        table = tomllib.loads(block)
    except tomllib.TOMLDecodeError as error:
        raise CommandFileError(f"the command block is not TOML (lines counted after the first): {error}") from None
    except RecursionError:
        raise CommandFileError("the command block is nested too deeply") from None
    unknown = sorted(set(table) - set(KEYS))
    if unknown:
        raise CommandFileError(f"unknown key in the command block: {unknown[0]} (known: {', '.join(KEYS)})")
    return EmbeddedCommand(
        name=name,
        type=_text(table, "type", "function"),
        interface_json=_interface(table.get("interface", [])),
        description=_text(table, "description", ""),
        code=code,
    )


def _check_name(name: str) -> None:
    try:
        length = len(name.encode("utf-8"))
    except UnicodeEncodeError:
        raise CommandFileError("the file's name is not UTF-8") from None
    if length == 0:
        raise CommandFileError("the file's name leaves no command name")
    if length > NAME_BYTES_MAX:
        raise CommandFileError(f"the command's name is {length} bytes, {NAME_BYTES_MAX} are allowed")


def _split(text: str) -> tuple[str, str]:
    """The TOML of the block, and the definition after it."""
    first, end, rest = text.partition("\n")
    if first.rstrip("\r") != FIRST_LINE:
        raise CommandFileError(f'no command block: the first line must be "{FIRST_LINE}"')
    lines: list[str] = []
    while end:
        line, end, rest = rest.partition("\n")
        line = line.removesuffix("\r")
        if line == LAST_LINE:
            return "\n".join(lines), rest
        if line != "#" and not line.startswith("# "):
            break
        lines.append(line[2:])
    raise CommandFileError(f'the command block is not closed: "# " must start each line, and "{LAST_LINE}" be the last')


def _text(table: dict[str, object], key: str, default: str) -> str:
    value = table.get(key, default)
    if not isinstance(value, str):
        raise CommandFileError(f"{key} in the command block must be a text")
    return value


def _interface(value: object) -> str:
    problem = 'interface in the command block must be a list of { item = "text", type = "text" }'
    if not isinstance(value, list):
        raise CommandFileError(problem)
    for entry in value:
        if not isinstance(entry, dict) or sorted(entry) != ["item", "type"]:
            raise CommandFileError(problem)
        if not all(isinstance(part, str) for part in entry.values()):
            raise CommandFileError(problem)
    return json.dumps(
        [{"item": entry["item"], "type": entry["type"]} for entry in value], ensure_ascii=False, separators=(",", ":")
    )
