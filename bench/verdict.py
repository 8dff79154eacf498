"""What every benchmark ends with: its checks, printed and as JSON, and an exit code."""

from __future__ import annotations

import argparse
import json
import os
import shlex
import statistics
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from bench.host import fingerprint

EXIT_OVER_LIMIT = 1
EXIT_USAGE = 2
EXIT_UNAVAILABLE = 69
EXIT_FAULT = 70
EXIT_OS = 71
EXIT_KEY = 77


class BenchError(Exception):
    """A measurement that could not be made, or whose replies were wrong."""

    exit_code = EXIT_FAULT


class MissingToolError(BenchError):
    """A program that the benchmark needs is not installed."""

    exit_code = EXIT_UNAVAILABLE


class UsageError(BenchError):
    """Something was asked for that can never work."""

    exit_code = EXIT_USAGE


class UnreachableError(BenchError):
    """The server to measure does not answer, or went away in the middle."""

    exit_code = EXIT_UNAVAILABLE


class KeyRefusedError(BenchError):
    """The server to measure refuses the key, or its file cannot be read."""

    exit_code = EXIT_KEY


class OsRefusedError(BenchError):
    """The operating system refused something, for example room on a disk."""

    exit_code = EXIT_OS


@dataclass(frozen=True, slots=True)
class Check:
    """A figure against its limit."""

    name: str
    value: float
    limit: float
    unit: str

    @property
    def passed(self) -> bool:
        """Whether it is within."""
        return self.value <= self.limit

    def __str__(self) -> str:
        return f"{'pass' if self.passed else 'FAIL'}  {self.name}: {self.value:.4g} {self.unit}, limit {self.limit:g}"


@dataclass(slots=True)
class Result:
    """What a benchmark measured. `figures`: every run, raw, in the units that the keys end with."""

    benchmark: str
    checks: list[Check] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)
    settings: dict[str, str] = field(default_factory=dict)

    def check(self, name: str, value: float, limit: float, unit: str) -> None:
        """Add a check and print it."""
        self.checks.append(Check(name, value, limit, unit))
        print(self.checks[-1], flush=True)

    @property
    def passed(self) -> bool:
        """Whether every check is within its limit."""
        return all(check.passed for check in self.checks)


def median(values: Sequence[float]) -> float:
    """The middle of `values`."""
    return statistics.median(values)


def main(benchmark: str, description: str, run: Callable[[Path, argparse.Namespace], Result],
         arguments: Callable[[argparse.ArgumentParser], None] | None = None) -> int:  # fmt: skip
    """Run one benchmark from the command line in a temporary directory and return the exit code."""
    parser = argparse.ArgumentParser(prog=f"python -m bench.{benchmark}", description=description)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write everything measured to this file")
    if arguments is not None:
        arguments(parser)
    options = parser.parse_args()
    load_before = os.getloadavg()[0]
    print(f"{description}\non {fingerprint()['cpu']}, {len(os.sched_getaffinity(0))} cores", flush=True)
    try:
        with tempfile.TemporaryDirectory(prefix="avap-bench-") as directory:
            result = run(Path(directory), options)
    except BenchError as error:
        print(f"{benchmark}: {error}", file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        return 130
    if options.json is not None:
        document = {
            "benchmark": benchmark,
            "command": shlex.join([sys.executable, "-m", f"bench.{benchmark}", *sys.argv[1:]]),
            "host": fingerprint(),
            "load_before": load_before,
            "settings": result.settings,
            "passed": result.passed,
            "checks": [{**asdict(check), "passed": check.passed} for check in result.checks],
            "figures": result.figures,
        }
        options.json.write_text(json.dumps(document, indent=2) + "\n")
    return 0 if result.passed else EXIT_OVER_LIMIT
