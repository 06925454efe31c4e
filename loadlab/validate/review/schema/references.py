"""Foreign keys: there, of the type that they reference, and with an answer to what happens when the parent goes."""

from __future__ import annotations

import re
from collections.abc import Iterator

from loadlab.schema.meaning import words_of
from loadlab.schema.model import Column, ForeignKey, LogicalType, Schema, Table
from loadlab.units import format_count
from loadlab.validate.review.model import Examined, Finding, ReviewFacts, Rule, Severity, skipped
from loadlab.validate.review.touching import share_of, statements_on
from loadlab.validate.review.words import listed, referencing, rows_evidence, whole_numbers
from loadlab.validate.wording import counted

_REFERENCE = re.compile(r"^(?P<thing>.+) (id|uuid)$")
# A record of what happened outlives what it happened to.
_OUTLIVES = re.compile(
    r"\b(audit|log|logs|history|histories|archive|archives|archived|event|events|outbox|inbox|snapshots?|"
    r"staging|backup)\b"
)


def _missing(facts: ReviewFacts) -> Examined:
    targets = _targets(facts.schema)
    places = [
        (table, column, found)
        for table in facts.schema
        for column in table.columns
        if (found := _REFERENCE.match(words_of(column.name)))
        and column.type.kind in ("integer", "uuid", "text", "numeric")
        and not _OUTLIVES.search(words_of(table.name))
    ]
    return Examined(len(places), "columns that are named as references", tuple(_unbound(facts, targets, places)))


def _targets(schema: Schema) -> dict[str, list[Table]]:
    """By the thing that one row of it is, the tables with a key of one column: `order item` → `order_items`."""
    found: dict[str, list[Table]] = {}
    for table in schema:
        if len(table.primary_key) == 1:
            for name in _singulars(words_of(table.name)):
                found.setdefault(name, []).append(table)
    return found


def _singulars(words: str) -> set[str]:
    """A plural's possible singulars, and the words themselves."""
    found = {words}
    if words.endswith("ies"):
        found.add(words[:-3] + "y")
    if words.endswith(("ses", "xes", "zes", "ches", "shes")):
        found.add(words[:-2])
    if words.endswith("s") and not words.endswith("ss"):
        found.add(words[:-1])
    return found | ({words[:-6] + "person"} if words.endswith("people") else set())


def _unbound(
    facts: ReviewFacts, targets: dict[str, list[Table]], places: list[tuple[Table, Column, re.Match[str]]]
) -> Iterator[Finding]:
    for table, column, match in places:
        if column.name in referencing(table) or table.primary_key == (column.name,) or _is_polymorphic(table, match):
            continue
        for target in targets.get(match["thing"], ()):
            key = target.column(target.primary_key[0])
            if target.namespace == table.namespace and _comparable(column.type, key.type):
                yield _unbound_finding(facts, table, column, target)
                break


def _is_polymorphic(table: Table, match: re.Match[str]) -> bool:
    """Whether a column beside it says which table is meant."""
    return any(words_of(name) in (f"{match['thing']} type", f"{match['thing']} kind") for name in table.column_names)


def _comparable(left: LogicalType, right: LogicalType) -> bool:
    return left.kind == right.kind


def _unbound_finding(facts: ReviewFacts, table: Table, column: Column, target: Table) -> Finding:
    return Finding(
        rule="missing-foreign-key",
        severity=Severity.WARNING,
        subject=f"{table.key}.{column.name}",
        what=f"{table.key}.{column.name} refers to {target.key}, and no foreign key says so.",
        evidence=(
            f"its name and type are those of {target.key}.{target.primary_key[0]}",
            *rows_evidence(facts, table),
        ),
        why="Rows can refer to what is not there, or no longer, and nobody notices until a join loses them.",
        remedy="Let the database keep the reference; clean up orphans first, which VALIDATE would find.",
        sql=facts.remedies.add_foreign_key(table, [column.name], target, target.primary_key, "RESTRICT")
        if facts.remedies
        else (),
        load_share=share_of(facts, table),
    )


def _on_delete(facts: ReviewFacts) -> Examined:
    if facts.details is not None and "foreign keys" not in facts.details.features:
        return skipped("foreign keys", "the engine keeps no references: whoever deletes a parent decides")
    if not _tells_actions(facts) and not _is_in_other_words(facts):
        return skipped("foreign keys", "the catalogue does not tell a stated ON DELETE RESTRICT from none")
    keys = [(table, key) for table in facts.schema for key in table.foreign_keys]
    found = []
    for table in facts.schema:
        open_keys = [key for key in table.foreign_keys if _is_open(facts, table, key) and not key.deferrable]
        if open_keys:
            found.append(_undecided(facts, table, open_keys))
    return Examined(len(keys), "foreign keys", tuple(found))


def _tells_actions(facts: ReviewFacts) -> bool:
    return facts.details is None or "stated actions" in facts.details.features


def _is_in_other_words(facts: ReviewFacts) -> bool:
    """Whether the scenario's schema was read by another engine, which knows what it says."""
    return facts.stated is not None and facts.stated.dialect != facts.schema.dialect


def _is_open(facts: ReviewFacts, table: Table, key: ForeignKey) -> bool:
    """Whether nothing is said of deletions: as the scenario has it, where the catalogue cannot tell."""
    if _tells_actions(facts):
        return key.on_delete == "NO ACTION"
    stated = facts.stated.table(table.key).foreign_keys if facts.stated and facts.stated.has(table.key) else ()
    return any(
        (other.columns, other.target, other.on_delete) == (key.columns, key.target, "NO ACTION") for other in stated
    )


def _undecided(facts: ReviewFacts, table: Table, keys: list[ForeignKey]) -> Finding:
    parents = [facts.schema.table(key.target) for key in keys if facts.schema.has(key.target)]
    deleting = statements_on(facts, *parents, how="deleted")
    sql: list[str] = []
    for key in keys:
        if facts.remedies is not None and facts.schema.has(key.target):
            sql += facts.remedies.replace_foreign_key(table, key, facts.schema.table(key.target), "RESTRICT")
    return Finding(
        rule="fk-without-on-delete",
        severity=Severity.WARNING if deleting else Severity.NOTE,
        subject=table.key,
        what=f"{counted(len(keys), 'foreign key')} of {table.key} {'does' if len(keys) == 1 else 'do'} not say what"
        " happens when the parent is deleted.",
        evidence=(
            *(f"({', '.join(key.columns)}) references {key.target}: NO ACTION" for key in keys),
            *((f"the load deletes parents: {listed(deleting)}",) if deleting else ()),
        ),
        why="The default refuses the deletion at the end of the statement: whoever deletes a parent meets an error that"
        " nobody decided on.",
        remedy="Decide for each: CASCADE for parts of the parent, SET NULL for a reference that may be lost, RESTRICT"
        " where the deletion is to fail.",
        sql=tuple(sql),
        load_share=facts.load_share(deleting) if deleting else share_of(facts, table),
    )


def _types(facts: ReviewFacts) -> Examined:
    pairs = [
        (table, table.column(name), target, target.column(other))
        for table in facts.schema
        for key in table.foreign_keys
        if facts.schema.has(key.target)
        for target in [facts.schema.table(key.target)]
        for name, other in zip(key.columns, key.target_columns, strict=True)
    ]
    narrow = [pair for pair in pairs if _is_narrower(pair[1].type, pair[3].type)]
    return Examined(len(pairs), "columns of foreign keys", tuple(_narrow(facts, *pair) for pair in narrow))


def _is_narrower(child: LogicalType, parent: LogicalType) -> bool:
    return child.kind == parent.kind == "integer" and (child.bits or 64) < (parent.bits or 64)


def _narrow(facts: ReviewFacts, table: Table, column: Column, target: Table, key: Column) -> Finding:
    most = format_count(whole_numbers(column.type) - 1)
    return Finding(
        rule="fk-type-mismatch",
        severity=Severity.ERROR,
        subject=f"{table.key}.{column.name}",
        what=f"{table.key}.{column.name} is narrower than the key that it references.",
        evidence=(f"{column.type.native} references {target.key}.{key.name}, {key.type.native}",),
        why=f"Parents with a key above {most} can have no children here: their inserts fail.",
        remedy="Give the column the type of the key.",
        sql=facts.remedies.change_type(table, column.name, "big integer") if facts.remedies else (),
        load_share=share_of(facts, table),
    )


REFERENCE_RULES = (
    Rule(
        "missing-foreign-key",
        "schema",
        "A column that is named as a reference, without a foreign key",
        "Without the constraint rows come to refer to what is not there. Tables that are logs, events, history or"
        " snapshots may outlive what they refer to and are left out, as are pairs of id and type.",
        "Anti-pattern “No FK”",
        _missing,
    ),
    Rule(
        "fk-without-on-delete",
        "schema",
        "Foreign keys that do not say what a deletion of the parent does",
        "NO ACTION is the default, so nobody can see whether it was meant. A note, unless the load deletes parents.",
        "Checklist “Foreign keys with appropriate ON DELETE”, “Cascade rules”",
        _on_delete,
    ),
    Rule(
        "fk-type-mismatch",
        "schema",
        "A foreign key narrower than the key it references",
        "It works until the parents' keys outgrow the column.",
        "Checklist “Appropriate data types”",
        _types,
    ),
)
