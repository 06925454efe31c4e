"""`loadlab run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadlab.arguments import duration_s, rate_per_s
from loadlab.commands.options import Database, Json, LoadDatabase, Scale, Seed, progress
from loadlab.commands.outputs import Reports, Strict, exit_code, outputs_of, tell
from loadlab.commands.worker import (
    AsMaster,
    Bind,
    ExpectWorkers,
    ExpectWorkersMaxWait,
    WebHost,
    WebPort,
    WithWeb,
    conducting_of,
)
from loadlab.engines import DEFAULT_URL

if TYPE_CHECKING:
    from loadlab.nightly import Nights

Duration = Annotated[
    str | None, typer.Option("--duration", metavar="TIME", help="Length of the measured window, e.g. 20s or 5min.")
]
Warmup = Annotated[str | None, typer.Option("--warmup", metavar="TIME", help="Time under load before the window.")]


def run(
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="A scenario's folder or its scenario.yaml.")],
    database: Database = DEFAULT_URL,
    load_database: LoadDatabase = None,
    scale: Scale = None,
    seed: Seed = None,
    users: Annotated[int | None, typer.Option("--users", min=1, help="Virtual users, who wait for answers.")] = None,
    rate: Annotated[
        str | None,
        typer.Option(
            "--rate", metavar="N/s", help="Operations that are due per second, whether or not the database keeps up."
        ),
    ] = None,
    duration: Duration = None,
    warmup: Warmup = None,
    extend: Annotated[
        bool | None,
        typer.Option(
            "--extend/--no-extend",
            help="Measure for as long again, once, where only the window's length keeps it from a verdict; the"
            " scenario's word, else on.",
            show_default=False,
        ),
    ] = None,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, help="Load-driving processes, of each machine.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Run folder; default runs/<scenario>-<time>.")
    ] = None,
    master: AsMaster = False,
    bind: Bind = None,
    expect_workers: ExpectWorkers = None,
    expect_workers_max_wait: ExpectWorkersMaxWait = None,
    web: WithWeb = False,
    web_host: WebHost = None,
    web_port: WebPort = None,
    baseline: Annotated[
        str | None,
        typer.Option(
            "--baseline",
            metavar="NAME|RUN",
            help="Compare with a series of the history, or with an earlier run's folder or result.json; refused where"
            " that is of another machine, schema, scale, seed, server or load.",
        ),
    ] = None,
    history: Annotated[
        Path | None,
        typer.Option(
            "--history",
            metavar="PATH",
            help="The file that keeps the nights, or its folder; default history/nights.db with --baseline NAME.",
        ),
    ] = None,
    label: Annotated[
        str | None,
        typer.Option(
            "--label", metavar="NAME", help="The series that this run goes into; default the baseline's, else main."
        ),
    ] = None,
    accept: Annotated[
        str, typer.Option("--accept", metavar="WHY", help="Take this night's plans and figures for the new normal.")
    ] = "",
    reports: Reports = None,
    strict: Strict = False,
    as_json: Json = False,
) -> None:
    """Seed the database, put it under load, and judge every target.

    Examples:

      loadlab run scenarios/marketplace

      loadlab run scenarios/marketplace --scale 0.01 --duration 5min --users 200

      loadlab run scenarios/marketplace --rate 2000/s --duration 1min

      loadlab run scenarios/marketplace --database postgresql://bench@db/bench --json

      loadlab run scenarios/shop --database postgresql://db/shop --load-database postgresql://pgbouncer:6432/shop

      loadlab run scenarios/marketplace --baseline main --report junit=junit.xml --strict

      loadlab run scenarios/marketplace --history nights/ --label main

      loadlab run scenarios/marketplace --baseline runs/marketplace-20260101-120000

      loadlab run scenarios/marketplace --master --bind 10.0.0.5 --expect-workers 3 --web
    """
    from loadlab.pipeline import DataOptions, LoadOptions
    from loadlab.pipeline import run as run_pipeline

    outputs = outputs_of(reports, strict=strict, source=str(scenario))
    nights = nights_of(baseline, history, label, accept)

    conducting = conducting_of(
        as_master=master, bind=bind, workers=expect_workers, max_wait=expect_workers_max_wait,
        with_web=web, web_host=web_host, web_port=web_port,
    )  # fmt: skip
    load = LoadOptions(
        users,
        rate_per_s("--rate", rate),
        duration_s("--duration", duration),
        duration_s("--warmup", warmup),
        workers,
        extend,
        conducting,
        load_database,
    )
    with progress(quiet=as_json) as show:
        outcome = run_pipeline(scenario, database, DataOptions(scale, seed), load, out, show, nights)
    if as_json:
        typer.echo(outcome.result.model_dump_json(indent=2))
    else:
        from loadlab.report.terminal import print_result

        print_result(outcome.result, outcome.files)
    tell(outputs.write_run(outcome.result))
    raise typer.Exit(exit_code(outcome.result.verdict, strict=strict))


def nights_of(baseline: str | None, history: Path | None, label: str | None, accept: str) -> Nights | None:
    """The nights that a run is to be compared with; None where nobody asks for any. Raises InputError."""
    from loadlab.nightly import NightOptions, Nights

    options = NightOptions(baseline, history, label, accept)
    return Nights(options) if options.is_asked or accept else None
