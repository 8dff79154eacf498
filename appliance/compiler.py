"""A compiler process: `python -m appliance.compiler <control fd>`, started by the supervisor, gone after one version.

What it compiles, and under which limits, comes through the control channel. The native half does the work; Python gives
the process its name and its end.
"""

from __future__ import annotations

import os
import sys

import setproctitle

from appliance import _native


def main(arguments: list[str]) -> int:
    """Compile one version and return the exit code (`_native.run_compiler`)."""
    if len(arguments) != 1 or not arguments[0].isdecimal():
        print("usage: python -m appliance.compiler <control fd>", file=sys.stderr)
        return 2
    setproctitle.setproctitle("avap: compiler")
    return _native.run_compiler(int(arguments[0]))


if __name__ == "__main__":
    # Not through the interpreter's end: a thread may be in the middle of a definition.
    os._exit(main(sys.argv[1:]))
