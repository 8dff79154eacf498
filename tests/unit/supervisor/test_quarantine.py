"""The list of definitions that ended a compiler: kept over restarts, bounded, and never a reason not to start."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from appliance import __version__
from supervisor.quarantine import ENTRIES_MAX, Quarantine
from tests.unit.supervisor.parts import Parts, opened

SOURCE = "0123456789abcdef" * 4


def quarantine(parts: Parts) -> Quarantine:
    return Quarantine(parts.state.quarantine, parts.log)


def test_an_entry_survives_a_restart(tmp_path: Path) -> None:
    with opened(tmp_path) as parts:
        quarantine(parts).add(SOURCE, "greedy", "too much")
        assert parts.state.quarantine.stat().st_mode & 0o777 == 0o600
        again = quarantine(parts)
        assert [(entry.source, entry.name) for entry in again.entries.values()] == [(SOURCE, "greedy")]
        assert again.reasons() == [(SOURCE, "too much")]
        assert not parts.logged("Quarantine Not Read")


def test_the_oldest_entries_go_first_and_texts_are_cut(tmp_path: Path) -> None:
    with opened(tmp_path) as parts:
        parts.state.quarantine.write_text(
            json.dumps(
                {
                    "release": __version__,
                    "entries": [
                        {"source": f"{number:064x}", "name": "n", "reason": "r", "at_ms": 1}
                        for number in range(ENTRIES_MAX)
                    ],
                }
            )
        )
        entries = quarantine(parts)
        added = entries.add(SOURCE, "x" * 10_000, "y" * 10_000)
        assert len(entries.entries) == ENTRIES_MAX
        assert f"{0:064x}" not in entries.entries
        assert len(added.name) < 1000
        assert len(added.reason) < 1000
        assert list(quarantine(parts).entries) == list(entries.entries)


def test_entries_of_another_release_are_tried_again(tmp_path: Path) -> None:
    with opened(tmp_path) as parts:
        quarantine(parts).add(SOURCE, "greedy", "too much")
        document = json.loads(parts.state.quarantine.read_text())
        document["release"] = "0.0.0"
        parts.state.quarantine.write_text(json.dumps(document))
        assert quarantine(parts).entries == {}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"release": "RELEASE"}',
        '{"release": "RELEASE", "entries": [{"source": "zz", "name": "n", "reason": "r", "at_ms": 1}]}',
        '{"release": "RELEASE", "entries": [{"source": "00", "name": "n", "reason": "r", "at_ms": 1}]}',
        '{"release": "RELEASE", "entries": [{"source": 1, "surprise": 2}]}',
    ],
)
def test_a_damaged_file_is_told_and_begins_anew(tmp_path: Path, text: str) -> None:
    with opened(tmp_path) as parts:
        parts.state.quarantine.write_text(text.replace("RELEASE", __version__))
        entries = quarantine(parts)
        assert entries.entries == {}
        assert len(parts.logged("Quarantine Not Read")) == 1
        entries.add(SOURCE, "greedy", "too much")
        assert list(quarantine(parts).entries) == [SOURCE]


def test_a_file_that_cannot_be_written_holds_for_this_run(tmp_path: Path) -> None:
    with opened(tmp_path) as parts:
        entries = Quarantine(tmp_path / "no" / "folder" / "quarantine.json", parts.log)
        entries.add(SOURCE, "greedy", "too much")
        assert entries.reasons() == [(SOURCE, "too much")]
        assert len(parts.logged("Quarantine Not Written")) == 1
