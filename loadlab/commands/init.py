"""`loadlab init`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from loadlab.engines import URL_FORMS
from loadlab.spec.source import SOURCE_FORMS

if TYPE_CHECKING:
    from loadlab.scaffold import InitOutcome

_LEFT_OUT_SHOWN = 10


def init(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[SOURCE]",
            help=f"Where the schema comes from: {SOURCE_FORMS}, or a brief.json with a schema beside it; none: the"
            " tables of --database.",
        ),
    ] = None,
    database: Annotated[
        str | None,
        typer.Option(
            "--database", help=f"Whose kind the scenario is for, and whose tables without a SOURCE. {URL_FORMS}."
        ),
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="The scenario's folder; default scenarios/<name>.")
    ] = None,
    from_statements: Annotated[
        str | None,
        typer.Option(
            "--from-statements",
            metavar="URL",
            help="Take the mix from what this database has counted of its statements.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Write into a folder that is there already.")] = False,
) -> None:
    """Write a scenario that runs as it is: a mix of operations that follows from the schema, or from production.

    Operations are tried on a scratch database first. No table of a database that is named is written or read, save that
    of documents a sample is read where no validator tells their types.

    Examples:

      loadlab init schema.sql

      loadlab init brief.json --out scenarios/shop

      loadlab init --database postgresql://reader@db/shop --out scenarios/shop

      loadlab init --database mongodb://reader@db/shop --out scenarios/shop

      loadlab init schema.sql --from-statements postgresql://monitor@db/shop
    """
    from loadlab.report.progress import ProgressShow
    from loadlab.scaffold import init_scenario

    with ProgressShow(quiet=False) as show:
        outcome = init_scenario(source, database, out, show, statements=from_statements, force=force)
    _print(outcome)


def _print(outcome: InitOutcome) -> None:
    if outcome.production is not None:
        typer.echo(outcome.production.summary)
    left_out = list(outcome.left_out.items())
    for name, reason in left_out[:_LEFT_OUT_SHOWN]:
        typer.echo(f"Left out: {name}: {reason}")
    if len(left_out) > _LEFT_OUT_SHOWN:
        typer.echo(f"… and {len(left_out) - _LEFT_OUT_SHOWN} more, which {outcome.folder}/scenario.yaml lists.")
    if outcome.rows_each is not None:
        typer.echo(
            f"Nobody says how many rows the tables have: each gets {outcome.rows_each:,}. State them under data.tables,"
            " or the verdicts are on a database that nobody has."
        )
    typer.echo(
        f"{outcome.folder}/scenario.yaml has {len(outcome.operations)} operations."
        f" Run it: loadlab run {outcome.folder}{outcome.run_on}"
    )
