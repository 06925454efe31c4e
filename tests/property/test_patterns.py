"""Every text that is made from a pattern matches it, says Python's `re` and says PostgreSQL; distinct ones differ."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadlab.data.core.permutation import SIZE_MAX, permute_below
from loadlab.data.texts.patterns import UnsupportedPatternError, like_pattern, pattern_piece
from loadlab.engines import scratch_database

ROWS = np.arange(400, dtype=np.int64)

# As real CHECKs have them: PostgreSQL's syntax.
REAL = [
    r"^[A-Za-z0-9._%+-]+@[A-Za-z0-9.-]+\.[A-Za-z]{2,}$",
    r"^[A-Z]{3}-\d{4}$",
    r"^#[0-9a-f]{6}$",
    r"^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$",
    r"^\+?[1-9]\d{1,14}$",
    r"^[[:alpha:]_][[:alnum:]_]*$",
    r"^[^[:space:]]+$",
    r"^(19|20)\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])$",
    r"^(a|aa)(a|aa)$",
    r"^https?://[^/]+(/.*)?$",
    r"^(?!-)[a-z0-9-]{1,63}(?<!-)$",
    r"^(?!.*--)[a-z0-9]+[a-z-]*$",
    r"^(?=.*[A-Z])(?=.*[a-z])(?=.*\d).{8,}$",
    r"^(?=.{5,20}$)[a-z]+$",
    r"^\d{5}(-\d{4})?$",
    r"^v?\d+\.\d+\.\d+(-[0-9A-Za-z.-]+)?$",
    r"^[]^-]+$",
    r"^[^]a-y]{3}$",
    r"^[ÄÖÜäöü]{2}ß$",
    r"^[\u4e00-\u9fa5]{2,4}$",
    r"(^|,)red(,|$)",
    r"\mcat\M",
    r"[[:<:]]\d+[[:>:]]",
    r"\Aabc\Z",
    r"\yab\y.",
    r"(?i)^sku-[a-z]+$",
    r"***=a.b*c",
    r"^a{x}$",
    r"^(foo|bar|)$",
    r"^\x41\u00e9\\\.\t$",
    r"^[\w.+-]{2,}?@x$",
    r"^(([A-Z]{2}\d)|([a-z]\d{2}))+$",
    r"^\s*\S+\s*$",
    r"",
    r"^([a-z]\d[a-z])*$",
    r"(())*",
    r"^(([a-z][a-z])+-)?x$",
]
UNSUPPORTED = {
    r"^(a)\1$": "back-references",
    "(?<name>a)": "group",
    "a(": "parenthesis",
    "a)": "parenthesis",
    "[a": "bracket",
    "*a": "repeats nothing",
    "a{3,2}": "repeat",
    "(?x)a b": "option",
    "a$b": "no text",
    r"a\mb": "no text",
    "[[:nope:]]": "unknown class",
    "a\\": "backslash",
}


@pytest.fixture(scope="module")
def server() -> Iterator[Any]:
    with scratch_database("postgresql") as engine:
        yield engine._connection  # type: ignore[attr-defined]


def refused(server: Any, pattern: str, texts: list[str], *, operator: str = "~") -> list[str]:
    """The texts that the server says do not match."""
    query = f"SELECT t FROM unnest(%s::text[]) t WHERE NOT t {operator} %s"
    return [row[0] for row in server.execute(query, (texts, pattern))]


def test_the_server_refuses_what_does_not_match(server: Any) -> None:
    assert refused(server, "^b$", ["a", "b"]) == ["a"]


@pytest.mark.parametrize("pattern", REAL)
@pytest.mark.parametrize("distinct", [False, True], ids=["any", "distinct"])
def test_texts_match_on_the_server(server: Any, pattern: str, distinct: bool) -> None:
    piece = pattern_piece(pattern, 7, distinct=distinct)
    rows = ROWS[: min(len(ROWS), piece.capacity)] if distinct else ROWS
    texts = piece.text_of(rows).to_pylist()
    assert refused(server, pattern, texts) == []
    assert piece.shortest <= min(map(len, texts))
    assert max(map(len, texts)) <= piece.longest
    if distinct:
        assert len(set(texts)) == len(texts)


@pytest.mark.parametrize("pattern", ["^[a-z]{2}x$", "^[A-Z]{2}-[b-d]$", "^[^a-y]{2}$"])
def test_case_is_ignored_where_the_pattern_does(server: Any, pattern: str) -> None:
    piece = pattern_piece(pattern, 7, ignore_case=True, distinct=True)
    texts = piece.text_of(ROWS[: piece.capacity]).to_pylist()
    assert refused(server, pattern, texts, operator="~*") == []


CLASSES = ["[a-z]", "[A-Z0-9]", r"\d", r"\w", "[^a-c]", ".", "x", "-", "é", "[aé]", r"\.", r"[\d-]", "a|b", ""]


@st.composite
def patterns(draw: st.DrawFn, depth: int = 3) -> str:
    if depth == 0 or draw(st.booleans()):
        return "(?:" + draw(st.sampled_from(CLASSES)) + ")"
    kind = draw(st.sampled_from(["join", "either", "repeat", "group"]))
    inner = draw(patterns(depth=depth - 1))
    if kind == "repeat":
        return f"(?:{inner})" + draw(st.sampled_from(["*", "+", "?", "{2}", "{1,3}", "{2,}", "*?", "+?"]))
    if kind == "group":
        return f"({inner})"
    other = draw(patterns(depth=depth - 1))
    return inner + other if kind == "join" else f"(?:{inner}|{other})"


@given(patterns(), st.booleans(), st.sampled_from(["{}", "^{}$", "^(?:{})$", "{}$", "(?=.)(?:{})"]), st.booleans())
@settings(max_examples=150, deadline=None)
def test_any_pattern(server: Any, inner: str, distinct: bool, frame: str, folded: bool) -> None:
    pattern = frame.format(inner)
    try:
        piece = pattern_piece(pattern, 3, distinct=distinct, distinct_ignoring_case=folded)
    except UnsupportedPatternError:
        # Nothing but the empty text, which a look-ahead for a character refuses.
        assert frame.startswith("(?=") or re.search(pattern, "a") is None
        return
    rows = ROWS[: min(len(ROWS), piece.capacity)]
    texts = piece.text_of(rows).to_pylist()
    assert all(re.search(pattern, text, re.DOTALL) for text in texts)
    assert refused(server, pattern, texts) == []
    if distinct:
        assert len(set(texts)) == len(texts)
    if folded:
        assert len({text.lower().strip() for text in texts}) == len(texts)


@given(st.permutations(range(60)), st.booleans())
@settings(max_examples=20, deadline=None)
def test_a_text_depends_on_its_row_alone(order: list[int], distinct: bool) -> None:
    piece = pattern_piece(r"^([a-z]+|[A-Z]{2,4}-\d+)$", 11, distinct=distinct)
    whole = piece.text_of(np.arange(60)).to_pylist()
    assert piece.text_of(np.array(order)).to_pylist() == [whole[row] for row in order]


@given(st.integers(0, 12), st.integers(0, 20))
@settings(max_examples=60, deadline=None)
def test_lengths_are_kept(least: int, more: int) -> None:
    piece = pattern_piece("^[a-z]+( [a-z]+)*$", 5, length_min=least, length_max=least + more + 1)
    assert all(least <= len(text) <= least + more + 1 for text in piece.text_of(ROWS).to_pylist())
    assert all(len(text) >= least for text in pattern_piece("[0-9]", 5, length_min=least).text_of(ROWS).to_pylist())


@pytest.mark.parametrize(
    "pattern, folded, capacity",
    [
        ("^[A-Z]{2}[0-9]$", False, 6760),
        ("^[A-Za-z]{1,2}$", False, 52 + 52**2),
        ("^[A-Za-z]{1,2}$", True, 26 + 26**2),
        ("^(a|aa)(a|aa)$", False, 3),
        ("^(yes|no|Yes)$", False, 3),
        ("^(yes|no|Yes)$", True, 2),
        ("^[0-9]{4,6}$", False, 10**4 + 10**5 + 10**6),
        ("^[0-9a-f]{64}$", False, 2**60),
    ],
)
def test_capacity_is_exact(pattern: str, folded: bool, capacity: int) -> None:
    piece = pattern_piece(pattern, 1, distinct=True, distinct_ignoring_case=folded)
    assert piece.capacity == capacity
    if capacity <= 10_000:
        texts = piece.text_of(np.arange(capacity)).to_pylist()
        assert len({text.lower() if folded else text for text in texts}) == capacity


@pytest.mark.parametrize("pattern", UNSUPPORTED)
def test_what_is_not_supported_is_said(pattern: str) -> None:
    with pytest.raises(UnsupportedPatternError, match=UNSUPPORTED[pattern]):
        pattern_piece(pattern, 1)


@pytest.mark.parametrize("like", ["abc%", "%@b.com", "a_c", r"50\%%", "%a%b%", "", "%", "C:\\\\%", "[x](y)^$|{1}"])
def test_texts_are_like_the_pattern(server: Any, like: str) -> None:
    texts = pattern_piece(like_pattern(like), 9).text_of(ROWS).to_pylist()
    assert refused(server, like, texts, operator="LIKE") == []


@given(st.integers(1, 5000), st.integers(0, 2**63))
@settings(max_examples=50, deadline=None)
def test_a_permutation_of_any_size_is_a_bijection(size: int, key: int) -> None:
    placed = permute_below(np.arange(size), size, key)
    assert sorted(placed.tolist()) == list(range(size))


@pytest.mark.parametrize("size", [10**9 + 7, 2**40 + 1, SIZE_MAX - 1, SIZE_MAX])
def test_a_large_permutation_does_not_collide(size: int) -> None:
    placed = permute_below(np.arange(100_000), size, 5)
    assert len(np.unique(placed)) == 100_000
    assert placed.min() >= 0
    assert placed.max() < size
    with pytest.raises(ValueError, match="must lie between"):
        permute_below(np.arange(3), SIZE_MAX + 1, 5)
