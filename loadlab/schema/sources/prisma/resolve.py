"""From the blocks of a Prisma schema to tables: names, keys, and the foreign keys that relations mean.

Rules as in Prisma's documentation ("Relations", "Referential actions", "Names in the underlying database") and in
prisma-engines, where the documentation is silent.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadlab.errors import InputError
from loadlab.schema.sources.prisma.grammar import Attribute, Block, Field, read_blocks
from loadlab.schema.sources.prisma.model import (
    FULL_TEXT,
    Call,
    EnumType,
    KeyPart,
    Literal_,
    NativeType,
    Number,
    PrismaColumn,
    PrismaForeignKey,
    PrismaKey,
    PrismaSchema,
    PrismaTable,
    Word,
)
from loadlab.spec.base import read_text

SCALARS = frozenset({"String", "Boolean", "Int", "BigInt", "Float", "Decimal", "DateTime", "Json", "Bytes"})
_ACTIONS = {
    "Cascade": "CASCADE",
    "Restrict": "RESTRICT",
    "NoAction": "NO ACTION",
    "SetNull": "SET NULL",
    "SetDefault": "SET DEFAULT",
}
_WITHOUT_FOREIGN_KEYS = "prisma"


def read_prisma(path: Path) -> PrismaSchema:
    """Read a `.prisma` file, or every one below a folder. Raises InputError with file and line."""
    files = sorted(path.rglob("*.prisma")) if path.is_dir() else [path]
    if not files:
        raise InputError(str(path), "holds no .prisma file")
    blocks = [block for file in files for block in read_blocks(read_text(file), file.name)]
    return _Resolver(blocks).schema()


@dataclass(frozen=True, slots=True)
class _Model:
    """A model, where its table is, and its fields by name."""

    block: Block
    table: str
    namespace: str
    fields: Mapping[str, Field]

    def field(self, name: str, user: Attribute) -> Field:
        if name not in self.fields:
            raise user.place.error(f"names a field that {self.block.name} does not have", value=name)
        return self.fields[name]

    def column(self, name: str, user: Attribute) -> str:
        return _column_name(self.field(name, user))

    def columns(self, names: Sequence[str], user: Attribute) -> tuple[str, ...]:
        return tuple(self.column(name, user) for name in names)


class _Resolver:
    def __init__(self, blocks: Sequence[Block]) -> None:
        self._datasource = next((block for block in blocks if block.kind == "datasource"), None)
        self._enums = {block.name: _enum(block) for block in blocks if block.kind == "enum"}
        self._models = {block.name: _model(block) for block in blocks if block.kind == "model"}
        self._others = {block.name for block in blocks if block.kind in ("view", "type")}

    def schema(self) -> PrismaSchema:
        source = self._datasource
        provider = _text(source.setting("provider")) if source is not None else None
        tables = [self._table(model) for model in self._models.values()]
        tables += self._join_tables()
        named = {table.namespace for table in tables} | {enum.namespace for enum in self._enums.values()}
        listed = _texts(source.setting("schemas")) if source is not None else ()
        return PrismaSchema(
            provider,
            tuple(sorted({*named, *listed} - {""})),
            _extensions(source),
            tuple(self._enums.values()),
            tuple(tables),
        )

    # Tables

    def _table(self, model: _Model) -> PrismaTable:
        fields = [field for field in model.fields.values() if self._is_column(field)]
        columns = tuple(self._column(field) for field in fields)
        return PrismaTable(
            model.table,
            model.namespace,
            columns,
            _primary_key(model),
            _indexes(model),
            tuple(self._foreign_keys(model)) if self._has_foreign_keys() else (),
        )

    def _has_foreign_keys(self) -> bool:
        mode = self._datasource.setting("relationMode") if self._datasource is not None else None
        return _text(mode) != _WITHOUT_FOREIGN_KEYS

    def _is_column(self, field: Field) -> bool:
        if field.unsupported is not None or field.type in SCALARS or field.type in self._enums:
            return True
        if field.type in self._models or field.type in self._others:
            return False
        raise field.place.error(
            "is neither one of Prisma's types nor a model or enum of this schema; name the folder of a schema in"
            " several files as prisma:FOLDER",
            value=field.type,
        )

    def _column(self, field: Field) -> PrismaColumn:
        native = next((item for item in field.attributes if "." in item.name), None)
        default = field.attribute("default")
        value = default.get("value", first=True) if default is not None else None
        enum = self._enums.get(field.type)
        if enum is not None and default is not None and value is not None:
            value = _labels(value, enum, default)
        return PrismaColumn(
            _column_name(field),
            field.type,
            field.arity,
            field.place,
            enum,
            _native(native) if native is not None else None,
            field.unsupported,
            value,
        )

    # Relations

    def _foreign_keys(self, model: _Model) -> list[PrismaForeignKey]:
        keys: list[PrismaForeignKey] = []
        for field in model.fields.values():
            relation = field.attribute("relation")
            if relation is None or field.type not in self._models or relation.get("fields") is None:
                continue
            names = _words(relation.get("fields"))
            target = self._models[field.type]
            required = any(model.field(name, relation).arity == "required" for name in names)
            on_delete = "RESTRICT" if required or field.arity == "required" else "SET NULL"
            key = PrismaForeignKey(
                model.columns(names, relation),
                (target.namespace, target.table),
                target.columns(_words(relation.get("references")), relation),
                _action(relation, "onDelete") or on_delete,
                _action(relation, "onUpdate") or "CASCADE",
                _text(relation.get("map")),
            )
            # Two relations over the same columns to the same table are one foreign key.
            if key.name is not None or (key.columns, key.target) not in [(k.columns, k.target) for k in keys]:
                keys.append(key)
        return keys

    def _join_tables(self) -> list[PrismaTable]:
        """Of the many-to-many relations that no model stands for."""
        sides: dict[tuple[str, ...], list[tuple[_Model, Field]]] = {}
        for model in self._models.values():
            for field in model.fields.values():
                other = self._models.get(field.type)
                if other is None or field.arity != "list":
                    continue
                pair = tuple(sorted((model.block.name, other.block.name)))
                sides.setdefault((_relation_name(field), *pair), []).append((model, field))
        return [self._join_table(key[0], ends) for key, ends in sides.items() if len(ends) == 2]

    def _join_table(self, relation: str, ends: Sequence[tuple[_Model, Field]]) -> PrismaTable:
        (first, field_a), (second, field_b) = sorted(ends, key=lambda end: (end[0].block.name, end[1].name))
        name = relation or f"{first.block.name}To{second.block.name}"
        table = f"_{name}"
        # A of a relation of a model with itself is the end whose field comes first in the alphabet.
        columns = [self._join_column(side, model, field) for side, model, field in
                   (("A", first, field_a), ("B", second, field_b))]  # fmt: skip
        keys = [
            PrismaForeignKey(
                (side,), (model.namespace, model.table), (_id_column(model, field),), "CASCADE", "CASCADE", None
            )
            for side, model, field in (("A", first, field_a), ("B", second, field_b))
        ]
        pair = PrismaKey((KeyPart("A"), KeyPart("B")), f"{table}_AB_pkey")
        return PrismaTable(
            table,
            first.namespace,
            tuple(columns),
            pair,
            (PrismaKey((KeyPart("B"),), f"{table}_B_index"),),
            tuple(keys) if self._has_foreign_keys() else (),
            is_join=True,
        )

    def _join_column(self, side: str, model: _Model, field: Field) -> PrismaColumn:
        id_field = _id_field(model, field)
        column = self._column(id_field)
        return PrismaColumn(side, column.type, "required", field.place, column.enum, column.native)


# -- names -----------------------------------------------------------------------------------------------------------


def _model(block: Block) -> _Model:
    fields: dict[str, Field] = {}
    for field in block.fields:
        if field.name in fields:
            raise field.place.error(f"is a second field of that name in {block.name}", value=field.name)
        fields[field.name] = field
    return _Model(block, _mapped(block.attribute("map")) or block.name, _namespace(block), fields)


def _enum(block: Block) -> EnumType:
    values = tuple((value.name, _mapped(value.attribute("map")) or value.name) for value in block.fields)
    return EnumType(_mapped(block.attribute("map")) or block.name, _namespace(block), values, block.place)


def _namespace(block: Block) -> str:
    return _mapped(block.attribute("schema")) or ""


def _mapped(attribute: Attribute | None) -> str | None:
    if attribute is None:
        return None
    return _text(attribute.get("name", first=True)) or _text(attribute.get("map", first=True))


def _column_name(field: Field) -> str:
    return _mapped(field.attribute("map")) or field.name


def _relation_name(field: Field) -> str:
    relation = field.attribute("relation")
    return (_text(relation.get("name", first=True)) if relation is not None else None) or ""


# -- keys ------------------------------------------------------------------------------------------------------------


def _id_field(model: _Model, user: Field) -> Field:
    for field in model.fields.values():
        if field.attribute("id") is not None:
            return field
    # A whole-model key of one field is as good; otherwise the first unique one.
    whole = model.block.attribute("id")
    names = _words(whole.get("fields", first=True)) if whole is not None else ()
    if len(names) == 1 and whole is not None:
        return model.field(names[0], whole)
    for field in model.fields.values():
        if field.attribute("unique") is not None:
            return field
    raise user.place.error(
        f"is many-to-many with {model.block.name}, which has no key of one field; write the table between them as a"
        " model",
        value=user.name,
    )


def _id_column(model: _Model, user: Field) -> str:
    return _column_name(_id_field(model, user))


def _primary_key(model: _Model) -> PrismaKey | None:
    for field in model.fields.values():
        attribute = field.attribute("id")
        if attribute is not None:
            part = _part_options(_column_name(field), attribute.options)
            return PrismaKey((part,), _text(attribute.get("map")))
    whole = model.block.attribute("id")
    return _key(model, whole, unique=False) if whole is not None else None


def _indexes(model: _Model) -> tuple[PrismaKey, ...]:
    found = []
    for field in model.fields.values():
        attribute = field.attribute("unique")
        if attribute is not None:
            part = _part_options(_column_name(field), attribute.options)
            name = _text(attribute.get("map", first=True))
            found.append(PrismaKey((part,), name, unique=True, predicate=_predicate(attribute)))
    found += [
        _key(model, whole, unique=whole.name == "unique")
        for whole in model.block.attributes
        if whole.name in ("unique", "index", FULL_TEXT)
    ]
    return tuple(found)


def _key(model: _Model, attribute: Attribute, *, unique: bool) -> PrismaKey:
    fields = attribute.get("fields", first=True)
    items = fields if isinstance(fields, tuple) else (fields,) if fields is not None else ()
    parts = []
    for item in items:
        field = item.name if isinstance(item, Call) else item.text if isinstance(item, Word) else ""
        options = item.options if isinstance(item, Call) else {}
        parts.append(_part_options(model.column(field, attribute), options))
    if not parts:
        raise attribute.place.error(f"of {model.block.name} names no field; write e.g. @@{attribute.name}([email])")
    name = _text(attribute.get("map"))
    if attribute.name == "index":
        name = name or _text(attribute.get("name"))  # what `map` was called before Prisma 3
    stated = attribute.get("type")
    method = FULL_TEXT if attribute.name == FULL_TEXT else stated.text if isinstance(stated, Word) else None
    return PrismaKey(tuple(parts), name, unique, method, _predicate(attribute))


def _part_options(column: str, options: Mapping[str, Literal_]) -> KeyPart:
    sort, length = options.get("sort"), options.get("length")
    return KeyPart(
        column,
        isinstance(sort, Word) and sort.text == "Desc",
        _operator_class(options.get("ops")),
        int(length.text) if isinstance(length, Number) else None,
    )


def _operator_class(value: Literal_ | None) -> str | None:
    """`raw("gin_trgm_ops")` as it is, `JsonbPathOps` as jsonb_path_ops."""
    if isinstance(value, Call) and value.name == "raw":
        return _text(value.arguments[0]) if value.arguments else None
    if not isinstance(value, Word):
        return None
    snake = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", value.text).lower()
    return snake.replace("min_max", "minmax")


def _predicate(attribute: Attribute) -> str | None:
    where = attribute.get("where")
    if where is None:
        return None
    if isinstance(where, Call) and where.name == "raw" and where.arguments:
        return _text(where.arguments[0])
    raise attribute.place.error('has a condition that is not understood; write where: raw("deleted_at IS NULL")')


# -- values ----------------------------------------------------------------------------------------------------------


def _native(attribute: Attribute) -> NativeType:
    arguments = tuple(item.value.text for item in attribute.arguments if isinstance(item.value, Number))
    return NativeType(attribute.name.partition(".")[2], arguments, attribute.place)


def _labels(value: Literal_, enum: EnumType, attribute: Attribute) -> Literal_:
    """An enum's default in the database's words."""
    if isinstance(value, tuple):
        return tuple(_labels(item, enum, attribute) for item in value)
    if not isinstance(value, Word):
        return value
    label = enum.label(value.text)
    if label is None:
        raise attribute.place.error(f"is no value of the enum {enum.name}", value=value.text)
    return label


def _action(relation: Attribute, name: str) -> str | None:
    value = relation.get(name)
    if value is None:
        return None
    if not isinstance(value, Word) or value.text not in _ACTIONS:
        raise relation.place.error(f"has an {name} that is none of {', '.join(_ACTIONS)}")
    return _ACTIONS[value.text]


def _extensions(source: Block | None) -> tuple[tuple[str, str | None], ...]:
    listed = source.setting("extensions") if source is not None else None
    found: list[tuple[str, str | None]] = []
    for item in listed if isinstance(listed, tuple) else ():
        if isinstance(item, Word):
            found.append((item.text, None))
        elif isinstance(item, Call):
            options = item.options
            found.append((_text(options.get("map")) or item.name, _text(options.get("schema"))))
    return tuple(found)


def _text(value: Literal_ | None) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: Literal_ | None) -> tuple[str, ...]:
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, tuple) else ()


def _words(value: Literal_ | None) -> tuple[str, ...]:
    items = value if isinstance(value, tuple) else (value,) if value is not None else ()
    return tuple(item.text if isinstance(item, Word) else item.name for item in items if isinstance(item, Word | Call))
