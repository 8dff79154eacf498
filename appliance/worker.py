"""A worker process: `python -m appliance.worker <control fd>`, started by the supervisor.

What it is and what it serves comes through the control channel; nothing of it is in `argv` or the
environment. Python only gives the process its name and its exit code: requests never reach it.
"""

from __future__ import annotations

import sys

import setproctitle

from appliance import _native


def _name_process(role: str, slot: int) -> None:
    setproctitle.setproctitle(f"avap: {role} worker {slot}")


def main(arguments: list[str]) -> int:
    """Run the worker to its end and return its exit code (`_native.run_worker`)."""
    if len(arguments) != 1 or not arguments[0].isdecimal():
        print("usage: python -m appliance.worker <control fd>", file=sys.stderr)
        return 2
    return _native.run_worker(int(arguments[0]), _name_process)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
