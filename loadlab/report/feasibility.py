"""What a seeding would write and how each constraint is met, for a terminal and as JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from loadlab.data.dataset import Dataset
from loadlab.data.feasibility import Constraint, Status
from loadlab.schema.nesting import Documents
from loadlab.seeding.documents import summary_lines, where_of
from loadlab.seeding.estimate import TableEstimate
from loadlab.seeding.room import needed_bytes
from loadlab.seeding.trial import TableRefusal, Trial
from loadlab.units import format_count, format_duration, format_size
from loadlab.validate.wording import counted

_ORDER: tuple[Status, ...] = ("not understood", "overridden", "left to the server", "left out", "kept")


def plan_summary(
    dataset: Dataset, tables: Sequence[TableEstimate], trial: Trial | None, seconds: float, free_bytes: int | None
) -> dict[str, Any]:
    """All of it, for JSON."""
    return {
        "fingerprint": dataset.manifest.fingerprint,
        "scale": dataset.plan.scale,
        "seed": dataset.plan.seed,
        "rows": sum(table.rows for table in tables),
        "size_bytes": sum(table.size_bytes for table in tables),
        "index_bytes": _index_bytes(tables),
        "seconds": seconds,
        "free_bytes": free_bytes,
        "fits": free_bytes is None or needed_bytes(tables) <= free_bytes,
        "tables": [_table(table) for table in tables],
        "constraints": dict(_counts(tables).items()),
        "trial": None if trial is None else asdict(trial),
        "remedies": dataset.manifest.body.get("remedies", {}),
        "documents": dataset.nesting.documents.to_json(),
        "notes": list(dataset.plan.notes),
    }


def _table(table: TableEstimate) -> dict[str, Any]:
    found = table.feasibility
    mine = asdict(table)
    del mine["feasibility"]
    return mine | {
        "rows_asked": found.asked,
        "limit": found.limit,
        "constraints": [asdict(constraint) for constraint in found.constraints],
    }


def print_plan(
    dataset: Dataset,
    tables: Sequence[TableEstimate],
    trial: Trial | None,
    seconds: float,
    free_bytes: int | None,
    *,
    verbose: bool = False,
) -> None:
    """One line a table, then what is not kept by construction (`verbose`: every constraint), the trial and notes."""
    console = Console(highlight=False)
    _print_tables(console, tables)
    lines = [
        *_document_lines(dataset.nesting.documents),
        *_constraint_lines(tables, verbose),
        *_trial_lines(trial),
        *_notes(dataset.plan.notes),
    ]
    for line in (_total(tables, seconds), *_room(tables, free_bytes), *lines):
        console.print(line, markup=False, soft_wrap=True)


def _print_tables(console: Console, tables: Sequence[TableEstimate]) -> None:
    view = Table("Table", "Parents", box=None, pad_edge=False, header_style="bold")
    for heading in ("Rows", "About", "Indexes"):
        view.add_column(heading, justify="right", no_wrap=True)
    for table in tables:
        asked = table.feasibility.asked
        rows = format_count(table.rows) + (" default" if table.default else "")
        rows += f" of {format_count(asked)}" if asked != table.rows else ""
        indexes = format_size(table.index_bytes) if table.index_bytes is not None else "–"
        view.add_row(table.table, "\n".join(table.relations), rows, format_size(table.size_bytes), indexes)
    console.print(view)


def _index_bytes(tables: Sequence[TableEstimate]) -> int | None:
    known = [table.index_bytes for table in tables if table.index_bytes is not None]
    return sum(known) if len(known) == len(tables) else None


def _total(tables: Sequence[TableEstimate], seconds: float) -> str:
    rows, size, indexes = sum(t.rows for t in tables), sum(t.size_bytes for t in tables), _index_bytes(tables)
    beside = "without indexes" if indexes is None else f"and {format_size(indexes)} of indexes"
    return (
        f"\n{counted(rows, 'row')} in {counted(len(tables), 'table')}, about {format_size(size)} {beside}, "
        f"in about {format_duration(max(round(seconds), 1))}."
    )


def _room(tables: Sequence[TableEstimate], free_bytes: int | None) -> Iterator[str]:
    if free_bytes is not None and needed_bytes(tables) > free_bytes:
        yield f"It does not fit: the disk of the database has {format_size(free_bytes)} free."


# -- documents -------------------------------------------------------------------------------------------------------


def _document_lines(documents: Documents) -> Iterator[str]:
    """Where the rows of each table stand and why; nothing of a database whose tables all stand by themselves."""
    if not documents.placements:
        return
    inside = sum(placement.is_inside for placement in documents.placements)
    collections = counted(len(documents.placements) - inside, "collection")
    yield f"Documents: {collections}, {counted(inside, 'table')} embedded:"
    for placement in sorted(documents.placements, key=lambda item: item.design == "reference"):
        yield f"  {placement.table}: {where_of(placement)}: {placement.why}"
    yield from (f"  {line}" for line in summary_lines(documents))
    if documents.advice:
        yield "Shard keys, once one server is too small:"
        yield from (f"  {line}" for line in documents.advice)


# -- constraints -----------------------------------------------------------------------------------------------------


def _counts(tables: Sequence[TableEstimate]) -> dict[Status, int]:
    """How many constraints have each status; columns and triggers are none."""
    counted = Counter(c.status for t in tables for c in t.feasibility.constraints if c.kind not in ("type", "trigger"))
    return {status: counted[status] for status in _ORDER}


def _constraint_lines(tables: Sequence[TableEstimate], verbose: bool) -> Iterator[str]:
    counts = _counts(tables)
    yield (
        f"{sum(counts.values()):,} constraints: "
        + ", ".join(f"{counts[status]:,} {status}" for status in reversed(_ORDER) if counts[status] or status == "kept")
        + "."
    )
    for status in _ORDER:
        if status == "kept" and not verbose:
            continue
        lines = [line for table in tables for line in _lines_of(table, status)]
        if lines:
            yield f"{status.capitalize()}:"
            yield from (f"  {line}" for line in lines)


def _lines_of(table: TableEstimate, status: Status) -> Iterator[str]:
    """The constraints of a table with this status; its generated columns on one line."""
    mine = [c for c in table.feasibility.constraints if c.status == status]
    generated = [c.name for c in mine if c.kind == "type" and c.means == "generated"]
    if generated:
        yield f"{table.table}: {', '.join(generated)} {'is' if len(generated) == 1 else 'are'} generated"
    for constraint in mine:
        if constraint.name not in generated or constraint.kind != "type":
            yield f"{table.table}: {_line(constraint, table.feasibility.asked)}"


def _line(constraint: Constraint, asked: int) -> str:
    kind = "CHECK" if constraint.kind == "check" else "column" if constraint.kind == "type" else constraint.kind
    name = f"{kind} {constraint.name}" if constraint.name else kind
    room = ""
    if constraint.capacity is not None:
        room = f"; room for {format_count(constraint.capacity)} rows"
        room += f", {format_count(asked)} asked" if constraint.capacity < asked else ""
    return f"{name}: {constraint.means}{room}"


# -- trial and notes -------------------------------------------------------------------------------------------------


def _trial_lines(trial: Trial | None) -> Iterator[str]:
    if trial is None:
        yield "Not tried on the database: it holds rows, or rows cannot be tried on it."
        return
    count = f"{trial.tables} table{'' if trial.tables == 1 else 's'}"
    head = f"Tried on the database: {format_count(trial.rows)} rows of {count}"
    if not trial.refusals:
        yield f"{head}, all accepted."
        return
    yield f"{head}, {len(trial.refusals)} refused:"
    yield from (f"  {_refusal(refusal)}" for refusal in trial.refusals)


def _refusal(refusal: TableRefusal) -> str:
    row = ", ".join(f"{name} = {value}" for name, value in zip(refusal.columns, refusal.values, strict=False))
    text = f"{refusal.table}: {refusal.message}"
    if refusal.constraint is not None and row:
        text = f"{refusal.table}: CHECK {refusal.constraint} refuses {row}"
    if refusal.tried:
        text += f"; tried in vain: {'; '.join(refusal.tried)}"
    if refusal.columns:
        text += f"; give values: data.tables.{refusal.table}.columns.{refusal.columns[0]}"
    return text


def _notes(notes: Iterable[str]) -> Iterator[str]:
    """What the list of constraints has not said already."""
    yield from (f"Note: {note}" for note in notes if " is not understood" not in note)
