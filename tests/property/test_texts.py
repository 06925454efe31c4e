"""Texts fit their columns, differ where they must, agree within a row, and are the same whenever they are made."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import Int64s, make_key
from loadlab.data.texts import pools
from loadlab.data.texts.distinct_texts import EachOnce
from loadlab.data.texts.places import PARTS, POSTCODES, places_of
from loadlab.data.texts.texts import TERM_SHARES, Paragraphs, slug
from loadlab.data.values.recipes import TEXT_MEANINGS, TextContext, capacity_of, document, place_numbers, text_generator
from loadlab.data.values.vectors import ClusteredVectors

LOCALES = (
    "en_US", "en_GB", "de_DE", "fr_FR", "es_ES", "it_IT", "pt_BR", "pl_PL", "nl_NL", "sv_SE", "ja_JP",
)  # fmt: skip
ROWS = np.arange(300, dtype=np.int64)
PLAIN = TextContext(make_key("table"), make_key("column"), "en_US", False, None, frozenset({"name"}))


@dataclass
class Rows:
    """As much of a frame as texts need: row numbers, and a neighbouring column."""

    rows: Int64s
    locale: str = "en_US"

    def __len__(self) -> int:
        return len(self.rows)

    def cells(self, column: str) -> Cells:
        assert column == "name"
        return text_generator("full_name", replace(PLAIN, locale=self.locale)).make(self)  # type: ignore[arg-type]


def texts(meaning: str, context: TextContext = PLAIN, rows: Int64s = ROWS) -> list[str]:
    made = text_generator(meaning, context).make(Rows(rows, context.locale))  # type: ignore[arg-type]
    found: list[str] = made.values.to_pylist()
    return found


contexts = st.builds(
    replace,
    st.just(PLAIN),
    locale=st.sampled_from(LOCALES),
    unique=st.booleans(),
    length=st.one_of(st.none(), st.integers(1, 60), st.integers(61, 4000)),
    fixed_length=st.booleans(),
    column=st.sampled_from(["", "billing_x", "x"]),
)


@given(st.sampled_from(sorted(TEXT_MEANINGS)), contexts, st.integers(0, 300))
@settings(max_examples=300, deadline=None)
def test_texts_fit(meaning: str, context: TextContext, least: int) -> None:
    context = replace(context, length_min=min(least, context.length or least))
    generator = text_generator(meaning, context)
    rows = ROWS[: capacity_of(generator)]
    found = texts(meaning, context, rows)
    assert all(text and text == text.strip() for text in found)
    assert all(context.length_min <= len(text) for text in found)
    assert context.length is None or all(len(text) <= context.length for text in found)
    if context.unique:
        assert len({text.lower().strip() for text in found}) == len(found)
        assert context.length is None or capacity_of(generator) >= min(10 ** min(context.length, 6), 32**context.length)


@given(st.sampled_from(sorted(TEXT_MEANINGS)), contexts, st.permutations(range(40)))
@settings(max_examples=100, deadline=None)
def test_a_text_depends_on_its_row_alone(meaning: str, context: TextContext, order: list[int]) -> None:
    whole = texts(meaning, context, np.arange(60))
    assert texts(meaning, context, np.array(order)) == [whole[row] for row in order]


@pytest.mark.parametrize("locale", LOCALES)
def test_places_agree(locale: str) -> None:
    known = {(p.city, p.state, p.state_code, p.country, p.country_code, p.timezone): p for p in places_of(locale)}
    context = replace(PLAIN, locale=locale)
    names = ("city", "state", "state_code", "country", "country_code", "timezone")
    columns = [texts(name, replace(context, key=make_key(name))) for name in names]
    postcodes, phones = texts("postcode", context), texts("phone", context)
    latitudes = place_numbers(context, "latitude").make(Rows(ROWS)).values  # type: ignore[arg-type]
    scaled = place_numbers(context, "longitude", 6).make(Rows(ROWS)).values  # type: ignore[arg-type]
    for row, parts in enumerate(zip(*columns, strict=True)):
        place = known[parts]
        assert postcodes[row] in place.postcodes()
        assert phones[row].startswith(f"{place.dial} {place.area} ")
        assert abs(latitudes[row] - place.latitude) <= 0.05
        assert abs(scaled[row] / 10**6 - place.longitude) <= 0.051
    home = locale.partition("_")[2]
    assert 0.6 < columns[4].count(home) / len(ROWS) < 0.95
    assert len(set(columns[0])) > 20


def test_a_postal_code_is_that_of_the_city_and_not_a_postal_address_s() -> None:
    place = {p.city: p for p in places_of(PLAIN.locale)}
    cities = texts("city", replace(PLAIN, column="city"))
    codes = texts("postcode", replace(PLAIN, column="postal_code"))
    assert all(code in place[city].postcodes() for city, code in zip(cities, codes, strict=True))
    assert texts("city", replace(PLAIN, column="postal_city")) != cities


def test_billing_and_shipping_are_two_places() -> None:
    billing, shipping = replace(PLAIN, column="billing_city"), replace(PLAIN, column="shipping_city")
    assert texts("city", billing) != texts("city", shipping)
    assert texts("city", billing) == texts("city", replace(billing, column="billing_town"))


@pytest.mark.parametrize("locale", LOCALES)
def test_people_agree_and_are_reachable(locale: str) -> None:
    context = replace(PLAIN, locale=locale)
    first, last, full = (texts(name, context) for name in ("first_name", "last_name", "full_name"))
    emails, users, slugs = (texts(name, context) for name in ("email", "username", "slug"))
    assert full == [f"{a} {b}" for a, b in zip(first, last, strict=True)]
    for row in range(len(ROWS)):
        assert re.fullmatch(r"[a-z0-9-]+\.[a-z0-9-]+\.[a-z0-9]+@[a-z.]+", emails[row])
        assert users[row].partition("_")[0] == emails[row].partition(".")[0]
        assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", slugs[row])
        if first[row].isascii():
            assert emails[row].startswith(slug(pa.array([first[row]]))[0].as_py())


def test_files_agree() -> None:
    kinds = dict(zip(pools.pool("extension", "").to_pylist(), pools.pool("mime_type", "").to_pylist(), strict=True))
    columns = zip(texts("file_name"), texts("mime_type"), texts("extension"), texts("file_path"), strict=True)
    for name, mime, extension, path in columns:
        assert name.rpartition(".")[2] == path.rpartition(".")[2] == extension
        assert kinds[extension] == mime


def gs1(code: str) -> bool:
    return sum(int(digit) * (3 if k % 2 else 1) for k, digit in enumerate(reversed(code))) % 10 == 0


def iban(code: str) -> bool:
    digits = "".join(str(int(character, 36)) for character in code[4:] + code[:4])
    return int(digits) % 97 == 1


@pytest.mark.parametrize("meaning, valid", [("ean", gs1), ("isbn", gs1), ("iban", iban)])
@pytest.mark.parametrize("locale", LOCALES)
def test_check_digits(meaning: str, valid: Any, locale: str) -> None:
    found = texts(meaning, replace(PLAIN, locale=locale, unique=True))
    assert all(valid(code) for code in found)
    assert meaning != "isbn" or all(code.startswith("978") for code in found)


FORMS = {
    "uuid": r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}",
    "password_hash": r"\$argon2id\$v=19\$m=19456,t=2,p=1\$[A-Za-z0-9+/]{22}\$[A-Za-z0-9+/]{43}",
    "bcrypt_hash": r"\$2b\$12\$[A-Za-z0-9./]{53}",
    "jwt": r"eyJ[\w-]+\.eyJ[\w-]+\.[\w-]{43}",
    "md5": r"[0-9a-f]{32}",
    "git_ref": r"[0-9a-f]{40}",
    "sha256": r"[0-9a-f]{64}",
    "mac": r"02(:[0-9a-f]{2}){5}",
    "ip": r"\d+(\.\d+){3}",
    "ipv6": r"2001:db8(:[0-9a-f]{4}){6}",
    "version": r"\d+\.\d+\.\d+",
    "url": r"https://www\.[a-z.]+/\w+",
    "date_text": r"20\d\d-(0[1-9]|1[0-2])-(0[1-9]|[12]\d)",
    "currency": r"[A-Z]{3}",
    "country_code": r"[A-Z]{2}",
    "color_hex": r"#[0-9a-f]{6}",
    "vat_id": r"US\d{9}",
    "flag": r"true|false",
    "markdown": r"(?s)# .+\n\n.+\n\n- .+\n- .+\n\nSee \[\*\*.+\*\*\]\(https://.+\)\.",
}


@pytest.mark.parametrize("meaning", FORMS)
def test_forms(meaning: str) -> None:
    assert all(re.fullmatch(FORMS[meaning], text) for text in texts(meaning))


def test_countries_of_a_unique_column_are_real_and_agree() -> None:
    context = replace(PLAIN, unique=True)
    codes = texts("country_code", replace(context, length=2), np.arange(150))
    names = texts("country", replace(context, key=1, length=60), np.arange(150))
    world = dict(zip(*(pools.pool(name, "en_US").to_pylist() for name in ("world_code", "world_country")), strict=True))
    assert [world[code] for code in codes] == names
    assert len(set(texts("country_code", replace(context, length=2), np.arange(1000)))) == 1000


@given(st.integers(1, 12), st.sampled_from(["noun", "company", "city"]))
@settings(max_examples=30, deadline=None)
def test_entries_then_numbers(digits: int, pool: str) -> None:
    once = EachOnce(5, pool, "en_US", 14 + digits)
    rows = np.arange(min(once.capacity, 5000))
    found = once.make(Rows(rows)).values.to_pylist()  # type: ignore[arg-type]
    assert len({text.lower() for text in found}) == len(rows)
    assert max(map(len, found)) <= 14 + digits


def test_terms_have_their_share() -> None:
    rows = np.arange(200_000, dtype=np.int64)
    found = Paragraphs(3, "en_US", 2, terms=True).make(Rows(rows)).values  # type: ignore[arg-type]
    for word, share in TERM_SHARES.items():
        expected = share * len(rows)
        counted = pc.sum(pc.match_substring(found, word)).as_py()
        assert abs(counted - expected) <= 5 * max(expected, 1) ** 0.5, word
    assert not pc.any(pc.match_substring(Paragraphs(3, "en_US", 2).make(Rows(rows)).values, "saffron")).as_py()  # type: ignore[arg-type]


@pytest.mark.parametrize("locale", LOCALES)
def test_pools_are_clean(locale: str) -> None:
    for name in sorted(pools.pool_names()):
        entries = pools.pool(name, locale).to_pylist()
        assert entries
        assert all(entry and entry == entry.strip() for entry in entries), name
        assert name not in ("sentence", "phrase") or not any(word in e for word in TERM_SHARES for e in entries)
    sizes = {name: pools.pool_size(name, locale) for name in PARTS}
    assert len({size for name, size in sizes.items() if name != "postcode"}) == 1
    assert sizes["postcode"] == POSTCODES * sizes["city"]
    assert pools.pool_size("first_name", locale) == pools.pool_size("first_name_ascii", locale)
    assert all(re.fullmatch(r"[a-z0-9-]+", name) for name in pools.pool("last_name_ascii", locale).to_pylist())


def test_pools_of_a_generator_are_found_wherever_they_are() -> None:
    assert pools.pools_of(text_generator("full_name", PLAIN)) == {"first_name", "last_name"}
    assert pools.pools_of(text_generator("paragraph", PLAIN)) == {"sentence"}
    assert pools.pools_of(place_numbers(PLAIN, "latitude")) == {"city"}
    assert pools.pools_of(text_generator("token", PLAIN)) == set()
    assert pools.pools_of(document("address_document", 1, "en_US")) >= {"street", "postcode", "city", "country_code"}
    assert pools.pools_of([{"a": (text_generator("job", PLAIN),)}]) == {"job"}


def test_slugs_of_any_alphabet() -> None:
    found = slug(pa.array(["Café Größe", "Łódź  —  2", "東京", "a_b-c", "Ærø"])).to_pylist()
    assert found == ["cafe-grosse", "lodz-2", "", "a-b-c", "aero"]


@pytest.mark.parametrize("dimensions", [1, 3, 384, 1536])
def test_vectors_are_of_unit_length_and_by_row(dimensions: int) -> None:
    vectors = ClusteredVectors(make_key("v"), dimensions)
    whole = vectors.vectors(np.arange(200))
    assert whole.type == pa.list_(pa.float32(), dimensions)
    matrix = whole.flatten().to_numpy().reshape(-1, dimensions)
    assert np.allclose((matrix.astype(np.float64) ** 2).sum(axis=1), 1, atol=1e-5)
    order = np.array([7, 150, 3])
    assert vectors.vectors(order).equals(whole.take(pa.array(order)))


def test_vectors_have_neighbours() -> None:
    vectors = ClusteredVectors(make_key("v"), 256, clusters=20)
    rows = np.arange(2000)
    matrix = vectors.vectors(rows).flatten().to_numpy().reshape(-1, 256)
    cluster = vectors.cluster_of(rows)
    cosines = matrix @ matrix.T
    same = cluster[:, None] == cluster[None, :]
    assert cosines[same].mean() > 0.85
    assert abs(cosines[~same].mean()) < 0.1
    assert cosines[same].min() > cosines[~same].max()
    sizes = np.bincount(cluster, minlength=20)
    assert sizes.min() > 0
    assert sizes[0] > 3 * sizes[-1]
