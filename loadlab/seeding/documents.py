"""Asking an engine which rows stand in others, with what the dataset and the load tell of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from loadlab.data.dataset import Dataset
from loadlab.data.nesting import listing_obstacle
from loadlab.data.overlay.suggestions import is_part
from loadlab.data.relations.relation import Relation
from loadlab.engines.abilities import CanNest, RelationFacts
from loadlab.engines.protocol import Engine
from loadlab.errors import InputError
from loadlab.schema.model import ForeignKey, Schema, Table
from loadlab.schema.nesting import KEY, Documents, Placement, documents_from
from loadlab.seeding.access import accesses
from loadlab.spec.documents import DocumentWish
from loadlab.spec.scenario import Scenario
from loadlab.spec.shapes import RelationShape, TableShape

_SAMPLE_ROWS = 200


def with_documents(engine: Engine, dataset: Dataset, scenario: Scenario) -> Dataset:
    """The dataset with the engine's plan of documents; itself where the engine's rows hold no others.

    A database keeps the plan that it was filled by, whatever the load is now, as long as the scenario asks for nothing
    else. Raises InputError as `CanNest.plan_documents` does, and for tables that are not there.
    """
    schema, wishes = dataset.manifest.schema, scenario.file.documents
    place = f"{dataset.manifest.body['place']}: documents"
    _check_names(schema, wishes, place)
    if not isinstance(engine, CanNest) or not dataset.manifest.owns_tables:
        return dataset
    there = engine.manifest()
    if there is not None and KEY in there.body:
        kept = documents_from(there.body)
        if all(_is_met(kept, table, wish) for table, wish in wishes.items()):
            return dataset.with_documents(kept)
    found = accesses(scenario.file.workload.operations, schema)
    shapes = scenario.file.data.tables
    planned = engine.plan_documents(schema, tuple(relation_facts(dataset, shapes)), found, wishes, place)
    return dataset.with_documents(planned)


def _is_met(kept: Documents, table: str, wish: DocumentWish) -> bool:
    there = {item.relation: item.columns for item in kept.summaries_in(table)}
    is_placed = wish.design in (None, kept.of(table).design)
    return is_placed and there == {name: tuple(columns) for name, columns in wish.summaries.items()}


def document_notes(documents: Documents) -> tuple[str, ...]:
    """One line for each table whose rows stand in others: where, and why; one for each summary."""
    moved = (item for item in documents.placements if item.design != "reference")
    return (
        *(f"{placement.table}: {where_of(placement)}: {placement.why}" for placement in moved),
        *summary_lines(documents),
    )


def summary_lines(documents: Documents) -> tuple[str, ...]:
    """What rows hold of those that they reference."""
    return tuple(
        f"{item.host}: {item.field} has {', '.join(item.columns)} of its row of {item.table}, as of the seeding"
        for item in documents.summaries
    )


def where_of(placement: Placement) -> str:
    """`embedded in orders as order_items`, in words."""
    if placement.design == "reference":
        return "by itself"
    there = f"{placement.host} as {placement.field}"
    if placement.design == "embed":
        return f"embedded in {there}"
    return f"by itself, the newest {placement.newest} also in {there}, their number as {placement.counter}"


def _check_names(schema: Schema, wishes: Mapping[str, DocumentWish], place: str) -> None:
    known = ", ".join(table.key for table in schema)
    for name, wish in wishes.items():
        for where, table in ((f"{place}.{name}", name), (f"{place}.{name}.in", wish.in_ or name)):
            if not schema.has(table):
                raise InputError(where, f"names no table of the schema; tables: {known}", value=table)


def relation_facts(dataset: Dataset, shapes: Mapping[str, TableShape]) -> Iterator[RelationFacts]:
    """Every foreign key that the dataset fills."""
    for key in dataset.tables:
        plan = dataset.plan.tables[key]
        keys = {",".join(item.columns): item for item in plan.table.foreign_keys}
        row_bytes = _row_bytes(dataset, key)
        for relation in plan.relations:
            if relation.name in keys:
                shape = shapes.get(key, TableShape())
                yield _facts(dataset, plan.table, relation, keys[relation.name], shape, row_bytes)


def _facts(
    dataset: Dataset, table: Table, relation: Relation, key: ForeignKey, shape: TableShape, row_bytes: float
) -> RelationFacts:
    rows = _full_rows(dataset, table.key)
    is_single = any(set(unique) <= set(key.columns) for unique in table.unique_keys)
    belongs = shape.relations.get(relation.name, RelationShape()).is_nested or is_part(table, key)
    is_written = any(relation.name in example for example in shape.examples)
    longest = relation.longest_run if belongs and relation.pattern == "nested" else None
    return RelationFacts(
        table=table.key,
        host=key.target,
        name=relation.name,
        rows=rows,
        host_rows=_full_rows(dataset, key.target),
        longest=1 if is_single else longest,
        row_bytes=row_bytes,
        is_required=not any(table.column(name).nullable for name in key.columns),
        is_single=is_single,
        is_part=belongs,
        obstacle=listing_obstacle(relation, rows, is_written=is_written),
    )


def _full_rows(dataset: Dataset, table: str) -> float:
    plan = dataset.plan.tables[table]
    return float(plan.rows) if plan.reference else plan.full_rows


def _row_bytes(dataset: Dataset, table: str) -> float:
    rows = min(dataset.row_count(table), _SAMPLE_ROWS)
    return float(dataset.batch(table, 0, rows).nbytes / rows) if rows else 0.0
