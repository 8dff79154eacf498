"""Output: tables and colour when a person looks, plain columns when not, JSON when asked."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from typing import Any

import typer

GAP = "  "
"""Between two columns."""


def person_reads(*, errors: bool = False) -> bool:
    """Whether standard output (or standard error) is a terminal."""
    return (sys.stderr if errors else sys.stdout).isatty()


def print_json(value: object) -> None:
    """Print one JSON document, indented for people who look at it all the same."""
    import orjson

    typer.echo(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())


def print_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Print `key: value` lines, the values aligned on a terminal."""
    width = max((len(key) for key, _ in pairs), default=0) + 1 if person_reads() else 0
    for key, value in pairs:
        typer.echo(f"{(key + ':').ljust(width)} {value}")


def print_table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    colours: dict[str, str] | None = None,
    droppable: str = "",
) -> None:
    """Print rows below headings. On terminals only: `colours` maps a cell's text to a style, and the column
    `droppable` is left out where the table would be too wide.
    """
    widths = [max(len(line[column]) for line in (headings, *rows)) for column in range(len(headings))]
    if person_reads():
        from rich import box
        from rich.console import Console
        from rich.table import Table
        from rich.text import Text

        console = Console()
        too_wide = sum(widths) + len(GAP) * (len(headings) - 1) > console.width
        shown = [column for column, heading in enumerate(headings) if not (too_wide and heading == droppable)]
        table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
        for column in shown:
            table.add_column(headings[column], overflow="fold")
        for row in rows:
            table.add_row(*(Text(row[column], style=(colours or {}).get(row[column], "")) for column in shown))
        console.print(table)
        return
    for line in (headings, *rows):
        typer.echo(GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


def plain(message: Any) -> dict[str, object]:
    """A protobuf message as JSON-like data: every field, and no number as text."""
    found: dict[str, object] = {}
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.message_type is None:
            found[field.name] = list(value) if field.is_repeated else value
        elif field.is_repeated:
            found[field.name] = [plain(item) for item in value]
        else:
            found[field.name] = plain(value) if message.HasField(field.name) else None
    return found


def size(count: int) -> str:
    """`1536` as `1.5 KiB`."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if unit == "B" else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} GiB"


def duration(seconds: float) -> str:
    """`3725` as `1h 2m`: the two largest units."""
    left = max(0, int(seconds))
    units = (("d", 86_400), ("h", 3600), ("m", 60), ("s", 1))
    parts: list[str] = []
    for unit, length in units:
        count, left = divmod(left, length)
        if count or (unit == "s" and not parts):
            parts.append(f"{count}{unit}")
    return " ".join(parts[:2])


def ago(at_ms: int) -> str:
    """How long ago a time in milliseconds of the epoch was; `never` for 0."""
    return f"{duration(time.time() - at_ms / 1000)} ago" if at_ms else "never"
