"""How each meaning of a text or a JSON document is made, fitted to the length and the uniqueness of its column."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal as Choice

import numpy as np

from loadlab.data.core.hashing import make_key
from loadlab.data.core.quantiles import Categories, uniform
from loadlab.data.frame import Generator
from loadlab.data.texts import pools
from loadlab.data.texts.checkdigits import Ean, Iban
from loadlab.data.texts.distinct_texts import DistinctDigits, EachOnce, HexCode, UuidTexts
from loadlab.data.texts.formats import RECIPES, SHORTER, Pieces
from loadlab.data.texts.patterns import PatternPiece
from loadlab.data.texts.places import PlaceNumbers
from loadlab.data.texts.text_context import CODE_LENGTH, TextContext
from loadlab.data.texts.texts import (
    CODE_MAX,
    LONG_TEXT,
    Code,
    FromPool,
    Joined,
    Literal,
    Padded,
    Paragraphs,
    Piece,
    RowText,
    SlugOf,
)
from loadlab.data.values.documents import IpAddresses, JsonDocument
from loadlab.data.values.numbers import Booleans, ChosenNumbers, Integers

__all__ = ["TEXT_MEANINGS", "TextContext", "capacity_of", "document", "place_numbers", "text_generator"]

TEXT_MEANINGS = frozenset(RECIPES) | {"paragraph"}
_LONGEST_TEXT = 2000
# A pattern of so many texts serves a unique column by itself.
_ENOUGH = 10**6
# Entries of a pool with numbers behind them serve a unique column when so many differ; else a code is taken.
_ROOM_ENOUGH = 10**7


def text_generator(meaning: str, context: TextContext) -> Generator:
    """The generator of a text column: never empty, no blank at an end, within the column's length.

    Texts of unique columns differ in lower case too, as long as `capacity_of` says.
    """
    if meaning == "ip" and not context.distinct and context.length_min <= 7 and (context.length or 15) >= 15:
        return IpAddresses(context.key)
    piece = _piece(meaning, context)
    if piece.shortest < context.length_min:
        least = context.length_min if context.length is None else min(context.length_min, context.length)
        fill = "0" if meaning in ("number_text", "reference", "row_number") else "."
        piece = Padded(piece, least, context.length, fill, repeats=not context.distinct)
    return piece if isinstance(piece, Joined | Padded | Paragraphs) else Joined((piece,))


def capacity_of(generator: object) -> int:
    """How many rows of a unique column's generator differ (at most; 2**62 when there is no end in sight)."""
    if isinstance(generator, Padded):
        return capacity_of(generator.piece)
    if isinstance(generator, Joined):
        counts = [capacity_of(piece) for piece in generator.pieces if _tells_apart(piece)]
        return max(counts, default=2**62)
    return int(getattr(generator, "capacity", 2**62))


def _piece(meaning: str, context: TextContext) -> Piece:
    if meaning == "paragraph":
        return _prose(context)
    tried = meaning if meaning in RECIPES else "phrase" if (context.length or 99) > 12 else "word"
    while True:
        found = _made(tried, context)
        if found is not None:
            return found
        if tried not in SHORTER:
            return _code_of(meaning, context) or _anything(context)
        tried = SHORTER[tried]


def _made(meaning: str, context: TextContext) -> Piece | None:
    """The recipe fitted to the column; None when it does not fit."""
    pieces = RECIPES[meaning](context)
    if context.distinct and not any(_tells_apart(piece) for piece in pieces):
        if len(pieces) == 1 and isinstance(pieces[0], FromPool):
            once = _each_once(pieces[0], context)
            if once is not None:
                return once
        pieces = (*pieces, Literal(" "), context.code())
    fitted = _fitted(pieces, context.length)
    return None if fitted is None else fitted[0] if len(fitted) == 1 else Joined(fitted)


def _each_once(piece: FromPool, context: TextContext) -> Piece | None:
    """Countries and currencies of a unique column: of the whole world, in one order for all columns of the table."""
    name = {"country_code": "world_code", "country_code3": "world_code3", "country": "world_country"}.get(piece.pool)
    room = 60 if context.length is None else min(context.length, 60)
    once = EachOnce(piece.key, name or piece.pool, piece.locale, room)
    return once if room <= 3 or once.capacity >= _ROOM_ENOUGH else None


def _tells_apart(piece: Piece) -> bool:
    """Whether a piece alone makes rows differ."""
    if isinstance(piece, PatternPiece):
        return piece.distinct and piece.capacity >= _ENOUGH
    return isinstance(piece, (Code, DistinctDigits, EachOnce, Ean, HexCode, Iban, RowText, UuidTexts))


def _anything(context: TextContext) -> Piece:
    """What fits anywhere: a code where rows must differ, else a short word."""
    length = context.length or CODE_LENGTH
    if context.distinct:
        return context.code(length=min(length, CODE_MAX))
    return replace(context.own("word"), room=length)


def _prose(context: TextContext) -> Piece:
    """Sentences as far as there is room; where rows must differ, a code at the end."""
    code: Pieces = (Literal(" "), context.code()) if context.distinct else ()
    room = _LONGEST_TEXT if context.length is None else context.length - (CODE_LENGTH + 1 if code else 0)
    longest = pools.longest("sentence", context.locale)
    if room < longest:
        return _made("phrase", context) or _made("word", context) or _anything(context)
    shortest = pools.shortest("sentence", context.locale)
    terms = room >= LONG_TEXT
    most = max(1, min(4 if terms else 1, (room - (16 if terms else 0)) // (longest + 1)))
    fewest = min(max(1, -(-context.length_min // shortest)), max(most, room // (longest + 1)))
    prose = Paragraphs(context.key, context.locale, max(most, fewest), fewest, terms=terms)
    return Joined((prose, *code)) if code else prose


# -- fitting ---------------------------------------------------------------------------------------------------------


def _fitted(pieces: Pieces, length: int | None) -> Pieces | None:
    """The pieces within `length` characters: entries of pools and slugs give way; None when that is not enough."""
    if length is None or sum(piece.longest for piece in pieces) <= length:
        return pieces
    soft = [piece for piece in pieces if isinstance(piece, (FromPool, SlugOf))]
    room = length - sum(piece.longest for piece in pieces if not isinstance(piece, (FromPool, SlugOf)))
    if not soft:
        return None
    width = max(piece.longest for piece in soft)
    while width > 1 and sum(min(piece.longest, width) for piece in soft) > room:
        width -= 1
    if sum(min(piece.longest, width) for piece in soft) > room or not all(_bears(piece, width) for piece in soft):
        return None
    return tuple(_narrowed(piece, width) for piece in pieces)


def _narrowed(piece: Piece, width: int) -> Piece:
    if isinstance(piece, FromPool):
        return replace(piece, room=width) if piece.longest > width else piece
    if isinstance(piece, SlugOf):
        return replace(piece, length=min(piece.length, width))
    return piece


def _bears(piece: FromPool | SlugOf, width: int) -> bool:
    """Whether enough of a pool remains when its entries have at most so many characters."""
    if isinstance(piece, SlugOf):
        return width >= 3
    return pools.share_within(piece.pool, piece.locale, width) >= 0.2


def _code_of(meaning: str, context: TextContext) -> Piece | None:
    """The code of a recipe alone, where a code there is and it fits."""
    codes = [piece for piece in RECIPES.get(meaning, RECIPES["phrase"])(context) if _tells_apart(piece)]
    fits = codes and context.length is not None and codes[0].longest <= context.length
    return codes[0] if fits else None


# -- documents -------------------------------------------------------------------------------------------------------


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


def place_numbers(
    context: TextContext, field: Choice["latitude", "longitude"], scale: int | None = None
) -> PlaceNumbers:
    """Coordinates of the place that the row's city, postcode and country name; `scale` as for a numeric column."""
    return PlaceNumbers(context.group_key("place"), context.locale, field, scale)
