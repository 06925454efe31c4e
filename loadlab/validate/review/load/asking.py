"""Rules on what is asked, and how often: one query for each row, columns that nobody named."""

from __future__ import annotations

import re
from collections import defaultdict

from loadlab.spec.statement import Statement, shortened
from loadlab.units import format_count
from loadlab.validate.review.model import Examined, Finding, ReviewFacts, Rule, Severity, skipped
from loadlab.validate.review.plans.reading import share_in_words
from loadlab.validate.review.plans.sources import INDEX_ONLY_SCANS
from loadlab.validate.wording import names

_READS_MAX = 5.0
_WRITES_MAX = 10.0
_TEXT_MAX = 200
_LITERAL = re.compile(r"'(?:[^']|'')*'|\b\d+(?:\.\d+)?\b|:\w+")
_SPACE = re.compile(r"\s+")
# What is in quotes, comments or parentheses is not the outermost list of columns.
_HIDDEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/""", re.DOTALL)
_PARENTHESES = re.compile(r"\([^()]*\)")
_STAR = re.compile(
    r"^\s*(?:with\b[^;]*?\bx\s+)?select\s+(?:all\s+|distinct\s+)?(?:[^;]*?,\s*)?(?:\w+\s*\.\s*)?\*(?=\s*(?:,|\bfrom\b|$))",
    re.IGNORECASE | re.DOTALL,
)


# -- a query for each row ------------------------------------------------------------------------------------------


def _examine_repetition(facts: ReviewFacts) -> Examined:
    rates = _per_iteration(facts)
    if not rates:
        return skipped("statements", "no operation of several statements was seen to run")
    by_shape: dict[tuple[str, str], list[str]] = defaultdict(list)
    for key in rates:
        by_shape[key.rpartition("/")[0], shape_of(facts.statements[key])].append(key)
    found = [
        _repetition_finding(facts, operation, keys, sum(rates[key] for key in keys))
        for (operation, _), keys in by_shape.items()
        if sum(rates[key] for key in keys) >= _limit(facts.statements[keys[0]])
    ]
    return Examined(len(rates), "statements", tuple(found))


def _limit(statement: Statement) -> float:
    return _WRITES_MAX if statement.is_write else _READS_MAX


def _per_iteration(facts: ReviewFacts) -> dict[str, float]:
    """How often each statement of a flow or a transaction is executed in one run of it."""
    rates: dict[str, float] = {}
    for key in facts.statements:
        operation, slash, _ = key.rpartition("/")
        runs = (facts.iterations or {}).get(operation, 0)
        plans = (facts.plans or {}).get(key)
        if slash and runs and facts.executions is not None:
            rates[key] = facts.executions.get(key, 0) / runs
        elif slash and plans is not None and plans.per_iteration is not None:
            rates[key] = plans.per_iteration
    return rates


def shape_of(statement: Statement) -> str:
    """The text without the values in it: statements of one shape are the same question about another row."""
    return _SPACE.sub(" ", _LITERAL.sub("?", str(statement))).strip().lower()


def _repetition_finding(facts: ReviewFacts, operation: str, keys: list[str], rate: float) -> Finding:
    is_write = facts.statements[keys[0]].is_write
    text = shortened(str(facts.statements[keys[0]]), _TEXT_MAX)
    what = "writes its rows one by one" if is_write else "asks for its rows one by one"
    remedy = (
        "Write them in one statement: INSERT … VALUES (…), (…), or … SELECT FROM unnest(…) of arrays."
        if is_write
        else "Ask once: join, or WHERE key = ANY (:keys) with all of them; an ORM calls it eager loading."
    )
    return Finding(
        rule=N_PLUS_ONE_RULE.id,
        severity=Severity.WARNING,
        subject=operation,
        what=f"{operation} {what}: the same statement {format_count(rate)} times in each run.",
        evidence=(f"{names(keys)}: {rate:,.1f} executions in one run of {operation}", text),
        why=f"Each is a round trip of its own, and they grow with the rows. {share_in_words(facts, tuple(keys))}",
        remedy=remedy,
        load_share=facts.load_share(keys),
    )


N_PLUS_ONE_RULE = Rule(
    "n-plus-one",
    "load",
    "One query for each row of another",
    "A loop around a query (“N+1”) pays the round trip for every row. Statements that differ only in their values "
    f"count as one; up to {_READS_MAX:.0f} reads or {_WRITES_MAX:.0f} writes in a run are let pass.",
    "M. Winand, Use The Index, Luke, “Nested Loops” (the N+1 selects problem); M. Fowler, Patterns of Enterprise "
    "Application Architecture, Lazy Load (ripple loading)",
    _examine_repetition,
)


# -- columns that nobody named -------------------------------------------------------------------------------------


def _examine_stars(facts: ReviewFacts) -> Examined:
    if not facts.statements:
        return skipped("statements", facts.why_missing("statements"))
    found = [_star_finding(facts, key) for key, text in facts.statements.items() if selects_star(str(text))]
    return Examined(len(facts.statements), "statements", tuple(found))


def selects_star(text: str) -> bool:
    """Whether the outermost SELECT returns every column of a table."""
    plain, inner = _HIDDEN.sub("x", text), ""
    while plain != inner:  # From the innermost parentheses outwards.
        inner, plain = plain, _PARENTHESES.sub(" x ", plain)
    return _STAR.search(plain) is not None


def _star_finding(facts: ReviewFacts, key: str) -> Finding:
    tables = [table for table in facts.schema if re.search(rf"\b{re.escape(table.name)}\b", str(facts.statements[key]))]
    columns = [f"{table.key} ({', '.join(table.column_names)})" for table in tables]
    return Finding(
        rule=SELECT_STAR_RULE.id,
        severity=Severity.NOTE,
        subject=key,
        what=f"{key} asks for every column.",
        evidence=(shortened(str(facts.statements[key]), _TEXT_MAX),),
        why="Columns that nobody uses are read, sent and decoded, no index alone can answer, and a new column breaks "
        f"what counts them. {share_in_words(facts, (key,))}",
        remedy=f"Name those that are used{' of ' + names(columns) if columns else ''}.",
        load_share=facts.load_share((key,)),
    )


SELECT_STAR_RULE = Rule(
    "select-star",
    "load",
    "SELECT *",
    "What is not named is still read and sent, values that are stored out of line included, and keeps index-only scans "
    "from being possible. count(*) and EXISTS (SELECT * …) are no such thing.",
    INDEX_ONLY_SCANS,
    _examine_stars,
)
