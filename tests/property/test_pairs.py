"""Unordered pairs by number: none twice, none with itself, the same ones when there are more parents."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loadlab.data.relations.agreement import Partners
from loadlab.data.relations.pairs import Pairs

KEYS = st.integers(0, 2**63 - 1)


@given(key=KEYS, parents=st.integers(2, 60), mean=st.floats(0.05, 40))
def test_every_pair_comes_once(key: int, parents: int, mean: float) -> None:
    pairs = Pairs(key, mean, parents)
    older, younger = pairs.digits(np.arange(pairs.room, dtype=np.int64))
    assert ((older >= 0) & (older < younger) & (younger < parents)).all()
    assert len(set(zip(older.tolist(), younger.tolist(), strict=True))) == parents * (parents - 1) // 2


@given(key=KEYS, parents=st.integers(2, 400), more=st.integers(0, 400), mean=st.floats(0.05, 40))
def test_more_parents_change_no_pair(key: int, parents: int, more: int, mean: float) -> None:
    few, many = Pairs(key, mean, parents), Pairs(key, mean, parents + more)
    rows = np.arange(min(int(parents * mean), few.room), dtype=np.int64)
    for before, after in zip(few.digits(rows), many.digits(rows), strict=True):
        assert np.array_equal(before, after)


@given(key=KEYS, groups=st.lists(st.integers(0, 3), min_size=1, max_size=40), half=st.booleans())
def test_partners_but_oneself(key: int, groups: list[int], half: bool) -> None:
    """Each member of a group is numbered partners that are of the group, differ, and are not itself."""
    codes = np.array(groups, dtype=np.int64)
    partners = Partners.of_codes(codes, codes, 4)
    seen: set[frozenset[int]] = set()
    for parent in range(len(groups)):
        size = groups.count(groups[parent])
        rows = np.full(size, parent, dtype=np.int64)
        found, valid = partners.numbered(rows, np.arange(size, dtype=np.int64), key, but=rows, half=half)
        mine = found[valid].tolist()
        assert len(set(mine)) == len(mine) == ((size - 1) // 2 if half else size - 1)
        assert all(groups[other] == groups[parent] and other != parent for other in mine)
        both = {frozenset((parent, other)) for other in mine}
        assert not half or not both & seen
        seen |= both


@given(groups=st.lists(st.integers(0, 3), min_size=1, max_size=40), bits=st.lists(KEYS, min_size=40, max_size=40))
def test_drawn_partners_but_oneself(groups: list[int], bits: list[int]) -> None:
    codes = np.array(groups, dtype=np.int64)
    rows = np.arange(len(groups), dtype=np.int64)
    draws = np.array(bits[: len(groups)], dtype=np.uint64)
    found, valid = Partners.of_codes(codes, codes, 4).of(rows, rows, draws, only_older=False, but=rows)
    assert valid.tolist() == [groups.count(code) > 1 for code in groups]
    assert all(codes[found[k]] == codes[k] and found[k] != k for k in np.flatnonzero(valid))
