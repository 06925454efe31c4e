"""The order for rows: a table, how many, what they hold, whose children they are, what they have."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from loadlab.errors import InputError
from loadlab.factories.recipe import Recipe, cycled_rows, sequence_wishes, state_wishes
from loadlab.factories.rows import Row, Rows
from loadlab.schema.meaning import singular
from loadlab.schema.model import ForeignKey, Table

if TYPE_CHECKING:
    from loadlab.factories.database import Database

Parent = "Row | Rows | Mapping[str, Any] | Sequence[Mapping[str, Any]] | Factory"


@dataclass(frozen=True, slots=True)
class GivenParent:
    """The parents for one foreign key: row i belongs to `parents[i // each % len(parents)]`."""

    key: ForeignKey
    parents: Any
    each: int = 1


@dataclass(frozen=True, slots=True)
class GivenChildren:
    """Rows of another table for every row: `order` of them `count` times."""

    order: Factory
    count: int
    key: ForeignKey


@dataclass(frozen=True, slots=True)
class Attached:
    """Rows of another table that every row is joined with, through a junction table."""

    junction: Factory
    rows: Any
    own: ForeignKey
    other: ForeignKey


@dataclass(frozen=True, slots=True)
class Factory:
    """An order for rows of a table. Every method returns a new order and leaves this one as it is."""

    database: Database
    table: Table
    recipe: Recipe = field(default_factory=Recipe)
    amount: int = 1
    parents: tuple[GivenParent, ...] = ()
    children: tuple[GivenChildren, ...] = ()
    attached: tuple[Attached, ...] = ()

    @property
    def _place(self) -> str:
        return f'factory("{self.table.key}")'

    def state(self, *names: str, **values: object) -> Factory:
        """Named states of the table, and values by column: a constant, a list (its values take turns), a function of
        the row made so far, or `loadlab.factories.shape(...)`. Raises InputError."""
        recipe = self.recipe
        for name in names:
            recipe = recipe.plus(self.database.state_of(self.table, name))
        return replace(self, recipe=recipe.plus(state_wishes(self.table, values, f"{self._place}.state()")))

    def sequence(self, *rows: Mapping[str, object] | Callable[[int], Mapping[str, Any]], **values: object) -> Factory:
        """Values that take turns: mappings, a function of the index (from 0) that yields one, or by column a list or a
        function of the index. Raises InputError."""
        place = f"{self._place}.sequence()"
        recipe = self.recipe
        mappings = [row for row in rows if isinstance(row, Mapping)]
        if mappings:
            recipe = recipe.plus(cycled_rows(mappings, self.table, place))
        for row in rows:
            if not isinstance(row, Mapping):
                recipe = recipe.plus_whole(row)
        return replace(self, recipe=recipe.plus(sequence_wishes(self.table, values, place)))

    def count(self, rows: int) -> Factory:
        """How many rows. Raises InputError for a negative number."""
        if isinstance(rows, bool) or rows < 0 or rows != int(rows):
            raise InputError(f"{self._place}.count()", "must be a whole number, 0 or more", value=rows)
        return replace(self, amount=int(rows))

    def for_(self, *parents: Any, **by_key: Any) -> Factory:
        """Whose children the rows are: rows or orders of parent tables (several take turns), or by foreign key column
        (`for_(author_id=user)`). An order is created along with the rows. Raises InputError."""
        made = list(self.parents)
        for parent in parents:
            _add_parent(made, GivenParent(self._key_to(_table_of(parent, f"{self._place}.for_()")), parent))
        keys = {",".join(key.columns): key for key in self.table.foreign_keys}
        for name, parent in by_key.items():
            found = keys.get(name) or next((key for key in self.table.foreign_keys if key.columns[0] == name), None)
            if found is None:
                known = ", ".join(keys) or "none"
                raise InputError(f"{self._place}.for_({name}=…)", f"is not a foreign key; foreign keys: {known}")
            _add_parent(made, GivenParent(found, parent))
        return replace(self, parents=tuple(made))

    def for_each(self, parents: Any, count: int, *, via: str | None = None) -> Factory:
        """`count` rows for each of the parents. Raises InputError."""
        key = self._key_to(_table_of(parents, f"{self._place}.for_each()"), via)
        made = list(self.parents)
        _add_parent(made, GivenParent(key, parents, count))
        total = count * (1 if isinstance(parents, Mapping) else len(parents))
        return replace(self, parents=tuple(made), amount=total)

    def has(self, children: str | Factory, count: int | None = None, *, via: str | None = None) -> Factory:
        """Children for every row: a table (`items` finds `order_items`) or an order for it. Raises InputError."""
        order = self.database.factory(self._child(children)) if isinstance(children, str) else children
        key = order._key_to(self.table.key, via)
        each = order.amount if count is None else count
        return replace(self, children=(*self.children, GivenChildren(order, each, key)))

    def attach(
        self, table: str, rows: Any, *, pivot: Mapping[str, object] | None = None, through: str | None = None
    ) -> Factory:
        """Join every row with all of these rows of a table, through the junction table between the two.

        `pivot` are values of the junction's other columns, as for `state`. Raises InputError.
        """
        place = f"{self._place}.attach()"
        other = self.database.table(table, place).key
        junction = self._junction(other, through, place)
        order = self.database.factory(junction.key).state(**dict(pivot or {}))
        own, theirs = _pair(junction, self.table.key, other, place)
        given = [rows] if isinstance(rows, Mapping) else rows
        return replace(self, attached=(*self.attached, Attached(order, given, own, theirs)))

    def make(self) -> Rows:
        """The rows, with nothing written; a parent that is not given is NULL where there is none to choose from."""
        from loadlab.factories.making import make

        return make(self)

    def create(self) -> Rows:
        """Insert the rows, their parents and children; what was inserted.

        Raises InputError for values that do not fit, ConstraintError when the database refuses a row.
        """
        from loadlab.factories.making import create

        return create(self)

    # -- names -> tables and keys ----------------------------------------------------------------------------------

    def _key_to(self, target: str, via: str | None = None) -> ForeignKey:
        keys = [key for key in self.table.foreign_keys if key.target == target]
        if via is not None:
            keys = [key for key in keys if via in (",".join(key.columns), key.columns[0])]
        # Of several, `user_id` is the one to users; else the one that every row needs.
        one = singular(target.rpartition(".")[2])
        named = [key for key in keys if key.columns[0].removesuffix("_id") == one]
        needed = [key for key in keys if not any(self.table.column(name).nullable for name in key.columns)]
        for found in (keys, named, needed):
            if len(found) == 1:
                return found[0]
        if not keys:
            raise InputError(self._place, f"has no foreign key to {target}{f' over {via}' if via else ''}")
        names = " or ".join(f"{key.columns[0]}=…" for key in keys)
        raise InputError(self._place, f"references {target} {len(keys)} times; say which: {names}")

    def _child(self, name: str) -> str:
        """A child table by its name, or by its name without this table's."""
        prefix = singular(self.table.name)
        schema = self.database.schema
        named = [t.key for t in schema if t.key == name or t.name in (name, f"{prefix}_{name}")]
        found = [key for key in named if any(k.target == self.table.key for k in schema.table(key).foreign_keys)]
        if len(found) == 1:
            return found[0]
        children = [t.key for t in schema if any(key.target == self.table.key for key in t.foreign_keys)]
        known = ", ".join(children) or "none"
        raise InputError(f"{self._place}.has()", f"is no child of {self.table.key}; children: {known}", value=name)

    def _junction(self, other: str, through: str | None, place: str) -> Table:
        if through is not None:
            return self.database.table(through, place)
        joined = [
            table
            for table in self.database.schema
            if {self.table.key, other} <= {key.target for key in table.foreign_keys}
            and table.key not in (self.table.key, other)
        ]
        # Of several, a junction is the one whose own key is the pair.
        pairs = [
            table
            for table in joined
            if any(_is_pair(table, unique, self.table.key, other) for unique in table.unique_keys)
        ]
        found = pairs if len(pairs) == 1 else joined
        if len(found) != 1:
            known = ", ".join(table.key for table in joined) or "none"
            raise InputError(
                place, f"needs the junction table of {self.table.key} and {other}: through=, one of {known}"
            )
        return found[0]


def _add_parent(made: list[GivenParent], parent: GivenParent) -> None:
    made[:] = [known for known in made if known.key is not parent.key]
    made.append(parent)


def _is_pair(table: Table, unique: Sequence[str], one: str, other: str) -> bool:
    targets = {key.target for key in table.foreign_keys if set(key.columns) <= set(unique)}
    columns = {name for key in table.foreign_keys for name in key.columns}
    return {one, other} <= targets and set(unique) <= columns


def _pair(junction: Table, own: str, other: str, place: str) -> tuple[ForeignKey, ForeignKey]:
    """The junction's two foreign keys; those that share a unique key where a table is referenced more than once."""

    def one(target: str, taken: ForeignKey | None = None) -> ForeignKey:
        keys = [key for key in junction.foreign_keys if key.target == target and key is not taken]
        unique = {name for columns in junction.unique_keys for name in columns}
        sharp = [key for key in keys if set(key.columns) <= unique] or keys
        if not sharp:
            raise InputError(place, f"goes through {junction.key}, which has no foreign key to {target}")
        return sharp[0]

    first = one(own)
    return first, one(other, first)


def _table_of(parent: Any, place: str) -> str:
    if isinstance(parent, Factory):
        return parent.table.key
    if isinstance(parent, Rows):
        return parent.table.key
    if isinstance(parent, Row):
        return parent.table_key
    if isinstance(parent, Iterable) and not isinstance(parent, (str, bytes, Mapping)):
        first = next(iter(parent), None)
        if isinstance(first, Row):
            return first.table_key
    raise InputError(place, "takes rows that a factory made or orders; name the column for others: for_(user_id={…})")
