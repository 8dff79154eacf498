"""Results files: repeated runs of named measurements, with the host and the command that made them.

`bench/schema.json` is the schema, `bench/results.md` describes it and says when its number changes.
"""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal, cast

SCHEMA = 1
FILE_BYTES_MAX = 16 * 1024 * 1024
MEASUREMENTS_MAX = 1_000
RUNS_MAX = 1_000
"""Comparing looks at each pair of runs: a second for this many against this many."""

Better = Literal["lower", "higher"]


class ResultsError(Exception):
    """A results file that cannot be read or says what the schema does not allow."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """Repeated runs of one thing, in the order in which they were made."""

    name: str
    unit: str
    better: Better
    runs: tuple[float, ...]
    verdict: str
    """What bounded it: `server-bound`, `client-bound`, `network-bound`, `host-noisy` or other words."""
    started_s: tuple[float, ...] = ()
    """When each run began, in seconds of the epoch; empty when that is not known."""

    def __post_init__(self) -> None:
        """Raises ResultsError."""
        if not self.name or not self.unit or not self.verdict:
            raise ResultsError(f"a measurement needs a name, a unit and a verdict: {self.name!r}")
        if self.better not in ("lower", "higher"):
            raise ResultsError(f"{self.name}: better must be lower or higher, not {self.better!r}")
        if not 1 <= len(self.runs) <= RUNS_MAX:
            raise ResultsError(f"{self.name}: 1 to {RUNS_MAX} runs are allowed, not {len(self.runs)}")
        for run in self.runs:
            if not math.isfinite(run) or run <= 0:
                raise ResultsError(f"{self.name}: a run must be a number above zero, not {run!r}")
        if self.started_s and len(self.started_s) != len(self.runs):
            raise ResultsError(f"{self.name}: {len(self.started_s)} times of {len(self.runs)} runs are given")
        if any(later <= start for start, later in pairwise(self.started_s)):
            raise ResultsError(f"{self.name}: the times of its runs do not ascend")


@dataclass(frozen=True, slots=True)
class Results:
    """One results file."""

    host: Mapping[str, Any]
    command: tuple[str, ...]
    measurements: tuple[Measurement, ...]

    def __post_init__(self) -> None:
        """Raises ResultsError."""
        if not self.command:
            raise ResultsError("the command is empty")
        if not 1 <= len(self.measurements) <= MEASUREMENTS_MAX:
            raise ResultsError(f"1 to {MEASUREMENTS_MAX} measurements are allowed, not {len(self.measurements)}")
        counts = Counter(measurement.name for measurement in self.measurements)
        twice = sorted(name for name, count in counts.items() if count > 1)
        if twice:
            raise ResultsError(f"measurements must have different names: {', '.join(twice)}")

    def write(self, path: Path) -> None:
        """Write the file whole or not at all. Raises OSError."""
        document = {
            "schema": SCHEMA,
            "host": dict(self.host),
            "command": list(self.command),
            "measurements": [asdict(measurement) for measurement in self.measurements],
        }
        temporary = path.with_name(path.name + ".part")
        try:
            temporary.write_text(json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)


def read(path: Path) -> Results:
    """Read a results file, or those of a folder as one. Raises ResultsError, whose message starts with the path."""
    return _read_folder(path) if path.is_dir() else _read_file(path)


def _read_folder(folder: Path) -> Results:
    """Its files in the order in which they were made: each adds runs to the measurements of the others."""
    paths = sorted(folder.glob("*.json"))
    if not paths:
        raise ResultsError(f"{folder}: no results files (*.json) in this folder")
    if len(paths) > RUNS_MAX:
        raise ResultsError(f"{folder}: {len(paths)} results files; {RUNS_MAX} are allowed")
    files = [(path, _read_file(path)) for path in paths]
    first_path, first = files[0]
    by_name: dict[str, list[Measurement]] = {measurement.name: [] for measurement in first.measurements}
    for path, results in files:
        if results.host != first.host:
            raise ResultsError(f"{path}: made on another host or of another build than {first_path}")
        if {measurement.name for measurement in results.measurements} != set(by_name):
            raise ResultsError(f"{path}: holds other measurements than {first_path}")
        for measurement in results.measurements:
            by_name[measurement.name].append(measurement)
    try:
        return Results(first.host, first.command, tuple(map(_joined, by_name.values())))
    except ResultsError as error:
        raise ResultsError(f"{folder}: {error}") from None


def _joined(parts: list[Measurement]) -> Measurement:
    first = parts[0]
    if any((part.unit, part.better) != (first.unit, first.better) for part in parts):
        raise ResultsError(f"{first.name}: its unit is not the same in all files")
    if not all(part.started_s for part in parts):
        raise ResultsError(f"{first.name}: without started_s nobody knows in which order the files were made")
    parts = sorted(parts, key=lambda part: part.started_s)
    verdicts = Counter(part.verdict for part in parts)
    return Measurement(
        first.name,
        first.unit,
        first.better,
        tuple(run for part in parts for run in part.runs),
        max(verdicts, key=verdicts.__getitem__),
        tuple(start for part in parts for start in part.started_s),
    )


def _read_file(path: Path) -> Results:
    try:
        with path.open("rb") as file:
            text = file.read(FILE_BYTES_MAX + 1)
        if len(text) > FILE_BYTES_MAX:
            raise ResultsError(f"larger than {FILE_BYTES_MAX} bytes")
        return _results(json.loads(text))
    except ResultsError as error:
        raise ResultsError(f"{path}: {error}") from None
    except OSError as error:
        raise ResultsError(f"{path}: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ResultsError(f"{path}: not JSON: {error}") from None


def _results(document: object) -> Results:
    if not isinstance(document, dict):
        raise ResultsError("not a results file: its JSON is not an object")
    if "schema" not in document:
        raise ResultsError('not a results file: it has no "schema"')
    if document["schema"] != SCHEMA or isinstance(document["schema"], bool):
        raise ResultsError(f"schema {document['schema']!r} is not one that this version reads ({SCHEMA})")
    command = _field(document, "command", list)
    if not all(isinstance(word, str) for word in command):
        raise ResultsError("command must be a list of texts")
    measurements = _field(document, "measurements", list)
    return Results(_field(document, "host", dict), tuple(command), tuple(map(_measurement, measurements)))


def _measurement(value: object) -> Measurement:
    if not isinstance(value, dict):
        raise ResultsError("a measurement must be an object")
    return Measurement(
        name=_field(value, "name", str),
        unit=_field(value, "unit", str),
        better=cast(Better, _field(value, "better", str)),
        runs=_numbers(value, "runs"),
        verdict=_field(value, "verdict", str),
        started_s=_numbers(value, "started_s") if "started_s" in value else (),
    )


def _numbers(value: dict[str, Any], name: str) -> tuple[float, ...]:
    numbers = _field(value, name, list)
    if not all(isinstance(number, int | float) and not isinstance(number, bool) for number in numbers):
        raise ResultsError(f"{value.get('name')}: {name} must be numbers")
    try:
        return tuple(map(float, numbers))
    except OverflowError:
        raise ResultsError(f"{value.get('name')}: {name} holds a number that is too large") from None


def _field(value: dict[str, Any], name: str, kind: type) -> Any:
    """Further fields are allowed, for what later versions add."""
    if not isinstance(value.get(name), kind):
        raise ResultsError(f"{name} must be there and be a {_KINDS[kind]}")
    return value[name]


_KINDS: dict[type, str] = {list: "list", dict: "object", str: "text"}
