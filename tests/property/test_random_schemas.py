"""Schemas that nobody wrote: whatever the server takes is seeded without a broken constraint, value for value."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, event, given, note, settings
from hypothesis import strategies as st

from loadlab.engines import open_database
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.errors import InputError
from tests.property.random_schemas import schemas
from tests.seeded import check_everything, fill, plan

ROWS = (1, 7, 60, 400)
# How many schemas to look for that nobody has seen yet, instead of the twenty that are always the same.
HUNTED = int(os.environ.get("LOADLAB_HUNT", "0"))


@settings(
    max_examples=HUNTED or 20,
    deadline=None,
    derandomize=not HUNTED,
    suppress_health_check=list(HealthCheck),
    phases=(Phase.explicit, Phase.generate, Phase.shrink),
)
@given(ddl=schemas(), rows=st.sampled_from(ROWS))
def test_a_random_schema_is_seeded(embedded_server: str, ddl: str, rows: int) -> None:
    check_schema(ddl, rows)


def check_schema(ddl: str, rows: int) -> None:
    """Seeded and equal, or refused before anything is written."""
    note(f"-- {rows} rows a table\n{ddl}")
    with open_database("embedded:") as engine:
        assert isinstance(engine, PostgresqlEngine)
        schema = engine.preview(ddl, {})
        try:
            dataset = plan(schema, rows)
        except InputError as error:  # InfeasibleError is one too
            event(type(error).__name__)
            note(str(error))
            return
        fill(engine, dataset)
        check_everything(engine, schema, dataset, rows)
