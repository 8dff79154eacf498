"""Where values come from: flags, environment, systemd credentials, the configuration file. Reads; checks names only.

Each layer maps `section.key` to a raw value and the words that name its source. A name that means nothing is a
problem with a suggestion, because a misspelt setting that is silently ignored is found at night.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from appliance.config.settings import SETTINGS, Section, Settings

CONFIG_FILE_BYTES_MAX = 1024 * 1024

CREDENTIALS = {
    "api_key": "api_key_file",
    "database_url": "database.url_file",
    "signing_key": "signing_key_file",
}
"""Names of systemd credentials, and the settings that they are files for (systemd.exec(5), LoadCredential=)."""

ALTERNATIVES = (
    ("api_key", "api_key_file"),
    ("signing_key", "signing_key_file"),
    ("database.url", "database.url_file"),
)
"""Pairs that say the same thing. The higher layer wins; both in one layer is a problem."""

NOT_BUILT = re.compile(r"AVAP_(VM_SIGNATURES|OUTBOUND_ALLOW|SQL_URL)")
NEVER_READ = ("AVAP_INTERNAL_KEY", "NODE_ENV", "UV_THREADPOOL_SIZE", "DATABASE_POOL_SIZE")
SERVICE_LINK = re.compile(r"AVAP\w*_(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)")
SERVICE_LINK_VALUE = re.compile(r"(tcp|udp|sctp)://")
"""Kubernetes sets these in every pod for each service: a service called `avap-grpc` sets AVAP_GRPC_PORT to tcp://…"""


@dataclass(frozen=True)
class Value:
    """A raw value, not checked yet."""

    raw: object
    source: str


@dataclass
class Layer:
    """What one place sets."""

    values: dict[str, Value] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def flags_layer(flags: Mapping[str, object]) -> Layer:
    """Values of command-line options, by key; None means that the option was not given."""
    names = {setting.key: setting.flag or setting.key for setting in SETTINGS}
    layer = Layer()
    for key, raw in flags.items():
        if key not in names:
            layer.problems.append(f"{key} (flag): there is no such setting{did_you_mean(key, names)}")
        elif raw is not None:
            layer.values[key] = Value(raw, f"flag {names[key]}")
    return layer


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """Values from environment variables. An empty one counts as not set."""
    keys = {name: setting for setting in SETTINGS for name in setting.environment}
    layer = Layer()
    for name in sorted(environ):
        raw = environ[name]
        setting = keys.get(name)
        if setting is None:
            _judge_stranger(name, raw, keys, layer)
        elif SERVICE_LINK_VALUE.match(raw) and name.endswith("_PORT"):
            layer.warnings.append(f"ignored: {name} is a Kubernetes service link, not a port number")
        elif not raw:
            if setting.secret or setting.key.endswith("_file"):
                layer.warnings.append(f"{name} is set but empty, which counts as not set")
        elif setting.key in layer.values and layer.values[setting.key].raw != raw:
            other = layer.values[setting.key].source.removeprefix("environment ")
            layer.problems.append(f"{setting.key}: {other} and {name} disagree; set one of them")
        else:
            layer.values[setting.key] = Value(raw, f"environment {name}")
    _check_alternatives(layer)
    return layer


def credentials_layer(environ: Mapping[str, str]) -> Layer:
    """Secrets that systemd passes as files in `$CREDENTIALS_DIRECTORY`."""
    layer = Layer()
    directory = environ.get("CREDENTIALS_DIRECTORY", "")
    for name, key in CREDENTIALS.items() if directory else ():
        path = Path(directory) / name
        if path.exists():
            layer.values[key] = Value(str(path), f"systemd credential {name}")
    return layer


def file_layer(path: Path, *, must_exist: bool) -> Layer:
    """Values of the TOML file: top-level settings and one table a section."""
    layer = Layer()
    try:
        with path.open("rb") as file:
            data = file.read(CONFIG_FILE_BYTES_MAX + 1)
            mode = path.stat().st_mode
    except FileNotFoundError:
        if must_exist:
            layer.problems.append(f"the configuration file does not exist: {path}")
        return layer
    except OSError as error:
        layer.problems.append(f"the configuration file cannot be read: {error.strerror}: {path}")
        return layer
    if len(data) > CONFIG_FILE_BYTES_MAX:
        layer.problems.append(f"the configuration file is larger than {CONFIG_FILE_BYTES_MAX} bytes: {path}")
        return layer
    try:
        table = tomllib.loads(data.decode("utf-8"))
    except UnicodeDecodeError:
        layer.problems.append(f"the configuration file is not UTF-8 text: {path}")
        return layer
    except tomllib.TOMLDecodeError as error:
        layer.problems.append(f"the configuration file is not valid TOML: {error}: {path}")
        return layer
    _take_table(table, "", f"file {path}", layer)
    _check_alternatives(layer)
    secrets = [setting.key for setting in SETTINGS if setting.secret and setting.key in layer.values]
    if secrets and mode & 0o007:
        layer.warnings.append(
            f"{path} holds {', '.join(secrets)} and is open to every user of this host; run `chmod o-rwx {path}`"
        )
    return layer


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return `; did you mean X?` for the closest of `names`, or nothing."""
    close = difflib.get_close_matches(name, list(names), n=1, cutoff=0.7)
    return f"; did you mean {close[0]}?" if close else ""


def _judge_stranger(name: str, raw: str, known: Iterable[str], layer: Layer) -> None:
    if NOT_BUILT.fullmatch(name):
        layer.warnings.append(f"ignored: {name} belongs to a part that this version does not have")
    elif name in NEVER_READ:
        layer.warnings.append(f"ignored: {name} has no meaning here")
    elif name.startswith("AVAP_") and not (SERVICE_LINK.fullmatch(name) or SERVICE_LINK_VALUE.match(raw)):
        layer.problems.append(f"{name} (environment): there is no such setting{did_you_mean(name, known)}")


def _take_table(table: Mapping[str, object], prefix: str, source: str, layer: Layer) -> None:
    keys = [setting.key for setting in SETTINGS]
    sections = {name for name, info in Settings.model_fields.items() if _is_section(info.annotation)}
    for name, raw in table.items():
        key = prefix + name
        if isinstance(raw, dict) and not prefix and name in sections:
            _take_table(raw, f"{name}.", source, layer)
        elif key in keys:
            layer.values[key] = Value(raw, source)
        elif key in sections:
            layer.problems.append(f"{key} ({source}): this is a section; write [{key}] and its settings below it")
        else:
            what = "section" if isinstance(raw, dict) else "setting"
            candidates = sections if isinstance(raw, dict) else keys
            suggestion = _same_last_word(name, keys) or did_you_mean(key, candidates)
            layer.problems.append(f"{key} ({source}): there is no such {what}{suggestion}")


def _same_last_word(name: str, keys: Iterable[str]) -> str:
    """`port` at the top level is likelier `grpc.port` than anything spelt like it."""
    found = [key for key in keys if key.rpartition(".")[2] == name]
    return f"; did you mean {' or '.join(found)}?" if found else ""


def _is_section(kind: object) -> bool:
    return isinstance(kind, type) and issubclass(kind, Section)


def _check_alternatives(layer: Layer) -> None:
    for direct, by_file in ALTERNATIVES:
        if direct in layer.values and by_file in layer.values:
            sources = dict.fromkeys((layer.values[direct].source, layer.values[by_file].source))
            layer.problems.append(f"{direct} and {by_file} are both set ({', '.join(sources)}); set one of them")
