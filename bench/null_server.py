"""The null server: honest HTTP/2, one correct reply to everything, nothing looked up (bench/src/null.rs).

What the generator reaches against it is the generator's own ceiling: `python -m bench.ceiling`.
"""

from __future__ import annotations

import hashlib
import os
import selectors
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from appliance.pb import avap_pb2
from bench.cores import on
from bench.interruption import uninterrupted
from bench.target import Target
from bench.verdict import BenchError

NAME = "null server"
KEY = "null-server-takes-any-key"
COMMAND = "command_0000000"
"""The one that it holds; it answers for any other too, with this one's record."""
RECORD_BYTES_MAX = 1 << 30
START_TIMEOUT_S = 30.0
STOP_TIMEOUT_S = 10.0
_FILLER = b"    # nothing is looked up, and nothing is ever different\n"


def make_record(record_bytes: int) -> bytes:
    """A `CommandDefinition` of this length, or one byte less where no such one can be encoded. Raises BenchError."""
    bare = avap_pb2.CommandDefinition(name=COMMAND)
    full = avap_pb2.CommandDefinition(
        name=COMMAND, hash=hashlib.sha256(COMMAND.encode()).hexdigest(), type="function", interface_json="[]"
    )
    # The shortest replies have no room for all fields.
    record = full if full.ByteSize() + 3 <= record_bytes else bare
    room = record_bytes - record.ByteSize()
    if room < 0 or record_bytes > RECORD_BYTES_MAX:
        raise BenchError(f"a record has {bare.ByteSize()} to {RECORD_BYTES_MAX} bytes; found {record_bytes}")
    code_bytes = max(0, room - 2)  # the field's tag and at least one byte of length
    while code_bytes:
        code = (_FILLER * (code_bytes // len(_FILLER) + 1))[:code_bytes].decode()
        record.code = code
        excess = record.ByteSize() - record_bytes
        if excess <= 0:
            break
        code_bytes -= excess
    return record.SerializeToString()


@contextmanager
def null_server(record_bytes: int, directory: Path, cores: Sequence[int] | None = None) -> Iterator[Target]:
    """A null server whose every record is `record_bytes` long and whose catalogue is that record alone, on loopback.

    `directory` is for its files, `cores` are those that it runs on. It is gone at the end of the block, or with this
    process. Main thread only. Raises BenchError.
    """
    record = make_record(record_bytes)
    catalog = avap_pb2.Catalog(commands=[avap_pb2.CommandDefinition.FromString(record)]).SerializeToString()
    digest = hashlib.blake2b(catalog, digest_size=16).hexdigest()
    record_file, catalog_file = directory / "null-record", directory / "null-catalog"
    record_file.write_bytes(record)
    catalog_file.write_bytes(catalog)
    command = [sys.executable, "-m", "bench.null_process", str(record_file), str(catalog_file), f"1-{digest}"]
    process = None
    try:
        with uninterrupted(), on(cores or sorted(os.sched_getaffinity(0))):
            process = subprocess.Popen(
                command,
                cwd=Path(__file__).parent.parent,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,  # Ctrl-C is for this process, which then ends that one
            )
        address = _address(process)
        pid = process.pid
        yield Target(NAME, address, KEY, {digest: catalog_file}, lambda: [pid])
    finally:
        if process is not None:
            with uninterrupted():
                _end(process)


def _address(process: subprocess.Popen[bytes]) -> str:
    assert process.stdout is not None
    assert process.stderr is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        line = process.stdout.readline().decode().strip() if selector.select(START_TIMEOUT_S) else ""
    if not line:
        process.kill()
        raise BenchError(f"the null server did not start: {process.stderr.read().decode(errors='replace').strip()}")
    return line


def _end(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    assert process.stdout is not None
    assert process.stderr is not None
    process.stdin.close()
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
    process.stderr.close()
