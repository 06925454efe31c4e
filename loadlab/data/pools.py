"""Frozen vocabularies: Faker and mimesis make each pool once, cells index and combine them by hash.

A pool is determined by its name, the locale and the versions of the libraries that made it. Its digest goes into the
manifest, so that a library upgrade that changes a pool is a different dataset, and says so.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from loadlab.data.hashing import Int64s
from loadlab.errors import InputError

if TYPE_CHECKING:
    from faker import Faker
    from mimesis import Generic

_SEED = 20240101
# RFC 2606 reserves these: no mail that a seeded database sends by mistake reaches a person.
_DOMAINS = ["example.com", "example.org", "example.net", "mail.example.com", "post.example.org"]
_NOUNS = [
    "Backpack",
    "Bench",
    "Blanket",
    "Blender",
    "Bookcase",
    "Boots",
    "Bottle",
    "Bowl",
    "Camera",
    "Candle",
    "Chair",
    "Charger",
    "Clock",
    "Coat",
    "Cup",
    "Desk",
    "Drill",
    "Drone",
    "Earphones",
    "Fan",
    "Frame",
    "Glasses",
    "Gloves",
    "Grill",
    "Guitar",
    "Hammer",
    "Hat",
    "Headset",
    "Helmet",
    "Jacket",
    "Jeans",
    "Kettle",
    "Keyboard",
    "Knife",
    "Ladder",
    "Lamp",
    "Laptop",
    "Mattress",
    "Microphone",
    "Mirror",
    "Monitor",
    "Mouse",
    "Notebook",
    "Oven",
    "Pan",
    "Pen",
    "Pillow",
    "Plate",
    "Printer",
    "Puzzle",
    "Radio",
    "Rug",
    "Sandals",
    "Scarf",
    "Shelf",
    "Shirt",
    "Shoes",
    "Sofa",
    "Speaker",
    "Sweater",
    "Table",
    "Tent",
    "Toaster",
    "Towel",
    "Umbrella",
    "Vase",
    "Wallet",
    "Watch",
]
_MATERIALS = [
    "Aluminium",
    "Bamboo",
    "Canvas",
    "Ceramic",
    "Cork",
    "Cotton",
    "Glass",
    "Leather",
    "Linen",
    "Marble",
    "Oak",
    "Plastic",
    "Rubber",
    "Silk",
    "Steel",
    "Wool",
]
_ADJECTIVES = [
    "Classic",
    "Compact",
    "Cosy",
    "Durable",
    "Elegant",
    "Ergonomic",
    "Essential",
    "Foldable",
    "Handmade",
    "Light",
    "Modern",
    "Portable",
    "Practical",
    "Premium",
    "Quiet",
    "Rustic",
    "Slim",
    "Smart",
    "Soft",
    "Solid",
    "Sturdy",
    "Travel",
    "Versatile",
    "Vintage",
]


def _faker(method: str, size: int) -> Callable[[Faker, Generic], list[str]]:
    return lambda faker, _: _distinct(lambda: str(getattr(faker, method)()), size)


_RECIPES: dict[str, Callable[[Faker, Generic], list[str]]] = {
    "first_name": _faker("first_name", 1024),
    "last_name": _faker("last_name", 1024),
    "city": _faker("city", 1024),
    "street": _faker("street_name", 1024),
    "company": _faker("company", 1024),
    "job": _faker("job", 512),
    "word": _faker("word", 1024),
    "sentence": lambda faker, _: _distinct(lambda: faker.sentence(nb_words=10), 4096),
    "phrase": lambda faker, _: _distinct(lambda: faker.sentence(nb_words=4).rstrip("."), 2048),
    "user_agent": _faker("user_agent", 256),
    "country_code": _faker("country_code", 200),
    "country": _faker("country", 200),
    "state": lambda _, mimesis: _distinct(mimesis.address.state, 50),
    "color": lambda _, mimesis: [c.lower() for c in _distinct(mimesis.text.color, 40)],
    "mime_type": lambda _, mimesis: _distinct(
        lambda: mimesis.internet.content_type().removeprefix("Content-Type: "), 40
    ),
    "timezone": _faker("timezone", 200),
    "domain": lambda _faker, _mimesis: _DOMAINS,
    "noun": lambda _faker, _mimesis: _NOUNS,
    "material": lambda _faker, _mimesis: _MATERIALS,
    "adjective": lambda _faker, _mimesis: _ADJECTIVES,
    "size": lambda _faker, _mimesis: ["XS", "S", "M", "L", "XL", "XXL"],
    "currency": lambda _faker, _mimesis: ["USD", "EUR", "GBP", "JPY", "CHF", "CAD", "AUD", "SEK"],
    "language": lambda _faker, _mimesis: ["en", "de", "fr", "es", "it", "pt", "nl", "pl", "ja", "zh"],
    "extension": lambda _faker, _mimesis: ["pdf", "txt", "md", "csv", "png", "jpg", "docx", "json"],
}


def pool_names() -> frozenset[str]:
    """Every vocabulary there is."""
    return frozenset(_RECIPES)


@cache
def pool(name: str, locale: str) -> pa.Array:
    """The vocabulary as an Arrow string array; made on first use and kept in the user's cache folder."""
    return pa.array(_stored(name, locale), type=pa.string())


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


def longest(name: str, locale: str) -> int:
    """Characters of the longest entry."""
    return max(len(entry) for entry in pool(name, locale).to_pylist())


def _stored(name: str, locale: str) -> list[str]:
    from importlib.metadata import version

    libraries = f"faker {version('faker')}, mimesis {version('mimesis')}, recipe 1"
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
    faker, mimesis = _providers(locale)
    faker.seed_instance(_SEED)
    mimesis.reseed(_SEED)
    return _RECIPES[name](faker, mimesis)


@cache
def _providers(locale: str) -> tuple[Faker, Generic]:
    from faker import Faker
    from mimesis import Generic, Locale

    try:
        faker = Faker(locale)
    except AttributeError:
        raise InputError(
            "data.locale", "is not a locale that Faker knows, such as en_US or de_DE", value=locale
        ) from None
    known = {item.value for item in Locale}
    language = locale.partition("_")[0]
    return faker, Generic(Locale(language if language in known else "en"), seed=_SEED)


def _distinct(make: Callable[[], str], size: int) -> list[str]:
    """Up to `size` distinct entries of a seeded `make`; stops when 20 draws in a row bring nothing new."""
    entries: dict[str, None] = {}
    idle = 0
    while len(entries) < size and idle < 20:
        before = len(entries)
        entries[make()] = None
        idle = 0 if len(entries) > before else idle + 1
    return list(entries)


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "loadlab"
