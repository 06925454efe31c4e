"""Full-text search (tsvector, tsquery) and places in the server's own storage (pg_lsn, tid, snapshots).

The formats are those of `tsvectorrecv` (utils/adt/tsvector.c), `tsqueryrecv` (utils/adt/tsquery.c), `pg_lsn_recv`,
`tidrecv` and `pg_snapshot_recv`. Queries and places are rare: each distinct text is encoded once.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from loadlab.engines.packed_bytes import Body, CannotEncodeError, binary, concatenated, distinct, lists_of

_QUERY_VALUE, _QUERY_OPERATOR = 1, 2  # QI_VAL and QI_OPR of tsearch/ts_type.h
_OPERATORS = {"!": 1, "&": 2, "|": 3, "<->": 4}
_TOKEN = re.compile(r"\s*(?:'((?:[^']|'')*)'|(<->|[!&|()]))")
_POSITION_MAX = 16_383  # MAXENTRYPOS - 1


def _search_vector(array: pa.Array) -> Body:
    """How many words, then each with an end of text, the number of its positions (1) and that position.

    The words are a document's distinct ones in order: the k-th stands at position k. The server sorts them.
    """
    if pa.types.is_string(array.type):
        raise CannotEncodeError("has text, not a list of words")
    starts, words = lists_of(array)
    if words.null_count:
        raise CannotEncodeError("has NULL among its words")
    lengths = np.diff(starts)
    place = np.arange(len(words)) - np.repeat(starts[:-1], lengths) + 1
    tail = [("u1", 0), (">u2", 1), (">u2", np.minimum(place, _POSITION_MAX))]
    return Body([(">i4", lengths)], concatenated(starts, [binary(words), tail], len(words)))


def _query(text: str) -> bytes:
    """A query in prefix order, the right operand before the left one."""
    tokens = [(match[1], match[2]) for match in _TOKEN.finditer(text)]
    if "".join(text.split()) != "".join("".join((f"'{w}'" if w is not None else o).split()) for w, o in tokens):
        raise CannotEncodeError(f"has {text!r}, which is no query of quoted words")
    parser = _QueryParser(tokens)
    items = parser.alternatives() if tokens else []
    if parser.place != len(tokens):
        raise CannotEncodeError(f"has {text!r}, which is no query of quoted words")
    return struct.pack(">i", len(items)) + b"".join(items)


class _QueryParser:
    """Quoted words with !, &, |, <-> and parentheses, by the operators' precedence."""

    def __init__(self, tokens: list[tuple[str | None, str | None]]) -> None:
        self._tokens = tokens
        self.place = 0

    def alternatives(self) -> list[bytes]:
        return self._chain("|", lambda: self._chain("&", lambda: self._chain("<->", self._operand)))

    def _chain(self, operator: str, part: Callable[[], list[bytes]]) -> list[bytes]:
        items = part()
        while self._operator() == operator:
            self.place += 1
            distance = b"\0\1" if operator == "<->" else b""
            items = [bytes((_QUERY_OPERATOR, _OPERATORS[operator])) + distance, *part(), *items]
        return items

    def _operand(self) -> list[bytes]:
        if self.place >= len(self._tokens):
            raise CannotEncodeError("has a query that ends too early")
        word, operator = self._tokens[self.place]
        self.place += 1
        if word is not None:
            return [bytes((_QUERY_VALUE, 0, 0)) + word.replace("''", "'").encode() + b"\0"]
        if operator == "!":
            return [bytes((_QUERY_OPERATOR, _OPERATORS["!"])), *self._operand()]
        if operator != "(":
            raise CannotEncodeError(f"has a query with {operator!r} where a word must stand")
        items = self.alternatives()
        self.place += 1
        return items

    def _operator(self) -> str | None:
        return self._tokens[self.place][1] if self.place < len(self._tokens) else None


def _log_position(text: str) -> bytes:
    """`16/B374D848`: the halves of 64 bits."""
    high, _, low = text.partition("/")
    return struct.pack(">II", int(high, 16), int(low, 16))


def _row_position(text: str) -> bytes:
    """`(block,item)`."""
    block, _, item = text.strip("()").partition(",")
    return struct.pack(">IH", int(block), int(item))


def _snapshot(text: str) -> bytes:
    """`xmin:xmax:xip,…`."""
    low, high, running = text.split(":")
    numbers = [int(number) for number in running.split(",") if number]
    return struct.pack(f">iqq{len(numbers)}q", len(numbers), int(low), int(high), *numbers)


def _each(one: Callable[[str], bytes]) -> Callable[[pa.Array], Body]:
    def checked(text: str) -> bytes:
        try:
            return one(text)
        except (struct.error, ValueError) as error:
            raise CannotEncodeError(f"has {text!r}, which is no value of its type ({error})") from error

    return lambda array: Body([], distinct(array, checked))


BODIES: dict[str, Callable[[pa.Array], Body]] = {
    "tsvector": _search_vector,
    "tsquery": _each(_query),
    "pg_lsn": _each(_log_position),
    "tid": _each(_row_position),
    "txid_snapshot": _each(_snapshot),
    "pg_snapshot": _each(_snapshot),
}
