"""The native half of the appliance, as Python sees it."""

import builtins
from collections.abc import Callable, Sequence
from os import PathLike
from types import TracebackType
from typing import ClassVar, Literal, Self, TypedDict, final

from psycopg.pq.abc import PGconn

SCRIPT_TIMEOUT_MS: int
"""Longest run of a script unless configured, in milliseconds (`vm/src/limits.rs`)."""
SCRIPT_MEMORY_BYTES: int
"""Memory of a script's run unless configured (`vm/src/limits.rs`)."""

class SegmentError(Exception):
    """The arena refuses. The message says what, where and what to do.

    ``code`` is one of ``no_room``, ``too_large``, ``copy_stream``, ``signing_key``, ``gone``, ``damaged``,
    ``missing``, ``untrusted``, ``disk_full``, ``generation``, ``closed``, ``system``.
    """

    code: str

class NoRoomError(SegmentError):
    """This host has no room for the segment: nothing was taken."""

    needed: int
    """Bytes asked for."""
    available: int
    """Bytes that could be had, the reserve kept back."""
    where: Literal["shm", "memory", "cgroup"]
    """The limit in the way."""

class LimitError(SegmentError):
    """The catalogue is over ``max_bytes``."""

class SnapshotError(SegmentError):
    """There is no snapshot to write or to start from; ``code`` is ``missing``, ``untrusted``, ``damaged``,
    ``disk_full`` or ``system``."""

class GoneError(SegmentError):
    """The segment was retired: read the announcement again."""

@final
class BuildReport:
    """What a builder built."""

    @property
    def commands(self) -> int:
        """Commands in the segment."""
    @property
    def rows(self) -> int:
        """Rows seen: commands, duplicates and bad rows."""
    @property
    def duplicates(self) -> int:
        """Rows left out for a row of the same name with a higher id."""
    @property
    def duplicate_names(self) -> list[str]:
        """Their names, each once, at most 100."""
    @property
    def bad_rows(self) -> int:
        """Rows that cannot be served."""
    @property
    def bad_rows_shown(self) -> list[tuple[int, str, str]]:
        """Id, name (empty when nobody could ask for it) and reason of the first 100 of them."""
    @property
    def bytes(self) -> int:
        """Bytes of the segment."""
    @property
    def records_bytes(self) -> int:
        """Bytes of the encoded commands."""
    @property
    def digest(self) -> str:
        """Identity of the content, 32 hex digits."""

@final
class SegmentBuilder:
    """Fills the existing segment ``/dev/shm/<name>``, whatever its size is.

    Used by one thread at a time. ``wire`` is ``standard`` or ``lite``; ``lite`` needs a signing key.
    ``reserve_bytes`` of memory are left to others, ``max_bytes`` bounds the whole segment.

    Raises: ValueError for an unknown wire form, SegmentError.
    """

    def __new__(
        cls,
        name: str,
        segment_id: int,
        wire: str,
        signing_key: bytes | None = None,
        reserve_bytes: int = 67108864,
        max_bytes: int = 2147418112,
    ) -> Self: ...
    def take_over(self, earlier: Segment) -> None:
        """Lets rows that are in an earlier version, unchanged, take their records from it, which saves hashing them.
        Only of ``standard`` records without packages. To be called before the first row.

        Raises: SegmentError when either of them is closed.
        """
    def push(
        self,
        id: int,
        name: bytes | None,
        code: bytes | None,
        type: bytes | None = None,
        interface: bytes | None = None,
    ) -> None:
        """Adds a row. A row that cannot be served is counted and left out.

        Raises: NoRoomError, LimitError, SegmentError (``closed`` once a COPY stream has begun).
        """
    def feed_copy(self, chunk: bytes | bytearray | memoryview) -> int:
        """Adds a piece, of any size, of a binary COPY stream whose columns are
        id int8, name, code, type, interface. Returns the rows decoded so far.

        The work is done on a thread of its own, so an error may come with a later piece or with ``finish``.
        Raises: NoRoomError, LimitError, SegmentError (``copy_stream``). The builder is closed then.
        """
    def finish(self) -> BuildReport:
        """Completes the segment and closes the builder. Nothing of the segment stays mapped.

        Raises: what ``feed_copy`` does, also when a COPY stream has not come to its end.
        """
    def abandon(self) -> None:
        """Closes the builder and gives the segment's memory back; the empty file stays."""

@final
class Segment:
    """A version of the catalogue, mapped read-only."""

    @staticmethod
    def open(name: str) -> Segment:
        """Maps ``/dev/shm/<name>`` and checks its header.

        Raises: GoneError when it was retired, SegmentError (``damaged``, ``system``).
        """
    def verify(self) -> None:
        """Checks every record, the digest, the index and the names. Raises: SegmentError (``damaged``)."""
    def get(self, name: builtins.bytes) -> builtins.bytes | None:
        """The encoded record of a command: ``CommandDefinition`` or, in ``lite``, ``CommandResponse``."""
    def sync_body(self) -> builtins.bytes:
        """The whole encoded reply to ``SyncCatalog``."""
    def names(self) -> list[str]:
        """Names in ascending order of their UTF-8 bytes."""
    def close(self) -> None:
        """Unmaps it. Every other method raises SegmentError (``closed``) then."""
    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> None: ...
    @property
    def commands(self) -> int: ...
    @property
    def digest(self) -> str: ...
    @property
    def wire(self) -> str: ...
    @property
    def segment_id(self) -> int: ...
    @property
    def created_at_ms(self) -> int:
        """When it was built, milliseconds since 1970 UTC."""
    @property
    def bytes(self) -> int:
        """Bytes of the whole segment."""

@final
class SnapshotInfo:
    """What a snapshot holds."""

    @property
    def bytes(self) -> int: ...
    @property
    def digest(self) -> str: ...
    @property
    def commands(self) -> int: ...
    @property
    def wire(self) -> str: ...
    @property
    def created_at_ms(self) -> int: ...

def snapshot_write(segment_name: str, path: str | PathLike[str]) -> None:
    """Writes a segment to ``path`` (mode 0600), replacing what is there at one instant.

    Raises: SnapshotError (``disk_full``, ``system``): the old file stays and no other is left behind.
    """

def snapshot_probe(path: str | PathLike[str]) -> SnapshotInfo:
    """Looks at owner, mode, header and trailer of a snapshot, not at all its bytes. Raises: SnapshotError."""

def snapshot_restore(
    path: str | PathLike[str], segment_name: str, segment_id: int, reserve_bytes: int = 67108864
) -> SnapshotInfo:
    """Copies a snapshot into the existing segment, gives it its id, and checks every byte.

    Raises: SnapshotError, NoRoomError. The segment is empty then.
    """

@final
class Announcer:
    """The supervisor's end of the announcement page: the existing segment ``/dev/shm/<name>`` of at least
    ``ANNOUNCE_BYTES``. Raises: SegmentError."""

    ANNOUNCE_BYTES: ClassVar[int]
    def __new__(cls, name: str) -> Self: ...
    def announce(self, generation: int, segment_id: int, length: int, code_segment_id: int = 0) -> None:
        """Makes this the current version. Raises: SegmentError (``generation``) unless it is above the current."""
    def announce_code(self, generation: int, code_segment_id: int) -> bool:
        """Adds the compiled definitions of the current version. False: ``generation`` is not the current one."""
    def current(self) -> tuple[int, int, int, int] | None:
        """``(generation, segment id, length, code segment id)``, None before the first."""

class SlotState(TypedDict):
    """What one worker says about itself."""

    pid: int
    role: str
    state: str
    acked_generation: int
    heartbeat_ns: int
    connections: int
    connections_total: int
    requests_total: int
    logs_dropped_total: int
    swap_ns: int

@final
class WorkerSlots:
    """All worker slots: the existing segment ``/dev/shm/<name>`` of ``segment_bytes(pages)`` bytes.

    ``state`` is vacant, starting, serving, draining or stopped; ``role`` grpc, http or none; ``heartbeat_ns`` is
    CLOCK_MONOTONIC. Raises: SegmentError; its methods IndexError for a page that does not exist.
    """

    @staticmethod
    def segment_bytes(pages: int) -> int: ...
    def __new__(cls, name: str, pages: int) -> Self: ...
    def __len__(self) -> int: ...
    def clear(self, page: int) -> None:
        """Makes a page vacant and drops its counts."""
    def fold(self, page: int) -> None:
        """Keeps the counts of a worker that is gone and makes its page vacant: no total changes."""
    def state(self, page: int) -> SlotState: ...
    def samples(self) -> list[tuple[str, list[str], float]]:
        """Every metric as ``(name, label values, value)``, workers that are gone included.

        A histogram's names end in ``_bucket`` (cumulative; the bound ``le`` is the last label), ``_sum``
        (seconds) and ``_count``.
        """

@final
class MetricFamily:
    """Name, kind (``counter``, ``gauge``, ``histogram``), help and label names of a metric."""

    @property
    def name(self) -> str: ...
    @property
    def kind(self) -> str: ...
    @property
    def help(self) -> str: ...
    @property
    def labels(self) -> list[str]: ...

def metric_families() -> list[MetricFamily]:
    """Every family that ``WorkerSlots.samples`` has numbers of."""

class Room(TypedDict):
    """Bytes that each limit leaves; ``cgroup`` is None without a limit."""

    shm: int
    memory: int
    cgroup: int | None

@final
class CopyReader:
    """Reads the rows of the ``COPY … TO STDOUT`` that is under way on a connection. For one thread at a time."""

    def __new__(cls, connection: PGconn, libpq: str) -> Self:
        """``libpq``: path of the libpq that psycopg has loaded. Raises: OSError when it is not loaded."""

    def read(self, chunk_bytes: int, stop: int, timeout_s: float) -> tuple[bytes, Literal["open", "end", "failed"]]:
        """Rows of about ``chunk_bytes`` altogether, fewer when no more came for a tenth of a second, none when none
        came for ``timeout_s``; whatever there is as soon as the descriptor ``stop`` is readable. The interpreter lock
        is given up meanwhile.

        After ``failed`` the connection's ``error_message`` says why. Raises: OSError when the connection is closed.
        """

@final
class IdleCores:
    """Lends the cores of workers that do nothing to the threads of this process that yield to requests."""

    def __new__(cls, workers: Sequence[tuple[int, Sequence[int]]]) -> Self:
        """Begin. ``workers``: process id and the cores that it is pinned to."""

    def close(self) -> None:
        """Take every core back."""

def room_available(path_of_shm: str = "/dev/shm") -> Room:
    """How much memory could be taken now. Raises: SegmentError."""

@final
class ScriptTimer:
    """Runs scripts over the segment ``/dev/shm/<name>`` on the calling thread, as an HTTP worker would: for benchmarks.

    Its caches are empty at first. Times are CPU time of the thread in nanoseconds. A body is that of a POST to
    ``/api/v1/execute``; at most 1,000,000 turns. The GIL is kept.
    Raises: GoneError, SegmentError; its methods ValueError for a body that is wrong, a script that fails, and one
    that uses another amount of fuel than in its first turn.
    """

    def __new__(cls, segment_name: str, memory_bytes: int = 16777216) -> Self: ...
    def run(self, body: builtins.bytes) -> tuple[int, str, int]:
        """Status, body and fuel of one answer. A script that fails is answered too."""
    def each_ns(self, body: builtins.bytes, runs: int) -> list[int]:
        """Time of each of some turns, from the program's look-up to the answer; the first ones compile."""
    def turns_ns(self, body: builtins.bytes, turns: int) -> int:
        """Time of all turns, from the program's look-up in the cache to the answer, after one that is not measured."""
    def turns_with_body_ns(self, body: builtins.bytes, turns: int) -> int:
        """The same with the reading of the body."""
    def compile_ns(self, scripts: list[str]) -> int:
        """Time to find that each script is not compiled, to compile it, and to keep it."""

def run_load(plan: str) -> str:
    """Make load as the JSON `plan` says (bench/src/plan.rs) and return the report as JSON (bench/src/report.rs).

    The first of the plan's threads is the caller's; no other and no socket outlives the call. A signal's exception
    ends the run and is raised. Raises ValueError for a plan that cannot be run and OSError.
    """

def run_null_server(
    lifeline_fd: int,
    version: str,
    record: bytes,
    catalog: bytes,
    listening: Callable[[str], object],
) -> None:
    """Answer every GetCommand with `record` and every SyncCatalog with `catalog`, looking nothing up, until the other
    end of the pipe `lifeline_fd` is closed. `version` is `<generation>-<digest>`.

    It listens on a free port of loopback; `listening` is called once with `address:port`. A signal's exception ends
    it and is raised. Raises OSError.
    """

def run_worker(control_fd: int, name_process: Callable[[str, int], object]) -> int:
    """Runs a worker under the orders of ``control_fd`` until it has drained or its supervisor is gone.

    ``name_process`` is called once with the worker's role and slot. Returns the exit code of the process: 0, 71
    when the system refused something, 78 for orders that cannot be followed.
    """

def run_compiler(control_fd: int) -> int:
    """Compiles the definitions of one version as the order says that comes through ``control_fd``, and reports there.

    Frames are u32 little-endian length and JSON. Returns the exit code at once when the other end is closed: the
    process must end then, whatever its threads do.
    """

def code_verify(name: str) -> tuple[int, int, int, int]:
    """Checks the code segment ``/dev/shm/<name>``: digest, index, every entry's checksum, its form.

    Returns how many definitions it has, do not compile, are in quarantine, and its bytes. Raises: GoneError,
    SegmentError (``damaged``, ``system``).
    """

def code_progress(name: str) -> tuple[int, tuple[str, str] | None]:
    """How far the writer of a code segment came: definitions done, source hash (hex) and name of the one under way.

    Raises: SegmentError (``system``).
    """

def code_failures(name: str, limit: int) -> list[tuple[str, str, bool, int, int, str]]:
    """At most ``limit`` definitions that cannot run: name, source hash, in quarantine, line, column, message.

    Raises: GoneError, SegmentError.
    """
