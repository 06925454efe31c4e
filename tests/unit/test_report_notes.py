"""Which notes are shown where there is room for a few."""

from __future__ import annotations

from loadlab.report.notes import shortened


def test_each_kind_of_note_is_shown_before_a_second_one_of_a_kind():
    alike = [f"index t{number}.k_{number}: left out, SQLite has no gist indexes" for number in range(20)]
    notes = [
        *alike,
        "orders: no row is made, since CHECK (false) stands in the way",
        "CHECK t1.c: left out",
        "plain words",
    ]
    assert shortened(notes, 3) == [
        "index t0.k_0: left out, SQLite has no gist indexes (and 19 more like it)",
        *notes[20:22],
        "and 1 more; the report and --json have all of them",
    ]


def test_notes_that_differ_in_their_words_are_of_different_kinds():
    notes = ["a: has no rows", "b: has no rows", "b: has ten rows", "index a: has no rows"]
    assert shortened(notes, 9) == ["a: has no rows (and 1 more like it)", *notes[2:]]


def test_few_notes_are_shown_as_they_are():
    assert shortened([], 3) == []
    assert shortened(["one", "two: left out"], 3) == ["one", "two: left out"]
