"""Which extensions a DDL text needs: what a developer has made once by hand, models and Prisma schemas do not say."""

from __future__ import annotations

import re

# By extension, what only it brings: types, operator classes, functions.
_SIGNS = {
    "citext": r"\bcitext\b",
    "hstore": r"\bhstore\b",
    "ltree": r"\bl(?:tree|query)\b",
    "pg_trgm": r"\bgi(?:n|st)_trgm_ops\b",
    "btree_gist": r"\bgist_(?:int[248]|float[48]|numeric|text|uuid|date|timestamptz?)_ops\b|\bEXCLUDE\s+USING\s+gist\b",
    "btree_gin": r"\bgin\b[^;]*\b(?:int[248]|text|uuid|date|timestamptz?)_ops\b",
    "postgis": r"\b(?:geometry|geography)\s*\(",
    "pgcrypto": r"\b(?:gen_random_bytes|gen_salt|digest|crypt)\s*\(",
    "uuid-ossp": r"\buuid_generate_v\d\w*\s*\(",
    "vector": r"\b(?:half|sparse)?vec(?:tor)?\s*\(|\b(?:vector|halfvec)_\w+_ops\b",
    "unaccent": r"\bunaccent\s*\(",
}
_PATTERNS = {name: re.compile(sign, re.IGNORECASE) for name, sign in _SIGNS.items()}
_QUOTED = re.compile(r'"(?:[^"]|"")*"|\'(?:[^\']|\'\')*\'|--[^\n]*')
_MADE = re.compile(r'CREATE\s+EXTENSION\s+(?:IF\s+NOT\s+EXISTS\s+)?"?([\w-]+)', re.IGNORECASE)


def with_extensions(ddl: str) -> str:
    """The text, before it a CREATE EXTENSION for each that it needs and does not make itself."""
    made = {name.lower() for name in _MADE.findall(ddl)}
    words = _QUOTED.sub("''", ddl)
    missing = [name for name, pattern in _PATTERNS.items() if name not in made and pattern.search(words)]
    return "".join(f'CREATE EXTENSION IF NOT EXISTS "{name}";\n\n' for name in missing) + ddl
