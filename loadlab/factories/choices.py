"""What follows from a given value where a row has a choice: a shipped order has the time at which it was shipped."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from loadlab.data.core.cells import Cells, to_arrow
from loadlab.data.core.hashing import Int64s, hash_rows, make_key, unit_interval
from loadlab.data.core.worlds import Choice, Worlds
from loadlab.data.frame import TablePlan
from loadlab.data.overlay.given import plain_values
from loadlab.schema.model import LogicalType

Permitted = npt.NDArray[np.bool_]


def worlds_of(plan: TablePlan, rows: Int64s, given: Mapping[str, Cells]) -> dict[int, Int64s]:
    """By the key of a choice, the world of each row in which its given values can be; shape (n,).

    A row whose given values fit no world keeps the one that it draws: the database will say what it thinks of it.
    """
    found: dict[int, tuple[Worlds, Permitted]] = {}
    for name, cells in given.items():
        choice = plan.choices.get(name)
        if choice is None:
            continue
        permitted = _permitted(choice, cells, plan.type_of(name))
        worlds, so_far = found.get(choice.worlds.key, (choice.worlds, permitted))
        found[worlds.key] = worlds, so_far & permitted
    return {key: _drawn(worlds, permitted, rows) for key, (worlds, permitted) in found.items()}


def _permitted(choice: Choice, cells: Cells, kind: LogicalType) -> Permitted:
    """By row and world, whether the world lets the row's value pass; shape (n, worlds)."""
    values = plain_values(to_arrow(cells, kind), kind)
    is_number = kind.kind in ("integer", "numeric", "float")
    lists = [None if known is None else {_text(item, is_number) for item in known} for known in choice.allowed]
    others = [{_text(item, is_number) for item in excluded} for excluded in choice.excluded]
    answers = {
        text: [
            null is not False
            if text is None
            else null is not True and text not in excluded and (known is None or text in known)
            for known, excluded, null in zip(lists, others, choice.null, strict=True)
        ]
        for text in {None if value is None else _text(value, is_number) for value in values}
    }
    return np.array([answers[None if value is None else _text(value, is_number)] for value in values], dtype=np.bool_)


def _text(value: object, is_number: bool) -> str:
    return f"{float(str(value)):g}" if is_number else str(value)


def _drawn(worlds: Worlds, permitted: Permitted, rows: Int64s) -> Int64s:
    own = worlds.at(rows)
    weights = np.cumsum(permitted * np.array(worlds.weights), axis=1)
    u = unit_interval(hash_rows(make_key(worlds.key, "given"), rows)) * weights[:, -1]
    drawn = np.minimum((weights <= u[:, None]).sum(axis=1), permitted.shape[1] - 1).astype(np.int64)
    keeps = permitted[np.arange(len(rows)), own] | ~permitted.any(axis=1)
    return np.where(keeps, own, drawn)
