"""What `avap config show` shows: each setting, its value without secrets, and where it came from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ByteSize, SecretStr

from appliance.config.database_url import MASK, masked
from appliance.config.loading import Loaded
from appliance.config.settings import SETTINGS


@dataclass(frozen=True)
class Row:
    """One setting as shown. `value` is what JSON can hold; `text` is for people."""

    key: str
    value: object
    text: str
    source: str
    environment: str


def rows(loaded: Loaded) -> list[Row]:
    """Return every setting in the order of the documentation, secrets masked."""
    return [_row(loaded, row.key, row.environment[0]) for row in SETTINGS]


def _row(loaded: Loaded, key: str, environment: str) -> Row:
    value: object = loaded.settings
    for name in key.split("."):
        value = getattr(value, name)
    source = loaded.sources[key]
    if isinstance(value, SecretStr):
        shown = masked(value.get_secret_value()) if key == "database.url" else MASK
        return Row(key, shown, shown if key == "database.url" else f"{MASK} (set)", source, environment)
    if value is None:
        return Row(key, None, "not set", source, environment)
    if isinstance(value, ByteSize):
        return Row(key, int(value), f"{int(value)} ({value.human_readable()})", source, environment)
    if isinstance(value, Path):
        return Row(key, str(value), str(value), source, environment)
    if isinstance(value, tuple):
        return Row(key, list(value), ",".join(map(str, value)), source, environment)
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return Row(key, value, text, source, environment)
