"""What a database is filled with, as the database's own ledger keeps it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadlab.schema.model import Schema


@dataclass(frozen=True, slots=True)
class Manifest:
    """Two seedings with the same `fingerprint` yield the same content.

    `body` is JSON-serialisable: seed, scale, rows by table, pool versions, schema fingerprint. `schema` is the
    schema that has to stand at the end: the ledger keeps it, so that a killed run can restore what was put off.
    `owns_tables` tells whether LoadLab created the tables (and may put off their indexes) or found them. `new_rows` is
    how many rows beyond the dataset of each table earlier loads may have inserted: the next load begins behind them.
    """

    fingerprint: str
    body: Mapping[str, Any]
    schema: Schema
    owns_tables: bool
    finished: bool = False
    new_rows: int = 0
