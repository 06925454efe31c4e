"""Nothing but the list of fixture files: one concern a file, `fix_*.py`, each a plugin of its own."""

from __future__ import annotations

pytest_plugins = (
    "tests.fix_browser",
    "tests.fix_embedded",
    "tests.fix_engines",
    "tests.fix_events",
    "tests.fix_hypothesis",
    "tests.fix_mongodb",
    "tests.fix_mysql",
    "tests.fix_pgbouncer",
    "tests.fix_servers",
    "tests.fix_signals",
    "tests.fix_statement_log",
)
