"""`loadlab profile`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from loadlab.commands.options import Json
from loadlab.engines import URL_FORMS


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
