"""Ask an AVAP Appliance for one command, then for all of them: plain grpcio, stubs generated from avap.proto.

python get_command.py NAME      the key in API_KEY, the address in AVAP_TARGET (127.0.0.1:50051)
"""

import os
import sys

import avap_pb2
import avap_pb2_grpc
import grpc

target = os.environ.get("AVAP_TARGET", "127.0.0.1:50051")
name = sys.argv[1] if len(sys.argv) > 1 else "addVar"
metadata = [("x-avap-auth", os.environ["API_KEY"])]
options = [("grpc.max_receive_message_length", -1)]  # a catalogue is one message; the default limit is 4 MiB

with grpc.insecure_channel(target, options=options) as channel:
    engine = avap_pb2_grpc.DefinitionEngineStub(channel)
    try:
        command, call = engine.GetCommand.with_call(avap_pb2.CommandRequest(name=name), timeout=5, metadata=metadata)
    except grpc.RpcError as error:
        sys.exit(f"{error.code().name}: {error.details()}")
    print(command.code)

    version = dict(call.initial_metadata())["avap-catalog-version"]
    catalog = engine.SyncCatalog(avap_pb2.Empty(), timeout=60, metadata=metadata)
    print(f"# {command.name} of {len(catalog.commands)} commands, version {version}")
