"""A mix taken from the statements that a database has counted: bound to the data set, weighted by calls."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlglot import exp

from loadlab.engines.protocol import AskedStatement, Engine, Manifest, StatementHistory
from loadlab.errors import InputError
from loadlab.mix.binding import Bound, UnboundError, bind
from loadlab.mix.derive import Derived
from loadlab.mix.facts import TableFacts, facts_of
from loadlab.mix.reads import full, short
from loadlab.mix.trying import refusals
from loadlab.spec.operations import OperationKind
from loadlab.spec.statement import Statement
from loadlab.units import format_share

MOST = 25
"""Operations of a mix; of more the most called ones."""
_REPORT_MS = 20.0
_REPORT_ROWS = 1_000.0
_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Production:
    """The mix, and what it leaves out: by name, or by the beginning of a text, the reason.

    `covered_calls` of `calls` are of statements in the mix; `rows` by table where the server knows them.
    """

    operations: tuple[Derived, ...]
    left_out: Mapping[str, str]
    covered_calls: int
    calls: int
    rows: Mapping[str, int]
    since: str = ""

    @property
    def covered_share(self) -> float:
        return self.covered_calls / self.calls if self.calls else 0.0

    @property
    def summary(self) -> str:
        """One sentence for people."""
        since = f" since {self.since}" if self.since else ""
        return (
            f"The mix is what the database was asked{since}: {format_share(self.covered_share)} of {self.calls:,} calls"
            " of statements on the schema's tables; weights are calls."
        )


def production_mix(history: StatementHistory, engine: Engine, manifest: Manifest) -> Production:
    """Bind, name, weigh and try what was asked. Raises InputError when nothing of it can be used.

    `engine` holds the scratch database that the operations are tried on, `manifest` what it is filled with.
    """
    if history.statements and all(Statement((asked.text,), ()).is_command for asked in history.statements):
        raise InputError(
            "--from-statements",
            "counts commands, and only statements of SQL are understood; without it the mix follows from the schema",
        )
    schema = manifest.schema
    facts = facts_of(schema, lambda key: history.rows.get(key, 1))
    bound: list[tuple[AskedStatement, Bound]] = []
    left_out: dict[str, str] = {}
    foreign = 0
    for asked in _together(history.statements):
        try:
            found = bind(asked.text, facts, schema.dialect, rows_per_call=asked.rows / max(asked.calls, 1))
        except UnboundError as error:
            if _is_of_the_application(asked.text, facts):
                left_out[_shown(asked)] = str(error)
            else:
                foreign += asked.calls
            continue
        bound.append((asked, found))
    calls = sum(asked.calls for asked in history.statements) - foreign
    named = _named(bound)
    operations = {name: _derived(name, *item, facts) for name, item in named.items()}
    refused = refusals(engine, manifest, {name: item.operation() for name, item in operations.items()})
    left_out |= {_shown(named[name][0]): reason for name, reason in refused.items()}
    kept = sorted((name for name in operations if name not in refused), key=lambda name: -named[name][0].calls)
    left_out |= {_shown(named[name][0]): f"is beyond the {MOST} most called" for name in kept[MOST:]}
    kept = kept[:MOST]
    if not kept:
        raise InputError("--from-statements", f"holds no statement that can be used{_first_reason(left_out)}")
    most = max(named[name][0].calls for name in kept)
    made = [_weighted(operations[name], named[name][0].calls, most) for name in kept]
    made.sort(key=lambda item: ("SELECT", "INSERT", "UPDATE", "DELETE").index(_verb(named[item.name][1].tree)))
    covered = sum(named[name][0].calls for name in kept)
    return Production(tuple(made), left_out, covered, calls, dict(history.rows), history.since)


def _together(statements: Sequence[AskedStatement]) -> list[AskedStatement]:
    """Texts that differ in blanks alone, or were run by several users, are one; most called first."""
    by_text: dict[str, AskedStatement] = {}
    for item in statements:
        text = " ".join(item.text.split())
        known = by_text.get(text)
        if known is not None:
            calls = known.calls + item.calls
            mean = (known.mean_ms * known.calls + item.mean_ms * item.calls) / max(calls, 1)
            item = replace(item, calls=calls, mean_ms=mean, rows=known.rows + item.rows)
        by_text[text] = item
    return sorted(by_text.values(), key=lambda item: -item.calls)


def _is_of_the_application(text: str, facts: Mapping[str, TableFacts]) -> bool:
    """Whether a text that cannot be bound is of the schema's tables, as against the catalogue or BEGIN."""
    if not re.match(r"[\s(]*(?:/\*.*?\*/\s*)?(select|insert|update|delete|with)\b", text, re.IGNORECASE | re.DOTALL):
        return False
    words = set(re.findall(r"[\w$]+", text.lower()))
    return any(one.table.name.lower() in words for one in facts.values())


def _shown(asked: AskedStatement) -> str:
    text = " ".join(asked.text.split())
    return f"{asked.calls:,} calls of {text[:_SHOWN]}{'…' if len(text) > _SHOWN else ''}"


def _first_reason(left_out: Mapping[str, str]) -> str:
    return next((f"; {text}: {reason}" for text, reason in left_out.items()), "; it counts none of the schema's tables")


# -- names, kinds, weights -------------------------------------------------------------------------------------------


def _named(bound: Sequence[tuple[AskedStatement, Bound]]) -> dict[str, tuple[AskedStatement, Bound]]:
    result: dict[str, tuple[AskedStatement, Bound]] = {}
    for asked, found in bound:
        stem = name = _name(found)
        number = 1
        while name in result:
            number += 1
            name = f"{stem}_{number}"
        result[name] = (asked, found)
    return result


def _name(found: Bound) -> str:
    """`orders_by_user_id`, `update_orders_by_id`, `insert_orders`."""
    verb = _verb(found.tree)
    table = full(found.tables[0])
    if verb == "INSERT":
        return f"insert_{table}"
    columns = list(dict.fromkeys(short(name) for name in _compared(found)))[:3]
    by = f"_by_{'_and_'.join(columns)}" if columns else ""
    prefix = "" if verb == "SELECT" else f"{verb.lower()}_"
    others = f"_with_{short(found.tables[1])}" if len(found.tables) > 1 and verb == "SELECT" else ""
    return f"{prefix}{table}{others}{by}"


def _compared(found: Bound) -> list[str]:
    where = found.tree.find(exp.Where)
    return (
        [node.this.name for node in where.find_all(exp.EQ, exp.In) if isinstance(node.this, exp.Column)]
        if where
        else []
    )


def _verb(tree: exp.Expr) -> str:
    kind = next((k for k in (exp.Insert, exp.Update, exp.Delete) if isinstance(tree, k) or tree.find(k)), exp.Select)
    return kind.__name__.upper()


def kind_of_statement(found: Bound, facts: Mapping[str, TableFacts], *, mean_ms: float, rows: float) -> OperationKind:
    """By shape, then by time and rows a call.

    A change is a write; one table by all columns of a key is simple; groups and totals are a report when a call took
    20 ms on average or went over many rows; everything else is complex.
    """
    if _verb(found.tree) != "SELECT":
        return "write"
    compared = set(_compared(found))
    keys = facts[found.tables[0]].table.unique_keys
    grouped = found.tree.find(exp.Group) is not None or found.tree.find(exp.AggFunc) is not None
    if len(found.tables) == 1 and not grouped and any(set(key) <= compared for key in keys):
        return "simple"
    if grouped and (mean_ms >= _REPORT_MS or found.tree.find(exp.Group) is not None):
        return "report"
    return "report" if rows >= _REPORT_ROWS else "complex"


def _derived(name: str, asked: AskedStatement, found: Bound, facts: Mapping[str, TableFacts]) -> Derived:
    per_call = asked.rows / max(asked.calls, 1)
    kind = kind_of_statement(found, facts, mean_ms=asked.mean_ms, rows=per_call)
    why = f"{asked.calls:,} calls, {asked.mean_ms:.3g} ms and {per_call:.3g} rows each."
    if found.assumed:
        why += f" Assumed: {'; '.join(found.assumed)}."
    body: dict[str, Any] = {"kind": kind, "weight": 1.0, "sql": found.sql}
    if found.params:
        body["params"] = {key: _short_source(value) for key, value in found.params.items()}
    return Derived(name, why, body)


def _short_source(value: Mapping[str, Any]) -> Any:
    return value["column"] if value.keys() == {"column"} else dict(value)


def _weighted(item: Derived, calls: int, most: int) -> Derived:
    """The most called one has the weight 100."""
    return replace(item, body={**item.body, "weight": max(0.01, round(100 * calls / most, 2))})
