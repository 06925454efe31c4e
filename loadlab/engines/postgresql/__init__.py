"""PostgreSQL, 13 and later."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadlab.errors import MissingDependencyError

if TYPE_CHECKING:
    from loadlab.engines.postgresql.engine import PostgresqlEngine

__all__ = ["open_postgresql"]


def open_postgresql(url: str) -> PostgresqlEngine:
    """Open the database behind a `postgresql://` URL, its options passed to libpq untouched.

    Raises MissingDependencyError when the driver is not installed, InputError for a URL that cannot be read and
    UnreachableError when nobody answers.
    """
    try:
        from loadlab.engines.postgresql.engine import PostgresqlEngine
    except ModuleNotFoundError as error:
        if error.name is not None and error.name.startswith("loadlab"):
            raise
        raise MissingDependencyError(
            f"postgresql:// needs {error.name}: pip install 'psycopg[binary]' pyarrow"
        ) from None
    return PostgresqlEngine(url)
