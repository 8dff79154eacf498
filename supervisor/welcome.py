"""What `avap serve --welcome` prints once it serves: what, where the key is, and calls to paste."""

from __future__ import annotations

import contextlib
import os
import shutil
import sys
from threading import Thread
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from supervisor.supervisor import Supervisor

SERVING = """
AVAP Appliance {version} serves {commands} commands ({origin}, generation {generation}) on {grpc}
  key      {key}
{http}  metrics  http://{metrics}/metrics
  state    {state}

First calls, from another terminal in this folder:

  {avap} status{flags}
  {avap} get addVar{client}
  {avap} sync{client}

  {python} - <<'PY'
  from appliance.client import Client
  with Client("{grpc}", key={key_expression}) as client:
      print(client.get("addVar").code)
  PY

Ctrl-C ends it.
"""

NOT_SERVING = """
AVAP Appliance {version} listens on {grpc} but has nothing to serve yet:
  {advice}
It looks again by itself; `{avap} status` shows when.
"""


def show(supervisor: Supervisor) -> None:
    """Print to standard output, from a thread: a terminal that is stopped (Ctrl-S) must not stop the appliance."""
    data = _text(supervisor).encode("utf-8", "surrogateescape")
    Thread(target=_print, args=(data,), name="welcome", daemon=True).start()


def _print(data: bytes) -> None:
    # Not through sys.stdout, whose lock the end of the interpreter waits for.
    with contextlib.suppress(OSError):  # what cannot be printed is not worth failing for
        while data:
            data = data[os.write(1, data) :]


def _text(supervisor: Supervisor) -> str:
    current = supervisor.publisher.current
    avap = sys.argv[0] if shutil.which("avap") is None else "avap"
    facts = {
        "version": supervisor.status().version,
        "grpc": supervisor.grpc_address,
        "http": f"  http     http://{supervisor.http_address}\n" if supervisor.http_address else "",
        "metrics": supervisor.metrics_address,
        "state": supervisor.state_directory.path,
        "avap": avap,
        "python": f"{sys.executable}",
        "advice": supervisor.advice(),
    }
    if current is None:
        return NOT_SERVING.format(**facts)
    path = supervisor.keys.path
    key_expression = f'open("{path}").readline().strip()' if path else 'os.environ["API_KEY"]'
    return SERVING.format(
        commands=current.commands, origin=current.origin, generation=current.generation,
        key=path or supervisor.keys.source, key_expression=key_expression, client=_client_flags(supervisor),
        flags=_state_flag(supervisor), **facts,
    )  # fmt: skip


def _state_flag(supervisor: Supervisor) -> str:
    if supervisor.loaded.sources.get("state_dir", "default") == "default":
        return ""
    return f" --state-dir {supervisor.state_directory.path}"


def _client_flags(supervisor: Supervisor) -> str:
    flags = _state_flag(supervisor)
    if not supervisor.grpc_address.endswith(":50051"):
        flags += f" --target {supervisor.grpc_address}"
    return flags
