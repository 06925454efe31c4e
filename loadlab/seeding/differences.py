"""In what two datasets differ whose seed, scale and number of rows are alike. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadlab.schema.manifest import Manifest
from loadlab.schema.model import Schema
from loadlab.schema.nesting import Documents, documents_of
from loadlab.seeding.documents import where_of

_MOST = 5
# What of a manifest's body is said in words of its own, or follows from something that is.
_ELSEWHERE = {"documents", "schema", "rows", "pools", "place", "seed", "scale", "full_rows", "rows_by_default"}
_SAID = {
    "generator": "another version of LoadLab's generator",
    "shape": "another shape of the data (data: of the scenario)",
    "rows_stated": "other numbers of rows asked for",
    "rows_everywhere": "other numbers of rows asked for",
    "default_rows": "another default_rows",
    "remedies": "other ways to meet the constraints",
}


def differences(there: Manifest, asked: Manifest) -> tuple[str, ...]:
    """What is asked otherwise than it is there, one phrase each, the most telling first."""
    return tuple(dict.fromkeys(_differences(there, asked)))


def _differences(there: Manifest, asked: Manifest) -> Iterator[str]:
    if there.body.get("schema") != asked.body.get("schema"):
        yield from _of_schemas(there.schema, asked.schema)
    yield from _of_documents(documents_of(there), documents_of(asked))
    yield from _of_rows(there.body.get("rows", {}), asked.body.get("rows", {}))
    pools = _unlike(there.body.get("pools", {}), asked.body.get("pools", {}))
    if pools:
        yield f"another version of the pools {some(pools)}"
    for key in _unlike(there.body, asked.body):
        if key not in _ELSEWHERE:
            yield _SAID.get(key, f"another {key.replace('_', ' ')}")


def _of_schemas(there: Schema, asked: Schema) -> Iterator[str]:
    before, after = ({table.key: table for table in schema} for schema in (there, asked))
    changed = _unlike(before, after)
    yield f"another schema ({f'of {some(changed)}' if changed else 'its text or its other objects'})"


def _of_documents(there: Documents, asked: Documents) -> Iterator[str]:
    tables = dict.fromkeys(item.table for item in (*asked.placements, *there.placements))
    for table in tables:
        before, after = where_of(there.of(table)), where_of(asked.of(table))
        if before != after:
            yield f"{table} {after}, not {before}"
        elif there.of(table).columns != asked.of(table).columns:
            yield f"{table} {after} with other columns"
    for host in dict.fromkeys(item.host for item in (*asked.summaries, *there.summaries)):
        if there.summaries_in(host) != asked.summaries_in(host):
            yield f"other summaries in {host}"


def _of_rows(there: Mapping[str, int], asked: Mapping[str, int]) -> Iterator[str]:
    for table in _unlike(there, asked)[:_MOST]:
        yield f"{asked.get(table, 0):,} rows of {table}, not {there.get(table, 0):,}"


def _unlike(there: Mapping[str, Any], asked: Mapping[str, Any]) -> list[str]:
    """The keys that do not have the same value in both."""
    return [key for key in sorted({*there, *asked}) if there.get(key) != asked.get(key)]


def some(names: list[str]) -> str:
    """The first of them, and how many more."""
    return ", ".join(names[:_MOST]) + (f" and {len(names) - _MOST} more" if len(names) > _MOST else "")
