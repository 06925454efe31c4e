"""`loadlab compare`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from loadlab.arguments import duration_s, rate_per_s, share
from loadlab.commands.options import Json, Scale, Seed, Workers, progress
from loadlab.errors import InputError

EXIT_CODES = {"BETTER": 0, "SAME": 0, "WORSE": 1, "MIXED": 1, "INCONCLUSIVE": 3}


def compare(
    a: Annotated[
        str,
        typer.Argument(
            metavar="A", help="A scenario, a schema or a database's address; or a folder with a compare.yaml, for both."
        ),
    ],
    b: Annotated[str | None, typer.Argument(metavar="[B]", help="The same, for the other side.")] = None,
    scenario: Annotated[
        Path | None,
        typer.Option(
            "--scenario",
            metavar="SCENARIO",
            help="Data and load for two schemas or databases; else what follows from the schema.",
        ),
    ] = None,
    databases: Annotated[
        list[str] | None,
        typer.Option(
            "--database",
            metavar="URL",
            help="Given twice: where A and where B is filled, which may be two kinds of database.",
        ),
    ] = None,
    database_a: Annotated[
        str | None,
        typer.Option("--database-a", metavar="URL", help="Where A is filled; default a temporary bundled database."),
    ] = None,
    database_b: Annotated[
        str | None, typer.Option("--database-b", metavar="URL", help="Where B is filled; default beside A's.")
    ] = None,
    pairs: Annotated[int, typer.Option("--pairs", metavar="N", help="Pairs of rounds, at least 8.")] = 24,
    round_duration: Annotated[
        str | None,
        typer.Option(
            "--round-duration",
            metavar="TIME",
            help="One side's part of a pair; default as long as the rarest operation needs, 0.5s to 2s.",
        ),
    ] = None,
    min_effect: Annotated[
        str | None,
        typer.Option("--min-effect", metavar="SHARE", help="Smaller differences do not count; default 5%."),
    ] = None,
    control: Annotated[
        str | None,
        typer.Option(
            "--control",
            metavar="OPERATION",
            help="One that the difference cannot affect; default a SELECT 1 added to the load.",
        ),
    ] = None,
    extend: Annotated[
        bool,
        typer.Option(
            "--extend/--no-extend",
            help="Measure as many pairs again, and once more as many, where these would decide what seems to differ.",
        ),
    ] = True,
    scale: Scale = None,
    seed: Seed = None,
    users: Annotated[int | None, typer.Option("--users", min=1, help="Virtual users, who wait for answers.")] = None,
    rate: Annotated[
        str | None, typer.Option("--rate", metavar="N/s", help="Operations that are due per second on each side.")
    ] = None,
    workers: Workers = None,
    out: Annotated[
        Path | None, typer.Option("--out", metavar="DIR", help="Run folder; default runs/<name>-compare-<time>.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Compare two designs in one run: what B is better at than A, what it is worse at, each with its interval.

    Both databases are filled, then loaded in turns of a few hundredths of a second, so that what disturbs the machine
    disturbs both. A difference counts when its interval leaves out "none" and it is beyond what was asked for and what
    a side seems to differ by from itself. Rows, storage, blocks, log and plans are compared as well.

    Exit codes: 0 nothing is worse on B, 1 something is worse, 2 a usage or tool error, 3 inconclusive.

    Examples:

      loadlab compare scenarios/choices/uuid

      loadlab compare scenarios/shop scenarios/shop-partitioned --scale 0.01

      loadlab compare old.sql new.sql --scenario scenarios/shop --pairs 40 --min-effect 3%

      loadlab compare scenarios/marketplace --database embedded: --database sqlite:///shop.db --scale 0.0001

      loadlab compare scenarios/shop --database-a postgresql://db/shop_a --database-b postgresql://db/shop_b --json
    """
    from loadlab.compare.compare import CompareOptions
    from loadlab.compare.compare import compare as compare_sides
    from loadlab.pipeline import DataOptions, LoadOptions

    options = CompareOptions(
        pairs=pairs,
        round_s=duration_s("--round-duration", round_duration),
        min_effect=share("--min-effect", min_effect) if min_effect is not None else None,
        control=control,
        extend=extend,
        load=LoadOptions(users, rate_per_s("--rate", rate), workers=workers),
    )
    database_a, database_b = _addresses(databases or (), database_a, database_b)
    with progress(quiet=as_json) as show:
        outcome = compare_sides(
            a,
            b,
            options,
            DataOptions(scale, seed),
            out,
            show,
            scenario=scenario,
            database_a=database_a,
            database_b=database_b,
        )
    if as_json:
        typer.echo(outcome.result.model_dump_json(indent=2))
    else:
        from loadlab.report.compare.terminal import print_comparison

        print_comparison(outcome.result, outcome.files)
    raise typer.Exit(EXIT_CODES[outcome.result.verdict])


def _addresses(both: Sequence[str], a: str | None, b: str | None) -> tuple[str | None, str | None]:
    """Where each side is filled. Raises InputError."""
    if not both:
        return a, b
    if a is not None or b is not None:
        raise InputError("--database", "says where both sides are filled, as do --database-a and --database-b; use one")
    if len(both) != 2:
        raise InputError("--database", f"must be given twice, for A and for B; it was given {len(both)} times")
    return both[0], both[1]
