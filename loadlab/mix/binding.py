"""Statements that a server recorded without their values, bound to columns of the data set.

A recorded text has `$1`, `$2`, … where values stood. Each is bound by what it stands beside: a column that it is
compared with, that it is inserted into or assigned to; a limit, an offset or a constant of a function becomes a
constant again. What a parameter cannot be told from is a reason to leave the statement out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from loadlab.mix.facts import TableFacts
from loadlab.schema.checks import parser_dialect

LIST_VALUES = 5
"""How many values stand for a list whose length was not recorded."""
_NUMBERED = re.compile(
    r"""'(?:[^']|'')*' | "(?:[^"]|"")*" | --[^\n]* | /\*.*?\*/ | (?P<interval>\binterval\s+)?\$(?P<number>\d+)""",
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
# A list that the server has recorded by its first value alone.
_SQUASHED = re.compile(r"\(\s*\$(\d+)\s*/\*, \.\.\. \*/\s*\)")
_NAMED = re.compile(r":p(\d+)\b")
_SQUASHED_NAME = re.compile(r":p\d+_\d")
_READ_OR_WRITE = re.compile(r"\(*\s*(?:select|insert|update|delete|with)\b", re.IGNORECASE)
_GENERATED = re.compile(r"%\((p[\d_]+)\)s")
_COMPARISONS = (
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.Like, exp.ILike, exp.NullSafeEQ, exp.NullSafeNEQ,
)  # fmt: skip
_LOWER_ENDS, _UPPER_ENDS = (exp.GT, exp.GTE), (exp.LT, exp.LTE)
_WRAPPERS = (exp.Paren, exp.Cast, exp.Lower, exp.Upper, exp.Any, exp.Tuple)
_QUERIES = (exp.Select, exp.Update, exp.Delete, exp.Insert)


class UnboundError(Exception):
    """A statement cannot be replayed; the message says why."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A statement with named parameters and their sources, as a scenario's file has them.

    `tables` are those that it reads or writes; `assumed` says what was made up.
    """

    sql: str
    params: Mapping[str, Any]
    tree: exp.Expr
    tables: tuple[str, ...]
    assumed: tuple[str, ...] = ()


def bind(text: str, facts: Mapping[str, TableFacts], dialect: str, *, rows_per_call: float) -> Bound:
    """Raises UnboundError."""
    named = _with_names(text)
    if not _READ_OR_WRITE.match(named):
        raise UnboundError("is no SELECT, INSERT, UPDATE or DELETE")
    try:
        trees = [tree for tree in sqlglot.parse(named, dialect=parser_dialect(dialect)) if tree is not None]
    except SqlglotError:
        raise UnboundError("cannot be read; the server may have cut it off") from None
    if len(trees) != 1 or trees[0].find(*_QUERIES) is None:
        raise UnboundError("is no SELECT, INSERT, UPDATE or DELETE")
    return _Binder(named, trees[0], facts, dialect, rows_per_call).bound()


def _with_names(text: str) -> str:
    """`$1` as `:p1`; `interval $1`, which no server would take, as a cast."""

    def named(match: re.Match[str]) -> str:
        if match["number"] is None:
            return "" if match[0].startswith(("--", "/*")) else match[0]
        name = f":p{match['number']}"
        return f"CAST({name} AS interval)" if match["interval"] else name

    return _NUMBERED.sub(named, _SQUASHED.sub(_listed, text)).strip().rstrip(";")


def _listed(match: re.Match[str]) -> str:
    return f"({', '.join(f':p{match[1]}_{number}' for number in range(1, LIST_VALUES + 1))})"


@dataclass
class _Binder:
    text: str
    tree: exp.Expr
    facts: Mapping[str, TableFacts]
    dialect: str
    rows_per_call: float
    params: dict[str, Any] = field(default_factory=dict)
    literals: dict[str, str] = field(default_factory=dict)
    assumed: list[str] = field(default_factory=list)
    rewritten: bool = False
    used: dict[tuple[str, str], int] = field(default_factory=dict)

    def bound(self) -> Bound:
        self.defined = {alias.alias for alias in self.tree.find_all(exp.CTE)}
        if _SQUASHED_NAME.search(self.text):
            self.assumed.append(f"a list has {LIST_VALUES} values")
        tables = self._tables()
        for node in list(self.tree.find_all(exp.Placeholder)):
            # A part that was rewritten is no longer in the tree.
            if node.name not in self.params and node.name not in self.literals and self._is_there(node):
                self._bind(node)
        self._order_ends()
        for name, value in self.literals.items():
            for node in [item for item in self.tree.find_all(exp.Placeholder) if item.name == name]:
                node.replace(sqlglot.parse_one(value, dialect=parser_dialect(self.dialect)))
        sql = self._generated() if self.rewritten else self._replaced()
        used = (name for name in sorted(self.params, key=_place) if re.search(rf":{name}\b", sql))
        params = {name: self.params[name] for name in used}
        return Bound(" ".join(sql.split()), params, self.tree, tables, tuple(dict.fromkeys(self.assumed)))

    def _generated(self) -> str:
        """Drivers' placeholders are how sqlglot writes names."""
        return _GENERATED.sub(r":\1", self.tree.sql(dialect=parser_dialect(self.dialect)))

    def _replaced(self) -> str:
        return _NAMED.sub(lambda match: self.literals.get(f"p{match[1]}", match[0]), self.text)

    def _is_there(self, node: exp.Expr) -> bool:
        top: exp.Expr = node
        while top.parent is not None:
            top = top.parent
        return top is self.tree

    # Tables and columns ---------------------------------------------------------------------------------------------

    def _tables(self) -> tuple[str, ...]:
        found = []
        for node in self.tree.find_all(exp.Table):
            if node.name in self.defined and not node.db:
                continue
            facts = self._facts(node)
            if facts is None:
                shown = f"{node.db}.{node.name}" if node.db else node.name
                raise UnboundError(f"asks {shown or 'a function'}, which is no table of the schema")
            found.append(facts.key)
        if not found:
            raise UnboundError("asks no table")
        return tuple(dict.fromkeys(found))

    def _facts(self, node: exp.Table) -> TableFacts | None:
        """By its name as the schema has it: of the default namespace's tables the namespace may be written too."""
        names = [f"{node.db}.{node.name}", node.name] if node.db else [node.name]
        for name in names:
            for spelling in (name, name.lower()):
                if spelling in self.facts:
                    return self.facts[spelling]
        return None

    def _column_of(self, node: exp.Column) -> tuple[TableFacts, str, str] | None:
        """(table, column, label of the row) of a column; None when it is computed or of a subquery."""
        name = node.name
        query = node.find_ancestor(*_QUERIES)
        while query is not None:
            sources = self._sources(query)
            if node.table:
                facts = sources.get(node.table)
                if facts is not None:
                    return self._labelled(facts, name, node.table, sources)
            else:
                having = [(alias, facts) for alias, facts in sources.items() if name in facts.table.column_names]
                if having:
                    return self._labelled(having[0][1], name, having[0][0], sources)
            query = query.find_ancestor(*_QUERIES)
        return None

    def _labelled(
        self, facts: TableFacts, name: str, alias: str, sources: Mapping[str, TableFacts]
    ) -> tuple[TableFacts, str, str] | None:
        if name not in facts.table.column_names:
            return None
        several = sum(other.key == facts.key for other in sources.values()) > 1
        return facts, name, alias if several else ""

    def _sources(self, query: exp.Expr) -> dict[str, TableFacts]:
        """The tables of one query by the names that it has for them."""
        result: dict[str, TableFacts] = {}
        nodes = [query.args.get("this"), query.args.get("from_"), query.args.get("using"), *query.args.get("joins", [])]
        for item in nodes:
            for node in item.find_all(exp.Table) if isinstance(item, exp.Expression) else _tables_in(item):
                facts = self._facts(node)
                if facts is not None and node.find_ancestor(*_QUERIES) in (query, None):
                    result[node.alias or node.name] = facts
        return result

    # Parameters -----------------------------------------------------------------------------------------------------

    def _bind(self, node: exp.Placeholder) -> None:
        child: exp.Expr = node
        parent = node.parent
        while parent is not None and not isinstance(parent, (exp.Select, exp.Update, exp.Delete, exp.Insert)):
            if self._bound_by(node, child, parent):
                return
            child, parent = parent, parent.parent
        if isinstance(parent, exp.Select) and child in parent.expressions:
            # `SELECT 1 AS one`: nobody looks at the value.
            self._literal(node, "1")
            return
        raise UnboundError(f"${node.name[1:]} stands beside no column")

    def _bound_by(self, node: exp.Placeholder, child: exp.Expr, parent: exp.Expr) -> bool:
        match parent:
            case exp.Limit():
                self._literal(node, str(max(1, math.ceil(self.rows_per_call))))
                self.assumed.append("the limit is the mean number of rows")
            case exp.Offset():
                self._literal(node, "0")
            case exp.Values():
                self._inserted(node, parent)
            case exp.In() if child is not parent.this:
                self._compared(node, child, parent.this)
            case exp.Between() if child is not parent.this:
                self._compared(node, child, parent.this)
            case exp.Any() if self._compares_any(parent):
                self._listed(node, parent)
            case exp.EQ() if isinstance(parent.parent, (exp.Update, exp.OnConflict)):
                self._assigned(node, child, parent)
            case exp.TimestampTrunc() | exp.DateTrunc():
                self._literal(node, "'day'")
                self.assumed.append("times are cut to days")
            case exp.Coalesce() | exp.If() | exp.Case() | exp.Interval():
                return self._in_a_choice(node, child, parent)
            case exp.Binary() if not isinstance(parent, (exp.And, exp.Or)):
                return self._beside(node, child, parent)
            case exp.MatchAgainst():
                self._searched(node, child, parent)
            case _:
                return False
        return True

    def _beside(self, node: exp.Placeholder, child: exp.Expr, parent: exp.Binary) -> bool:
        other = parent.expression if child is parent.this else parent.this
        if isinstance(parent, _COMPARISONS) or not isinstance(parent, (exp.Add, exp.Sub, exp.Mul, exp.Div, exp.DPipe)):
            self._compared(node, child, other)
            return True
        if other.find(exp.Column) is not None and isinstance(parent, (exp.Add, exp.Sub, exp.Mul, exp.Div)):
            self._literal(node, "1")
            self.assumed.append("what is added is 1")
            return True
        return False  # A time before now: what it is compared with tells.

    def _in_a_choice(self, node: exp.Placeholder, child: exp.Expr, parent: exp.Expr) -> bool:
        if isinstance(parent, exp.Coalesce):
            kind = self._kind(parent)
            self._literal(node, "0" if kind in ("integer", "numeric", "float", "") else "''")
            self.assumed.append("a default for NULL is 0, or the empty text")
            return True
        if isinstance(parent, exp.If) and child is not parent.this:
            self._literal(node, "1")
            return True
        if isinstance(parent, exp.Case) and child is parent.args.get("default"):
            self._literal(node, "0")
            return True
        return False

    def _kind(self, node: exp.Expr) -> str:
        column = node.find(exp.Column)
        if node.find(exp.AggFunc) is not None or column is None:
            return ""
        found = self._column_of(column)
        return "" if found is None else found[0].table.column(found[1]).type.kind

    def _compared(self, node: exp.Placeholder, side: exp.Expr, other: exp.Expr) -> None:
        """What stands on the other side of a comparison; of two tuples what stands in the same place."""
        mine, theirs = _unpacked(side), _unpacked(other)
        if isinstance(mine, exp.Tuple) and isinstance(theirs, exp.Tuple):
            place = next(
                (k for k, item in enumerate(mine.expressions) if node in (item, *item.find_all(type(node)))), -1
            )
            if 0 <= place < len(theirs.expressions):
                return self._compared(node, node, theirs.expressions[place])
        column = theirs if isinstance(theirs, exp.Column) else theirs.find(exp.Column)
        found = self._column_of(column) if column is not None else None
        if found is None:
            raise UnboundError(f"${node.name[1:]} is compared with {other.sql()[:40]}, which is no column")
        facts, name, label = found
        self.params[node.name] = self._source(facts, name, label)
        if side is not node and not _is_wrapped(side, node):
            # `now() - interval`: the whole side is a moment as the column has it.
            side.replace(exp.Placeholder(this=node.name))
            self.rewritten = True
            for lost in side.find_all(exp.Placeholder):
                if lost.name != node.name:
                    self.literals.setdefault(lost.name, "0")
        return None

    def _source(self, facts: TableFacts, name: str, label: str) -> dict[str, Any]:
        if facts.table.column(name).generated is not None:
            raise UnboundError(f"is compared with {facts.key}.{name}, which the server computes")
        # The same column a second time means another row, as in a list.
        count = self.used[facts.key, f"{label}.{name}"] = self.used.get((facts.key, f"{label}.{name}"), 0) + 1
        rows = [label, str(count)] if count > 1 else [label]
        row = " ".join(part for part in rows if part)
        return {"column": f"{facts.key}.{name}"} | ({"row": row} if row else {})

    # Lists, searches, rows that are written -------------------------------------------------------------------------

    @staticmethod
    def _compares_any(node: exp.Any) -> bool:
        return isinstance(node.parent, _COMPARISONS)

    def _listed(self, node: exp.Placeholder, parent: exp.Any) -> None:
        """`= ANY ($1)`: the length of the list was not recorded."""
        comparison = parent.parent
        assert comparison is not None
        column = comparison.this if comparison.expression is parent else comparison.expression
        found = self._column_of(column) if isinstance(column, exp.Column) else None
        if found is None:
            raise UnboundError(f"${node.name[1:]} is a list that is compared with no column")
        names = [f"{node.name}_{number}" for number in range(1, LIST_VALUES + 1)]
        for name in names:
            self.params[name] = self._source(*found)
        items = [exp.Placeholder(this=name) for name in names]
        new: exp.Expr = exp.In(this=column.copy(), expressions=items)
        if isinstance(comparison, exp.NEQ):
            new = exp.Not(this=new)
        comparison.replace(new)
        self.literals[node.name] = "0"
        self.rewritten = True
        self.assumed.append(f"a list has {LIST_VALUES} values")

    def _searched(self, node: exp.Placeholder, child: exp.Expr, parent: exp.MatchAgainst) -> None:
        raise UnboundError(f"${node.name[1:]} is a search, whose words are not recorded")

    def _inserted(self, node: exp.Placeholder, values: exp.Values) -> None:
        insert = values.find_ancestor(exp.Insert)
        schema = insert.this if insert is not None else None
        table = schema.find(exp.Table) if schema is not None else None
        facts = self._facts(table) if table is not None else None
        row = node.find_ancestor(exp.Tuple)
        if facts is None or row is None or values.parent is not insert:
            raise UnboundError(f"${node.name[1:]} stands in a list of values of no table")
        names = [item.name for item in schema.expressions] if isinstance(schema, exp.Schema) else None
        names = names or [column.name for column in facts.table.stored_columns]
        place = next(k for k, item in enumerate(row.expressions) if node in (item, *item.find_all(exp.Placeholder)))
        number = values.expressions.index(row)
        if place >= len(names) or names[place] not in facts.table.column_names:
            raise UnboundError(f"${node.name[1:]} is inserted into no column of {facts.key}")
        own = {item for key in facts.table.foreign_keys if key.target == facts.key for item in key.columns}
        if names[place] in own and facts.is_nullable(names[place]):
            # It would refer to another new row of the table, which may not be there.
            self.params[node.name] = {"value": None}
            return
        label = {"row": f"new {number + 1}"} if number else {"row": "new"}
        self.params[node.name] = {"column": f"{facts.key}.{names[place]}", "pick": "new"} | label

    def _assigned(self, node: exp.Placeholder, child: exp.Expr, parent: exp.EQ) -> None:
        query = parent.find_ancestor(exp.Update, exp.Insert)
        found = self._target(query, parent.this.name) if isinstance(parent.this, exp.Column) else None
        if child is parent.this or found is None:
            raise UnboundError(f"${node.name[1:]} is assigned to no column")
        facts, name = found
        if facts.is_free(name):
            self.params[node.name] = {"column": f"{facts.key}.{name}", "row": "set"}
        else:
            # Tied to other columns or unique: the row keeps what it has.
            self.params[node.name] = {"column": f"{facts.key}.{name}"}
            self.assumed.append(f"{name}, which a key or a CHECK ties to others, is set to what it is")

    def _target(self, query: exp.Expr | None, name: str) -> tuple[TableFacts, str] | None:
        table = query.this.find(exp.Table) if query is not None and query.this is not None else None
        facts = self._facts(table) if table is not None else None
        return None if facts is None or name not in facts.table.column_names else (facts, name)

    # Constants and spans --------------------------------------------------------------------------------------------

    def _literal(self, node: exp.Placeholder, text: str) -> None:
        self.literals[node.name] = text

    def _order_ends(self) -> None:
        """Both ends of a span come from rows of their own; the lower one has to be the lower one."""
        for low, high in _spans(self.tree):
            if low.name in self.params and high.name in self.params:
                first, second = self._typed(low.name), self._typed(high.name)
                low.replace(exp.Least(this=first, expressions=[second], ignore_nulls=True))
                high.replace(exp.Greatest(this=first.copy(), expressions=[second.copy()], ignore_nulls=True))
                self.rewritten = True

    def _typed(self, name: str) -> exp.Expr:
        """A parameter with its column's type, which a function's argument does not tell."""
        table, _, column = self.params[name]["column"].rpartition(".")
        native = self.facts[table].table.column(column).type.native
        kind = exp.DataType.build(native, dialect=parser_dialect(self.dialect), udt=True)
        return exp.Cast(this=exp.Placeholder(this=name), to=kind)


def _place(name: str) -> tuple[int, ...]:
    """Of a parameter in the text: `p10` comes after `p9_2`."""
    return tuple(int(number) for number in re.findall(r"\d+", name))


def _tables_in(item: object) -> Iterator[exp.Table]:
    for node in item if isinstance(item, list) else ():
        if isinstance(node, exp.Expression):
            yield from node.find_all(exp.Table)


def _unpacked(node: exp.Expr) -> exp.Expr:
    while isinstance(node, (exp.Paren, exp.Cast, exp.Lower, exp.Upper)):
        node = node.this
    return node


def _is_wrapped(side: exp.Expr, node: exp.Expr) -> bool:
    """Whether a side is the parameter within casts, cases and lists: it stays as it is."""
    while node is not side:
        parent = node.parent
        if parent is None or not isinstance(parent, (*_WRAPPERS, exp.Array, exp.Anonymous, exp.DPipe, exp.Distance)):
            return False
        node = parent
    return True


def _spans(tree: exp.Expr) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    """The ends of BETWEEN, and of `>=` with `<` on the same column of one condition."""
    for between in list(tree.find_all(exp.Between)):
        low, high = between.args["low"], between.args["high"]
        if isinstance(low, exp.Placeholder) and isinstance(high, exp.Placeholder):
            yield low, high
    for where in list(tree.find_all(exp.Where)):
        lows: dict[str, exp.Expr] = {}
        highs: dict[str, exp.Expr] = {}
        for node in where.find_all(*_LOWER_ENDS, *_UPPER_ENDS):
            if isinstance(node.this, exp.Column) and isinstance(node.expression, exp.Placeholder):
                (lows if isinstance(node, _LOWER_ENDS) else highs)[node.this.sql()] = node.expression
        for column in lows.keys() & highs.keys():
            yield lows[column], highs[column]
