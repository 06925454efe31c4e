"""`loadlab replay` on the logs that real servers write of a real application."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jsonschema
import psycopg
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from loadlab.commands.schema import SpecKind, json_schema
from loadlab.engines import statement_log
from loadlab.engines.abilities import LeftOut, LoggedStatement, LogNote
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.postgresql.statement_log.shapes import shape_of
from tests.cli.conftest import ENTRY_POINT, Loadlab, environment
from tests.fix_statement_log import LoggingServer
from tests.samples_log import Line, as_csv, as_json
from tests.seeded import fill, plan

SESSIONS, TRANSACTIONS = 4, 6
NASTY = [
    None, "", "'", "''", "it's", 'say "hi"', "back\\slash", "line\nend", "tab\t", "ünïcödé €", "$1", "', $2 = 'x",
    "NULL", "a, b", "{1,2}", "--", "/*", ";", "%s", "x" * 3000, "...",
]  # fmt: skip
DDL = """\
CREATE TABLE accounts (id int PRIMARY KEY, balance bigint NOT NULL);
INSERT INTO accounts SELECT g, 1000 FROM generate_series(1, 40) g;
CREATE TABLE trail (
    id bigserial PRIMARY KEY, session int, step int, tx bigint DEFAULT txid_current(),
    note text, list int[], extra jsonb
);
CREATE FUNCTION spend() RETURNS bigint LANGUAGE sql AS 'UPDATE accounts SET balance = 0 WHERE id = 1 RETURNING balance';
"""


@dataclass(frozen=True, slots=True)
class Logged:
    """What an application did, and where it can be done again: `copy` is as the database was before."""

    server: LoggingServer
    files: dict[str, Path]
    original: str
    copy: str

    def fresh(self) -> str:
        """The copy, anew."""
        self.server.server.execute("DROP DATABASE IF EXISTS copy WITH (FORCE)")
        self.server.server.execute("CREATE DATABASE copy TEMPLATE before")
        return self.copy


def application(url: str) -> None:
    """Sessions at the same time, each with transactions of its own, and whatever else a log may hold."""
    threads = [threading.Thread(target=_session, args=(url, number)) for number in range(SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET search_path = public, pg_temp")
        connection.execute("CREATE TABLE later (id int)")
        connection.execute("VACUUM accounts")
        connection.execute("PREPARE one AS SELECT 1")
        with connection.cursor().copy("COPY later FROM STDIN") as copy:
            copy.write_row((1,))
        connection.execute("SELECT balance FROM accounts WHERE id = -1 -- a remark")


def _session(url: str, number: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for step in range(TRANSACTIONS):
            with connection.transaction():
                connection.execute(
                    "UPDATE accounts SET balance = balance - %s WHERE id = %s", (step, number + 1), prepare=True
                )
                note = NASTY[(number * TRANSACTIONS + step) % len(NASTY)]
                values = (number, step, note, [step, None, number], json.dumps({"note": note}))
                for _ in range(2):
                    connection.execute(
                        "INSERT INTO trail (session, step, note, list, extra) VALUES (%s, %s, %s, %s, %s)", values
                    )
                time.sleep(0.02)
            connection.execute(f"SELECT sum(balance) FROM accounts WHERE id IN ({step}, {number}, 3)")
        # The whole transaction is undone, although COMMIT ends it.
        connection.execute("BEGIN")
        connection.execute("DELETE FROM accounts WHERE id > 5")
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("SELECT 1 / 0")
        connection.execute("COMMIT")


@pytest.fixture(scope="module")
def logged(logging_server: LoggingServer, tmp_path_factory: pytest.TempPathFactory) -> Logged:
    server = logging_server.server
    server.execute("CREATE DATABASE before")
    with psycopg.connect(server.url("before"), autocommit=True) as connection:
        connection.execute(DDL.encode())
    server.execute("CREATE DATABASE shop TEMPLATE before")
    marks = logging_server.begin()
    application(server.url("shop"))
    files = logging_server.since(marks, tmp_path_factory.mktemp("logs"))
    return Logged(logging_server, files, server.url("shop"), server.url("copy"))


@pytest.fixture
def both_forms(logged: Logged) -> Logged:
    if len(logged.files) < 2:
        pytest.xfail(f"PostgreSQL {logged.server.major} writes no jsonlog")
    return logged


def trail(url: str) -> dict[int, list[tuple[Any, ...]]]:
    """By session, what it left behind, in order; transactions by their order in it."""
    found: dict[int, list[tuple[Any, ...]]] = {}
    with psycopg.connect(url) as connection:
        rows = connection.execute("SELECT session, step, tx, note, list, extra FROM trail ORDER BY id").fetchall()
    transactions: dict[int, dict[int, int]] = {}
    for session, step, tx, *rest in rows:
        numbers = transactions.setdefault(session, {})
        found.setdefault(session, []).append((step, numbers.setdefault(tx, len(numbers)), *rest))
    return found


def balances(url: str) -> list[tuple[int, int]]:
    with psycopg.connect(url) as connection:
        return connection.execute("SELECT id, balance FROM accounts ORDER BY id").fetchall()


def result_of(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "replay.json").read_text(encoding="utf-8"))
    jsonschema.validate(result, json_schema(SpecKind.replay))
    return result


def test_both_forms_of_a_log_say_the_same(both_forms: Logged) -> None:
    read = [list(statement_log(path).items([path], database="shop")) for path in both_forms.files.values()]
    # Two sessions' records may come in either order.
    statements, same = (by_session(items) for items in read)
    assert statements == same
    notes = [item.values[2] for item in statements if item.shape.startswith("insert into trail") and item.values]
    assert Counter(notes) == Counter(2 * [NASTY[number % len(NASTY)] for number in range(SESSIONS * TRANSACTIONS)]), (
        "what the server quoted is read as it was bound"
    )
    if both_forms.server.major >= 14:
        assert all(item.query_id for item in statements if item.kind == "read")
    reasons, same_reasons = (Counter(item.reason for item in items if isinstance(item, LeftOut)) for items in read)
    assert reasons == same_reasons
    assert reasons["DDL"] == 1
    assert reasons["maintenance"] == 1
    assert reasons["COPY, whose rows are not in the log"] == 1
    assert reasons["statements that failed in the log (22012)"] == SESSIONS
    assert reasons["PREPARE and EXECUTE in SQL, whose names live in a session"] >= 1


def test_the_same_log_in_both_forms_is_replayed_once(both_forms: Logged) -> None:
    paths = list(both_forms.files.values())
    items = list(statement_log(paths[0]).items(paths, database="shop"))
    alone = list(statement_log(paths[0]).items(paths[:1], database="shop"))
    assert len(by_session(items)) == len(by_session(alone)) > 0
    (note,) = [item.text for item in items if isinstance(item, LogNote) and "same log" in item.text]
    assert all(str(path) in note for path in paths)


def by_session(items: list[Any]) -> list[LoggedStatement]:
    return sorted((item for item in items if isinstance(item, LoggedStatement)), key=lambda item: item.session)


@pytest.mark.slow
@pytest.mark.parametrize("logging_server", ["bundled"], indirect=True)
def test_a_replay_does_what_was_done(logged: Logged, loadlab: Loadlab, tmp_path: Path) -> None:
    """In its order, in its transactions, with its values, over fewer connections than there were sessions."""
    url = logged.fresh()
    logged.server.server.execute("SELECT pg_stat_statements_reset()")
    arguments = ("--database", url, "--log-database", "shop", "--writes", "--speed", "max", "--connections", 2)
    done = loadlab("replay", logged.files["csv"], *arguments, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.out + done.err
    assert_counts_agree(logged, result_of(tmp_path / "out"))
    assert trail(url) == trail(logged.original)
    assert balances(url) == balances(logged.original)
    result = result_of(tmp_path / "out")
    assert result["errors"] == 0
    assert result["executions"] == result["log"]["statements"]
    assert result["log"]["sessions"] == SESSIONS + 1
    assert result["connections"] == 2
    assert "REPLAYED" in done.out
    if result["log"]["sessions_peak"] > 2:
        assert "a session changes connections between its transactions" in " ".join(done.out.split())


def assert_counts_agree(logged: Logged, result: dict[str, Any]) -> None:
    """What was counted by shape is what the server counted."""
    counted = logged.server.server.execute(
        "SELECT query, calls, rows FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid"
        " WHERE datname = 'copy'"
    )
    calls: Counter[str] = Counter()
    rows: Counter[str] = Counter()
    for query, number, row_count in counted:
        calls[shape_of(query)] += number
        rows[shape_of(query)] += row_count
    replayed = {shape["shape"]: shape for shape in result["shapes"]}
    for shape, one in replayed.items():
        if one["shape"] == "commit":
            # A COMMIT of what had failed is replayed as what it was.
            assert one["count"] == calls["commit"] + calls["rollback"]
            continue
        assert one["count"] == calls[shape], shape
        if shape not in ("begin", "rollback"):
            assert one["rows"] == rows[shape], shape
    assert replayed["update accounts set balance = balance - ? where id = ?"]["count"] == SESSIONS * TRANSACTIONS
    assert replayed["select sum(balance) from accounts where id in (?)"]["count"] == SESSIONS * TRANSACTIONS


@pytest.mark.slow
@pytest.mark.parametrize("logging_server", ["bundled"], indirect=True)
def test_the_logs_pace_divided_by_the_speed(logged: Logged, loadlab: Loadlab, tmp_path: Path) -> None:
    url = logged.fresh()
    arguments = (
        "--database",
        url,
        "--log-database",
        "shop",
        "--writes",
        "--speed",
        "0.5",
        "--lag-limit",
        "10s",
        "--workers",
        2,
    )
    done = loadlab("replay", logged.files["json"], *arguments, "--out", tmp_path / "out", "--json")
    assert done.exit_code == 0, done.err
    result = json.loads(done.out)
    assert result == result_of(tmp_path / "out")
    assert trail(url) == trail(logged.original)
    assert result["workers"] == 2
    assert result["planned_s"] == pytest.approx(result["log"]["span_s"] * 2)
    assert result["planned_s"] < result["duration_s"] < result["planned_s"] + 10
    assert 0 <= result["lag"]["us"]["p50"] <= result["lag"]["us"]["p99"] <= result["lag"]["us"]["max"]
    assert result["asked_per_s"] == pytest.approx(result["log"]["statements"] / result["planned_s"])
    slowest = max(result["shapes"], key=lambda shape: shape["service_us"]["max"] or 0)
    assert slowest["response_us"]["max"] >= slowest["service_us"]["max"]
    assert sum(second["count"] for second in result["timeline"]) == result["executions"]
    assert exported(tmp_path / "out" / "latency.hlog") == result["executions"]


def exported(path: Path) -> int:
    """Service times in the histogram log."""
    reader = HistogramLogReader(str(path), HdrHistogram(1, 3_600_000_000, 3))
    total = 0
    try:
        while (one := reader.get_next_interval_histogram()) is not None:
            total += one.get_total_count() if one.get_tag().endswith(":service") else 0
    finally:
        reader.input_file.close()
    return total


@pytest.mark.slow
@pytest.mark.parametrize("logging_server", ["bundled"], indirect=True)
def test_a_database_of_others_is_not_written_to(logged: Logged, loadlab: Loadlab, tmp_path: Path) -> None:
    url = logged.fresh()
    log = tmp_path / "more.json"
    # A function that writes hides in a SELECT: no text shows it, so the server has to refuse it.
    last = [line for line in logged.files["json"].read_text().splitlines() if "a remark" in line][-1]
    hidden = json.loads(last) | {"message": "duration: 1.000 ms  statement: SELECT spend()", "query_id": 0}
    log.write_text(logged.files["json"].read_text() + json.dumps(hidden) + "\n")
    arguments = ("--database", url, "--log-database", "shop", "--speed", "max")
    done = loadlab("replay", log, *arguments, "--out", tmp_path / "out")
    assert done.exit_code == 0, done.out + done.err
    assert balances(url) == [(number, 1000) for number in range(1, 41)]
    assert trail(url) == {}
    result = result_of(tmp_path / "out")
    assert result["read_only"] is True
    writes = SESSIONS * (TRANSACTIONS * 3 + 1)
    reason = "statements that write, on a database that LoadLab did not fill (--writes replays them)"
    assert result["log"]["left_out"][reason] == writes
    refused = next(shape for shape in result["shapes"] if shape["shape"] == "select spend()")
    assert refused["errors_by_outcome"] == {"25006": 1}
    assert "read-only" in refused["first_error"]
    assert f"{writes} {reason}" in " ".join(done.out.split())


# -- logs made by hand -----------------------------------------------------------------------------------------------


def at(second: float, text: str, session: str = "a.1", ms: float = 1.0, **more: Any) -> Line:
    """A statement that ended `second` after the log's beginning."""
    stamp = f"2026-03-14 09:{int(second) // 60:02}:{second % 60:06.3f} UTC"
    return Line(f"duration: {ms:.3f} ms  statement: {text}", stamp=stamp, session=session, **more)


def test_a_dry_run_says_what_would_be_done(loadlab: Loadlab, tmp_path: Path) -> None:
    lines = [at(1, "SELECT 1"), at(2, "SELECT 2"), at(3, "VACUUM"), at(4, "INSERT INTO t VALUES (1)", "b.2")]
    (tmp_path / "log.csv").write_text(as_csv(*lines))
    done = loadlab("replay", "log.csv", "--dry-run", "--json")
    assert done.exit_code == 0, done.err
    found = json.loads(done.out)
    assert {shape["shape"]: shape["count"] for shape in found["shapes"]} == {
        "select ?": 2, "insert into t values (?)": 1,
    }  # fmt: skip
    assert found["log"]["left_out"] == {"maintenance": 1}
    assert (found["log"]["sessions"], found["log"]["span_s"]) == (2, 3.0)
    assert done.err == ""


@pytest.mark.parametrize(
    "content, arguments, words",
    [
        ("id,name\n", ("--dry-run",), "log is no log that can be replayed: PostgreSQL's csvlog or jsonlog is needed"),
        (
            as_csv(Line("connection received")),
            ("--dry-run",),
            "holds no statement that is replayed (1 records that are no statements); log_destination = 'csvlog'",
        ),
        (as_json(at(1, "SELECT 1")), (), "--database is missing: name the database to replay on"),
        (as_json(at(1, "SELECT 1")), ("--database", "sqlite:///x.db"), "--database is SQLite"),
    ],
)
def test_what_cannot_be_replayed_is_said_in_one_line(
    loadlab: Loadlab, tmp_path: Path, content: str, arguments: tuple[str, ...], words: str
) -> None:
    (tmp_path / "log").write_text(content)
    done = loadlab("replay", "log", *arguments)
    assert done.exit_code == 2
    assert words in done.error_line


@pytest.mark.slow
def test_changes_are_replayed_where_loadlab_filled(
    database: PostgresqlEngine, loadlab: Loadlab, tmp_path: Path
) -> None:
    fill(database, plan(database.preview("CREATE TABLE t (id int PRIMARY KEY, a int);", {}), 10))
    lines = [at(1, "UPDATE t SET a = -1"), at(1.1, "SELECT * FROM missing"), at(1.2, "SET search_path = nowhere")]
    lines += [at(1.3, "SELECT count(*) FROM t"), at(1.4, "SELECT count(*) FROM t", "b.2")]
    (tmp_path / "log").write_text(as_json(*lines))
    arguments = ("--database", database.url, "--connections", 1, "--speed", "max", "--out", tmp_path / "out")
    done = loadlab("replay", "log", *arguments)
    result = result_of(tmp_path / "out")
    with psycopg.connect(database.url) as connection:
        assert connection.execute("SELECT DISTINCT a FROM t").fetchall() == [(-1,)]
    by_shape = {shape["shape"]: shape for shape in result["shapes"]}
    assert by_shape["update t set a = ?"]["rows"] == 10
    assert by_shape["select * from missing"]["errors_by_outcome"] == {"42P01": 1}
    assert by_shape["select * from missing"]["first_error"] == 'relation "missing" does not exist'
    # One connection serves both sessions, and the setting is of the first alone.
    assert by_shape["select count(*) from t"]["errors_by_outcome"] == {"42P01": 1}
    assert by_shape["select count(*) from t"]["count"] == 1
    # Half of it failed, which in the log it did not.
    assert done.exit_code == 3
    assert "50% of them failed" in result["reason"]


@pytest.mark.slow
def test_a_database_that_cannot_keep_up_is_not_hidden(
    database: PostgresqlEngine, loadlab: Loadlab, tmp_path: Path
) -> None:
    """In the log each took a millisecond."""
    (tmp_path / "log").write_text(as_csv(*[at(1 + n / 100, "SELECT pg_sleep(0.1)", f"s.{n % 2}") for n in range(20)]))
    done = loadlab("replay", "log", "--database", database.url, "--out", tmp_path / "out")
    assert done.exit_code == 3
    result = result_of(tmp_path / "out")
    # Ten of each session, one after the other, of which the last is due after 0.19 s at most and begins after 0.9 s.
    assert result["lag"]["us"]["max"] > 0.7e6
    assert max(result["lag"]["waited_s"], key=result["lag"]["waited_s"].get) == "session"
    (shape,) = result["shapes"]
    assert shape["response_us"]["max"] >= shape["service_us"]["p50"] + 0.7e6
    assert "the one before in their session" in result["reason"]


@pytest.mark.slow
def test_ctrl_c_keeps_what_was_measured(database: PostgresqlEngine, tmp_path: Path) -> None:
    (tmp_path / "log").write_text(as_json(*[at(second / 4, "SELECT 1") for second in range(4, 400)]))
    command = [ENTRY_POINT, "replay", "log", "--database", database.url, "--out", tmp_path / "out"]
    with subprocess.Popen(
        [*map(str, command)], cwd=tmp_path, env=environment(tmp_path), stderr=subprocess.PIPE,
        stdout=subprocess.PIPE, text=True, start_new_session=True,
    ) as process:  # fmt: skip
        assert process.stderr is not None
        for line in process.stderr:
            if "Replay " in line and "operations/s" in line:
                break
        # As a terminal does it: to the whole group.
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=60) == 3
    result = result_of(tmp_path / "out")
    assert "it was interrupted after" in result["reason"]
    assert 0 < result["executions"] < 396
    assert result["errors"] == 0
