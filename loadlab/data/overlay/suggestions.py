"""Which columns are aggregates: those that the scenario says, and those that names leave no doubt about:
`comments_count`, an order's subtotal, `last_message_at`."""

from __future__ import annotations

import re
from collections.abc import Callable

from loadlab.data.core.cells import scale_of
from loadlab.data.overlay.aggregates import (
    Aggregate,
    Balance,
    OfChildren,
    RunningBalance,
    aggregate_generator,
    balance_generator,
)
from loadlab.schema.meaning import singular
from loadlab.schema.model import Column, ForeignKey, Schema, Table
from loadlab.spec.shapes import ColumnShape


def stated_aggregate(shape: ColumnShape) -> tuple[str, Aggregate | Balance] | None:
    """The aggregate that a scenario asks for, with the key that says it."""
    if shape.sum_of is not None:
        return "sum_of", Aggregate.of("sum", shape.sum_of)
    if shape.count_of is not None:
        return "count_of", Aggregate.of("count", shape.count_of)
    if shape.min_of is not None:
        return "min_of", Aggregate.of("min", shape.min_of)
    if shape.max_of is not None:
        return "max_of", Aggregate.of("max", shape.max_of)
    return None if shape.balance_of is None else ("balance_of", Balance(shape.balance_of))


def generator_of(
    schema: Schema, table: Table, column: Column, wish: Aggregate | Balance, nested: str | None, place: str
) -> OfChildren | RunningBalance:
    """The generator of an aggregate; `nested` is the name of the table's own nested relation, `place` the user's key.

    Raises InputError naming what the schema does not have.
    """
    if isinstance(wish, Balance):
        return balance_generator(schema, table, column, wish, nested, place)
    return aggregate_generator(schema, table, column, wish, place)


_COUNT = re.compile(r"^(?:(?P<a>\w+?)_(?:count|counter)|(?:num|number_of|count_of)_(?P<b>\w+))$")
_MOMENT = re.compile(r"^(?P<which>last|latest|first)_(?P<child>\w+?)_(?:at|on|date|time)$")
_LINE_VALUES = ("line_total", "line_amount", "total_price", "line_price", "subtotal", "total", "amount")
_SURCHARGES = re.compile(r"tax|vat|shipping|discount|fee|tip|surcharge|postage|freight|credit|deposit")


def suggest_aggregates(
    schema: Schema, is_nested: Callable[[Table, ForeignKey], bool] | None = None
) -> dict[tuple[str, str], Aggregate | Balance]:
    """(table, column) → the aggregate that the names leave no doubt about; only over children that are neighbours.

    `is_nested` tells whether a child table's foreign key becomes a nested relation; by default, parts of a whole: the
    child is named after its parent and deleted with it, or numbered within it.
    """
    nested = is_nested or is_part
    found: dict[tuple[str, str], Aggregate | Balance] = {}
    for table in schema:
        parts = [(child, key) for child in schema for key in child.foreign_keys if key.target == table.key]
        once = [
            c for c in parts if sum(1 for child, _ in parts if child is c[0]) == 1 and c[0] is not table and nested(*c)
        ]
        children = [child for child, _ in once]
        for column in table.stored_columns:
            if any(column.name in key.columns for key in table.foreign_keys) or column.name in table.primary_key:
                continue
            wish = _count(column, table, children) or _moment(column, table, children) or _sum(column, table, children)
            if wish is None and column.name in ("balance_after", "running_balance"):
                wish_balance = _balance(column, table, nested)
                if wish_balance is not None:
                    found[table.key, column.name] = wish_balance
            elif wish is not None:
                found[table.key, column.name] = wish
    return found


def is_part(child: Table, key: ForeignKey) -> bool:
    """Whether the rows of a table are parts of those that a foreign key names: so called, and deleted with them."""
    nullable = any(child.column(name).nullable for name in key.columns)
    if nullable or any(set(unique) <= set(key.columns) for unique in child.unique_keys):
        return False
    owned = child.name.startswith(singular(key.target.rpartition(".")[2])) and key.on_delete == "CASCADE"
    return owned


def _named(word: str, table: Table, children: list[Table]) -> Table | None:
    """The child that a word means: its name, or its name without the parent's; None when that is not one."""
    prefix = singular(table.name) + "_"

    def forms(name: str) -> set[str]:
        return {name, singular(name)}

    fitting = [c for c in children if forms(word) & (forms(c.name) | forms(c.name.removeprefix(prefix)))]
    return fitting[0] if len(fitting) == 1 else None


def _count(column: Column, table: Table, children: list[Table]) -> Aggregate | None:
    match = _COUNT.match(column.name)
    if match is None or column.type.kind != "integer":
        return None
    child = _named(match["a"] or match["b"], table, children)
    return None if child is None else Aggregate("count", child.key)


def _moment(column: Column, table: Table, children: list[Table]) -> Aggregate | None:
    match = _MOMENT.match(column.name)
    if match is None or not column.nullable:
        return None
    child = _named(match["child"], table, children)
    if child is None or "created_at" not in child.column_names or child.column("created_at").type != column.type:
        return None
    return Aggregate("min" if match["which"] == "first" else "max", child.key, "created_at")


def _sum(column: Column, table: Table, children: list[Table]) -> Aggregate | None:
    """A subtotal; a total only where the table has nothing that comes on top of the sum."""
    if column.type.kind not in ("integer", "numeric"):
        return None
    others = [c.name for c in table.columns if c.name != column.name]
    if column.name not in ("subtotal", "sub_total", "items_total"):
        on_top = any(name in ("subtotal", "sub_total", "items_total") or _SURCHARGES.search(name) for name in others)
        if column.name not in ("total", "total_amount", "total_price", "grand_total") or on_top:
            return None
    sums = [(child, value) for child in children if (value := _line_value(child, column)) is not None]
    return Aggregate("sum", sums[0][0].key, sums[0][1]) if len(sums) == 1 else None


def _line_value(child: Table, column: Column) -> str | None:
    """What a line of the child costs: a column for it, or quantity times price."""
    if not re.search(r"(item|line|position|entr|detail)", child.name):
        return None
    kinds = {c.name: c.type for c in child.columns}
    for name in _LINE_VALUES:
        if name in kinds and kinds[name].kind == column.type.kind and scale_of(kinds[name]) <= scale_of(column.type):
            return name
    price = next((name for name in ("unit_price", "price") if name in kinds), None)
    if price is None or "quantity" not in kinds or kinds[price].kind != column.type.kind:
        return None
    return f"quantity * {price}" if scale_of(kinds[price]) <= scale_of(column.type) else None


def _balance(column: Column, table: Table, nested: Callable[[Table, ForeignKey], bool]) -> Balance | None:
    key = next((key for key in table.foreign_keys if nested(table, key)), None)
    checked = any(re.search(rf"\b{re.escape(column.name)}\b", check.expression) for check in table.checks)
    if key is None or checked or "amount" not in table.column_names:
        return None
    return Balance("amount", ",".join(key.columns)) if table.column("amount").type.kind == column.type.kind else None
