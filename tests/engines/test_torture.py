"""The torture fixture through the pipeline: nothing broken, nothing changed, and every row the dataset's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.pipeline import DataOptions, seed_database
from tests.seeded import check_everything
from tests.silent import Silent

TORTURE = Path(__file__).resolve().parents[2] / "fixtures" / "torture.sql"
ALWAYS = {
    "dogs: inherits from animals, where its rows show too",
    "without_partition: 0 rows, not {rows}: it is partitioned and has no partition",
}
PARTS = {
    "current_version: one row is in one_current (WHERE is_current), whose key has no room for all rows",
    "never: 0 rows, not {rows}: its CHECKs leave no value for part that has a partition",
}
NOTES = {
    1: {
        "follows: 0 rows, not 1: followed_id needs another row of parties, which has one",
        "of_either_key: 0 rows, not 1: a needs a row of either_key, none of which has a",
        "friends: 0 rows, not 1: (lower_id, upper_id) is unique and has 0 pairs",
        "links: 0 rows, not 1: (one_id, two_id) is unique and has 0 pairs",
    },
    100: {
        "each_state: 4 rows, not 100: (state) is unique and has 4 values",
        "only_one: 1 rows, not 100: (only) is unique and has 1 values",
    },
    10_000: {
        "each_state: 4 rows, not 10,000: (state) is unique and has 4 values",
        "only_one: 1 rows, not 10,000: (only) is unique and has 1 values",
    },
}


@pytest.mark.slow
@pytest.mark.parametrize("rows", NOTES)
def test_everything_that_a_schema_can_ask_for(database: PostgresqlEngine, rows: int) -> None:
    schema = database.preview(TORTURE.read_text(), {})
    outcome = seed_database(str(TORTURE), database.url, DataOptions(rows_everywhere=rows, workers=1), Silent())
    assert set(outcome.notes) == {note.format(rows=f"{rows:,}") for note in ALWAYS | PARTS} | NOTES[rows]
    # Python takes minutes to compare every value of ten thousand rows a table.
    check_everything(database, schema, outcome.dataset, rows, values=rows <= 100)
