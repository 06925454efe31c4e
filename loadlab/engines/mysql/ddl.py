"""A schema in another engine's words as tables of MariaDB and MySQL.

What they cannot keep is left out and *named*: every part of the schema becomes the same thing here, or a note.

- Texts compare by code points (`Product.collation`), so that what is unique there is unique here.
- A text without a limit is a LONGTEXT, or a VARCHAR where an index or a key needs one. Moments are DATETIME(6) in UTC:
  TIMESTAMP ends in 2038. What is made of parts is JSON; an interval a number of microseconds.
- An index of an expression is one of a hidden column that holds it, and statements are rewritten to that
  (`StandIn`). A partial index has all rows; of a partial unique one, a hidden column is NULL where it does not hold.
- A full-text index of a generated search document is a FULLTEXT one of the columns that the document is made of.
- Partitioned tables become one plain table, since none with partitions may have or be the target of a foreign key.
- Triggers, and GIN or GiST indexes of other things, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

from loadlab.engines.mysql.connection import Connection
from loadlab.engines.mysql.dialect import translate_expression
from loadlab.engines.mysql.keys import Keys
from loadlab.engines.mysql.ledger import PREFIX, Later, Plan, StandIn
from loadlab.engines.mysql.names import listed, literal, quoted
from loadlab.engines.mysql.product import Product
from loadlab.engines.mysql.scratch import PREFIX as SCRATCH_PREFIX
from loadlab.engines.mysql.stored import stored_type
from loadlab.engines.translation import UntranslatableError, descending_keys, kept_default, searched_columns
from loadlab.errors import DatabaseError
from loadlab.schema.model import Column, ForeignKey, Index, Schema, Table

_AS_BTREE = {"btree", "hash", "brin", ""}
_NAME_LENGTH = 64
_SCRATCH_NAME = re.compile(rf"`?{SCRATCH_PREFIX}\w+`?\.")
_REFUSED = (UntranslatableError, DatabaseError)


@dataclass(frozen=True, slots=True)
class Translation:
    """The statements that make the tables, and what to do afterwards."""

    tables: tuple[str, ...]
    plan: Plan


# What was found out a moment ago: a schema is tried out before it is made, and a server takes seconds for its DDL.
_known: dict[tuple[str, str], Translation] = {}


def translate(
    schema: Schema, product: Product, new_scratch: Callable[[], AbstractContextManager[Connection]]
) -> Translation:
    """The schema for this server. Every kept expression has been accepted by the server, in a scratch database."""
    key = (schema.fingerprint, str(product))
    if key not in _known:
        with new_scratch() as scratch, scratch.setting("foreign_key_checks", "0", "1"):
            _known.clear()
            _known[key] = _translated(schema, scratch)
    return _known[key]


def _translated(schema: Schema, scratch: Connection) -> Translation:
    translator = _Translator(schema, scratch)
    tables = tuple(translator.table(table) for table in schema)
    later = [item for table in schema for item in translator.indexes(table)]
    later += [item for table in schema for item in translator.foreign_keys(table)]
    return Translation(tables, Plan(tuple(later), tuple(translator.notes), tuple(translator.stand_ins)))


class _Translator:
    """One schema on its way; collects the notes."""

    def __init__(self, schema: Schema, scratch: Connection) -> None:
        self._schema, self._scratch, self._product = schema, scratch, scratch.product
        self._keys = Keys(schema, scratch.product)
        self._hidden: dict[str, list[str]] = {}
        self._names: set[str] = set()
        self.notes: list[str] = []
        self.stand_ins: list[StandIn] = []

    def _left_out(self, what: str, name: str, why: object) -> None:
        said = _SCRATCH_NAME.sub("", " ".join(str(why).split()))
        self.notes.append(f"{what} {name}: left out, {said}")

    # Tables ---------------------------------------------------------------------------------------------------------

    def table(self, table: Table) -> str:
        """CREATE TABLE, which stands in the scratch database afterwards."""
        base = [self._column(table, column) for column in table.columns if column.generated is None]
        base += [f"PRIMARY KEY ({listed(table.primary_key)})"] if table.primary_key else []
        extra = [*self._generated(table), *self._checks(table)]
        self._note_lost(table)
        whole = self._create(table.key, [*base, *(clause for *_, clause in extra)])
        if not _has_hidden(table) and self._runs(whole):
            return whole
        self._scratch.run(self._create(table.key, base))
        kept = self._tried(table, [*extra, *self._hidden_columns(table)])
        return self._create(table.key, [*base, *kept])

    def _runs(self, sql: str) -> bool:
        try:
            self._scratch.run(sql)
        except DatabaseError:
            return False
        return True

    def _create(self, name: str, parts: Sequence[str]) -> str:
        body = ",\n    ".join(parts)
        collation = f"CHARACTER SET utf8mb4 COLLATE {self._product.collation}"
        return f"CREATE TABLE {quoted(name)} (\n    {body}\n) ENGINE = InnoDB {collation}"

    def _column(self, table: Table, column: Column) -> str:
        parts = [quoted(column.name), stored_type(column.type, self._product, self._keys.text_width(table, column))]
        if not column.nullable or column.name in table.primary_key:
            parts.append("NOT NULL")
        if _is_numbered(table, column):
            parts.append("AUTO_INCREMENT")
        elif (default := self._default(table, column)) is not None:
            parts.append(f"DEFAULT ({default})")
        if column.type.kind == "other":
            self.notes.append(f"column {table.key}.{column.name}: type {column.type.native} kept as text")
        return " ".join(parts)

    def _default(self, table: Table, column: Column) -> str | None:
        return kept_default(table, column, self._accepted, _REFUSED, self._left_out)

    def _accepted(self, text: str) -> str:
        default = translate_expression(text, self._schema.dialect)
        self._scratch.run(f"SELECT {default}")
        return default

    def _generated(self, table: Table) -> Iterator[tuple[str, str, str]]:
        """(what it is, its name, the clause) of each."""
        for column in table.columns:
            if column.generated is None:
                continue
            place = f"{table.key}.{column.name}"
            try:
                expression = translate_expression(column.generated, self._schema.dialect)
            except UntranslatableError as error:
                self._left_out("generated column", place, error)
                continue
            kind = stored_type(column.type, self._product, self._keys.text_width(table, column))
            yield "generated column", place, f"{quoted(column.name)} {kind} GENERATED ALWAYS AS ({expression}) STORED"

    def _checks(self, table: Table) -> Iterator[tuple[str, str, str]]:
        for check in table.checks:
            place = f"{table.key}.{check.name}"
            try:
                expression = translate_expression(check.expression, self._schema.dialect)
            except UntranslatableError as error:
                self._left_out("check", place, f"{check.expression} ({error})")
                continue
            name = self._free_name(check.name, table)
            yield "check", place, f"CONSTRAINT {quoted(name)} CHECK ({expression})"

    def _tried(self, table: Table, parts: Iterable[tuple[str, str, str]]) -> list[str]:
        """The clauses that the server accepts: all at once, or else one by one."""
        found = list(parts)
        if not found:
            return []
        name = quoted(table.key)
        try:
            self._scratch.run(f"ALTER TABLE {name} {', '.join(f'ADD {clause}' for *_, clause in found)}")
        except DatabaseError:
            return [clause for what, place, clause in found if self._accepts(name, what, place, clause)]
        return [clause for *_, clause in found]

    def _accepts(self, table: str, what: str, place: str, clause: str) -> bool:
        try:
            self._scratch.run(f"ALTER TABLE {table} ADD {clause}")
        except DatabaseError as error:
            self._left_out(what, place, error)
            return False
        return True

    def _note_lost(self, table: Table) -> None:
        for trigger in table.triggers:
            self._left_out("trigger", f"{table.key}.{trigger.name}", "its body is in another engine's language")
        if table.partitioning is not None:
            by = f"{table.partitioning.strategy} ({', '.join(table.partitioning.keys)})"
            self.notes.append(f"table {table.key}: partitioning by {by} left out, its one table has all rows")

    def _free_name(self, name: str, table: Table) -> str:
        """Names of constraints are the database's here, not the table's."""
        wanted = name if name and name not in self._names else f"{table.name}_{name}"
        wanted = wanted[:_NAME_LENGTH]
        self._names.add(wanted)
        return wanted

    # Hidden columns -------------------------------------------------------------------------------------------------

    def _hidden_columns(self, table: Table) -> Iterator[tuple[str, str, str]]:
        """For the keys of indexes that are expressions, and for what partial unique indexes hold of."""
        for index in table.indexes:
            if index.method not in _AS_BTREE:
                continue
            for place, key in enumerate(index.keys):
                if place < len(index.expressions) and index.expressions[place]:
                    yield from self._hidden_column(table, index, key, _key_column(index, place), is_key=True)
            if index.unique and index.predicate:
                flag = f"CASE WHEN {index.predicate} THEN 1 END"
                yield from self._hidden_column(table, index, flag, _flag_column(index), is_key=False)

    def _hidden_column(
        self, table: Table, index: Index, expression: str, name: str, *, is_key: bool
    ) -> Iterator[tuple[str, str, str]]:
        place = f"{table.key}.{index.name}"
        try:
            text = translate_expression(expression, self._schema.dialect)
            kind = self._type_of(table, text) if is_key else "TINYINT"
        except _REFUSED as error:
            self._left_out("expression of", place, error)
            return
        if is_key:
            self.stand_ins.append(StandIn(table.key, name, expression))
        clause = f"{quoted(name)} {kind} GENERATED ALWAYS AS ({text}) VIRTUAL {self._product.invisible}"
        yield "hidden column", place, clause.rstrip()

    def _type_of(self, table: Table, expression: str) -> str:
        """The server's own word for the type of an expression."""
        self._scratch.run(f"CREATE TABLE `{PREFIX}type` AS SELECT ({expression}) AS v FROM {quoted(table.key)} LIMIT 0")
        try:
            ((kind, collation),) = self._scratch.rows(
                "SELECT column_type, collation_name FROM information_schema.columns"
                f" WHERE table_schema = DATABASE() AND table_name = {literal(PREFIX + 'type')}"
            )
        finally:
            self._scratch.run(f"DROP TABLE `{PREFIX}type`")
        text = kind.decode() if isinstance(kind, bytes) else str(kind)
        if text.endswith("text"):
            text = f"varchar({self._keys.longest})"
        return f"{text} COLLATE {collation}" if collation else text

    # Indexes and foreign keys ---------------------------------------------------------------------------------------

    def indexes(self, table: Table) -> Iterator[Later]:
        """All but the primary key's."""
        candidates = []
        for index in table.indexes:
            if index.keys == table.primary_key and index.unique and index.predicate is None:
                continue
            try:
                kind, clause = self._index(table, index)
            except UntranslatableError as error:
                self._left_out("index", f"{table.key}.{index.name}", error)
                continue
            candidates.append(Later(table.key, kind, index.name[:_NAME_LENGTH], clause))
        plain = [item for item in candidates if item.kind == "index"]
        alone = [item for item in candidates if item.kind != "index"]
        kept = self._tried(table, [("index", f"{table.key}.{item.name}", item.clause) for item in plain])
        kept += [
            item.clause
            for item in alone
            if self._accepts(quoted(table.key), "index", f"{table.key}.{item.name}", item.clause)
        ]
        yield from (item for item in candidates if item.clause in kept)

    def _index(self, table: Table, index: Index) -> tuple[str, str]:
        place, name = f"{table.key}.{index.name}", quoted(index.name[:_NAME_LENGTH])
        sources = searched_columns(table, index, self._schema.dialect)
        if sources:
            self._note_predicate(index, place)
            self.notes.append(f"index {place}: made as a FULLTEXT index of {', '.join(sources)}")
            return "full-text index", f"FULLTEXT KEY {name} ({listed(sources)})"
        if index.method not in _AS_BTREE:
            raise UntranslatableError(f"there are no {index.method} indexes")
        keys = self._key_parts(table, index)
        if index.unique and index.predicate:
            keys.append(quoted(_flag_column(index)))
        elif index.predicate:
            self._note_predicate(index, place)
        if index.method not in ("btree", ""):
            self.notes.append(f"index {place}: made as a b-tree instead of {index.method}")
        return "index", f"{'UNIQUE ' if index.unique else ''}KEY {name} ({', '.join(keys)})"

    def _note_predicate(self, index: Index, place: str) -> None:
        if index.predicate:
            self.notes.append(f"index {place}: made over all rows, not only where {index.predicate}")

    def _key_parts(self, table: Table, index: Index) -> list[str]:
        dialect = self._schema.dialect
        descending = descending_keys(index.definition, dialect) if index.definition else ()
        width = self._keys.width_of(table, index)
        found = []
        for place, key in enumerate(index.keys):
            is_expression = place < len(index.expressions) and index.expressions[place]
            text = quoted(_key_column(index, place)) if is_expression else self._keys.part(table, key, width)
            found.append(f"{text} DESC" if place < len(descending) and descending[place] else text)
        if not index.unique:
            found += [self._keys.part(table, name, width) for name in index.include if name not in index.keys]
        elif index.include:
            columns = ", ".join(index.include)
            self._left_out("columns included in", f"{table.key}.{index.name}", f"a unique index cannot take {columns}")
        return found

    def foreign_keys(self, table: Table) -> Iterator[Later]:
        found = []
        for key in table.foreign_keys:
            name = self._free_name(key.name, table)
            found.append(Later(table.key, "foreign key", name, self._foreign_key(table, key, name)))
        kept = self._tried(table, [("foreign key", f"{table.key}.{item.name}", item.clause) for item in found])
        yield from (item for item in found if item.clause in kept)

    def _foreign_key(self, table: Table, key: ForeignKey, name: str) -> str:
        parts = [f"CONSTRAINT {quoted(name)} FOREIGN KEY ({listed(key.columns)})"]
        parts.append(f"REFERENCES {quoted(key.target)} ({listed(key.target_columns)})")
        for event, action in (("DELETE", key.on_delete), ("UPDATE", key.on_update)):
            if action == "SET DEFAULT":
                self._left_out(f"ON {event} SET DEFAULT of", f"{table.key}.{key.name}", "InnoDB refuses it")
            elif action != "NO ACTION":
                parts.append(f"ON {event} {action}")
        return " ".join(parts)


def _has_hidden(table: Table) -> bool:
    """Whether it needs hidden columns, whose types the server is asked for."""
    return any(
        index.method in _AS_BTREE and (index.has_expressions or (index.unique and index.predicate))
        for index in table.indexes
    )


def _is_numbered(table: Table, column: Column) -> bool:
    """Whether the server can number it: it has to come first in a key that is there from the beginning."""
    counts = column.identity is not None or "nextval(" in (column.default or "")
    return counts and table.primary_key[:1] == (column.name,) and column.type.kind == "integer"


def _key_column(index: Index, place: int) -> str:
    return f"{PREFIX}{index.name[:45]}_{place + 1}"


def _flag_column(index: Index) -> str:
    return f"{PREFIX}{index.name[:45]}_holds"
