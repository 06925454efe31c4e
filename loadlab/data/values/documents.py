"""Generators of composite values: JSON documents, arrays, bytes, network addresses, label paths."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import below, hash_rows, make_key
from loadlab.data.core.joining import NULL, Part, constant, join_texts
from loadlab.data.frame import Frame, Generator
from loadlab.data.texts.texts import Noise, Piece


@dataclass(frozen=True, slots=True)
class JsonDocument:
    """An object whose members are generated; nested objects are documents again."""

    members: Mapping[str, Generator | JsonDocument]

    def parts(self, frame: Frame) -> list[Part]:
        """What the document is put together from, its nested documents' parts among them."""
        parts: list[Part] = []
        for position, (name, member) in enumerate(self.members.items()):
            prefix = ("{" if position == 0 else ", ") + json.dumps(name) + ": "
            parts.append(prefix)
            parts += member.parts(frame) if isinstance(member, JsonDocument) else _json(member.make(frame))
        return [*parts, "}"] if parts else ["{}"]

    def make(self, frame: Frame) -> Cells:
        return Cells(join_texts(self.parts(frame), len(frame)))


def _json(cells: Cells) -> list[Part]:
    """JSON text of scalar cells, in parts."""
    values = cells.values
    if isinstance(values, pa.Array) and pa.types.is_string(values.type):
        quoted = _quoted(values)
        if cells.valid is None:
            return quoted
        text = join_texts(quoted, len(values))
    elif isinstance(values, pa.Array):
        # Text that is JSON already.
        text = values.cast(pa.string())
    elif values.dtype == np.bool_:
        text = pc.if_else(pa.array(values), constant("true"), constant("false"))
    elif values.dtype == np.float64:
        text = pa.array([repr(round(value, 6)) for value in values.tolist()], pa.string())
    else:
        text = pa.array(values).cast(pa.string())
    return [text if cells.valid is None else pc.if_else(pa.array(cells.valid), text, constant("null"))]


def _quoted(values: pa.Array) -> list[Part]:
    """JSON strings of texts; hardly any has a character that must be escaped."""
    if not _must_be_escaped(values):
        return ['"', values, '"']
    encoded = values.dictionary_encode()
    escaped = pa.array([json.dumps(text, ensure_ascii=False) for text in encoded.dictionary.to_pylist()], pa.string())
    return [escaped.take(encoded.indices)]


def _must_be_escaped(values: pa.Array) -> bool:
    """Whether a text has a quotation mark, a backslash or a control character (RFC 8259, section 7).

    Looked for in all bytes at once: the bytes of a longer UTF-8 character are all above these.
    """
    _, starts, data = values.buffers()
    if data is None:
        return False
    first, last = np.frombuffer(starts, np.int32)[[values.offset, values.offset + len(values)]]
    characters = np.frombuffer(data, np.uint8)[first:last]
    return bool(((characters < 0x20) | (characters == ord('"')) | (characters == ord("\\"))).any())


@dataclass(frozen=True, slots=True)
class Lists:
    """Arrays of `least` to `most` elements; the k-th element comes from row * most + k of the inner generator."""

    key: int
    inner: Generator
    most: int
    least: int = 0

    def make(self, frame: Frame) -> Cells:
        lengths = below(hash_rows(make_key(self.key, "length"), frame.rows), self.most - self.least + 1) + self.least
        offsets = np.concatenate(([0], np.cumsum(lengths))).astype(np.int32)
        position = np.arange(offsets[-1], dtype=np.int64) - np.repeat(offsets[:-1].astype(np.int64), lengths)
        elements = frame.with_rows(np.repeat(frame.rows, lengths) * self.most + position)
        values = self.inner.make(elements).values
        return Cells(
            pa.ListArray.from_arrays(pa.array(offsets), values if isinstance(values, pa.Array) else pa.array(values))
        )


@dataclass(frozen=True, slots=True)
class Bytes:
    """`length` random bytes."""

    key: int
    length: int

    def make(self, frame: Frame) -> Cells:
        words = [hash_rows(make_key(self.key, k), frame.rows) for k in range(-(-self.length // 8))]
        data = np.ascontiguousarray(np.stack(words, axis=1)).view(np.uint8)[:, : self.length]
        offsets = np.arange(len(frame) + 1, dtype=np.int32) * np.int32(self.length)
        buffers = [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(data))]
        return Cells(pa.Array.from_buffers(pa.binary(), len(frame), buffers))


@dataclass(frozen=True, slots=True)
class IpAddresses:
    """IPv4 addresses from the blocks that RFC 5737 reserves for documentation, and private 10/8 ones."""

    key: int

    def make(self, frame: Frame) -> Cells:
        bits = hash_rows(self.key, frame.rows)
        octets = [pa.array(((bits >> np.uint64(shift)) & np.uint64(255)).astype(np.int64)) for shift in (8, 16, 24)]
        parts = [octet.cast(pa.string()) for octet in octets]
        private = join_texts(["10", *parts], len(frame), ".")
        documented = join_texts(["203.0.113", parts[0]], len(frame), ".")
        return Cells(pc.if_else(pa.array((bits >> np.uint64(63)) == 0), private, documented))


@dataclass(frozen=True, slots=True)
class TextsOf:
    """Any piece of text as a column's generator."""

    piece: Piece

    def make(self, frame: Frame) -> Cells:
        return Cells(self.piece.text(frame))


@dataclass(frozen=True, slots=True)
class Labels:
    """A dotted path of one to four labels."""

    key: int

    def make(self, frame: Frame) -> Cells:
        depth = below(hash_rows(make_key(self.key, "depth"), frame.rows), 4) + 1
        parts = [Noise(make_key(self.key, k), 4, base64=False).text(frame) for k in range(4)]
        parts = [part if k == 0 else pc.if_else(pa.array(depth > k), part, NULL) for k, part in enumerate(parts)]
        return Cells(pc.binary_join_element_wise(*parts, constant("."), null_handling="skip"))
