"""What LoadLab filled the database with: three tables of its own in it.

DDL commits by itself here, so the making of tables is no transaction: the ledger comes first, with what was there
before and not yet `ready`, and whoever finds it so removes what was half made.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

from loadlab.engines.mysql.connection import Connection
from loadlab.engines.mysql.names import literal, quoted
from loadlab.engines.protocol import Chunk, Manifest
from loadlab.schema.model import Schema

PREFIX = "_loadlab_"
Thing = tuple[str, str]
"""The kind of a thing in a database, and its name."""
_TABLES = (
    """CREATE TABLE IF NOT EXISTS _loadlab_manifest (
        only_row TINYINT PRIMARY KEY,
        fingerprint VARCHAR(100) NOT NULL,
        body LONGTEXT NOT NULL,
        `schema` LONGTEXT NOT NULL,
        plan LONGTEXT NOT NULL,
        there_before LONGTEXT NOT NULL,
        owns_tables BOOLEAN NOT NULL,
        ready BOOLEAN NOT NULL,
        finished BOOLEAN NOT NULL,
        new_rows BIGINT NOT NULL DEFAULT 0
    ) ENGINE = InnoDB CHARACTER SET utf8mb4""",
    """CREATE TABLE IF NOT EXISTS _loadlab_chunk (
        table_key VARCHAR(200) CHARACTER SET utf8mb4 COLLATE utf8mb4_bin NOT NULL,
        start BIGINT NOT NULL,
        stop BIGINT NOT NULL,
        PRIMARY KEY (table_key, start, stop)
    ) ENGINE = InnoDB""",
)
# (kind, name); what belongs to a table goes with it.
_THINGS = """\
SELECT IF(table_type = 'VIEW', 'VIEW', IF(table_type = 'SEQUENCE', 'SEQUENCE', 'TABLE')), table_name
FROM information_schema.tables WHERE table_schema = {database}
UNION SELECT routine_type, routine_name FROM information_schema.routines WHERE routine_schema = {database}
UNION SELECT 'EVENT', event_name FROM information_schema.events WHERE event_schema = {database}"""


@dataclass(frozen=True, slots=True)
class Later:
    """Something put off until the rows are in: `clause` is what follows ALTER TABLE … ADD, or a whole CREATE TRIGGER.

    `kind`: index, full-text index, foreign key, trigger.
    """

    table: str
    kind: str
    name: str
    clause: str


@dataclass(frozen=True, slots=True)
class StandIn:
    """A hidden column that holds what an index of the original is about: `expression` in the original's words."""

    table: str
    column: str
    expression: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What finishing has to do, what was left out of the schema, one line each, what stands in for what, and all that
    was made.
    """

    later: tuple[Later, ...] = ()
    notes: tuple[str, ...] = ()
    stand_ins: tuple[StandIn, ...] = ()
    made: tuple[Thing, ...] = ()

    def to_json(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Plan:
        data = json.loads(text)
        return cls(
            tuple(Later(**item) for item in data["later"]),
            tuple(data["notes"]),
            tuple(StandIn(**item) for item in data["stand_ins"]),
            tuple((kind, name) for kind, name in data["made"]),
        )


@dataclass(frozen=True, slots=True)
class Entry:
    """The ledger's one row. Not `ready`: the tables are still being made, or whoever made them was killed."""

    manifest: Manifest
    plan: Plan
    before: frozenset[Thing] = field(default=frozenset())
    ready: bool = True


def is_open(connection: Connection, database: str) -> bool:
    """Whether the ledger's tables are there."""
    sql = f"SELECT 1 FROM information_schema.tables WHERE table_schema = {literal(database)} AND table_name ="
    return connection.value(f"{sql} '_loadlab_manifest'") is not None


def read(connection: Connection, database: str) -> Entry | None:
    """The ledger's row, None without one."""
    if not is_open(connection, database):
        return None
    found = connection.records("SELECT * FROM _loadlab_manifest")
    if not found:
        return None
    row = found[0]
    manifest = Manifest(
        row["fingerprint"],
        json.loads(row["body"]),
        Schema.from_json(row["schema"]),
        bool(row["owns_tables"]),
        bool(row["finished"]),
        int(row["new_rows"]),
    )
    before = frozenset((kind, name) for kind, name in json.loads(row["there_before"]))
    return Entry(manifest, Plan.from_json(row["plan"]), before, bool(row["ready"]))


def things(connection: Connection, database: str) -> frozenset[Thing]:
    """The tables, views, sequences, routines and events that are there, LoadLab's ledger left out."""
    rows = connection.rows(_THINGS.format(database=literal(database)))
    return frozenset((str(kind), str(name)) for kind, name in rows if not str(name).startswith(PREFIX))


def write(connection: Connection, entry: Entry) -> None:
    """Open the ledger with its one row."""
    for table in _TABLES:
        connection.run(table)
    manifest = entry.manifest
    values: Mapping[str, str] = {
        "only_row": "1",
        "fingerprint": literal(manifest.fingerprint),
        "body": literal(json.dumps(manifest.body)),
        "schema": literal(manifest.schema.to_json()),
        "plan": literal(entry.plan.to_json()),
        "there_before": literal(json.dumps(sorted(entry.before))),
        "owns_tables": str(int(manifest.owns_tables)),
        "ready": str(int(entry.ready)),
        "finished": str(int(manifest.finished)),
    }
    columns = ", ".join(map(quoted, values))
    connection.run(f"REPLACE INTO _loadlab_manifest ({columns}) VALUES ({', '.join(values.values())})")


def replace(connection: Connection, manifest: Manifest) -> None:
    """Another manifest in the place of the one that is there, to be finished again."""
    connection.run(
        f"UPDATE _loadlab_manifest SET fingerprint = {literal(manifest.fingerprint)},"
        f" body = {literal(json.dumps(manifest.body))}, finished = 0"
    )


def mark_finished(connection: Connection) -> None:
    """Nothing is left to do for the manifest."""
    connection.run("UPDATE _loadlab_manifest SET finished = 1")


def note_new_rows(connection: Connection, new_rows: int) -> None:
    """Write down how many rows beyond the dataset loads have used."""
    connection.run(f"UPDATE _loadlab_manifest SET new_rows = {int(new_rows)}")


def chunks(connection: Connection, database: str) -> frozenset[Chunk]:
    """The chunks that are in."""
    if not is_open(connection, database):
        return frozenset()
    return frozenset(Chunk(*row) for row in connection.rows("SELECT table_key, start, stop FROM _loadlab_chunk"))


def claim(connection: Connection, chunk: Chunk) -> bool:
    """Enter a chunk, inside the transaction that loads it; False when it is in already."""
    values = f"{literal(chunk.table)}, {chunk.start}, {chunk.stop}"
    return connection.run(f"INSERT IGNORE INTO _loadlab_chunk VALUES ({values})") == 1


def drop(connection: Connection) -> None:
    """The ledger itself, the row that tells of everything last."""
    for table in ("chunk", "manifest"):
        connection.run(f"DROP TABLE IF EXISTS {PREFIX}{table}")


def drop_things(connection: Connection, going: Iterable[Thing]) -> None:
    """Whatever order they depend on each other in; what is gone already is passed over."""
    order: Sequence[str] = ("EVENT", "VIEW", "TABLE", "SEQUENCE", "PROCEDURE", "FUNCTION")
    with connection.setting("foreign_key_checks", "0", "1"):
        for kind, name in sorted(going, key=lambda thing: order.index(thing[0])):
            connection.run(f"DROP {kind} IF EXISTS {quoted(name)}")
