"""Extensions that a server of our own lacks: functions in SQL that stand in for theirs, so that a schema can be made.

PostGIS' types are in `maps`.
Made for defaults and functions that name them. Where the core has what is meant (a random UUID, SHA-2), the function
does that; what encrypts returns what it is given, and digests that the core lacks are cut from one that it has.
"""

from __future__ import annotations

from psycopg import sql

from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.maps import make_map_types

_VERSIONED = """
    SELECT encode(set_byte(set_byte(h, 6, get_byte(h, 6) & 15 | {version}), 8, get_byte(h, 8) & 63 | 128), 'hex')::uuid
    FROM (SELECT {hash} AS h) AS hashed
"""
_NAMED = "uuid_send($1) || convert_to($2, 'UTF8')"
_RANDOM = "SELECT gen_random_uuid()"
# By extension: (name and arguments, result, volatility, body).
_STAND_INS: dict[str, tuple[tuple[str, str, str, str], ...]] = {
    "uuid-ossp": (
        ("uuid_generate_v1()", "uuid", "VOLATILE", _RANDOM),
        ("uuid_generate_v1mc()", "uuid", "VOLATILE", _RANDOM),
        ("uuid_generate_v4()", "uuid", "VOLATILE", _RANDOM),
        (
            "uuid_generate_v3(uuid, text)",
            "uuid",
            "IMMUTABLE",
            _VERSIONED.format(version=0x30, hash=f"decode(md5({_NAMED}), 'hex')"),
        ),
        (
            "uuid_generate_v5(uuid, text)",
            "uuid",
            "IMMUTABLE",
            _VERSIONED.format(version=0x50, hash=f"substring(sha256({_NAMED}) FROM 1 FOR 16)"),
        ),
        ("uuid_nil()", "uuid", "IMMUTABLE", "SELECT '00000000-0000-0000-0000-000000000000'::uuid"),
        *(
            (f"uuid_ns_{name}()", "uuid", "IMMUTABLE", f"SELECT '6ba7b81{digit}-9dad-11d1-80b4-00c04fd430c8'::uuid")
            for name, digit in (("dns", 0), ("url", 1), ("oid", 2), ("x500", 4))
        ),
    ),
    "pgcrypto": (
        ("gen_random_uuid()", "uuid", "VOLATILE", "SELECT pg_catalog.gen_random_uuid()"),
        (
            "gen_random_bytes(integer)",
            "bytea",
            "VOLATILE",
            "SELECT substring(string_agg(uuid_send(pg_catalog.gen_random_uuid()), ''::bytea) FROM 1 FOR $1)"
            " FROM generate_series(0, $1 / 16)",
        ),
        (
            "digest(bytea, text)",
            "bytea",
            "IMMUTABLE",
            "SELECT CASE lower($2) WHEN 'md5' THEN decode(md5($1), 'hex') WHEN 'sha224' THEN sha224($1)"
            " WHEN 'sha384' THEN sha384($1) WHEN 'sha512' THEN sha512($1) WHEN 'sha256' THEN sha256($1)"
            " ELSE substring(sha256($1) FROM 1 FOR 20) END",
        ),
        ("digest(text, text)", "bytea", "IMMUTABLE", "SELECT {schema}.digest(convert_to($1, 'UTF8'), $2)"),
        ("hmac(bytea, bytea, text)", "bytea", "IMMUTABLE", "SELECT {schema}.digest($2 || $1, $3)"),
        (
            "hmac(text, text, text)",
            "bytea",
            "IMMUTABLE",
            "SELECT {schema}.hmac(convert_to($1, 'UTF8'), convert_to($2, 'UTF8'), $3)",
        ),
        (
            "crypt(text, text)",
            "text",
            "IMMUTABLE",
            "SELECT left($2, 29) || left(encode(sha256(convert_to($1 || left($2, 29), 'UTF8')), 'base64'), 31)",
        ),
        ("gen_salt(text, integer)", "text", "VOLATILE", "SELECT '$2a$06$' || left(md5(random()::text), 22)"),
        ("gen_salt(text)", "text", "VOLATILE", "SELECT {schema}.gen_salt($1, 6)"),
        *((f"{name}(bytea, bytea, text)", "bytea", "IMMUTABLE", "SELECT $1") for name in ("encrypt", "decrypt")),
        *(
            (f"{name}(bytea, bytea, bytea, text)", "bytea", "IMMUTABLE", "SELECT $1")
            for name in ("encrypt_iv", "decrypt_iv")
        ),
        *(
            (f"pgp_{kind}_{name}({arguments})", result, "IMMUTABLE", body)
            for kind, key in (("sym", "text"), ("pub", "bytea"))
            for more in ("", ", text")
            for name, arguments, result, body in (
                ("encrypt", f"text, {key}{more}", "bytea", "SELECT convert_to($1, 'UTF8')"),
                ("encrypt_bytea", f"bytea, {key}{more}", "bytea", "SELECT $1"),
                ("decrypt", f"bytea, {key}{more}", "text", "SELECT convert_from($1, 'UTF8')"),
                ("decrypt_bytea", f"bytea, {key}{more}", "bytea", "SELECT $1"),
            )
        ),
        ("armor(bytea)", "text", "IMMUTABLE", "SELECT encode($1, 'base64')"),
        ("dearmor(text)", "bytea", "IMMUTABLE", "SELECT decode($1, 'base64')"),
    ),
}


def available_extensions(connection: Connection) -> frozenset[str]:
    """What the server could add to a database."""
    rows = connection.execute("SELECT name::text FROM pg_available_extensions").fetchall()
    return frozenset(name for (name,) in rows)


def stand_in(connection: Connection, extension: str, namespace: str | None) -> bool:
    """Make the functions that stand in for an extension, in its namespace (None: the present one).

    False where there are none for it.
    """
    functions = _STAND_INS.get(extension)
    if functions is None and extension != "postgis":
        return False
    if namespace is None:
        found = connection.execute("SELECT current_schema()::text").fetchone()
        namespace = (found[0] if found else None) or "public"
    if functions is None:
        make_map_types(connection, namespace)
        return True
    schema = sql.Identifier(namespace).as_string(connection)
    for signature, result, volatility, body in functions:
        text = f"CREATE OR REPLACE FUNCTION {schema}.{signature} RETURNS {result} LANGUAGE sql {volatility} AS "
        connection.execute((text + sql.Literal(body.replace("{schema}", schema)).as_string(connection)).encode())
    return True
