"""Options that several commands share, with one wording each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="Configuration file, instead of /etc/avap/appliance.toml."),
]
StateDir = Annotated[
    Path | None,
    typer.Option("--state-dir", metavar="DIR", help="State directory of the appliance that is meant."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON for programs.")]
Target = Annotated[
    str | None,
    typer.Option("--target", metavar="HOST:PORT", help="Where the appliance listens; by default the one on this host."),
]
KeyFile = Annotated[
    Path | None,
    typer.Option(
        "--key-file",
        metavar="FILE",
        help="File with the key, instead of API_KEY, API_KEY_FILE, the configuration or the state directory's key. "
        "There is no option for the key itself: every user of a host can read arguments.",
    ),
]
Wire = Annotated[
    Literal["standard", "lite"] | None,
    typer.Option("--wire", help="Form of the messages; by default what the appliance on this host is set to."),
]
Timeout = Annotated[
    float, typer.Option("--timeout", metavar="SECONDS", min=0.001, help="Longest wait, retries included.")
]
