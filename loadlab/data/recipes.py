"""How each meaning of a text or a JSON document is made: pieces of pools, codes and digits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from loadlab.data import pools
from loadlab.data.documents import IpAddresses, JsonDocument
from loadlab.data.frame import Generator
from loadlab.data.hashing import make_key
from loadlab.data.numbers import Booleans, ChosenNumbers, Integers
from loadlab.data.quantiles import Categories, uniform
from loadlab.data.texts import Code, Digits, FromPool, Joined, Literal, Noise, Paragraphs, Piece, RowText, SlugOf

# A base-32 code of 7 characters tells 2**35 = 34 billion rows apart.
CODE_LENGTH = 7


@dataclass(frozen=True, slots=True)
class TextContext:
    """What a recipe may use: the table's key (so that columns of a row agree), the column's own, and neighbours."""

    table_key: int
    key: int
    locale: str
    unique: bool
    length: int | None
    columns: frozenset[str]

    def shared(self, name: str, *, lower: bool = False) -> FromPool:
        """The same entry wherever the table uses this pool: `first_name` and the e-mail address agree."""
        return FromPool(make_key(self.table_key, name), name, self.locale, lower)

    def own(self, name: str) -> FromPool:
        return FromPool(make_key(self.key, name), name, self.locale)

    def code(self, *, upper: bool = True, length: int = CODE_LENGTH) -> Code:
        return Code(make_key(self.key, "code"), length, upper)

    def digits(self, low: int, high: int, purpose: str) -> Digits:
        return Digits(make_key(self.key, purpose), low, high)


Recipe = Callable[[TextContext], tuple[Piece, ...]]


def _email(c: TextContext) -> tuple[Piece, ...]:
    name = (c.shared("first_name", lower=True), Literal("."), c.shared("last_name", lower=True))
    return (*name, Literal("."), c.code(upper=False), Literal("@"), c.own("domain"))


def _product(c: TextContext) -> tuple[Piece, ...]:
    words = (c.shared("adjective"), Literal(" "), c.shared("material"), Literal(" "), c.shared("noun"))
    return words


def _slug(c: TextContext) -> tuple[Piece, ...]:
    source = next((name for name in ("name", "title") if name in c.columns), None)
    room = (c.length or 200) - CODE_LENGTH - 1
    base: Piece = SlugOf(source, min(max(room, 1), 80)) if source else c.shared("noun", lower=True)
    return (base, Literal("-"), c.code(upper=False))


def _argon2(c: TextContext) -> tuple[Piece, ...]:
    """The encoded form of argon2id (PHC string format) with the parameters OWASP recommends; the digest is noise."""
    salt, digest = Noise(make_key(c.key, "salt"), 22), Noise(make_key(c.key, "digest"), 43)
    return (Literal("$argon2id$v=19$m=19456,t=2,p=1$"), salt, Literal("$"), digest)


_RECIPES: dict[str, Recipe] = {
    "email": _email,
    "password_hash": _argon2,
    "token": lambda c: (Noise(make_key(c.key, "token"), min(c.length or 40, 40), base64=False),),
    "first_name": lambda c: (c.shared("first_name"),),
    "last_name": lambda c: (c.shared("last_name"),),
    "full_name": lambda c: (c.shared("first_name"), Literal(" "), c.shared("last_name")),
    "username": lambda c: (c.shared("first_name", lower=True), Literal("_"), c.code(upper=False)),
    "phone": lambda c: (Literal("+1-555-"), c.digits(100, 999, "area"), Literal("-"), c.digits(1000, 9999, "line")),
    "postcode": lambda c: (c.digits(10000, 99999, "postcode"),),
    "street_address": lambda c: (c.digits(1, 999, "house"), Literal(" "), c.shared("street")),
    "url": lambda c: (Literal("https://www."), c.own("domain"), Literal("/"), c.code(upper=False)),
    "file_path": lambda c: (Literal("documents/"), c.code(upper=False), Literal("."), c.shared("extension")),
    "slug": _slug,
    "sku": lambda c: (Literal("SKU-"), c.code()),
    "reference": lambda c: (c.code(length=10),),
    "title": lambda c: (c.own("phrase"),),
    "phrase": lambda c: (c.own("phrase"),),
    "product_name": _product,
    "row_number": lambda c: (RowText(8),),
}
_POOLED = (
    "city", "street", "company", "job", "word", "sentence", "user_agent", "country_code", "country", "state", "color",
    "mime_type", "timezone", "currency", "language", "size", "domain", "noun", "material", "extension",
)  # fmt: skip
TEXT_MEANINGS = frozenset(_RECIPES) | frozenset(_POOLED) | {"paragraph", "ip"}
# Recipes whose texts differ from row to row by themselves.
_DISTINCT = frozenset({"email", "username", "url", "file_path", "slug", "sku", "reference", "row_number"})


def text_generator(meaning: str, context: TextContext) -> Generator:
    """The generator of a text column. Unique columns get a code that no two rows share."""
    if meaning == "paragraph" and not context.unique:
        most = 4 if context.length is None or context.length > 400 else 1
        return Paragraphs(context.key, context.locale, most, context.length)
    if meaning == "ip":
        return IpAddresses(context.key)
    pieces = _pieces(meaning, context)
    width = _width(pieces)
    if context.length is not None and width > context.length and context.unique:
        return Code(make_key(context.key, "code"), min(context.length, 12))
    return Joined(pieces, context.length if context.length is not None and width > context.length else None)


def _pieces(meaning: str, context: TextContext) -> tuple[Piece, ...]:
    if meaning in _RECIPES:
        pieces = _RECIPES[meaning](context)
    elif meaning in _POOLED:
        pieces = (context.shared(meaning),)
    else:
        pieces = (context.own("phrase"),) if (context.length or 99) > 12 else (context.own("word"),)
    if context.unique and meaning not in _DISTINCT:
        pieces = (*pieces, Literal(" "), context.code())
    return pieces


def _width(pieces: tuple[Piece, ...]) -> int:
    """Characters of the longest text that the pieces can make."""
    width = 0
    for piece in pieces:
        if isinstance(piece, Literal):
            width += len(piece.value)
        elif isinstance(piece, FromPool):
            width += pools.longest(piece.pool, piece.locale)
        elif isinstance(piece, (Code, Noise, SlugOf)):
            width += piece.length
        elif isinstance(piece, Digits):
            width += len(str(piece.high))
        elif isinstance(piece, RowText):
            width += max(piece.width, 12)
    return width


def document(meaning: str, key: int, locale: str) -> JsonDocument:
    """A small JSON object as applications keep them, by the column's meaning."""
    context = TextContext(key, key, locale, unique=False, length=None, columns=frozenset())

    def text(name: str) -> Generator:
        return text_generator(name, context)

    def number(low: int, high: int, purpose: str) -> Generator:
        return Integers(make_key(key, purpose), uniform(low, high + 1), low, high)

    if meaning == "address_document":
        names = ("street_address", "postcode", "city", "country_code")
        return JsonDocument({name.removesuffix("_address").removesuffix("_code"): text(name) for name in names})
    if meaning == "settings_document":
        newsletter = Booleans(make_key(key, "newsletter"), 0.4)
        themes = ChosenNumbers(make_key(key, "size"), np.array([10, 20, 50, 100]), Categories.of([4, 8, 2, 1]))
        return JsonDocument(
            {"language": text("language"), "currency": text("currency"), "newsletter": newsletter, "page_size": themes}
        )
    if meaning == "profile_document":
        return JsonDocument({"phone": text("phone"), "city": text("city"), "birth_year": number(1950, 2006, "birth")})
    if meaning == "product_document":
        return JsonDocument(
            {
                "color": text("color"),
                "material": text("material"),
                "size": text("size"),
                "warranty_months": ChosenNumbers(
                    make_key(key, "warranty"), np.array([0, 12, 24, 36]), Categories.of([2, 4, 3, 1])
                ),
            }
        )
    return JsonDocument({"source": text("word"), "note": text("phrase"), "version": number(1, 9, "version")})
