"""Which files a dataset becomes: names, the rows of each, and the manifest that lists them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

from loadlab import __version__
from loadlab.data.core.cells import arrow_type
from loadlab.data.dataset import Dataset

Format = Literal["parquet", "csv", "jsonl", "sql"]
FILE_ROWS = 1_000_000
"""Rows of a file; a larger table becomes several, which are written side by side."""
MANIFEST = "manifest.json"
AFTER = "after.sql"
"""What is to be run when all rows are in."""
BEGUN = ".loadlab-export.json"


@dataclass(frozen=True, slots=True, order=True)
class Part:
    """Rows [start, stop) of a table as one file; `last` of the table's files."""

    table: str
    start: int
    stop: int
    file: str
    last: bool

    @property
    def rows(self) -> int:
        return self.stop - self.start


def parts_of(dataset: Dataset, form: Format, file_rows: int = FILE_ROWS) -> tuple[Part, ...]:
    """Every file, parents first. A table without rows has a file too, with the columns alone."""
    parts: list[Part] = []
    taken: set[str] = set()
    width = len(str(len(dataset.tables)))
    for position, table in enumerate(dataset.tables, start=1):
        # SQL is run file by file, in the order of the names.
        name = f"{position:0{width}}-{_safe(table)}" if form == "sql" else _safe(table)
        # Names that differ in case alone are one name to some file systems.
        while name.casefold() in taken:
            name += "~"
        taken.add(name.casefold())
        rows = dataset.row_count(table)
        starts = range(0, max(rows, 1), file_rows)
        digits = len(str(len(starts)))
        for number, start in enumerate(starts, start=1):
            piece = f"{name}.{form}" if len(starts) == 1 else f"{name}-{number:0{digits}}.{form}"
            stop = min(start + file_rows, rows)
            parts.append(Part(table, start, stop, piece, last=number == len(starts)))
    return tuple(parts)


def _safe(table: str) -> str:
    """The table's key as a file name of every system."""
    name = quote(table, safe=" ._-+()[]@$äöüÄÖÜß")
    return "%2E" + name[1:] if name.startswith(".") else name


def until_of(dataset: Dataset) -> str:
    """The day with which the history of the full volume ends."""
    return (dt.date(1970, 1, 1) + dt.timedelta(microseconds=dataset.plan.clock.end_us)).isoformat()


def manifest_of(dataset: Dataset, form: Format, engine: str, parts: tuple[Part, ...], sizes: dict[str, int]) -> Any:
    """What stands in the folder, as JSON: whoever reads the files needs nothing else."""
    tables = []
    for key in dataset.tables:
        table = dataset.table(key)
        files = [
            {"name": part.file, "rows": part.rows, "bytes": sizes[part.file]} for part in parts if part.table == key
        ]
        columns = [
            {
                "name": column.name,
                "type": column.type.native or column.type.kind,
                "arrow": str(arrow_type(column.type)),
                "nullable": column.nullable,
            }
            for column in table.stored_columns
        ]
        tables.append({"table": key, "rows": dataset.row_count(key), "columns": columns, "files": files})
    return {
        "loadlab": __version__,
        "format": form,
        "engine": engine,
        "fingerprint": dataset.manifest.fingerprint,
        "seed": dataset.plan.seed,
        "scale": dataset.plan.scale,
        "until": until_of(dataset),
        "rows": sum(dataset.row_count(table) for table in dataset.tables),
        "tables": tables,
        "notes": list(dataset.plan.notes),
    }
