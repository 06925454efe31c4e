"""`loadlab grow`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from loadlab.arguments import duration_s, parse_rows
from loadlab.commands.options import Json, progress, scale_factor
from loadlab.errors import InputError


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
    scale: Annotated[
        float | None, typer.Option("--scale", metavar="F", parser=scale_factor, help="Go on up to this scale.")
    ] = None,
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
    from loadlab.growing import grow_database
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
