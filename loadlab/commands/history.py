"""`loadlab history`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadlab.commands.options import Json
from loadlab.errors import InputError


def history(
    path: Annotated[
        Path | None,
        typer.Argument(metavar="[PATH]", help="The history's file or folder; default history/nights.db."),
    ] = None,
    label: Annotated[str, typer.Option("--label", metavar="NAME", help="Only the series of this label.")] = "",
    operation: Annotated[
        str, typer.Option("--operation", metavar="NAME", help="Only this operation, or this table's bytes.")
    ] = "",
    metric: Annotated[
        str,
        typer.Option(
            "--metric",
            metavar="NAME",
            help="Only this figure: p50, p95, p99, blocks_per_call, rows_examined_per_row, statements_per_iteration,"
            " bytes_per_row or plan.",
        ),
    ] = "",
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page with every figure drawn.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show the nights that `loadlab run --history` keeps: series, gaps, and what changed when.

    Examples:

      loadlab history

      loadlab history nights/ --label main --operation checkout

      loadlab history --metric blocks_per_call --html history.html
    """
    from loadlab.history.store import history_path, read_history
    from loadlab.report.history.build import Wanted, build_history
    from loadlab.validate.nights.model import METRICS

    if metric and metric not in METRICS:
        raise InputError("--metric", f"names no figure; figures: {', '.join(METRICS)}", value=metric)
    file = history_path(path)
    if not file.is_file():
        raise InputError(str(file), "does not exist; `loadlab run SCENARIO --baseline main` begins a history")
    found = read_history(file)
    labels = sorted({night.label for night in found.nights})
    if label and label not in labels:
        raise InputError("--label", f"names no series; series: {', '.join(labels)}", value=label)
    result = build_history(str(file), found.nights, found.damage, Wanted(label, operation, metric))
    if operation and not any(series.lines or series.changes for series in result.series):
        known = sorted({line.subject for series in build_history("", found.nights).series for line in series.lines})
        raise InputError("--operation", f"has no such figure; there are {', '.join(known)}", value=operation)
    if html is not None:
        from loadlab.report.files import write_file
        from loadlab.report.history.html import render_history

        write_file(html, render_history(result), option="--html")
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        from loadlab.report.history.terminal import print_history

        print_history(result, is_filtered=bool(operation or metric))
        if html is not None:
            typer.echo(f"Page     {html}")
