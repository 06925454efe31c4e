"""What a column's value means, read from its name and its table's.

A meaning is a word such as `email` or `price`; `data.choose` knows how each is made. The scenario can override it
(`columns: {x: {meaning: city}}`).
"""

from __future__ import annotations

import re

from loadlab.schema.model import Column, Table

# The first pattern that the column's name (in snake case) matches wins.
_TEXT: tuple[tuple[str, str], ...] = (
    (r"(^|_)e?mail(_address)?$", "email"),
    (r"password|passwd|pwd", "password_hash"),
    (r"(^|_)(token|secret|api_key|digest|checksum|fingerprint|hash)(_|$)", "token"),
    (r"first_?name|given_?name|forename", "first_name"),
    (r"last_?name|sur_?name|family_?name", "last_name"),
    (r"full_?name|contact_?name|display_?name|author", "full_name"),
    (r"(^|_)user_?name$|^login$|^nick(name)?$|^handle$", "username"),
    (r"phone|mobile|fax", "phone"),
    (r"user_agent", "user_agent"),
    (r"(^|_)ip(_address)?$|_addr$|^inet$", "ip"),
    (r"(^|_)(post_?code|zip(_?code)?)$", "postcode"),
    (r"(^|_)city|town$", "city"),
    (r"country_?code", "country_code"),
    (r"(^|_)country$", "country"),
    (r"(^|_)(state|province|region)$", "state"),
    (r"street|address_?line|^address$", "street_address"),
    (r"company|organi[sz]ation|employer", "company"),
    (r"currency", "currency"),
    (r"(^|_)(lang(uage)?|locale)$", "language"),
    (r"time_?zone|^tz$", "timezone"),
    (r"mime|content_type", "mime_type"),
    (r"(^|_)slug$", "slug"),
    (r"(^|_)(url|uri|link|website|homepage|avatar|image|picture|photo)$", "url"),
    (r"(^|_)(file_?)?path$|^file_?name$", "file_path"),
    (r"^sku$|_sku$|barcode|^ean$|^upc$", "sku"),
    (r"(^|_)(reference|ref|number|no|serial|code|external_id|iban)$", "reference"),
    (r"color|colour", "color"),
    (r"(^|_)size$", "size"),
    (r"table_name$", "word"),
    (r"(^|_)(title|subject|headline)$", "title"),
    (r"description|summary|(^|_)body$|content|comment|notes?$|message|text$|bio$|details$", "paragraph"),
    (r"provider|method|channel|source|category|type$|kind$|group$", "word"),
    (r"job|profession|occupation", "job"),
    (r"(^|_)name$|label$", "name"),
    (r"tag", "word"),
)
_NUMBER: tuple[tuple[str, str], ...] = (
    (r"(^|_)(rating|stars|score)$", "rating"),
    (r"quantity|qty", "quantity"),
    (r"(hour|hourly|day|daily|monthly)_rate$", "money"),
    (r"(^|_)(percentage|percent|pct)$", "percent"),
    (r"(^|_)(rate|ratio|share)$", "rate"),
    (r"shipping|delivery_(fee|cost)", "small_money"),
    (r"(^|_)(tax|vat|fee|discount)(_|$)", "small_money"),
    (r"price|amount|cost|total|balance|revenue|salary|budget|payment", "money"),
    (r"latitude|^lat$", "latitude"),
    (r"longitude|^lng$|^lon$", "longitude"),
    (r"(^|_)year$", "year"),
    (r"(^|_)age$", "age"),
    (r"weight|grams|length|width|height|size|bytes", "measure"),
    (r"stock|inventory|on_hand|available", "stock"),
    (r"(^|_)(level|depth)$", "level"),
    (r"(^|_)(position|sort_order|rank|line_number|sequence|version|ordinal)$", "ordinal"),
    (r"count|number_of|_total$|views|likes", "count"),
)
_TIME: tuple[tuple[str, str], ...] = (
    (
        r"^(created|inserted|registered|added|placed|posted|logged|occurred)(_at|_on|_time|_date)?$|^timestamp$",
        "created",
    ),
    (r"^(updated|modified|changed)(_at|_on|_time|_date)?$", "updated"),
    (r"delet|archiv|cancel|closed|removed", "deleted"),
    (r"birth|^dob$", "birth_date"),
    (r"expir|valid_until|due|deadline|ends?(_|$)", "expires"),
)
_DOCUMENT: tuple[tuple[str, str], ...] = (
    (r"address", "address_document"),
    (r"preference|setting|config", "settings_document"),
    (r"profile", "profile_document"),
    (r"attribute|option|metadata|properties|specs?$", "product_document"),
)
_PERSONS = ("user", "customer", "person", "people", "employee", "member", "contact", "author", "account", "patient")
_FIRMS = (
    "vendor",
    "company",
    "organization",
    "organisation",
    "supplier",
    "tenant",
    "merchant",
    "shop",
    "store",
    "partner",
)
_GOODS = ("product", "item", "article", "variant", "listing", "good")


def meaning_of(table: Table, column: Column) -> str:
    """The meaning by name; `""` when the name says nothing."""
    name = _snake(column.name)
    kind = column.type.kind
    if kind in ("text", "enum", "inet"):
        found = _first(_TEXT, name)
        return _named(_snake(table.name)) if found == "name" else found
    if kind in ("integer", "numeric", "float"):
        return _first(_NUMBER, name)
    if kind in ("timestamp", "date"):
        return _first(_TIME, name)
    return _first(_DOCUMENT, name) if kind == "json" else ""


def _named(table: str) -> str:
    """What a column called `name` holds depends on the table."""
    for words, meaning in ((_PERSONS, "full_name"), (_FIRMS, "company"), (_GOODS, "product_name")):
        if any(word in table for word in words):
            return meaning
    return "phrase"


def _first(patterns: tuple[tuple[str, str], ...], name: str) -> str:
    return next((meaning for pattern, meaning in patterns if re.search(pattern, name)), "")


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
