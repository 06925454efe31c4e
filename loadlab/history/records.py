"""A night as bytes: framed and with a digest, so that it is found again in a file whose order is lost."""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Iterator

from loadlab.validate.nights.model import Night, night_from_json, night_to_json

MAGIC = b"LoadLabNight1\x00"
_HEAD = struct.Struct(f">{len(MAGIC)}sI16s")
_LONGEST = 64 * 1024 * 1024


def pack(night: Night) -> bytes:
    """MAGIC, length, digest, then the compressed JSON. Equal nights are equal bytes."""
    body = zlib.compress(night_to_json(night).encode(), 9)
    return _HEAD.pack(MAGIC, len(body), _digest(body)) + body


def unpack(record: bytes | memoryview) -> Night | None:
    """The night at the beginning of these bytes; None where they are damaged."""
    if len(record) < _HEAD.size:
        return None
    magic, length, digest = _HEAD.unpack_from(record)
    body = bytes(record[_HEAD.size : _HEAD.size + length]) if length <= _LONGEST else b""
    if magic != MAGIC or len(body) != length or _digest(body) != digest:
        return None
    try:
        return night_from_json(zlib.decompress(body))
    except (ValueError, zlib.error):
        return None


def carve(content: bytes) -> Iterator[Night]:
    """Every whole record anywhere in a file's bytes, each once."""
    seen: set[bytes] = set()
    view, place = memoryview(content), content.find(MAGIC)
    while place >= 0:
        night = unpack(view[place:])
        if night is not None:
            _, _, digest = _HEAD.unpack_from(view, place)
            if digest not in seen:
                seen.add(digest)
                yield night
        place = content.find(MAGIC, place + 1)


def _digest(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=16).digest()
