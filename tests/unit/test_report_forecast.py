"""The report of a forecast: its figures in the terminal and in one file of HTML, untrusted text escaped."""

from __future__ import annotations

import io
import json
import math
import re
from pathlib import Path

import jsonschema
import pytest
from rich.console import Console

from loadlab.commands.schema import SpecKind, json_schema
from loadlab.engines.abilities import RowLayout
from loadlab.engines.protocol import Evidence, IndexEvidence, TableEvidence
from loadlab.report.forecast import wording
from loadlab.report.forecast.build import build_forecast
from loadlab.report.forecast.html import render_forecast
from loadlab.report.forecast.model import ForecastResult, ScaleResult
from loadlab.report.forecast.terminal import print_forecast
from loadlab.report.kinds import FORECAST
from loadlab.schema.model import Column, Index, LogicalType, Schema, Table
from loadlab.spec.targets import Target
from loadlab.validate.model import Verdict
from loadlab.validate.projection.growth import along, history_growth
from loadlab.validate.projection.growth_law import Choice
from loadlab.validate.projection.latency import ProjectedLatency
from loadlab.validate.projection.operations import OperationProjection
from loadlab.validate.projection.storage import Volume, fit_storage
from loadlab.validate.projection.verdicts import Projection, judge_projection
from loadlab.validate.statistics import Estimate
from tests.samples import sample_result
from tests.unit.test_targets import simple

SCALES = (0.001, 0.002, 0.004)
ROWS = 10_000_000
NAME = "<i>orders</i>"
TARGETS = (
    simple(2_000),
    Target("data_volume", "data_volume", "<=", 3e9, "bytes", "brief"),
    Target("index_storage_overhead", "index_storage_overhead", "<", 0.2, "ratio", "default"),
    Target("error_rate", "error_rate", "<=", 0.0, "ratio", "default"),
)
SCHEMA = Schema(
    (Table(NAME, (Column("id", LogicalType("integer")),), indexes=(Index("words", ("id",), method="gin"),)),), "x"
)
LAYOUT = RowLayout(("a", "b"), 60, 14, 60.5, ("b", "a"), 48, 2, 48.2, 5_000)


def volume(scale: float) -> Volume:
    rows = round(ROWS * scale)
    sizes = Evidence(
        1.7e9, "", "", page_bytes=8192,
        tables={NAME: TableEvidence(size_bytes=16_384 + 150 * rows, index_bytes=32 * rows, toast_bytes=8192)},
        indexes={
            "orders_pkey": IndexEvidence(NAME, 16_384 + 24 * rows),
            "words": IndexEvidence(NAME, round(500 * rows**0.7)),
        },
    )  # fmt: skip
    return Volume(scale, {NAME: rows}, sizes)


def operation(name: str, *, value_us: float = 900, high_us: float = 1_500, law: bool = True) -> OperationProjection:
    measured = {p: tuple(Estimate(v, 0.9 * v, 1.1 * v, 600, 300) for v in (200, 220, 240)) for p in (50.0, 95.0)}
    projected = {p: ProjectedLatency(value_us, 240, high_us, 100, 20) for p in (50.0, 95.0)} if law else {}
    choice = Choice("log" if law else None, "It is so.", (NAME,) if law else ())
    return OperationProjection(name, "simple", choice, (1, 2, 4), measured, projected, "It is so.")


def forecast(*operations: OperationProjection, scales: int = 3, cache_bytes: int | None = None) -> ForecastResult:
    volumes = [volume(scale) for scale in SCALES[:scales]]
    laws = fit_storage(volumes, SCHEMA) if scales == 3 else None
    rows = {NAME: ROWS}
    projection = Projection(1.0, SCALES[:scales], laws.at(rows) if laws else None, operations, cache_bytes)
    growth = history_growth(1e8, 2, 1.0)
    return build_forecast(
        scenario="shop",
        description="",
        scales=[
            ScaleResult(scale=v.scale, rows=v.rows[NAME], bytes=200 * v.rows[NAME], seeding_s=1, achieved_per_s=60)
            for v in volumes
        ],
        volumes=volumes,
        layouts={NAME: LAYOUT},
        laws=laws,
        projection=projection,
        growth=growth if laws else None,
        horizons=along(growth, laws, rows, frozenset()) if laws else (),
        verdicts=judge_projection(TARGETS, projection),
        load="60/s",
        ended_early=None if laws else "interrupted",
        environment=sample_result().environment,
        notes=["<b>not bold</b>"],
    )


WHOLE = forecast(operation("by_key"), operation("unclear", law=False))


def printed(result: ForecastResult) -> str:
    out = io.StringIO()
    print_forecast(result, console=Console(file=out, width=80, highlight=False, markup=False, emoji=False))
    return out.getvalue()


def verdicts(result: ForecastResult) -> dict[str, Verdict]:
    return {target.name: target.verdict for target in result.targets}


def test_the_terminal_says_what_is_a_projection():
    text = printed(WHOLE)
    flat = " ".join(text.split())
    for words in (
        "Everything at full volume is a projection and no measurement.",
        "Full volume",
        "200 µs → 220 µs → 240 µs",
        "unclear: It is so.",
        "+3 years",
        "<b>not bold</b>",
    ):
        assert words in flat, text
    assert max(map(len, text.splitlines())) <= 80


def test_too_few_scales_are_no_projection():
    result = forecast(scales=2)
    assert not result.is_projected
    assert "a projection needs three scales" in " ".join(printed(result).split())
    assert result.targets == []
    assert "Ended early: interrupted" in render_forecast(result)


@pytest.mark.parametrize("result", [WHOLE, forecast(), forecast(scales=1)], ids=["whole", "storage", "one scale"])
def test_one_file_without_network_or_script(result):
    page = render_forecast(result)
    assert "<script" not in page
    assert not re.findall(r'(?:src|href)="(?!data:|#)', page)
    assert "<b>not bold</b>" not in page
    assert "<i>orders" not in page
    assert page.count("<svg") == (3 if result.operations else 2 if result.storage else 0)


def test_only_what_can_be_projected_is_judged():
    judged = verdicts(forecast(operation("by_key")))
    assert judged == {
        "latency": Verdict.PASS,
        "data_volume": Verdict.PASS,
        "index_storage_overhead": verdicts(WHOLE)["index_storage_overhead"],
    }
    assert verdicts(WHOLE)["latency"] is Verdict.INCONCLUSIVE
    assert verdicts(forecast(operation("slow", value_us=9e6, high_us=9e7)))["latency"] is Verdict.INCONCLUSIVE


def test_an_open_end_never_passes():
    result = forecast(operation("by_key", high_us=math.inf))
    assert verdicts(result)["latency"] is Verdict.INCONCLUSIVE
    assert result.operations[0].percentiles[0].projected_us.interval == (240, None)
    assert "No upper end is known of p50 and p95" in result.operations[0].reason


def test_what_outgrows_the_cache_does_not_pass():
    result = forecast(operation("by_key"), cache_bytes=10**9)
    assert verdicts(result)["latency"] is Verdict.INCONCLUSIVE
    assert "reads from disk were not measured" in next(t.reason for t in result.targets if t.name == "latency")
    assert verdicts(forecast(operation("by_key"), cache_bytes=10**12))["latency"] is Verdict.PASS


def test_the_inverted_index_follows_a_power():
    (table,) = WHOLE.storage.tables
    laws = {part.name or part.kind: part.law for part in table.parts}
    assert laws == {"rows": "linear", "toast": "linear", "orders_pkey": "linear", "words": "power"}
    assert wording.law_text(table.parts[-1]) == "500 B · rows^0.700"


def test_the_better_order_is_worth_its_share():
    (layout,) = WHOLE.layouts
    rows_bytes = WHOLE.storage.tables[0].parts[0].projected_bytes.value
    assert layout.saved_bytes == pytest.approx(rows_bytes * (1 - 48.2 / 60.5))
    assert wording.worth_moving(WHOLE.layouts) == [layout]


def test_the_result_is_read_back_as_it_was_written(tmp_path: Path):
    files = FORECAST.write(tmp_path / "new", WHOLE)
    text = files.result.read_text(encoding="utf-8")
    assert ForecastResult.model_validate_json(text) == WHOLE
    jsonschema.validate(json.loads(text), json_schema(SpecKind.forecast))
    assert json.loads(text)["label"] == "projection"
