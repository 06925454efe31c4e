"""Full-text indexes: tables of FTS5 that keep the words of another table's columns (https://www.sqlite.org/fts5.html).

Such a table holds no text of its own (`content=`): it is filled by one command when the rows are in, and triggers keep
it from then on. Its rows are those of the other table by their rowid, which a VACUUM numbers anew where the table has
no INTEGER PRIMARY KEY: after one, `INSERT INTO t (t) VALUES ('rebuild')` is due.

To the rest of LoadLab it is an index of its columns with the method `fts5`.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import exp

from loadlab.engines.sqlite.clauses import quoted, table_arguments, unquoted
from loadlab.engines.translation import (
    UntranslatableError,
    bare,
    is_text,
    searched_columns,
    searched_source,
    table_key,
)
from loadlab.schema.model import Index, Schema, Table

METHOD = "fts5"
_PORTER, _PLAIN = "porter unicode61", "unicode61"
_SIMPLE = re.compile(r"to_tsvector\(\s*'(?:pg_catalog\.)?simple'", re.IGNORECASE)
# Words one after the other, each in quotes, so that no sign in them is an operator: all must be there.
_WORDS = ("'\"' || replace(replace(", ", '\"', ' '), ' ', '\" \"') || '\"'")
_PHRASE = ("'\"' || replace(", ", '\"', ' ') || '\"'")
_QUERIES = {"websearch_to_tsquery": _WORDS, "plainto_tsquery": _WORDS, "phraseto_tsquery": _PHRASE}


@dataclass(frozen=True, slots=True)
class FullText:
    """A full-text table `name` over columns of `table`; `rowid` is what its rows go by there."""

    name: str
    table: str
    columns: tuple[str, ...]
    tokenizer: str = _PORTER
    rowid: str = "rowid"

    def finds(self, column: str) -> bool:
        """Whether it searches a column, or the search document that it stands for."""
        return column in self.columns or self.name == f"{self.table}.{column}"

    @property
    def definition(self) -> str:
        """The statement that makes it, empty."""
        columns = ", ".join(quoted(name) for name in self.columns)
        options = f"content='{self.table.replace(chr(39), chr(39) * 2)}', tokenize='{self.tokenizer}'"
        return f"CREATE VIRTUAL TABLE {quoted(self.name)} USING fts5({columns}, {options})"

    def triggers(self) -> Iterator[tuple[str, str]]:
        """(name, statement) of those that keep it, as FTS5's documentation has them."""
        name, columns = quoted(self.name), ", ".join(quoted(column) for column in self.columns)

        def values(row: str) -> str:
            return ", ".join([f"{row}.{self.rowid}", *(f"{row}.{quoted(column)}" for column in self.columns)])

        add = f"INSERT INTO {name} (rowid, {columns}) VALUES ({values('new')});"
        remove = f"INSERT INTO {name} ({name}, rowid, {columns}) VALUES ('delete', {values('old')});"
        for event, body in (
            ("INSERT", add),
            ("DELETE", remove),
            (f"UPDATE OF {columns}", f"{remove} {add}"),
        ):
            trigger = f"{self.name}_{event.split()[0].lower()}"
            yield trigger, f"CREATE TRIGGER {quoted(trigger)} AFTER {event} ON {quoted(self.table)} BEGIN {body} END"


# In another engine's words --------------------------------------------------------------------------------------------


def full_text_of(table: Table, index: Index, dialect: str) -> FullText | None:
    """The full-text table that serves as an index of a search document does there; None for any other index."""
    columns = searched_columns(table, index, dialect)
    if not columns:
        return None
    is_expression = bool(index.expressions) and index.expressions[0]
    name = _name_of(table.key, columns) if is_expression else f"{table.key}.{index.keys[0]}"
    source = searched_source(table, index) or ""
    return FullText(name, table.key, columns, _PLAIN if _SIMPLE.search(source) else _PORTER)


def _name_of(table: str, columns: tuple[str, ...]) -> str:
    return f"{table}.{'_'.join(sorted(columns))}"


def matched(node: exp.Expr) -> exp.Expr:
    """`document @@ websearch_to_tsquery(…)` by the full-text table of the document, a column or to_tsvector's."""
    (document,) = node.expressions
    query = bare(node.this)
    form = _QUERIES.get(query.name.lower()) if isinstance(query, exp.Anonymous) else None
    if form is None:
        raise UntranslatableError(
            f"the search {query.sql()} has no counterpart: of words there is plainto_tsquery, websearch_to_tsquery or"
            " phraseto_tsquery"
        )
    columns = list(document.find_all(exp.Column))
    owners = {column.table for column in columns}
    if len(owners) != 1:
        raise UntranslatableError(
            f"the search of {document.sql()} has no counterpart: it is not about one table's columns"
        )
    (owner,) = owners
    table = _table_of(node, owner)
    if isinstance(bare(document), exp.Column):
        name = f"{table}.{bare(document).name}"
    else:
        name = _name_of(table, tuple(dict.fromkeys(column.name for column in columns)))
    here = exp.to_identifier(name, quoted=True)
    match = exp.Match(this=exp.Column(this=here), expression=_asked(query.expressions[-1], form))
    found = exp.select("rowid").from_(exp.Table(this=here.copy())).where(match)
    rowid = exp.column("rowid", table=owner or None)
    return exp.In(this=rowid, query=found.subquery())


def _asked(value: exp.Expr, form: tuple[str, str]) -> exp.Expr:
    """The query in FTS5's words, from a literal or a parameter."""
    if is_text(value):
        words = value.name.replace('"', " ")
        parts = words.split() if form is _WORDS else [words]
        return exp.Literal.string(" ".join(f'"{part}"' for part in parts))
    made = sqlglot.parse_one(f"({form[0]}:asked{form[1]})", dialect="sqlite")
    for place in list(made.find_all(exp.Placeholder)):
        place.replace(value.copy())
    return made


def _table_of(node: exp.Expr, owner: str) -> str:
    """The table that a column's owner names in the statement around it; "" is that of the only one."""
    scope = node.find_ancestor(exp.Select, exp.Update, exp.Delete)
    holders = [scope.args.get("from_"), scope.args.get("this"), *(scope.args.get("joins") or [])] if scope else []
    tables = [item.this if not isinstance(item, exp.Table) else item for item in holders if item is not None]
    known = {table.alias_or_name: table for table in tables if isinstance(table, exp.Table)}
    table = known.get(owner) if owner else next(iter(known.values()), None) if len(known) == 1 else None
    if table is None:
        raise UntranslatableError("the search has no counterpart: it does not say which table its column is of")
    return table_key(table)


def condition(found: FullText, owner: str) -> tuple[str, str]:
    """What stands before and behind the value that is looked for; `owner` is "" or an alias and a dot."""
    name = quoted(found.name)
    return f"{owner}{found.rowid} IN (SELECT rowid FROM {name} WHERE {name} MATCH {_WORDS[0]}", f"{_WORDS[1]})"


# Those that are there -------------------------------------------------------------------------------------------------


def read_full_text(connection: sqlite3.Connection) -> list[tuple[FullText, str]]:
    """The full-text tables over other tables of a database, each with the text that made it."""
    rows = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql LIKE 'CREATE VIRTUAL%'")
    found = ((_read(str(name), str(sql)), str(sql)) for name, sql in rows.fetchall())
    return [(item, sql) for item, sql in found if item is not None]


def _read(name: str, sql: str) -> FullText | None:
    """None for a virtual table of another kind, or one that keeps its own text."""
    module, arguments = table_arguments(sql)
    if module.lower() != METHOD:
        return None
    options = {key.strip().lower(): unquoted(value.strip()) for key, _, value in (a.partition("=") for a in arguments)}
    if not options.get("content"):
        return None
    columns = tuple(
        unquoted(argument.split()[0])
        for argument in arguments
        if "=" not in argument and not argument.upper().endswith("UNINDEXED")
    )
    tokenizer, rowid = options.get("tokenize", _PLAIN), options.get("content_rowid", "rowid")
    return FullText(name, options["content"], columns, tokenizer, rowid)


def rebuilding(name: str) -> str:
    """The statement that fills it from the rows that are there, whatever it held."""
    return f"INSERT INTO {quoted(name)} ({quoted(name)}) VALUES ('rebuild')"


def dropping(table: Table, name: str) -> tuple[str, ...]:
    """The statements that remove it with the triggers of its table that keep it."""
    triggers = [trigger.name for trigger in table.triggers if name in trigger.definition]
    return (*(f"DROP TRIGGER {quoted(trigger)}" for trigger in triggers), f"DROP TABLE {quoted(name)}")


def in_schema(schema: Schema, *, native: bool) -> dict[str, list[FullText]]:
    """By table, the full-text tables that a schema has here."""
    found: dict[str, list[FullText]] = {}
    for table in schema:
        for index in table.indexes:
            made = _of_index(index) if native else full_text_of(table, index, schema.dialect)
            if made is not None:
                found.setdefault(table.key, []).append(made)
    return found


def _of_index(index: Index) -> FullText | None:
    return _read(index.name, index.definition) if index.method == METHOD else None
