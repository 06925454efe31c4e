"""`loadlab report`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadlab.commands.options import Json
from loadlab.commands.outputs import Reports, Strict, exit_code, outputs_of, tell

if TYPE_CHECKING:
    from loadlab.report.kinds import Kind


def report(
    run_dir: Annotated[
        Path,
        typer.Argument(metavar="RUN_DIR", help="Folder of an earlier run, comparison, search, forecast or replay."),
    ],
    reports: Reports = None,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Show an earlier result again, and write its HTML anew.

    The exit code is a run's; what the other commands left is shown with 0.

    Examples:

      loadlab report runs/marketplace-20260101-120000

      loadlab report runs/marketplace-20260101-120000 --report junit=junit.xml --report markdown=summary.md
    """
    from loadlab.report.kinds import kind_of

    if (found := kind_of(run_dir)) is not None:
        _show_again(*found, reports=reports, as_json=as_json)
        return
    from loadlab.report.files import load_result, write_report
    from loadlab.report.terminal import console_for, print_result

    outputs = outputs_of(reports, strict=strict)
    result = load_result(run_dir)
    tell(outputs.write_run(result))
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        from loadlab.report.findings import print_findings

        print_result(result, write_report(run_dir, result))
        print_findings(result.findings, console_for())
    raise typer.Exit(exit_code(result.verdict, strict=strict))


def _show_again(kind: Kind, folder: Path, *, reports: list[str] | None, as_json: bool) -> None:
    from loadlab.errors import InputError

    if reports:
        raise InputError("--report", f"is for runs; {folder} holds what `loadlab {kind.name}` left", value=reports[0])
    result = kind.read(folder)
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        kind.print(result, kind.write_page(folder, result))
