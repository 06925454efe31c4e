"""`loadlab forecast`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadlab.arguments import duration_s, parse_scale, parse_scales, rate_per_s
from loadlab.commands.options import Database, Json, Workers, progress
from loadlab.engines import DEFAULT_URL

EXIT_PROJECTED, EXIT_INCONCLUSIVE = 0, 3


def forecast(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="A scenario's folder or its scenario.yaml.")],
    database: Database = DEFAULT_URL,
    scales: Annotated[
        str | None,
        typer.Option(
            "--scales",
            metavar="F,F,F",
            help="At least three, ascending; default the scenario's and two and four times it.",
        ),
    ] = None,
    to: Annotated[str, typer.Option("--to", metavar="full|F", help="The scale to project to; full is 1.")] = "full",
    no_load: Annotated[bool, typer.Option("--no-load", help="Project the storage alone.")] = False,
    rate: Annotated[
        str | None,
        typer.Option(
            "--rate",
            metavar="N/s",
            help="Operations due per second at every scale; default the scenario's, or half of what its users ask for.",
        ),
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--duration", metavar="TIME", help="Length of the measured window at each scale.")
    ] = None,
    warmup: Annotated[
        str | None, typer.Option("--warmup", metavar="TIME", help="Time under load before each window.")
    ] = None,
    workers: Workers = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Run folder; default runs/<scenario>-forecast-<time>.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Project storage and latency to full volume from three or more small ones.

    Each scale is filled in an empty database and measured there, then removed. Sizes follow a line or a power law,
    latencies a law that the shape of the plan tells; every projection has an interval and is no measurement.

    Exit codes: 0 there is a projection, whatever the targets say to it, 2 a usage or tool error, 3 too few scales
    were measured.

    Examples:

      loadlab forecast scenarios/marketplace

      loadlab forecast scenarios/marketplace --scales 0.001,0.002,0.004,0.008 --duration 30s --rate 300/s

      loadlab forecast scenarios/marketplace --no-load --to 0.5 --database postgresql://bench@db/empty --json
    """
    from loadlab.forecast.make import ForecastOptions, make_forecast

    options = ForecastOptions(
        parse_scales(scales),
        parse_scale("--to", to),
        not no_load,
        duration_s("--duration", duration),
        duration_s("--warmup", warmup),
        rate_per_s("--rate", rate),
        workers,
    )
    with progress(quiet=as_json) as show:
        outcome = make_forecast(scenario, database, options, out, show)
    if as_json:
        typer.echo(outcome.result.model_dump_json(indent=2))
    else:
        from loadlab.report.forecast.terminal import print_forecast

        print_forecast(outcome.result, outcome.files)
    raise typer.Exit(EXIT_PROJECTED if outcome.result.is_projected else EXIT_INCONCLUSIVE)
