"""Client of the definition engine: commands by name, or the whole catalogue.

    from appliance.client import Client

    with Client("127.0.0.1:50051", key="...") as client:
        command = client.get("addVar")
        print(command.code, command.interface)
        catalog = client.sync()
        print(len(catalog), catalog.version)

Synchronous, thread-safe, on grpcio. A client holds one connection, which is opened by its first call and repaired by
itself. Without `key` it uses `API_KEY`, else the first key in the file `API_KEY_FILE`.
"""

from appliance.client.catalog import Catalog, Command, Wire
from appliance.client.connection import CHANNEL_OPTIONS, DEFAULT_PORT, Client
from appliance.client.errors import (
    BadInterface,
    ClientError,
    CommandNotFound,
    DeadlineExceeded,
    IntegrityError,
    InvalidKey,
    InvalidRequest,
    LimitExceeded,
    NotImplementedByServer,
    ServerFault,
    Unavailable,
)
from appliance.client.version import Version

__all__ = [
    "CHANNEL_OPTIONS",
    "DEFAULT_PORT",
    "BadInterface",
    "Catalog",
    "Client",
    "ClientError",
    "Command",
    "CommandNotFound",
    "DeadlineExceeded",
    "IntegrityError",
    "InvalidKey",
    "InvalidRequest",
    "LimitExceeded",
    "NotImplementedByServer",
    "ServerFault",
    "Unavailable",
    "Version",
    "Wire",
]
