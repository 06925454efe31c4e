"""Inserts of one row, and how values are written that the server does not take as they come."""

from __future__ import annotations

from loadlab.engines.mysql.names import quoted
from loadlab.schema.model import Column, Table
from loadlab.spec.statement import Statement

_VALUE = "\x00"


def insert_statement(table: Table, *, native: bool) -> Statement:
    """An insert of every stored column, each parameter named as its column."""
    columns = table.stored_columns
    names = ", ".join(quoted(column.name) for column in columns)
    pieces = ", ".join(source_of(column, _VALUE, native=native) for column in columns).split(_VALUE)
    fragments = [f"INSERT INTO {quoted(table.key)} ({names}) VALUES ({pieces[0]}", *pieces[1:-1], f"{pieces[-1]})"]
    return Statement(tuple(fragments), tuple(column.name for column in columns))


def source_of(column: Column, value: str, *, native: bool) -> str:
    """The expression that makes a column's value of the one that is sent; that one itself, mostly.

    `native`: the column's type is the server's own, not a translated one.
    """
    if not native:
        return value
    match column.type.kind:
        case "geometry":
            plain = f"ST_GeomFromWKB({value}"
            return f"{plain}, {column.type.srid})" if column.type.srid else f"{plain})"
        case "bits":
            return f"CAST(CONV({value}, 2, 10) AS UNSIGNED)"
        case "inet" if column.type.native.lower() == "inet6":
            # An IPv4 address has its place in IPv6, which an INET6 wants spelled out (RFC 4291, 2.5.5.2).
            return f"REGEXP_REPLACE({value}, '^([0-9.]+)$', '::ffff:\\\\1')"
    return value
