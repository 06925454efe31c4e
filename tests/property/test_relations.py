"""Relations: parents exist before children, nested runs are contiguous, pairs never repeat, growth only appends."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loadlab.data.core.hashing import hash_rows, make_key, permute
from loadlab.data.relations.relation import Relation
from loadlab.data.relations.slots import Slots

ratios = st.floats(min_value=0.05, max_value=30, allow_nan=False)


def relation(pattern: str, children: int, ratio: float, **more: object) -> Relation:
    parents = max(1, round(children * ratio))
    return Relation(
        columns=("parent_id",), target="parents", target_columns=("id",), pattern=pattern, key=make_key("test"),
        ratio=ratio, parents=parents, children=children, **more,  # type: ignore[arg-type]
    )  # fmt: skip


@given(children=st.integers(1, 5000), ratio=ratios, skew=st.sampled_from(["none", "mild", "strong"]))
def test_spread_parents_exist(children: int, ratio: float, skew: str) -> None:
    spread = relation("spread", children, ratio, skew=skew)
    rows = np.arange(children, dtype=np.int64)
    parents, valid = spread.parent_rows(rows)
    assert valid is None
    assert parents.min() >= 0
    assert (parents < spread.existing(rows)).all()
    assert (parents < spread.parents).all()


@given(children=st.integers(1, 5000), ratio=ratios, minimum=st.integers(0, 3))
def test_nested_runs_are_contiguous(children: int, ratio: float, minimum: int) -> None:
    nested = relation("nested", children, ratio, min_children=min(minimum, int(1 / ratio)))
    rows = np.arange(children, dtype=np.int64)
    parents, _ = nested.parent_rows(rows)
    assert (np.diff(parents) >= 0).all()
    assert 0 <= parents.min() <= parents.max() < nested.parents
    ordinals = nested.ordinals(rows)
    assert (ordinals >= 0).all()
    assert len(set(zip(parents.tolist(), ordinals.tolist(), strict=True))) == children


@given(fan_out=st.integers(1, 20), minimum=st.integers(0, 5), parents=st.integers(2, 500))
def test_every_parent_has_the_minimum(fan_out: int, minimum: int, parents: int) -> None:
    nested = relation("nested", parents * fan_out, 1 / fan_out, min_children=min(minimum, fan_out))
    counts = np.bincount(nested.parent_rows(np.arange(parents * fan_out))[0], minlength=parents)
    # The last parents may not have got all their children yet.
    assert (counts[: parents - 3] >= nested.min_children).all()
    assert counts.max() <= nested.longest_run


@given(children=st.integers(1, 3000), ratio=st.floats(1, 20))
def test_one_to_one_never_repeats(children: int, ratio: float) -> None:
    parents, _ = relation("one_to_one", children, ratio).parent_rows(np.arange(children, dtype=np.int64))
    assert len(np.unique(parents)) == children


@given(children=st.integers(1, 4000), ratio=st.floats(0.05, 2), other=st.floats(0.01, 20), late=st.integers(0, 300))
def test_pairs_never_repeat(children: int, ratio: float, other: float, late: int) -> None:
    first = relation("nested", children, ratio)
    partner = relation("slotted", children, other)
    slots = Slots(make_key("pairs"), first, (partner.population,), 4 * first.longest_run)
    if slots.capacity() < 4 * first.longest_run:
        return
    partner = replace(partner, slots=slots)
    rows = np.arange(children + min(late, first.parents), dtype=np.int64)
    pairs = set(zip(first.parent_rows(rows)[0].tolist(), partner.parent_rows(rows)[0].tolist(), strict=True))
    assert len(pairs) == len(rows)
    assert max(b for _, b in pairs) < partner.parents


@given(parents=st.integers(1, 60), sizes=st.lists(st.integers(1, 7), min_size=1, max_size=3))
def test_every_combination_comes_once(parents: int, sizes: list[int]) -> None:
    """A key that is filled to the last combination: even runs leave no room and need none."""
    room = int(np.prod(sizes))
    lead = replace(relation("nested", parents * room, 1 / room), parents=parents, even=True)
    slots = Slots(make_key("all"), lead, tuple(sizes), lead.longest_run)
    rows = np.arange(parents * room, dtype=np.int64)
    found = [lead.parent_rows(rows)[0], *(slots.digit(rows, k) for k in range(len(sizes)))]
    assert len(set(zip(*(part.tolist() for part in found), strict=True))) == parents * room


@given(size=st.lists(st.integers(1, 40), min_size=1, max_size=4))
def test_rows_are_unranked_without_a_lead(size: list[int]) -> None:
    room = int(np.prod(size))
    slots = Slots(make_key("alone"), None, tuple(size), room)
    rows = np.arange(min(room, 5000), dtype=np.int64)
    found = [slots.digit(rows, k) for k in range(len(size))]
    assert len(set(zip(*(part.tolist() for part in found), strict=True))) == len(rows)
    assert all(part.min() >= 0 and part.max() < limit for part, limit in zip(found, size, strict=True))


@given(
    rows=st.integers(2, 3000), more=st.integers(1, 3000), ratio=ratios, pattern=st.sampled_from(["spread", "nested"])
)
def test_growth_only_appends(rows: int, more: int, ratio: float, pattern: str) -> None:
    """The parent of a row does not depend on how many rows are made, save the last parent's, which may get more."""
    small, large = relation(pattern, rows, ratio), relation(pattern, rows + more, ratio)
    before = small.parent_rows(np.arange(rows, dtype=np.int64))[0]
    after = large.parent_rows(np.arange(rows, dtype=np.int64))[0]
    inner = after < small.parents - 1
    assert (before[inner] == after[inner]).all()


def test_skew_makes_hot_parents() -> None:
    shares = {}
    for skew in ("none", "mild", "strong"):
        spread = relation("spread", 200_000, 0.005, skew=skew)
        counts = np.sort(np.bincount(spread.parent_rows(np.arange(200_000, dtype=np.int64))[0], minlength=1000))
        shares[skew] = counts[-10:].sum() / 200_000
    assert shares["none"] < shares["mild"] < shares["strong"]
    assert shares["mild"] > 2 * 0.01


def test_tree_has_roots_and_older_parents() -> None:
    tree = relation("tree", 1000, 1.0, roots=10, fan_out=6, self_reference=True)
    rows = np.arange(1000, dtype=np.int64)
    parents, valid = tree.parent_rows(rows)
    assert valid is not None
    assert (~valid).sum() == 10
    assert (parents[valid] < rows[valid]).all()
    assert np.bincount(parents[valid]).max() == 6


@given(bits=st.integers(2, 14), key=st.integers(0, 2**64 - 1))
def test_permute_is_a_bijection(bits: int, key: int) -> None:
    values = permute(np.arange(1 << bits, dtype=np.int64), bits, key)
    assert len(np.unique(values)) == 1 << bits
    assert values.max() == (1 << bits) - 1


def test_hash_is_the_published_one() -> None:
    """SplitMix64 seeded with 1234567, first three outputs as in its reference implementation."""
    expected = [6457827717110365317, 3203168211198807973, 9817491932198370423]
    assert hash_rows(1234567, np.array([1, 2, 3], dtype=np.int64)).tolist() == expected
