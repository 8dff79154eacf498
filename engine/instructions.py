"""Instructions a request through the sans-I/O core, counted by callgrind and kept in instructions.json.

`python engine/instructions.py` compares and fails when a shape grew by more than 5 %; `--write` keeps what it counted.
Only the function `counted` and what it calls is counted, so the peer that writes the requests is not."""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
KEPT = HERE / "instructions.json"
SHAPES = (
    "1-stream",
    "10-streams",
    "100-streams",
    "10-streams-small-windows",
    "100-streams-small-windows",
    "10-streams-unknown-headers",
    "10-streams-not-found",
)
REQUESTS_FEW, REQUESTS_MANY = 1000, 3000
GROWTH_MAX = 0.05


def build() -> Path:
    """The program that is counted, with optimisation."""
    command = ["cargo", "build", "--release", "--locked", "--package", "engine", "--example", "warm_requests"]
    command += ["--message-format", "json"]
    built = subprocess.run(command, cwd=HERE.parent, check=True, stdout=subprocess.PIPE, text=True)
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    return Path(next(message["executable"] for message in messages if message.get("executable")))


def instructions(program: Path, shape: str, requests: int) -> int:
    """Of one run."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind.out"
        command = ["valgrind", "--tool=callgrind", "--toggle-collect=*counted*", f"--callgrind-out-file={out}"]
        subprocess.run([*command, program, shape, str(requests)], check=True, capture_output=True)
        totals = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)
    assert totals, "callgrind printed no total"
    return int(totals[1])


def count() -> dict[str, int]:
    """Instructions a warm request, by shape."""
    program = build()
    counted = {}
    for shape in SHAPES:
        few, many = (instructions(program, shape, requests) for requests in (REQUESTS_FEW, REQUESTS_MANY))
        counted[shape] = round((many - few) / (REQUESTS_MANY - REQUESTS_FEW))
    return counted


def main() -> int:
    parser = argparse.ArgumentParser(description="Instructions a request")
    parser.add_argument("--write", action="store_true", help="keep what was counted")
    write = parser.parse_args().write
    if shutil.which("valgrind") is None:
        print("valgrind is needed to count instructions (Debian: apt-get install valgrind)", file=sys.stderr)
        return 1
    kept: dict[str, int] = {} if write else json.loads(KEPT.read_text())
    counted = count()
    grown = []
    for shape, number in counted.items():
        before = kept.get(shape)
        change = "" if not before else f"{number / before - 1:+8.1%}"
        print(f"{shape:30} {number:8} {change}")
        if before and number > before * (1 + GROWTH_MAX):
            grown.append(shape)
    if write:
        KEPT.write_text(json.dumps(counted, indent=2) + "\n")
    if grown:
        print(f"more than {GROWTH_MAX:.0%} more instructions: {', '.join(grown)}", file=sys.stderr)
    return 1 if grown else 0


if __name__ == "__main__":
    sys.exit(main())
