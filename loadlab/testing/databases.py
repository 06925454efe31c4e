"""Filled databases, one for each thing that tests want, and copies of them: one a test, gone with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace

from loadlab.factories import Database
from loadlab.factories import open as open_database
from loadlab.testing.options import Wanted


class Templates:
    """The databases of a test session. Each is filled when the first test wants it, and only copied after that."""

    def __init__(self) -> None:
        self._filled: dict[Wanted, Database] = {}

    @contextmanager
    def copy(self, wanted: Wanted) -> Iterator[Database]:
        """A database of its own, as `wanted`. Raises LoadLabError."""
        copy = self._template(replace(wanted, now=None)).clone(now=wanted.now)
        try:
            yield copy
        finally:
            copy.close()

    def close(self) -> None:
        """Close what was opened; temporary databases and their server are gone."""
        filled, self._filled = self._filled, {}
        with ExitStack() as closing:
            for database in filled.values():
                closing.callback(database.close)

    def _template(self, wanted: Wanted) -> Database:
        if wanted not in self._filled:
            source, database = (wanted.source, wanted.database) if wanted.source else (wanted.database, None)
            rows = dict(wanted.rows) if isinstance(wanted.rows, tuple) else wanted.rows
            self._filled[wanted] = open_database(
                source, database=database, rows=rows, scale=wanted.scale, seed=wanted.seed
            )
        return self._filled[wanted]
