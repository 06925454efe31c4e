"""What a script takes for granted of its server: an extension that nobody makes, a hosted platform's own tables.

On a server of our own, what an error names is made where only one thing can be meant, and the statement is run again.
"""

from __future__ import annotations

import re

import psycopg
from psycopg import sql

from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.standins import available_extensions, stand_in

_NAME = r'"?(?:(?P<namespace>[^".(]+)\.)?(?P<name>[^".()\[\]]+)'
_TYPE = re.compile(rf"^type {_NAME}")
_FUNCTION = re.compile(rf"^function {_NAME}\(")
_RELATION = re.compile(rf"^relation {_NAME}")
_OPERATORS = re.compile(rf"^operator class {_NAME}")
_NO_DEFAULT = re.compile(
    r'^data type (?P<type>\S.*) has no default operator class for access method "(?P<method>gist|gin)"'
)

_EXTENSION_OF_TYPE = {
    "citext": "citext",
    "hstore": "hstore",
    "cube": "cube",
    "seg": "seg",
    **dict.fromkeys(("ltree", "lquery", "ltxtquery"), "ltree"),
    **dict.fromkeys(("vector", "halfvec", "sparsevec"), "vector"),
    **dict.fromkeys(("ean13", "isbn13", "issn13", "ismn13", "isbn", "issn", "ismn", "upc"), "isn"),
    **dict.fromkeys(("geometry", "geography", "box2d", "box3d", "raster"), "postgis"),
}
_EXTENSION_OF_FUNCTION = (
    (re.compile(r"uuid_(generate_v\d\w*|nil|ns_\w+)"), "uuid-ossp"),
    (re.compile(r"gen_random_(bytes|uuid)|gen_salt|crypt|digest|hmac|pgp_\w+|armor"), "pgcrypto"),
    (re.compile(r"unaccent"), "unaccent"),
    (re.compile(r"(strict_)?(word_)?similarity|show_trgm"), "pg_trgm"),
    (re.compile(r"ll_to_earth|earth_(distance|box)"), "earthdistance"),
    (re.compile(r"st_\w+"), "postgis"),
    (re.compile(r"levenshtein\w*|soundex|d?metaphone\w*"), "fuzzystrmatch"),
)
_EXTENSION_OF_OPERATORS = (
    (re.compile(r"gi(n|st)_trgm_ops"), "pg_trgm"),
    (re.compile(r"(bit_|half|sparse)?vec(tor)?_\w+_ops"), "vector"),
    (re.compile(r"gist_(int[248]|float[48]|numeric|text|uuid|date|\w*time\w*)_ops"), "btree_gist"),
)
# Supabase's users, and what its policies ask about who is there.
_SUPABASE = """
    CREATE SCHEMA IF NOT EXISTS auth;
    CREATE TABLE IF NOT EXISTS auth.users (
        id uuid PRIMARY KEY, email varchar(255), phone text, role varchar(255), raw_user_meta_data jsonb,
        raw_app_meta_data jsonb, email_confirmed_at timestamptz, last_sign_in_at timestamptz,
        created_at timestamptz, updated_at timestamptz
    );
    CREATE OR REPLACE FUNCTION auth.uid() RETURNS uuid LANGUAGE sql STABLE
        AS $$ SELECT nullif(current_setting('request.jwt.claim.sub', true), '')::uuid $$;
    CREATE OR REPLACE FUNCTION auth.role() RETURNS text LANGUAGE sql STABLE
        AS $$ SELECT nullif(current_setting('request.jwt.claim.role', true), '') $$;
    CREATE OR REPLACE FUNCTION auth.email() RETURNS text LANGUAGE sql STABLE
        AS $$ SELECT nullif(current_setting('request.jwt.claim.email', true), '') $$;
    CREATE OR REPLACE FUNCTION auth.jwt() RETURNS jsonb LANGUAGE sql STABLE
        AS $$ SELECT nullif(current_setting('request.jwt.claims', true), '')::jsonb $$;
"""
_USERS = re.compile(r'CREATE\s+TABLE\s+(?:IF\s+NOT\s+EXISTS\s+)?"?auth"?\."?users\b', re.IGNORECASE)
_SUPABASE_NAMES = {"users", "uid", "role", "email", "jwt"}


def make_expected(connection: Connection, error: psycopg.Error, script: str) -> str | None:
    """Make what an error says is not there, in a savepoint of its own; what was made, None where nothing was.

    A platform's tables are not made where the script makes them itself.
    """
    said = error.diag.message_primary or ""
    try:
        with connection.transaction():
            return (None if _USERS.search(script) else _platform(connection, said)) or _extension(connection, said)
    except psycopg.Error:
        return None


def _platform(connection: Connection, said: str) -> str | None:
    found = _RELATION.match(said) or _FUNCTION.match(said)
    if found is None or found["namespace"] != "auth" or found["name"] not in _SUPABASE_NAMES:
        return None
    connection.execute(_SUPABASE.encode())
    return "auth.users as Supabase has it"


def _extension(connection: Connection, said: str) -> str | None:
    extension, namespace = _meant(said)
    if extension is None:
        return None
    if (made_in := _namespace_of(connection, extension)) is not None:
        return _on_the_path(connection, made_in) if namespace is None else None
    if extension not in available_extensions(connection):
        made = stand_in(connection, extension, namespace)
        return f"what stands in for the extension {extension}" if made else None
    statement = sql.SQL("CREATE EXTENSION {} SCHEMA {} CASCADE").format(
        sql.Identifier(extension), sql.Identifier(namespace or _current_namespace(connection))
    )
    connection.execute(statement)
    return f"extension {extension}"


def _meant(said: str) -> tuple[str | None, str | None]:
    """The extension that a message's name belongs to, and the namespace where it is looked for."""
    if (found := _NO_DEFAULT.match(said)) is not None and found["type"] not in _EXTENSION_OF_TYPE:
        return f"btree_{found['method']}", None
    if (found := _TYPE.match(said)) is not None:
        return _EXTENSION_OF_TYPE.get(found["name"]), found["namespace"]
    for pattern, extensions in ((_FUNCTION, _EXTENSION_OF_FUNCTION), (_OPERATORS, _EXTENSION_OF_OPERATORS)):
        if (found := pattern.match(said)) is not None:
            named = (extension for name, extension in extensions if name.fullmatch(found["name"]))
            return next(named, None), found["namespace"]
    return None, None


def _namespace_of(connection: Connection, extension: str) -> str | None:
    """Where an extension that is made has its names."""
    query = "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = %s"
    found = connection.execute(query, (extension,)).fetchone()
    return None if found is None else str(found[0])


def _on_the_path(connection: Connection, namespace: str) -> str | None:
    """Look for names there as well, as hosted platforms do; None where it is on the path already."""
    found = connection.execute("SELECT current_setting('search_path'), %s = ANY (current_schemas(true))", (namespace,))
    path, known = found.fetchone() or ("", True)
    if known:
        return None
    connection.execute("SELECT set_config('search_path', %s, true)", (f"{path}, {namespace}" if path else namespace,))
    return f"a search_path with {namespace}"


def _current_namespace(connection: Connection) -> str:
    found = connection.execute("SELECT current_schema()::text").fetchone()
    return (found[0] if found else None) or "public"
