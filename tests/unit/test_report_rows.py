"""Tables for terminals of any width."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from loadlab.report.rows import Heading, Rows, folded

NAMES = ("list_purchase_orders_by_supplier_and_created_at", "inventory/movements", "x")
HEADINGS = (Heading("Operation", is_figure=False), Heading("Count"), Heading("service\np50"), Heading("\np95"))
ROWS = Rows(HEADINGS, [[name, "1,235", "106 µs", "1.18 ms"] for name in NAMES])


def shown(columns: int) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=columns).print(ROWS)
    return [line.rstrip() for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("columns", [30, 45, 60, 80])
def test_names_are_broken_between_their_parts_and_figures_never(columns):
    lines = shown(columns)
    assert max(map(len, lines)) <= columns
    for part in ("purchase_", "supplier_", "created_", "movements"):
        assert any(part in line for line in lines)
    figures = " ".join(" ".join(lines).split())
    assert figures.count("1,235") == figures.count("106 µs") == figures.count("1.18 ms") == len(NAMES)


def test_without_room_for_names_each_row_is_a_paragraph():
    assert shown(30)[:5] == [
        "list_purchase_orders_by_",
        "supplier_and_created_at",
        "    count 1,235, service p50",
        "    106 µs, p95 1.18 ms",
        "inventory/movements",
    ]


def test_gaps_become_narrower_before_a_row_becomes_a_paragraph():
    assert shown(40)[-1].split() == ["x", "1,235", "106", "µs", "1.18", "ms"]


@pytest.mark.parametrize(
    "name, width, expected",
    [
        ("orders_by_customer", 18, "orders_by_customer"),
        ("orders_by_customer", 10, "orders_by_\ncustomer"),
        ("shop.orders/read", 12, "shop.orders/\nread"),
        ("two words", 5, "two words"),
        ("unbreakable", 4, "unbreakable"),
    ],
)
def test_a_name_is_folded_at_its_separators(name, width, expected):
    assert folded(name, width) == expected
