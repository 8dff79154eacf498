"""`avap doctor`."""

from __future__ import annotations

from dataclasses import asdict

import typer

from appliance.cli import options
from appliance.cli.connecting import load_settings, running
from appliance.cli.output import person_reads, print_json
from appliance.errors import EXIT_NO, ConfigError, SecretError

EPILOG = """\b
Examples:
  avap doctor
  sudo -u avap avap doctor --config /etc/avap/appliance.toml

Exit 1 when there is a problem; warnings alone exit 0. Run it as the user that runs the appliance.
What only costs speed is explained in tuning.md.
"""
STYLES = {"ok": "green", "info": "cyan", "warning": "yellow", "problem": "red"}


def register(app: typer.Typer) -> None:
    """Add the command to the tree."""
    app.command("doctor", epilog=EPILOG)(doctor)


def doctor(config: options.ConfigFile = None, state_dir: options.StateDir = None, json: options.Json = False) -> None:
    """Look whether this host is fit for the appliance. Each line says what is wrong and what to do."""
    from appliance.cli.checks import CHECKS, Case, Finding
    from appliance.cli.tuning_checks import TUNING_CHECKS

    findings: list[Finding] = []
    try:
        loaded = load_settings(config, state_dir)
    except (ConfigError, SecretError) as error:
        problems = error.problems if isinstance(error, ConfigError) else (str(error),)
        findings += [
            Finding("problem", "configuration", text, "mend it; `avap config check` tells when") for text in problems
        ]
        findings.append(
            Finding("warning", "other checks", "left out: they need a good configuration", "run it again then")
        )
    else:
        findings += [Finding("warning", "configuration", text) for text in loaded.warnings]
        if not loaded.warnings:
            findings.append(Finding("ok", "configuration", str(loaded.config_file or "defaults and environment")))
        case = Case(loaded.settings, running(loaded.settings.state_dir))
        findings += [finding for check in (*CHECKS, *TUNING_CHECKS) for finding in check(case)]
    if json:
        print_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            _show(finding)
    if any(finding.level == "problem" for finding in findings):
        raise typer.Exit(EXIT_NO)


def _show(finding: object) -> None:
    from appliance.cli.checks import Finding

    assert isinstance(finding, Finding)
    mark = finding.level.ljust(8)
    if person_reads():
        mark = typer.style(mark, fg=STYLES[finding.level], bold=finding.level != "ok")
    typer.echo(f"{mark} {finding.check}: {finding.said}")
    if finding.todo:
        typer.echo(f"{'':8} → {finding.todo}")
