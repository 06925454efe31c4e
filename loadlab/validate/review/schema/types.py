"""Types that do not fit what a column holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from sqlglot import exp

from loadlab.engines.abilities import NewType
from loadlab.schema.details import Feature
from loadlab.schema.meaning import meaning_of, words_of
from loadlab.schema.meaning_rules import RATE_OF_PAY
from loadlab.schema.model import Column, Table
from loadlab.units import format_share
from loadlab.validate.review import sources
from loadlab.validate.review.model import Examined, Finding, ReviewFacts, Rule, Severity, skipped
from loadlab.validate.review.touching import parsed, share_of, statements_on
from loadlab.validate.review.words import columns_of, listed
from loadlab.validate.wording import counted

# It is a habit, not a decision, where most texts of a schema have it; below these nobody can tell.
HABIT_SHARE = 0.5
HABIT_COLUMNS = 6
HABIT_LENGTH = 255

_NOT_MONEY = re.compile(
    r"\b(distance|duration|time|hours|minutes|seconds|ms|weight|kg|grams|score|points|percent|pct|percentage|"
    r"rate|ratio|"
    r"share|energy|kwh|water|volume|area|length|calories|tokens|cpu|memory|bytes|count|km|miles|meters|metres|"
    r"temperature)\b"
)
_RATE_OF_PAY = re.compile(RATE_OF_PAY)
_LOCAL = re.compile(r"\b(local|wall)\b")
# Lists of what happened, which get longer with every event of the row's life.
_ENDLESS = re.compile(
    r"\b(events?|history|log|logs|activity|activities|comments|messages|revisions|changes log|audit trail|"
    r"notifications|visits|"
    r"logins|transactions|entries|readings|measurements)$"
)
_APPENDING = {"ARRAY_APPEND", "ARRAY_PREPEND", "ARRAY_CAT", "JSONB_INSERT", "JSON_INSERT", "JSON_ARRAY_APPEND"}


def _lacks(facts: ReviewFacts, feature: Feature) -> str:
    """Why a rule has nothing to say on this engine; "" where it has."""
    if facts.details is None:
        return facts.why_missing("details")
    return "" if feature in facts.details.features else "the engine has no such type"


def _varchar(facts: ReviewFacts) -> Examined:
    if reason := _lacks(facts, "lengths"):
        return skipped("columns of text", reason)
    texts = columns_of(facts.schema, "text")
    habitual = [(table, column) for table, column in texts if column.type.length == HABIT_LENGTH]
    if len(habitual) < HABIT_COLUMNS or len(habitual) <= HABIT_SHARE * len(texts):
        return Examined(len(texts), "columns of text")
    names = [f"{table.key}.{column.name}" for table, column in habitual]
    finding = Finding(
        rule="varchar-255",
        severity=Severity.NOTE,
        subject="schema",
        what=f"Most texts are varchar({HABIT_LENGTH}), whatever they hold.",
        evidence=(
            f"{counted(len(habitual), 'column')} of {len(texts)} ({format_share(len(habitual) / len(texts))})",
            listed(names),
        ),
        why="The limit says nothing about the values, so it neither protects nor documents: one that is meant is told"
        " from one that is not only where the others are gone.",
        remedy="text where there is no limit, a limit that means something (a CHECK or a length) where there is one.",
        sql=_changed(facts, habitual, "text"),
        load_share=share_of(facts, *{table.key: table for table, _ in habitual}.values()),
    )
    return Examined(len(texts), "columns of text", (finding,))


def _changed(facts: ReviewFacts, places: list[tuple[Table, Column]], to: NewType) -> tuple[str, ...]:
    if facts.remedies is None:
        return ()
    return tuple(sql for table, column in places for sql in facts.remedies.change_type(table, column.name, to))


def _money(facts: ReviewFacts) -> Examined:
    if reason := _lacks(facts, "exact decimals"):
        return skipped("numbers", reason)
    numbers = columns_of(facts.schema, "integer", "numeric", "float")
    floats = [(t, c) for t, c in numbers if c.type.kind == "float" and _is_money(t, c)]
    return Examined(len(numbers), "numbers", tuple(_as_float(facts, table, column) for table, column in floats))


def _is_money(table: Table, column: Column) -> bool:
    words = words_of(column.name)
    is_other = _NOT_MONEY.search(words) is not None and not _RATE_OF_PAY.search(words)
    return meaning_of(table, column) in ("money", "small_money") and not is_other


def _as_float(facts: ReviewFacts, table: Table, column: Column) -> Finding:
    return Finding(
        rule="money-as-float",
        severity=Severity.ERROR,
        subject=f"{table.key}.{column.name}",
        what=f"{table.key}.{column.name} keeps money in binary floating point.",
        evidence=(f"{column.name} {column.type.native}",),
        why="0.1 has no exact binary form: sums are off by cents, differently with every order of adding, and"
        " comparisons for equality fail.",
        remedy="An exact decimal, or a whole number of the smallest unit.",
        sql=_changed(facts, [(table, column)], "decimal"),
        load_share=share_of(facts, table),
    )


def _zone(facts: ReviewFacts) -> Examined:
    if reason := _lacks(facts, "time zones"):
        return skipped("timestamps", reason)
    times = [(t, c) for t, c in columns_of(facts.schema, "timestamp") if not _LOCAL.search(words_of(c.name))]
    bare = [(table, column) for table, column in times if not column.type.timezone]
    groups: dict[str, list[tuple[Table, Column]]] = {}
    for table, column in bare:
        # Where no moment of the schema has a zone it is one decision, and one finding.
        groups.setdefault("schema" if len(bare) == len(times) else table.key, []).append((table, column))
    found = [_zoneless(facts, subject, places, mixed=len(bare) < len(times)) for subject, places in groups.items()]
    return Examined(len(times), "timestamps", tuple(found))


def _zoneless(facts: ReviewFacts, subject: str, places: list[tuple[Table, Column]], *, mixed: bool) -> Finding:
    names = [f"{table.key}.{column.name}" for table, column in places]
    others = "other columns of the schema know theirs" if mixed else "no timestamp of the schema does"
    return Finding(
        rule="timestamp-without-time-zone",
        severity=Severity.WARNING,
        subject=subject,
        what=f"{counted(len(places), 'timestamp')} without a time zone: {listed(names)}.",
        evidence=(f"{places[0][1].name} {places[0][1].type.native}", others),
        why="Which moment is meant depends on who reads it: clients with other zones, or the change to summer"
        " time, read"
        " another one, and comparisons with now() shift by hours.",
        remedy="timestamptz stores the moment itself; the statements take what is there for UTC: say another zone if it"
        " is one.",
        sql=_changed(facts, places, "moment"),
        load_share=share_of(facts, *{table.key: table for table, _ in places}.values()),
    )


def _unbounded(facts: ReviewFacts) -> Examined:
    lists = columns_of(facts.schema, "array", "json")
    found = []
    for table, column in lists:
        appending = _appending(facts, table, column)
        is_endless = _ENDLESS.search(words_of(column.name)) is not None and column.generated is None
        if appending or is_endless:
            found.append(_growing(facts, table, column, appending))
    return Examined(len(lists), "arrays and documents", tuple(found))


def _growing(facts: ReviewFacts, table: Table, column: Column, appending: tuple[str, ...]) -> Finding:
    kind = "array" if column.type.kind == "array" else "document"
    evidence = f"appended to by {listed(appending)}" if appending else f"{column.name} names a list of what happened"
    return Finding(
        rule="unbounded-growth",
        severity=Severity.WARNING if appending else Severity.NOTE,
        subject=f"{table.key}.{column.name}",
        what=f"The {kind} {table.key}.{column.name} grows with every event of its row.",
        evidence=(f"{column.name} {column.type.native}", evidence),
        why="Each addition writes the whole value anew, so that its cost grows with its length, and past 2 kB it is"
        " stored in pieces beside the table.",
        remedy=f"A table of its own with one row an item, referring to {table.key}.",
        load_share=facts.load_share(appending) if appending else share_of(facts, table),
    )


def _appending(facts: ReviewFacts, table: Table, column: Column) -> tuple[str, ...]:
    """The statements that make the column longer."""
    return tuple(
        key
        for key in statements_on(facts, table, how="updated")
        if any(_appends(value, column) for value in _new_values(facts, key, column.name))
    )


def _new_values(facts: ReviewFacts, key: str, column: str) -> Iterator[exp.Expr]:
    statement = facts.statements[key]
    for tree in parsed(str(statement), statement.dialect or facts.schema.dialect):
        for update in tree.find_all(exp.Update):
            for item in update.expressions:
                if isinstance(item, exp.EQ) and item.this.name.lower() == column.lower():
                    yield item.expression


def _appends(value: exp.Expr, column: Column) -> bool:
    """Whether the new value is the old one and more.

    `||` on a document replaces the values of keys that it has; only a list becomes longer.
    """
    if not any(item.name.lower() == column.name.lower() for item in value.find_all(exp.Column)):
        return False
    is_list = column.type.kind == "array" or "[" in (column.default or "")
    joins = is_list and value.find(exp.DPipe) is not None
    return joins or any(_function(item) in _APPENDING for item in value.find_all(exp.Func))


def _function(item: exp.Func) -> str:
    return (item.name if isinstance(item, exp.Anonymous) else item.sql_name()).upper()


def _rule(id: str, title: str, why: str, source: str, examine: Callable[[ReviewFacts], Examined]) -> Rule:
    return Rule(id, "schema", title, why, source, examine)


TYPE_RULES = (
    _rule(
        "varchar-255",
        f"varchar({HABIT_LENGTH}) everywhere",
        f"Said when more than {HABIT_SHARE:.0%} of the texts, and at least {HABIT_COLUMNS}, have that length:"
        " then it is"
        " a habit, and means nothing.",
        f"Anti-pattern “VARCHAR(255) everywhere”; {sources.TEXT_LENGTHS}",
        _varchar,
    ),
    _rule(
        "money-as-float",
        "Money in floating point",
        "Binary fractions cannot hold decimal ones: sums are wrong by cents. What is money is read from the name.",
        f"Checklist “Appropriate data types”; {sources.FLOATING_POINT}",
        _money,
    ),
    _rule(
        "timestamp-without-time-zone",
        "Timestamps without a time zone",
        "They say no moment. Columns named as local time are left out; where no timestamp of a schema has a zone, it is"
        " one finding.",
        f"Checklist “Appropriate data types”; {sources.TIME_ZONES}",
        _zone,
    ),
    _rule(
        "unbounded-growth",
        "Arrays and documents that grow without end",
        "Each addition rewrites the whole value. Said of a column that the load's UPDATEs append to, and as a"
        " note of one"
        " that is named as a list of events.",
        f"Checklist “Avoid unbounded array growth”; {sources.LONG_VALUES}",
        _unbounded,
    ),
)
