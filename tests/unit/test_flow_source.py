"""Flows: what is found in their source before the load, and what is said of a mistake in them."""

from __future__ import annotations

from pathlib import Path

import pytest

from loadlab.errors import InputError
from loadlab.spec.workload import Operation
from loadlab.workload.flow_source import Flow, load_flows


def load(tmp_path: Path, text: str, *, engine: str = "here", **operations: str) -> dict[str, Flow]:
    path = tmp_path / "flows.py"
    path.write_text(text, encoding="utf-8")
    items = {
        name: Operation(kind="write", weight=1, flow=function)
        for name, function in (operations or {"pay": "pay"}).items()
    }
    return load_flows(path, items, engine=engine, place="scenario.yaml")


def texts(flows: dict[str, Flow]) -> dict[str, str]:
    return {name: str(statement) for flow in flows.values() for name, statement in flow.statements.items()}


def test_statements_are_numbered_in_the_order_of_the_source(tmp_path):
    found = load(
        tmp_path,
        """
FIND = "SELECT a FROM t WHERE id = :id"
TEXTS = {"b": "SELECT " + "b"}

def pay(db, pick):
    if db.query(FIND, id=1):
        db.execute("UPDATE t SET a = 1 "
                   "WHERE id = :id", id=1)
    for _ in range(2):
        step(db)
    db.query(FIND, id=2)

def step(db):
    db.execute(TEXTS["b"])

def unused(db):
    db.execute("DELETE FROM t")
""",
    )
    assert texts(found) == {
        "pay/1": "SELECT a FROM t WHERE id = :id",
        "pay/2": "UPDATE t SET a = 1 WHERE id = :id",
        "pay/3": "SELECT b",
    }


def test_two_operations_may_share_a_flow(tmp_path):
    found = load(tmp_path, "def pay(db, pick):\n    db.execute('SELECT 1')", one="pay", two="pay")
    assert texts(found) == {"one/1": "SELECT 1", "two/1": "SELECT 1"}


def test_a_text_for_each_engine(tmp_path):
    source = "def pay(db, pick):\n    db.execute({'here': 'SELECT 1', 'there': 'SELECT 2'})"
    assert texts(load(tmp_path, source, engine="there")) == {"pay/1": "SELECT 2"}
    with pytest.raises(InputError, match=r"flows\.py has a statement for here, there only, none for elsewhere"):
        load(tmp_path, source, engine="elsewhere")


def test_a_text_made_up_at_run_time_is_not_found(tmp_path):
    assert (
        texts(load(tmp_path, "def pay(db, pick):\n    t = 'x'\n    db.execute(f'SELECT {t}')\n    db.query(str(1))"))
        == {}
    )


def test_nothing_of_a_flow_is_run(tmp_path):
    assert load(tmp_path, "def pay(db, pick):\n    raise SystemExit")


def test_modules_beside_the_flows_can_be_imported(tmp_path):
    (tmp_path / "shop_texts.py").write_text("FIND = 'SELECT 7'")
    source = "import shop_texts\ndef pay(db, pick):\n    db.query(shop_texts.FIND)"
    assert texts(load(tmp_path, source)) == {"pay/1": "SELECT 7"}


@pytest.mark.parametrize(
    "source, message",
    [
        ("def pay(db, pick):\n    return (", r"flows\.py: line 2 is not Python: "),
        ("x = 1\n\nimport no_such_module_here", r"flows\.py: line 3 raises ModuleNotFoundError: No module named"),
        (
            "def helper():\n    return 1 / 0\n\nhelper()",
            r"flows\.py: line 2 raises ZeroDivisionError: division by zero",
        ),
        (
            "def buy(db, pick): ...",
            r"scenario\.yaml: workload\.operations\.pay\.flow=pay is not a function of flows\.py, which has buy",
        ),
        ("pay = 3", r"flow=pay is not a function of flows\.py, which has no function"),
        ("async def pay(db, pick): ...", r"flows\.py: line 1: pay must be a plain function, without async and yield"),
        ("\ndef pay(db, pick):\n    yield", r"flows\.py: line 2: pay must be a plain function"),
        ("\ndef pay(db): ...", r"flows\.py: line 2: pay must take two arguments: def pay\(db: Session, pick: Keys\)"),
    ],
)
def test_a_mistake_is_named_with_its_place(tmp_path, source, message):
    with pytest.raises(InputError, match=message):
        load(tmp_path, source)


def test_a_missing_file(tmp_path):
    items = {"pay": Operation(kind="write", weight=1, flow="pay")}
    with pytest.raises(InputError, match=r"flows\.py does not exist"):
        load_flows(tmp_path / "flows.py", items, engine="here", place="scenario.yaml")


def test_without_flow_operations_the_file_is_not_needed(tmp_path):
    items = {"a": Operation(kind="simple", weight=1, sql="SELECT 1")}
    assert load_flows(tmp_path / "flows.py", items, engine="here", place="scenario.yaml") == {}
