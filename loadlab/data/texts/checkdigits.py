"""Numbers that end in, or hold, a check digit: EAN, ISBN, IBAN. A wrong one is noticed at once by whoever reads it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import Int64s, hash_rows, make_key
from loadlab.data.core.permutation import permute_below
from loadlab.data.frame import Frame
from loadlab.data.texts.texts import characters

# Country → how many digits follow the check digits, and the letters of a bank before them (the IBAN registry, SWIFT).
_IBANS = {
    "AT": ("", 16), "BE": ("", 12), "CH": ("", 17), "DE": ("", 18), "DK": ("", 14), "ES": ("", 20), "FI": ("", 14),
    "FR": ("", 23), "GB": ("NWBK", 14), "IE": ("AIBK", 14), "NL": ("ABNA", 10), "NO": ("", 11), "PL": ("", 24),
    "PT": ("", 21), "SE": ("", 20),
}  # fmt: skip
_COUNTED = 15


@dataclass(frozen=True, slots=True)
class Ean:
    """`length` digits that begin with `prefix` and end in the check digit of GS1 (weights 3 and 1 from the right).

    No two rows share one, as long as the digits between last. EAN-13 and ISBN-13 (prefix 978) have 13 digits, UPC-A
    has 12, EAN-8 has 8.
    """

    key: int
    length: int
    prefix: str

    def text(self, frame: Frame) -> pa.Array:
        digits = _digits(self.key, frame.rows, self.prefix, self.length - 1)
        weights = np.where(np.arange(self.length - 1)[::-1] % 2 == 0, 3, 1)
        check = (10 - (digits * weights).sum(axis=1) % 10) % 10
        return _text(np.concatenate((digits, check[:, None]), axis=1))

    def make(self, frame: Frame) -> Cells:
        return Cells(self.text(frame))

    @property
    def capacity(self) -> int:
        return int(10 ** min(self.length - 1 - len(self.prefix), _COUNTED))

    @property
    def shortest(self) -> int:
        return self.length

    @property
    def longest(self) -> int:
        return self.length


@dataclass(frozen=True, slots=True)
class Iban:
    """An account number with valid check digits (ISO 7064, modulo 97) in a country's length; no two rows share one."""

    key: int
    country: str

    def text(self, frame: Frame) -> pa.Array:
        bank, length = self._format()
        digits = _digits(self.key, frame.rows, "", length)
        remainder = np.zeros(len(frame), dtype=np.int64)
        for letter in bank:
            remainder = (remainder * 100 + ord(letter) - 55) % 97
        for place in range(length):
            remainder = (remainder * 10 + digits[:, place]) % 97
        for letter in self._country:
            remainder = (remainder * 100 + ord(letter) - 55) % 97
        check = 98 - remainder * 100 % 97
        head = np.broadcast_to(np.frombuffer(self._country.encode(), dtype=np.uint8), (len(frame), 2))
        sums = np.stack((check // 10, check % 10), axis=1).astype(np.uint8) + np.uint8(48)
        letters = np.broadcast_to(np.frombuffer(bank.encode(), dtype=np.uint8), (len(frame), len(bank)))
        return characters(np.concatenate((head, sums, letters, digits.astype(np.uint8) + np.uint8(48)), axis=1))

    def make(self, frame: Frame) -> Cells:
        return Cells(self.text(frame))

    def _format(self) -> tuple[str, int]:
        return _IBANS[self._country]

    @property
    def _country(self) -> str:
        return self.country if self.country in _IBANS else "DE"

    @property
    def capacity(self) -> int:
        return int(10 ** min(self._format()[1], _COUNTED))

    @property
    def shortest(self) -> int:
        bank, length = self._format()
        return 4 + len(bank) + length

    @property
    def longest(self) -> int:
        return self.shortest


def _digits(key: int, rows: Int64s, prefix: str, length: int) -> npt.NDArray[np.int64]:
    """The prefix, then digits of hashes, the last 15 of which count the rows; shape (n, length)."""
    free = length - len(prefix)
    counted = min(free, _COUNTED)
    digits = np.empty((len(rows), length), dtype=np.int64)
    digits[:, : len(prefix)] = [int(digit) for digit in prefix]
    number = permute_below(rows, 10**counted, key)
    for place in range(length - 1, length - counted - 1, -1):
        number, digits[:, place] = np.divmod(number, 10)
    noise = (hash_rows(make_key(key, "digits"), rows) >> np.uint64(1)).astype(np.int64)
    for place in range(length - counted - 1, len(prefix) - 1, -1):
        noise, digits[:, place] = np.divmod(noise, 10)
    return digits


def _text(digits: npt.NDArray[np.int64]) -> pa.Array:
    return characters(digits.astype(np.uint8) + np.uint8(48))
