"""The column types in which the logical types of other engines are kept."""

from __future__ import annotations

from loadlab.engines.mysql.names import literal
from loadlab.engines.mysql.product import Product
from loadlab.schema.model import LogicalType

_PRECISION_MAX, _SCALE_MAX = 65, 30  # https://mariadb.com/kb/en/decimal/
_VARCHAR_MAX = 2000  # what a table's row of 65,535 bytes holds several of; a longer one is a text with a CHECK
_OCTETS_MAX = 8000
_ADDRESS = 43  # an IPv6 address with a network's length
_JSON = ("array", "range", "multirange", "composite", "map", "vector", "shape", "search_vector")
_TYPES = {
    "boolean": "BOOLEAN",
    "date": "DATE",
    "interval": "BIGINT",
    "inet": f"VARCHAR({_ADDRESS})",
    "mac": "VARCHAR(23)",
    "json": "JSON",
    "geometry": "LONGBLOB",
    "float": "DOUBLE",
    **dict.fromkeys(_JSON, "JSON"),
}


def stored_type(logical: LogicalType, product: Product, width: int | None = None) -> str:
    """`width`: of a text or of octets that a key or an index needs to be no longer than that."""
    match logical.kind:
        case "integer":
            name = "SMALLINT" if (logical.bits or 64) <= 16 else "INT" if (logical.bits or 64) <= 32 else "BIGINT"
            return f"{name} UNSIGNED" if logical.unsigned else name
        case "numeric":
            return _decimal(logical)
        case "uuid":
            return "UUID" if product.has_uuid_type else "CHAR(36) CHARACTER SET ascii COLLATE ascii_bin"
        case "enum" if logical.labels:
            return f"ENUM({', '.join(literal(label) for label in logical.labels)})"
        case "time":
            return f"TIME({_decimals(logical)})"
        case "timestamp":
            return f"DATETIME({_decimals(logical)})"
        case "bytes":
            length = logical.length if logical.length is not None else width
            return "LONGBLOB" if length is None or length > _OCTETS_MAX else f"VARBINARY({length})"
    if logical.kind in _TYPES:
        return _TYPES[logical.kind]
    length = logical.length if logical.length is not None and logical.kind != "bits" else None
    limit = min((item for item in (length, width) if item is not None), default=None)
    return "LONGTEXT" if limit is None or limit > _VARCHAR_MAX else f"VARCHAR({max(limit, 1)})"


def _decimals(logical: LogicalType) -> int:
    return 6 if logical.precision is None else min(logical.precision, 6)


def _decimal(logical: LogicalType) -> str:
    if logical.precision is None:
        return f"DECIMAL({_PRECISION_MAX}, {_SCALE_MAX})"
    scale = min(max(logical.scale or 0, 0), _SCALE_MAX)
    digits = logical.precision - min(logical.scale or 0, 0)
    return f"DECIMAL({min(max(digits, scale), _PRECISION_MAX)}, {scale})"
