"""Random PostgreSQL schemas as DDL text: every kind of type, key, relation, unique, CHECK and partition.

`schemas()` draws one. The server takes each of them; whether there are rows that it would take too is another matter
(CHECKs may contradict each other), about which the planner has to know.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import strategies as st

Draw = st.DrawFn

EXTENSIONS = ("citext", "hstore", "ltree", "cube", "vector", "btree_gist")
# What a type needs before it can be named.
PREPARED = {
    "mood": "CREATE TYPE mood AS ENUM ('calm', 'it''s \"quoted\"', 'wild');",
    "state": "CREATE TYPE state AS ENUM ('draft', 'active', 'done');",
    "positive": "CREATE DOMAIN positive AS integer CHECK (VALUE > 0);",
    "percentage": "CREATE DOMAIN percentage AS numeric(5, 2) CHECK (VALUE BETWEEN 0 AND 100);",
    "country": "CREATE DOMAIN country AS char(2) CHECK (VALUE ~ '^[A-Z]{2}$');",
    "email": "CREATE DOMAIN email AS citext CHECK (VALUE ~ '^[a-z0-9._%+-]+@[a-z0-9.-]+\\.[a-z]{2,}$');",
    "amount": "CREATE TYPE amount AS (value numeric(12, 2), currency char(3));",
    "spot": "CREATE TYPE spot AS (label text, price numeric(6, 2), tags text[]);",
    "float_range": "CREATE TYPE float_range AS RANGE (subtype = double precision);",
}
INTEGERS = ("integer", "bigint", "smallint")
NUMBERS = (*INTEGERS, "numeric(10, 2)", "numeric", "numeric(5, -2)", "numeric(3, 5)", "numeric(24, 6)")
FLOATS = ("double precision", "real")
TEXTS = ("text", "varchar(40)", "varchar(6)", "char(8)", "citext", "name", "varchar(1)", '"char"')
MOMENTS = ("timestamptz", "timestamp", "timestamp(0)", "timestamptz(3)")
ENUMS = ("mood", "state")
# Columns of these can be part of a unique key.
KEYS = (*NUMBERS, *FLOATS, *TEXTS, *MOMENTS, *ENUMS, "date", "boolean", "uuid")
OTHERS = (
    "jsonb", "json", "bytea", "time", "timetz", "time(0)", "interval", "interval day to hour", "inet", "cidr",
    "macaddr", "macaddr8", "money", "bit(5)", "varbit(9)", "oid", "pg_lsn", "xid8", "point", "line", "lseg", "box",
    "path", "polygon", "circle", "tsvector", "tsquery", "jsonpath", "hstore", "ltree", "cube", "vector(4)",
    "halfvec(3)", "sparsevec(20)", "positive", "percentage", "country", "email", "amount", "spot", "integer[]",
    "text[]", "varchar(5)[]", "mood[]", "uuid[]", "jsonb[]", "amount[]", "positive[]", "timestamptz[]",
    "numeric(6, 2)[][]", "date[]", "int4range", "int8range", "numrange", "daterange", "tsrange", "tstzrange",
    "float_range", "int4multirange", "datemultirange", "tstzmultirange", "int4range[]",
)  # fmt: skip
# Other types in which a unique key can tell rows apart.
ORDERED = (
    "bytea", "interval", "inet", "macaddr", "money", "time", "bit(5)", "varbit(9)", "oid", "jsonb", "int4range",
    "ltree", "positive", "country", "email", "integer[]", "text[]", "amount", "daterange", "xid8", "pg_lsn", "cidr",
)  # fmt: skip
EXTENSION_OF = {
    "citext": "citext", "email": "citext", "hstore": "hstore", "ltree": "ltree", "cube": "cube", "vector(4)": "vector",
    "halfvec(3)": "vector", "sparsevec(20)": "vector",
}  # fmt: skip

_TABLE_NAMES = ("alpha", "beta", "gamma", "delta", "order", "Mixed Case", "users", 'we"ird', "line items", "état")
_NAMES: dict[str, Sequence[str]] = {
    "integer": ("n", "quantity", "position", "level", "age", "Count", "year", "rating"),
    "numeric": ("amount", "price", "total", "rate", "discount"),
    "float": ("ratio", "latitude", "weight"),
    "text": ("label", "name", "email", "code", "slug", "title", "status", "phone", "country", "select", "Größe"),
    "moment": ("at", "created_at", "updated_at", "deleted_at", "starts_at", "expires_at"),
    "date": ("day", "born", "due date", "until"),
    "boolean": ("flag", "is_active", "is_default", "deleted"),
    "enum": ("kind", "state", "mood"),
    "uuid": ("token", "guid"),
    "other": ("thing", "data", "value", "extra"),
}
_PATTERNS = ("^[a-z]+$", "^[A-Z]{3}-[0-9]{4}$", "^x", "^(red|green|blue)$", "^[0-9a-f]{2,6}$", "[0-9]", "^\\w+@\\w+$")
_LIKES = ("a%", "%z", "SKU-%", "%mid%", "__", "a_c%")


def quoted(name: str) -> str:
    """An identifier in quotes."""
    return '"' + name.replace('"', '""') + '"'


def kind_of(type: str) -> str:
    """What can be asked of a column of the type."""
    if type in INTEGERS:
        return "integer"
    if type.startswith("numeric") and "[" not in type:
        return "numeric"
    for kinds, kind in ((FLOATS, "float"), (TEXTS, "text"), (MOMENTS, "moment"), (ENUMS, "enum")):
        if type in kinds:
            return kind
    return type if type in ("date", "boolean", "uuid") else "other"


@dataclass
class Col:
    """A column while its table is drawn; `name` as written in SQL."""

    name: str
    type: str
    required: bool = False
    rest: str = ""
    is_foreign: bool = False

    @property
    def kind(self) -> str:
        return kind_of(self.type)

    def ddl(self) -> str:
        return f"{self.name} {self.type}{' NOT NULL' if self.required else ''}{self.rest}"


@dataclass
class Tab:
    """A table while it is drawn; `referable` are the column lists that a foreign key can point to."""

    name: str
    columns: list[Col] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    referable: list[tuple[Col, ...]] = field(default_factory=list)
    keys: list[tuple[str, ...]] = field(default_factory=list)
    partitioned_by: Col | None = None
    partitions: str = ""
    tenant: Col | None = None
    references: list[tuple[tuple[Col, ...], Tab, tuple[Col, ...]]] = field(default_factory=list)

    def new_name(self, base: str) -> str:
        taken = {column.name for column in self.columns}
        names = [quoted(base), *(quoted(f"{base}_{k}") for k in range(2, 60))]
        return next(name for name in names if name not in taken)

    def add(self, base: str, type: str, *, required: bool = False, rest: str = "") -> Col:
        column = Col(self.new_name(base), type, required, rest)
        self.columns.append(column)
        return column

    def ddl(self) -> str:
        body = ",\n".join("    " + line for line in [*(column.ddl() for column in self.columns), *self.lines])
        return f"CREATE TABLE {self.name} (\n{body}\n)" + self.partitions


@st.composite
def schemas(draw: Draw, most: int = 6) -> str:
    """The DDL of two to six tables."""
    count = draw(st.integers(2, most))
    names = draw(st.permutations(_TABLE_NAMES))[:count] if draw(st.booleans()) else _TABLE_NAMES[:count]
    other = draw(st.sampled_from([None, None, None, "billing", "Other One"]))
    spaces = [quoted(other) if other and draw(st.booleans()) else "" for _ in names]
    tables: list[Tab] = []
    has_tenants = count > 2 and draw(st.integers(0, 3)) == 0
    for number, (name, space) in enumerate(zip(names, spaces, strict=True)):
        table = Tab(f"{space}.{quoted(name)}" if space else quoted(name))
        _draw_table(draw, table, tables, tables[0] if has_tenants and number else None)
        tables.append(table)
    cycles = [_cycle(draw, tables) for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2])))]
    made = [part for table in tables for part in (table.ddl() + ";", *table.after)]
    spaces_made = [f"CREATE SCHEMA {space};" for space in sorted(set(spaces)) if space]
    return "\n".join([*_preparation(tables), *spaces_made, *made, *(line for line in cycles if line)])


def _preparation(tables: Sequence[Tab]) -> list[str]:
    """Extensions and types, only those that are there for something."""
    types = {column.type.removesuffix("[]") for table in tables for column in table.columns}
    wanted = {EXTENSION_OF[type] for type in types if type in EXTENSION_OF}
    if any("USING gist" in line for table in tables for line in table.lines):
        wanted.add("btree_gist")
    extensions = [f"CREATE EXTENSION IF NOT EXISTS {name};" for name in EXTENSIONS if name in wanted]
    return [*extensions, *(text for name, text in PREPARED.items() if name in types)]


def _draw_table(draw: Draw, table: Tab, earlier: Sequence[Tab], tenants: Tab | None) -> None:
    if tenants is not None and tenants.referable:
        target = tenants.referable[0]
        if len(target) == 1:
            table.tenant = table.add("tenant_id", target[0].type, required=True)
            table.tenant.is_foreign = True
            table.lines.append(f"FOREIGN KEY ({table.tenant.name}) REFERENCES {tenants.name} ({target[0].name})")
    is_partitioned = draw(st.integers(0, 6)) == 0
    if is_partitioned:
        _partition(draw, table)
    _primary_key(draw, table, earlier)
    for _ in range(draw(st.sampled_from([0, 1, 1, 2, 3])) if earlier else 0):
        _foreign_key(draw, table, draw(st.sampled_from(earlier)))
    if table.referable and draw(st.integers(0, 4)) == 0:
        _foreign_key(draw, table, table)
    for _ in range(draw(st.integers(0, 5))):
        _column(draw, table)
    is_generated = draw(st.integers(0, 5)) == 0
    if is_generated and draw(st.booleans()):
        _generated(draw, table)
        is_generated = False
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3]))):
        _unique(draw, table)
    pool = Pool(draw, table.columns)
    for _ in range(draw(st.sampled_from([0, 0, 1, 1, 2, 3]))):
        condition = _condition(draw, pool)
        if condition:
            table.lines.append(f"CHECK ({condition})")
    if not is_partitioned and draw(st.integers(0, 9)) == 0:
        _exclusion(draw, table)
    if is_generated:
        _generated(draw, table)
    if not table.columns:
        table.add("id", "integer")


# -- columns and keys ----------------------------------------------------------------------------------------------


def _column(draw: Draw, table: Tab, types: Sequence[str] = (*KEYS, *OTHERS)) -> Col:
    type = draw(st.sampled_from(types))
    base = draw(st.sampled_from(_NAMES[kind_of(type)]))
    return table.add(base, type, required=draw(st.booleans()))


def _primary_key(draw: Draw, table: Tab, earlier: Sequence[Tab]) -> None:
    style = draw(
        st.sampled_from(
            [
                "identity",
                "identity",
                "integer",
                "serial",
                "uuid",
                "text",
                "composite",
                "foreign",
                "junction",
                "none",
                "enum",
                "numeric",
                "number of parent",
                "date",
            ]
        )
    )
    columns: list[Col] = []
    if style in ("foreign", "junction", "number of parent") and not any(other.referable for other in earlier):
        style = "identity"
    match style:
        case "identity":
            kind = draw(st.sampled_from(["ALWAYS", "BY DEFAULT"]))
            type = draw(st.sampled_from(INTEGERS))
            columns = [table.add("id", type, rest=f" GENERATED {kind} AS IDENTITY")]
        case "integer":
            columns = [table.add("id", draw(st.sampled_from(INTEGERS)))]
        case "serial":
            columns = [table.add("id", "integer", rest=" GENERATED BY DEFAULT AS IDENTITY")]
        case "uuid":
            columns = [table.add("id", "uuid", rest=draw(st.sampled_from(["", " DEFAULT gen_random_uuid()"])))]
        case "text":
            columns = [table.add("code", draw(st.sampled_from(TEXTS)))]
        case "enum":
            columns = [table.add("kind", draw(st.sampled_from((*ENUMS, "boolean"))))]
        case "numeric":
            columns = [table.add("number", draw(st.sampled_from((*NUMBERS, *FLOATS))))]
        case "date":
            columns = [table.add("day", draw(st.sampled_from(("date", *MOMENTS))))]
        case "composite":
            columns = [table.add("id", draw(st.sampled_from(INTEGERS))), _column(draw, table, KEYS)]
        case "foreign":
            columns = list(_reference(draw, table, draw(st.sampled_from(earlier)), required=True))
        case "junction":
            for _ in range(draw(st.sampled_from([2, 2, 3]))):
                columns += _reference(draw, table, draw(st.sampled_from(earlier)), required=True)
            if draw(st.integers(0, 3)) == 0:
                columns.append(table.add("kind", "state"))
        case "number of parent":
            columns = [*_reference(draw, table, draw(st.sampled_from(earlier)), required=True)]
            columns.append(table.add("position", draw(st.sampled_from((*INTEGERS, "date")))))
    if table.tenant is not None and columns and draw(st.booleans()):
        columns = [table.tenant, *(column for column in columns if column is not table.tenant)]
    if table.partitioned_by is not None and columns and table.partitioned_by not in columns:
        columns.append(table.partitioned_by)
    columns = _distinct(columns)
    if columns:
        table.lines.append(f"PRIMARY KEY ({_names(columns)})")
        table.referable.append(tuple(columns))
        table.keys.append(tuple(column.name for column in columns))


def _distinct(columns: Sequence[Col]) -> list[Col]:
    return [column for k, column in enumerate(columns) if not any(column is other for other in columns[:k])]


def _names(columns: Sequence[Col]) -> str:
    return ", ".join(column.name for column in columns)


def _foreign_key(draw: Draw, table: Tab, target: Tab) -> None:
    if target.referable:
        _reference(draw, table, target, required=target is not table and draw(st.booleans()))


def _reference(draw: Draw, table: Tab, target: Tab, *, required: bool) -> tuple[Col, ...]:
    """New columns that reference a key of the target; a tenant's column is shared."""
    if not target.referable:
        return ()
    key = draw(st.sampled_from(target.referable))
    base = draw(st.sampled_from(["parent", "owner", target.name.split(".")[-1].strip('"').replace('"', "")]))
    columns = []
    for theirs in key:
        if table.tenant is not None and theirs is target.tenant:
            columns.append(table.tenant)
            continue
        column = table.add(f"{base}_{theirs.name.strip(chr(34))}"[:50], theirs.type, required=required)
        column.is_foreign = True
        columns.append(column)
    action = draw(st.sampled_from(["", "", " ON DELETE CASCADE", " DEFERRABLE INITIALLY DEFERRED"]))
    alone = len(columns) > 1 and not any(column is table.tenant or column.required for column in columns)
    match = " MATCH FULL" if alone and draw(st.booleans()) else ""
    line = f"FOREIGN KEY ({_names(columns)}) REFERENCES {target.name} ({_names(key)}){match}{action}"
    table.lines.append(line)
    table.references.append((tuple(columns), target, key))
    return tuple(columns)


def _cycle(draw: Draw, tables: Sequence[Tab]) -> str:
    """A column of an earlier table that references a later one."""
    table = draw(st.sampled_from(tables[:-1]))
    later = [other for other in tables[tables.index(table) + 1 :] if other.referable]
    if not later:
        return ""
    target = draw(st.sampled_from(later))
    key = target.referable[0]
    back = next(
        (columns for columns, parent, theirs in target.references if parent is table and theirs == table.referable[0]),
        None,
    )
    if back is not None and draw(st.booleans()):
        return _own_child(table, target, back)
    deferred = draw(st.integers(0, 3)) == 0
    columns = [table.add(f"later_{theirs.name.strip(chr(34))}"[:50], theirs.type, required=deferred) for theirs in key]
    rest = " DEFERRABLE INITIALLY DEFERRED" if deferred else ""
    return (
        f"ALTER TABLE {table.name} ADD FOREIGN KEY ({_names(columns)}) REFERENCES {target.name} ({_names(key)}){rest};"
    )


def _own_child(table: Tab, child: Tab, back: tuple[Col, ...]) -> str:
    """A foreign key with which a row names one of the rows that reference it."""
    mine, others = table.referable[0], [column for column in child.referable[0] if column not in back]
    new = [table.add(f"main_{theirs.name.strip(chr(34))}"[:50], theirs.type) for theirs in others]
    if not new:
        return ""
    return "\n".join(
        [
            f"CREATE UNIQUE INDEX ON {child.name} ({_names([*others, *back])});",
            f"ALTER TABLE {table.name} ADD FOREIGN KEY ({_names([*new, *mine])})"
            f" REFERENCES {child.name} ({_names([*others, *back])});",
        ]
    )


def _unique(draw: Draw, table: Tab) -> None:
    """A unique constraint or index over some of the columns that can be told apart."""
    able = [column for column in table.columns if column.type in (*KEYS, *ORDERED)]
    if not able:
        return
    size = draw(st.sampled_from([1, 1, 2, 2, 3]))
    columns = draw(st.permutations(able))[:size]
    if table.partitioned_by is not None and not any(column is table.partitioned_by for column in columns):
        columns = [*columns, table.partitioned_by]
    key = tuple(column.name for column in columns)
    if key in table.keys:
        return
    table.keys.append(key)
    style = draw(st.sampled_from(["plain", "plain", "plain", "nulls", "partial", "lower", "coalesce"]))
    if table.partitioned_by is not None and style in ("partial", "lower", "coalesce"):
        style = "plain"
    match style:
        case "plain":
            table.lines.append(f"UNIQUE ({_names(columns)})")
            if len(table.referable) < 3:
                table.referable.append(tuple(columns))
        case "nulls":
            table.lines.append(f"UNIQUE NULLS NOT DISTINCT ({_names(columns)})")
        case "partial":
            condition = _condition(draw, Pool(draw, table.columns))
            where = f" WHERE {condition}" if condition else ""
            table.after.append(f"CREATE UNIQUE INDEX ON {table.name} ({_names(columns)}){where};")
        case _:
            items = ", ".join(_expression(column, style) for column in columns)
            table.after.append(f"CREATE UNIQUE INDEX ON {table.name} ({items});")


def _expression(column: Col, style: str) -> str:
    if style == "lower" and column.kind == "text" and column.type != '"char"':
        return f"lower({column.name}::text)"
    if style == "coalesce" and column.kind in ("integer", "numeric", "float"):
        return f"coalesce({column.name}, 0)"
    if style == "coalesce" and column.kind == "text" and column.type not in ('"char"', "name"):
        return f"coalesce({column.name}, '')"
    return column.name


def _exclusion(draw: Draw, table: Tab) -> None:
    """No two rows overlap, for the same value of another column."""
    during = table.add(
        "during", draw(st.sampled_from(["tstzrange", "int4range", "daterange"])), required=draw(st.booleans())
    )
    able = [column for column in table.columns if column.type in (*INTEGERS, "uuid", "text", "date")]
    with_same = f"{draw(st.sampled_from(able)).name} WITH =, " if able and draw(st.booleans()) else ""
    table.lines.append(f"EXCLUDE USING gist ({with_same}{during.name} WITH &&)")


def _generated(draw: Draw, table: Tab) -> None:
    able = [
        column
        for column in table.columns
        if column.kind in ("integer", "text") and column.type not in ('"char"', "name")
    ]
    if able:
        column = draw(st.sampled_from(able))
        text = f"lower({column.name}::text)" if column.kind == "text" else f"{column.name}::bigint * 2"
        type = "text" if column.kind == "text" else "bigint"
        table.add("made", type, rest=f" GENERATED ALWAYS AS ({text}) STORED")


# -- partitions ----------------------------------------------------------------------------------------------------


def _partition(draw: Draw, table: Tab) -> None:
    type = draw(st.sampled_from(("integer", "date", "timestamptz", "text", "state", "bigint", "uuid")))
    column = table.tenant if table.tenant is not None and draw(st.booleans()) else None
    type = "uuid" if column is not None else type
    column = column or table.add("part", type, required=draw(st.booleans()))
    table.partitioned_by = column
    way = "hash" if type == "uuid" else "list" if type in ("text", "state") else draw(
        st.sampled_from(["range", "range", "list" if type == "integer" else "hash", "hash"])
    )  # fmt: skip
    table.partitions = f" PARTITION BY {way.upper()} ({column.name})"
    base = table.name.split(".")[-1].strip('"').replace('"', "")
    space = table.name[: -len(table.name.split(".")[-1])]
    bounds = draw(_bounds(way, type))
    for number, bound in enumerate(bounds):
        name = f"{space}{quoted(f'{base}_{number}')}"
        below = draw(st.integers(0, 5)) == 0
        parts = f" PARTITION BY HASH ({column.name})" if below else ""
        table.after.append(f"CREATE TABLE {name} PARTITION OF {table.name} {bound}{parts};")
        for part in range(2 if below else 0):
            inner = f"{space}{quoted(f'{base}_{number}_{part}')}"
            table.after.append(
                f"CREATE TABLE {inner} PARTITION OF {name} FOR VALUES WITH (MODULUS 2, REMAINDER {part});"
            )


@st.composite
def _bounds(draw: Draw, way: str, type: str) -> list[str]:
    count = draw(st.integers(1, 3))
    if way == "hash":
        return [f"FOR VALUES WITH (MODULUS {count}, REMAINDER {k})" for k in range(count)]
    default = ["DEFAULT"] if draw(st.integers(0, 3)) == 0 else []
    if way == "list":
        values = {"text": ["'de'", "'fr'", "'us'"], "state": ["'draft'", "'active'", "'done'"]}.get(
            type, ["1", "2", "7"]
        )
        return [f"FOR VALUES IN ({value})" for value in values[:count]] + default
    if type == "date" or type in MOMENTS:
        ends = ["'2024-01-01'", "'2024-02-01'", "'2024-05-01'", "'2025-01-01'"]
    else:
        ends = ["1", "1000", "2000", "500000"]
    ends = draw(st.sampled_from([["MINVALUE", *ends[1:]], ends])) if draw(st.booleans()) else ends
    bounds = [f"FOR VALUES FROM ({low}) TO ({high})" for low, high in list(pairwise(ends))[:count]]
    if len(bounds) > 2 and draw(st.booleans()):
        del bounds[1]
    return bounds + default


# -- conditions ----------------------------------------------------------------------------------------------------


class Pool:
    """Columns that conditions are about; mostly each is used once, so that conditions seldom contradict each other."""

    def __init__(self, draw: Draw, columns: Sequence[Col]) -> None:
        self._draw = draw
        self._left = [column for column in columns if not column.rest.startswith(" GENERATED ALWAYS AS (")]

    def take(self, kinds: Sequence[str], *, like: Col | None = None) -> Col | None:
        able = [
            column
            for column in self._left
            if column.kind in kinds and (not column.is_foreign or self._draw(st.integers(0, 19)) == 0)
        ]
        if like is not None:
            able = [column for column in able if column.type == like.type]
        if not able:
            return None
        column = self._draw(st.sampled_from(able))
        if self._draw(st.integers(0, 9)) > 0:
            self._left = [other for other in self._left if other is not column]
        return column

    def nullable(self) -> Col | None:
        able = [column for column in self._left if not column.required and not column.rest]
        if not able:
            return None
        column = self._draw(st.sampled_from(able))
        self._left = [other for other in self._left if other is not column]
        return column


def _condition(draw: Draw, pool: Pool) -> str:
    """A condition, perhaps of several parts; "" where no column is left to speak of."""
    shape = draw(st.sampled_from(["atom", "atom", "atom", "and", "or", "not", "nulls"]))
    if shape in ("and", "or"):
        parts = [part for part in (_atom(draw, pool), _atom(draw, pool)) if part]
        return f" {shape.upper()} ".join(parts) if len(parts) < 2 else f"({parts[0]}) {shape.upper()} ({parts[1]})"
    if shape == "not":
        part = _atom(draw, pool)
        return f"NOT ({part})" if part else ""
    return _nulls(draw, pool) if shape == "nulls" else _atom(draw, pool)


def _nulls(draw: Draw, pool: Pool) -> str:
    """Who is NULL: exactly one of two, or together with the value of another column."""
    one = pool.nullable()
    if one is None:
        return ""
    style = draw(st.sampled_from(["num_nonnulls", "agree", "value", "implied", "not null"]))
    if style == "value":
        part = _atom(draw, pool)
        return f"({one.name} IS NULL) = ({part})" if part else ""
    if style == "implied":
        part = _atom(draw, pool)
        return f"NOT ({part}) OR {one.name} IS NOT NULL" if part else ""
    if style == "not null":
        return f"{one.name} IS NOT NULL"
    two = pool.nullable()
    if two is None:
        return f"{one.name} IS NOT NULL"
    if style == "agree":
        return f"({one.name} IS NULL) = ({two.name} IS NULL)"
    sign, number = draw(st.sampled_from([("=", 1), (">=", 1), ("<=", 1)]))
    return f"num_nonnulls({one.name}, {two.name}) {sign} {number}"


def _atom(draw: Draw, pool: Pool) -> str:
    column = pool.take(("integer", "numeric", "float", "text", "moment", "date", "boolean", "enum"))
    if column is None:
        return ""
    match column.kind:
        case "boolean":
            return column.name
        case "enum":
            values = PREPARED[column.type].split("(", 1)[1].removesuffix(");").split(", ")
            some = draw(st.lists(st.sampled_from(values), min_size=1, max_size=2, unique=True))
            return draw(
                st.sampled_from(
                    [
                        f"{column.name} = {some[0]}",
                        f"{column.name} IN ({', '.join(some)})",
                        f"{column.name} <> {some[0]}",
                    ]
                )
            )
        case "text":
            return _text_atom(draw, column)
        case "moment" | "date":
            return _time_atom(draw, pool, column)
    return _number_atom(draw, pool, column)


def _number_atom(draw: Draw, pool: Pool, column: Col) -> str:
    name, low, high = column.name, draw(st.integers(-5, 50)), draw(st.integers(51, 2000))
    if column.type == "numeric(3, 5)":
        return f"{name} >= 0"
    if column.type == "numeric(5, -2)":
        return f"{name} >= {low * 100}"
    styles = ["low", "high", "between", "sign", "in", "differs", "pair", "sum"]
    style = draw(st.sampled_from([*styles, "modulo"] if column.kind == "integer" else styles))
    match style:
        case "low":
            return f"{name} {draw(st.sampled_from(['>=', '>']))} {low}"
        case "high":
            return f"{name} {draw(st.sampled_from(['<=', '<']))} {high}"
        case "between":
            return f"{name} BETWEEN {low} AND {high}"
        case "sign":
            return f"{name} < 0"
        case "in":
            values = draw(st.lists(st.integers(0, 9), min_size=1, max_size=5, unique=True))
            word = draw(st.sampled_from(["IN", "NOT IN"]))
            return f"{name} {word} ({', '.join(map(str, values))})"
        case "differs":
            return f"{name} <> {draw(st.sampled_from([0, 1, low]))}"
        case "modulo":
            modulo = draw(st.integers(2, 10))
            return f"{name} % {modulo} = {draw(st.integers(0, modulo - 1))}"
    other = pool.take((column.kind,), like=column)
    if other is None or other is column:
        return f"{name} >= {low}"
    if style == "sum":
        return f"{name} + {other.name} <= {high + 500}"
    return f"{name} {draw(st.sampled_from(['<=', '<', '<>', '>=']))} {other.name}"


def _text_atom(draw: Draw, column: Col) -> str:
    name = column.name
    if column.type in ('"char"', "name"):
        return f"{name} <> 'x'"
    longest = {"varchar(40)": 40, "varchar(6)": 6, "char(8)": 8, "varchar(1)": 1}.get(column.type, 1000)
    style = draw(
        st.sampled_from(["in", "not blank", "pattern", "like", "longer", "shorter", "lower", "differs", "exact"])
    )
    match style:
        case "in":
            return f"{name} IN ({draw(st.sampled_from(quoted_lists(longest)))})"
        case "not blank":
            return draw(st.sampled_from([f"{name} <> ''", f"length(trim({name})) > 0"]))
        case "pattern":
            return f"{name} ~ '{draw(st.sampled_from(_PATTERNS))}'"
        case "like":
            return f"{name} LIKE '{draw(st.sampled_from(_LIKES))}'"
        case "longer":
            return f"length({name}) {draw(st.sampled_from(['>=', '>']))} {draw(st.integers(0, min(longest, 12) - 1))}"
        case "shorter":
            return f"char_length({name}) <= {draw(st.integers(1, 12))}"
        case "lower":
            return f"{name} = {draw(st.sampled_from(['lower', 'upper']))}({name})"
        case "exact":
            return f"length({name}) = {draw(st.integers(1, min(longest, 12)))}"
    return f"{name} <> 'x'"


def quoted_lists(longest: int) -> list[str]:
    """Lists of texts that are short enough."""
    lists = [["a", "b", "c"], ["x"], ["open", "done"], ["N", "Y"]]
    return [", ".join(f"'{text}'" for text in texts) for texts in lists if max(map(len, texts)) <= longest]


def _time_atom(draw: Draw, pool: Pool, column: Col) -> str:
    other = pool.take((column.kind,), like=column)
    if other is not None and other is not column and draw(st.booleans()):
        return f"{column.name} {draw(st.sampled_from(['<=', '<', '>', '>=']))} {other.name}"
    return draw(
        st.sampled_from(
            [
                f"{column.name} >= '2020-01-01'",
                f"{column.name} < '2030-06-01'",
                f"{column.name} BETWEEN '2021-01-01' AND '2024-12-31'",
                f"{column.name} > '2000-02-29'",
            ]
        )
    )
