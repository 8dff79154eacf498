"""Tables and progress: with colour when a person looks, plain lines when not."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

GAP = "  "
WIDE = 1000
"""Columns that no table of ours needs."""
COLOURS = {
    "server-bound": "green",
    "client-bound": "yellow",
    "network-bound": "cyan",
    "host-noisy": "bold red",
}


def print_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print rows below headings. Columns of figures stand to the right, all others to the left."""
    widths = [max(len(line[column]) for line in (headings, *rows)) for column in range(len(headings))]
    right = [all(_is_figure(row[column]) for row in rows) for column in range(len(headings))]
    if person_reads():
        _print_rich(headings, rows, right)
        return
    for line in (headings, *rows):
        cells = zip(line, widths, right, strict=True)
        print(
            GAP.join(f"{cell:>{width}}" if figures else f"{cell:<{width}}" for cell, width, figures in cells).rstrip()
        )


def print_notes(notes: Sequence[tuple[str, str]]) -> None:
    """Print `heading  text` lines, the texts aligned and wrapped below themselves on a terminal."""
    width = max((len(heading) for heading, _ in notes), default=0)
    if not person_reads():
        for heading, text in notes:
            print(f"{heading:<{width}}{GAP}{text}")
        return
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, len(GAP), 0, 0))
    table.add_column(no_wrap=True)
    table.add_column()
    for heading, text in notes:
        verdict = text.partition(":")[0]
        styled = Text(text)
        if verdict in COLOURS:
            styled.stylize(COLOURS[verdict], 0, len(verdict))
        table.add_row(Text(heading), styled)
    Console().print(table)


def print_line(text: str = "") -> None:
    """Print a line of prose, wrapped on a terminal."""
    if person_reads():
        from rich.console import Console

        Console().print(text, markup=False, highlight=False)
        return
    print(text)


@contextmanager
def progress(total: int, seconds: float) -> Iterator[Callable[[str], None]]:
    """Say what goes on, on standard error; yields what to call before each of `total` steps.

    The display stands still during a step: a display that moves uses a core, and would be measured.
    """
    if not sys.stderr.isatty():
        print(f"measuring for about {seconds:.0f} s", file=sys.stderr, flush=True)
        yield lambda text: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(bar_width=20),
        TextColumn("{task.completed}/{task.total}"),
        TimeElapsedColumn(),
        TextColumn(f"of about {seconds:.0f} s"),
        TextColumn("{task.description}"),
    )
    with Progress(*columns, console=Console(stderr=True), auto_refresh=False, transient=True) as bar:
        task = bar.add_task("", total=total)
        begun = False

        def step(text: str) -> None:
            nonlocal begun
            bar.update(task, description=text, advance=1 if begun else 0, refresh=True)
            begun = True

        yield step


def person_reads() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def figure(value: float | None) -> str:
    """A figure with three significant digits, or a dash when there is none: 0.123, 1.23, 12.3, 1,234."""
    if value is None:
        return "–"
    if value >= 100 or value == 0:
        return f"{value:,.0f}"
    if value >= 10:
        return f"{value:.1f}"
    return f"{value:.2f}" if value >= 1 else f"{value:.3f}"


def _is_figure(cell: str) -> bool:
    return cell == "–" or (cell.strip("±%×0123456789.,") == "" and "×" not in cell[:-1])


def _print_rich(headings: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for heading, figures in zip(headings, right, strict=True):
        table.add_column(heading, justify="right" if figures else "left", no_wrap=True)
    for row in rows:
        table.add_row(*(Text(cell, style=COLOURS.get(cell, "")) for cell in row))
    # A terminal that is too narrow wraps the lines; figures that are cut off would be worse.
    Console(width=max(Console().width, Console(width=WIDE).measure(table).maximum)).print(table)
