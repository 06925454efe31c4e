"""Names that do not agree with the schema's own way of naming."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence

from loadlab.schema.meaning import meaning_of
from loadlab.schema.model import Table
from loadlab.units import format_share
from loadlab.validate.review.model import Examined, Finding, ReviewFacts, Rule, Severity
from loadlab.validate.review.words import listed
from loadlab.validate.wording import counted

# A style that four fifths of the names have is the schema's own; with fewer names than these there is none.
MAJORITY = 0.8
NAMES_MIN = 5
TABLES_MIN = 4
_STYLED_LENGTH_MIN = 3

_STYLES = (
    ("snake_case", re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")),
    ("camelCase", re.compile(r"[a-z]+[a-z0-9]*([A-Z][a-z0-9]*)+")),
    ("PascalCase", re.compile(r"([A-Z][a-z0-9]+)([A-Z][a-z0-9]*)*")),
    ("UPPER_CASE", re.compile(r"[A-Z][A-Z0-9]*(_[A-Z0-9]+)*")),
)
_NEUTRAL = re.compile(r"[a-z][a-z0-9]*")
_CREATION = re.compile(r"creat|insert", re.IGNORECASE)


def _naming(facts: ReviewFacts) -> Examined:
    tables = list(facts.schema)
    columns = [(f"{table.key}.{name}", name) for table in tables for name in table.column_names]
    findings = (
        *_styles("tables", [(table.key, table.name) for table in tables]),
        *_styles("columns", columns),
        *_moments(tables),
    )
    return Examined(len(tables) + len(columns), "names", findings)


def _style(name: str) -> str:
    """The empty text for a single lower-case word, which is any style, and for what is too short to have one."""
    plain = name.strip("_")
    if len(plain) < _STYLED_LENGTH_MIN or _NEUTRAL.fullmatch(plain):
        return ""
    return next((style for style, pattern in _STYLES if pattern.fullmatch(plain)), "a style of their own")


def _styles(what: str, names: Sequence[tuple[str, str]]) -> list[Finding]:
    """Names in another style than the most; where no style has the majority, all of them at once."""
    groups: dict[str, list[str]] = defaultdict(list)
    for place, name in names:
        if style := _style(name):
            groups[style].append(place)
    total = sum(map(len, groups.values()))
    if total < NAMES_MIN or len(groups) == 1:
        return []
    best = max(groups, key=lambda style: len(groups[style]))
    share = len(groups[best]) / total
    others = [place for style, places in groups.items() if style != best for place in places]
    if share >= MAJORITY:
        return [_odd(place, what, best, f"{format_share(share)} of the {what} are") for place in others]
    found = ", ".join(f"{len(places)} {style}" for style, places in sorted(groups.items(), key=lambda i: -len(i[1])))
    return [_mixed(what, found, others)]


def _odd(place: str, what: str, style: str, majority: str) -> Finding:
    return Finding(
        rule="naming",
        severity=Severity.NOTE,
        subject=place,
        what=f"{place} is not named as the other {what} are.",
        evidence=(f"{majority} {style}",),
        why="Whoever writes a query has to look the name up, and quoted names fail where the quotes are forgotten.",
        remedy=f"Name it in {style}.",
    )


def _mixed(what: str, found: str, others: list[str]) -> Finding:
    return Finding(
        rule="naming",
        severity=Severity.NOTE,
        subject=f"schema ({what})",
        what=f"The {what} are named in several styles.",
        evidence=(found, listed(others)),
        why="Whoever writes a query has to look every name up.",
        remedy="Choose one style for new names, and rename where it is cheap.",
    )


def _moments(tables: Sequence[Table]) -> list[Finding]:
    """The moment of a row's creation goes by one name; here those that go by another one."""
    named = [
        (table, column.name)
        for table in tables
        for column in table.columns
        if column.type.kind == "timestamp" and meaning_of(table, column) == "created" and _CREATION.search(column.name)
    ]
    counts = Counter(name for _, name in named)
    if len(counts) < 2 or len(named) < TABLES_MIN:
        return []
    (best, number), *_ = counts.most_common(1)
    if number < MAJORITY * len(named):
        return []
    return [
        Finding(
            rule="naming",
            severity=Severity.NOTE,
            subject=f"{table.key}.{name}",
            what=f"{table.key}.{name} is called {best} elsewhere.",
            evidence=(f"{counted(number, 'table')} of {len(named)} have {best}",),
            why="The same thing under two names is taken for two things.",
            remedy=f"Rename it to {best}.",
        )
        for table, name in named
        if name != best
    ]


NAMING_RULES = (
    Rule(
        "naming",
        "schema",
        "Names in another style than the schema's own",
        f"A schema may be named as it likes, if it does so throughout: said where {MAJORITY:.0%} of the names"
        " are in one"
        " style and this one is not, or where no style has that majority; and of a moment of creation that goes by"
        " another name than elsewhere.",
        "Checklist “Consistent naming conventions”",
        _naming,
    ),
)
