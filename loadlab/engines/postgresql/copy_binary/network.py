"""Network addresses (inet, cidr), hardware addresses (macaddr, macaddr8) and strings of bits."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.engines.packed_bytes import Body, CannotEncodeError, binary, data, offsets, strided_binary, values

_INET_V4, _INET_V6 = 2, 3  # PGSQL_AF_INET and PGSQL_AF_INET6 of utils/inet.h


def _inet(array: pa.Array) -> Body:
    """inet and cidr: family, bits of the mask, 0, length of the address, the address."""
    text = array.fill_null("127.0.0.1")
    if pc.all(pc.match_substring_regex(text, r"^\d{1,3}(\.\d{1,3}){3}$")).as_py():
        parts = pc.split_pattern(text, ".").flatten().cast(pa.uint8())
        octets = values(parts, "u1").view("<u4")
        return Body([("u1", _INET_V4), ("u1", 32), ("u1", 0), ("u1", 4), ("<u4", octets)])
    encoded = text.dictionary_encode()
    addresses = pa.array([_address(value) for value in encoded.dictionary.to_pylist()], pa.binary())
    return Body([], addresses.take(encoded.indices))


def _address(text: str) -> bytes:
    interface = ipaddress.ip_interface(text)
    family = _INET_V4 if interface.version == 4 else _INET_V6
    packed = interface.ip.packed
    return bytes((family, interface.network.prefixlen, 0, len(packed))) + packed


def _mac(octets: int) -> Callable[[pa.Array], Body]:
    """Hardware addresses, from `08:00:2b:01:02:03`."""

    def encode(array: pa.Array) -> Body:
        plain = pc.replace_substring(array, ":", "").fill_null("0" * 2 * octets)
        raw = data(binary(plain))
        if len(raw) != 2 * octets * len(array) or (np.diff(offsets(plain)) != 2 * octets).any():
            raise CannotEncodeError(f"has text that is not a hardware address of {octets} bytes")
        made = np.frombuffer(bytes.fromhex(bytes(raw).decode()), f"V{octets}")
        return Body([(f"V{octets}", made)])

    return encode


def _bits(array: pa.Array) -> Body:
    """Strings of 0 and 1: how many, then eight to a byte, the first one highest."""
    text = binary(array.fill_null(""))
    lengths = np.diff(offsets(text)).astype(np.int64)
    digits = np.frombuffer(data(text), np.uint8)
    if digits.size and not np.isin(digits, (48, 49)).all():
        raise CannotEncodeError("has text that is not a string of bits")
    wide = -(-lengths // 8)
    # Every value begins at a byte of its own.
    starts = np.concatenate(([0], np.cumsum(wide)))
    spread = np.zeros(int(starts[-1]) * 8, np.uint8)
    position = np.arange(digits.size) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    spread[np.repeat(starts[:-1] * 8, lengths) + position] = digits - 48
    packed = np.packbits(spread)
    if len(array) and (wide == wide[0]).all():
        return Body([(">i4", lengths)], strided_binary(packed, len(array), int(wide[0])))
    buffers = [None, pa.py_buffer(starts.astype(np.int32)), pa.py_buffer(packed)]
    return Body([(">i4", lengths)], pa.Array.from_buffers(pa.binary(), len(array), buffers))


BODIES: dict[str, Callable[[pa.Array], Body]] = {
    "inet": _inet,
    "cidr": _inet,
    "macaddr": _mac(6),
    "macaddr8": _mac(8),
    "bit": _bits,
    "varbit": _bits,
}
