"""What expressions of indexes and generated columns ask of texts and documents that they read as something else.

`CREATE INDEX … ((number::integer))` refuses a row whose `number` is no number, as a CHECK would.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from loadlab.schema.checks.facts import JsonType, Matches
from loadlab.schema.model import Table

# By what a text is read as, the texts that can be: some of those that the server reads, the shorter the better.
_PATTERNS = {
    "smallint": "^[1-9][0-9]{0,3}$",
    "integer": "^[1-9][0-9]{0,7}$",
    "bigint": "^[1-9][0-9]{0,11}$",
    "numeric": "^[1-9][0-9]{0,5}[.][0-9]{2}$",
    "double precision": "^[1-9][0-9]{0,5}[.][0-9]{2}$",
    "real": "^[1-9][0-9]{0,3}[.][0-9]$",
    "date": "^20[0-2][0-9]-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])$",
    "boolean": "^(true|false)$",
    "uuid": "^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$",
    "regconfig": "^(simple|english|german|french|spanish)$",
    "inet": "^10[.](1?[0-9]{1,2}[.]){2}1?[0-9]{1,2}$",
}
# "name"::integer, (name)::integer, (name::text)::integer, CAST(name AS integer)
_NAME = r'(?:"(?P<quoted>(?:[^"]|"")+)"|(?P<plain>[^\W\d]\w*))'
_TEXT = r"(?:::(?:text|character varying|varchar|citext))?"
_TYPES = "|".join(map(re.escape, _PATTERNS))
_CAST = re.compile(rf"(?<![\w.\"]){_NAME}\)?{_TEXT}\)?::(?P<type>{_TYPES})\b", re.IGNORECASE)
_LENGTH_OF_LIST = re.compile(rf"\bjsonb?_array_length\s*\(\s*{_NAME}\s*\)", re.IGNORECASE)
_CAST_AS = re.compile(rf"CAST\s*\(\s*{_NAME}\s+AS\s+(?P<type>{_TYPES})\b", re.IGNORECASE)


def read_casts(table: Table) -> Iterator[Matches | JsonType]:
    """A fact for each column that an index or a generated column reads as a number, a date, … or a list."""
    expressions = [
        key
        for index in table.indexes
        for key, is_expression in zip(index.keys, index.expressions, strict=False)
        if is_expression
    ]
    expressions += [column.generated for column in table.columns if column.generated is not None]
    documents = {column.name for column in table.columns if column.type.kind == "json"}
    lists = {_name(match) for text in expressions for match in _LENGTH_OF_LIST.finditer(text)}
    yield from (JsonType(name, "array") for name in sorted(lists & documents))
    texts = {column.name for column in table.columns if column.type.kind == "text"}
    found = [match for text in expressions for pattern in (_CAST, _CAST_AS) for match in pattern.finditer(text)]
    for column, type in dict.fromkeys((_name(match), match["type"].lower()) for match in found):
        if column in texts:
            yield Matches(column, _PATTERNS[type], as_text=True)


def _name(match: re.Match[str]) -> str:
    return match["plain"] or match["quoted"].replace('""', '"')
