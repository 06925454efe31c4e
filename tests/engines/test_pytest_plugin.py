"""The pytest plugin in projects of its own: fixtures, isolation, limits, pytest-benchmark, pytest-xdist."""

from __future__ import annotations

import json
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

# Imported here, or the inner sessions would each import them anew.
import loadlab.testing.databases
import loadlab.testing.latency  # noqa: F401

pytest_plugins = ("pytester",)

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = """
CREATE TABLE users (id uuid PRIMARY KEY, email text NOT NULL UNIQUE, created_at timestamptz NOT NULL);
CREATE TABLE documents (
    id uuid PRIMARY KEY,
    user_id uuid NOT NULL REFERENCES users (id),
    title text NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX documents_of_user ON documents (user_id, created_at);
"""
LATEST = "SELECT title FROM documents WHERE user_id = :user AND created_at >= :since ORDER BY created_at DESC LIMIT 100"
# The test of the documentation (docs/pytest.md).
TEN_LINES = f'''
import datetime as dt

def test_the_latest_documents_are_found_quickly(loadlab_db, loadlab_latency):
    user = loadlab_db.factory("users").create().first()
    loadlab_db.factory("documents").count(10_000).for_(user).create()
    loadlab_latency(
        "{LATEST}",
        {{"user": user.id, "since": loadlab_db.now - dt.timedelta(days=30)}},
        limit="p95 < 500ms", rows=100,
    )
'''


@pytest.fixture
def project(pytester, monkeypatch, embedded_server):
    """An empty project with a schema, in which nothing but our plugin and those named are loaded."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.delenv("PYTEST_ADDOPTS", raising=False)
    # The inner session is no worker of the outer one's.
    for name in ("PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
        monkeypatch.delenv(name, raising=False)
    pytester.makefile(".sql", schema=SCHEMA)
    pytester.makeini("[pytest]\nloadlab_source = schema.sql\nfilterwarnings = default\n")
    return pytester


def run(project, *arguments, plugins=()):
    loaded = [word for name in ("loadlab.testing.plugin", *plugins) for word in ("-p", name)]
    return project.runpytest_inprocess("-p", "no:cacheprovider", *loaded, *arguments)


def test_the_ten_lines_of_the_documentation(project):
    project.makepyfile(TEN_LINES)
    result = run(project, "--benchmark-json=b.json", "--junitxml=j.xml", plugins=["pytest_benchmark.plugin"])
    result.assert_outcomes(passed=1)
    result.stdout.fnmatch_lines(["*LoadLab latency*", "PASS *p95 *< 500 ms *test_the_latest_documents*"])
    (bench,) = json.loads((project.path / "b.json").read_text())["benchmarks"]
    (kept,) = bench["extra_info"]["loadlab"]
    assert kept["verdict"] == "PASS"
    assert kept["rows"] == [100]
    assert kept["samples"] == bench["stats"]["rounds"] >= 200
    assert bench["stats"]["min"] <= kept["low_s"] * 1.01 + 1e-6 <= kept["value_s"] * 1.02 + 1e-6
    assert '<property name="loadlab_latency"' in (project.path / "j.xml").read_text()


def test_beyond_the_limit_the_plan_stands_beside_the_figure(project):
    project.makepyfile(
        """
        def test_slow(loadlab_db, loadlab_latency):
            loadlab_db.factory("users").count(2000).create()
            loadlab_latency("SELECT id FROM users WHERE created_at = :at", {"at": loadlab_db.now}, limit="1us", rows=0)

        def test_undecided(loadlab_latency):
            import time
            loadlab_latency(lambda: time.sleep(0.02), limit="p99 < 1s", max_time=0.2)

        def test_nothing_found(loadlab_db, loadlab_latency):
            loadlab_latency("SELECT id FROM users", limit="1s")

        def test_other_rows(loadlab_db, loadlab_latency):
            loadlab_latency("SELECT 1", limit="1s", rows=2)

        def test_code(loadlab_db, loadlab_latency):
            import psycopg
            loadlab_db.factory("users").count(3).create()
            with psycopg.connect(loadlab_db.url, autocommit=True) as connection:
                def one_by_one():
                    for (key,) in connection.execute("SELECT id FROM users").fetchall():
                        connection.execute("SELECT email FROM users WHERE id = %s", [key]).fetchall()
                loadlab_latency(one_by_one, limit="1us", max_time=0.5)

        def test_missing_value(loadlab_db, loadlab_latency):
            loadlab_latency("SELECT :a", limit="1s")
        """
    )
    result = run(project)
    result.assert_outcomes(failed=5, passed=1, warnings=1)
    result.stdout.fnmatch_lines(
        [
            "E *LatencyError: FAIL: p95 *beyond the limit of 1 µs*",
            "E *of SELECT id FROM users WHERE created_at = :at",
            "E *p50 *executions after 10 of warm-up, 0 rows each",
            "E *Seq Scan of users: 0 rows*2,000 rows read in vain*",
            "E *LatencyError: SELECT id FROM users returned and changed no row*",
            "E *LatencyError: SELECT 1 returned or changed 1 rows each time; expected: 2",
            "E *what it asked the server, by time:",
            "E *(3 a run), * each, 1 rows each: SELECT email FROM users WHERE id = $1",
            "E *Seq Scan on users*",
            "E *(1 a run), * each, 3 rows each: SELECT id FROM users",
            "E *InputError: loadlab_latency() has no value for :a; the statement is SELECT :a",
            "*InconclusiveLatencyWarning: INCONCLUSIVE: p99 *",
            "*a p99 needs 420 executions*",
        ]
    )
    strict = run(project, "--loadlab-strict", "-k", "undecided")
    strict.assert_outcomes(failed=1, deselected=5)
    run(project, "-m", "not loadlab_latency").assert_outcomes(deselected=6)


def test_a_database_for_each_test_and_one_for_a_module(project):
    project.makepyfile(
        """
        import pytest

        pytestmark = pytest.mark.loadlab(rows={"users": 20}, seed=3)
        seen = []

        @pytest.mark.parametrize("turn", [1, 2])
        def test_own(loadlab_db, loadlab_factory, turn):
            users = loadlab_factory("users").count(5).create()
            seen.append((loadlab_db.url, [str(id) for id in users.values("id")]))
            assert loadlab_db.query("SELECT count(*) FROM users") == [(25,)]

        def test_same_rows_elsewhere():
            assert seen[0][0] != seen[1][0] and seen[0][1] == seen[1][1]

        @pytest.mark.parametrize("turn", [1, 2])
        def test_shared(loadlab_shared_db, loadlab_latency, turn):
            loadlab_shared_db.factory("users").create()
            assert loadlab_shared_db.query("SELECT count(*) FROM users") == [(20 + turn,)]
            loadlab_latency("SELECT count(*) FROM users", limit="1s", max_time=0.1)
        """
    )
    run(project).assert_outcomes(passed=5, warnings=0)


def test_benchmarks_options_know_the_tests(project):
    project.makepyfile(
        """
        def test_checked(loadlab_db, loadlab_latency):
            loadlab_latency("SELECT 1", limit="1s")
            loadlab_latency("SELECT 2", limit="1s")

        def test_own_benchmark(benchmark, loadlab_db, loadlab_latency):
            benchmark.pedantic(loadlab_db.query, ("SELECT 1",), rounds=200)
            loadlab_latency.judge(benchmark.stats.stats.data, limit="p95 < 1s")

        def test_plain():
            pass
        """
    )
    benchmark = ["pytest_benchmark.plugin"]
    run(project, "--benchmark-skip", plugins=benchmark).assert_outcomes(passed=1, skipped=2)
    result = run(project, "--benchmark-only", "--benchmark-json=b.json", plugins=benchmark)
    result.assert_outcomes(passed=2, skipped=1)
    checked, own = json.loads((project.path / "b.json").read_text())["benchmarks"]
    assert [item["what"] for item in checked["extra_info"]["loadlab"]] == ["SELECT 1", "SELECT 2"]
    assert own["stats"]["rounds"] == own["extra_info"]["loadlab"][0]["samples"] == 200


@pytest.mark.parametrize(
    "ini, marker, message",
    [
        ("", "", 'loadlab_db needs a schema or a scenario: loadlab_source = "schema.sql"'),
        ("loadlab_source = nowhere.sql", "", "nowhere.sql does not exist"),
        ("loadlab_rows = users=many", "", "loadlab_rows=users=many"),
        ("loadlab_scale = big", "", "loadlab_scale=big must be a number"),
        ("", "table='users'", "the marker loadlab has no table; it has database, now, rows, scale, seed, source"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(project, ini, marker, message):
    project.makeini(f"[pytest]\n{ini}\n")
    project.makepyfile(f"import pytest\n\n@pytest.mark.loadlab({marker})\ndef test_it(loadlab_db): pass")
    result = run(project)
    result.assert_outcomes(errors=1)
    result.stdout.fnmatch_lines([f"*{message}*".replace("[", "[[]")])
    result.stdout.no_fnmatch_line("*Traceback*")


def servers() -> set[str]:
    """The folders of temporary servers that run."""
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    return {line.split(" -D ")[1].split()[0] for line in listed.splitlines() if "postgres" in line and " -D " in line}


@pytest.mark.slow
def test_workers_of_xdist_have_a_server_each_and_leave_none(project):
    project.makepyfile(
        """
        import pytest

        @pytest.mark.parametrize("turn", range(2))
        def test_it(loadlab_db, loadlab_latency, turn):
            loadlab_db.factory("users").create()
            loadlab_latency("SELECT count(*) FROM users", limit="1us", rows=1)
        """
    )
    before = servers()
    result = project.runpytest_subprocess(
        "-p", "xdist.plugin", "-p", "loadlab.testing.plugin", "-n", "2", "-p", "no:cacheprovider"
    )
    result.assert_outcomes(failed=2)
    result.stdout.fnmatch_lines(["*1 other process ran tests on this machine meanwhile; -n 0 measures without them"])
    assert result.stdout.str().count("FAIL  p95") == 2
    assert servers() - before == set()


def test_it_costs_nothing_where_it_is_not_used():
    """The plugin is declared, and what pytest imports of it holds none of what is heavy."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["pytest11"]
    assert declared == {"loadlab": "loadlab.testing.plugin"}
    probe = (
        "import sys, pytest; import loadlab.testing.plugin;"
        "print([m for m in sys.modules if m.startswith('loadlab')],"
        " [m for m in ('numpy', 'psycopg', 'pyarrow', 'pydantic', 'faker', 'locust', 'gevent') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip().endswith("[]")
    assert "loadlab.testing.databases" not in done.stdout
    assert "loadlab.factories" not in done.stdout
