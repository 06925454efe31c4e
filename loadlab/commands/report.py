"""`loadlab report`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadlab.commands.options import Json
from loadlab.commands.outputs import Reports, Strict, exit_code, outputs_of, tell


def report(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="Folder of an earlier run.")],
    reports: Reports = None,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Show the report of an earlier run again, and write its HTML anew.

    Examples:

      loadlab report runs/marketplace-20260101-120000

      loadlab report runs/marketplace-20260101-120000 --report junit=junit.xml --report markdown=summary.md
    """
    from loadlab.report.files import load_result, write_report
    from loadlab.report.terminal import console_for, print_result

    outputs = outputs_of(reports, strict=strict)
    result = load_result(run_dir)
    tell(outputs.write_run(result))
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        from loadlab.report.findings import print_findings

        print_findings(result.findings, console_for())
        print_result(result, write_report(run_dir, result))
    raise typer.Exit(exit_code(result.verdict, strict=strict))
