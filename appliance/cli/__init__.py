"""The `avap` command: the composition root. It alone imports `supervisor`, and each command only when it runs."""

import sys

from appliance import __version__


def main() -> None:
    """Run `avap` with the arguments of this process, and exit."""
    if sys.argv[1:] in (["version"], ["--version"]):
        print(f"avap {__version__}")  # 20 ms; 200 ms through the command tree, which scripts ask before each use
        return
    from appliance.cli.app import run

    run()
