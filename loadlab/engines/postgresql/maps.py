"""PostGIS' types on a server of our own that lacks it: they take and keep its binary form (EWKB), and know no more.

A table with places can then be made and filled. What computes with places (indexes, most functions) is left out with a
note; the functions that defaults, CHECKs and generated columns use are in SQL below.
"""

from __future__ import annotations

import re

from psycopg import sql

from loadlab.engines.postgresql.connection import Connection

_FORMS = (
    "geometry",
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "multilinestring",
    "multipolygon",
    "geometrycollection",
)
_OTHER_FORM = len(_FORMS)
_MODIFIED = re.compile(
    r"\b(?P<type>geometry|geography)\s*\(\s*'?(?P<form>geometry|(?:multi)?(?:point|linestring|polygon|curve|surface)|"
    r"geometrycollection|circularstring|compoundcurve|curvepolygon|polyhedralsurface|tin|triangle)"
    r"(?P<dimensions>zm|z|m)?'?\s*(?:,\s*(?P<srid>\d+)\s*)?\)",
    re.IGNORECASE,
)
_TYPES = ("geometry", "geography", "box2d", "box3d", "raster")
# The type's own functions are those of bytea, its modifier is a number as that of bit varying (at most _LARGEST).
_TYPE = """
    CREATE TYPE {schema}.{name};
    CREATE FUNCTION {schema}.{name}_in(cstring) RETURNS {schema}.{name} LANGUAGE internal IMMUTABLE STRICT
        AS 'byteain';
    CREATE FUNCTION {schema}.{name}_out({schema}.{name}) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT
        AS 'byteaout';
    CREATE FUNCTION {schema}.{name}_recv(internal) RETURNS {schema}.{name} LANGUAGE internal IMMUTABLE STRICT
        AS 'bytearecv';
    CREATE FUNCTION {schema}.{name}_send({schema}.{name}) RETURNS bytea LANGUAGE internal IMMUTABLE STRICT
        AS 'byteasend';
    CREATE FUNCTION {schema}.{name}_typmod_in(cstring[]) RETURNS integer LANGUAGE internal IMMUTABLE STRICT
        AS 'varbittypmodin';
    CREATE FUNCTION {schema}.{name}_typmod_out(integer) RETURNS cstring LANGUAGE internal IMMUTABLE STRICT
        AS 'varbittypmodout';
    CREATE TYPE {schema}.{name} (
        INPUT = {schema}.{name}_in, OUTPUT = {schema}.{name}_out, RECEIVE = {schema}.{name}_recv,
        SEND = {schema}.{name}_send, TYPMOD_IN = {schema}.{name}_typmod_in, TYPMOD_OUT = {schema}.{name}_typmod_out,
        INTERNALLENGTH = VARIABLE, STORAGE = extended
    );
    CREATE CAST ({schema}.{name} AS bytea) WITHOUT FUNCTION;
    CREATE CAST (bytea AS {schema}.{name}) WITHOUT FUNCTION;
"""
_LARGEST = 10 * 1024 * 1024 * 8  # varbittypmodin: MaxAttrSize in bits
# EWKB: byte order, 4 bytes of form and flags (0x20000000: SRID), 4 bytes of SRID where flagged, the coordinates.
_FUNCTIONS = """
    CREATE CAST ({schema}.geometry AS {schema}.geography) WITHOUT FUNCTION AS IMPLICIT;
    CREATE CAST ({schema}.geography AS {schema}.geometry) WITHOUT FUNCTION;
    CREATE FUNCTION {schema}._ewkb_number(bytea, integer) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT AS $$
        SELECT sum(get_byte($1, $2 + i)::bigint << CASE get_byte($1, 0) WHEN 1 THEN 8 * i ELSE 24 - 8 * i END)::bigint
        FROM generate_series(0, 3) AS i
    $$;
    CREATE FUNCTION {schema}.st_srid({schema}.geometry) RETURNS integer LANGUAGE sql IMMUTABLE STRICT AS $$
        SELECT CASE WHEN {schema}._ewkb_number($1::bytea, 1) & 536870912 > 0
                    THEN {schema}._ewkb_number($1::bytea, 5)::integer ELSE 0 END
    $$;
    CREATE FUNCTION {schema}.geometrytype({schema}.geometry) RETURNS text LANGUAGE sql IMMUTABLE STRICT AS $$
        SELECT ('{forms}'::text[])[({schema}._ewkb_number($1::bytea, 1) & 15) + 1]
    $$;
    CREATE FUNCTION {schema}.st_ndims({schema}.geometry) RETURNS smallint LANGUAGE sql IMMUTABLE STRICT AS $$
        SELECT (2 + ({schema}._ewkb_number($1::bytea, 1) >> 31 & 1) + ({schema}._ewkb_number($1::bytea, 1) >> 30 & 1))
               ::smallint
    $$;
    CREATE FUNCTION {schema}.st_isvalid({schema}.geometry) RETURNS boolean LANGUAGE sql IMMUTABLE STRICT
        AS 'SELECT true';
    CREATE FUNCTION {schema}.st_makepoint(float8, float8) RETURNS {schema}.geometry LANGUAGE sql IMMUTABLE STRICT AS $$
        SELECT ('\\x00'::bytea || int4send(1) || float8send($1) || float8send($2))::{schema}.geometry
    $$;
    CREATE FUNCTION {schema}.st_point(float8, float8) RETURNS {schema}.geometry LANGUAGE sql IMMUTABLE STRICT AS $$
        SELECT {schema}.st_makepoint($1, $2)
    $$;
    CREATE FUNCTION {schema}.st_setsrid({schema}.geometry, integer) RETURNS {schema}.geometry
        LANGUAGE sql IMMUTABLE STRICT AS $$
        SELECT (substring($1::bytea FROM 1 FOR 1)
                || set_byte(substring($1::bytea FROM 2 FOR 4), flags, get_byte($1::bytea, flags + 1) | 32)
                || CASE flags WHEN 0 THEN int4send($2)
                   ELSE (SELECT string_agg(substring(int4send($2) FROM i FOR 1), ''::bytea ORDER BY i DESC)
                         FROM generate_series(1, 4) AS i) END
                || substring($1::bytea FROM CASE WHEN {schema}.st_srid($1) > 0 THEN 10 ELSE 6 END))::{schema}.geometry
        FROM (SELECT CASE get_byte($1::bytea, 0) WHEN 1 THEN 3 ELSE 0 END AS flags) AS order_of_bytes
    $$;
"""


def make_map_types(connection: Connection, namespace: str) -> None:
    """Make the types in a namespace, with the functions above. Needs a superuser, which we are on our own server."""
    schema = sql.Identifier(namespace).as_string(connection)
    for name in _TYPES:
        connection.execute(_TYPE.format(schema=schema, name=name).encode())
    forms = "{" + ",".join(form.upper() for form in _FORMS) + "}"
    connection.execute(_FUNCTIONS.format(schema=schema, forms=forms).encode())


def with_numbered_modifiers(text: str) -> str:
    """`geometry(Point, 4326)` as the number that PostGIS makes of it (see `types.geometry_modifier`)."""
    return _MODIFIED.sub(_numbered, text)


def _numbered(found: re.Match[str]) -> str:
    form, dimensions = found["form"].lower(), (found["dimensions"] or "").lower()
    code = _FORMS.index(form) if form in _FORMS else _OTHER_FORM
    low = code << 2 | ("z" in dimensions) << 1 | ("m" in dimensions)
    modifier = int(found["srid"] or 0) << 8 | low
    modifier = modifier if modifier <= _LARGEST else low
    return f"{found['type']}({modifier})" if modifier else found["type"]
