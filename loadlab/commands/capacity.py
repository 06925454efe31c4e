"""`loadlab capacity`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadlab.arguments import duration_s, rate_per_s, share
from loadlab.commands.options import Database, Json, LoadDatabase, Scale, Workers, progress
from loadlab.engines import DEFAULT_URL

EXIT_CODES = {"FOUND": 0, "INCONCLUSIVE": 3}


def capacity(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="A scenario's folder or its scenario.yaml.")],
    database: Database = DEFAULT_URL,
    load_database: LoadDatabase = None,
    scale: Scale = None,
    first: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="N/s", help="Rate to begin with; default a tenth of what a quick closed loop gets done."
        ),
    ] = None,
    highest: Annotated[str | None, typer.Option("--to", metavar="N/s", help="Try no higher rate than this.")] = None,
    step_duration: Annotated[
        str,
        typer.Option("--step-duration", metavar="TIME", help="Length of each window, after its warm-up; at least 5s."),
    ] = "15s",
    repeats: Annotated[
        int,
        typer.Option("--repeats", min=1, max=15, help="Windows at the last rate that holds and the first that breaks."),
    ] = 3,
    within: Annotated[
        str, typer.Option("--within", metavar="SHARE", help="Stop when these two rates lie so close together.")
    ] = "5%",
    workers: Workers = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Run folder; default runs/<scenario>-capacity-<time>.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Find the highest rate at which the scenario's latency and error targets hold.

    Operations are due by the clock, whether or not the database keeps up; latency counts from when they were due, at
    p99 unless the scenario states a percentile. The rate doubles until a target breaks, then the bracket is halved.

    Exit codes: 0 a capacity was found, 2 a usage or tool error, 3 inconclusive.

    Examples:

      loadlab capacity scenarios/marketplace --scale 0.01

      loadlab capacity scenarios/marketplace --from 200/s --to 5000/s --step-duration 30s --repeats 5

      loadlab capacity scenarios/marketplace --database postgresql://bench@db/bench --within 2% --workers 4 --json
    """
    from loadlab.capacity.find import CapacityOptions, find_capacity
    from loadlab.pipeline import DataOptions

    options = CapacityOptions(
        rate_per_s("--from", first),
        rate_per_s("--to", highest),
        duration_s("--step-duration", step_duration) or 0.0,
        repeats,
        share("--within", within),
        workers,
        load_database,
    )
    with progress(quiet=as_json) as show:
        outcome = find_capacity(scenario, database, DataOptions(scale), options, out, show)
    if as_json:
        typer.echo(outcome.result.model_dump_json(indent=2))
    else:
        from loadlab.report.capacity.terminal import print_capacity

        print_capacity(outcome.result, outcome.files)
    raise typer.Exit(EXIT_CODES[outcome.result.finding])
