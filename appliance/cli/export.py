"""A catalogue as files. Each file is written beside its name and renamed, so that a reader never sees half of one."""

from __future__ import annotations

import hashlib
import os
import secrets
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

import orjson

from appliance.cli.lookup import as_json
from appliance.errors import OsRefusedError, UsageError

if TYPE_CHECKING:
    from appliance.client import Catalog

Form = Literal["dir", "json", "ndjson"]

INDEX = "index.json"
FILE_NAME_CHARS_MAX = 200
"""Less than NAME_MAX (255) by the room for a digest, the ending and the name while writing."""


def form_of(out: str) -> Form:
    """The form that a path's ending asks for."""
    if out == "-" or out.endswith((".ndjson", ".jsonl")):
        return "ndjson"
    return "json" if out.endswith(".json") else "dir"


def file_name(name: str) -> str:
    """The file for a command: its name, percent-encoded as far as needed, so that no name leaves the folder."""
    encoded = quote(name, safe=" !#$&'()+,;=@[]{}^~").replace("~", "%7E")
    if encoded.startswith("."):
        encoded = "%2E" + encoded[1:]
    if len(encoded) > FILE_NAME_CHARS_MAX:
        encoded = encoded[: FILE_NAME_CHARS_MAX - 33] + "~" + hashlib.sha256(name.encode()).hexdigest()[:32]
    return encoded + ".py"


def write_stdout(catalog: Catalog, form: Form) -> None:
    """Write lines, or one document, to standard output."""
    if form == "dir":
        raise UsageError("a folder cannot be written to standard output; use --format json or ndjson")
    for chunk in _chunks(catalog, form):
        sys.stdout.buffer.write(chunk)
    sys.stdout.buffer.flush()


def write_file(catalog: Catalog, path: Path, form: Form) -> None:
    """Write a JSON document or lines. Raises OsRefusedError."""
    try:
        _replace(path, _chunks(catalog, form))
    except OSError as error:
        raise OsRefusedError(f"cannot write: {error.strerror}: {path}") from error


def write_folder(catalog: Catalog, folder: Path, advance: Callable[[], object]) -> None:
    """Bring a folder up to date. `advance` is called after each command. Raises OsRefusedError, UsageError."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        before = _files_of_index(folder / INDEX)
        entries: list[dict[str, Any]] = []
        for command in catalog.values():
            name = file_name(command.name)
            data = command.code.encode()
            path = folder / name
            if not _holds(path, data):
                _replace(path, [data])
            entry = as_json(command)
            del entry["code"]
            entry.pop("version", None)
            entries.append(entry | {"file": name})
            advance()
        # The index goes last: whoever reads it finds every file that it names.
        _replace(
            folder / INDEX, [orjson.dumps(_head(catalog) | {"commands": entries}, option=orjson.OPT_INDENT_2), b"\n"]
        )
        for name in before - {entry["file"] for entry in entries}:
            (folder / name).unlink(missing_ok=True)
    except FileExistsError as error:
        raise UsageError(f"there is a file where the folder should be; choose another path: {folder}") from error
    except OSError as error:
        raise OsRefusedError(f"cannot write: {error.strerror}: {error.filename or folder}") from error


def _chunks(catalog: Catalog, form: Form) -> Iterable[bytes]:
    if form == "ndjson":
        for command in catalog.values():
            yield orjson.dumps(as_json(command)) + b"\n"
        return
    entries = []
    for command in catalog.values():
        entry = as_json(command)
        entry.pop("version", None)
        entries.append(entry)
    yield orjson.dumps(_head(catalog) | {"commands": entries}, option=orjson.OPT_INDENT_2) + b"\n"


def _head(catalog: Catalog) -> dict[str, Any]:
    version = catalog.version
    return {"version": {"generation": version.generation, "digest": version.digest} if version is not None else None}


def _holds(path: Path, data: bytes) -> bool:
    try:
        return not path.is_symlink() and path.stat().st_size == len(data) and path.read_bytes() == data
    except FileNotFoundError:
        return False


def _files_of_index(path: Path) -> set[str]:
    """The files that an earlier sync wrote; only names that `file_name` could have made."""
    try:
        entries = orjson.loads(path.read_bytes())["commands"]
        return {entry["file"] for entry in entries if entry["file"] == file_name(entry["name"])}
    except FileNotFoundError:
        return set()
    except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"this folder's {INDEX} is not of an earlier sync; choose another folder: {path}") from error


def _replace(path: Path, chunks: Iterable[bytes]) -> None:
    beside = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with beside.open("xb") as file:
            for chunk in chunks:
                file.write(chunk)
        os.replace(beside, path)  # noqa: PTH105 - keeps the error's file name
    except BaseException:
        beside.unlink(missing_ok=True)
        raise
