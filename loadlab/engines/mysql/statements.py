"""Inserts of one row, in the forms in which values of each type are taken."""

from __future__ import annotations

from loadlab.engines.mysql.figures import figure_source
from loadlab.engines.mysql.names import quoted
from loadlab.schema.model import Column, Table
from loadlab.spec.statement import Statement

_VALUE = "\x00"


def insert_statement(table: Table, *, native: bool) -> Statement:
    """An insert of every stored column, each parameter named as its column."""
    columns = table.stored_columns
    names = ", ".join(quoted(column.name) for column in columns)
    values = ", ".join(_source(column, native=native) for column in columns)
    text = f"INSERT INTO {quoted(table.key)} ({names}) VALUES ({values})"
    return Statement(tuple(text.split(_VALUE)), tuple(column.name for column in columns))


def _source(column: Column, *, native: bool) -> str:
    if native and column.type.kind == "geometry":
        return figure_source(_VALUE, column.type)
    if native and column.type.kind == "bits":
        return f"CAST(CONV({_VALUE}, 2, 10) AS UNSIGNED)"
    return _VALUE
