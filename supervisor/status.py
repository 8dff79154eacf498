"""What `avap status` shows."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import TYPE_CHECKING

from appliance import __version__
from appliance.pb import admin_pb2
from supervisor.worker_pool import Slot

if TYPE_CHECKING:
    from supervisor.supervisor import Supervisor

QUARANTINE_SHOWN = 20


def report(supervisor: Supervisor) -> admin_pb2.StatusReply:
    """The whole state, without a secret."""
    publisher, state = supervisor.publisher, supervisor.refresh.state
    current = publisher.current
    now_ms = time.time_ns() // 1_000_000
    if supervisor.draining:
        phase = "draining"
    else:
        phase = "serving" if current is not None and any(slot.live for slot in supervisor.pool.slots) else "not_serving"
    snapshot = _stat(publisher.snapshot_path)
    reply = admin_pb2.StatusReply(
        version=__version__,
        instance=supervisor.state_directory.instance,
        pid=os.getpid(),
        started_at_ms=supervisor.started_at_ms,
        state=phase,
        grpc_address=supervisor.grpc_address,
        http_address=supervisor.http_address,
        metrics_address=supervisor.metrics_address,
        key_source=supervisor.keys.source,
        keys=len(supervisor.keys.values),
        wire=supervisor.refresh.gate.wire,
        state_dir=str(supervisor.state_directory.path),
        warnings=supervisor.loaded.warnings,
        source=admin_pb2.SourceStatus(
            kind=supervisor.refresh.source.name,
            up=state.up,
            last_ok_at_ms=state.last_ok_at_ms,
            last_error_kind=state.last_error_kind,
            last_error=state.last_error,
            last_error_at_ms=state.last_error_at_ms,
            next_try_at_ms=state.next_try_at_ms,
            hydration_s=state.hydration_s,
            failures=state.failures,
        ),
        snapshot=admin_pb2.SnapshotStatus(
            path=str(publisher.snapshot_path),
            present=snapshot is not None,
            bytes=snapshot.st_size if snapshot else 0,
            written_at_ms=snapshot.st_mtime_ns // 1_000_000 if snapshot else 0,
            last_error=publisher.snapshot_error,
        ),
        workers=[_worker_status(supervisor, slot) for slot in supervisor.pool.slots],
        code=_code_status(supervisor),
    )
    reply.catalog.rejected = publisher.rejections.total()
    if publisher.last_rejection is not None:
        reason, message, at_ms = publisher.last_rejection
        reply.catalog.last_rejection.CopyFrom(admin_pb2.Rejection(reason=reason, message=message, at_ms=at_ms))
    if current is not None:
        reply.catalog.generation = current.generation
        reply.catalog.digest = current.digest
        reply.catalog.commands = current.commands
        reply.catalog.bytes = current.bytes
        reply.catalog.created_at_ms = current.created_at_ms
        reply.catalog.announced_at_ms = current.announced_at_ms
        reply.catalog.stale = supervisor.refresh.stale
        reply.catalog.age_ms = max(0, now_ms - current.confirmed_at_ms)
        reply.catalog.origin = current.origin
        reply.catalog.pinned = publisher.pinned
        reply.catalog.duplicates = current.duplicates
        reply.catalog.bad_rows = current.bad_rows
    return reply


def _stat(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:  # not there, or the folder is not ours any more
        return None


def _code_status(supervisor: Supervisor) -> admin_pb2.CodeStatus:
    compilation, current = supervisor.compilation, supervisor.publisher.current
    entries = list(compilation.quarantine.entries.values())
    code = current.code if current else None
    return admin_pb2.CodeStatus(
        state=compilation.state,
        definitions=code.definitions if code else 0,
        refused=code.refused if code else 0,
        quarantined=code.quarantined if code else 0,
        bytes=code.bytes if code else 0,
        seconds=compilation.seconds,
        last_error=str(compilation.error or ""),
        quarantine=[
            admin_pb2.QuarantinedDefinition(name=one.name, source=one.source, reason=one.reason, at_ms=one.at_ms)
            for one in reversed(entries[-QUARANTINE_SHOWN:])
        ],
        quarantine_total=len(entries),
    )


def _worker_status(supervisor: Supervisor, slot: Slot) -> admin_pb2.WorkerStatus:
    process = slot.process
    page = supervisor.slots.state(slot.page)
    return admin_pb2.WorkerStatus(
        role=slot.role,
        slot=slot.index,
        pid=process.pid if process else 0,
        state=str(page["state"]) if slot.live else "starting" if process else "vacant",
        generation=slot.acked_generation,
        connections=supervisor.connections(slot),
        restarts=slot.restarts,
        started_at_ms=int(process.started_at * 1000) if process else 0,
        next_start_at_ms=int(slot.next_start_at * 1000),
        adopted_by=-1 if slot.adopted_by is None else slot.adopted_by,
    )
