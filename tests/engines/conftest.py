"""Declared gaps: what an engine cannot do, by test, with the reason. A test that passes in spite of its gap fails."""

from __future__ import annotations

import pytest

# (engine, test) → (the exception that shows the gap, why it is there)
GAPS: dict[tuple[str, str], tuple[type[BaseException], str]] = {
    ("sqlite", "test_nan_is_kept"): (AssertionError, "never: SQLite has no NaN and stores NULL for it"),
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        callspec = getattr(item, "callspec", None)
        engine = callspec.params.get("under_test") if callspec else None
        gap = GAPS.get((engine.name, item.originalname)) if engine and isinstance(item, pytest.Function) else None
        if gap is not None:
            raises, reason = gap
            item.add_marker(pytest.mark.xfail(raises=raises, reason=reason, strict=True))
