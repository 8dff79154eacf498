"""The commands of `avap bench`."""

from __future__ import annotations

import typer

from bench import compare, diff_command, quick, run, surface, sync, vm

app = typer.Typer(rich_markup_mode=None)
_SHORT = {
    "quick": "The common shapes in half a minute and one table.",
    "surface": "GetCommand over connections × streams.",
    "sync": "What SyncCatalog costs.",
    "compare": "The appliance beside other servers.",
    "run": "One load with every knob.",
    "vm": "Scripts and definitions beside other interpreters.",
}
for _name, _module in (
    ("quick", quick), ("surface", surface), ("sync", sync), ("compare", compare), ("run", run), ("vm", vm),
):  # fmt: skip
    app.command(_name, epilog=_module.EPILOG, short_help=_SHORT[_name])(_module.main)
diff_command.register(app)
