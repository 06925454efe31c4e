"""What is read from a condition is true: on a real database, a row that fulfils a branch fulfils the condition."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlglot import exp

from loadlab.engines import open_database
from loadlab.schema.checks import (
    Allowed,
    Bound,
    Casing,
    Compared,
    ComparedToExpression,
    Derived,
    Excluded,
    Fact,
    IsNull,
    Length,
    Like,
    Linear,
    Matches,
    Multiple,
    NotNull,
    RangeEnd,
    Reading,
    TreeLevel,
    read_check,
    read_condition,
)

Value = int | str | bool | None
Row = Mapping[str, Value]
NUMBERS, TEXTS, FLAGS = ("a", "b", "level"), ("s", "t"), ("f", "g")
COLUMNS = (*NUMBERS, *TEXTS, *FLAGS)
TABLE = "(a integer, b integer, level integer, s text, t text, f boolean, g boolean)"

columns = st.lists(st.sampled_from(COLUMNS), min_size=1, max_size=4, unique=True).map(", ".join)
number = st.one_of(st.sampled_from(NUMBERS), st.integers(-3, 6).map(str))
word = st.sampled_from(["", "a", "A", "ab", "b ", "aB", "%"])
quoted = word.map(lambda text: f"'{text}'")
text = st.one_of(
    st.sampled_from(TEXTS), quoted, st.sampled_from(TEXTS).map(lambda s: f"lower({s})"),
    st.sampled_from(TEXTS).map(lambda s: f"btrim({s})"), st.sampled_from(TEXTS).map(lambda s: f"coalesce({s}, '')"),
)  # fmt: skip
sign = st.sampled_from(["<", "<=", ">", ">=", "=", "<>", "IS DISTINCT FROM", "IS NOT DISTINCT FROM"])
arithmetic = st.one_of(
    number,
    st.tuples(number, st.sampled_from("+-*"), number).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
    number.map(lambda n: f"abs({n})"),
    st.tuples(st.sampled_from(["greatest", "least"]), number, number).map(lambda p: f"{p[0]}({p[1]}, {p[2]})"),
    st.tuples(number, st.integers(2, 4)).map(lambda p: f"({p[0]} % {p[1]})"),
    st.sampled_from(NUMBERS).map(lambda n: f"coalesce({n}, 0)"),
    st.tuples(st.sampled_from(NUMBERS), number).map(lambda p: f"nullif({p[0]}, {p[1]})"),
    columns.map(lambda c: f"num_nonnulls({c})"),
    columns.map(lambda c: f"num_nulls({c})"),
    st.sampled_from(TEXTS).map(lambda s: f"char_length({s})"),
    st.sampled_from(TEXTS).map(lambda s: f"length(btrim({s}))"),
)  # fmt: skip
numbers = st.lists(st.integers(-3, 6).map(str), min_size=1, max_size=3).map(", ".join)
words = st.lists(st.one_of(quoted, st.just("NULL")), min_size=1, max_size=3).map(", ".join)
pattern = st.sampled_from(["'a%'", "'%b%'", "'_'", "'A_'"])
atom = st.one_of(
    st.tuples(arithmetic, sign, arithmetic).map(" ".join),
    st.tuples(text, sign, text).map(" ".join),
    st.sampled_from(FLAGS),
    st.sampled_from(COLUMNS).map(lambda c: f"{c} IS NULL"),
    st.sampled_from(COLUMNS).map(lambda c: f"{c} IS NOT NULL"),
    st.tuples(number, st.sampled_from(["BETWEEN", "NOT BETWEEN", "BETWEEN SYMMETRIC"]), number, number).map(
        lambda p: f"{p[0]} {p[1]} {p[2]} AND {p[3]}"
    ),
    st.tuples(number, st.sampled_from(["IN", "NOT IN"]), numbers).map(lambda p: f"{p[0]} {p[1]} ({p[2]})"),
    st.tuples(text, st.sampled_from(["= ANY", "<> ALL"]), words).map(lambda p: f"{p[0]} {p[1]} (ARRAY[{p[2]}])"),
    st.tuples(text, st.sampled_from(["LIKE", "NOT LIKE", "ILIKE"]), pattern).map(" ".join),
    st.tuples(text, st.sampled_from(["~", "!~", "~*"]), st.sampled_from(["'^a'", "'b$'", "'^[ab]+$'"])).map(" ".join),
    st.sampled_from(["(a, b) = (1, 2)", "(a, b) < (b, level)", "(a, s) IS NOT NULL", "true", "1 = 2"]),
)  # fmt: skip


def _combined(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    two = st.tuples(inner, inner)
    return st.one_of(
        two.map(lambda p: f"({p[0]} AND {p[1]})"),
        two.map(lambda p: f"({p[0]} OR {p[1]})"),
        inner.map(lambda x: f"(NOT ({x}))"),
        two.map(lambda p: f"(({p[0]}) = ({p[1]}))"),
        two.map(lambda p: f"(({p[0]}) <> ({p[1]}))"),
        two.map(lambda p: f"(({p[0]}) IS NOT DISTINCT FROM ({p[1]}))"),
        st.tuples(inner, st.sampled_from(["TRUE", "NOT TRUE", "FALSE", "NOT FALSE", "UNKNOWN", "NOT UNKNOWN"])).map(
            lambda p: f"(({p[0]}) IS {p[1]})"
        ),
        st.tuples(inner, inner, inner).map(lambda p: f"(CASE WHEN {p[0]} THEN {p[1]} ELSE {p[2]} END)"),
        two.map(lambda p: f"(CASE WHEN {p[0]} THEN {p[1]} END)"),
        inner.map(lambda x: f"coalesce({x}, true)"),
        two.map(lambda p: f"((({p[0]})::int + ({p[1]})::int) = 1)"),
    )


condition = st.recursive(atom, _combined, max_leaves=5)
small = st.one_of(st.none(), st.integers(-2, 4))
row = st.fixed_dictionaries(
    {**dict.fromkeys(NUMBERS, small), **dict.fromkeys(TEXTS, st.one_of(st.none(), word)),
     **dict.fromkeys(FLAGS, st.sampled_from([None, True, False]))}
)  # fmt: skip


@pytest.fixture(scope="module")
def connection() -> Iterator[psycopg.Connection]:
    with open_database("embedded:") as engine, psycopg.connect(engine.url, autocommit=True) as opened:
        yield opened


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(condition=condition, rows=st.lists(row, min_size=12, max_size=24))
def test_a_row_of_a_branch_is_never_refused(
    connection: psycopg.Connection, condition: str, rows: list[dict[str, Value]]
) -> None:
    printed, outcomes = _asked(connection, condition, rows)
    for form in (condition, printed):
        check, inside = read_check(form, "postgresql"), read_condition(form, "postgresql")
        outside = read_condition(form, "postgresql", holds=False)
        for its_row, outcome in zip(rows, outcomes, strict=True):
            assert outcome is not False or not _fulfils(its_row, check), (form, check, its_row)
            assert outcome is True or not _fulfils(its_row, inside), (form, inside, its_row)
            assert outcome is not True or not _fulfils(its_row, outside), (form, outside, its_row)


def _asked(
    connection: psycopg.Connection, condition: str, rows: list[dict[str, Value]]
) -> tuple[str, list[bool | None]]:
    """The server's spelling of the condition, and its value for each row."""
    with connection.transaction(force_rollback=True):
        connection.execute(f"CREATE TABLE sample {TABLE}")
        with connection.cursor() as cursor:
            cursor.executemany(f"INSERT INTO sample VALUES ({', '.join(['%s'] * len(COLUMNS))})", [
                [its_row[name] for name in COLUMNS] for its_row in rows
            ])  # fmt: skip
        values = connection.execute(f"SELECT {condition} FROM sample ORDER BY ctid").fetchall()
        connection.execute(f"ALTER TABLE sample ADD CONSTRAINT printed CHECK ({condition}) NOT VALID")
        found = connection.execute(
            "SELECT pg_get_expr(conbin, conrelid, true) FROM pg_constraint WHERE conname = 'printed'"
        )
        text = found.fetchone()
    assert text is not None
    return text[0], [value for (value,) in values]


def _fulfils(its_row: Row, reading: Reading) -> bool:
    """Whether the row is one of a branch's, where the whole condition was understood."""
    if reading.not_understood:
        return False
    return any(all(_holds(its_row, fact) for fact in branch) for branch in reading.branches)


def _holds(row: Row, fact: Fact) -> bool:
    """The test's own account of what a fact says."""
    if isinstance(fact, IsNull):
        return row[fact.column] is None
    if isinstance(fact, NotNull):
        return row[fact.column] is not None
    if isinstance(fact, TreeLevel):
        level = row[fact.other]
        return level is None or (row[fact.column] is None) == (level == fact.value)
    columns = (fact.column, *fact.columns)
    if any(row[name] is None for name in columns) or isinstance(fact, RangeEnd):
        return True
    return _holds_of_values(row, fact)


def _holds_of_values(row: Row, fact: Fact) -> bool:
    value = row[fact.column]
    if isinstance(fact, Allowed):
        return value in fact.values
    if isinstance(fact, Excluded):
        return value not in fact.values
    if isinstance(fact, Bound):
        return _compares(value, fact.sign, fact.value)
    if isinstance(fact, Compared):
        other = row[fact.other]
        return _compares(value, fact.sign, other + fact.plus if isinstance(other, int) else other)
    if isinstance(fact, Linear):
        total = sum(factor * int(row[name] or 0) for name, factor in fact.terms)
        return _compares(total, fact.sign, fact.constant)
    if isinstance(fact, Derived):
        return value == _computed(fact.expression, row)
    if isinstance(fact, ComparedToExpression):
        return _compares(value, fact.sign, _computed(fact.expression, row))
    if isinstance(fact, Multiple):
        return isinstance(value, int) and (value - fact.remainder) % fact.modulo == 0
    assert isinstance(value, str)
    return _holds_of_text(value, fact)


def _holds_of_text(value: str, fact: Fact) -> bool:
    if isinstance(fact, Length):
        return _compares(len(value), fact.sign, fact.value)
    if isinstance(fact, Casing):
        return value == {"lower": value.lower(), "upper": value.upper(), "trimmed": value.strip(" ")}[fact.form]
    if isinstance(fact, Matches):
        return (re.search(fact.pattern, value, re.I if fact.ignore_case else 0) is not None) != fact.negated
    assert isinstance(fact, Like), fact
    pattern = "".join({"%": ".*", "_": "."}.get(c, re.escape(c)) for c in fact.pattern)
    return (re.fullmatch(pattern, value, re.I if fact.ignore_case else 0) is not None) != fact.negated


def _compares(left: object, sign: str, right: object) -> bool:
    if isinstance(left, str) and isinstance(right, str) and sign not in ("=", "<>"):
        # In the database's own order ("C" in the embedded server's databases).
        left, right = left.encode(), right.encode()
    outcomes = {"<": left < right, "=": left == right, ">": left > right}  # type: ignore[operator]
    return any(outcomes[part] for part in sign)


def _computed(node: exp.Expr, row: Row) -> object:
    if isinstance(node, exp.Column):
        return row[node.name]
    if isinstance(node, exp.Paren):
        return _computed(node.this, row)
    if isinstance(node, exp.Literal):
        return str(node.this) if node.is_string else int(node.this)
    if isinstance(node, exp.Neg):
        return -_computed(node.this, row)  # type: ignore[operator]
    if isinstance(node, exp.Abs):
        return abs(_computed(node.this, row))  # type: ignore[arg-type]
    if isinstance(node, exp.Mod):
        return _remainder(_computed(node.this, row), _computed(node.expression, row))
    if isinstance(node, (exp.Lower, exp.Trim)):
        inner = str(_computed(node.this, row))
        return inner.lower() if isinstance(node, exp.Lower) else inner.strip(" ")
    left, right = _computed(node.this, row), _computed(node.expression, row)
    assert isinstance(left, int), node
    assert isinstance(right, int), node
    operations = {exp.Add: left + right, exp.Sub: left - right, exp.Mul: left * right}
    return operations[type(node)]


def _remainder(left: object, right: object) -> int:
    """With the sign of the dividend, as in SQL."""
    assert isinstance(left, int)
    assert isinstance(right, int)
    return abs(left) % abs(right) * (1 if left >= 0 else -1)


@settings(max_examples=60, deadline=None)
@given(condition=condition)
def test_a_reading_is_bounded_and_the_same_each_time(condition: str) -> None:
    """However the condition is nested."""
    reading = read_check(condition, "postgresql")
    assert len(reading.branches) <= 64
    assert reading == read_check(condition, "postgresql")
