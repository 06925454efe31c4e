"""`loadlab replay`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from loadlab.arguments import duration_s, parse_speed
from loadlab.commands.options import Json, progress
from loadlab.engines import STATEMENT_LOG_FORMS
from loadlab.errors import InputError

EXIT_CODES = {"REPLAYED": 0, "INCONCLUSIVE": 3}


def replay(
    logs: Annotated[
        list[Path],
        typer.Argument(
            metavar="LOG...", help=f"{STATEMENT_LOG_FORMS}, plain or gzip; several are put in the order of their times."
        ),
    ],
    database: Annotated[
        str | None,
        typer.Option("--database", envvar="LOADLAB_DATABASE", help="Where the statements are executed; a copy."),
    ] = None,
    speed: Annotated[
        str, typer.Option("--speed", metavar="F|max", help="Factor on the log's speed; max: as fast as possible.")
    ] = "1",
    connections: Annotated[
        int | None,
        typer.Option("--connections", min=1, help="Default as many as the log has sessions at once, at most 100."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Replaying processes.")] = 1,
    limit: Annotated[
        int | None, typer.Option("--limit", metavar="N", min=1, help="Only the first N statements of the log.")
    ] = None,
    duration: Annotated[
        str | None, typer.Option("--duration", metavar="TIME", help="Only the first so much of the log's time.")
    ] = None,
    log_database: Annotated[
        str | None,
        typer.Option("--log-database", metavar="NAME", help="Whose statements, where the log has several databases'."),
    ] = None,
    writes: Annotated[
        bool, typer.Option("--writes", help="Replay changes too on a database that LoadLab did not fill.")
    ] = False,
    only_reads: Annotated[bool, typer.Option("--only-reads", help="Replay no change, on any database.")] = False,
    timeout: Annotated[
        str, typer.Option("--timeout", metavar="TIME", help="The server ends a statement after so long.")
    ] = "5min",
    lag_limit: Annotated[
        str,
        typer.Option("--lag-limit", metavar="TIME", help="With a p99 lag above it the replay is inconclusive."),
    ] = "100ms",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Run folder; default runs/replay-<time>.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be replayed and what is left out; execute nothing.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Execute the statements of a log again, in their sessions and at their times, and compare how long they take.

    The log needs durations: log_min_duration_statement = 0, or log_duration with log_statement. Changes are replayed
    only on a database that LoadLab filled, or with --writes; elsewhere the server itself refuses them.

    Exit codes: 0 replayed as asked, 2 a usage or tool error, 3 inconclusive.

    Examples:

      loadlab replay postgresql.csv --dry-run

      loadlab replay postgresql.csv --database postgresql://bench@db/copy --speed 2

      loadlab replay log/*.json.gz --database postgresql://bench@db/copy --writes --speed max --workers 4

      loadlab replay postgresql.csv --database postgresql://bench@db/copy --duration 10min --connections 40 --json
    """
    from loadlab.replay.run import ReplayOptions, plan_replay, replay_log

    options = ReplayOptions(
        speed=parse_speed(speed),
        connections=connections,
        workers=workers,
        limit=limit,
        span_s=duration_s("--duration", duration),
        log_database=log_database,
        writes=writes,
        only_reads=only_reads,
        timeout_s=duration_s("--timeout", timeout) or 0.0,
        lag_limit_s=duration_s("--lag-limit", lag_limit) or 0.0,
    )
    if dry_run:
        with progress(quiet=as_json) as show:
            plan = plan_replay(logs, database, options, show)
        from loadlab.report.replay.terminal import plan_json, print_plan

        if as_json:
            typer.echo(plan_json(plan.log, plan.shapes, plan.notes))
        else:
            print_plan(plan.log, plan.shapes, plan.notes)
        return
    if database is None:
        raise InputError("--database", "is missing: name the database to replay on, or ask for a --dry-run")
    with progress(quiet=as_json) as show:
        outcome = replay_log(logs, database, options, out, show)
    if as_json:
        typer.echo(outcome.result.model_dump_json(indent=2))
    else:
        from loadlab.report.replay.terminal import print_replay

        print_replay(outcome.result, outcome.files)
    raise typer.Exit(EXIT_CODES[outcome.result.finding])
