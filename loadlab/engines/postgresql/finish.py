"""After the data: what was put off, sequences past the keys, statistics, visibility."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from math import inf
from typing import LiteralString

import psycopg
from psycopg import sql

from loadlab.engines.postgresql.catalog import identifier
from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.errors import translate
from loadlab.engines.postgresql.ledger import DeferredStep, Stage, deferred_steps, strike_out
from loadlab.engines.postgresql.schedule import Task, carry_out
from loadlab.engines.protocol import Progress
from loadlab.errors import DatabaseError
from loadlab.schema.model import Table

# For the sort of an index build: of one connection, and of all of them together.
_MAINTENANCE_KB, _MAINTENANCE_KB_TOGETHER = 256 * 1024, 1024**2
# Pages marked all-visible, for index-only scans and readers that write nothing: while there are no indexes to look
# through, and before the many readings of the table that the building of its indexes takes.
_VACUUM: LiteralString = "VACUUM"
_ANALYZE: LiteralString = "ANALYZE"
_WORDS = {
    Stage.INDEXES: "keys and indexes of",
    Stage.FOREIGN_KEYS: "foreign keys of",
    Stage.CHECKS: "checks of foreign keys of",
    Stage.TRIGGERS: "kinds of triggers of",
}
# Below this, a table's steps take less time than the turns between them: they are one transaction, and so are those of
# up to so many tables that are as small together.
_SMALL_BYTES = 8 * 1024**2
_SMALL_TABLES = 25
_TABLES = """
    SELECT c.oid::bigint,
           coalesce((SELECT sum(pg_table_size(relid)) FROM pg_partition_tree(c.oid)), pg_table_size(c.oid))::bigint
    FROM unnest(%s::text[]) WITH ORDINALITY AS t (name, position) JOIN pg_class AS c ON c.oid = t.name::regclass
    ORDER BY t.position
"""
# A column's sequence: its own (serial, identity: the sequence depends on the column), or one that its default names.
_SEQUENCES = """
    SELECT DISTINCT a.attrelid::regclass::text, s.oid::regclass::text, a.attname::text, q.seqincrement > 0
    FROM pg_attribute AS a
    JOIN pg_type AS t ON t.oid = a.atttypid AND t.typcategory = 'N'  -- a text may be made of a sequence's number too
    LEFT JOIN pg_attrdef AS f ON f.adrelid = a.attrelid AND f.adnum = a.attnum
    JOIN pg_depend AS d
        ON (d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum
            AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))
        OR (d.classid = 'pg_attrdef'::regclass AND d.objid = f.oid AND d.refclassid = 'pg_class'::regclass)
    JOIN pg_class AS s ON s.relkind = 'S' AND s.oid IN (d.objid, d.refobjid)
    JOIN pg_sequence AS q ON q.seqrelid = s.oid
    WHERE a.attrelid = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY 1, 2
"""


def finish_tables(connections: Sequence[Connection], tables: Sequence[Table], progress: Progress) -> None:
    """Whatever the ledger says is put off, then sequences, statistics and visibility, on all connections at once."""
    first = connections[0]
    # Rows whose commit nobody waited for are not marked visible before the log of it is on disk: this writes it out.
    first.execute("SELECT pg_logical_emit_message(true, 'loadlab', 'finish')")
    for connection in connections:
        _prepare(connection, len(connections))
    names = [identifier(table.namespace, table.name) for table in tables]
    found = first.execute(_TABLES, ([name.as_string(first) for name in names],)).fetchall()
    sizes: dict[int, int] = dict(found)
    known = {oid: name for (oid, _), name in zip(found, names, strict=True)}
    vacuumed = tuple(_upkeep(_VACUUM, known, sizes, ()))
    steps = _restoring(deferred_steps(first), sizes, vacuumed)
    # The last: only now are there indexes of expressions, which have statistics of their own.
    tasks = [*vacuumed, *steps, *_upkeep(_ANALYZE, known, sizes, [*vacuumed, *steps])]
    if oids := list(sizes):
        run = partial(set_sequences, oids=oids)
        tasks.append(Task("sequences", run, frozenset(), False, 0, _of_tables(steps, oids)))
    carry_out(tasks, connections, progress)


def _prepare(connection: Connection, connections: int) -> None:
    """Room for the sort of index builds, unless the session has more already; connections instead of its workers.

    Commits are not waited for: what a step makes and its being struck out are one transaction, lost together if the
    server crashes, and the manifest is called finished by a commit that is waited for, behind all these in the log.
    """
    connection.execute("SET synchronous_commit = off")
    room_kb = min(_MAINTENANCE_KB, _MAINTENANCE_KB_TOGETHER // connections)
    connection.execute(
        "SELECT set_config('maintenance_work_mem', greatest(setting::bigint, %s)::text || 'kB', false)"
        " FROM pg_settings WHERE name = 'maintenance_work_mem'",
        (room_kb,),
    )
    if connections > 1:
        connection.execute("SET max_parallel_maintenance_workers = 0")


def _restoring(steps: Sequence[DeferredStep], sizes: Mapping[int, int], before: Sequence[Task]) -> list[Task]:
    """What is put off, as tasks: each waits for the earlier stages of its tables, and for what comes before all."""
    tasks: list[Task] = []
    small = {oid: number for number, group in enumerate(_small_groups(sizes)) for oid in group}
    for stage in Stage:
        groups: dict[tuple[int, int], list[DeferredStep]] = defaultdict(list)
        for step in steps:
            if step.stage == stage:
                table = step.tables[0]
                alone = stage in (Stage.INDEXES, Stage.CHECKS)
                groups[(-1, small[table]) if table in small else (table, step.position if alone else 0)].append(step)
        earlier = (*before, *tasks)
        tasks += [_restoring_task(stage, group, sizes, earlier) for group in groups.values()]
    return tasks


def _small_groups(sizes: Mapping[int, int]) -> Iterator[list[int]]:
    """The small tables, so many at a time that they are still small together."""
    group: list[int] = []
    for oid, size in sizes.items():
        if size <= _SMALL_BYTES:
            if len(group) == _SMALL_TABLES or sum(sizes[other] for other in group) + size > _SMALL_BYTES:
                yield group
                group = []
            group.append(oid)
    if group:
        yield group


def _restoring_task(
    stage: Stage, steps: Sequence[DeferredStep], sizes: Mapping[int, int], earlier: Sequence[Task]
) -> Task:
    label = steps[0].label if len(steps) == 1 else f"{len(steps)} {_WORDS[stage]} {_some(s.table_name for s in steps)}"
    tables = frozenset(oid for step in steps for oid in step.tables)
    # What is short and holds others up goes first.
    weight = inf if stage in (Stage.FOREIGN_KEYS, Stage.TRIGGERS) else sizes.get(steps[0].tables[0], 0)
    alone = any(step.alone for step in steps)
    return Task(label, partial(_restore, steps=steps), tables, alone, weight, _of_tables(earlier, tables))


def _some(tables: Iterable[str]) -> str:
    first, *others = dict.fromkeys(tables)
    return f"{first} and {len(others)} more tables" if others else first


def _of_tables(tasks: Iterable[Task], tables: Iterable[int]) -> frozenset[Task]:
    return frozenset(task for task in tasks if not task.tables.isdisjoint(tables))


def _restore(connection: Connection, *, steps: Sequence[DeferredStep]) -> None:
    """Carry out steps in one transaction with their being struck out; what one of them cannot do is said of it."""
    try:
        _restore_all(connection, steps)
    except psycopg.Error as error:
        found = translate(error)
        if type(found) is not DatabaseError or found.constraint is not None:
            raise
        if len(steps) == 1:
            raise DatabaseError(f"{steps[0].label}: {found}", code=found.code) from error
        for step in steps:
            _restore(connection, steps=[step])


def _restore_all(connection: Connection, steps: Sequence[DeferredStep]) -> None:
    with connection.transaction():
        left = strike_out(connection, steps)
        statements = [statement for step in steps if step.position in left for statement in step.statements]
        if statements:
            connection.execute(";\n".join(statements).encode())


def set_sequences(connection: Connection, *, oids: list[int]) -> None:
    """Move every sequence that feeds a column beyond the column's values, never back."""
    for table, sequence, column, ascends in connection.execute(_SEQUENCES, (oids,)).fetchall():
        statement = sql.SQL(
            "SELECT setval({sequence}, v.value::bigint)"
            " FROM (SELECT {furthest}({column}) AS value FROM {table}) AS v, {relation} AS s"
            " WHERE v.value {beyond} s.last_value OR v.value = s.last_value AND NOT s.is_called"
        )
        connection.execute(
            statement.format(
                sequence=sql.Literal(sequence),
                furthest=sql.SQL("max" if ascends else "min"),
                beyond=sql.SQL(">" if ascends else "<"),
                column=sql.Identifier(column),
                table=sql.SQL(table),  # like the sequence, already quoted by the server's regclass
                relation=sql.SQL(sequence),
            )
        )


def _upkeep(
    what: LiteralString, names: Mapping[int, sql.Identifier], sizes: Mapping[int, int], after: Sequence[Task]
) -> Iterator[Task]:
    """VACUUM or ANALYZE of every table, the small ones together."""
    groups = [[oid] for oid in names if sizes[oid] > _SMALL_BYTES]
    for group in [*groups, *_small_groups(sizes)]:
        label = f"{what.lower()} {_some(names[oid].as_string(None).replace(chr(34), '') for oid in group)}"
        run = partial(_keep_up, what=what, tables=[names[oid] for oid in group])
        yield Task(label, run, frozenset(group), True, sum(sizes[oid] for oid in group), _of_tables(after, group))


def _keep_up(connection: Connection, *, what: LiteralString, tables: Sequence[sql.Identifier]) -> None:
    connection.execute(sql.SQL(what + " {}").format(sql.SQL(", ").join(tables)))


def write_out(connection: Connection) -> None:
    """See `loadlab.engines.abilities.CanWriteOut`."""
    try:
        connection.execute("CHECKPOINT")
    except psycopg.errors.InsufficientPrivilege:
        return
