"""Every setting: its type, default, limits, and the words that describe it. The one table of them.

`SETTINGS` is made from the models, so that loading, `avap config show` and the documentation cannot disagree.

Plain pydantic: every value's source must be known and names that mean nothing must be refused, so `load` reads file,
credentials and environment itself, and pydantic-settings would add 110 ms of import (233 ms against 120 ms) to each
`avap` command and to the boot, for a merge of four dicts.
"""

from __future__ import annotations

import functools
import ipaddress
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ByteSize, ConfigDict, Field, SecretStr
from pydantic.fields import FieldInfo

from appliance._native import SCRIPT_MEMORY_BYTES, SCRIPT_TIMEOUT_MS

MIB = 1024 * 1024
CATALOG_BYTES_LIMIT = 2048 * MIB - 64 * 1024
"""A catalogue must fit into one protobuf message (2 GiB) with its framing."""
WORKERS_MAX = 256
CORES_MAX = 4096
ORIGINS_MAX = 32
ORIGIN = re.compile(r"https?://[A-Za-z0-9.\-_~\[\]:]{1,255}")
"""scheme://host[:port], as browsers write it (RFC 6454 §6.2)."""


@functools.cache
def allowed_cores() -> tuple[int, ...]:
    """The cores that this process was started on, ascending (sched_getaffinity(2)); later it leaves some to workers."""
    return tuple(sorted(os.sched_getaffinity(0)))


def default_workers() -> int:
    """One worker a core, and one core left for the supervisor, the network and the rest of the host."""
    return max(1, len(allowed_cores()) - 1)


def _no_bool(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a number is wanted, not true or false")
    return value


def _cores(value: object) -> object:
    """`auto`, `off`, or cores as `0,2-5` or a list. Raises ValueError."""
    if isinstance(value, bool | float | bytes):
        raise ValueError("not a core list")
    if isinstance(value, int):
        value = str(value)
    if isinstance(value, str):
        text = value.strip().lower()
        return text if text in ("auto", "off") else tuple(_expand(text.split(",")))
    return value


def _expand(parts: Iterable[str]) -> Iterator[int]:
    for part in parts:
        first, dash, last = part.strip().partition("-")
        if not first.isdecimal() or (dash and not last.strip().isdecimal()):
            raise ValueError(f"not a core or range: {part.strip()!r}")
        start, end = int(first), int(last) if dash else int(first)
        if end < start or end >= CORES_MAX:
            raise ValueError(f"not a range of cores: {part.strip()!r}")
        yield from range(start, end + 1)


def _check_cores(value: Any) -> Any:
    if isinstance(value, tuple):
        if not value:
            raise ValueError("the list is empty")
        if len(set(value)) != len(value):
            raise ValueError("a core is listed twice")
        foreign = sorted(set(value) - set(allowed_cores()))
        if foreign:
            raise ValueError(f"this process may not run on core {foreign[0]}")
    return value


def _path(value: object) -> object:
    if not isinstance(value, str | Path) or not str(value):
        return value
    if "\0" in str(value):
        raise ValueError("a path holds no NUL")
    try:
        return Path(value).expanduser().absolute()
    except RuntimeError as error:
        raise ValueError("there is no such user") from error


def _host(value: str) -> str:
    host = value.strip().removeprefix("[").removesuffix("]")
    if not host or any(character.isspace() or character in "/@" for character in host):
        raise ValueError("not an address")
    return host


def _origins(value: object) -> object:
    """A comma list, or a list. Raises ValueError."""
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    return tuple(value) if isinstance(value, list) else value


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        if origin != "*" and not ORIGIN.fullmatch(origin):
            raise ValueError(f"not an origin such as https://example.org: {origin!r}")
    if len(origins) > ORIGINS_MAX:
        raise ValueError(f"more than {ORIGINS_MAX} origins")
    return origins


def _database_url(value: SecretStr) -> SecretStr:
    text = value.get_secret_value().strip()
    if not text.startswith(("postgresql://", "postgres://")) and not ("=" in text and "://" not in text):
        raise ValueError("not a PostgreSQL address")
    return SecretStr(text)


Integer = Annotated[int, BeforeValidator(_no_bool)]
Seconds = Annotated[float, BeforeValidator(_no_bool), Field(allow_inf_nan=False)]
Size = Annotated[ByteSize, BeforeValidator(_no_bool)]
LocalPath = Annotated[Path, BeforeValidator(_path)]
Pin = Annotated[Literal["auto", "off"] | tuple[int, ...], BeforeValidator(_cores), AfterValidator(_check_cores)]
Host = Annotated[str, AfterValidator(_host)]
Origins = Annotated[tuple[str, ...], BeforeValidator(_origins), AfterValidator(_check_origins)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]


def _about(help_text: str, allowed: str, *, environment: tuple[str, ...] = (), flag: str = "") -> dict[str, Any]:
    return {
        "description": help_text,
        "json_schema_extra": {"allowed": allowed, "environment": list(environment), "flag": flag},
    }


class Section(BaseModel):
    """A table of the configuration file. Frozen; unknown keys are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class GrpcSettings(Section):
    """The gRPC data plane."""

    port: Integer = Field(
        50051,
        ge=0,
        le=65535,
        **_about(
            "Port of the gRPC service.", "0 to 65535; 0 takes any free port", environment=("PORT",), flag="--port"
        ),
    )
    workers: Integer = Field(
        default_factory=default_workers,
        ge=1,
        le=WORKERS_MAX,
        **_about(
            "Worker processes; by default one fewer than the cores allowed.", f"1 to {WORKERS_MAX}", flag="--workers"
        ),
    )
    wire: Literal["standard", "lite"] = Field(
        "standard",
        **_about(
            "Form of the messages: `lite` is what deployed language servers speak; it needs a signing key.",
            "standard or lite",
            flag="--wire",
        ),
    )


class HttpSettings(Section):
    """The HTTP data plane."""

    port: Integer = Field(
        8888,
        ge=0,
        le=65535,
        **_about("Port of the HTTP service.", "0 to 65535; 0 takes any free port", flag="--http-port"),
    )
    workers: Integer = Field(
        1,
        ge=0,
        le=WORKERS_MAX,
        **_about("HTTP worker processes.", f"0 to {WORKERS_MAX}; 0 serves no HTTP", flag="--http-workers"),
    )
    auth: Literal["auto", "on", "off"] = Field(
        "auto",
        **_about(
            "Whether HTTP requests need a key: `auto` asks for one unless it listens on loopback, and then wants "
            "`api_key` or `api_key_file` set.",
            "auto, on or off",
        ),
    )
    cors_origins: Origins = Field(
        (),
        **_about(
            "Web pages of these origins may call the HTTP service; none by default.",
            "origins with commas between, such as https://example.org; or *",
        ),
    )


class VmSettings(Section):
    """How scripts are run in each HTTP worker."""

    threads: Integer = Field(
        default_factory=default_workers,
        ge=1,
        le=WORKERS_MAX,
        **_about(
            "Threads of an HTTP worker that run scripts; by default one fewer than the cores allowed.",
            f"1 to {WORKERS_MAX}",
        ),
    )
    timeout_ms: Integer = Field(
        SCRIPT_TIMEOUT_MS,
        ge=1,
        le=60_000,
        **_about("Longest run of a script; then the answer is 504.", "1 to 60000 milliseconds"),
    )
    memory_mb: Integer = Field(
        SCRIPT_MEMORY_BYTES // MIB,
        ge=1,
        le=1024,
        **_about("Memory of one script's run, in MiB.", "1 to 1024"),
    )
    compiler_memory_mb: Integer = Field(
        256,
        ge=1,
        le=65_536,
        **_about(
            "Memory for compiling the catalogue's definitions, in MiB, in a process of its own; a definition that "
            "takes more is quarantined.",
            "1 to 65536",
        ),
    )
    compiler_cpu_ms: Integer = Field(
        2000,
        ge=1,
        le=600_000,
        **_about(
            "CPU time for compiling one definition; one that takes more is quarantined.", "1 to 600000 milliseconds"
        ),
    )
    compiler_wall_s: Seconds = Field(
        60.0,
        ge=0.1,
        le=3600,
        **_about("A compiler that makes no progress for this long is started again.", "0.1 to 3600 seconds"),
    )


class MetricsSettings(Section):
    """The Prometheus endpoint."""

    port: Integer = Field(
        9090,
        ge=0,
        le=65535,
        **_about("Port of the Prometheus metrics.", "0 to 65535; 0 takes any free port", flag="--metrics-port"),
    )


class CatalogSettings(Section):
    """What is served, and what a new version must satisfy."""

    dir: LocalPath | None = Field(
        None,
        **_about(
            "Folder with commands of your own, added to the embedded catalogue.", "a folder", flag="--catalog-dir"
        ),
    )
    refresh_s: Seconds = Field(
        60.0,
        ge=0.1,
        le=86_400,
        **_about("How often the source is asked for changes.", "0.1 to 86400 seconds", flag="--refresh-s"),
    )
    keep_generations: Integer = Field(
        3,
        ge=1,
        le=32,
        **_about("Versions kept in memory for rollback.", "1 to 32"),
    )
    max_shrink: Seconds = Field(
        0.5,
        ge=0,
        le=1,
        **_about(
            "A version that loses more than this part of the commands is refused.", "0 to 1; 1 allows any shrinking"
        ),
    )
    max_bytes: Size = Field(
        ByteSize(CATALOG_BYTES_LIMIT),
        ge=64 * 1024,
        le=CATALOG_BYTES_LIMIT,
        **_about("Largest catalogue that is accepted.", f"64KiB to {CATALOG_BYTES_LIMIT} bytes (2 GiB - 64 KiB)"),
    )
    reserve_bytes: Size = Field(
        ByteSize(64 * MIB),
        ge=0,
        le=1024 * 1024 * MIB,
        **_about(
            "Memory that a new version must leave free, of the host and of the control group.",
            "0 to 1TiB, such as 64MiB",
        ),
    )


class DatabaseSettings(Section):
    """The PostgreSQL source. Without a URL the embedded catalogue is served."""

    url: DatabaseUrl | None = Field(
        None,
        **_about(
            "PostgreSQL that holds the catalogue.",
            "postgresql://user:password@host:5432/database",
            environment=("DATABASE_URL",),
        ),
    )
    url_file: LocalPath | None = Field(
        None,
        **_about(
            "File that holds the URL, instead of the URL itself.", "a readable file", environment=("DATABASE_URL_FILE",)
        ),
    )
    connect_timeout_s: Seconds = Field(
        5.0,
        ge=0.1,
        le=300,
        **_about("Longest wait for a connection to one host.", "0.1 to 300 seconds"),
    )
    stall_timeout_s: Seconds = Field(
        30.0,
        ge=0.1,
        le=3600,
        **_about("Longest silence of the database in the middle of a reply.", "0.1 to 3600 seconds"),
    )


class LogSettings(Section):
    """The JSON lines on standard error."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        **_about("Least level that is written.", "debug, info, warning or error", flag="--log-level"),
    )


class DrainSettings(Section):
    """How a stop goes."""

    grace_s: Seconds = Field(
        1.0,
        ge=0,
        le=300,
        **_about("How long health says NOT_SERVING while new connections are still taken.", "0 to 300 seconds"),
    )
    timeout_s: Seconds = Field(
        10.0,
        ge=0.1,
        le=3600,
        **_about("Longest drain; what is still open then is closed.", "0.1 to 3600 seconds"),
    )


class WorkerSettings(Section):
    """How workers are watched."""

    heartbeat_timeout_s: Seconds = Field(
        2.0,
        ge=1,
        le=300,
        **_about("A worker silent for this long at two checks in a row is replaced.", "1 to 300 seconds"),
    )
    backoff_max_s: Seconds = Field(
        30.0,
        ge=0.1,
        le=3600,
        **_about("Longest pause before a worker that keeps dying is started again.", "0.1 to 3600 seconds"),
    )


class Settings(BaseModel):
    """The whole configuration, checked. Made by `load`."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    bind: Host = Field(
        "127.0.0.1",
        **_about("Address to listen on.", "an IP address or host name; 0.0.0.0 for all", flag="--bind"),
    )
    state_dir: LocalPath = Field(
        default_factory=lambda: default_state_dir(os.environ),
        **_about(
            "State directory: lock, ledger, snapshot, key, admin socket.",
            "a folder that this user may write",
            flag="--state-dir",
        ),
    )
    pin: Pin = Field(
        "auto",
        **_about(
            "Cores of the gRPC workers. The supervisor and its work run on the others, if any are left.",
            "auto, off, or allowed cores such as 0,2-5",
            flag="--pin",
        ),
    )
    api_key: SecretStr | None = Field(
        None,
        **_about(
            "Key that clients send as x-avap-auth, over HTTP also as bearer token.",
            "1 to 1024 visible ASCII characters",
            environment=("API_KEY",),
        ),
    )
    api_key_file: LocalPath | None = Field(
        None,
        **_about(
            "File with the keys, one a line; read again on HUP.",
            "a readable file with 1 to 64 keys",
            environment=("API_KEY_FILE",),
        ),
    )
    signing_key: SecretStr | None = Field(
        None,
        **_about("Key or two (comma) of the signed packages; the first signs.", "one or two keys, comma between"),
    )
    signing_key_file: LocalPath | None = Field(
        None,
        **_about("File with the signing keys, one a line.", "a readable file with one or two keys"),
    )
    grpc: GrpcSettings = Field(default_factory=GrpcSettings)
    http: HttpSettings = Field(default_factory=HttpSettings)
    vm: VmSettings = Field(default_factory=VmSettings)
    metrics: MetricsSettings = Field(default_factory=MetricsSettings)
    catalog: CatalogSettings = Field(default_factory=CatalogSettings)
    database: DatabaseSettings = Field(default_factory=DatabaseSettings)
    log: LogSettings = Field(default_factory=LogSettings)
    drain: DrainSettings = Field(default_factory=DrainSettings)
    worker: WorkerSettings = Field(default_factory=WorkerSettings)


def http_needs_key(settings: Settings) -> bool:
    """Whether an HTTP request must carry a key."""
    if settings.http.auth == "auto":
        return not is_loopback(settings.bind)
    return settings.http.auth == "on"


def is_loopback(host: str) -> bool:
    """Whether only this host can reach an address; a name other than `localhost` may be anything."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


@dataclass(frozen=True)
class Setting:
    """One row of the table of settings."""

    key: str
    """`section.key`, as in the configuration file."""
    environment: tuple[str, ...]
    """Names in the environment; any of them sets it, the first is the one to document."""
    flag: str
    """Option of `avap serve`, or empty."""
    help: str
    allowed: str
    secret: bool
    default: object
    """None when the default is computed or absent."""


def _rows() -> Iterator[Setting]:
    for name, info in Settings.model_fields.items():
        kind = info.annotation
        if isinstance(kind, type) and issubclass(kind, Section):
            for inner_name, inner in kind.model_fields.items():
                yield _row(f"{name}.{inner_name}", inner)
        else:
            yield _row(name, info)


def _row(key: str, info: FieldInfo) -> Setting:
    extra = info.json_schema_extra
    assert isinstance(extra, dict), key
    derived = "AVAP_" + key.upper().replace(".", "_")
    fixed = extra["environment"]
    assert isinstance(fixed, list)
    return Setting(
        key=key,
        environment=tuple(dict.fromkeys([*map(str, fixed), derived])),
        flag=str(extra["flag"]),
        help=info.description or "",
        allowed=str(extra["allowed"]),
        secret="Secret" in str(info.annotation),
        default=info.default if info.default_factory is None else None,
    )


SETTINGS: tuple[Setting, ...] = tuple(_rows())
"""All settings in the order of the documentation."""


def default_state_dir(environ: Mapping[str, str]) -> Path:
    """Where state lives when nothing is set: systemd's `STATE_DIRECTORY`, else /var/lib/avap for root where it
    exists, else the user's own state folder (XDG Base Directory Specification).
    """
    given = environ.get("STATE_DIRECTORY", "").split(":")[0]
    if given:
        return Path(given)
    system = Path("/var/lib/avap")
    if os.geteuid() == 0 and system.is_dir():
        return system
    base = environ.get("XDG_STATE_HOME", "")
    if base.startswith("/"):
        return Path(base) / "avap"
    home = environ.get("HOME", "")
    try:
        base_dir = Path(home) if home.startswith("/") else Path("~").expanduser()
    except RuntimeError:  # a user without a home, as containers have them
        return system
    return base_dir / ".local" / "state" / "avap"
