"""What a command of `avap bench` measures with: a server, the null server beside it, and cores for each side."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.appliance_process import KEY, ApplianceProcess, serving
from bench.catalogs import check_served, names_in, write_folder
from bench.commands import CommandSet
from bench.cores import Cores, divide
from bench.interruption import terminable
from bench.meter import Generator, Meter
from bench.null_server import null_server
from bench.processes import session_pids
from bench.shape import Load
from bench.target import Target, bare, existing, fetch, resolve
from bench.verdict import BenchError, UsageError

APPLIANCE = "appliance"
GENERATED, PACKAGED = "generated", "packaged"


@dataclass(frozen=True, slots=True)
class Subject:
    """What is to be measured. Without `target`, an appliance is started with `catalog`: `generated`, `packaged` or a
    folder of commands. With it, `catalog` is `generated` (the server is asked) or a file with a `Catalog` message.
    """

    target: str | None = None
    key: str = ""
    yes_remote: bool = False
    catalog: str = GENERATED
    commands: int = 1000
    record_bytes: int = 700
    workers: int | None = None
    """Of the appliance that is started; None: half of the cores."""
    threads: int | None = None
    """Of the generator; None: as many as it has cores."""
    cores: str = "auto"
    """How cores are divided: see `bench.cores.divide`."""


@dataclass(slots=True)
class Session:
    """A server that is ready to be measured, for the length of a block."""

    target: Target
    cores: Cores
    workers: int
    threads: int
    directory: Path
    names: tuple[str, ...]
    """What may be asked for: of a generated catalogue its own, of another all. Empty where there is no catalogue."""
    catalog_bytes: int
    record_bytes: int
    """Of a record on average."""
    catalog_commands: int
    _stack: ExitStack
    _nulls: dict[str, Target | BenchError] = field(default_factory=dict)

    def null(self, load: Load) -> Target:
        """The null server that answers like this load's server; started when it is first wanted. Raises BenchError."""
        if load.method == "Execute":
            raise BenchError("the null server has no HTTP/1.1")
        found = self._nulls.get(load.method)
        if found is None:
            try:
                found = self._start_null(load)
            except BenchError as error:
                found = error  # it is not tried again before each run
            self._nulls[load.method] = found
        if isinstance(found, BenchError):
            raise found
        return found

    def meter(self, generator: Generator | None = None) -> Meter:
        """What measures here."""
        return Meter(self.cores, self.null, generator)

    def _start_null(self, load: Load) -> Target:
        reply_bytes = self.record_bytes if load.method == "GetCommand" else self.catalog_bytes
        directory = self.directory / f"null-{load.method}"
        directory.mkdir()
        return self._stack.enter_context(null_server(reply_bytes, directory, self.cores.server))

    @property
    def asked_names(self) -> tuple[str, ...]:
        """For a load that asks for everything evenly; empty stands for all that the catalogue holds."""
        return () if len(self.names) == self.catalog_commands else self.names

    @property
    def checked(self) -> str:
        """What of each reply is checked."""
        return "every reply checked byte for byte" if self.target.versions else "every reply checked as asked"

    @property
    def summary(self) -> str:
        """What is measured, in a few words."""
        if not self.catalog_commands:
            return self.target.name
        return f"{self.target.name} with {self.catalog_commands} commands of {self.record_bytes} bytes"


@contextmanager
def session(subject: Subject, *, holds_catalog: bool = True) -> Iterator[Session]:
    """Start or find the server. Everything that was started is gone at the end, also on TERM. Main thread only.

    `holds_catalog`: it answers as a definition server does. Raises BenchError.
    """
    # Before anything is started: what can never work.
    allowed = sorted(os.sched_getaffinity(0))
    workers = subject.workers or max(1, len(allowed) // 2)
    try:
        cores = divide(allowed, workers, subject.cores)
    except ValueError as error:
        raise UsageError(f"--cores: {error}") from error
    if subject.target is not None:
        resolve(subject.target, allow_remote=subject.yes_remote)
    with terminable(), tempfile.TemporaryDirectory(prefix="avap-bench-") as name, ExitStack() as stack:
        directory = Path(name)
        commands = None
        if subject.target is None:
            target, commands = _started(subject, stack, directory, cores, workers)
        elif holds_catalog:
            target = _found(subject, directory)
        else:
            target = bare(subject.target, key=subject.key, allow_remote=subject.yes_remote)
        threads = subject.threads or len(cores.generator)
        yield _session(target, commands, stack, directory, cores, workers, threads)


def _session(
    target: Target, commands: CommandSet | None, stack: ExitStack, directory: Path, cores: Cores, workers: int,
    threads: int,
) -> Session:  # fmt: skip
    held = names_in(target.catalog) if target.versions else []
    if target.versions and not held:
        raise BenchError(f"{target.name} serves no command, so there is nothing to ask it for")
    catalog_bytes = target.catalog.stat().st_size if target.versions else 0
    names = held if commands is None else [commands.name(index) for index in range(commands.count)]
    record_bytes = commands.record_bytes if commands is not None else catalog_bytes // max(1, len(held))
    return Session(
        target, cores, workers, threads, directory, tuple(names), catalog_bytes, record_bytes, len(held), stack
    )  # fmt: skip


def _started(
    subject: Subject, stack: ExitStack, directory: Path, cores: Cores, workers: int
) -> tuple[Target, CommandSet | None]:
    """An appliance of our own, and what was made for it."""
    environ = {
        "AVAP_GRPC_WORKERS": str(workers),
        "AVAP_PIN": ",".join(map(str, cores.server)) if cores.apart else "off",
        "AVAP_DRAIN_GRACE_S": "0",  # no load balancer has to notice its end
    }
    commands = None
    if subject.catalog == GENERATED:
        commands = write_folder(directory / "commands", subject.commands, subject.record_bytes)
        environ["AVAP_CATALOG_DIR"] = str(directory / "commands")
    elif subject.catalog != PACKAGED:
        if not Path(subject.catalog).is_dir():
            raise UsageError(
                "--catalog is generated, packaged or a folder of commands; a file is for --target: " + subject.catalog
            )
        environ["AVAP_CATALOG_DIR"] = str(Path(subject.catalog).absolute())
    appliance = stack.enter_context(serving(directory / "state", environ))
    return own_target(appliance, directory, commands), commands


def own_target(appliance: ApplianceProcess, directory: Path, commands: CommandSet | None) -> Target:
    """An appliance that was started to be measured, checked once to serve what its folder holds. Raises BenchError."""
    target = existing(appliance.address, key=KEY, catalog=None, directory=directory, allow_remote=False, name=APPLIANCE)
    if commands is not None:
        check_served(target.catalog.read_bytes(), commands)
    pids: Callable[[], list[int]] = lambda: session_pids(appliance.process.pid)  # noqa: E731 - a field of the target
    return Target(target.name, target.address, target.key, target.versions, pids)


def _found(subject: Subject, directory: Path) -> Target:
    assert subject.target is not None
    catalog = None
    if subject.catalog != GENERATED:
        catalog = Path(subject.catalog)
        if not catalog.is_file():
            raise UsageError(
                f"with --target, --catalog is a file with what SyncCatalog replies (a Catalog message): {catalog}"
            )
    return existing(
        subject.target, key=subject.key, catalog=catalog, directory=directory, allow_remote=subject.yes_remote
    )


def version_of(target: Target) -> str:
    """The version that a server names now, as in `avap-catalog-version`. Raises BenchError."""
    return fetch(target.address, target.key, everything=False)[0]
