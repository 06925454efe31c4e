"""Vocabularies in the characters that a column's encoding has."""

from __future__ import annotations

import pytest

from loadlab.data.texts import pools


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "koi8-r"])
@pytest.mark.parametrize("name, locale", [("city", "en_US"), ("last_name", "ja_JP"), ("country", "de_DE")])
def test_entries_are_spelt_with_what_the_encoding_has_and_stay_as_different_as_they_were(name, locale, encoding):
    own = pools.pool(name, locale).to_pylist()
    spelt = pools.pool(name, pools.in_encoding(locale, encoding)).to_pylist()
    for entry in spelt:
        entry.encode(encoding)
    assert len(spelt) == len(own)
    assert len(set(spelt)) == len(set(own))
    kept = [(mine, other) for mine, other in zip(own, spelt, strict=True) if mine.isascii()]
    assert all(mine == other for mine, other in kept)


def test_plain_letters_come_before_any_and_a_locale_keeps_its_country():
    assert pools._spelt(["Zürich", "Zurich", "Łódź", "大阪"], "cp1252")[:3] == ["Zürich", "Zurich", "Lódz"]
    assert pools._spelt(["Zürich"], "ascii") == ["Zurich"]
    assert pools.country_of(pools.in_encoding("de_AT", "ascii")) == "AT"
    assert pools.in_encoding("de_AT", "") == "de_AT"
