"""Merge the layers, check the whole, and say everything that is wrong at once.

Defaults < configuration file < systemd credentials < environment < flags.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType

from pydantic import ValidationError

from appliance.config import layers
from appliance.config.database_url import passwords
from appliance.config.layers import ALTERNATIVES, Layer, Value
from appliance.config.settings import SETTINGS, Settings, allowed_cores, default_state_dir, http_needs_key
from appliance.errors import ConfigError, SecretError
from appliance.keys import (
    KNOWN_SIGNING_KEY,
    SIGNING_KEYS_MAX,
    Keys,
    file_warnings,
    key_fault,
    known_key_warnings,
    load_state_key,
    read_key_file,
    read_secret_file,
)

DEFAULT_CONFIG_FILE = Path("/etc/avap/appliance.toml")
SHOWN_VALUE_CHARS_MAX = 200


@dataclass(frozen=True)
class Loaded:
    """Checked settings, and where each came from."""

    settings: Settings
    sources: Mapping[str, str]
    """`section.key` to words: `default`, `file PATH`, `systemd credential NAME`, `environment NAME`, `flag --NAME`."""
    warnings: tuple[str, ...]
    config_file: Path | None
    """The file that was read, if one was."""
    _again: tuple[Mapping[str, object], Mapping[str, str], Path | None, Path] = field(repr=False, compare=False)

    def reload(self) -> Loaded:
        """Read the same flags, environment and files again (a HUP). Raises as `load` does."""
        flags, environ, config_file, default_file = self._again
        return load(flags, environ, config_file, default_file)


def load(
    flags: Mapping[str, object] | None = None,
    environ: Mapping[str, str] | None = None,
    config_file: Path | None = None,
    default_file: Path = DEFAULT_CONFIG_FILE,
) -> Loaded:
    """Return the checked configuration.

    `flags` maps `section.key` to a value, None for an option not given. `environ` is `os.environ` unless given.
    `config_file` must exist when given; else `default_file` is read if it is there.

    Raises ConfigError with every problem found, or SecretError when the only ones are secret files that cannot be read.
    """
    flags = dict(flags or {})
    environ = dict(os.environ if environ is None else environ)
    path = config_file if config_file is not None else default_file
    stack = [
        layers.file_layer(path, must_exist=config_file is not None),
        layers.credentials_layer(environ),
        layers.environment_layer(environ),
        layers.flags_layer(flags),
    ]
    problems = [problem for layer in stack for problem in layer.problems]
    warnings = [warning for layer in stack for warning in layer.warnings]
    values = _merge(stack)
    unreadable = _read_database_url(values)
    if "state_dir" not in values:
        values["state_dir"] = _default_state_dir(environ)
    settings, wrong = _validate(values)
    problems += [_explain(key, values) for key in wrong]
    problems += [text for keys, text in _contradictions(settings, values) if not keys & wrong.keys()]
    warnings += _doubts(settings, values)
    if problems:
        raise ConfigError(list(dict.fromkeys([*problems, *unreadable])))
    if unreadable:
        raise SecretError(unreadable[0])
    sources = {row.key: values[row.key].source if row.key in values else "default" for row in SETTINGS}
    read = path if config_file is not None or path.exists() else None
    return Loaded(
        settings, MappingProxyType(sources), tuple(warnings), read, (flags, environ, config_file, default_file)
    )


def load_keys(settings: Settings, state_dir: Path, sources: Mapping[str, str] | None = None) -> Keys:
    """Return the active API keys: the ones set, else the state directory's, which is made on first start.

    `sources` are `Loaded.sources`, for naming the setting's source. Raises SecretError, StateDirectoryError.
    """
    return configured_keys(settings, sources) or _state_key(state_dir)


def configured_keys(settings: Settings, sources: Mapping[str, str] | None = None) -> Keys | None:
    """Return the API keys that the settings name, None when they name none. Raises SecretError."""
    named = sources or {}
    if settings.api_key is not None:
        source = named.get("api_key", "api_key")
        return Keys((settings.api_key.get_secret_value(),), source)
    if settings.api_key_file is not None:
        path = settings.api_key_file
        where = named.get("api_key_file", "api_key_file")
        what = f"the file of API keys ({where})"
        values = read_key_file(path, what)
        return Keys(
            values, f"{where}: {path}", path, warnings=known_key_warnings(values, str(path)) + file_warnings(path, what)
        )
    return None


def read_keys(settings: Settings) -> tuple[str, ...]:
    """Return the API keys that are set or lie in the state directory; makes none. Raises SecretError."""
    keys = configured_keys(settings) or load_state_key(settings.state_dir, make=False)
    return keys.values if keys is not None else ()


def read_signing_keys(settings: Settings) -> tuple[bytes, ...]:
    """Return no, one or two signing keys; the first signs. Raises SecretError when their file cannot be used."""
    if settings.signing_key is not None:
        return tuple(key.encode() for key in _split_signing_key(settings.signing_key.get_secret_value()))
    if settings.signing_key_file is not None:
        found = read_key_file(settings.signing_key_file, "the file of signing keys", SIGNING_KEYS_MAX)
        return tuple(key.encode() for key in found)
    return ()


def _state_key(state_dir: Path) -> Keys:
    keys = load_state_key(state_dir, make=True)
    assert keys is not None, "made when absent"
    return keys


def _split_signing_key(text: str) -> list[str]:
    return [part.strip() for part in text.split(",")]


def _merge(stack: Sequence[Layer]) -> dict[str, Value]:
    values: dict[str, Value] = {}
    for layer in stack:
        for pair in ALTERNATIVES:
            if any(key in layer.values for key in pair):
                for key in pair:
                    values.pop(key, None)
        values.update(layer.values)
    return values


def _default_state_dir(environ: Mapping[str, str]) -> Value:
    source = "systemd STATE_DIRECTORY" if environ.get("STATE_DIRECTORY") else "default"
    return Value(str(default_state_dir(environ)), source)


def _read_database_url(values: dict[str, Value]) -> list[str]:
    """Replace `database.url_file` by what it holds; return what went wrong."""
    named = values.get("database.url_file")
    if named is None or not isinstance(named.raw, str) or not named.raw:
        return []
    path = Path(named.raw).expanduser()
    try:
        text = read_secret_file(path, f"the file of the database URL ({named.source})").strip()
    except SecretError as error:
        return [str(error)]
    if not text:
        return [f"the file of the database URL ({named.source}) is empty: {path}"]
    values["database.url"] = Value(text, f"{named.source}: {path}")
    return []


def _validate(values: Mapping[str, Value]) -> tuple[Settings, dict[str, None]]:
    """Return the settings, and the keys of the values that are wrong; in the settings those have their defaults."""
    wrong: dict[str, None] = {}
    while True:
        tree = _tree({key: value for key, value in values.items() if key not in wrong})
        try:
            return Settings.model_validate(tree), wrong
        except ValidationError as error:
            found = [_key_of(item["loc"]) for item in error.errors(include_url=False, include_input=False)]
            assert not wrong.keys() & set(found), "defaults are valid"
            wrong |= dict.fromkeys(found)


def _tree(values: Mapping[str, Value]) -> dict[str, object]:
    tree: dict[str, object] = {}
    for key, value in values.items():
        section, dot, name = key.partition(".")
        if dot:
            table = tree.setdefault(section, {})
            assert isinstance(table, dict)
            table[name] = value.raw
        else:
            tree[key] = value.raw
    return tree


def _key_of(location: tuple[int | str, ...]) -> str:
    keys = {row.key for row in SETTINGS}
    for length in (2, 1):
        key = ".".join(str(part) for part in location[:length])
        if key in keys:
            return key
    return ".".join(map(str, location))


def _explain(key: str, values: Mapping[str, Value]) -> str:
    row = next(row for row in SETTINGS if row.key == key)
    value = values[key]
    found = "" if row.secret else f"; found {str(value.raw)[:SHOWN_VALUE_CHARS_MAX]!r}"
    return f"{key} ({value.source}): allowed is {row.allowed}{found}"


def _contradictions(settings: Settings, values: Mapping[str, Value]) -> list[tuple[set[str], str]]:
    """Problems that no single type shows, each with the settings that it involves."""
    found: list[tuple[set[str], str]] = []
    if settings.api_key is not None:
        fault = key_fault(settings.api_key.get_secret_value())
        if fault is not None:
            found.append(({"api_key"}, f"api_key ({values['api_key'].source}): {fault}"))
    if settings.signing_key is not None:
        parts = _split_signing_key(settings.signing_key.get_secret_value())
        faults = [fault for fault in map(key_fault, parts) if fault is not None]
        if len(parts) > SIGNING_KEYS_MAX:
            faults.insert(0, f"it holds {len(parts)} keys, at most {SIGNING_KEYS_MAX} with a comma between are allowed")
        if faults:
            found.append(({"signing_key"}, f"signing_key ({values['signing_key'].source}): {faults[0]}"))
    if settings.grpc.wire == "lite" and settings.signing_key is None and settings.signing_key_file is None:
        text = (
            f"grpc.wire ({values['grpc.wire'].source}): lite carries signed packages and needs a signing key; "
            "set AVAP_SIGNING_KEY or AVAP_SIGNING_KEY_FILE"
        )
        found.append(({"grpc.wire", "signing_key", "signing_key_file"}, text))
    ports = {"grpc.port": settings.grpc.port, "http.port": settings.http.port, "metrics.port": settings.metrics.port}
    if settings.http.workers == 0:
        del ports["http.port"]
    for one, other in itertools.combinations(ports, 2):
        if ports[one] == ports[other] != 0:
            text = f"{one} and {other} are the same; give them two ports; found {ports[one]}"
            found.append(({one, other}, text))
    keyed = settings.api_key is not None or settings.api_key_file is not None
    if settings.http.workers > 0 and settings.http.auth == "auto" and http_needs_key(settings) and not keyed:
        where = values["bind"].source if "bind" in values else "default"
        text = (
            f"bind ({where}): HTTP on an address that others can reach needs a key; set API_KEY or API_KEY_FILE, "
            "or AVAP_HTTP_AUTH=off to do without, or AVAP_HTTP_WORKERS=0 to serve no HTTP; "
            f"found {settings.bind}"
        )
        found.append(({"bind", "http.auth"}, text))
    if settings.drain.timeout_s < settings.drain.grace_s:
        text = (
            f"drain.timeout_s must be at least drain.grace_s; "
            f"found {settings.drain.timeout_s:g} and {settings.drain.grace_s:g}"
        )
        found.append(({"drain.timeout_s", "drain.grace_s"}, text))
    return found


def _doubts(settings: Settings, values: Mapping[str, Value]) -> list[str]:
    """Warnings about settings that are allowed but seldom meant."""
    found: list[str] = []
    if settings.api_key is not None:
        found += known_key_warnings((settings.api_key.get_secret_value(),), values["api_key"].source)
    if settings.signing_key is not None and KNOWN_SIGNING_KEY in settings.signing_key.get_secret_value().split(","):
        found.append(
            f"the signing key from {values['signing_key'].source} is the publicly known default; "
            "anyone can sign with it, choose another"
        )
    if settings.signing_key_file is not None:
        found += _signing_file_doubts(settings.signing_key_file)
    if isinstance(settings.pin, tuple) and len(settings.pin) < settings.grpc.workers:
        found.append(f"pin lists {len(settings.pin)} cores for {settings.grpc.workers} workers, so some share a core")
    if settings.grpc.workers > len(allowed_cores()):
        found.append(
            f"grpc.workers is {settings.grpc.workers}, more than the {len(allowed_cores())} cores this process may use"
        )
    if settings.database.url is not None and settings.catalog.dir is not None:
        found.append("catalog.dir adds to the embedded catalogue only; it is not read while database.url is set")
    return found


def _signing_file_doubts(path: Path) -> list[str]:
    try:
        keys = read_key_file(path, "the file of signing keys", SIGNING_KEYS_MAX)
    except SecretError:
        return []  # whoever reads the keys for use reports it
    found = list(file_warnings(path, "the file of signing keys"))
    if KNOWN_SIGNING_KEY in keys:
        found.append(f"{path} holds the publicly known default signing key; anyone can sign with it, choose another")
    return found


def secret_values(settings: Settings, keys: Keys | None = None) -> tuple[str, ...]:
    """Return every secret in force, for the logger's redaction: API keys, signing keys, the database's password.

    Raises SecretError when a file of signing keys cannot be read.
    """
    found = list(keys.values) if keys is not None else []
    if settings.api_key is not None:
        found.append(settings.api_key.get_secret_value())
    found += [key.decode() for key in read_signing_keys(settings)]
    if settings.database.url is not None:
        found += passwords(settings.database.url.get_secret_value())
    return tuple(dict.fromkeys(secret for secret in found if secret))
