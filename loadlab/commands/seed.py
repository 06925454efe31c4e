"""`loadlab seed`."""

from __future__ import annotations

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadlab.arguments import parse_rows, parse_until
from loadlab.commands.options import Database, Json, Scale, Seed, progress
from loadlab.engines import DEFAULT_URL
from loadlab.errors import InputError
from loadlab.spec.source import SOURCE_FORMS

if TYPE_CHECKING:
    from loadlab.pipeline import DataOptions, SeedOutcome
    from loadlab.report.progress import ProgressShow


class FileFormat(StrEnum):
    """What `loadlab seed --to` can write."""

    parquet = "parquet"
    csv = "csv"
    jsonl = "jsonl"
    sql = "sql"


# Of a dry run: the database refuses a row, or has no room.
EXIT_REFUSED = 1


def seed(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[SCENARIO|SOURCE]",
            help=f"A scenario, or where the schema comes from: {SOURCE_FORMS}; none: the tables that are there."
            " Python modules are looked for in the current folder, then beside the scenario.",
        ),
    ] = None,
    database: Database = DEFAULT_URL,
    scale: Scale = None,
    rows: Annotated[
        list[str] | None,
        typer.Option("--rows", metavar="[TABLE=]N", help="Rows of a table, or of every table; may be repeated."),
    ] = None,
    seed: Seed = None,
    until: Annotated[
        str | None,
        typer.Option(
            "--until", metavar="today|DATE", help="The day with which the history ends; a plain schema's: today."
        ),
    ] = None,
    workers: Annotated[int | None, typer.Option("--workers", min=1, help="Generating and loading processes.")] = None,
    cluster: Annotated[
        str | None,
        typer.Option(
            "--cluster", metavar="tcp://HOST:PORT", help="A Dask scheduler, whose workers generate and load instead."
        ),
    ] = None,
    recreate: Annotated[
        bool, typer.Option("--recreate", help="Drop exactly what LoadLab made in the database first, and start anew.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be written and how each constraint is met; write nothing.")
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", help="With --dry-run, every constraint.")] = False,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="Write the rows as files into a new or empty folder instead."),
    ] = None,
    file_format: Annotated[FileFormat, typer.Option("--format", help="Of the files.")] = FileFormat.parquet,
    as_json: Json = False,
) -> None:
    """Fill a database with data that is true to every constraint, or write the same rows as files.

    Examples:

      loadlab seed scenarios/marketplace --scale 0.001 --database embedded:./devdb

      loadlab seed schema.sql --rows 1000 --rows orders=50000 --database postgresql://localhost/dev

      loadlab seed django:project.settings --database embedded:./devdb --rows 1000

      loadlab seed --database postgresql://localhost/dev --rows 500 --dry-run

      loadlab seed scenarios/marketplace --scale 0.001 --to ./files --format csv
    """
    from loadlab.pipeline import DataOptions

    if source is None and database == DEFAULT_URL:
        raise InputError("loadlab seed", "needs a scenario, a schema, or --database with tables to fill")
    if recreate and (dry_run or to is not None):
        raise InputError("--recreate", "drops what is in the database: it goes with neither --dry-run nor --to")
    everywhere, by_table = parse_rows(rows or [])
    data = DataOptions(scale, seed, everywhere, by_table, workers, cluster, parse_until(until), recreate)
    with progress(quiet=as_json) as show:
        if dry_run:
            accepted = _dry_run(source, database, data, show, as_json, verbose)
            raise typer.Exit(0 if accepted else EXIT_REFUSED)
        if to is not None:
            _to_files(source, database, data, to, file_format, show, as_json)
            return
        from loadlab.pipeline import seed_database

        outcome = seed_database(source, database, data, show)
    if as_json:
        typer.echo(json.dumps(_seed_summary(outcome), indent=2))
        return
    from loadlab.report.seeding import print_seeding

    print_seeding(outcome.tables, outcome.report, outcome.size_bytes, outcome.database)
    if outcome.stop_command is not None:
        typer.echo(f"The database is left running; this stops it: {outcome.stop_command}", err=True)
    if database == DEFAULT_URL:
        typer.echo("The database was temporary and is gone; --database embedded:DIR keeps it.", err=True)


def _dry_run(
    source: str | None, database: str, data: DataOptions, show: ProgressShow, as_json: bool, verbose: bool
) -> bool:
    """Whether the database took all rows that were tried, if any were, and has room for the rest."""
    from loadlab.pipeline import plan_seed
    from loadlab.report.feasibility import plan_summary, print_plan
    from loadlab.seeding.room import needed_bytes

    plan = plan_seed(source, database, data, show)
    work = (plan.dataset, plan.tables, plan.trial, plan.seconds, plan.free_bytes)
    if as_json:
        typer.echo(json.dumps(plan_summary(*work), indent=2))
    else:
        print_plan(*work, verbose=verbose)
    fits = plan.free_bytes is None or needed_bytes(plan.tables) <= plan.free_bytes
    return fits and (plan.trial is None or not plan.trial.refusals)


def _to_files(
    source: str | None,
    database: str,
    data: DataOptions,
    folder: Path,
    form: FileFormat,
    show: ProgressShow,
    as_json: bool,
) -> None:
    from loadlab.pipeline import export_files

    report, dataset = export_files(source, database, data, folder, form.value, show)
    from loadlab.report.exporting import export_summary, print_export

    if as_json:
        typer.echo(json.dumps(export_summary(report, dataset), indent=2))
    else:
        print_export(report)


def _seed_summary(outcome: SeedOutcome) -> dict[str, Any]:
    report = outcome.report
    return {
        "database": outcome.database,
        "fingerprint": outcome.dataset.manifest.fingerprint,
        "seed": outcome.dataset.plan.seed,
        "scale": outcome.dataset.plan.scale,
        "rows": report.rows,
        "seconds": report.seconds,
        "rows_per_s": report.written / report.seconds if report.seconds else None,
        "bytes": outcome.size_bytes,
        "reused": report.reused,
        "resumed": report.resumed,
        "tables": [table.model_dump() for table in outcome.tables],
        "documents": outcome.dataset.nesting.documents.to_json(),
        "notes": list(outcome.notes),
        "stop_command": outcome.stop_command,
    }
