"""The neutral forms of operations as SQL, for every engine that speaks it.

What differs between engines (quotes, literals, buckets of time, searches) is asked of their `SqlWords`. The forms come
checked and with their defaults filled in (`loadlab.workload.forms`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from loadlab.errors import InputError
from loadlab.schema.joins import links, split_name
from loadlab.schema.model import Schema, Table
from loadlab.spec.operations import (
    Addition,
    Bucket,
    BucketUnit,
    Condition,
    Delete,
    Form,
    Join,
    Lookup,
    Nullness,
    OneOf,
    Report,
    RowList,
    Search,
    Span,
    Update,
    after_name,
    below_name,
    from_name,
    set_name,
    sort_keys,
)
from loadlab.spec.parameters import ValueParameter
from loadlab.spec.statement import Statement


@dataclass(frozen=True, slots=True)
class Value:
    """Where a parameter stands in a text."""

    name: str


Piece = str | Value


@dataclass(frozen=True, slots=True)
class Match:
    """How an engine searches: a condition, an order, or both."""

    condition: tuple[Piece, ...] = ()
    order: tuple[Piece, ...] = ()


class SqlWords(Protocol):
    """One engine's own words."""

    def table(self, table: Table) -> str: ...

    def column(self, name: str) -> str: ...

    def literal(self, value: object) -> str: ...

    def bucket(self, expression: str, unit: BucketUnit) -> str:
        """The beginning of the unit of time that holds a moment."""
        ...

    def match(self, form: Search, table: Table, expression: str) -> Match | None:
        """The search of a column by an index that the table has, `SEARCHED` being what is looked for; else None."""
        ...


def plain_literal(value: object, text: Callable[[str], str]) -> str:
    """A literal where truth values are numbers; `text` quotes one."""
    if value is None:
        return "NULL"
    if isinstance(value, (bool, int, float)):
        return repr(int(value) if isinstance(value, bool) else value)
    return text(str(value))


def operation_statement(form: Form, schema: Schema, words: SqlWords) -> Statement:
    """The statement of a form, its parameters as `form.parameters()` names them.

    Raises InputError, its place beginning with the form's name, for a search that no index of the table serves.
    """
    table = schema.table(form.table)
    writer = _Writer(table, schema, words)
    match form:
        case Lookup():
            return _statement(writer.lookup(form))
        case RowList():
            return _statement(writer.row_list(form))
        case Join():
            return _statement(_Joined(table, schema, words).join(form))
        case Report():
            return _statement(writer.report(form))
        case Search():
            return _statement(writer.search(form))
        case Update():
            return _statement(writer.update(form))
        case Delete():
            return _statement(writer.delete(form))


def lookup_statement(table: Table, columns: Sequence[str], quoted: Callable[[str], str]) -> Statement:
    """See `loadlab.engines.abilities.CanAppend`."""
    first, *others = map(quoted, columns)
    head = f"SELECT 1 FROM {quoted(table.key)} WHERE {first} = "
    return Statement((head, *[f" AND {name} = " for name in others], " LIMIT 1"), tuple(columns))


def highest_statement(table: Table, column: str, where: Sequence[str], quoted: Callable[[str], str]) -> Statement:
    """See `loadlab.engines.abilities.CanAppend`."""
    name, *names = (quoted(item) for item in (column, *where))
    head = f"SELECT max({name}) FROM {quoted(table.key)}"
    if not names:
        return Statement((head,), ())
    return Statement((f"{head} WHERE {names[0]} = ", *[f" AND {item} = " for item in names[1:]], ""), tuple(where))


def _statement(pieces: Iterable[Piece]) -> Statement:
    fragments, names = [""], []
    for piece in pieces:
        if isinstance(piece, Value):
            names.append(piece.name)
            fragments.append("")
        else:
            fragments[-1] += piece
    return Statement(tuple(fragments), tuple(names))


class _Writer:
    """Statements on one table. `of` is what stands before a column's name: nothing, or an alias and a dot."""

    def __init__(self, table: Table, schema: Schema, words: SqlWords, of: str = "") -> None:
        self._table, self._schema, self._words, self._of = table, schema, words, of

    def lookup(self, form: Lookup) -> Iterator[Piece]:
        yield self._select(form.columns)
        yield from self._where(self._equal(form.by))

    def row_list(self, form: RowList) -> Iterator[Piece]:
        keys = sort_keys(form.sort)
        yield self._select(form.columns)
        behind = [self._behind(keys)] if form.after else []
        yield from self._where([*self._equal(form.by), *self.conditions(form.where), *behind])
        yield self.order(keys) + f" LIMIT {form.limit}"

    def report(self, form: Report) -> Iterator[Piece]:
        groups = [self._bucket(form.bucket)] if form.bucket else []
        groups += [self.name(column) for column in form.group or ()]
        totals = ["count(*)"] if form.count else []
        totals += [f"sum({self.name(column)})" for column in form.sum or ()]
        yield f"SELECT {', '.join([*groups, *totals])} FROM {self._words.table(self._table)}"
        yield from self._where([*self._equal(form.by), *self.conditions(form.where)])
        if groups:
            places = ", ".join(str(place) for place in range(1, len(groups) + 1))
            yield f" GROUP BY {places} ORDER BY {places}"
        if form.limit:
            yield f" LIMIT {form.limit}"

    def search(self, form: Search) -> Iterator[Piece]:
        match = self._words.match(form, self._table, self.name(form.column))
        if match is None:
            raise InputError(f"search.{form.how}", self._why_no_search(form.column), value=form.column)
        yield self._select(form.columns)
        conditions = [*self._equal(form.by), *self.conditions(form.where)]
        yield from self._where([*conditions, match.condition] if match.condition else conditions)
        if match.order:
            yield " ORDER BY "
            yield from match.order
        yield f" LIMIT {form.limit}"

    def _why_no_search(self, column: str) -> str:
        """With the index that would serve it on another kind of database, if it has one."""
        others = [index for index in self._table.indexes if column in index.keys and index.method != "btree"]
        other = f" here ({others[0].name} is a {others[0].method} one)" if others else ""
        return (
            f"names a column of {self._table.key} without an index for such a search{other}; make one, or write it as"
            " sql, for each kind of database if need be"
        )

    def update(self, form: Update) -> Iterator[Piece]:
        yield f"UPDATE {self._words.table(self._table)} SET "
        for place, (column, value) in enumerate(form.set.items()):
            yield f"{', ' if place else ''}{self.name(column)} = "
            if isinstance(value, Addition):
                sign = "-" if value.add < 0 else "+"
                yield f"{self.name(column)} {sign} {self._words.literal(abs(value.add))}"
            else:
                yield Value(set_name(column))
        yield from self._where(self._equal(form.by))

    def delete(self, form: Delete) -> Iterator[Piece]:
        table = self._words.table(self._table)
        if form.soft is None:
            yield f"DELETE FROM {table}"
        else:
            yield f"UPDATE {table} SET {self.name(form.soft)} = "
            yield Value(set_name(form.soft))
        yield from self._where(self._equal(form.by))

    # Parts ----------------------------------------------------------------------------------------------------------

    def name(self, column: str) -> str:
        return f"{self._of}{self._words.column(column)}"

    def order(self, keys: Sequence[tuple[str, bool]]) -> str:
        parts = [f"{self.name(column)}{' DESC' if descending else ''}" for column, descending in keys]
        return f" ORDER BY {', '.join(parts)}" if parts else ""

    def conditions(self, where: dict[str, Condition]) -> Iterator[tuple[Piece, ...]]:
        """Constants stand in the text, so that partial indexes serve them."""
        for column, condition in where.items():
            name = self.name(column)
            if isinstance(condition, Nullness):
                yield (f"{name} IS {'' if condition.is_null else 'NOT '}NULL",)
            elif isinstance(condition, OneOf):
                yield (f"{name} IN ({', '.join(self._words.literal(value) for value in condition.in_)})",)
            elif isinstance(condition, ValueParameter):
                yield (f"{name} = {self._words.literal(condition.value)}",)
            elif not isinstance(condition, Span):
                yield (f"{name} = ", Value(column))
            else:
                yield from self._span(column, condition)

    def _span(self, column: str, span: Span) -> Iterator[tuple[Piece, ...]]:
        if span.from_ is not None:
            yield (f"{self.name(column)} >= ", Value(from_name(column)))
        if span.below is not None:
            yield (f"{self.name(column)} < ", Value(below_name(column)))

    def _equal(self, by: Iterable[str] | None) -> list[tuple[Piece, ...]]:
        return [(f"{self.name(column)} = ", Value(column)) for column in by or ()]

    def _behind(self, keys: Sequence[tuple[str, bool]]) -> tuple[Piece, ...]:
        """The rows after the known one. Keys of one direction compare as a row, which an index serves in one step."""
        directions = {descending for _, descending in keys}
        if len(directions) == 1:
            sign = "<" if directions.pop() else ">"
            if len(keys) == 1:
                return (f"{self.name(keys[0][0])} {sign} ", Value(after_name(keys[0][0])))
            names = ", ".join(self.name(column) for column, _ in keys)
            values = [piece for column, _ in keys for piece in (", ", Value(after_name(column)))][1:]
            return (f"({names}) {sign} (", *values, ")")
        (column, descending), *rest = keys
        here = (f"{self.name(column)} {'<' if descending else '>'} ", Value(after_name(column)))
        if not rest:
            return here
        equal = (f"{self.name(column)} = ", Value(after_name(column)))
        return ("(", *here, " OR (", *equal, " AND ", *self._behind(rest), "))")

    def _where(self, conditions: Iterable[tuple[Piece, ...]]) -> Iterator[Piece]:
        for place, condition in enumerate(conditions):
            yield " AND " if place else " WHERE "
            yield from condition

    def _select(self, columns: Sequence[str] | None) -> str:
        # All of them by name, as an application asks that maps rows to objects.
        what = ", ".join(self.name(column) for column in columns or self._table.column_names)
        return f"SELECT {what} FROM {self._words.table(self._table)}"

    def _bucket(self, bucket: Bucket) -> str:
        return self._words.bucket(self.name(bucket.column), bucket.by)


class _Joined(_Writer):
    """A join: the table is `t0`, what is joined `t1`, `t2`, …."""

    def __init__(self, table: Table, schema: Schema, words: SqlWords) -> None:
        super().__init__(table, schema, words, "t0.")

    def join(self, form: Join) -> Iterator[Piece]:
        joined = [(self._table, "t0")]
        clauses = []
        for link in links(self._table, self._schema, form.along):
            alias = f"t{len(joined)}"
            known = next(name for table, name in joined if table.key == link.known.key)
            on = " AND ".join(
                f"{alias}.{self._words.column(new)} = {known}.{self._words.column(old)}"
                for new, old in zip(link.new_columns, link.known_columns, strict=True)
            )
            how = "LEFT JOIN" if link.may_be_absent else "JOIN"
            clauses.append(f" {how} {self._words.table(link.new)} AS {alias} ON {on}")
            joined.append((link.new, alias))
        yield f"SELECT {self._columns(form, joined)} FROM {self._words.table(self._table)} AS t0{''.join(clauses)}"
        yield from self._where([*self._equal(form.by), *self.conditions(form.where)])
        yield self.order(sort_keys(form.sort))
        if form.limit:
            yield f" LIMIT {form.limit}"

    def _columns(self, form: Join, joined: Sequence[tuple[Table, str]]) -> str:
        if not form.columns:
            each = [f"{alias}.{self._words.column(name)}" for table, alias in joined for name in table.column_names]
            return ", ".join(each)
        names = []
        for item in form.columns:
            table, column = split_name(item, self._table)
            alias = next(alias for other, alias in joined if other.key == table)
            names.append(f"{alias}.{self._words.column(column)}")
        return ", ".join(names)
