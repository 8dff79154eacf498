"""Results files: what is written is read again, fits the schema, and what is damaged is refused in one sentence."""

from __future__ import annotations

import json
import re
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from bench.results import FILE_BYTES_MAX, MEASUREMENTS_MAX, RUNS_MAX, Measurement, Results, ResultsError, read

BENCH = Path(__file__).resolve().parents[2] / "bench"
SCHEMA: dict[str, Any] = json.loads((BENCH / "schema.json").read_text())
GOOD: dict[str, Any] = {
    "schema": 1,
    "host": {"cpu": "x", "cores": 2},
    "command": ["avap", "bench", "run"],
    "measurements": [
        {
            "name": "get 8×10: CPU", "unit": "µs a request", "better": "lower",
            "runs": [9.5, 9, 9.25], "verdict": "server-bound", "started_s": [1.5, 2.5, 4],
        },
        {"name": "get 8×10: rate", "unit": "req/s", "better": "higher", "runs": [1e5], "verdict": "host-noisy"},
    ],
}  # fmt: skip
_TYPES: dict[str, tuple[type, ...]] = {"object": (dict,), "array": (list,), "string": (str,), "number": (int, float)}
_ABOUT = {"$schema", "$id", "$defs", "title", "description"}


def breaches(value: Any, schema: dict[str, Any], at: str = "$") -> list[str]:
    """What of JSON Schema 2020-12 a value breaks, for the keywords that the schema uses; others are an error."""
    if "$ref" in schema:
        return breaches(value, SCHEMA["$defs"][schema["$ref"].removeprefix("#/$defs/")], at)
    found = []
    for keyword, wanted in schema.items():
        if keyword in _ABOUT or (keyword == "additionalProperties" and wanted is True):
            continue
        if keyword == "type":
            holds = isinstance(value, _TYPES[wanted]) and not isinstance(value, bool)
        elif keyword == "const":
            holds = value == wanted and not isinstance(value, bool)
        elif keyword == "enum":
            holds = value in wanted
        elif keyword == "required":
            holds = not isinstance(value, dict) or set(wanted) <= set(value)
        elif keyword in ("minItems", "minLength"):
            holds = not isinstance(value, list | str) or len(value) >= wanted
        elif keyword == "maxItems":
            holds = not isinstance(value, list) or len(value) <= wanted
        elif keyword == "exclusiveMinimum":
            holds = not isinstance(value, int | float) or value > wanted
        elif keyword == "items":
            elements = value if isinstance(value, list) else []
            found += [breach for n, each in enumerate(elements) for breach in breaches(each, wanted, f"{at}[{n}]")]
            continue
        elif keyword == "properties":
            held = value if isinstance(value, dict) else {}
            found += [b for name in wanted if name in held for b in breaches(held[name], wanted[name], f"{at}.{name}")]
            continue
        else:
            raise AssertionError(f"the schema uses {keyword}, which this test does not know")
        if not holds:
            found.append(f"{at}: {keyword} {wanted}")
    return found


def changed(path: str, value: Any) -> dict[str, Any]:
    """The good document with one thing in it replaced, or removed by `...`; `path` as in `measurements.0.runs`."""
    document = deepcopy(GOOD)
    *way, last = [int(step) if step.isdigit() else step for step in path.split(".")]
    inside: Any = document
    for step in way:
        inside = inside[step]
    if value is ...:
        del inside[last]
    else:
        inside[last] = value
    return document


def written(tmp_path: Path, document: Any) -> Path:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(document))
    return path


def test_what_is_written_is_read_again_and_fits_the_schema(tmp_path: Path) -> None:
    results = Results(
        {"cpu": "Ä", "mitigations": {"a": "b"}},
        ("avap", "bench", "surface"),
        (
            Measurement("get 8×10: CPU", "µs", "lower", (9.4, 1e-9, 1e12), "server-bound", (1.0, 2.0, 3.5)),
            Measurement("get 8×10: rate", "req/s", "higher", (1e5,), "host-noisy"),
        ),
    )
    path = tmp_path / "results.json"
    results.write(path)
    assert read(path) == results
    assert breaches(json.loads(path.read_text()), SCHEMA) == []
    assert list(tmp_path.iterdir()) == [path]


def test_the_largest_file_that_may_be_written_fits_the_schema_and_can_be_read(tmp_path: Path) -> None:
    runs = tuple(1e5 + 1 / (n + 3) for n in range(RUNS_MAX))
    measurements = [Measurement(f"m{n}", "µs", "lower", (1.0,), "v") for n in range(MEASUREMENTS_MAX - 1)]
    results = Results({}, ("avap",), (Measurement("long", "µs", "lower", runs, "v", runs[::-1]), *measurements))
    path = tmp_path / "results.json"
    results.write(path)
    assert breaches(json.loads(path.read_text()), SCHEMA) == []
    assert read(path) == results


@pytest.mark.parametrize(
    ("path", "value"),
    [
        ("schema", 2),
        ("schema", "1"),
        ("schema", True),
        ("schema", ...),
        ("host", []),
        ("host", ...),
        ("command", []),
        ("command", "avap bench"),
        ("command", ["avap", 1]),
        ("command", ...),
        ("measurements", []),
        ("measurements", {}),
        ("measurements", ...),
        ("measurements", [GOOD["measurements"][0]] * (MEASUREMENTS_MAX + 1)),
        ("measurements.0", "fast"),
        ("measurements.0.name", ""),
        ("measurements.0.name", ...),
        ("measurements.0.unit", 5),
        ("measurements.0.unit", ""),
        ("measurements.0.better", "faster"),
        ("measurements.0.better", ...),
        ("measurements.0.verdict", ""),
        ("measurements.0.verdict", ...),
        ("measurements.1.runs", []),
        ("measurements.1.runs", 5.0),
        ("measurements.1.runs", ["5"]),
        ("measurements.1.runs", [True]),
        ("measurements.1.runs", [None]),
        ("measurements.1.runs", [5.0, 0]),
        ("measurements.1.runs", [-5.0]),
        ("measurements.1.runs", [1.0] * (RUNS_MAX + 1)),
        ("measurements.1.runs", ...),
        ("measurements.0.started_s", ["now"] * 3),
        ("measurements.0.started_s", None),
    ],
)
def test_reader_and_schema_refuse_the_same(tmp_path: Path, path: str, value: Any) -> None:
    document = changed(path, value)
    assert breaches(document, SCHEMA) != []
    with pytest.raises(ResultsError, match=r"results\.json: "):
        read(written(tmp_path, document))


@pytest.mark.parametrize(
    ("path", "value", "said"),
    [
        ("measurements.1.name", "get 8×10: CPU", "different names: get 8×10: CPU"),
        ("measurements.0.started_s", [1.0, 2.0], "2 times of 3 runs"),
        ("measurements.0.started_s", [1.0, 3.0, 2.0], "do not ascend"),
        ("measurements.1.runs", [10**400], "too large"),
        ("measurements.1.runs", [float("nan")], "not nan"),
        ("measurements.1.runs", [float("inf")], "not inf"),
    ],
)
def test_the_reader_refuses_what_a_schema_cannot_say(tmp_path: Path, path: str, value: Any, said: str) -> None:
    with pytest.raises(ResultsError, match=re.escape(said)):
        read(written(tmp_path, changed(path, value)))


def test_fields_of_later_versions_are_ignored(tmp_path: Path) -> None:
    document = changed("measurements.0.quantiles", {"p99": 3})
    document["planning"] = ["anything"]
    assert breaches(document, SCHEMA) == []
    assert read(written(tmp_path, document)) == read(written(tmp_path, GOOD))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not JSON"),
        (b'{"schema": 1, "host"', "not JSON"),
        (b"\xff\xfe\x00\xd8", "not JSON"),
        (b"[" * 200_000, "not JSON"),
        (b'{"schema": ' + b"1" * 5000 + b"}", "not JSON"),
        (b"[1, 2]", "not an object"),
        (b'{"figures": {}}', 'no "schema"'),
    ],
    ids=["empty", "cut", "bytes", "deep", "long number", "list", "other"],
)
def test_damaged_files_are_refused_in_one_sentence(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "results.json"
    path.write_bytes(content)
    with pytest.raises(ResultsError, match=re.escape(said)) as caught:
        read(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 500


def test_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    text = json.dumps(GOOD).encode()
    path = tmp_path / "results.json"
    for length in range(0, len(text) - 1, 7):
        path.write_bytes(text[:length])
        with pytest.raises(ResultsError):
            read(path)


def test_a_huge_file_is_refused_without_being_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.touch()
    with path.open("r+b") as file:
        file.truncate(100 * FILE_BYTES_MAX)  # sparse
    with pytest.raises(ResultsError, match="larger than"):
        read(path)
    with pytest.raises(ResultsError, match="larger than"):
        read(Path("/dev/zero"))


def test_a_file_that_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ResultsError, match="No such file"):
        read(tmp_path / "none.json")


def test_the_files_of_a_folder_are_read_as_one_in_the_order_in_which_they_were_made(tmp_path: Path) -> None:
    def made(start: float, run: float, verdict: str, **changes: Any) -> Results:
        values = {"unit": "µs", "better": "lower", "runs": (run,), "verdict": verdict, "started_s": (start,), **changes}
        return Results({"cpu": "x"}, ("avap",), (Measurement(name="m", **values),))

    with pytest.raises(ResultsError, match="no results files"):
        read(tmp_path)
    for name, file in {
        "10": made(5.0, 3.0, "server-bound"), "2": made(3.0, 2.0, "host-noisy"), "1": made(1.0, 1.0, "server-bound"),
    }.items():  # fmt: skip
        file.write(tmp_path / f"{name}.json")
    (whole,) = read(tmp_path).measurements
    assert (whole.runs, whole.started_s, whole.verdict) == ((1.0, 2.0, 3.0), (1.0, 3.0, 5.0), "server-bound")
    for changes, said in (
        ({"unit": "ms"}, "unit is not the same"),
        ({"started_s": ()}, "without started_s"),
        ({"started_s": (3.0,)}, "do not ascend"),
    ):
        made(7.0, 1.0, "v", **changes).write(tmp_path / "x.json")
        with pytest.raises(ResultsError, match=said):
            read(tmp_path)
    Results({}, ("avap",), whole_of("m")).write(tmp_path / "x.json")
    with pytest.raises(ResultsError, match=r"x\.json: made on another host"):
        read(tmp_path)
    Results({"cpu": "x"}, ("avap",), whole_of("n")).write(tmp_path / "x.json")
    with pytest.raises(ResultsError, match=r"x\.json: holds other measurements"):
        read(tmp_path)
    (tmp_path / "x.json").write_text("{")
    with pytest.raises(ResultsError, match=r"x\.json: not JSON"):
        read(tmp_path)


def whole_of(name: str) -> tuple[Measurement, ...]:
    return (Measurement(name, "µs", "lower", (1.0,), "v", (9.0,)),)


def test_a_write_that_fails_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    Results({}, ("avap",), (Measurement("m", "µs", "lower", (1.0,), "v"),)).write(path)
    before = path.read_bytes()
    unwritable = Results({"nan": float("nan")}, ("avap",), (Measurement("m", "µs", "lower", (2.0,), "v"),))
    with pytest.raises(ValueError, match="JSON"):
        unwritable.write(path)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


def test_the_example_of_the_document_is_one(tmp_path: Path) -> None:
    text = (BENCH / "results.md").read_text()
    block = re.search(r"(?m)^    \{\n(?:    .*\n)+?    \}$", text)
    assert block is not None
    document = json.loads(block[0].replace(", …}", "}"))
    assert breaches(document, SCHEMA) == []
    assert len(read(written(tmp_path, document)).measurements) == 1
