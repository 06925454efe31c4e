"""Which shard key each collection would get, once it is larger than one server holds.

What is looked for in a key, after the MongoDB Manual ("Choose a Shard Key"): many different values, none frequent, none
that only grows, and the conditions of the reads in it, so that one shard answers. A unique index has to begin with the
shard key ("Unique Indexes on Sharded Collections"), so a second unique key of a collection cannot be kept then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from loadlab.engines.abilities import Access, RelationFacts
from loadlab.schema.model import Schema, Table
from loadlab.schema.nesting import Documents
from loadlab.units import format_count

RANGE_BYTES = 128 << 20
"""The default size of a range that the balancer moves: a collection below it has nothing to spread."""
_SCATTERED = ("uuid", "text", "bytes")


def shard_advice(
    schema: Schema, relations: Sequence[RelationFacts], accesses: Sequence[Access], documents: Documents
) -> tuple[str, ...]:
    """One line for each collection that is worth to be spread."""
    size_bytes: Counter[str] = Counter()
    rows: dict[str, float] = {}
    for facts in relations:
        rows |= {facts.table: facts.rows, facts.host: facts.host_rows}
    bytes_of = {facts.table: facts.row_bytes for facts in relations}
    for table in schema:
        size_bytes[documents.root(table.key)] += round(rows.get(table.key, 0.0) * bytes_of.get(table.key, 0.0))
    return tuple(
        _advice(schema.table(key), accesses, rows.get(key, 0.0))
        for key in documents.roots(table.key for table in schema)
        if size_bytes[key] > RANGE_BYTES
    )


def _advice(table: Table, accesses: Sequence[Access], rows: float) -> str:
    used: Counter[str] = Counter()
    for access in accesses:
        if table.key in access.tables:
            for name in {column for owner, column in access.equal if owner == table.key}:
                used[name] += access.weight  # type: ignore[assignment]
    parents = [name for key in table.foreign_keys for name in key.columns if not table.column(name).nullable]
    best = max(parents, key=lambda name: used[name], default=None)
    key_weight = min((used[name] for name in table.primary_key), default=0)
    if best is not None and used[best] > key_weight and len(table.primary_key) == 1:
        key, why = f"{{{best}: 1, _id: 1}}", f"most reads name {best}; with _id behind it no value is too frequent"
    else:
        key, why = _by_key(table)
    lost = [index.name for index in table.indexes if index.unique and index.keys != table.primary_key]
    more = f"; {', '.join(lost)} could not be kept unique across shards" if lost else ""
    return f"{table.key}: {key} over {format_count(round(rows))} documents: {why}{more}"


def _by_key(table: Table) -> tuple[str, str]:
    kinds = {table.column(name).type.kind for name in table.primary_key}
    grows = "" if kinds & set(_SCATTERED) else "; it only grows, so ranges of it would take every insert in one place"
    return '{_id: "hashed"}', f"reads are by the key, whose hash spreads them{grows}"
