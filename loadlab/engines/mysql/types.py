"""What a declared type means: `COLUMN_TYPE` of information_schema as a logical type."""

from __future__ import annotations

import re
from itertools import pairwise

from loadlab.engines.mysql.names import quoted
from loadlab.schema.model import Column, LogicalType

_DECLARED = re.compile(r"^(?P<name>\w+)(?:\((?P<inside>.*)\))?(?P<rest>[^)]*)$", re.DOTALL)
_LABEL = re.compile(r"'((?:[^']|'')*)'")
_INTEGERS = {"tinyint": 8, "smallint": 16, "mediumint": 24, "int": 32, "integer": 32, "bigint": 64}
# Bytes that the smallest of the text and blob types hold; of others no row that LoadLab makes is too long.
_TINY_BYTES = 255
_BYTES_PER_CHARACTER = 4  # at most, in utf8mb4
# Character sets that hold all of Unicode, or all but what no row of LoadLab's has.
_UNICODE = re.compile(r"utf8|utf16|utf32|ucs2|gb18030|binary", re.IGNORECASE)
# Python's names of those of one byte a character (https://mariadb.com/kb/en/supported-character-sets-and-collations/);
# of others ASCII is taken, which all of them have.
_ENCODINGS = {
    "latin1": "cp1252", "latin2": "iso8859-2", "latin5": "iso8859-9", "latin7": "iso8859-13", "greek": "iso8859-7",
    "hebrew": "iso8859-8", "koi8r": "koi8-r", "koi8u": "koi8-u", "cp1250": "cp1250", "cp1251": "cp1251",
    "cp1256": "cp1256", "cp1257": "cp1257", "cp850": "cp850", "cp852": "cp852", "cp866": "cp866",
}  # fmt: skip
_FIGURES = {
    "point", "linestring", "polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection", "geometry",
}  # fmt: skip
_YEARS = (1901, 2155)


def logical_type(declared: str, *, srid: int | None = None) -> LogicalType:
    """`native` keeps the type as it was declared."""
    match = _DECLARED.match(declared.strip())
    name, inside, rest = match.groups(default="") if match else (declared, "", "")
    name, unsigned = name.lower(), "unsigned" in rest.lower()
    first, second = _numbers(inside)
    if name in _INTEGERS:
        if name == "tinyint" and first == 1 and not unsigned:
            return LogicalType("boolean", declared)
        return LogicalType("integer", declared, bits=_INTEGERS[name], unsigned=unsigned)
    if name in _FIGURES:
        return LogicalType("geometry", declared, form=name, srid=srid or None)
    match name:
        case "decimal" | "numeric":
            return LogicalType("numeric", declared, precision=first or 10, scale=second or 0, unsigned=unsigned)
        case "float":
            return LogicalType("float", declared, bits=32)
        case "double" | "real":
            return LogicalType("float", declared, bits=64)
        case "year":
            return LogicalType("integer", declared, bits=16)
        case "bit":
            return LogicalType("bits", declared, length=first or 1, fixed=True)
        case "date" | "uuid" | "json":
            return LogicalType(name, declared)
        case "time":
            return LogicalType("time", declared, precision=first or 0)
        case "datetime":
            return LogicalType("timestamp", declared, precision=first or 0)
        case "timestamp":
            return LogicalType("timestamp", declared, precision=first or 0, timezone=True, bits=32)
        case "inet4" | "inet6":
            return LogicalType("inet", declared)
        case "enum":
            return LogicalType("enum", declared, labels=_labels(inside))
        case "set":
            return LogicalType("enum", declared, labels=_combinations(_labels(inside)))
        case "char" | "varchar":
            return LogicalType("text", declared, length=first)
        case "tinytext":
            return LogicalType("text", declared, length=_TINY_BYTES // _BYTES_PER_CHARACTER)
        case "text" | "mediumtext" | "longtext":
            return LogicalType("text", declared)
        case "binary" | "varbinary":
            return LogicalType("bytes", declared, length=first or 1)
        case "tinyblob":
            return LogicalType("bytes", declared, length=_TINY_BYTES)
        case "blob" | "mediumblob" | "longblob":
            return LogicalType("bytes", declared)
    return LogicalType("other", declared)


def encoding(character_set: str | None) -> str:
    """Python's name of the encoding that a column of text is kept in; "" where it holds every text."""
    if not character_set or _UNICODE.match(character_set):
        return ""
    return _ENCODINGS.get(character_set.lower(), "ascii")


def implied_check(column: Column) -> str | None:
    """What the declared type demands beyond its logical type, as a condition; None when nothing."""
    name, declared = quoted(column.name), column.type.native.lower()
    if column.generated is not None:
        return None
    if declared.startswith("year"):
        return f"{name} BETWEEN {_YEARS[0]} AND {_YEARS[1]}"
    if declared.startswith("binary"):
        # Shorter ones are filled up with zeros, which come back as part of the value.
        return f"octet_length({name}) = {column.type.length}"
    if column.type.kind in ("integer", "numeric", "float") and "unsigned" in declared:
        return f"{name} >= 0"
    return None


def _numbers(inside: str) -> tuple[int | None, int | None]:
    parts = [part.strip() for part in inside.split(",")] if "'" not in inside else []
    found = [int(part) for part in parts if part.isdigit()]
    return (found[0] if found else None, found[1] if len(found) > 1 else None)


def _labels(inside: str) -> tuple[str, ...]:
    return tuple(text.replace("''", "'") for text in _LABEL.findall(inside))


def _combinations(members: tuple[str, ...]) -> tuple[str, ...]:
    """Some values of a SET: one member, or two that stand side by side, in the order of the declaration."""
    return (*members, *(",".join(pair) for pair in pairwise(members)))
