"""The command line: arguments become one call of the pipeline, a verdict becomes an exit code.

Imports that take time wait inside the commands, so that `--help` answers at once.
"""

from __future__ import annotations

import json
import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from loadlab import __version__
from loadlab.arguments import duration_s, parse_rows, parse_until, rate_per_s
from loadlab.commands.capacity import capacity
from loadlab.commands.check import check
from loadlab.commands.init import init
from loadlab.commands.options import Database, Json, LoadDatabase, Scale, Seed, progress
from loadlab.commands.replay import replay
from loadlab.commands.worker import (
    AsMaster,
    Bind,
    ExpectWorkers,
    ExpectWorkersMaxWait,
    WebHost,
    WebPort,
    WithWeb,
    conducting_of,
    worker,
)
from loadlab.engines import DEFAULT_URL, URL_FORMS
from loadlab.errors import InputError, LoadLabError
from loadlab.spec.source import SOURCE_FORMS

if TYPE_CHECKING:
    from loadlab.pipeline import DataOptions, SeedOutcome
    from loadlab.report.progress import ProgressShow

EXIT_CODES = {"PASS": 0, "SKIPPED": 3, "FAIL": 1, "INCONCLUSIVE": 3}
EXIT_ERROR = 2
EXIT_INTERRUPTED = 130

app = typer.Typer(
    name="loadlab",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="From a schema and stated performance targets to a verdict, on the real database.\n\n"
    "Exit codes: 0 every target passes, 1 a target fails, 2 a usage or tool error, 3 inconclusive.",
)


class SpecKind(StrEnum):
    """What `loadlab schema` can print."""

    scenario = "scenario"
    brief = "brief"
    result = "result"
    replay = "replay"


class FileFormat(StrEnum):
    """What `loadlab seed --to` can write."""

    parquet = "parquet"
    csv = "csv"
    jsonl = "jsonl"
    sql = "sql"


Duration = Annotated[
    str | None, typer.Option("--duration", metavar="TIME", help="Length of the measured window, e.g. 20s or 5min.")
]
Warmup = Annotated[str | None, typer.Option("--warmup", metavar="TIME", help="Time under load before the window.")]


@app.callback(invoke_without_command=True)
def _root(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        typer.echo(f"loadlab {__version__}")
        raise typer.Exit


@app.command()
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


app.command()(init)
app.command()(capacity)
app.command()(replay)
app.command()(check)
app.command()(worker)


@app.command()
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
            _dry_run(source, database, data, show, as_json, verbose)
            return
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


@app.command()
def profile(
    database: Annotated[str, typer.Argument(metavar="DATABASE", help=f"{URL_FORMS}.")],
    tables: Annotated[
        list[str] | None, typer.Option("--table", metavar="TABLE", help="Only this table; may be repeated.")
    ] = None,
    values_up_to: Annotated[
        int,
        typer.Option("--values-up-to", metavar="N", min=0, help="Write the values of columns with at most so many."),
    ] = 50,
    allow_values: Annotated[
        list[str] | None,
        typer.Option("--allow-values", metavar="TABLE.COLUMN", help="Write this column's values; may be repeated."),
    ] = None,
    allow_all_values: Annotated[
        bool, typer.Option("--allow-all-values", help="Write the statistics' values of every column.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Print the shape of a database's data, from its statistics alone, for a scenario to reproduce.

    No table is read. Real values are written only of columns with few different values, or when allowed; numbers and
    times are rounded. The file's first lines say which columns show real values.

    Examples:

      loadlab profile postgresql://reader@db/shop > shape.yaml

      loadlab profile postgresql://reader@db/shop --table orders --values-up-to 10

      loadlab profile postgresql://reader@db/shop --allow-values products.name --json
    """
    from loadlab.pipeline import profile_database
    from loadlab.profile.shape import ProfileOptions

    options = ProfileOptions(values_up_to, frozenset(allow_values or ()), allow_all_values)
    made = profile_database(database, tables or [], options)
    if as_json:
        body = {
            "data": {"tables": made.tables},
            "real_values": made.real_values,
            "rounded": list(made.rounded),
            "notes": list(made.notes),
        }
        typer.echo(json.dumps(body, indent=2, ensure_ascii=False))
        return
    from loadlab.profile.text import profile_text

    typer.echo(profile_text(made), nl=False)


@app.command()
def grow(
    database: Annotated[
        str, typer.Option("--database", envvar="LOADLAB_DATABASE", help="A database that LoadLab filled.")
    ],
    by: Annotated[
        str | None, typer.Option("--by", metavar="TIME", help="Let the history go on for so long, e.g. 3months or 2w.")
    ] = None,
    rows: Annotated[
        list[str] | None,
        typer.Option("--rows", metavar="TABLE=N", help="Go on until the table has N rows; may be repeated."),
    ] = None,
    scale: Annotated[float | None, typer.Option("--scale", min=1e-9, help="Go on up to this scale.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the rows before and after; write nothing.")] = False,
    as_json: Json = False,
) -> None:
    """Append rows to a database that was filled: its history goes on, no row that is there changes.

    All growing tables grow together, along the curve of their history; the farthest of --by, --rows and --scale counts.
    Interrupted, the same command goes on where it stopped.

    Examples:

      loadlab grow --by 3months --database postgresql://localhost/dev

      loadlab grow --rows orders=2000000 --database postgresql://localhost/dev --dry-run

      loadlab grow --scale 0.01 --database embedded:./devdb --json
    """
    from loadlab.pipeline import grow_database
    from loadlab.seeding.grow import GrowthWish

    everywhere, by_table = parse_rows(rows or [])
    if everywhere is not None:
        raise InputError("--rows", "must be TABLE=N: one table says how far to go", value=everywhere)
    wish = GrowthWish(duration_s("--by", by), scale, tuple(sorted(by_table.items())))
    with progress(quiet=as_json) as show:
        outcome = grow_database(database, wish, show, dry_run=dry_run)
    from loadlab.report.growth import growth_summary, print_growth

    if as_json:
        typer.echo(json.dumps(growth_summary(outcome), indent=2))
    else:
        print_growth(outcome)


@app.command()
def report(
    run_dir: Annotated[Path, typer.Argument(metavar="RUN_DIR", help="Folder of an earlier run.")],
    as_json: Json = False,
) -> None:
    """Show the report of an earlier run again, and write its HTML anew.

    Example:

      loadlab report runs/marketplace-20260101-120000
    """
    from loadlab.report.files import load_result, write_report
    from loadlab.report.terminal import print_result

    result = load_result(run_dir)
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        print_result(result, write_report(run_dir, result))
    raise typer.Exit(EXIT_CODES[result.verdict])


@app.command()
def schema(
    kind: Annotated[SpecKind, typer.Argument(metavar="scenario|brief|result|replay", help="Which file's schema.")],
) -> None:
    """Print the JSON Schema of a scenario, a brief, a result or a replay, so that an editor completes it.

    Example:

      loadlab schema scenario > scenario.schema.json
    """
    typer.echo(json.dumps(_json_schema(kind), indent=2))


def _json_schema(kind: SpecKind) -> dict[str, Any]:
    if kind is SpecKind.scenario:
        from loadlab.spec.scenario import ScenarioFile

        return ScenarioFile.model_json_schema()
    if kind is SpecKind.brief:
        from loadlab.spec.requirements import Brief

        return Brief.model_json_schema()
    if kind is SpecKind.replay:
        from loadlab.report.replay.model import replay_schema

        return replay_schema()
    from loadlab.report.schema import result_schema

    return result_schema()


# -- helpers ---------------------------------------------------------------------------------------------------------


def _dry_run(
    source: str | None, database: str, data: DataOptions, show: ProgressShow, as_json: bool, verbose: bool
) -> None:
    from loadlab.pipeline import plan_seed
    from loadlab.report.feasibility import plan_summary, print_plan

    plan = plan_seed(source, database, data, show)
    work = (plan.dataset, plan.tables, plan.trial, plan.seconds)
    if as_json:
        typer.echo(json.dumps(plan_summary(*work), indent=2))
    else:
        print_plan(*work, verbose=verbose)


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
        "notes": list(outcome.notes),
        "stop_command": outcome.stop_command,
    }


def main() -> None:
    """The entry point: errors on standard error in one line, exit codes as documented."""
    try:
        app()
    except LoadLabError as error:
        if os.environ.get("LOADLAB_DEBUG"):
            raise
        typer.echo(f"Error: {error}", err=True)
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == EXIT_INTERRUPTED:
            fills = sys.argv[1:2] in (["seed"], ["grow"])
            rest = "what is loaded stays, and the same command goes on" if fills else "nothing was measured"
            typer.echo(f"Interrupted; {rest}.", err=True)
        raise
    except BrokenPipeError:
        # The reader of a pipe went away (`loadlab report … | head`): nobody is left to tell.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(EXIT_ERROR)
    except KeyboardInterrupt:
        typer.echo("Interrupted.", err=True)
        sys.exit(EXIT_INTERRUPTED)


if __name__ == "__main__":
    main()
