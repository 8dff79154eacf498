"""What counting the use of executions costs, and what their end costs, in instructions counted by callgrind.

Metering: the same programs built with the countdown and without it (feature `unmetered`); fails when a program needs
over 3 % more with it. Teardown: executions that hold more and more; fails when their end costs more than so many
instructions for each block of memory that goes back, of which there are few.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
TARGET = HERE.parent / "target"
COST_MAX = 0.03
PROGRAMS = {  # to inputs: the difference is counted, so that what surrounds the work is not
    "definition-additions": (1000, 3000),
    "definition-fibonacci": (12, 16),
    "definition-texts": (1000, 3000),
    "script-additions": (1000, 3000),
    "script-conditions": (1000, 3000),
}
TEARDOWN = (10, 100, 1000, 10_000, 40_000)
"""Items of the list that an execution has built, each of which is a list of three."""
TEARDOWN_BLOCK_MAX = 1000
"""Instructions for each block of memory: what the allocator needs, and as much again."""
TEARDOWN_BLOCKS_MAX = 64


def build(*options: str) -> Path:
    """The program that is counted, with optimisation; the two builds do not take each other's place."""
    command = ["cargo", "build", "--release", "--locked", "--package", "vm", "--example", "warm_programs"]
    command += ["--message-format", "json", *options]
    if options:
        command += ["--target-dir", str(TARGET / "unmetered")]
    built = subprocess.run(command, cwd=HERE.parent, check=True, stdout=subprocess.PIPE, text=True)
    messages = [json.loads(line) for line in built.stdout.splitlines()]
    return Path(next(message["executable"] for message in messages if message.get("executable")))


def run(program: Path, function: str, case: str, n: int, turns: int) -> tuple[int, int]:
    """Instructions of one function and what it calls, and blocks of memory that the last turn's end gave back."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "callgrind.out"
        command = ["valgrind", "--tool=callgrind", f"--toggle-collect=*{function}*", f"--callgrind-out-file={out}"]
        done = subprocess.run(
            [*command, program, case, str(n), str(turns)], check=True, capture_output=True, text=True
        )  # fmt: skip
        totals = re.search(r"^(?:summary|totals): (\d+)", out.read_text(), re.MULTILINE)
    assert totals, "callgrind printed no total"
    return int(totals[1]), int(done.stdout)


def instructions(program: Path, case: str) -> int:
    """Of the work between the two inputs of a case. A program runs twice: once cold, once as it is measured."""
    few, many = (run(program, "warm_programs::counted", case, n, 1)[0] for n in PROGRAMS[case])
    return many - few


def metering() -> list[str]:
    """Print what the countdown costs; the programs for which that is too much."""
    metered, unmetered = build(), build("--features", "unmetered")
    print(f"{'instructions':24}{'metered':>12}{'without':>12}{'cost':>8}  limit {COST_MAX:.0%}")
    over = []
    for case in PROGRAMS:
        counted, bare = instructions(metered, case), instructions(unmetered, case)
        cost = counted / bare - 1
        print(f"{case:24}{counted:12}{bare:12}{cost:8.2%}  {'FAIL' if cost > COST_MAX else 'pass'}", flush=True)
        if cost > COST_MAX:
            over.append(case)
    return over


def teardown() -> list[str]:
    """Print what the end of an execution costs; the sizes at which that is too much."""
    program = build()
    print(f"\n{'teardown of a list of':24}{'instructions':>12}{'blocks':>8}  limit {TEARDOWN_BLOCK_MAX} a block")
    over = []
    for n in TEARDOWN:
        counted, blocks = run(program, "warm_programs::torn_down", "teardown", n, 1)
        wrong = counted > TEARDOWN_BLOCK_MAX * blocks or blocks > TEARDOWN_BLOCKS_MAX
        print(f"{f'{n} lists':24}{counted:12}{blocks:8}  {'FAIL' if wrong else 'pass'}", flush=True)
        if wrong:
            over.append(f"{n} lists")
    return over


def main() -> int:
    """0 when both are within their limits."""
    if shutil.which("valgrind") is None:
        print("valgrind is needed to count instructions (Debian: apt-get install valgrind)", file=sys.stderr)
        return 1
    over = [*metering(), *teardown()]
    if over:
        print(f"over the limit: {', '.join(over)}", file=sys.stderr)
    return 1 if over else 0


if __name__ == "__main__":
    sys.exit(main())
