"""Frozen vocabularies: Faker and mimesis make each pool once, cells index and combine them by hash.

A pool is determined by its name, the locale and the versions of the libraries that made it. Its digest goes into the
manifest, so that a library upgrade that changes a pool is a different dataset, and says so. Pools of one group (the
parts of places, of persons, of files, …) are parallel: the same index is the same place, person or kind of file.
A locale may name an encoding behind a plus sign (`de_DE+ascii`): its entries are those of the locale, spelt with the
characters that the encoding has.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, is_dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from loadlab.data.core.hashing import Int64s, make_key
from loadlab.data.texts import places
from loadlab.data.texts.words import WORDS
from loadlab.errors import InputError

if TYPE_CHECKING:
    from faker import Faker
    from mimesis import Generic

_SEED = 20240101
# Raised when a recipe below changes, so that nobody reads a stale file of the cache.
_RECIPE = 3
# Letters that Unicode does not take apart into a plain one and an accent.
PLAIN = {
    "ß": "ss",
    "æ": "ae",
    "Æ": "AE",
    "œ": "oe",
    "Œ": "OE",
    "ø": "o",
    "Ø": "O",
    "ł": "l",
    "Ł": "L",
    "đ": "d",
    "Đ": "D",
} | {"ð": "d", "þ": "th", "ı": "i", "’": "'"}
# Not every word of a library's list belongs into a demonstration.
_IMPOLITE = re.compile(r"\b(sex|seks|porn|nud[ei]|xxx|fuck|shit|tits|bitch|slut|anal\b|rape\b)", re.IGNORECASE)
# Rare words, each in a documented share of long texts; no pool of sentences may hold them.
MARKERS = (
    "saffron", "lantern", "obsidian", "marzipan", "zeppelin", "sextant", "tundra", "kaleidoscope", "vellum", "quasar",
    "xylophone", "zugzwang",
)  # fmt: skip


def _faker(method: str, size: int) -> Callable[[Faker, str], list[str]]:
    return lambda faker, _: _distinct(lambda: str(getattr(faker, method)()), size)


def _words(faker: Faker, locale: str) -> list[str]:
    mimesis = _mimesis(locale) if _is_foreign(faker, "lorem", locale) else None
    make: Callable[[], str] = mimesis.text.word if mimesis else faker.word
    return _distinct(make, 1024, unless=_IMPOLITE)


def _jobs(faker: Faker, locale: str) -> list[str]:
    mimesis = _mimesis(locale) if _is_foreign(faker, "job", locale) else None
    make: Callable[[], str] = mimesis.person.occupation if mimesis else faker.job
    return _distinct(make, 512)


def _sentences(words: int, size: int) -> Callable[[Faker, str], list[str]]:
    """Sentences without the marker words; of the locale's own words where Faker has none but Latin."""

    def make(faker: Faker, locale: str) -> list[str]:
        known = _stored("word", locale) if _is_foreign(faker, "lorem", locale) else None
        # Making that pool has drawn from the same source.
        faker.seed_instance(_SEED)
        made = _distinct(lambda: faker.sentence(nb_words=words, ext_word_list=known), size, unless=_IMPOLITE)
        return [sentence for sentence in made if not any(marker in sentence.lower() for marker in MARKERS)]

    return make


def _phrases(faker: Faker, locale: str) -> list[str]:
    return [sentence.rstrip(".。") for sentence in _sentences(4, 2048)(faker, locale)]


def _is_foreign(faker: Faker, provider: str, locale: str) -> bool:
    """Whether Faker takes another language's words for this locale."""
    prefix = f"faker.providers.{provider}."
    modules = [type(p).__module__ for p in faker.get_providers() if type(p).__module__.startswith(prefix)]
    return not any(module.removeprefix(prefix).startswith(locale[:2]) for module in modules)


def _ascii(name: str) -> Callable[[Faker, str], list[str]]:
    """The names of another pool as ASCII in lower case: romanised where Faker knows how, else a name of en_US."""

    def make(faker: Faker, locale: str) -> list[str]:
        romanised = _romanised(faker, name)
        return [_slug(romanised.get(entry, entry)) or _spare(name, k) for k, entry in enumerate(_stored(name, locale))]

    return make


def _romanised(faker: Faker, name: str) -> dict[str, str]:
    """Kanji → Latin letters, for the locales whose names come in pairs."""
    for provider in faker.get_providers():
        pairs = getattr(provider, f"{name}_pairs", None)
        if pairs:
            return {native: latin for native, _, latin in pairs}
    return {}


def _spare(name: str, index: int) -> str:
    """A stand-in for a name that has no Latin letters."""
    entries = _stored(f"{name}_ascii", "en_US")
    return entries[index % len(entries)]


def _slug(text: str) -> str:
    for letter, latin in PLAIN.items():
        text = text.replace(letter, latin)
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def _world(part: str) -> Callable[[Faker, str], list[str]]:
    def make(_faker: Faker, _locale: str) -> list[str]:
        from faker.providers.date_time import Provider

        entries = sorted({entry.alpha_2_code: entry for entry in Provider.countries}.items())
        return [str(getattr(entry, part)) for _, entry in entries]

    return make


def _place(part: str) -> Callable[[Faker, str], list[str]]:
    return lambda _, locale: places.part(places.places_of(locale), part)


def _local(name: str) -> Callable[[Faker, str], list[str]]:
    """Languages: the locale's own half of the time."""

    def make(_: Faker, locale: str) -> list[str]:
        languages = WORDS["language"]
        home = languages.index(locale[:2]) if locale[:2] in languages else 0
        entries = WORDS[name]
        return [entries[home]] * (len(entries) - 1) + entries

    return make


_RECIPES: dict[str, Callable[[Faker, str], list[str]]] = {
    "first_name": _faker("first_name", 1024),
    "last_name": _faker("last_name", 1024),
    "first_name_ascii": _ascii("first_name"),
    "last_name_ascii": _ascii("last_name"),
    "street": _faker("street_name", 1024),
    "company": _faker("company", 1024),
    "job": _jobs,
    "word": _words,
    "sentence": _sentences(10, 4096),
    "phrase": _phrases,
    "user_agent": lambda faker, _: _distinct(
        lambda: str(faker.random_element((faker.chrome, faker.firefox, faker.safari))()), 256
    ),
    "language": _local("language"),
    "language_name": _local("language_name"),
    "locale": _local("locale"),
    "world_code": _world("alpha_2_code"),
    "world_code3": _world("alpha_3_code"),
    "world_country": _world("name"),
    "world_capital": _world("capital"),
    **{part: _place(part) for part in places.PARTS},
}
_GROUPS = {
    **dict.fromkeys(places.PARTS, "place"),
    **dict.fromkeys(("extension", "mime_type"), "file"),
    **dict.fromkeys(("color", "color_hex"), "color"),
    **dict.fromkeys(("language", "language_name", "locale"), "language"),
    **dict.fromkeys(("world_code", "world_code3", "world_country", "world_capital"), "world"),
    "first_name_ascii": "first_name",
    "last_name_ascii": "last_name",
}


def pool_names() -> frozenset[str]:
    """Every vocabulary there is."""
    return frozenset(_RECIPES) | frozenset(WORDS)


def group_of(name: str) -> str:
    """Pools of one group are parallel: columns that share a key agree."""
    return _GROUPS.get(name, name)


@cache
def pool(name: str, locale: str) -> pa.Array:
    """The vocabulary as an Arrow string array; made on first use and kept in the user's cache folder."""
    return pa.array(_stored(name, locale), type=pa.string())


@cache
def fitting(name: str, locale: str, room: int) -> pa.Array:
    """The vocabulary for `room` characters: an entry that is longer gives its place to one that fits (or is cut)."""
    entries = pool(name, locale).to_pylist()
    short = [entry for entry in entries if len(entry) <= room]
    if not short:
        return pa.array([entry[: max(room, 1)].strip(" -.,'") or "x" for entry in entries], pa.string())
    return pa.array([e if len(e) <= room else short[k % len(short)] for k, e in enumerate(entries)], pa.string())


@cache
def different(name: str, locale: str, room: int) -> pa.Array:
    """The entries of at most `room` characters that differ also in lower case, none ending in a number."""
    found: dict[str, str] = {}
    for entry in pool(name, locale).to_pylist():
        if len(entry) <= room and not re.search(r"\d$", entry):
            found.setdefault(entry.lower(), entry)
    return pa.array(list(found.values()), type=pa.string())


def pool_digest(name: str, locale: str) -> str:
    """What tells two versions of a pool apart."""
    return hashlib.blake2b("\n".join(pool(name, locale).to_pylist()).encode(), digest_size=8).hexdigest()


def take(name: str, locale: str, picks: Int64s) -> pa.Array:
    """Entries of a pool by index; indices wrap around."""
    entries = pool(name, locale)
    return entries.take(pa.array(picks % len(entries)))


def pool_size(name: str, locale: str) -> int:
    """How many entries a pool has."""
    return len(pool(name, locale))


@cache
def longest(name: str, locale: str) -> int:
    """Characters of the longest entry."""
    return max(len(entry) for entry in pool(name, locale).to_pylist())


@cache
def shortest(name: str, locale: str) -> int:
    """Characters of the shortest entry."""
    return min(len(entry) for entry in pool(name, locale).to_pylist())


@cache
def share_within(name: str, locale: str, room: int) -> float:
    """The share of entries that have at most `room` characters."""
    entries = pool(name, locale).to_pylist()
    return sum(len(entry) <= room for entry in entries) / len(entries)


def pools_of(generator: object) -> set[str]:
    """The names of all pools that a generator draws from, whatever it is made of.

    A generator or a piece that draws from pools says so by `pools: tuple[str, ...]`; this walks the fields of
    dataclasses, and tuples, lists and mappings in them.
    """
    found: set[str] = set()
    seen: set[int] = set()
    pending: list[object] = [generator]
    while pending:
        item = pending.pop()
        if id(item) in seen:
            continue
        seen.add(id(item))
        if isinstance(item, Mapping):
            pending += item.values()
        elif isinstance(item, (tuple, list)):
            pending += item
        elif is_dataclass(item) and not isinstance(item, type):
            names: Iterable[str] = getattr(item, "pools", ())
            found.update(names)
            pending += [getattr(item, field.name) for field in fields(item)]
    return found


def in_encoding(locale: str, encoding: str) -> str:
    """The locale whose pools hold only what can be written in an encoding of Python; "": everything."""
    return f"{locale}+{encoding}" if encoding else locale


def country_of(locale: str) -> str:
    """The locale's country, such as DE; US where it names none."""
    return locale.partition("+")[0].partition("_")[2] or "US"


def _spelt(entries: list[str], encoding: str) -> list[str]:
    """The entries in the characters of an encoding: without accents, or with other letters; as different as before."""
    made: dict[str, str] = {}
    taken: set[str] = set()
    for entry in entries:
        if entry in made:
            continue
        text = "".join(_letters(character, encoding) for character in entry)
        while text.lower() in taken and text != entry:
            text += chr(ord("a") + make_key(text, entry) % 26)
        made[entry] = text
        taken.add(text.lower())
    return [made[entry] for entry in entries]


def _letters(character: str, encoding: str) -> str:
    """A character in an encoding: itself, its plain letters, or one that is as good as any."""
    plain = PLAIN.get(character) or unicodedata.normalize("NFKD", character).encode("ascii", "ignore").decode()
    with contextlib.suppress(UnicodeEncodeError):
        character.encode(encoding)
        return character
    return plain or chr(ord("a") + ord(character) % 26)


@cache
def _stored(name: str, locale: str) -> list[str]:
    base, _, encoding = locale.partition("+")
    if encoding:
        return _spelt(_stored(name, base), encoding)
    if name in WORDS and name not in _RECIPES:
        return WORDS[name]
    from importlib.metadata import version

    libraries = f"faker {version('faker')}, mimesis {version('mimesis')}, recipe {_RECIPE}"
    tag = hashlib.blake2b(f"{name}|{locale}|{libraries}|{_SEED}".encode(), digest_size=8).hexdigest()
    path = _cache_folder() / f"pool-{name}-{tag}.json"
    with contextlib.suppress(OSError, ValueError):
        return [str(entry) for entry in json.loads(path.read_text(encoding="utf-8"))]
    entries = _make(name, locale)
    # A cache that cannot be written (read-only home) costs a second a run and nothing else.
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False, encoding="utf-8") as file:
            json.dump(entries, file)
        Path(file.name).replace(path)
    return entries


def _make(name: str, locale: str) -> list[str]:
    faker, mimesis = _provider(locale), _mimesis(locale)
    faker.seed_instance(_SEED)
    if mimesis is not None:
        mimesis.reseed(_SEED)
    return [" ".join(entry.split()) for entry in _RECIPES[name](faker, locale)]


@cache
def _provider(locale: str) -> Faker:
    from faker import Faker

    try:
        return Faker(locale)
    except AttributeError:
        raise InputError(
            "data.locale", "is not a locale that Faker knows, such as en_US or de_DE", value=locale
        ) from None


@cache
def _mimesis(locale: str) -> Generic | None:
    """The words of a locale in mimesis; None where it has none."""
    from mimesis import Generic, Locale

    known = {item.value for item in Locale}
    names = (locale.lower().replace("_", "-"), locale.partition("_")[0])
    name = next((name for name in names if name in known), None)
    return None if name is None else Generic(Locale(name), seed=_SEED)


def _distinct(make: Callable[[], str], size: int, *, unless: re.Pattern[str] | None = None) -> list[str]:
    """Up to `size` distinct entries of a seeded `make`; stops when 20 draws in a row bring nothing new."""
    entries: dict[str, None] = {}
    idle = 0
    while len(entries) < size and idle < 20:
        before = len(entries)
        entry = " ".join(make().split())
        if entry and not (unless and unless.search(entry)):
            entries[entry] = None
        idle = 0 if len(entries) > before else idle + 1
    return list(entries)


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "loadlab"
