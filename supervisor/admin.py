"""The admin service on the unix socket of the state directory."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import grpc

from appliance.errors import NotFoundError, StateDirectoryError
from appliance.pb import admin_pb2, admin_pb2_grpc
from supervisor.version import Rejected

if TYPE_CHECKING:
    from supervisor.supervisor import Supervisor

    Context = grpc.aio.ServicerContext[Any, Any]


class AdminService(admin_pb2_grpc.AdminServicer):
    """Answers the `avap` command."""

    def __init__(self, supervisor: Supervisor) -> None:
        """Speaks for `supervisor`."""
        self._supervisor = supervisor

    async def Status(self, request: admin_pb2.StatusRequest, context: Context) -> admin_pb2.StatusReply:  # noqa: N802
        """All that an operator asks first."""
        return self._supervisor.status()

    async def Reload(self, request: admin_pb2.ReloadRequest, context: Context) -> admin_pb2.ReloadReply:  # noqa: N802
        """Hydrate now and tell what came of it: what was announced is served by then."""
        outcome = await self._supervisor.refresh.look(force=request.force, only_if_changed=False)
        current = self._supervisor.publisher.current
        message = outcome.message
        if outcome.outcome == "announced" and current and not await self._supervisor.caught_up(current.generation):
            message = "not every worker serves it yet; `avap status` shows the generation of each"
        return admin_pb2.ReloadReply(
            outcome=outcome.outcome,
            message=message,
            generation=current.generation if current else 0,
            digest=current.digest if current else "",
            commands=current.commands if current else 0,
        )

    async def ListVersions(  # noqa: N802
        self, request: admin_pb2.ListVersionsRequest, context: Context
    ) -> admin_pb2.ListVersionsReply:
        """The versions still in shared memory, newest announcement first."""
        publisher = self._supervisor.publisher
        return admin_pb2.ListVersionsReply(
            versions=[
                admin_pb2.Version(
                    generation=version.generation,
                    digest=version.digest,
                    commands=version.commands,
                    bytes=version.bytes,
                    created_at_ms=version.created_at_ms,
                    announced_at_ms=version.announced_at_ms,
                    origin=version.origin,
                    current=version is publisher.current,
                    pinned=version is publisher.current and publisher.pinned,
                )
                for version in reversed(publisher.versions)
            ]
        )

    async def Rollback(self, request: admin_pb2.RollbackRequest, context: Context) -> admin_pb2.RollbackReply:  # noqa: N802
        """Announce an older version under a new generation, and keep to it."""
        try:
            version = await self._supervisor.refresh.rollback(request.to)
        except NotFoundError as error:
            await context.abort(grpc.StatusCode.NOT_FOUND, str(error))
        except Rejected as rejected:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(rejected))
        await self._supervisor.caught_up(version.generation)
        return admin_pb2.RollbackReply(generation=version.generation, digest=version.digest, commands=version.commands)

    async def Unpin(self, request: admin_pb2.UnpinRequest, context: Context) -> admin_pb2.UnpinReply:  # noqa: N802
        """Follow the source again, from now on."""
        try:
            was_pinned = await self._supervisor.refresh.unpin()
        except Rejected as rejected:
            await context.abort(grpc.StatusCode.FAILED_PRECONDITION, str(rejected))
        return admin_pb2.UnpinReply(was_pinned=was_pinned)

    async def Check(self, request: admin_pb2.CheckRequest, context: Context) -> admin_pb2.CheckReply:  # noqa: N802
        """The definitions that cannot run, once they are compiled."""
        compilation = self._supervisor.compilation
        await compilation.settled()
        found = await compilation.failures()
        if found is None:
            current = self._supervisor.publisher.current
            return admin_pb2.CheckReply(
                generation=current.generation if current else 0,
                state=compilation.state,
                message=str(compilation.error or "there is no catalogue to check"),
            )
        version, failures = found
        assert version.code is not None, "failures are read from it"
        return admin_pb2.CheckReply(
            generation=version.generation,
            state="compiled",
            definitions=version.code.definitions,
            failed=version.code.refused + version.code.quarantined,
            failures=[
                admin_pb2.DefinitionFailure(
                    name=one.name,
                    line=one.line,
                    column=one.column,
                    message=one.message,
                    quarantined=one.quarantined,
                    source=one.source,
                )
                for one in failures
            ],
            bad_rows=version.bad_rows,
            bad_rows_shown=[
                admin_pb2.BadRow(id=row.id, name=row.name, reason=row.reason) for row in version.bad_rows_shown
            ],
        )


async def serve(supervisor: Supervisor) -> grpc.aio.Server:
    """Listen on `admin.sock`, which only the owner may open. Raises StateDirectoryError."""
    path = supervisor.state_directory.admin_socket
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
    admin_pb2_grpc.add_AdminServicer_to_server(AdminService(supervisor), server)  # type: ignore[no-untyped-call]
    mask = os.umask(0o177)  # the socket is 0600 from its first moment on
    try:
        path.unlink(missing_ok=True)  # of a killed predecessor: we hold the lock
        server.add_insecure_port(f"unix:{quote(str(path))}")  # gRPC percent-decodes the path
    except (OSError, RuntimeError) as error:
        raise StateDirectoryError(
            f"cannot open the admin socket ({error}); give the state directory free space and a file system "
            f"that holds sockets: {path}"
        ) from error
    finally:
        os.umask(mask)
    await server.start()
    return server
