"""Declared gaps: what an engine cannot do, by test, with the reason. A test that passes in spite of its gap fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from loadlab.engines import open_database
from loadlab.engines.protocol import Engine
from loadlab.errors import DatabaseError

# (engine, test) → (the exception that shows the gap, why it is there)
GAPS: dict[tuple[str, str], tuple[type[BaseException], str]] = {
    ("mongodb", "test_deleting_a_parent_deletes_its_children"): (
        AssertionError,
        "never: MongoDB knows no references, and deletes nothing by itself",
    ),
    ("mysql", "test_preview_describes_indexes_of_expressions_and_with_conditions"): (
        AssertionError,
        "never on MariaDB: its indexes are of columns, and have all rows; MySQL 8 has those of expressions",
    ),
    ("mysql", "test_infinities_are_kept"): (DatabaseError, "never: MariaDB and MySQL have no infinite numbers"),
    ("mysql", "test_nan_is_kept"): (DatabaseError, "never: MariaDB and MySQL have no NaN"),
    ("sqlite", "test_nan_is_kept"): (AssertionError, "never: SQLite has no NaN and stores NULL for it"),
}


@pytest.fixture(scope="module")
def source(embedded_server: str) -> Iterator[Engine]:
    """A database of the engine whose words schemas and statements are in that others translate."""
    with open_database("embedded:") as opened:
        yield opened


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        callspec = getattr(item, "callspec", None)
        engine = callspec.params.get("under_test") if callspec else None
        name = item.originalname if engine and isinstance(item, pytest.Function) else None
        gap = (engine.gaps.get(name) or GAPS.get((engine.name, name))) if name else None
        if gap is not None:
            raises, reason = gap
            item.add_marker(pytest.mark.xfail(raises=raises, reason=reason, strict=True))
