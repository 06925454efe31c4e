"""How long texts in keys and indexes may be: InnoDB takes 3,072 bytes a key, and texts without a limit by a prefix."""

from __future__ import annotations

from loadlab.engines.mysql.names import quoted
from loadlab.engines.mysql.product import Product
from loadlab.schema.checks import Allowed, read_check
from loadlab.schema.model import Column, Index, Schema, Table

_KEY_BYTES = 3072
_BYTES_PER_CHARACTER = 4
_OTHER_BYTES = 18  # of a column that is no text, with what the key keeps beside it: a UUID and its NULL
_PREFIX = 255
_ENUMERATED = 64
_OPEN_TEXTS = ("text", "bytes", "bits", "label_path", "other", "xml", "search_query", "label_query", "json_path")


class Keys:
    """What the keys of a schema mean for its columns."""

    def __init__(self, schema: Schema, product: Product) -> None:
        self._schema, self._product = schema, product
        self.longest = _PREFIX
        self._targets = {
            (key.target, column) for table in schema for key in table.foreign_keys for column in key.target_columns
        }

    def text_width(self, table: Table, column: Column) -> int | None:
        """The most characters of a text that has no limit of its own but needs one; None where it does not."""
        if column.type.kind not in _OPEN_TEXTS or column.type.length is not None:
            return None
        values = _allowed(self._schema, table, column)
        if values:
            return max(_ENUMERATED, *map(len, values))
        in_key = column.name in table.primary_key or (table.key, column.name) in self._targets
        refers = any(column.name in key.columns for key in table.foreign_keys)
        is_unique = any(index.unique and column.name in index.keys for index in table.indexes)
        return _PREFIX if in_key or refers or is_unique else None

    def width_of(self, table: Table, index: Index) -> int:
        """The most characters of each text in an index, so that all of them fit."""
        names = [*index.keys, *(() if index.unique else index.include)]
        columns = [column for column in table.columns if column.name in names]
        texts = [column for column in columns if column.type.kind in _OPEN_TEXTS]
        others = len(names) - len(texts)
        room = (_KEY_BYTES - _OTHER_BYTES * others) // (_BYTES_PER_CHARACTER * max(len(texts), 1)) - 1
        return max(1, min(room, 767))

    def part(self, table: Table, name: str, width: int) -> str:
        """A column as a part of an index: of a long text, its beginning."""
        column = table.column(name)
        if column.type.kind not in _OPEN_TEXTS:
            return quoted(name)
        length = column.type.length or self.text_width(table, column)
        if length is not None and length <= width:
            return quoted(name)
        return f"{quoted(name)}({min(width, _PREFIX)})"


def _allowed(schema: Schema, table: Table, column: Column) -> list[str]:
    """The texts that CHECKs let a column have, where they list them."""
    found: list[str] = []
    for check in table.checks:
        reading = read_check(check.expression, schema.dialect)
        if len(reading.branches) != 1:
            continue
        for fact in reading.branches[0]:
            if isinstance(fact, Allowed) and getattr(fact, "column", None) == column.name:
                found += [str(value) for value in fact.values]
    return found
