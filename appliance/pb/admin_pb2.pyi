from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class StatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StatusReply(_message.Message):
    __slots__ = ("version", "instance", "pid", "started_at_ms", "state", "grpc_address", "metrics_address", "key_source", "keys", "wire", "catalog", "source", "snapshot", "workers", "http_address", "state_dir", "warnings", "code")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    GRPC_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    METRICS_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    KEY_SOURCE_FIELD_NUMBER: _ClassVar[int]
    KEYS_FIELD_NUMBER: _ClassVar[int]
    WIRE_FIELD_NUMBER: _ClassVar[int]
    CATALOG_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SNAPSHOT_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    HTTP_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    STATE_DIR_FIELD_NUMBER: _ClassVar[int]
    WARNINGS_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    version: str
    instance: str
    pid: int
    started_at_ms: int
    state: str
    grpc_address: str
    metrics_address: str
    key_source: str
    keys: int
    wire: str
    catalog: CatalogStatus
    source: SourceStatus
    snapshot: SnapshotStatus
    workers: _containers.RepeatedCompositeFieldContainer[WorkerStatus]
    http_address: str
    state_dir: str
    warnings: _containers.RepeatedScalarFieldContainer[str]
    code: CodeStatus
    def __init__(self, version: _Optional[str] = ..., instance: _Optional[str] = ..., pid: _Optional[int] = ..., started_at_ms: _Optional[int] = ..., state: _Optional[str] = ..., grpc_address: _Optional[str] = ..., metrics_address: _Optional[str] = ..., key_source: _Optional[str] = ..., keys: _Optional[int] = ..., wire: _Optional[str] = ..., catalog: _Optional[_Union[CatalogStatus, _Mapping]] = ..., source: _Optional[_Union[SourceStatus, _Mapping]] = ..., snapshot: _Optional[_Union[SnapshotStatus, _Mapping]] = ..., workers: _Optional[_Iterable[_Union[WorkerStatus, _Mapping]]] = ..., http_address: _Optional[str] = ..., state_dir: _Optional[str] = ..., warnings: _Optional[_Iterable[str]] = ..., code: _Optional[_Union[CodeStatus, _Mapping]] = ...) -> None: ...

class CodeStatus(_message.Message):
    __slots__ = ("state", "definitions", "refused", "quarantined", "bytes", "seconds", "last_error", "quarantine", "quarantine_total")
    STATE_FIELD_NUMBER: _ClassVar[int]
    DEFINITIONS_FIELD_NUMBER: _ClassVar[int]
    REFUSED_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    SECONDS_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    QUARANTINE_FIELD_NUMBER: _ClassVar[int]
    QUARANTINE_TOTAL_FIELD_NUMBER: _ClassVar[int]
    state: str
    definitions: int
    refused: int
    quarantined: int
    bytes: int
    seconds: float
    last_error: str
    quarantine: _containers.RepeatedCompositeFieldContainer[QuarantinedDefinition]
    quarantine_total: int
    def __init__(self, state: _Optional[str] = ..., definitions: _Optional[int] = ..., refused: _Optional[int] = ..., quarantined: _Optional[int] = ..., bytes: _Optional[int] = ..., seconds: _Optional[float] = ..., last_error: _Optional[str] = ..., quarantine: _Optional[_Iterable[_Union[QuarantinedDefinition, _Mapping]]] = ..., quarantine_total: _Optional[int] = ...) -> None: ...

class QuarantinedDefinition(_message.Message):
    __slots__ = ("name", "source", "reason", "at_ms")
    NAME_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    name: str
    source: str
    reason: str
    at_ms: int
    def __init__(self, name: _Optional[str] = ..., source: _Optional[str] = ..., reason: _Optional[str] = ..., at_ms: _Optional[int] = ...) -> None: ...

class CatalogStatus(_message.Message):
    __slots__ = ("generation", "digest", "commands", "bytes", "created_at_ms", "announced_at_ms", "stale", "age_ms", "origin", "pinned", "last_rejection", "rejected", "duplicates", "bad_rows")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    STALE_FIELD_NUMBER: _ClassVar[int]
    AGE_MS_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    LAST_REJECTION_FIELD_NUMBER: _ClassVar[int]
    REJECTED_FIELD_NUMBER: _ClassVar[int]
    DUPLICATES_FIELD_NUMBER: _ClassVar[int]
    BAD_ROWS_FIELD_NUMBER: _ClassVar[int]
    generation: int
    digest: str
    commands: int
    bytes: int
    created_at_ms: int
    announced_at_ms: int
    stale: bool
    age_ms: int
    origin: str
    pinned: bool
    last_rejection: Rejection
    rejected: int
    duplicates: int
    bad_rows: int
    def __init__(self, generation: _Optional[int] = ..., digest: _Optional[str] = ..., commands: _Optional[int] = ..., bytes: _Optional[int] = ..., created_at_ms: _Optional[int] = ..., announced_at_ms: _Optional[int] = ..., stale: _Optional[bool] = ..., age_ms: _Optional[int] = ..., origin: _Optional[str] = ..., pinned: _Optional[bool] = ..., last_rejection: _Optional[_Union[Rejection, _Mapping]] = ..., rejected: _Optional[int] = ..., duplicates: _Optional[int] = ..., bad_rows: _Optional[int] = ...) -> None: ...

class Rejection(_message.Message):
    __slots__ = ("reason", "message", "at_ms")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    AT_MS_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    at_ms: int
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ..., at_ms: _Optional[int] = ...) -> None: ...

class SourceStatus(_message.Message):
    __slots__ = ("kind", "up", "last_ok_at_ms", "last_error_kind", "last_error", "last_error_at_ms", "next_try_at_ms", "hydration_s", "failures")
    KIND_FIELD_NUMBER: _ClassVar[int]
    UP_FIELD_NUMBER: _ClassVar[int]
    LAST_OK_AT_MS_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_KIND_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_AT_MS_FIELD_NUMBER: _ClassVar[int]
    NEXT_TRY_AT_MS_FIELD_NUMBER: _ClassVar[int]
    HYDRATION_S_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    kind: str
    up: bool
    last_ok_at_ms: int
    last_error_kind: str
    last_error: str
    last_error_at_ms: int
    next_try_at_ms: int
    hydration_s: float
    failures: int
    def __init__(self, kind: _Optional[str] = ..., up: _Optional[bool] = ..., last_ok_at_ms: _Optional[int] = ..., last_error_kind: _Optional[str] = ..., last_error: _Optional[str] = ..., last_error_at_ms: _Optional[int] = ..., next_try_at_ms: _Optional[int] = ..., hydration_s: _Optional[float] = ..., failures: _Optional[int] = ...) -> None: ...

class SnapshotStatus(_message.Message):
    __slots__ = ("path", "present", "bytes", "written_at_ms", "last_error")
    PATH_FIELD_NUMBER: _ClassVar[int]
    PRESENT_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    WRITTEN_AT_MS_FIELD_NUMBER: _ClassVar[int]
    LAST_ERROR_FIELD_NUMBER: _ClassVar[int]
    path: str
    present: bool
    bytes: int
    written_at_ms: int
    last_error: str
    def __init__(self, path: _Optional[str] = ..., present: _Optional[bool] = ..., bytes: _Optional[int] = ..., written_at_ms: _Optional[int] = ..., last_error: _Optional[str] = ...) -> None: ...

class WorkerStatus(_message.Message):
    __slots__ = ("role", "slot", "pid", "state", "generation", "connections", "restarts", "started_at_ms", "next_start_at_ms", "adopted_by")
    ROLE_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    CONNECTIONS_FIELD_NUMBER: _ClassVar[int]
    RESTARTS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    NEXT_START_AT_MS_FIELD_NUMBER: _ClassVar[int]
    ADOPTED_BY_FIELD_NUMBER: _ClassVar[int]
    role: str
    slot: int
    pid: int
    state: str
    generation: int
    connections: int
    restarts: int
    started_at_ms: int
    next_start_at_ms: int
    adopted_by: int
    def __init__(self, role: _Optional[str] = ..., slot: _Optional[int] = ..., pid: _Optional[int] = ..., state: _Optional[str] = ..., generation: _Optional[int] = ..., connections: _Optional[int] = ..., restarts: _Optional[int] = ..., started_at_ms: _Optional[int] = ..., next_start_at_ms: _Optional[int] = ..., adopted_by: _Optional[int] = ...) -> None: ...

class ReloadRequest(_message.Message):
    __slots__ = ("force",)
    FORCE_FIELD_NUMBER: _ClassVar[int]
    force: bool
    def __init__(self, force: _Optional[bool] = ...) -> None: ...

class ReloadReply(_message.Message):
    __slots__ = ("outcome", "message", "generation", "digest", "commands")
    OUTCOME_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    outcome: str
    message: str
    generation: int
    digest: str
    commands: int
    def __init__(self, outcome: _Optional[str] = ..., message: _Optional[str] = ..., generation: _Optional[int] = ..., digest: _Optional[str] = ..., commands: _Optional[int] = ...) -> None: ...

class ListVersionsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ListVersionsReply(_message.Message):
    __slots__ = ("versions",)
    VERSIONS_FIELD_NUMBER: _ClassVar[int]
    versions: _containers.RepeatedCompositeFieldContainer[Version]
    def __init__(self, versions: _Optional[_Iterable[_Union[Version, _Mapping]]] = ...) -> None: ...

class Version(_message.Message):
    __slots__ = ("generation", "digest", "commands", "bytes", "created_at_ms", "announced_at_ms", "origin", "current", "pinned")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    BYTES_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    ANNOUNCED_AT_MS_FIELD_NUMBER: _ClassVar[int]
    ORIGIN_FIELD_NUMBER: _ClassVar[int]
    CURRENT_FIELD_NUMBER: _ClassVar[int]
    PINNED_FIELD_NUMBER: _ClassVar[int]
    generation: int
    digest: str
    commands: int
    bytes: int
    created_at_ms: int
    announced_at_ms: int
    origin: str
    current: bool
    pinned: bool
    def __init__(self, generation: _Optional[int] = ..., digest: _Optional[str] = ..., commands: _Optional[int] = ..., bytes: _Optional[int] = ..., created_at_ms: _Optional[int] = ..., announced_at_ms: _Optional[int] = ..., origin: _Optional[str] = ..., current: _Optional[bool] = ..., pinned: _Optional[bool] = ...) -> None: ...

class RollbackRequest(_message.Message):
    __slots__ = ("to",)
    TO_FIELD_NUMBER: _ClassVar[int]
    to: str
    def __init__(self, to: _Optional[str] = ...) -> None: ...

class RollbackReply(_message.Message):
    __slots__ = ("generation", "digest", "commands")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    DIGEST_FIELD_NUMBER: _ClassVar[int]
    COMMANDS_FIELD_NUMBER: _ClassVar[int]
    generation: int
    digest: str
    commands: int
    def __init__(self, generation: _Optional[int] = ..., digest: _Optional[str] = ..., commands: _Optional[int] = ...) -> None: ...

class UnpinRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class UnpinReply(_message.Message):
    __slots__ = ("was_pinned",)
    WAS_PINNED_FIELD_NUMBER: _ClassVar[int]
    was_pinned: bool
    def __init__(self, was_pinned: _Optional[bool] = ...) -> None: ...

class CheckRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CheckReply(_message.Message):
    __slots__ = ("generation", "state", "message", "definitions", "failed", "failures", "bad_rows", "bad_rows_shown")
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    STATE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    DEFINITIONS_FIELD_NUMBER: _ClassVar[int]
    FAILED_FIELD_NUMBER: _ClassVar[int]
    FAILURES_FIELD_NUMBER: _ClassVar[int]
    BAD_ROWS_FIELD_NUMBER: _ClassVar[int]
    BAD_ROWS_SHOWN_FIELD_NUMBER: _ClassVar[int]
    generation: int
    state: str
    message: str
    definitions: int
    failed: int
    failures: _containers.RepeatedCompositeFieldContainer[DefinitionFailure]
    bad_rows: int
    bad_rows_shown: _containers.RepeatedCompositeFieldContainer[BadRow]
    def __init__(self, generation: _Optional[int] = ..., state: _Optional[str] = ..., message: _Optional[str] = ..., definitions: _Optional[int] = ..., failed: _Optional[int] = ..., failures: _Optional[_Iterable[_Union[DefinitionFailure, _Mapping]]] = ..., bad_rows: _Optional[int] = ..., bad_rows_shown: _Optional[_Iterable[_Union[BadRow, _Mapping]]] = ...) -> None: ...

class BadRow(_message.Message):
    __slots__ = ("id", "name", "reason")
    ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    id: int
    name: str
    reason: str
    def __init__(self, id: _Optional[int] = ..., name: _Optional[str] = ..., reason: _Optional[str] = ...) -> None: ...

class DefinitionFailure(_message.Message):
    __slots__ = ("name", "line", "column", "message", "quarantined", "source")
    NAME_FIELD_NUMBER: _ClassVar[int]
    LINE_FIELD_NUMBER: _ClassVar[int]
    COLUMN_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    QUARANTINED_FIELD_NUMBER: _ClassVar[int]
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    name: str
    line: int
    column: int
    message: str
    quarantined: bool
    source: str
    def __init__(self, name: _Optional[str] = ..., line: _Optional[int] = ..., column: _Optional[int] = ..., message: _Optional[str] = ..., quarantined: _Optional[bool] = ..., source: _Optional[str] = ...) -> None: ...
