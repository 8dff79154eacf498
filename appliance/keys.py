"""API keys and signing keys: their limits, their files, and the key that is made on first start.

A key file holds one key a line; blank lines and lines that begin with `#` are skipped. Keys travel as gRPC
metadata, which carries visible ASCII only. No message in here ever shows a key.
"""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from appliance.errors import SecretError, StateDirectoryError

KEYS_MAX = 64
"""A worker compares each request's key with all of them, in constant time."""
KEY_BYTES_MAX = 1024
SIGNING_KEYS_MAX = 2
"""The current one and, while clients change over, the one before."""
SECRET_FILE_BYTES_MAX = 128 * 1024

KEY_FILE_NAME = "api_key"
"""Within the state directory: the key made on first start."""

KNOWN_API_KEY = "avap_secret_key_2026"
KNOWN_SIGNING_KEY = "avap_secure_signature_key_2026"
"""The predecessor's defaults. They are published, so they protect nothing."""


@dataclass(frozen=True)
class Keys:
    """The active API keys. `str()` and `repr()` do not show them."""

    values: tuple[str, ...] = field(repr=False)
    source: str
    """Where they come from, in words: a setting's source or a file's path."""
    path: Path | None = None
    """The file they were read from, if any."""
    made: bool = False
    """Whether the key was made by this very call (first start)."""
    warnings: tuple[str, ...] = ()


def key_fault(key: str) -> str | None:
    """Return why `key` cannot be a key, or None when it can. The answer does not contain the key."""
    if not key:
        return "it is empty"
    if len(key) > KEY_BYTES_MAX:
        return f"it is longer than {KEY_BYTES_MAX} characters"
    if key != key.strip():
        return "it begins or ends with white space or a line break; was it made with `echo` instead of `printf`?"
    if not all("!" <= character <= "~" for character in key):
        return "it may hold visible ASCII characters only, no spaces"
    return None


def read_secret_file(path: Path, what: str) -> str:
    """Return the text of a secret file.

    Raises SecretError when it cannot be read, is not text, or is larger than SECRET_FILE_BYTES_MAX.
    """
    try:
        with path.open("rb") as file:
            data = file.read(SECRET_FILE_BYTES_MAX + 1)
    except OSError as error:
        raise SecretError(
            f"cannot read {what}: {error.strerror}; make the file readable for user {_user()}: {path}"
        ) from error
    if len(data) > SECRET_FILE_BYTES_MAX:
        raise SecretError(f"{what} is larger than {SECRET_FILE_BYTES_MAX} bytes; is it the right file? {path}")
    try:
        return data.decode("utf-8").removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        raise SecretError(f"{what} is not UTF-8 text; is it the right file? {path}") from error


def read_key_file(path: Path, what: str = "the key file", keys_max: int = KEYS_MAX) -> tuple[str, ...]:
    """Return the keys of a file, first one first.

    Raises SecretError when it cannot be read, holds no key, more than `keys_max`, or one that cannot be a key
    (named by its line number).
    """
    found: dict[str, None] = {}
    for number, line in enumerate(read_secret_file(path, what).split("\n"), 1):
        key = line.strip()
        if not key or key.startswith("#"):
            continue
        fault = key_fault(key)
        if fault is not None:
            raise SecretError(f"{what} has an unusable key in line {number}: {fault}: {path}")
        found[key] = None
        if len(found) > keys_max:
            raise SecretError(f"{what} holds more than {keys_max} keys; remove the retired ones: {path}")
    if not found:
        raise SecretError(f"{what} holds no key; write one key a line: {path}")
    return tuple(found)


def file_warnings(path: Path, what: str) -> tuple[str, ...]:
    """Return what is careless about a secret file's permissions."""
    try:
        status = path.stat()
    except OSError:
        return ()
    if stat.S_ISREG(status.st_mode) and status.st_mode & 0o007:
        return (f"{what} is open to every user of this host; run `chmod o-rwx {path}`",)
    return ()


def known_key_warnings(keys: tuple[str, ...], source: str) -> tuple[str, ...]:
    """Return a warning when one of `keys` is the predecessor's published default."""
    if KNOWN_API_KEY in keys:
        return (f"the API key from {source} is the publicly known default; it keeps nobody out, choose another",)
    return ()


def make_key_file(directory: Path) -> Path:
    """Write a new random key to `directory`/api_key, mode 0600, and return its path.

    Whole or not at all, also when the machine stops half-way: written beside, fsynced, then linked, which fails
    when the name exists. Raises FileExistsError then, StateDirectoryError when the folder cannot be written.
    """
    path = directory / KEY_FILE_NAME
    beside = directory / f".{KEY_FILE_NAME}.{secrets.token_hex(8)}"
    try:
        fd = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with open(fd, "wb") as file:  # noqa: PTH123 - of a descriptor
                file.write(secrets.token_urlsafe(32).encode() + b"\n")
                file.flush()
                os.fsync(fd)
            os.link(beside, path)
        finally:
            beside.unlink()
        folder = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError:
        raise
    except OSError as error:
        raise StateDirectoryError(
            f"cannot write a new API key: {error.strerror}; "
            f"free space, change the owner, or set API_KEY or API_KEY_FILE: {path}"
        ) from error
    return path


def load_state_key(directory: Path, *, make: bool) -> Keys | None:
    """Return the key of the state directory, making one if there is none and `make` is set.

    None when there is none and `make` is not set. Raises SecretError, StateDirectoryError.
    """
    path = directory / KEY_FILE_NAME
    made = False
    if not os.path.lexists(path):
        if not make:
            return None
        try:
            make_key_file(directory)
            made = True
        except FileExistsError:
            pass  # somebody made one since we looked; theirs is as good
    what = "the API key made on first start"
    values = read_key_file(path, what)
    return Keys(values, f"{path}", path, made, file_warnings(path, what))


def find_key(environ: Mapping[str, str], state_dir: Path | None = None) -> Keys | None:
    """Return the keys that a client on this host should use: `API_KEY`, else `API_KEY_FILE`, else the key in
    `state_dir`. None when there is none. Raises SecretError when what is set cannot be used.
    """
    key = environ.get("API_KEY", "")
    if key:
        fault = key_fault(key)
        if fault is not None:
            raise SecretError(f"the key in the environment variable API_KEY cannot be used: {fault}")
        return Keys((key,), "environment API_KEY")
    name = environ.get("API_KEY_FILE", "")
    if name:
        return Keys(read_key_file(Path(name), "API_KEY_FILE"), f"API_KEY_FILE {name}", Path(name))
    return load_state_key(state_dir, make=False) if state_dir is not None else None


def _user() -> str:
    return f"uid {os.geteuid()}"
