"""From a catalogue's statistics to the shape of a scenario, on figures made up by hand."""

from __future__ import annotations

from loadlab.profile.shape import ProfileOptions, make_profile
from loadlab.schema.model import Column, LogicalType, Schema, Table
from loadlab.schema.statistics import ColumnStatistics, DatabaseStatistics, JointStatistics, TableStatistics


def test_a_column_depends_on_another_whatever_the_words_of_its_values():
    columns = tuple(Column(name, LogicalType("text"), nullable=False) for name in ("consent", "reason"))
    found = {
        "consent": ColumnStatistics(0, 2, 8, ("given", "refused"), (0.6, 0.4)),
        "reason": ColumnStatistics(0, 2, 8, ("asked", "none"), (0.6, 0.4)),
    }
    joint = JointStatistics(("consent", "reason"), 2, common=((("given", "asked"), 0.6), (("refused", "none"), 0.4)))
    schema = Schema((Table("people", columns),), "postgresql")
    statistics = DatabaseStatistics(schema, {"people": TableStatistics(1000, found, (joint,))})
    shape = make_profile(statistics, ProfileOptions()).tables["people"]["columns"]["reason"]
    assert shape["given"]["cases"] == {
        "given": {"values": ["asked"], "weights": [1.0]},
        "refused": {"values": ["none"], "weights": [1.0]},
    }
