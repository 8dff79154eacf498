"""What a SIGHUP can change while the appliance runs, and what it cannot."""

from __future__ import annotations

from functools import reduce

from appliance.config import SETTINGS, Settings

LIVE = frozenset(
    (
        "api_key",
        "api_key_file",
        "catalog.keep_generations",
        "catalog.max_bytes",
        "catalog.max_shrink",
        "catalog.refresh_s",
        "catalog.reserve_bytes",
        "log.level",
    )
)
"""All other settings are taken once, at start: sockets, processes and the source stand on them."""


def need_restart(started: Settings, wanted: Settings) -> list[str]:
    """Keys of the settings that differ from those that the appliance started with and come into force by a restart."""
    return [
        setting.key
        for setting in SETTINGS
        if setting.key not in LIVE and _value(started, setting.key) != _value(wanted, setting.key)
    ]


def _value(settings: Settings, key: str) -> object:
    return reduce(getattr, key.split("."), settings)
