"""What the documents name exists, and what they have to name is there."""

from __future__ import annotations

import ast
import re
import subprocess
import sys

import pytest

from appliance import errors
from appliance._native import metric_families
from appliance.config import SETTINGS
from appliance.config.layers import NEVER_READ, NOT_BUILT
from supervisor.metrics import REJECTION_REASONS, SAMPLES
from tests.docs.markdown import REPOSITORY, read, section, table_rows

DOCUMENTS = (
    "README.md",
    "docs/operations.md",
    "docs/architecture.md",
    "systemd/README.md",
    "docs/bench.md",
    "docs/performance.md",
    "docs/language.md",
    "docs/definitions.md",
    "vm/limitations.md",
    "tuning.md",
    "CHANGELOG.md",
)
OPERATIONS = "docs/operations.md"
LEVELS = {"debug": "DEBUG", "info": "INFO", "warning": "WARN", "error": "ERROR", "exception": "ERROR", "fatal": "FATAL"}
OTHER_AVAP_NAMES = {
    "AVAP_TARGET",  # of the examples in docs/examples
}


def python_log_calls() -> list[tuple[str, str, str]]:
    """(file, level, message or "" when it is no literal) of each call of a method of a logger."""
    found: list[tuple[str, str, str]] = []
    for folder in ("supervisor", "appliance"):
        for path in sorted((REPOSITORY / folder).rglob("*.py")):
            if path.parent.name == "commands":
                continue
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if (
                    isinstance(node, ast.Call)
                    and isinstance(node.func, ast.Attribute)
                    and node.func.attr in LEVELS
                    and ast.unparse(node.func.value).rpartition(".")[2].lstrip("_") in ("log", "logger")
                ):
                    message = node.args[0]
                    literal = isinstance(message, ast.Constant) and isinstance(message.value, str)
                    text = str(message.value) if literal and isinstance(message, ast.Constant) else ""
                    found.append((str(path.relative_to(REPOSITORY)), LEVELS[node.func.attr], text))
    return found


def supervisor_events() -> dict[str, str]:
    """Every event that the supervisor logs, with its level."""
    found = {message: level for _, level, message in python_log_calls()}
    own = read("appliance/logging.py")  # two that the logger makes itself
    found |= {name: level for level, name in re.findall(r'"level": "(\w+)",\s*"msg": "([^"]+)"', own)}
    return found


def worker_events() -> dict[str, str]:
    """Every event that workers log, with its level (empty where it depends)."""
    found: dict[str, str] = {}
    for path in sorted((REPOSITORY / "appliance" / "src").rglob("*.rs")):
        text = path.read_text(encoding="utf-8")
        for level, message in re.findall(r"\.write\(\s*(Level::\w+|level)\s*,\s*([^\s,]+[^,]*),", text):
            assert message.startswith('"'), f"{path}: the message of a log line is fixed: {message}"
            found[message.strip('"')] = LEVELS[level.removeprefix("Level::").lower()] if "::" in level else ""
    return found


def documented(heading: str) -> dict[str, str]:
    """Event to level, as the document has it."""
    return {row[0].strip("`"): row[1] for row in table_rows(section(read(OPERATIONS), heading))}


def test_log_messages_are_fixed_texts() -> None:
    loose = [file for file, _, message in python_log_calls() if not message]
    assert loose == []


@pytest.mark.parametrize(
    ("heading", "events"), [("### Supervisor", supervisor_events()), ("### Workers", worker_events())]
)
def test_every_log_event_is_documented_with_its_level_and_no_other(heading: str, events: dict[str, str]) -> None:
    named = documented(heading)
    assert len(events) > 10
    assert sorted(events) == sorted(named)
    assert {name: level for name, level in events.items() if level} == {
        name: named[name] for name, level in events.items() if level
    }


def test_every_exit_code_is_documented_and_no_other() -> None:
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.AvapError)]
    codes = {kind.exit_code for kind in kinds} | {errors.EXIT_OK, errors.EXIT_INTERRUPTED, 143}
    rows = table_rows(section(read(OPERATIONS), "### It does not start"))
    assert sorted(codes) == [int(row[0]) for row in rows]


def test_every_reason_of_a_refusal_is_documented_and_no_other() -> None:
    rows = table_rows(section(read(OPERATIONS), "### A version was refused"))
    assert sorted(REJECTION_REASONS) == sorted(row[0].strip("`") for row in rows)


def http_codes() -> set[str]:
    """Every `code` of an answer, as the sources make them."""
    places = [*(REPOSITORY / "appliance/src/http").glob("*.rs"), REPOSITORY / "vm/src/script/parser.rs"]
    text = "".join(path.read_text(encoding="utf-8").split("#[cfg(test)]")[0] for path in places)
    execution, limits = read("vm/src/execution.rs"), read("vm/src/limits.rs")
    found = re.findall(
        r'Problem::new\(\s*[\w:]+,\s*"(\w+)"|(?:\bcode: |Self::new\(StatusCode::\w+, |=> \()"(\w+)"', text
    )
    found += re.findall(r'code: "(\w+)"|Failure::request\(\s*"(\w+)"|failure\.code, .*\("(\w+)"', execution)
    for body in (execution.partition("fn error_code(")[2], limits.partition("fn code(self)")[2]):
        found += re.findall(r'=> "(\w+)"', body.partition("\n}\n")[0].partition("\n    }\n")[0])
    return {code for one in found for code in ([one] if isinstance(one, str) else one) if code}


def test_every_code_of_an_answer_is_documented_and_no_other() -> None:
    rows = table_rows(section(read(OPERATIONS), "## Answers over HTTP"))
    assert http_codes() == {code for row in rows for code in re.findall(r"`(\w+)`", row[1])}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_named_metrics_exist(name: str) -> None:
    families = {family.name for family in metric_families()} | {"avap_build_info"}
    families |= {f"{sample.name}_total" if "Counter" in sample.kind.__name__ else sample.name for sample in SAMPLES}
    families |= {f"{family.name}_{part}" for family in metric_families() for part in ("bucket", "sum", "count")}
    others = {"avap_pb2", "avap_pb2_grpc", "avap_lite", "avap_bytecode", "avap_appliance"}  # files, tables, packages
    assert set(re.findall(r"\bavap_[a-z0-9_]+\b", read(name))) - families - others == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_named_environment_variables_exist(name: str) -> None:
    known = {variable for setting in SETTINGS for variable in setting.environment} | {*NEVER_READ, *OTHER_AVAP_NAMES}
    found = set(re.findall(r"\bAVAP_[A-Z0-9_]+\b", read(name)))
    assert {one for one in found - known if not NOT_BUILT.match(one + "X")} == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_named_files_exist(name: str) -> None:
    found = re.findall(
        r"`((?:tests|bench|docs|proto|systemd|supervisor|appliance|shm_catalog|engine|vm)/[\w./-]*)`", read(name)
    )
    assert [path for path in found if not (REPOSITORY / path).exists()] == []


def test_generated_parts_are_up_to_date() -> None:
    command = [sys.executable, str(REPOSITORY / "docs" / "generate.py"), "--check"]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
