"""The schema by pg_dump: what other users of the machine could read of the address meanwhile."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import psycopg
from psycopg.conninfo import conninfo_to_dict

from loadlab.engines.postgresql.dump import _without_secrets, dump_ddl
from loadlab.engines.postgresql.engine import PostgresqlEngine

URL = "postgresql://ann:first-secret@db/shop?sslkey=key.pem&sslpassword=second-secret"


def test_secrets_stand_on_no_command_line() -> None:
    with _without_secrets(conninfo_to_dict(URL)) as (conninfo, environ):
        assert "secret" not in conninfo
        assert environ["PGPASSWORD"] == "first-secret"
        file = Path(environ["PGSERVICEFILE"])
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        assert "sslpassword=second-secret" in file.read_text()
    assert not file.exists()


def test_a_schema_is_read_with_a_passphrase(database: PostgresqlEngine) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute("CREATE TABLE things (id int PRIMARY KEY)")
        major = connection.info.server_version // 10_000
    before = dict(os.environ)
    assert "CREATE TABLE public.things" in dump_ddl(f"{database.url}&sslpassword=second-secret", major)
    assert dict(os.environ) == before
