"""Write the parts of the documents that are made from the code: settings, metrics, quoted examples.

    python docs/generate.py            brings README.md and docs/operations.md up to date
    python docs/generate.py --check    exit code 1 and a difference when that would change them

A part stands between `<!-- generated: NAME -->` and `<!-- end -->`. Needs the built native module.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from appliance._native import metric_families
from appliance.config import SETTINGS
from supervisor.metrics import SAMPLES

REPOSITORY = Path(__file__).resolve().parent.parent
DOCUMENTS = ("README.md", "docs/operations.md")
PART = re.compile(r"(<!-- generated: (?P<name>[^\n]+?) -->\n).*?(<!-- end -->)", re.DOTALL)
COMPUTED = {
    "grpc.workers": "allowed cores - 1, at least 1",
    "vm.threads": "allowed cores - 1, at least 1",
    "http.cors_origins": "none",
    "state_dir": "`$STATE_DIRECTORY`, else `/var/lib/avap` for root where it exists, "
    "else `$XDG_STATE_HOME/avap`, else `~/.local/state/avap`",
}
LANGUAGES = {".py": "python", ".js": "js", ".go": "go"}


def settings() -> str:
    """The table of settings."""
    rows = [
        (
            f"`{setting.key}`",
            " ".join(f"`{name}`" for name in setting.environment) + (f" `{setting.flag}`" if setting.flag else ""),
            COMPUTED.get(setting.key) or _default(setting.default),
            setting.allowed,
            setting.help + (" Secret." if setting.secret else ""),
        )
        for setting in SETTINGS
    ]
    return _table(("setting", "environment, option of `avap serve`", "default", "allowed", "what"), rows)


def metrics() -> str:
    """The table of metric families: the supervisor's own, then the workers'."""
    rows = [("`avap_build_info`", "gauge", "`version`", "Always 1; the label tells the release.")]
    for sample in SAMPLES:
        kind = sample.kind.__name__.removesuffix("MetricFamily").lower()
        name = f"{sample.name}_total" if kind == "counter" else sample.name
        rows.append((f"`{name}`", kind, _labels(sample.labels), sample.help))
    rows.extend((f"`{one.name}`", one.kind, _labels(one.labels), f"{one.help}.") for one in metric_families())
    return _table(("metric", "kind", "labels", "what"), rows)


def quoted(path: str) -> str:
    """A source file as a code block."""
    file = REPOSITORY / path
    return f"```{LANGUAGES[file.suffix]}\n{file.read_text(encoding='utf-8')}```\n"


PARTS: dict[str, Callable[[], str]] = {"settings": settings, "metrics": metrics}


def part(name: str) -> str:
    """The text of a part: `settings`, `metrics`, or `file PATH`. Raises KeyError for another name."""
    if name.startswith("file "):
        return quoted(name.removeprefix("file "))
    return PARTS[name]()


def filled(text: str) -> str:
    """`text` with every part made anew."""
    return PART.sub(lambda found: f"{found[1]}\n{part(found['name'])}\n{found[3]}", text)


def main(arguments: Sequence[str]) -> int:
    """Write or check; returns the exit code."""
    stale = 0
    for name in DOCUMENTS:
        path = REPOSITORY / name
        before = path.read_text(encoding="utf-8")
        after = filled(before)
        if before == after:
            continue
        if "--check" in arguments:
            stale = 1
            lines = difflib.unified_diff(before.splitlines(), after.splitlines(), name, f"{name} from the code", n=1)
            print("\n".join(lines))
        else:
            path.write_text(after, encoding="utf-8")
            print(f"wrote {name}")
    if stale:
        print("the documents are behind the code: run `make docs`", file=sys.stderr)
    return stale


def _default(value: object) -> str:
    if value is None:
        return "none"
    if isinstance(value, float):
        return f"{value:g}"
    if isinstance(value, int) and value >= 1024 * 1024 and value % 1024 == 0:
        return f"{value} ({value // (1024 * 1024)} MiB)" if value % (1024 * 1024) == 0 else str(value)
    return f"`{value}`" if isinstance(value, str) else str(value)


def _labels(names: Sequence[str]) -> str:
    return " ".join(f"`{name}`" for name in names) or "–"


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
