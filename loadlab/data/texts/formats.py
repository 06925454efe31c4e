"""The recipes: for each meaning of a text the pieces that it is made of."""

from __future__ import annotations

from collections.abc import Callable

from loadlab.data.core.hashing import make_key
from loadlab.data.texts.checkdigits import Ean, Iban
from loadlab.data.texts.distinct_texts import DistinctDigits, HexCode, UuidTexts
from loadlab.data.texts.text_context import CODE_LENGTH, TextContext
from loadlab.data.texts.texts import CODE_MAX, Literal, Noise, Paragraphs, Piece, RowText, SlugOf

Pieces = tuple[Piece, ...]
Recipe = Callable[[TextContext], Pieces]

_SPACE, _DASH = Literal(" "), Literal("-")


def _pooled(name: str) -> Recipe:
    return lambda c: (c.shared(name),)


def _own(name: str) -> Recipe:
    return lambda c: (c.own(name),)


def _pattern(pattern: str) -> Recipe:
    return lambda c: (c.pattern(pattern),)


# -- people ----------------------------------------------------------------------------------------------------------


def _email(c: TextContext) -> Pieces:
    room = c.length if c.length is not None else 254
    if room < 12:
        return (c.code(upper=False, length=min(room, CODE_MAX)),)
    if room < 25 + 7:
        # first.last does not fit beside the code: `.test` is reserved too.
        return (c.code(upper=False, length=min(room - 7, 10)), Literal("@a.test"))
    name = (c.shared("first_name_ascii"), Literal("."), c.shared("last_name_ascii"))
    return (*name, Literal("."), c.code(upper=False), Literal("@"), c.own("domain"))


def _username(c: TextContext) -> Pieces:
    if c.length is not None and c.length < CODE_LENGTH + 4:
        return (c.code(upper=False, length=min(c.length, CODE_MAX)),)
    return (c.shared("first_name_ascii"), Literal("_"), c.code(upper=False))


def _phone(c: TextContext) -> Pieces:
    """Calling code and area of the row's place; 555 as in films, so that no number is anybody's."""
    if c.distinct:
        return (c.shared("dial"), _SPACE, DistinctDigits(make_key(c.key, "phone"), 10))
    room = c.length if c.length is not None else 99
    line = c.digits(0, 9999, "line", width=4)
    if room < 18:
        return (c.pattern("[2-9][0-9]{2}555[0-9]{4}"),)
    return (c.shared("dial"), _SPACE, c.shared("area"), Literal(" 555 "), line)


# -- addresses -------------------------------------------------------------------------------------------------------


def _street_address(c: TextContext) -> Pieces:
    street, number = c.shared("street"), c.digits(1, 199, "house")
    if c.locale[:2] in ("en", "fr"):
        return (number, _SPACE, street)
    return (street, _SPACE, number)


def _full_address(c: TextContext) -> Pieces:
    return (*_street_address(c), Literal(", "), c.shared("postcode"), _SPACE, c.shared("city"))


# -- secrets and identifiers -----------------------------------------------------------------------------------------


def _argon2(c: TextContext) -> Pieces:
    """The encoded form of argon2id (PHC string format) with the parameters OWASP recommends; the digest is noise."""
    if c.length is not None and c.length < 97:
        return _bcrypt(c)
    salt, digest = Noise(make_key(c.key, "salt"), 22), Noise(make_key(c.key, "digest"), 43)
    return (Literal("$argon2id$v=19$m=19456,t=2,p=1$"), salt, Literal("$"), digest)


def _bcrypt(c: TextContext) -> Pieces:
    """The 60 characters of bcrypt: version, cost, 22 of salt, 31 of digest."""
    if c.length is not None and c.length < 60:
        return (_hex(c, 64),)
    # The last character of a salt carries two bits only, so that not every letter is possible.
    salt, digest = Noise(make_key(c.key, "salt"), 21, marks="./"), Noise(make_key(c.key, "digest"), 31, marks="./")
    return (Literal("$2b$12$"), salt, Literal("e"), digest)


def _jwt(c: TextContext) -> Pieces:
    claims, signature = (
        Noise(make_key(c.key, "claims"), 80, marks="-_"),
        Noise(make_key(c.key, "signature"), 43, marks="-_"),
    )
    return (Literal("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ"), claims, Literal("."), signature)


def _hex(c: TextContext, usual: int) -> Piece:
    length = usual if c.length is None else min(c.length, usual)
    if c.fixed_length and c.length is not None and c.length <= 128:
        length = c.length
    if c.distinct and length < CODE_MAX:
        # Base 32 tells more rows apart than base 16.
        return c.code(upper=False, length=length)
    return HexCode(make_key(c.key, "hex"), max(length, min(c.length_min, c.length or c.length_min), 1))


def _digest(length: int) -> Recipe:
    return lambda c: (_hex(c, length),)


def _uuid(c: TextContext) -> Pieces:
    return (UuidTexts(make_key(c.key, "uuid")),) if c.length is None or c.length >= 36 else (_hex(c, 32),)


def _reference(c: TextContext) -> Pieces:
    length = 10 if c.length is None else min(c.length, CODE_MAX if c.fixed_length else 10)
    return (c.code(length=max(length, min(c.length_min, CODE_MAX), 1)),)


def _sku(c: TextContext) -> Pieces:
    return (Literal("SKU-"), c.code()) if c.length is None or c.length >= 11 else (c.code(length=min(c.length, 10)),)


def _ean(c: TextContext) -> Pieces:
    length = 13 if c.length is None or c.length >= 13 else c.length
    if length not in (8, 12, 13):
        return _reference(c)
    return (Ean(make_key(c.key, "ean"), length, "2" if length == 8 else "20"),)


def _vat(c: TextContext) -> Pieces:
    return (c.pattern(c.country + "[1-9][0-9]{8}"),)


# -- the web and files -----------------------------------------------------------------------------------------------


def _url(c: TextContext) -> Pieces:
    return (Literal("https://www."), c.own("domain"), Literal("/"), c.code(upper=False))


def _image_url(c: TextContext) -> Pieces:
    return (Literal("https://cdn."), c.own("domain"), Literal("/images/"), c.code(upper=False), Literal(".jpg"))


def _hostname(c: TextContext) -> Pieces:
    return (c.own("tag"), _DASH, c.code(upper=False, length=5), Literal("."), c.own("domain"))


def _file_name(c: TextContext) -> Pieces:
    return (c.shared("file_stem"), _DASH, c.code(upper=False), Literal("."), c.shared("extension"))


def _file_path(c: TextContext) -> Pieces:
    return (Literal("documents/"), *_file_name(c))


def _slug(c: TextContext) -> Pieces:
    names = ("name", "title", "display_name", "headline", "subject", "label")
    source = next((name for name in names if name in c.columns), None)
    base: Piece = SlugOf(source, 60) if source else c.shared("file_stem")
    return (base, _DASH, c.code(upper=False))


# -- words -----------------------------------------------------------------------------------------------------------


def _product(c: TextContext) -> Pieces:
    return (c.shared("adjective"), _SPACE, c.shared("material"), _SPACE, c.shared("noun"))


def _markdown(c: TextContext) -> Pieces:
    """A heading, paragraphs, a list."""
    body = Paragraphs(make_key(c.key, "body"), c.locale, 4, 2, separator="\n\n", terms=True)
    items = (Literal("\n\n- "), c.own("phrase", "first"), Literal("\n- "), c.own("phrase", "second"))
    link = (Literal("\n\nSee [**"), c.own("word"), Literal("**](https://www."), c.own("domain"), Literal(")."))
    return (Literal("# "), c.own("phrase", "heading"), Literal("\n\n"), body, *items, *link)


def _json(c: TextContext) -> Pieces:
    if c.length is not None and c.length < 60:
        return (Literal("{}"),)
    member = (Literal('{"id": "'), c.code(), Literal('", "source": "'), c.own("source"))
    return (*member, Literal('", "version": '), c.digits(1, 9, "version"), Literal("}"))


def _xml(c: TextContext) -> Pieces:
    return (Literal("<entry><id>"), c.code(), Literal("</id><kind>"), c.own("kind"), Literal("</kind></entry>"))


def _date(c: TextContext) -> Pieces:
    return (c.digits(2015, 2024, "year"), _DASH, c.digits(1, 12, "month", 2), _DASH, c.digits(1, 28, "day", 2))


def _moment(c: TextContext) -> Pieces:
    return (*_date(c), Literal("T"), *_time(c), Literal("Z"))


def _time(c: TextContext) -> Pieces:
    colon = Literal(":")
    return (c.digits(0, 23, "hour", 2), colon, c.digits(0, 59, "minute", 2), colon, c.digits(0, 59, "second", 2))


def _flag(c: TextContext) -> Pieces:
    return (c.own("flag_letter" if c.length is not None and c.length < 5 else "flag"),)


def _gender(c: TextContext) -> Pieces:
    return (c.own("gender_letter" if c.length is not None and c.length < 6 else "gender"),)


def _color(c: TextContext) -> Pieces:
    return (c.shared("color_hex" if c.length == 7 or c.length == 9 else "color"),)


def _currency(c: TextContext) -> Pieces:
    return (c.shared("currency"),)


def _locale(c: TextContext) -> Pieces:
    return (c.shared("language" if c.length is not None and c.length < 5 else "locale"),)


RECIPES: dict[str, Recipe] = {
    # people
    "first_name": _pooled("first_name"),
    "last_name": _pooled("last_name"),
    "middle_name": _own("first_name"),
    "full_name": lambda c: (c.shared("first_name"), _SPACE, c.shared("last_name")),
    "email": _email,
    "username": _username,
    "phone": _phone,
    "phone_extension": _pattern("[1-9][0-9]{2}"),
    "gender": _gender,
    "initials": _pattern("[A-HJ-NPR-TVW]{2}"),
    # addresses
    "street_address": _street_address,
    "address_extra": _pattern("(Apt\\.|Suite|Unit|Floor) [1-9][0-9]?"),
    "full_address": _full_address,
    "house_number": _pattern("[1-9][0-9]{0,2}[a-c]?"),
    # secrets and identifiers
    "password_hash": _argon2,
    "bcrypt_hash": _bcrypt,
    "token": _digest(40),
    "md5": _digest(32),
    "git_ref": _digest(40),
    "sha1": _digest(40),
    "sha256": _digest(64),
    "sha512": _digest(128),
    "etag": lambda c: (Literal('"'), HexCode(make_key(c.key, "hex"), 32), Literal('"')),
    "salt": _digest(32),
    "jwt": _jwt,
    "api_key": lambda c: (Literal("sk_test_"), HexCode(make_key(c.key, "hex"), 24)),
    "uuid": _uuid,
    "ulid": lambda c: (Literal("01"), c.code(length=12), c.pattern("[0-9A-HJKMNP-TV-Z]{12}")),
    "reference": _reference,
    "sku": _sku,
    "ean": _ean,
    "isbn": lambda c: (Ean(make_key(c.key, "isbn"), 13, "978"),),
    "iban": lambda c: (Iban(make_key(c.key, "iban"), c.country),),
    "bic": lambda c: (c.pattern("[A-Z]{4}" + c.country + "[A-Z0-9]{2}"),),
    "vat_id": _vat,
    "national_id": _pattern("9[0-9]{2}-[0-9]{2}-[0-9]{4}"),
    "license_plate": _pattern("[A-HJ-NP-Z]{1,2}-[A-HJ-NP-Z]{2} [1-9][0-9]{2,3}"),
    "card_number": _pattern("\\*{4} \\*{4} \\*{4} [0-9]{4}"),
    "card_last4": _pattern("[0-9]{4}"),
    "transaction_hash": lambda c: (Literal("0x"), HexCode(make_key(c.key, "hex"), 64)),
    "row_number": lambda c: (RowText(8),),
    # the web and files
    "url": _url,
    "image_url": _image_url,
    "hostname": _hostname,
    "mac": _pattern("02(:[0-9a-f]{2}){5}"),
    "ip": _pattern("10(\\.(2[0-4][0-9]|1[0-9]{2}|[1-9][0-9])){3}"),
    "ipv6": _pattern("2001:db8(:[0-9a-f]{4}){6}"),
    "file_name": _file_name,
    "file_path": _file_path,
    "slug": _slug,
    "version": _pattern("[0-9]\\.(0|[1-9]|1[0-9])\\.(0|[1-9]|[1-9][0-9])"),
    "cron": _pattern("([0-9]|[1-5][0-9]) ([0-9]|1[0-9]|2[0-3]) \\* \\* (\\*|[1-5])"),
    "doi": _pattern("10\\.[1-9][0-9]{3}/[a-z]{4}\\.[0-9]{5}"),
    "line_code": lambda c: (HexCode(make_key(c.key, "hex"), 40), Literal("_"), c.digits(1, 999, "line")),
    # words
    "title": _own("phrase"),
    "phrase": _own("phrase"),
    "sentence": _own("sentence"),
    "word": _own("word"),
    "product_name": _product,
    "markdown": _markdown,
    "json_text": _json,
    "xml": _xml,
    "command": lambda c: (Literal("run-"), c.own("file_stem"), Literal(" --level "), c.digits(1, 9, "level")),
    "query_text": lambda c: (
        Literal("SELECT * FROM "),
        c.own("file_stem"),
        Literal(" LIMIT "),
        c.digits(1, 99, "limit"),
    ),
    "reason": _own("reason"),
    "error_message": _own("error_message"),
    # dates, numbers and flags that somebody keeps as texts
    "date_text": _date,
    "time_text": _time,
    "moment_text": _moment,
    "number_text": _pattern("[1-9][0-9]{0,2}"),
    "amount_text": _pattern("[1-9][0-9]{0,2}\\.[0-9]{2}"),
    "year_text": _pattern("(19[5-9][0-9]|20[01][0-9])"),
    "flag": _flag,
    "letter": _pattern("[A-Z]"),
    # lists
    "color": _color,
    "color_hex": _pooled("color_hex"),
    "locale": _locale,
    "currency": _currency,
}
POOLED = (
    "area", "city", "state", "state_code", "postcode", "country", "country_code", "country_code3", "timezone", "dial",
    "street", "company", "job", "user_agent", "mime_type", "extension", "language", "language_name", "size",
)  # fmt: skip
# Vocabularies in which nothing agrees with another column: two columns of a row draw independently.
LISTED = (
    "algorithm", "browser", "card_brand", "category", "channel", "class_name", "continent", "data_type", "department",
    "domain", "environment", "event_type", "frequency", "http_method", "icon", "kind", "license", "marital_status",
    "material", "month", "noun", "payment_method", "plan", "platform", "priority", "provider", "role", "salutation",
    "setting_key", "setting_value", "severity", "shipping_method", "source", "state_word", "status", "tag", "unit",
    "visibility", "weekday", "zone",
)  # fmt: skip
RECIPES |= {name: _pooled(name) for name in POOLED} | {name: _own(name) for name in LISTED}
# What says nearly the same in fewer characters, tried in turn where a column is too short.
SHORTER: dict[str, str] = {
    "country": "country_code3",
    "country_code3": "country_code",
    "state": "state_code",
    "language_name": "language",
    "full_name": "last_name",
    "last_name": "initials",
    "first_name": "initials",
    "company": "word",
    "full_address": "street_address",
    "street_address": "street",
    "url": "reference",
    "image_url": "url",
    "hostname": "domain",
    "file_path": "file_name",
    "file_name": "file_stem_code",
    "mime_type": "extension",
    "user_agent": "browser",
    "uuid": "token",
    "ulid": "token",
    "jwt": "token",
    "api_key": "token",
    "etag": "md5",
    "transaction_hash": "token",
    "line_code": "token",
    "iban": "reference",
    "isbn": "ean",
    "markdown": "sentence",
    "paragraph": "sentence",
    "sentence": "phrase",
    "phrase": "word",
    "title": "word",
    "product_name": "noun",
    "moment_text": "date_text",
    "phone": "number_text",
    "postcode": "number_text",
    "ipv6": "ip",
    "salutation": "letter",
    "gender": "letter",
    "status": "letter",
    "kind": "letter",
    "timezone": "zone",
    "json_text": "word",
    "xml": "word",
    "command": "word",
    "query_text": "word",
    "error_message": "word",
    "reason": "word",
}
RECIPES["file_stem_code"] = lambda c: (c.shared("file_stem"), _DASH, c.code(upper=False))

__all__ = ["LISTED", "POOLED", "RECIPES", "SHORTER", "Pieces"]
