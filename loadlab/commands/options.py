"""Options that several commands have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from loadlab.engines import URL_FORMS

if TYPE_CHECKING:
    from loadlab.report.progress import ProgressShow

Database = Annotated[
    str,
    typer.Option(
        "--database",
        envvar="LOADLAB_DATABASE",
        help=f"{URL_FORMS}.",
    ),
]
LoadDatabase = Annotated[
    str | None,
    typer.Option(
        "--load-database",
        metavar="URL",
        envvar="LOADLAB_LOAD_DATABASE",
        help="Another address of the same database, which the load alone takes: a pooler such as PgBouncer.",
    ),
]


def scale_factor(text: str) -> float:
    """What `--scale` means; Click's own message for a wrong one names neither the value nor a right one."""
    from loadlab.arguments import parse_scale

    return parse_scale("--scale", text)


Scale = Annotated[
    float | None,
    typer.Option(
        "--scale",
        metavar="F",
        parser=scale_factor,
        help="Factor on every table's full row count, such as 0.01; 1 is full volume.",
    ),
]
Seed = Annotated[int | None, typer.Option("--seed", min=0, help="Another seed is another dataset of the same shape.")]
Json = Annotated[bool, typer.Option("--json", help="Print the result as JSON on standard output, and nothing else.")]
Workers = Annotated[int | None, typer.Option("--workers", min=1, help="Load-driving processes.")]


def progress(*, quiet: bool) -> ProgressShow:
    """What shows the work on standard error."""
    from loadlab.report.progress import ProgressShow

    return ProgressShow(quiet=quiet)
