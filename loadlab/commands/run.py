"""`loadlab run`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadlab.arguments import duration_s, rate_per_s
from loadlab.commands.options import Database, Json, LoadDatabase, Scale, Seed, progress
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

EXIT_CODES = {"PASS": 0, "SKIPPED": 3, "FAIL": 1, "INCONCLUSIVE": 3}
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
    as_json: Json = False,
) -> None:
    """Seed the database, put it under load, and judge every target.

    Examples:

      loadlab run scenarios/marketplace

      loadlab run scenarios/marketplace --scale 0.01 --duration 5min --users 200

      loadlab run scenarios/marketplace --rate 2000/s --duration 1min

      loadlab run scenarios/marketplace --database postgresql://bench@db/bench --json

      loadlab run scenarios/shop --database postgresql://db/shop --load-database postgresql://pgbouncer:6432/shop

      loadlab run scenarios/marketplace --master --bind 10.0.0.5 --expect-workers 3 --web
    """
    from loadlab.pipeline import DataOptions, LoadOptions
    from loadlab.pipeline import run as run_pipeline

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
        outcome = run_pipeline(scenario, database, DataOptions(scale, seed), load, out, show)
    if as_json:
        typer.echo(outcome.result.model_dump_json(indent=2))
    else:
        from loadlab.report.terminal import print_result

        print_result(outcome.result, outcome.files)
    raise typer.Exit(EXIT_CODES[outcome.result.verdict])
