"""What waits until the rows are in: secondary indexes, foreign keys, triggers. Dropped before, made again after.

An index that is built from all rows at once is written in its order. A foreign key is added without the server's own
check, which would copy the whole table, and every one is checked by a query before.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from loadlab.engines.mysql.connection import Connection, Opener
from loadlab.engines.mysql.ledger import Later
from loadlab.engines.mysql.names import listed, quoted
from loadlab.engines.mysql.reflect import reflect
from loadlab.engines.protocol import Progress
from loadlab.errors import ConstraintError
from loadlab.schema.model import ForeignKey, Index, Schema, Table

FULL_TEXT = "fulltext"
"""How the server names the method of such an index."""


def put_off(connection: Connection, database: str) -> tuple[Later, ...]:
    """Drop it all; what is to be made again, in the order of its making."""
    schema = reflect(connection, database)
    found = [*_indexes(schema), *_foreign_keys(schema), *_triggers(schema)]
    for item in found:
        if item.kind == "trigger":
            connection.run(f"DROP TRIGGER {quoted(item.name)}")
    # All foreign keys before any index: the index of a parent may be what one of another table needs.
    for kind, word in (("foreign key", "FOREIGN KEY"), ("index", "KEY")):
        for table, items in _by_table(item for item in found if item.kind.endswith(kind)):
            drops = ", ".join(f"DROP {word} {quoted(item.name)}" for item in items)
            connection.run(f"ALTER TABLE {quoted(table)} {drops}")
    return tuple(found)


def _indexes(schema: Schema) -> Iterator[Later]:
    for table in schema:
        for index in table.indexes:
            if index.name != "PRIMARY" and not _numbers_rows(table, index):
                kind = "full-text index" if index.method == FULL_TEXT else "index"
                yield Later(table.name, kind, index.name, index.definition)


def _numbers_rows(table: Table, index: Index) -> bool:
    """An AUTO_INCREMENT column must come first in an index at all times."""
    numbered = {column.name for column in table.columns if column.identity is not None}
    return index.keys[0] in numbered and table.primary_key[:1] != index.keys[:1]


def _foreign_keys(schema: Schema) -> Iterator[Later]:
    for table in schema:
        for key in table.foreign_keys:
            yield Later(table.name, "foreign key", key.name, key.definition)


def _triggers(schema: Schema) -> Iterator[Later]:
    for table in schema:
        for trigger in table.triggers:
            yield Later(table.name, "trigger", trigger.name, trigger.definition)


def _by_table(items: Iterable[Later]) -> list[tuple[str, list[Later]]]:
    found: dict[str, list[Later]] = defaultdict(list)
    for item in items:
        found[item.table].append(item)
    return list(found.items())


# Made again ----------------------------------------------------------------------------------------------------------


def make_indexes(
    connection: Connection, database: str, later: Sequence[Later], opener: Opener, progress: Progress, workers: int
) -> None:
    """Those that are missing, all of a table at once, up to `workers` tables at a time."""
    there = {(table.name, index.name) for table in reflect(connection, database) for index in table.indexes}
    missing = [item for item in later if item.kind.endswith("index") and (item.table, item.name) not in there]
    jobs = [(table, [item]) for table, item in _alone(missing)]
    jobs += _by_table(item for item in missing if item.kind == "index")
    with ThreadPoolExecutor(max_workers=max(1, workers)) as pool:
        futures = [pool.submit(_add, opener, table, items) for table, items in jobs]
        for future in as_completed(futures):
            progress(f"made {future.result()}")


def _alone(missing: Sequence[Later]) -> list[tuple[str, Later]]:
    """InnoDB makes one full-text index at a time."""
    return [(item.table, item) for item in missing if item.kind == "full-text index"]


def _add(opener: Opener, table: str, items: Sequence[Later]) -> str:
    connection = opener()
    try:
        connection.run(f"ALTER TABLE {quoted(table)} {', '.join(f'ADD {item.clause}' for item in items)}")
    finally:
        connection.close()
    return ", ".join(item.name for item in items)


def make_foreign_keys(connection: Connection, database: str, later: Sequence[Later], progress: Progress) -> None:
    """Those that are missing, without a check: `check_foreign_keys` is that."""
    there = {(table.name, key.name) for table in reflect(connection, database) for key in table.foreign_keys}
    missing = [item for item in later if item.kind == "foreign key" and (item.table, item.name) not in there]
    with connection.setting("foreign_key_checks", "0", "1"):
        for table, items in _by_table(missing):
            connection.run(f"ALTER TABLE {quoted(table)} {', '.join(f'ADD {item.clause}' for item in items)}")
            progress(f"made {', '.join(item.name for item in items)}")


def make_triggers(connection: Connection, database: str, later: Sequence[Later]) -> None:
    """Those that are missing."""
    there = {trigger.name for table in reflect(connection, database) for trigger in table.triggers}
    for item in later:
        if item.kind == "trigger" and item.name not in there:
            connection.run(item.clause)


def check_foreign_keys(connection: Connection, schema: Schema, there: Schema, progress: Progress) -> None:
    """Raises ConstraintError naming the first row without its parent. `there` are the tables as they stand."""
    progress("checking foreign keys")
    for table in schema:
        known = set(there.table(table.key).column_names) if there.has(table.key) else set()
        for key in table.foreign_keys:
            if set(key.columns) <= known:
                _check(connection, table.key, key)


def _check(connection: Connection, table: str, key: ForeignKey) -> None:
    pairs = list(zip(key.columns, key.target_columns, strict=True))
    on = " AND ".join(f"p.{quoted(target)} = c.{quoted(column)}" for column, target in pairs)
    given = " AND ".join(f"c.{quoted(column)} IS NOT NULL" for column in key.columns)
    columns = ", ".join(f"c.{quoted(column)}" for column in key.columns)
    broken = connection.rows(
        f"SELECT {columns} FROM {quoted(table)} AS c LEFT JOIN {quoted(key.target)} AS p ON {on}"
        f" WHERE {given} AND p.{quoted(key.target_columns[0])} IS NULL LIMIT 1"
    )
    if broken:
        value = ", ".join(str(item) for item in broken[0])
        raise ConstraintError(
            f"table {table}: ({listed(key.columns)}) = ({value}) refers to a row of {key.target} that is not there",
            constraint=key.name,
        )
