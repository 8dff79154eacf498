"""The process of the null server: nothing but the native half, so that it is there at once.

python -m bench.null_process RECORD CATALOG VERSION

It prints `address:port` and serves until its standard input is closed, which the death of its parent does too.
"""

from __future__ import annotations

import sys
from pathlib import Path

from appliance._native import run_null_server


def main() -> None:
    """Serve the two files."""
    record, catalog, version = sys.argv[1:]
    run_null_server(
        sys.stdin.fileno(),
        version,
        Path(record).read_bytes(),
        Path(catalog).read_bytes(),
        lambda address: print(address, flush=True),
    )


if __name__ == "__main__":
    main()
