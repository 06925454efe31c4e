"""The placement of every table: by the rules, or as the scenario wishes.

Tables come children first, so that it is known of each table who still refers to its rows: a row that others refer to
needs an address of its own, unless they stand in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from loadlab.engines.abilities import Access, RelationFacts
from loadlab.engines.mongodb.documents.judging import Judgement, judge
from loadlab.engines.mongodb.documents.sharding import shard_advice
from loadlab.errors import InputError
from loadlab.schema.model import Schema, Table
from loadlab.schema.nesting import Design, Documents, Placement, Summary
from loadlab.schema.order import load_order
from loadlab.spec.documents import DocumentWish

NEWEST = 10
"""Rows in a hybrid's list, where nothing says how many are read."""
_NEWEST_MAX = 50
_TEXT_MAX = 255
_LARGE = ("json", "bytes", "xml", "search_vector", "vector", "geometry")


def plan_documents(
    schema: Schema,
    relations: Sequence[RelationFacts],
    accesses: Sequence[Access],
    wishes: Mapping[str, DocumentWish],
    place: str,
) -> Documents:
    """See `loadlab.engines.abilities.CanNest`."""
    planning = _Planning(schema, relations, accesses, wishes, place)
    for key in reversed(load_order(schema).tables):
        planning.place(schema.table(key))
    placements = tuple(planning.placed[table.key] for table in schema)
    summaries = tuple(summary for table in schema for summary in planning.summaries(table))
    return Documents(placements, shard_advice(schema, relations, accesses, Documents(placements)), summaries)


class _Planning:
    def __init__(
        self,
        schema: Schema,
        relations: Sequence[RelationFacts],
        accesses: Sequence[Access],
        wishes: Mapping[str, DocumentWish],
        place: str,
    ) -> None:
        self._schema, self._relations, self._accesses = schema, relations, accesses
        self._wishes, self._where = wishes, place
        self.placed: dict[str, Placement] = {}

    def place(self, table: Table) -> None:
        """Decide about one table."""
        found = [self._judged(table, facts) for facts in self._relations if facts.table == table.key]
        wish = self._wishes.get(table.key)
        said = wish is not None and wish.design is not None
        self.placed[table.key] = self._by_wish(table, wish, found) if wish and said else self._by_rule(table, found)

    def _judged(self, table: Table, facts: RelationFacts) -> Judgement:
        key = next(key for key in table.foreign_keys if ",".join(key.columns) == facts.name)
        inside = {name for name, item in self.placed.items() if item.is_inside and item.host == table.key}
        referrers = {
            other.key for other in self._schema for link in other.foreign_keys if link.target == table.key
        } - inside
        return judge(facts, key, self._accesses, sorted(referrers))

    # -- by rule -----------------------------------------------------------------------------------------------------

    def _by_rule(self, table: Table, found: Sequence[Judgement]) -> Placement:
        if not found:
            return Placement(table.key, "reference", "it references no other table")
        best = min(found, key=_rank)
        if best.is_embedded and not self._is_circular(best.facts):
            return self._inside(table, best, "embed", "; ".join(best.speaks_for))
        listed = [item for item in found if item.reading.newest and not item.facts.is_single]
        if not listed:
            return Placement(table.key, "reference", self._why_not(best))
        first = listed[0]
        reason = self._why_not(first)
        if first.facts.obstacle:
            return Placement(table.key, "reference", reason)
        newest = min(first.reading.newest, _NEWEST_MAX)
        if first.reading.inserts or first.reading.changes:
            return Placement(
                table.key,
                "reference",
                f"{reason}; a hybrid would answer what reads the newest {newest} of a row of {first.facts.host}, "
                f"and make whatever writes {table.key} write both (documents: {{{table.key}: hybrid}})",
            )
        return self._hybrid(table, first, f"{reason}; the newest {newest} are read with it, and nothing writes them")

    def _why_not(self, judged: Judgement) -> str:
        reasons = (*judged.impossible, *judged.against)
        if not reasons:
            return f"{judged.facts.host} stands in its own rows"
        return f"not in {judged.facts.host}: {'; '.join(reasons)}"

    def _is_circular(self, facts: RelationFacts) -> bool:
        """Whether the host stands in the table's rows already."""
        name = facts.host
        while name in self.placed and self.placed[name].is_inside:
            name = self.placed[name].host
            if name == facts.table:
                return True
        return name == facts.table

    # -- as wished ---------------------------------------------------------------------------------------------------

    def _by_wish(self, table: Table, wish: DocumentWish, found: Sequence[Judgement]) -> Placement:
        where = f"{self._where}.{table.key}"
        if wish.design == "reference":
            return Placement(table.key, "reference", "the scenario says so")
        judged = self._wished(table, wish, found, where)
        if judged.facts.obstacle or (wish.design == "embed" and judged.impossible):
            raise InputError(where, f"cannot be {wish.design}: {judged.impossible[0]}")
        if self._is_circular(judged.facts):
            raise InputError(where, f"cannot be {wish.design}: {judged.facts.host} stands in the rows of {table.key}")
        against = f", against the rule: {'; '.join(judged.against)}" if judged.against else ""
        why = f"the scenario says so{against}"
        if wish.design == "hybrid" and (judged.reading.inserts or judged.reading.changes):
            why += f"; what the load writes to {table.key} does not reach {judged.facts.host}"
        if wish.design == "embed":
            return self._inside(table, judged, "embed", why, wish)
        return self._hybrid(table, judged, why, wish)

    def _wished(self, table: Table, wish: DocumentWish, found: Sequence[Judgement], where: str) -> Judgement:
        fitting = [
            item
            for item in found
            if wish.in_ in (None, item.facts.host) and (wish.via is None or ",".join(wish.via) == item.facts.name)
        ]
        if not fitting:
            keys = "; ".join(f"{item.facts.name} to {item.facts.host}" for item in found) or "none"
            raise InputError(where, f"has no such foreign key; those of {table.key}: {keys}")
        hosts = {item.facts.host for item in fitting}
        if wish.in_ is not None and len(fitting) > 1 and wish.via is None:
            names = ", ".join(item.facts.name for item in fitting)
            raise InputError(f"{where}.via", f"is needed: {table.key} references {wish.in_} by {names}")
        if wish.in_ is None and wish.design == "hybrid" and len(hosts) > 1:
            fitting.sort(key=lambda item: -item.reading.newest)
            return fitting[0]
        return min(fitting, key=_rank)

    def summaries(self, table: Table) -> Iterator[Summary]:
        """What the scenario wants the rows of a table to hold of those that they reference. Raises InputError."""
        wish = self._wishes.get(table.key)
        for relation, columns in (wish.summaries if wish is not None else {}).items():
            where = f"{self._where}.{table.key}.summaries.{relation}"
            key = next((key for key in table.foreign_keys if ",".join(key.columns) == relation), None)
            if key is None or not any(f.table == table.key and f.name == relation for f in self._relations):
                known = "; ".join(",".join(key.columns) for key in table.foreign_keys) or "none"
                raise InputError(where, f"is no foreign key of {table.key}; foreign keys: {known}")
            target = self._schema.table(key.target)
            stored = [column.name for column in target.stored_columns]
            for name in columns:
                if name not in stored:
                    raise InputError(where, f"has {name}, no column of {key.target}; columns: {', '.join(stored)}")
            own = relation.partition(",")[0]
            name = own.removesuffix("_id") if own.endswith("_id") else target.name
            yield Summary(table.key, relation, key.target, self._free(name, table.key), tuple(columns))

    # -- placements --------------------------------------------------------------------------------------------------

    def _inside(
        self, table: Table, judged: Judgement, design: Design, why: str, wish: DocumentWish | None = None
    ) -> Placement:
        facts = judged.facts
        away = set(facts.name.split(","))
        return Placement(
            table.key,
            design,
            why,
            facts.host,
            facts.name,
            self._field(table.name, facts.host, wish),
            tuple(column.name for column in table.stored_columns if column.name not in away),
            many=not facts.is_single,
        )

    def _hybrid(self, table: Table, judged: Judgement, why: str, wish: DocumentWish | None = None) -> Placement:
        facts = judged.facts
        said = wish.columns if wish is not None else None
        for name in said or ():
            if name not in table.column_names:
                known = ", ".join(table.column_names)
                raise InputError(f"{self._where}.{table.key}.columns", f"has {name}, no column; columns: {known}")
        newest = wish.newest if wish is not None and wish.newest else min(judged.reading.newest or NEWEST, _NEWEST_MAX)
        return Placement(
            table.key,
            "hybrid",
            why,
            facts.host,
            facts.name,
            self._field(f"recent_{table.name}", facts.host, wish),
            tuple(said) if said else _summary(table, set(facts.name.split(","))),
            newest=newest,
            counter=self._free(f"{table.name}_count", facts.host),
        )

    def _field(self, name: str, host: str, wish: DocumentWish | None) -> str:
        if wish is not None and wish.field is not None:
            if self._free(wish.field, host) != wish.field:
                raise InputError(f"{self._where}: field", f"is taken in {host}", value=wish.field)
            return wish.field
        return self._free(name, host)

    def _free(self, name: str, host: str) -> str:
        """The name, or with _ behind it where the host has a field of that name."""
        taken = set(self._schema.table(host).column_names) | {"_id"}
        taken |= {field for item in self.placed.values() if item.host == host for field in (item.field, item.counter)}
        while name in taken:
            name += "_"
        return name


def _rank(judged: Judgement) -> tuple[bool, int, bool, float]:
    """The relation that comes first, of several that a table has."""
    facts = judged.facts
    return bool(judged.impossible), len(judged.against), not facts.is_part, facts.mean


def _summary(table: Table, away: set[str]) -> tuple[str, ...]:
    """What a list shows of a row: all but the foreign key and what is large."""
    kept = [column for column in table.stored_columns if column.name not in away]
    found = [
        column.name
        for column in kept
        if column.name in table.primary_key
        or (column.type.kind not in _LARGE and not (column.type.kind == "text" and _is_long(column.type.length)))
    ]
    return tuple(found or [column.name for column in kept])


def _is_long(length: int | None) -> bool:
    return length is None or length > _TEXT_MAX
