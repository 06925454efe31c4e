"""A status and the moments that go with it: an order that is paid has a `paid_at`, one that is not yet has none.

No constraint asks for it, so it is read from names: the labels of a status column, in their order, and nullable times
called after them. A label that ends a life early (cancelled, failed) has its own time only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from loadlab.data.choose.chosen import listed
from loadlab.data.constraints.column_facts import ColumnFacts
from loadlab.data.constraints.facts import TableFacts
from loadlab.schema.checks import Allowed, Compared, Fact, IsNull, NotNull, Reading
from loadlab.schema.model import Column, Table
from loadlab.spec.shapes import TableShape

NAME = "life cycle"
_STATUS = re.compile(r"(^|_)(status|state|stage|phase)$")
_MOMENT = re.compile(r"^(.+?)_(at|on|date|time|timestamp)$")
_ENDS_EARLY = re.compile(r"cancel|reject|fail|refund|expire|void|abort|return|declin|error|delet|archiv|suspend|closed")
_STEM = re.compile(r"(ed|d|ing|e|t)$")


def life_cycle(table: Table, shape: TableShape, facts: TableFacts) -> Reading | None:
    """One branch for each label of the status; None where no time is called after one.

    The labels are those that the database allows, else those that the scenario (or the application's model) lists.
    """
    status = next((c for c in table.stored_columns if _STATUS.search(c.name.lower())), None)
    if status is None or facts.component_of(status.name) is not None:
        return None
    stated = shape.columns[status.name].values if status.name in shape.columns else None
    known = listed(status, facts.of(status.name)) or stated or ()
    labels = [value for value in known if isinstance(value, str)]
    moments = {
        label: column.name
        for column in table.stored_columns
        if column.nullable and column.type.kind in ("timestamp", "date") and _is_free(facts, column)
        for label in labels[1:] or labels
        if _means(label, column.name)
    }
    if not moments or len(labels) > 16:
        return None
    branches = tuple(_branch(status.name, label, labels, moments, table) for label in labels)
    return Reading(branches)


def _is_free(facts: TableFacts, column: Column) -> bool:
    """Whether no CHECK speaks of the column's NULLs."""
    said: ColumnFacts = facts.of(column.name)
    return facts.component_of(column.name) is None and said.null is None


def _branch(
    status: str, label: str, labels: Sequence[str], moments: Mapping[str, str], table: Table
) -> tuple[Fact, ...]:
    facts: list[Fact] = [Allowed(status, (label,))]
    reached = [step for step in labels[: labels.index(label) + 1] if not _ENDS_EARLY.search(step.lower())]
    if _ENDS_EARLY.search(label.lower()):
        # How far it had come before is open: the times of other labels are as they please, save later endings'.
        facts += [IsNull(name) for step, name in moments.items() if step != label and _ENDS_EARLY.search(step.lower())]
        return (*facts, NotNull(moments[label])) if label in moments else tuple(facts)
    before = ""
    for step, name in moments.items():
        if step not in reached:
            facts.append(IsNull(name))
    for step in reached:
        name = moments.get(step, "")
        if not name:
            continue
        facts.append(NotNull(name))
        if before and table.column(before).type.kind == table.column(name).type.kind:
            facts.append(Compared(name, ">=", before))
        before = name
    return tuple(facts)


def _means(label: str, column: str) -> bool:
    """Whether a time is called after a label: `shipped_at`, `ship_date` after `shipped`."""
    found = _MOMENT.match(column.lower())
    if found is None:
        return False
    mine, theirs = (_STEM.sub("", re.sub(r"[^a-z]", "", text.lower())) for text in (label, found[1]))
    return len(mine) > 2 and len(theirs) > 2 and (mine == theirs or mine.startswith(theirs) or theirs.startswith(mine))
