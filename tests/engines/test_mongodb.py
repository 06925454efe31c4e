"""What is particular to MongoDB."""

from __future__ import annotations

import pytest

from loadlab.engines import open_database
from loadlab.errors import UnreachableError


def test_a_database_is_opened_and_tells_its_collections(mongodb_database):
    assert mongodb_database.version().startswith("MongoDB ")
    assert mongodb_database.user_tables() == {}
    with open_database(mongodb_database.url) as same:
        assert same.user_tables() == {}


def test_nobody_there_is_one_line_without_the_password():
    with pytest.raises(UnreachableError) as caught:
        open_database("mongodb://someone:s3cret@127.0.0.1:1/nothing?serverSelectionTimeoutMS=500")
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)
