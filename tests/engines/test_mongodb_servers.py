"""MongoDB's servers that refuse, or are killed: one line of words, and a seeding that goes on where it was."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pymongo = pytest.importorskip("pymongo", reason="needs the driver pymongo (pip install 'loadlab[mongodb]')")

from loadlab.engines import open_database  # noqa: E402
from loadlab.engines.protocol import Chunk, Manifest  # noqa: E402
from loadlab.errors import DatabaseError, LoadLabError, UnreachableError  # noqa: E402
from tests.engines.books import author, load, prepare  # noqa: E402
from tests.fix_engines import ENGINES  # noqa: E402
from tests.fix_mongodb import free_port, missing_for_mongodb, running_server  # noqa: E402

pytestmark = pytest.mark.skipif(missing_for_mongodb() is not None, reason=str(missing_for_mongodb()))
DDL = next(engine.ddl for engine in ENGINES if engine.name == "mongodb")


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """HOST:PORT of a server that asks for log-ins; it knows `reader` and `writer` of the database shop, and `root`."""
    folder = tmp_path_factory.mktemp("guarded")
    with running_server(folder) as (url, _), pymongo.MongoClient(url) as client:
        for user, role in (("reader", "read"), ("writer", "readWrite")):
            client.admin.command("createUser", user, pwd="s3cret", roles=[{"role": role, "db": "shop"}])
        client.admin.command("createUser", "root", pwd="s3cret", roles=["root"])
    with running_server(folder, "--auth") as (url, _):
        yield url.removeprefix("mongodb://").partition("/")[0]


@pytest.mark.parametrize(
    "who, source, said",
    [
        ("reader:wr0ng@", "admin", "authentication failed; correct user and password"),
        ("reader:s3cret@", "shop", "correct user and password, or say where the user is known: ?authSource=admin"),
        ("", "", "requires authentication; correct user and password"),
    ],
)
def test_a_log_in_that_is_refused_is_one_line(guarded, who, source, said):
    options = f"&authSource={source}" if source else ""
    with pytest.raises(UnreachableError) as caught:
        open_database(f"mongodb://{who}{guarded}/shop?directConnection=true{options}")
    message = str(caught.value).lower()
    assert said.lower() in message
    assert "\n" not in message
    assert "s3cret" not in message
    assert "wr0ng" not in message


def test_what_a_user_may_not_do_is_one_line_with_the_remedy(guarded, monkeypatch):
    monkeypatch.delenv("LOADLAB_MONGODB", raising=False)
    manifest = Manifest("f", {}, _schema(guarded), owns_tables=True)
    options = "directConnection=true&authSource=admin"
    with open_database(f"mongodb://reader:s3cret@{guarded}/shop?{options}") as engine:
        with pytest.raises(DatabaseError, match="grant the user a role that may") as caught:
            engine.create(manifest)
        assert "\n" not in str(caught.value)
        assert engine.manifest() is None
    with open_database(f"mongodb://writer:s3cret@{guarded}/shop?{options}") as engine:
        with pytest.raises(DatabaseError, match=r"grant readWriteAnyDatabase.* or set LOADLAB_MONGODB="):
            engine.preview(DDL, {})
        engine.create(manifest)
        assert load(engine, manifest.schema.table("authors"), 0, [author(1)]) == 1
        engine.finish(manifest, lambda _: None)
        engine.forget()
        assert engine.user_tables() == {}


def _schema(guarded):
    with open_database(f"mongodb://root:s3cret@{guarded}/other?directConnection=true&authSource=admin") as engine:
        return engine.preview(DDL, {})


def test_rows_are_tried_on_the_server_for_that_where_the_user_may_make_no_database(guarded, mongo_server):
    with open_database(f"mongodb://writer:s3cret@{guarded}/shop?directConnection=true&authSource=admin") as engine:
        assert engine.preview(DDL, {}).table("authors").primary_key == ("id",)
        assert engine.user_tables() == {}


def test_a_server_that_is_killed_while_it_is_filled_has_the_same_content_in_the_end(tmp_path: Path):
    port = free_port()
    done, chunks = threading.Event(), [(start, start + 500) for start in range(0, 10_000, 500)]
    with running_server(tmp_path, port=port) as (server, process):
        url = server.replace("/?", "/shop?") + "&serverSelectionTimeoutMS=1000"
        with open_database(url) as engine:
            with pymongo.MongoClient(server) as client:
                client.drop_database("shop")
            manifest = prepare(engine, DDL)
            table = manifest.schema.table("authors")

            def kill() -> None:
                done.wait(30)
                time.sleep(0.02)  # into the next chunk
                process.kill()

            killer = threading.Thread(target=kill)
            killer.start()

            def load_all() -> None:
                for place, (start, stop) in enumerate(chunks):
                    load(engine, table, start, [author(number) for number in range(start, stop)])
                    if place == 3:
                        done.set()

            with pytest.raises(LoadLabError) as caught:
                load_all()
            killer.join()
            assert isinstance(caught.value, DatabaseError)
            assert "\n" not in str(caught.value)
    with running_server(tmp_path, port=port), open_database(url) as engine:
        there = engine.loaded()
        assert {Chunk("authors", start, stop) for start, stop in chunks[:4]} <= there
        assert len(there) < len(chunks)
        for start, stop in chunks:
            if Chunk("authors", start, stop) not in there:
                load(engine, table, start, [author(number) for number in range(start, stop)])
        engine.finish(manifest, lambda _: None)
        found = {d["_id"]: d["email"] for d in engine._database["authors"].find({}, {"email": 1})}
        assert found == {number: author(number)["email"] for number in range(10_000)}
