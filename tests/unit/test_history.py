"""The file of a history: nothing that could be read is lost, whatever happened to it, and nothing is hidden."""

from __future__ import annotations

import sqlite3
import threading
from contextlib import closing
from random import Random

import pytest

from loadlab.errors import InputError
from loadlab.history.records import MAGIC, carve, pack, unpack
from loadlab.history.store import append_night, history_path, read_history
from tests.nights import night, operation

MANY = 40


@pytest.fixture
def path(tmp_path):
    return tmp_path / "history" / "nights.db"


def filled(path, count=MANY):
    """Nights of a hundred operations each with figures of its own, so that a file has many pages."""
    random = Random(5)
    nights = [
        night(day, {f"operation_{k}": operation(random.random(), blocks_per_call=random.random()) for k in range(100)})
        for day in range(count)
    ]
    for item in nights:
        assert append_night(path, item) == ""
    return nights


def test_what_was_appended_is_read(path):
    assert read_history(path).nights == ()
    nights = filled(path, 3)
    found = read_history(path)
    assert found.nights == tuple(nights)
    assert found.damage == ""


def test_nights_come_in_the_order_of_their_time(path):
    for day in (3, 1, 2):
        append_night(path, night(day))
    assert read_history(path).nights == (night(1), night(2), night(3))


def test_a_folder_holds_one_file(tmp_path):
    assert history_path(tmp_path) == tmp_path / "nights.db"
    assert history_path(tmp_path / "new") == tmp_path / "new" / "nights.db"
    assert history_path(tmp_path / "mine.db") == tmp_path / "mine.db"


def test_many_writers_lose_nothing(path):
    said: list[str] = []

    def write(writer: int) -> None:
        said.extend(append_night(path, night(10 * writer + number)) for number in range(5))

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert said == [""] * 40
    assert len(read_history(path).nights) == 40


def test_a_killed_writer_leaves_nothing_half_done(path):
    filled(path, 2)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("INSERT INTO nights (record) VALUES (?)", [pack(night(9))])
        # Neither committed nor rolled back.
    assert len(read_history(path).nights) == 2
    assert append_night(path, night(3)) == ""


def damaged_by(path, how):
    content = bytearray(path.read_bytes())
    if how == "cut off":
        content = content[: len(content) // 2]
    elif how == "no header":
        content[:100] = b"\x00" * 100
    elif how == "first page gone":
        content[:65536] = b"\xff" * 65536
    else:
        place = content.find(MAGIC, len(content) // 2) + 60
        content[place] ^= 0xFF
    path.write_bytes(content)


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    """A history of many nights, and its file's bytes."""
    path = tmp_path_factory.mktemp("many") / "nights.db"
    return filled(path), path.read_bytes()


@pytest.mark.parametrize(
    "how, least", [("cut off", MANY * 0.25), ("no header", MANY), ("first page gone", MANY * 0.9), ("a byte", MANY - 1)]
)
def test_a_damaged_file_gives_what_it_still_holds(path, many, how, least):
    nights, content = many
    path.parent.mkdir()
    path.write_bytes(content)
    damaged_by(path, how)
    found = read_history(path)
    assert "is damaged" in found.damage
    assert f"{len(found.nights)} nights could be read" in found.damage
    assert len(found.nights) >= least
    assert all(item in nights for item in found.nights)


@pytest.mark.parametrize("how", ["cut off", "no header", "first page gone", "a byte"])
def test_appending_to_a_damaged_file_keeps_both(path, many, how):
    path.parent.mkdir()
    path.write_bytes(many[1])
    damaged_by(path, how)
    before = path.read_bytes()
    readable = read_history(path).nights
    said = append_night(path, night(99))
    assert "is damaged" in said
    (aside,) = path.parent.glob("nights.db.damaged-*")
    assert aside.name in said
    assert aside.read_bytes() == before
    found = read_history(path)
    assert found.damage == ""
    assert found.nights == (*readable, night(99))


@pytest.mark.parametrize("content", [b"hello, this is a text file\n" * 100, b"\x00" * 5000])
def test_another_file_is_refused_and_left_alone(path, content):
    path.parent.mkdir()
    path.write_bytes(content)
    for act in (read_history, lambda path: append_night(path, night())):
        with pytest.raises(InputError, match="is no history of LoadLab"):
            act(path)
    assert path.read_bytes() == content


def test_another_database_is_refused(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE users (id INTEGER)")
    with pytest.raises(InputError, match="no history of LoadLab"):
        append_night(path, night())


def test_a_newer_file_is_refused(path):
    filled(path, 1)
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="newer LoadLab"):
        read_history(path)


def test_a_file_that_is_held_is_not_called_damaged(path, monkeypatch):
    filled(path, 1)
    monkeypatch.setattr("loadlab.history.store._LOCK_LIMIT_S", 0.05)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        with pytest.raises(InputError, match="cannot be read now"):
            read_history(path)


def test_an_empty_file_is_an_empty_history(path):
    path.parent.mkdir()
    path.touch()
    assert append_night(path, night()) == ""
    assert read_history(path).nights == (night(),)


def test_a_place_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="--history"):
        append_night(tmp_path / "file" / "nights.db", night())


def test_records_are_found_anywhere():
    one, two = night(1), night(2)
    noise = b"x" * 17 + MAGIC + b"y" * 5
    assert list(carve(noise + pack(one) + noise + pack(two) + pack(one)[:-1] + noise)) == [one, two]
    assert unpack(pack(one)[:-1]) is None
