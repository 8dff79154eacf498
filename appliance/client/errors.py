"""What a call can fail with, and which gRPC status means what."""

from __future__ import annotations

import grpc

from appliance.client.version import Version
from appliance.errors import AvapError


class ClientError(AvapError):
    """A call failed. `status` is the gRPC status; `version` the catalogue version that the reply named, if any."""

    code = "client"
    status: grpc.StatusCode | None = None
    version: Version | None = None


class CommandNotFound(ClientError):  # noqa: N818 - reads as what it says
    """The catalogue holds no command of this name."""

    code = "not_found"
    exit_code = 1


class InvalidKey(ClientError):  # noqa: N818
    """The appliance refused the key, or none was sent."""

    code = "invalid_key"
    exit_code = 77


class Unavailable(ClientError):  # noqa: N818
    """No appliance answers at the target, or it has no catalogue yet. Retries are used up."""

    code = "unavailable"
    exit_code = 69


class DeadlineExceeded(ClientError):  # noqa: N818
    """The timeout passed before the reply was complete."""

    code = "deadline_exceeded"
    exit_code = 69


class InvalidRequest(ClientError):  # noqa: N818
    """The appliance could not read the request: an empty or over-long name."""

    code = "invalid_request"
    exit_code = 2


class LimitExceeded(ClientError):  # noqa: N818
    """A message was over a size limit."""

    code = "limit_exceeded"
    exit_code = 70


class NotImplementedByServer(ClientError):  # noqa: N818
    """What answers at the target is no definition engine, or does not have this call."""

    code = "not_implemented"
    exit_code = 69


class ServerFault(ClientError):  # noqa: N818
    """The appliance met a fault of its own, or its reply cannot be read."""

    code = "server_fault"
    exit_code = 70


class IntegrityError(ClientError):
    """A reply does not match its own hash or signature. Nothing of it should be executed."""

    code = "integrity"
    exit_code = 70


class BadInterface(ClientError):  # noqa: N818
    """A command's interface is not a JSON list of objects."""

    code = "bad_interface"
    exit_code = 70


MEANINGS: dict[grpc.StatusCode, tuple[type[ClientError], str]] = {
    grpc.StatusCode.NOT_FOUND: (CommandNotFound, "the catalogue holds no such command"),
    grpc.StatusCode.UNAUTHENTICATED: (InvalidKey, "{target} refused the key; compare it with the appliance's"),
    grpc.StatusCode.UNAVAILABLE: (Unavailable, "no answer from {target}; is the appliance running there?"),
    grpc.StatusCode.DEADLINE_EXCEEDED: (DeadlineExceeded, "no complete reply from {target} within {timeout} s"),
    grpc.StatusCode.INVALID_ARGUMENT: (InvalidRequest, "{target} could not read the request"),
    grpc.StatusCode.RESOURCE_EXHAUSTED: (LimitExceeded, "a message was over a limit"),
    grpc.StatusCode.UNIMPLEMENTED: (NotImplementedByServer, "{target} is no definition engine that has this call"),
    grpc.StatusCode.INTERNAL: (ServerFault, "the reply of {target} could not be used; is its wire form {wire}?"),
}
"""Status to error and the words before the server's own."""
