"""Options that several commands share, with one wording each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer


def positive(value: float | None) -> float | None:
    """Refuse a wait that is none. Raises `typer.BadParameter`."""
    if value is not None and not value > 0:
        raise typer.BadParameter(f"more than 0 seconds are wanted; found {value:g}")
    return value


ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Configuration file, instead of /etc/avap/appliance.toml."),
]
StateDir = Annotated[
    Path | None,
    typer.Option("--state-dir", metavar="DIR", help="State directory of the appliance that is asked."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Target = Annotated[
    str | None,
    typer.Option(
        "--target", metavar="HOST:PORT", help="Where the appliance listens; by default, the one on this host."
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help="File with the key; by default API_KEY, API_KEY_FILE, the configuration, the key in the state directory.",
    ),
]
Wire = Annotated[
    Literal["standard", "lite"] | None,
    typer.Option("--wire", help="Form of the messages; by default, what the appliance on this host is set to."),
]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", callback=positive, help="Longest wait, retries included.")
]
