"""Entry of `avap serve`: from checked settings to a running supervisor."""

from __future__ import annotations

import os

import setproctitle
import uvloop

from appliance.config import SETTINGS, Keys, Loaded, load_keys, read_signing_keys, secret_values
from appliance.errors import AvapError
from appliance.logging import Logger, capture_stdlib
from supervisor.hydration import REASONS_LOGGED
from supervisor.sources import LeftOut, Source
from supervisor.sources.embedded import EmbeddedSource
from supervisor.state_directory import StateDirectory
from supervisor.supervisor import Supervisor


def run(loaded: Loaded, *, welcome: bool) -> int:
    """Serve until told to stop; returns 0 then. Raises AvapError when it cannot start.

    `welcome` prints, once it serves, what it serves and what to try first.
    """
    settings = loaded.settings
    _fill_standard_descriptors()
    _forget_secrets()
    setproctitle.setproctitle("avap: supervisor")
    state_directory = StateDirectory(settings.state_dir)
    log = Logger(level=settings.log.level)
    capture_stdlib(log)
    try:
        keys = load_keys(settings, state_directory.path, loaded.sources)
        log.protect(secret_values(settings, keys))
        for warning in (*loaded.warnings, *keys.warnings):
            log.warning("Configuration Warning", warning=warning)
        signing_keys = read_signing_keys(settings)
        supervisor = Supervisor(
            loaded,
            keys,
            state_directory,
            _open_source(loaded, log),
            signing_keys[0] if signing_keys else None,
            log,
            reload_config=lambda: _reload(loaded, state_directory),
            show_welcome=welcome,
        )
        _run(supervisor)
    finally:
        log.close()
        state_directory.close()
    if supervisor.source_hangs:  # the end of the interpreter is no place for a thread that sits in native code
        os._exit(0)
    return 0


def _fill_standard_descriptors() -> None:
    """Keep a lock or ledger from becoming descriptor 2 of a process that was started with that one closed."""
    while (fd := os.open(os.devnull, os.O_RDWR)) <= 2:
        os.set_inheritable(fd, True)
    os.close(fd)


def _forget_secrets() -> None:
    """Keep the secrets that the settings have taken from the environment out of our children's."""
    for setting in SETTINGS:
        for name in setting.environment if setting.secret else ():
            os.environ.pop(name, None)


def _run(supervisor: Supervisor) -> None:
    try:
        uvloop.run(supervisor.run())
    except* AvapError as group:  # one task's failure ends the others
        raise _first(group) from None


def _first(group: BaseExceptionGroup[AvapError]) -> AvapError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def _reload(loaded: Loaded, state_directory: StateDirectory) -> tuple[Loaded, Keys]:
    again = loaded.reload()
    return again, load_keys(again.settings, state_directory.path, again.sources)


def _open_source(loaded: Loaded, log: Logger) -> Source:
    settings = loaded.settings

    def tell_rows(left_out: tuple[LeftOut, ...]) -> None:
        rows = [{"id": one.id, "name": one.name, "reason": one.reason} for one in left_out[:REASONS_LOGGED]]
        log.warning("Rows Left Out", count=len(left_out), rows=rows)

    if settings.database.url is not None:
        from supervisor.sources.postgres import PostgresSource  # psycopg only where it is used

        return PostgresSource(
            settings.database.url.get_secret_value(),
            settings.database.connect_timeout_s,
            settings.database.stall_timeout_s,
            tell_rows,
        )

    def tell(left_out: tuple[LeftOut, ...]) -> None:
        files = [{"path": one.path, "reason": one.reason} for one in left_out[:REASONS_LOGGED]]
        log.warning("Command Files Left Out", count=len(left_out), files=files)

    return EmbeddedSource(settings.catalog.dir, tell)
