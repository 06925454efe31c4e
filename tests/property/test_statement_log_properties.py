"""What is written into a log is what is read from it, whatever the values are."""

from __future__ import annotations

import tempfile
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from loadlab.engines import statement_log
from loadlab.engines.postgresql.statement_log.parameters import parse_parameters
from loadlab.engines.postgresql.statement_log.shapes import shape_of
from loadlab.replay.spool import SpoolWriter, Step, steps_of
from tests.samples_log import Line, as_csv, as_json

texts = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=30) | st.sampled_from(
    ["'", "''", "', $2 = '", "NULL", "$1 = NULL", "\\", "\n", "...", ", $1 = 'a'"]
)
values = st.lists(texts | st.none(), min_size=1, max_size=5)


def quoted(values: list[str | None]) -> str:
    """As BuildParamLogString writes it: apostrophes doubled, and nothing else."""
    parts = ("NULL" if v is None else "'" + v.replace("'", "''") + "'" for v in values)
    return "parameters: " + ", ".join(f"${number} = {part}" for number, part in enumerate(parts, 1))


@given(values)
def test_parameters_are_read_as_they_were_bound(bound: list[str | None]) -> None:
    assert parse_parameters(quoted(bound)) == tuple(bound)


@settings(max_examples=30)
@given(st.lists(st.tuples(values, st.sampled_from(["a.1", "b.2"]), texts), min_size=1, max_size=5))
def test_either_form_says_the_same(executions: list[tuple[list[str | None], str, str]]) -> None:
    lines = []
    for bound, session, text in executions:
        holders = ", ".join(f"${number}" for number in range(1, len(bound) + 1))
        literal = text.replace("'", "''")
        message = f"duration: 1.500 ms  execute <unnamed>: SELECT '{literal}', {holders}"
        lines.append(Line(message, quoted(bound), session=session))
    with tempfile.TemporaryDirectory() as folder:
        read = []
        for write in (as_csv, as_json):
            path = Path(folder) / write.__name__
            path.write_bytes(write(*lines).encode())
            read.append([item for item in statement_log(path).items([path], database=None) if hasattr(item, "values")])
    assert read[0] == read[1]
    assert [list(item.values) for item in read[0]] == [bound for bound, _, _ in executions]


@given(texts, texts)
def test_a_shape_does_not_depend_on_constants(one: str, other: str) -> None:
    shapes = {shape_of("SELECT a FROM t WHERE b = '" + text.replace("'", "''") + "'") for text in (one, other)}
    assert shapes == {"select a from t where b = ?"}


@settings(max_examples=30)
@given(st.lists(st.integers(0, 50), max_size=60), st.integers(1, 7))
def test_a_spool_gives_back_what_it_took_in_order(dues: list[int], run_steps: int) -> None:
    steps = [Step(due, place, due % 3, "execute", 0, "é\udce9", ["x", None]) for place, due in enumerate(dues)]
    with tempfile.TemporaryDirectory() as folder:
        spool = SpoolWriter(Path(folder) / "spool", run_steps=run_steps)
        for step in steps:
            spool.add(step)
        spool.close()
        assert list(steps_of(Path(folder) / "spool")) == sorted(steps)
