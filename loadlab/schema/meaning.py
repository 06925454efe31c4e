"""What a column's value means, read from its name, its table's, its length and its comment.

A meaning is a word such as `email` or `price`; `data.choose` knows how each is made. The scenario can override it
(`columns: {x: {meaning: city}}`).
"""

from __future__ import annotations

import re
from functools import lru_cache

from loadlab.schema.meaning_rules import APPOINTED, APPOINTMENT, CODES, DOCUMENT, NUMBER, TABLES, TEXT, TIME, Rules
from loadlab.schema.model import Column, Table

# Texts of these lengths are identifiers, whatever their name.
_LENGTHS = {26: "ulid", 32: "md5", 36: "uuid", 40: "sha1", 64: "sha256", 128: "sha512"}
_ADDRESS = re.compile(r"\b(city|town|zip|zip ?code|post(al)? ?code|address|addr|street|country)\b")
_PIECES = re.compile(r"[.,;:()\[\]/|\n]|\b(?:of|for|in|the|a|an|as|with|from|to|e\.g|i\.e)\b", re.IGNORECASE)
_COMMENT_WORDS = 6


def meaning_of(table: Table, column: Column) -> str:
    """The meaning by name, else by length or comment; `""` when nothing says anything."""
    kind = column.type.kind
    words = words_of(column.name)
    if kind in ("text", "enum", "inet"):
        return _text_meaning(table, column, words)
    if kind in ("integer", "numeric", "float"):
        return _first(NUMBER, words) or _commented(NUMBER, column.comment)
    if kind in ("timestamp", "date"):
        is_appointed = APPOINTED.search(words_of(table.name)) is not None
        return (is_appointed and _first(APPOINTMENT, words)) or _first(TIME, words)
    return _first(DOCUMENT, words) if kind == "json" else ""


@lru_cache(maxsize=4096)
def words_of(name: str) -> str:
    """A name as lower-case words: `billingAddress1`, `BILLING_ADDRESS1` → `billing address 1`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|_|-|\.|\s", " ", name)
    spaced = re.sub(r"(?<=[a-zA-Z])(?=\d+$)", " ", spaced.strip())
    return re.sub(r" +", " ", spaced).strip().lower()


def singular(name: str) -> str:
    """A table's name as one row of it is called, where that is plain to see: `categories` → `category`."""
    return name[:-3] + "y" if name.endswith("ies") else name.removesuffix("s")


def about_table(table: Table) -> str:
    """What a table's rows are, by its name, as the meaning of their own name: `full_name` of people, `company`, …"""
    return _first(TABLES, words_of(table.name))


def _text_meaning(table: Table, column: Column, words: str) -> str:
    if re.search(r"\bids?$|\boid$", words) and not re.search(r"\b(tax|vat|national|mail)\b", words):
        return _identifier(column, words)
    if words in ("state", "region"):
        return "state" if _has_address(table) else "state_word" if words == "state" else "state"
    found = _first(TEXT, words)
    if found in ("name", "title", "reference", "") and words in ("name", "title", "code", "display name", "label"):
        return _named(table, column, words)
    if found in ("", "word", "name", "reference"):
        found = _commented(TEXT, column.comment) or _of_length(column) or found
    return "phrase" if found == "name" else found


def _identifier(column: Column, words: str) -> str:
    length = column.type.length
    exact = _of_length(column)
    if length in (26, 32, 36) or exact in _LENGTHS.values():
        return _LENGTHS.get(length or 0, exact)
    if words in ("id", "uid") or (length is not None and 36 <= length <= 64):
        return "uuid" if length is None or length >= 36 else "reference"
    return "reference"


def _of_length(column: Column) -> str:
    """A text of exactly one character is a letter; texts as long as a digest are one."""
    length, native = column.type.length, column.type.native.lower()
    if length == 1:
        return "letter"
    exact = native.startswith(("char(", "character(", "bpchar"))
    return _LENGTHS.get(length, "") if length is not None and (exact or length == 36) else ""


def _named(table: Table, column: Column, words: str) -> str:
    """What a column called `name`, `title` or `code` holds depends on the table."""
    about = about_table(table)
    if words == "code":
        return CODES.get(about) or _commented(TEXT, column.comment) or _of_length(column) or "reference"
    if words == "title":
        return "job" if about == "full_name" else "title"
    return about or _commented(TEXT, column.comment) or _of_length(column) or "phrase"


def _has_address(table: Table) -> bool:
    return any(_ADDRESS.search(words_of(name)) for name in table.column_names)


def _commented(rules: Rules, comment: str | None) -> str:
    """The meaning of the first piece of a comment that has one: `ISO code of the country` → `country_code`."""
    for piece in _PIECES.split(comment or ""):
        words = words_of(piece)
        if words and len(words.split()) <= _COMMENT_WORDS:
            found = _first(rules, words)
            if found and found not in ("name", "word"):
                return found
    return ""


def _first(rules: Rules, words: str) -> str:
    return next((meaning for pattern, meaning in rules if pattern.search(words)), "")
