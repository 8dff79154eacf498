"""`avap bench diff`."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from bench.diff import ALPHA, EFFECT_MIN, EXIT_NO_ANSWER, DiffReport, NotComparableError, ResultsError, diff

EPILOG = """\b
Examples:
  avap bench diff main.json branch.json
  avap bench diff main.json branch.json --effect-min 5

\b
Measured in turn, so that whatever the host does meets both (the folders' files are taken together):
  for n in $(seq 20); do
      [ $((n % 2)) = 0 ] && order="main branch" || order="branch main"
      for build in $order; do $build/avap bench run --rounds 1 --json $build/$n.json; done
  done
  avap bench diff main branch

\b
Exit codes:
  0  B is not slower
  1  B is slower
  2  no answer: wrong usage, a file that cannot be read, another host or command, too few runs, a drifting host
"""


def register(app: typer.Typer) -> None:
    """Add the command to a tree."""
    app.command("diff", epilog=EPILOG)(main)


def main(
    a: Annotated[Path, typer.Argument(metavar="A.json", help="Results to compare with; a file or a folder of files.")],
    b: Annotated[Path, typer.Argument(metavar="B.json", help="Results that may be slower; the same.")],
    effect_min: Annotated[
        float, typer.Option("--effect-min", metavar="PERCENT", min=0, max=99, help="Differences below it do not count.")
    ] = EFFECT_MIN * 100,
    alpha: Annotated[
        float, typer.Option(min=0.0001, max=0.5, help="Accepted chance of one false alarm among all measurements.")
    ] = ALPHA,
    force: Annotated[bool, typer.Option("--force", help="Compare other hosts or commands all the same.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Is B slower than A? Compares repeated runs of the same measurements on the same host."""
    try:
        report = diff(a, b, alpha=alpha, effect_min=effect_min / 100, force=force)
    except ResultsError as error:
        typer.echo(f"avap: {error}", err=True)
        raise typer.Exit(EXIT_NO_ANSWER) from None
    except NotComparableError as error:
        typer.echo(f"avap: cannot compare {a} and {b}: {error} (--force overlooks host and command)", err=True)
        raise typer.Exit(EXIT_NO_ANSWER) from None
    if json:
        _print_json(report)
    else:
        typer.echo(str(report))
    raise typer.Exit(report.exit_code)


def _print_json(report: DiffReport) -> None:
    import orjson  # writes what is not finite as null

    comparisons: list[dict[str, Any]] = [
        {**asdict(comparison), "answer": comparison.answer.value} for comparison in report.comparisons
    ]
    document = {
        "slower": report.exit_code == 1,
        "verdict": report.verdict,
        "warnings": report.warnings,
        "comparisons": comparisons,
    }
    typer.echo(orjson.dumps(document, option=orjson.OPT_INDENT_2).decode())
