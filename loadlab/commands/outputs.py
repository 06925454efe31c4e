"""Options for files that other programs read, and what a CI server is told."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from loadlab.report.outputs import Outputs

EXIT_CODES = {"PASS": 0, "SKIPPED": 3, "FAIL": 1, "INCONCLUSIVE": 3}
_SCHEMA_FILES = ("schema.sql", "scenario.yaml")

Reports = Annotated[
    list[str] | None,
    typer.Option(
        "--report",
        metavar="FORM=FILE",
        help="Write a file for other programs; FORM is junit, markdown, sarif (findings) or json. May be repeated.",
    ),
]
Strict = Annotated[bool, typer.Option("--strict", help="INCONCLUSIVE fails, too: exit code 1.")]


def outputs_of(reports: Sequence[str] | None, *, strict: bool = False, source: str | None = None) -> Outputs:
    """Where a result goes; `source` is what was named, a scenario or a schema. Raises InputError."""
    from loadlab.report.outputs import Outputs, Told, parse_outputs

    return Outputs(parse_outputs(reports or ()), Told.by(os.environ), strict, _schema_file(source))


def _schema_file(source: str | None) -> Path | None:
    """The file that findings are shown at."""
    path = Path(source) if source else None
    if path is None or path.is_file():
        return path
    return next((path / name for name in _SCHEMA_FILES if (path / name).is_file()), None)


def tell(annotations: Sequence[str]) -> None:
    """On standard error, which GitHub reads as well: standard output may be a program's."""
    for line in annotations:
        typer.echo(line, err=True)


def exit_code(verdict: str, *, strict: bool = False) -> int:
    """The exit code of a verdict; `strict`: what is not PASS has failed."""
    return EXIT_CODES["FAIL"] if strict and verdict != "PASS" else EXIT_CODES[verdict]
