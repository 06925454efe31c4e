"""Columns that a scenario shapes: the asked distribution is the one that comes out, and nonsense is refused."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy import stats

from loadlab.data.core.cells import Cells, to_arrow
from loadlab.data.core.hashing import hash_rows
from loadlab.data.core.quantiles import Categories
from loadlab.data.relations.fan_out import fan_out
from loadlab.data.texts.texts import Code
from loadlab.data.values.distributions import check_dependencies, makes_nulls, shaped_generator
from loadlab.data.values.laws import Hashed, Listed, Shaped
from loadlab.errors import InfeasibleError, InputError
from loadlab.schema.model import LogicalType
from loadlab.spec.base import validate
from loadlab.spec.distributions import Children
from loadlab.spec.shapes import ColumnShape

INT, SMALL = LogicalType("integer", "bigint", bits=64), LogicalType("integer", "smallint", bits=16)
REAL, MONEY = LogicalType("float", "double precision", bits=64), LogicalType("numeric", "", precision=10, scale=2)
TEXT, FLAG = LogicalType("text", "text"), LogicalType("boolean", "boolean")
DATE, MOMENT = LogicalType("date", "date"), LogicalType("timestamp", "timestamp")
ROWS = 60_000
# One test in a hundred million fails by chance; the rows are the same in every run, so none does twice.
UNLIKELY = 1e-8


@dataclass
class Plan:
    """What a generator asks of its table."""

    types: Mapping[str, LogicalType]
    rows: int
    full_rows: float

    def type_of(self, column: str) -> LogicalType:
        return self.types[column]


class Rows:
    """A table of shaped columns, as a generator sees it."""

    def __init__(self, plan: Plan, generators: Mapping[str, Any], rows: np.ndarray) -> None:
        self.plan, self.generators, self.rows = plan, generators, rows
        self.made: dict[str, Cells] = {}

    def __len__(self) -> int:
        return len(self.rows)

    def cells(self, column: str) -> Cells:
        if column not in self.made:
            self.made[column] = self.generators[column].make(self)
        return self.made[column]

    def part(self, mask: Any) -> Rows:
        return self.with_rows(self.rows[mask])

    def with_rows(self, rows: np.ndarray) -> Rows:
        return Rows(self.plan, self.generators, rows)


def table(columns: Mapping[str, tuple[LogicalType, dict[str, Any]]], rows: int = ROWS, **options: Any) -> Rows:
    types = {name: kind for name, (kind, _) in columns.items()}
    generators = {
        name: shaped_generator(shape(**keys), kind, number + 1, f"x: columns.{name}", columns=types, **options)
        for number, (name, (kind, keys)) in enumerate(columns.items())
    }
    assert all(generators.values())
    return Rows(Plan(types, rows, float(rows)), generators, np.arange(rows))


def shape(**keys: Any) -> ColumnShape:
    return validate(ColumnShape, keys, place="shape")


def column(kind: LogicalType, rows: int = ROWS, **keys: Any) -> Any:
    return table({"x": (kind, keys)}, rows).cells("x").values


def histogram(counts: list[int], bounds: list[float]) -> Any:
    return stats.rv_histogram((counts, bounds), density=False)


CONTINUOUS = [
    ({"normal": {"mean": 50, "stddev": 10}}, stats.norm(50, 10)),
    ({"normal": {"mean": 50, "stddev": 10}, "range": [45, 80]}, stats.truncnorm(-0.5, 3, 50, 10)),
    ({"lognormal": {"median": 40, "sigma": 1.2}}, stats.lognorm(1.2, scale=40)),
    ({"pareto": {"alpha": 1.5, "minimum": 2}}, stats.pareto(1.5, scale=2)),
    ({"exponential": {"mean": 5}}, stats.expon(scale=5)),
    ({"exponential": {"mean": 5}, "range": [3, 1e9]}, stats.expon(3, 5)),
    ({"distribution": "uniform", "range": [-2, 6]}, stats.uniform(-2, 8)),
    (
        {"histogram": {"bounds": [0, 1, 5], "shares": [0.5, 0.5]}},
        stats.rv_histogram(([1, 1], [0, 1, 5]), density=False),
    ),
    ({"histogram": {"bounds": [0, 1, 5, 6]}}, stats.rv_histogram(([1, 1, 1], [0, 1, 5, 6]), density=False)),
]


@pytest.mark.parametrize("keys, wanted", CONTINUOUS)
def test_continuous_laws(keys: dict[str, Any], wanted: Any) -> None:
    values = column(REAL, **keys)
    assert stats.kstest(values, wanted.cdf).pvalue > UNLIKELY
    assert values.mean() == pytest.approx(wanted.mean(), rel=0.05)


def test_money_follows_its_law() -> None:
    cents = column(MONEY, lognormal={"median": 40, "sigma": 0.8}, range=[1, 1000])
    assert cents.min() >= 100
    assert cents.max() <= 100_000
    wanted = stats.lognorm(0.8, scale=40)
    assert abs(np.median(cents) / 100 - wanted.median()) < 1


@pytest.mark.parametrize("count", [50, 20_000])
@pytest.mark.parametrize("exponent", [0.8, 1.0, 1.6])
def test_zipf_law(count: int, exponent: float) -> None:
    ranks = column(INT, zipf={"exponent": exponent}, range=[1, count])
    weights = np.arange(1, count + 1.0) ** -exponent
    wanted = weights / weights.sum() * ROWS
    groups = np.searchsorted([1, 2, 3, 5, 10, 50, 400, 4096, 9000, count], np.arange(1, count + 1))
    expected = np.bincount(groups, wanted)
    found = np.bincount(groups, np.bincount(ranks, minlength=count + 1)[1:], len(expected))
    kept = expected > 5
    assert stats.chisquare(found[kept], expected[kept] * found[kept].sum() / expected[kept].sum()).pvalue > UNLIKELY
    assert ranks.min() == 1
    assert ranks.max() <= count


def test_values_by_weight() -> None:
    found = Counter(column(TEXT, values=["a", "b", "c"], weights=[6, 3, 1]).to_pylist())
    assert found == pytest.approx({"a": 0.6 * ROWS, "b": 0.3 * ROWS, "c": 0.1 * ROWS}, rel=0.01)


def test_empirical_values_keep_their_counts() -> None:
    found = Counter(column(INT, empirical=[5, 5, 5, 9]).tolist())
    expected = [0.75 * ROWS, 0.25 * ROWS]
    assert stats.chisquare([found[5], found[9]], expected).pvalue > UNLIKELY


def test_days_follow_a_histogram() -> None:
    bounds = [dt.date(2020, 1, 1), dt.date(2020, 7, 1), dt.date(2024, 1, 1)]
    days = column(DATE, histogram={"bounds": bounds})
    first, middle, last = [(bound - dt.date(1970, 1, 1)).days for bound in bounds]
    assert days.min() == first
    assert days.max() == last
    assert (days < middle).mean() == pytest.approx(0.5, abs=0.01)


def test_moments_ascend_with_the_rows() -> None:
    bounds = ["2024-01-01", "2024-06-01T12:00:00", "2026-01-01"]
    moments = column(MOMENT, histogram={"bounds": bounds}, order="ascending")
    assert (np.diff(moments) >= 0).mean() > 0.6
    assert stats.spearmanr(moments, np.arange(ROWS)).statistic > 0.9999
    assert column(MOMENT, between=["2024-01-01", "2026-01-01"], order="descending")[0] > moments[-2]


def test_texts_lie_between_their_bounds() -> None:
    texts = column(TEXT, 2000, histogram={"bounds": ["Anna", "Berta", "Zoe"]}).to_pylist()
    assert all("Anna" <= text < "Zoe" for text in texts)
    assert sum(text < "Berta" for text in texts) == pytest.approx(1000, abs=120)
    short = LogicalType("text", "varchar(9)", length=9)
    assert max(map(len, column(short, 100, histogram={"bounds": ["Anna", "Berta"]}).to_pylist())) == 9


@pytest.mark.parametrize("coefficient", [-0.9, -0.3, 0.5, 0.8, 1.0])
def test_ranks_correlate(coefficient: float) -> None:
    wish = {"column": "price", "coefficient": coefficient}
    rows = table(
        {
            "price": (MONEY, {"lognormal": {"median": 40, "sigma": 1.0}}),
            "weight": (REAL, {"normal": {"mean": 10, "stddev": 2}, "correlates_with": wish}),
        }
    )
    weight = rows.cells("weight").values
    found = stats.spearmanr(rows.cells("price").values, weight).statistic
    assert found == pytest.approx(coefficient, abs=0.015)
    assert stats.kstest(weight, stats.norm(10, 2).cdf).pvalue > UNLIKELY


def test_a_conditional_table() -> None:
    cases = {
        "paid": {"values": ["card", "cash"], "weights": [9, 1]},
        "open": {"null_share": 1},
        "void": {"values": ["card", "cash"], "weights": [1, 1], "null_share": 0.5},
    }
    rows = table(
        {
            "status": (TEXT, {"values": ["paid", "open", "void"], "weights": [5, 3, 2]}),
            "payment": (TEXT, {"given": {"column": "status", "cases": cases}}),
        }
    )
    pairs = Counter(
        zip(rows.cells("status").values.to_pylist(), to_arrow(rows.cells("payment"), TEXT).to_pylist(), strict=True)
    )
    expected = {
        ("paid", "card"): 0.45, ("paid", "cash"): 0.05, ("open", None): 0.3,
        ("void", "card"): 0.05, ("void", "cash"): 0.05, ("void", None): 0.1,
    }  # fmt: skip
    assert {pair: count / ROWS for pair, count in pairs.items()} == pytest.approx(expected, abs=0.005)


@pytest.mark.parametrize("kind, value", [(FLAG, "true"), (SMALL, "1"), (DATE, "2024-01-01")])
def test_cases_name_values_of_any_type(kind: LogicalType, value: str) -> None:
    given = {"column": "by", "cases": {value: {"values": ["yes"]}}, "otherwise": {"values": ["no"]}}
    other = {"true": [True, False], "1": [1, 2], "2024-01-01": [dt.date(2024, 1, 1), dt.date(2024, 1, 2)]}[value]
    rows = table({"by": (kind, {"values": other, "weights": [1, 1]}), "x": (TEXT, {"given": given})}, 1000)
    by = to_arrow(rows.cells("by"), kind).to_pylist()
    assert rows.cells("x").values.to_pylist() == ["yes" if item == other[0] else "no" for item in by]


DISTINCT = [
    (TEXT, {"distinct": 3000}),
    (INT, {"distinct": 3000, "range": [1, 4000]}),
    (INT, {"distinct": 3000}),
    (MONEY, {"distinct": 3000, "histogram": {"bounds": [1, 2, 900]}}),
    (REAL, {"distinct": 3000, "normal": {"mean": 0, "stddev": 1}}),
    (DATE, {"distinct": 3000, "between": ["2010-01-01", "2020-01-01"]}),
    (LogicalType("uuid", "uuid"), {"distinct": 3000}),
]


@pytest.mark.parametrize("kind, keys", DISTINCT)
def test_as_many_different_values_as_asked(kind: LogicalType, keys: dict[str, Any]) -> None:
    rows = 20_000
    made = table({"x": (kind, keys | {"common_shares": [0.2, 0.05], "null_share": 0.1})}, rows).cells("x")
    counts = Counter(value for value in to_arrow(made, kind).to_pylist() if value is not None)
    assert len(counts) == pytest.approx(3000, rel=0.005)
    assert [count for _, count in counts.most_common(2)] == pytest.approx([0.18 * rows, 0.045 * rows], rel=0.02)
    assert made.valid is not None
    assert 1 - made.valid.mean() == pytest.approx(0.1, rel=0.01)


def test_different_whole_numbers_stay_in_their_range() -> None:
    values = column(INT, 5000, distinct=1000, range=[1, 1000])
    assert set(values.tolist()) == set(range(1, 1001))


def test_different_values_grow_with_the_table() -> None:
    keys = {"distinct_share": 0.25, "null_share": 0.2}
    for rows in (8_000, 40_000):
        cells = to_arrow(table({"x": (TEXT, keys)}, rows).cells("x"), TEXT)
        assert len(set(cells.to_pylist())) == pytest.approx(0.2 * rows, rel=0.03)


def test_growing_the_table_changes_no_row() -> None:
    columns = {
        "a": (INT, {"distinct": 700, "range": [1, 5000]}),
        "b": (TEXT, {"distinct_share": 0.3, "common": ["x"], "common_shares": [0.1]}),
        "c": (TEXT, {"values": ["p", "q"], "weights": [3, 1], "null_share": 0.2}),
    }
    small, large = table(columns, 3000), table(columns, 9000)
    for name, (kind, _) in columns.items():
        assert to_arrow(large.cells(name), kind).slice(0, 3000).equals(to_arrow(small.cells(name), kind))


def test_any_row_by_itself() -> None:
    columns = {
        "a": (MONEY, {"pareto": {"alpha": 2}, "range": [1, 500]}),
        "b": (REAL, {"exponential": {"mean": 3}, "correlates_with": {"column": "a", "coefficient": 0.6}}),
        "c": (TEXT, {"distinct": 40, "common": ["x", "y"], "common_shares": [0.3, 0.2], "null_share": 0.3}),
        "d": (INT, {"given": {"column": "c", "cases": {"x": {"range": [1, 5]}}, "otherwise": {"range": [6, 9]}}}),
    }
    rows = table(columns, 5000)
    picked = np.array([4711, 3, 3, 1024, 0])
    for name, (kind, _) in columns.items():
        alone = to_arrow(rows.with_rows(picked).cells(name), kind)
        assert alone.equals(to_arrow(rows.cells(name), kind).take(pa.array(picked)))


def test_the_most_frequent_values_are_named() -> None:
    counts = Counter(column(TEXT, 10_000, distinct=50, common=["a", "b"], common_shares=[0.4, 0.1]).to_pylist())
    assert counts["a"] == pytest.approx(4000, rel=0.01)
    assert counts["b"] == pytest.approx(1000, rel=0.02)
    assert len(counts) == 50


def test_a_base_makes_the_values() -> None:
    made = table({"x": (TEXT, {"distinct": 9})}, 500, base=Code(5, 6)).cells("x").values
    wanted = {Code(5, 6).text(Rows(Plan({}, 1, 1.0), {}, np.arange(9)))[k].as_py() for k in range(9)}
    assert set(made.to_pylist()) == wanted


def test_a_base_that_repeats_itself_still_makes_as_many_values() -> None:
    words = pa.array([f"word {number}" for number in range(1000)])
    base = Shaped(Hashed(3), Listed(words, Categories.of([1.0] * 1000)))
    made = table({"x": (TEXT, {"distinct": 700})}, 5000, base=base).cells("x").values
    assert len(set(made.to_pylist())) == 700
    few = table({"x": (TEXT, {"distinct": 5000})}, 20_000, base=base).cells("x").values
    assert len(set(few.to_pylist())) == 1000


def test_nulls_are_made_once() -> None:
    for keys in ({"distinct": 5}, {"values": ["a"], "weights": [1]}, {"given": {"column": "y", "cases": {"a": {}}}}):
        types = {"x": TEXT, "y": TEXT}
        made = shaped_generator(shape(**keys, null_share=0.5), TEXT, 1, "p", columns=types)
        assert made is not None
        assert makes_nulls(made)


@pytest.mark.parametrize(
    "keys", [{}, {"range": [1, 5]}, {"null_share": 0.2}, {"values": [1]}, {"distribution": "zipf"}]
)
def test_a_shape_without_a_law_leaves_the_choice(keys: dict[str, Any]) -> None:
    assert shaped_generator(shape(**keys), INT, 1, "p") is None


MISTAKES = [
    ({"histogram": {"bounds": [1, 2, 3], "shares": [0.5, 0.4]}}, "add up to 0.9; they must add up to 1"),
    ({"histogram": {"bounds": [1, 2, 3], "shares": [1]}}, "1 shares for the 2 bins between 3 bounds"),
    ({"histogram": {"bounds": [3, 1]}}, "do not ascend: 3 stands before 1"),
    ({"histogram": {"bounds": [3, "a"]}}, "numbers and bounds that are text"),
    ({"histogram": {"bounds": [3]}}, "at least 2 items"),
    ({"values": [1], "weights": [0]}, "weights that are all 0"),
    ({"empirical": []}, "at least 1 item"),
    ({"normal": {"mean": 1, "stddev": 1}, "zipf": {}}, "normal and zipf, which exclude each other"),
    ({"distribution": "pareto"}, "without a range; give one, or the parameters"),
    ({"distinct": 5, "values": [1]}, "the most frequent of several values are given as common"),
    ({"distinct": 1, "common_shares": [0.5, 0.1]}, "2 common_shares for 1 different values"),
    ({"common_shares": [0.5]}, "common_shares without distinct"),
    ({"distinct": 3, "common": ["a"], "common_shares": [0.5, 0.4]}, "2 common_shares for 1 common values"),
    ({"distinct": 3, "common_shares": [0.9, 0.9]}, "add up to 1.8, above 1"),
    ({"given": {"column": "y", "cases": {}}}, "at least 1 item"),
    ({"correlates_with": {"column": "y", "coefficient": 2}}, "less than or equal to 1"),
]


@pytest.mark.parametrize("keys, message", MISTAKES)
def test_a_shape_that_contradicts_itself_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        shape(**keys)


IMPOSSIBLE = [
    (
        SMALL,
        {"distribution": "uniform", "range": [0, 40_000]},
        "range holds 40000, which the type smallint cannot",
    ),
    (MONEY, {"normal": {"mean": 1, "stddev": 1}, "range": [0, 1e9]}, "range holds 1e"),
    (SMALL, {"histogram": {"bounds": [1, 99_999]}}, "holds 99999, which the column's type smallint cannot hold"),
    (INT, {"histogram": {"bounds": ["a", "b"]}}, "holds 'a', which is not of the column's type bigint"),
    (INT, {"normal": {"mean": 0, "stddev": 1}, "range": [900, 901]}, "holds nothing of the distribution normal"),
    (INT, {"zipf": {}}, "needs the values: range"),
    (INT, {"between": ["2024-01-01", "2025-01-01"]}, "a number has a range"),
    (DATE, {"normal": {"mean": 0, "stddev": 1}}, "normal is for numbers; dates and times take between"),
    (DATE, {"between": ["2025-01-01", "2024-01-01"]}, "is in the wrong order"),
    (DATE, {"between": ["soon", "later"]}, "holds 'soon', which is not of the column's type date"),
    (FLAG, {"normal": {"mean": 0, "stddev": 1}}, "boolean takes values"),
    (TEXT, {"correlates_with": {"column": "y", "coefficient": 0.5}, "values": ["a"]}, "the column is text"),
    (INT, {"correlates_with": {"column": "z", "coefficient": 0.5}, "range": [1, 2]}, "column=z is not a column"),
    (INT, {"correlates_with": {"column": "x", "coefficient": 0.5}, "range": [1, 2]}, "column=x is the column itself"),
    (INT, {"correlates_with": {"column": "t", "coefficient": 0.5}, "range": [1, 2]}, "must be a number"),
    (INT, {"correlates_with": {"column": "y", "coefficient": 0.5}}, "needs values, a range"),
    (INT, {"given": {"column": "y", "cases": {"much": {"values": [1]}}}}, "holds 'much', which is not of"),
    (INT, {"given": {"column": "q", "cases": {"1": {"values": [1]}}}}, "columns: x, y, t"),
    (INT, {"distinct": 11, "range": [1, 10]}, "is more than the 10 values of the range"),
    (INT, {"values": ["a"], "weights": [1]}, "holds 'a', which is not of the column's type"),
    (INT, {"values": [1, None], "weights": [1, 1]}, "holds null; state it as null_share"),
    (LogicalType("text", "varchar(2)", length=2), {"distinct": 5000}, "is more than 2 characters tell apart"),
    (LogicalType("json", "jsonb"), {"distinct": 5}, "cannot be made for the type jsonb; give values"),
]


@pytest.mark.parametrize("kind, keys, message", IMPOSSIBLE)
def test_a_shape_that_the_column_cannot_have_is_refused(kind: LogicalType, keys: dict[str, Any], message: str) -> None:
    types = {"x": kind, "y": INT, "t": TEXT}
    with pytest.raises(InputError, match=message) as caught:
        shaped_generator(shape(**keys), kind, 1, "s.yaml: data.tables.t.columns.x", columns=types)
    assert str(caught.value).startswith("s.yaml: data.tables.t.columns.x")


def test_nulls_of_a_column_that_has_none_are_refused() -> None:
    cases = {"1": {"null_share": 1}}
    for keys in ({"distinct": 5, "null_share": 0.1}, {"given": {"column": "y", "cases": cases}}):
        with pytest.raises(InputError, match="cannot be above 0: the column is NOT NULL"):
            shaped_generator(shape(**keys), TEXT, 1, "p", columns={"y": INT}, nullable=False)


def test_a_circle_of_columns_is_named() -> None:
    shapes = {
        "a": shape(range=[1, 2], correlates_with={"column": "b", "coefficient": 0.5}),
        "b": shape(given={"column": "a", "cases": {"1": {"range": [1, 2]}}}),
        "c": shape(range=[1, 2]),
    }
    with pytest.raises(InputError, match="depends on itself: a → b → a"):
        check_dependencies(shapes, "p")
    check_dependencies({"b": shapes["b"], "a": shape(), "c": shapes["c"]}, "p")


CHILDREN = [
    ({"distribution": "fixed", "mean": 2.5}, 2.5),
    ({"distribution": "uniform", "min": 1, "max": 5}, 3.0),
    ({"distribution": "geometric", "min": 1, "mean": 4, "childless": 0.25}, 3.0),
    ({"distribution": "histogram", "shares": {0: 0.5, 2: 0.25, 10: 0.25}}, 3.0),
    ({"distribution": "zipf", "max": 2, "exponent": 1}, 4 / 3),
]


@pytest.mark.parametrize("keys, mean", CHILDREN)
def test_children_of_a_parent(keys: dict[str, Any], mean: float) -> None:
    made = fan_out(validate(Children, keys, place="children"))
    assert made.mean == pytest.approx(mean, rel=1e-3)
    assert made.shares.sum() == pytest.approx(1)
    counts = made.at(hash_rows(1, np.arange(ROWS)))
    assert counts.mean() == pytest.approx(mean, rel=0.03)
    assert counts.max() <= made.longest
    if "childless" in keys:
        assert (counts == 0).mean() == pytest.approx(keys["childless"], abs=0.01)


@pytest.mark.parametrize(
    "keys, message",
    [
        ({"distribution": "zipf"}, "needs max for the distribution zipf"),
        ({"distribution": "fixed", "mean": 2, "max": 3}, "max, which the distribution fixed does not use"),
        ({"min": 4, "max": 3}, "min and max in the wrong order: 4 > 3"),
        ({"distribution": "histogram", "shares": {1: 0.5}}, "add up to 0.5"),
        ({"distribution": "histogram", "shares": {-1: 1.0}}, "is not negative"),
    ],
)
def test_children_that_cannot_be_are_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError, match=message):
        validate(Children, keys, place="children")


def test_more_different_values_than_there_can_be() -> None:
    with pytest.raises(InfeasibleError):
        shaped_generator(shape(distinct=99, range=[1, 50]), INT, 1, "p")
