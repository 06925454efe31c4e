"""PostgreSQL's log, record by record: which statements it tells of, in every version's columns and either form."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from loadlab.engines import statement_log
from loadlab.engines.abilities import LeftOut, LoggedStatement, LogItem, LogNote
from loadlab.engines.postgresql.statement_log.clock import LogClock
from loadlab.engines.postgresql.statement_log.shapes import meaning_of, shape_of
from loadlab.errors import InputError
from tests.samples_log import Line, as_csv, as_json


def read(path: Path, text: str | bytes, database: str | None = None) -> list[LogItem]:
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return list(statement_log(path).items([path], database=database))


def statements(items: list[LogItem]) -> list[LoggedStatement]:
    return [item for item in items if isinstance(item, LoggedStatement)]


def reasons(items: list[LogItem]) -> list[str]:
    return [item.reason for item in items if isinstance(item, LeftOut)]


@pytest.mark.parametrize("columns", [23, 24, 26])
def test_the_columns_of_every_version(tmp_path: Path, columns: int) -> None:
    line = Line("duration: 12.500 ms  statement: SELECT 'a\nb', 1", query_id=-77)
    (one,) = statements(read(tmp_path / "log", as_csv(line, columns=columns)))
    assert (one.text, one.shape, one.kind, one.session) == ("SELECT 'a\nb', 1", "select ?, ?", "read", "a.1")
    assert one.duration_s == pytest.approx(0.0125)
    assert one.query_id == ("-77" if columns == 26 else "")
    # It began when it ended, less what it took: the log's times are of ends.
    assert one.start_s % 60 == pytest.approx(53.589 - 0.0125)


@pytest.mark.parametrize("word", ["parameters", "Parameters"])
@pytest.mark.parametrize("write", [as_csv, as_json])
def test_the_extended_protocol(tmp_path: Path, write, word: str) -> None:
    detail = f"{word}: $1 = 'it''s', $2 = NULL"
    text = "SELECT * FROM t WHERE a = $1 AND b = $2"
    lines = [
        Line(f"duration: 3.000 ms  parse <unnamed>: {text}", command="PARSE"),
        Line(f"duration: 2.000 ms  bind <unnamed>: {text}", detail, command="BIND"),
        Line(f"duration: 1.000 ms  execute <unnamed>: {text}", detail),
        Line(f"duration: 3.000 ms  parse S_1: {text}", command="PARSE"),
        Line(f"duration: 2.000 ms  bind S_1/C_1: {text}", detail, command="BIND"),
        Line(f"duration: 1.000 ms  execute S_1/C_1: {text}", detail),
        Line(f"duration: 1.000 ms  execute fetch from S_1/C_1: {text}", detail),
    ]
    items = read(tmp_path / "log", write(*lines))
    unnamed, named = statements(items)
    assert unnamed.values == named.values == ("it's", None)
    assert (unnamed.is_prepared, named.is_prepared) == (False, True)
    # What was prepared before is not prepared again each time.
    assert unnamed.duration_s == pytest.approx(0.006)
    assert named.duration_s == pytest.approx(0.003)
    assert reasons(items) == ["further fetches of a portal, which its first execution is replayed with"]


def test_log_statement_with_log_duration(tmp_path: Path) -> None:
    lines = [
        Line("statement: SELECT 1", command="idle"),
        Line("duration: 4.000 ms"),
        Line("duration: 1.000 ms", command="PARSE"),
        Line("duration: 2.000 ms", command="BIND"),
        Line("execute <unnamed>: SELECT $1", "parameters: $1 = 'x'"),
        Line("statement: SELECT 2", command="idle", session="b.2"),
        Line("duration: 3.000 ms"),
        Line("statement: SELECT 1 / 0", command="idle"),
        Line("division by zero", severity="ERROR", code="22012", statement="SELECT 1 / 0"),
        Line("duration: 9.000 ms"),
    ]
    items = read(tmp_path / "log", as_json(*lines))
    simple, extended = statements(items)
    assert (simple.text, simple.values, simple.duration_s) == ("SELECT 1", None, 0.004)
    assert (extended.values, extended.duration_s) == (("x",), pytest.approx(0.006))
    assert reasons(items) == [
        "statements that failed in the log (22012)",
        "durations whose statement is not in the log (log_duration without log_statement)",
        "statements whose duration is not in the log",
    ]
    assert [item.failed_session for item in items if isinstance(item, LeftOut)] == ["a.1", None, None]


def test_what_cannot_be_bound_is_left_out(tmp_path: Path) -> None:
    text = "duration: 1.000 ms  execute <unnamed>: SELECT $1"
    items = read(tmp_path / "log", as_csv(Line(text), Line(text, "parameters: $1 = 'cut"), Line(text, "parameters: ")))
    assert statements(items) == []
    assert reasons(items) == [
        "statements whose values are not in the log (log_parameter_max_length = 0)",
        "statements of which the list of parameters cannot be read at $1",
        "statements of which the list of parameters cannot be read at $1",
    ]


def test_values_that_may_be_cut_off_are_told(tmp_path: Path) -> None:
    line = Line("duration: 1.000 ms  execute <unnamed>: SELECT $1", "parameters: $1 = 'abc...'")
    items = read(tmp_path / "log", as_csv(line))
    assert [item.text for item in items if isinstance(item, LogNote)] == [
        "1 bound values end in '...': if log_parameter_max_length has cut them off, they were replayed so."
    ]


def test_loadlabs_own_statements_and_other_databases(tmp_path: Path) -> None:
    lines = [
        Line("duration: 1.000 ms  statement: SELECT 1", application="loadlab"),
        Line("duration: 1.000 ms  statement: SELECT 2"),
        Line("duration: 1.000 ms  statement: SELECT 3", database="other"),
        Line("connection authorized: user=app"),
        Line("duration: 1.000 ms  plan:\nQuery Text: SELECT 1"),
    ]
    items = read(tmp_path / "log", as_csv(*lines), "shop")
    assert [one.text for one in statements(items)] == ["SELECT 2"]
    assert reasons(items) == [
        "statements of LoadLab itself", "statements of the database other", "records that are no statements",
        "plans of auto_explain",
    ]  # fmt: skip
    with pytest.raises(InputError, match=r"databases shop and other: name the one to replay with --log-database"):
        read(tmp_path / "log", as_csv(*lines))


def test_files_are_put_in_the_order_of_their_times(tmp_path: Path) -> None:
    paths = [tmp_path / "1.json", tmp_path / "2.csv.gz"]
    paths[0].write_text(as_json(Line("duration: 1.000 ms  statement: SELECT 2", stamp="2026-03-14 10:00:00.000 UTC")))
    paths[1].write_bytes(gzip.compress(as_csv(Line("duration: 1.000 ms  statement: SELECT 1")).encode()))
    found = list(statement_log(paths[0]).items(paths, database=None))
    assert [one.text for one in statements(found)] == ["SELECT 1", "SELECT 2"]


@pytest.mark.parametrize("write", [as_csv, as_json])
@pytest.mark.parametrize("cut", [3, 60, 250])
def test_a_log_that_is_still_written_ends_somewhere(tmp_path: Path, write, cut: int) -> None:
    text = write(*[Line(f"duration: 1.000 ms  statement: SELECT '{number}\n,'") for number in range(5)])
    items = read(tmp_path / "log", text[:-cut])
    assert 3 <= len(statements(items)) <= 4
    assert [item.text for item in items if isinstance(item, LogNote)] == [
        f"{tmp_path / 'log'} ends in the middle of a record, which is left out: it may still be written to."
    ]


def test_a_gzip_file_that_ends_early(tmp_path: Path) -> None:
    lines = [Line(f"duration: 1.000 ms  statement: SELECT {n}, {n * 7919 % 104729}") for n in range(5000)]
    items = read(tmp_path / "log.gz", gzip.compress(as_json(*lines).encode())[:-2000])
    assert 0 < len(statements(items)) < 5000
    assert isinstance(items[-1], LogNote)


@pytest.mark.parametrize(
    "text, words",
    [
        (b"", "is empty"),
        (b"id,name\n1,x\n", "is no log that can be replayed: PostgreSQL's csvlog or jsonlog is needed"),
        (b'{"a": 1}\n', "is no log that can be replayed"),
        (b"2026-03-14 09:26:53.589 UTC [47] LOG:  duration: 1 ms  statement: SELECT 1\n", "is no log that can be"),
        (as_csv(Line("x")).encode() + b"nonsense\n" + as_csv(Line("y")).encode(), ": line 2 is no record of a csvlog"),
        (as_json(Line("x")).encode() + b"nonsense\n" + as_json(Line("y")).encode(), ": line 2 is no record of a jso"),
        (as_csv(Line("x")).encode() + as_csv(Line("y"), Line("z"), columns=24).encode(), "line 2 has 24 columns"),
        (as_csv(Line("x")).encode() + b'nonsense\n"y" z\n', ": line 2 is no record of a csvlog"),
        (as_json(Line("x"), Line("y", stamp="soon"), Line("z")).encode(), ": line 2 is no record of a jsonlog"),
        (
            gzip.compress(as_csv(Line("x")).encode(), mtime=0)[:10] + b"nonsense" * 9,
            " cannot be read: Error -3 while decompress",
        ),
        (b"\x1f\x8bnonsense", " cannot be read: Unknown compression method"),
    ],
)
def test_what_is_no_log_is_named(tmp_path: Path, text: bytes, words: str) -> None:
    with pytest.raises(InputError) as caught:
        read(tmp_path / "log", text)
    assert words in str(caught.value)
    assert str(caught.value).startswith(str(tmp_path / "log"))


def test_bytes_of_another_encoding_stay_as_they_are(tmp_path: Path) -> None:
    text = as_csv(Line("duration: 1.000 ms  statement: SELECT 'X'")).encode().replace(b"X", b"\xe9")
    (one,) = statements(read(tmp_path / "log", text))
    assert one.text.encode("utf-8", "surrogateescape") == b"SELECT '\xe9'"


@pytest.mark.parametrize(
    "text, shape",
    [
        ("SELECT 'a', \"B\"  FROM T\nWHERE x IN (1, 2,3) -- c", 'select ?, "B" from t where x in (?)'),
        ("select 1 in ($1 /*, ... */)", "select ? in (?)"),
        ("SELECT E'it\\'s', $$a;b$$, $tag$ x $tag$, 0x1F, 1.5e-3, .5", "select ?, ?, ?, ?, ?, ?"),
        ("INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, NULL);", "insert into t values (?, ?), (?, null)"),
        ("UPDATE t1 SET a2 = -5 WHERE b >= -1.5", "update t1 set a2 = ? where b >= ?"),
        ("SELECT a - 1 FROM t /* x ' y */ WHERE b = 'it''s'", "select a - ? from t where b = ?"),
    ],
)
def test_shapes(text: str, shape: str) -> None:
    assert shape_of(text) == shape


@pytest.mark.parametrize(
    "text, kind",
    [
        ("SELECT 1", "read"),
        ("(SELECT 1) UNION SELECT 2", "read"),
        ("WITH a AS (SELECT 1) SELECT * FROM a", "read"),
        ("WITH a AS (DELETE FROM t RETURNING *) SELECT * FROM a", "write"),
        ("SELECT * FROM t FOR NO KEY UPDATE", "write"),
        ("SELECT 'for update' AS \"delete from\"", "read"),
        ("SELECT nextval('s')", "write"),
        ("SELECT * INTO u FROM t", "write"),
        ("EXPLAIN ANALYZE UPDATE t SET a = 1", "write"),
        ("CALL p()", "write"),
        ("SELECT 1; SELECT 2", "read"),
        ("BEGIN; SELECT 1; COMMIT", "write"),
        ("START TRANSACTION READ WRITE", "begin"),
        ("END", "commit"),
        ("ABORT", "rollback"),
        ("ROLLBACK TO SAVEPOINT a", "savepoint"),
        ("SET search_path = a", "setting"),
        ("SET LOCAL work_mem = '1MB'", "transaction setting"),
        ("SET TRANSACTION ISOLATION LEVEL SERIALIZABLE", "transaction setting"),
        ("SET TRANSACTION READ WRITE", None),
        ("SET SESSION CHARACTERISTICS AS TRANSACTION READ WRITE", None),
        ("SET LOCAL transaction_read_only = off", None),
        ('SET "default_transaction_read_only" = off', None),
        ("SELECT set_config('default_transaction_read_only', 'off', false)", None),
        ("SELECT 1; SET default_transaction_read_only = off", None),
        ("RESET ROLE", None),
        ("COMMIT PREPARED 'x'", None),
        ("TRUNCATE t", None),
        ("SELECT pg_terminate_backend(1)", None),
        ("SELECT pg_advisory_lock(1)", None),
        ("SELECT pg_advisory_xact_lock(1)", "read"),
        ("", None),
    ],
)
def test_kinds(text: str, kind: str | None) -> None:
    meaning = meaning_of(shape_of(text))
    assert meaning.kind == kind
    assert bool(meaning.reason) is (kind is None)


def test_a_transaction_is_not_made_writable(tmp_path: Path) -> None:
    line = Line("duration: 1.000 ms  statement: BEGIN ISOLATION LEVEL SERIALIZABLE, READ WRITE")
    (one,) = statements(read(tmp_path / "log", as_csv(line)))
    assert one.text == "BEGIN ISOLATION LEVEL SERIALIZABLE"


def test_the_clock_goes_on_through_summer_time() -> None:
    clock = LogClock()
    before_s = clock.seconds("2026-03-29 01:59:59.900 CET")
    assert clock.seconds("2026-03-29 03:00:00.000 CEST") == pytest.approx(before_s + 0.1)
    assert clock.seconds("2026-03-29 03:00:01.000 CEST") == pytest.approx(before_s + 1.1)
