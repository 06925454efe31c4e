"""Records of PostgreSQL's log, from csvlog and jsonlog alike.

The columns are those of the documentation's section "Using CSV-Format Log Output" and of `write_csvlog` and
`write_jsonlog` (src/backend/utils/error): 23 up to version 12, `backend_type` since 13, `leader_pid` and `query_id`
since 14. jsonlog, since 15, leaves out what is empty. A file is read as it comes, however large it is; one that is
still being written ends in the middle of a record, which is told and left out.
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import re
import sys
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import IO

from loadlab.errors import InputError

_GZIP_MAGIC = b"\x1f\x8b"
_STAMP = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} \S+")
_COLUMNS_MIN = 23
_QUERY_ID_COLUMN = 25
_HEAD_CHARS = 65_536


class TruncatedError(Exception):
    """The file ends in the middle of a record."""


@dataclass(frozen=True, slots=True)
class LogRecord:
    """What LoadLab uses of one record. Texts that the log leaves out are empty; `command` is `ps`'s view of it.

    `number` counts the session's records: with the session it names one record, in whatever form the log is.
    """

    stamp: str
    user: str
    database: str
    session: str
    number: str
    command: str
    severity: str
    code: str
    message: str
    detail: str
    statement: str
    application: str
    query_id: str


def form_of(head: str) -> str | None:
    """`json` or `csv` by the first line of a log; None for anything else."""
    line = head.lstrip("\ufeff\r\n").split("\n", 1)[0]
    if line.startswith("{"):
        try:
            found = json.loads(line)
        except ValueError:
            return None
        return "json" if isinstance(found, dict) and {"timestamp", "error_severity"} <= found.keys() else None
    # A record may go on over many lines: its first columns are enough.
    try:
        fields = next(csv.reader([line]), [])
    except csv.Error:
        return None
    return "csv" if len(fields) >= 9 and _STAMP.fullmatch(fields[0]) else None


def head_of(path: Path) -> str:
    """The beginning of a file, unpacked. Raises InputError when it cannot be read."""
    with _opened(path) as file:
        try:
            return file.read(_HEAD_CHARS)
        except EOFError:
            raise InputError(str(path), "is a gzip file that was cut off before its first record") from None


def first_records(path: Path, most: int) -> list[LogRecord]:
    """The first whole records: they order files and tell which are one log. Raises InputError as `records` does."""
    found: list[LogRecord] = []
    with suppress(TruncatedError):
        found.extend(islice(records(path), most))
    return found


def records(path: Path) -> Iterator[LogRecord]:
    """The records of one file, in its order.

    Raises InputError naming the line of what is no record, and TruncatedError behind the last whole one of a file that
    ends within one.
    """
    form = form_of(head_of(path))
    with _opened(path) as file:
        try:
            yield from _json_records(path, file) if form == "json" else _csv_records(path, file)
        except EOFError:
            raise TruncatedError from None


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    """The text of a file, plain or gzip. Bytes that are no UTF-8 stay what they are, and are sent so."""
    try:
        with path.open("rb") as raw:
            is_packed = raw.read(2) == _GZIP_MAGIC
            raw.seek(0)
            binary: IO[bytes] = gzip.GzipFile(fileobj=raw) if is_packed else raw  # type: ignore[assignment]
            yield io.TextIOWrapper(binary, encoding="utf-8", errors="surrogateescape", newline="")
    except (OSError, zlib.error) as error:
        # What is no gzip file behind its first bytes is an OSError without a number.
        raise InputError(str(path), f"cannot be read: {getattr(error, 'strerror', None) or error}") from None


def _csv_records(path: Path, file: IO[str]) -> Iterator[LogRecord]:
    csv.field_size_limit(sys.maxsize)
    # Strict, a quote that is never closed is an error: that is how a record without its end shows.
    reader = csv.reader(_without_mark(file), strict=True)
    columns = 0
    while True:
        at = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            if "unexpected end of data" in str(error):
                raise TruncatedError from None
            raise InputError(f"{path}: line {at}", f"is no record of a csvlog: {error}") from None
        if not row:
            continue
        columns = columns or len(row)
        if len(row) < max(columns, _COLUMNS_MIN) or not _STAMP.fullmatch(row[0]):
            with suppress(csv.Error):  # The next one is none either.
                if next(reader, None) is None:
                    raise TruncatedError
            raise InputError(
                f"{path}: line {at}", f"is no record of a csvlog: {len(row)} columns, of which the first is no time"
                if not _STAMP.fullmatch(row[0]) else f"has {len(row)} columns; the records before it have {columns}",
            )  # fmt: skip
        yield LogRecord(
            row[0], row[1], row[2], row[5], row[6], row[7], row[11], row[12], row[13], row[14], row[19], row[22],
            row[_QUERY_ID_COLUMN] if len(row) > _QUERY_ID_COLUMN else "",
        )  # fmt: skip


def _without_mark(file: IO[str]) -> Iterator[str]:
    for number, line in enumerate(file):
        yield line.removeprefix("\ufeff") if number == 0 else line


def _json_records(path: Path, file: IO[str]) -> Iterator[LogRecord]:
    for number, line in enumerate(file, 1):
        if not line.strip():
            continue
        try:
            found = json.loads(line)
            stamp = found["timestamp"]
            if not _STAMP.fullmatch(stamp):
                raise ValueError
        except (ValueError, KeyError, TypeError):
            if not line.endswith("\n"):
                raise TruncatedError from None
            raise InputError(f"{path}: line {number}", "is no record of a jsonlog") from None
        get = found.get
        yield LogRecord(
            stamp, get("user", ""), get("dbname", ""), get("session_id", ""), str(get("line_num", "")),
            get("ps", ""), get("error_severity", ""),
            get("state_code", ""), get("message", ""), get("detail", ""), get("statement", ""),
            get("application_name", ""), str(get("query_id", "")),
        )  # fmt: skip
