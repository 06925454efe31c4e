"""Commands as documents: the text of a mapping, its parameters, and what it is known to change."""

from __future__ import annotations

import datetime as dt
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.errors import InputError
from loadlab.spec.native import command_text, native_statement, text_for
from loadlab.spec.operations import Action
from loadlab.spec.statement import Statement

FIND = {"find": "users", "filter": {"_id": ":id", "note": "a:b"}, "limit": 1}


def test_a_whole_value_with_a_colon_is_a_parameter_and_nothing_else() -> None:
    text = command_text(FIND)
    assert text == '{"find": "users", "filter": {"_id": :id, "note": "a:b"}, "limit": 1}'
    assert Statement.parse(text).names == ("id",)


def test_times_of_yaml_are_extended_json() -> None:
    found = command_text({"a": dt.date(2025, 1, 31), "b": dt.datetime(2025, 1, 31, 12, 30, tzinfo=dt.UTC)})
    assert json.loads(found) == {"a": {"$date": "2025-01-31T00:00:00Z"}, "b": {"$date": "2025-01-31T12:30:00.000Z"}}


def test_what_no_command_can_hold_is_refused() -> None:
    with pytest.raises(ValueError, match="holds a set"):
        command_text({"a": {1}})


_texts = st.text(max_size=12).filter(lambda text: not text.startswith(":"))
_documents = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | _texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_texts, inner, max_size=3),
    max_leaves=12,
)


@given(st.dictionaries(_texts, _documents, max_size=4))
def test_no_content_is_taken_for_a_parameter_or_changes(document: dict[str, Any]) -> None:
    statement = Statement.parse(command_text(document))
    assert statement.names == ()
    assert json.loads(str(statement)) == document


@pytest.mark.parametrize(
    "command, writes",
    [
        (FIND, False),
        ({"insert": "users", "documents": [{"_id": ":id"}]}, True),
        ({"update": "users", "updates": []}, True),
        ({"delete": "users", "deletes": []}, True),
        ({"findAndModify": "users", "remove": True}, True),
        ({"aggregate": "users", "pipeline": [{"$match": {"insert": 1}}], "cursor": {}}, False),
        ({"aggregate": "users", "pipeline": [{"$merge": {"into": "sums"}}], "cursor": {}}, True),
        ({"find": "users", "filter": {"delete": 1}}, False),
    ],
)
def test_whether_a_command_writes(command: dict[str, Any], writes: bool) -> None:
    assert Statement.parse(command_text(command)).is_write is writes


def test_a_scenario_takes_a_command_as_a_mapping() -> None:
    action = Action.model_validate({"sql": {"documents": FIND}, "params": {"id": "users.id"}})
    assert action.texts() == [command_text(FIND)]


def test_sql_stands_for_every_engine_without_a_text_of_its_own() -> None:
    texts = {"sql": "SELECT 1", "documents": "{}"}
    assert text_for(texts, "documents") == "{}"
    assert native_statement(texts, "other", "standard", "x") == Statement(("SELECT 1",), (), "standard")
    with pytest.raises(InputError, match="add one for other"):
        native_statement({"documents": "{}"}, "other", "standard", "x")
