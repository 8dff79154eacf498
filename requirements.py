"""Write requirements.txt and requirements-dev.txt: the dependencies of pyproject.toml, pinned.

python requirements.py PYTHON        PYTHON: interpreter of an empty virtual environment, which is filled
"""

from __future__ import annotations

import subprocess
import sys
import tomllib
from pathlib import Path

HERE = Path(__file__).resolve().parent
RUN, DEV = HERE / "requirements.txt", HERE / "requirements-dev.txt"


def install(python: str, wanted: list[str]) -> set[str]:
    """Install into the environment of `python`; returns all pins there. Raises CalledProcessError."""
    subprocess.run([python, "-m", "pip", "install", "--quiet", *wanted], check=True)
    frozen = subprocess.run([python, "-m", "pip", "freeze"], check=True, capture_output=True, text=True)
    return set(frozen.stdout.split())


def main() -> None:
    """Fill the environment in two steps and write down what each brought."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text())
    python = sys.argv[1]
    build = project["build-system"]["requires"]
    run = install(python, [*project["project"]["dependencies"], *build])
    dev = install(python, project["project"]["optional-dependencies"]["dev"]) - run
    head = "# Made from pyproject.toml by `make lock`."
    RUN.write_text("\n".join([head, "# Runtime and the build tool: what `make build` installs.", *_sorted(run)]) + "\n")
    more = [head, "# What `make check` and `make test` need on top.", "-r requirements.txt", *_sorted(dev)]
    DEV.write_text("\n".join(more) + "\n")


def _sorted(pins: set[str]) -> list[str]:
    return sorted(pins, key=str.casefold)


if __name__ == "__main__":
    main()
