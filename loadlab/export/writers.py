"""One writer a format: record batches become a file, with no more in memory than a few batches."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import pyarrow as pa
import pyarrow.compute as pc

from loadlab.engines.abilities import FileForm
from loadlab.export.layout import Format
from loadlab.schema.model import LogicalType, Table

if TYPE_CHECKING:
    import polars as pl

# Parquet readers skip by row group; one of this size is read in a fraction of a second.
_ROW_GROUP_ROWS = 100_000
# A multi-row INSERT of this many rows is parsed at once and loads many times faster than single ones.
_INSERT_ROWS = 500
_ESCAPED = r'["\\\x00-\x1f]'


def write_file(
    path: Path, form: Format, table: Table, batches: Iterable[pa.RecordBatch], text: FileForm, *, last: bool
) -> None:
    """Write the batches of one table. `last`: what belongs behind the table's last row follows."""
    if form == "parquet":
        _write_parquet(path, batches)
        return
    with path.open("wb") as file:
        if form == "csv":
            _write_csv(file, table, batches, text)
        elif form == "jsonl":
            _write_jsonl(file, table, batches, text)
        else:
            _write_sql(file, table, batches, text, last=last)


# -- Parquet ---------------------------------------------------------------------------------------------------------


def _write_parquet(path: Path, batches: Iterable[pa.RecordBatch]) -> None:
    import pyarrow.parquet as pq

    writer = None
    try:
        for group in _groups(batches, _ROW_GROUP_ROWS):
            if writer is None:
                writer = pq.ParquetWriter(path, group.schema, compression="zstd")
            writer.write_table(group, row_group_size=_ROW_GROUP_ROWS)
    finally:
        if writer is not None:
            writer.close()


def _groups(batches: Iterable[pa.RecordBatch], rows: int) -> Iterator[pa.Table]:
    """Batches put together to tables of about so many rows; one empty table when there are no rows."""
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(len(item) for item in waiting) >= rows:
            yield pa.Table.from_batches(waiting)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting)


# -- CSV -------------------------------------------------------------------------------------------------------------


def _write_csv(file: BinaryIO, table: Table, batches: Iterable[pa.RecordBatch], text: FileForm) -> None:
    """RFC 4180 with a header; NULL is an empty field, an empty text is `""`."""
    header = True
    # Beside no other field, an end-of-data mark of old servers (\.) would end the file.
    alone = len(table.stored_columns) == 1
    for batch in batches:
        frame = _frame([text.text_column(array, type) for array, type in _columns(table, batch)], batch.schema.names)
        frame.write_csv(file, include_header=header, quote_style="non_numeric" if alone else "necessary")
        header = False


def _frame(columns: list[pa.Array], names: list[str]) -> pl.DataFrame:
    import polars as pl

    made = pl.from_arrow(pa.Table.from_arrays(columns, names=names))
    assert isinstance(made, pl.DataFrame)
    return made


def _columns(table: Table, batch: pa.RecordBatch) -> list[tuple[pa.Array, LogicalType]]:
    return [(batch.column(column.name), column.type) for column in table.stored_columns]


# -- JSON lines ------------------------------------------------------------------------------------------------------


def _write_jsonl(file: BinaryIO, table: Table, batches: Iterable[pa.RecordBatch], text: FileForm) -> None:
    """An object a row. Numbers and truth values are JSON's own, JSON columns nested; all else is text."""
    for batch in batches:
        pieces: list[pa.Array | pa.Scalar] = []
        for position, (name, (array, type)) in enumerate(zip(batch.schema.names, _columns(table, batch), strict=True)):
            pieces.append(pa.scalar(("{" if position == 0 else ", ") + json.dumps(name, ensure_ascii=False) + ": "))
            pieces.append(_json(array, type, text))
        if len(batch):
            _write_lines(file, pc.binary_join_element_wise(*pieces, pa.scalar("}\n"), ""))


def _json(array: pa.Array, type: LogicalType, text: FileForm) -> pa.Array:
    """JSON text of each value."""
    if type.kind == "boolean":
        made = array.cast(pa.string())
    elif type.kind in ("integer", "numeric", "float") and pa.types.is_primitive(array.type):
        made = array.cast(pa.string())
        if pa.types.is_floating(array.type):
            made = pc.if_else(pc.is_finite(array), made, _strings(made))
    elif type.kind == "json":
        # Line ends of a document stand between its tokens: within a text they are escaped already.
        made = pc.replace_substring_regex(array, r"[\r\n]+", " ")
    elif pa.types.is_list(array.type):
        made = _lists(array, type, text)
    else:
        made = _strings(text.text_column(array, type))
    return pc.fill_null(made, "null")


def _lists(array: pa.Array, type: LogicalType, text: FileForm) -> pa.Array:
    element = type.element or LogicalType("text")
    lists = array.cast(pa.list_(array.type.value_type))
    items = _json(lists.flatten(), element, text)
    lengths = pc.fill_null(pc.list_value_length(lists), 0).to_numpy(zero_copy_only=False)
    offsets = pa.array([0, *lengths.cumsum().tolist()], pa.int32())
    joined = pc.binary_join(pa.ListArray.from_arrays(offsets, items), ", ")
    made = pc.binary_join_element_wise(pa.scalar("["), joined, pa.scalar("]"), "")
    return pc.if_else(lists.is_valid(), made, None)


def _strings(array: pa.Array) -> pa.Array:
    """Texts in quotes; most need no escape, and only those that do are escaped one by one."""
    quote = pa.scalar('"')
    made = pc.binary_join_element_wise(quote, array, quote, "")
    special = pc.fill_null(pc.match_substring_regex(array, _ESCAPED), False)
    if not pc.any(special).as_py():
        return made
    escaped = [json.dumps(value, ensure_ascii=False) for value in array.filter(special).to_pylist()]
    return pc.replace_with_mask(made, special, pa.array(escaped, pa.string()))


def _write_lines(file: BinaryIO, lines: pa.Array) -> None:
    """The texts one after the other: an Arrow array of strings is its own file."""
    _, offsets, data = lines.buffers()
    if data is None:
        return
    bounds = memoryview(offsets).cast("i")
    file.write(memoryview(data)[bounds[lines.offset] : bounds[lines.offset + len(lines)]])


# -- SQL -------------------------------------------------------------------------------------------------------------


def _write_sql(file: BinaryIO, table: Table, batches: Iterable[pa.RecordBatch], text: FileForm, *, last: bool) -> None:
    """INSERT statements of several rows each, all in one transaction."""
    head = text.insert_head(table)
    file.write(b"BEGIN;\n")
    for batch in batches:
        columns = [text.literals(array, type) for array, type in _columns(table, batch)]
        if not len(batch):
            continue
        if not columns:
            continue
        pieces: list[pa.Array | pa.Scalar] = [pa.scalar("(")]
        for position, column in enumerate(columns):
            pieces += [pa.scalar(", "), column] if position else [column]
        rows = pc.binary_join_element_wise(*pieces, pa.scalar(")"), "")
        for start in range(0, len(batch), _INSERT_ROWS):
            lines = rows.slice(start, _INSERT_ROWS)
            ends = pa.array([",\n"] * (len(lines) - 1) + [";\n"])
            file.write(f"{head}\n".encode())
            _write_lines(file, pc.binary_join_element_wise(lines, ends, ""))
    for statement in text.after_table(table) if last else ():
        file.write(f"{statement};\n".encode())
    file.write(b"COMMIT;\n")
