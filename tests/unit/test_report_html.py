"""The HTML report as text: self-contained, escaped, complete. How it renders is tested in tests/browser."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import pytest

from loadlab.report.html import render_html
from loadlab.report.model import PlanNodeResult, PlanResult, Result, StatementResult
from loadlab.report.model_evidence import ActivityResult, EventResult, OperationFiguresResult
from loadlab.report.model_review import FindingResult, RuleResult
from loadlab.validate.model import Verdict
from tests.samples import SHAPES, empty_result, result_of, sample_measure, sample_result, sample_verdicts
from tests.samples_hour import hour_result

# Elements that HTML leaves without an end tag.
VOID = {"meta", "link", "br", "hr", "img", "input"}
HOSTILE = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&amp;{{ 12345*6789 }}"


@dataclass
class Page(HTMLParser):
    """What a browser would see: elements with their attributes, and the text outside the style sheet."""

    elements: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    open: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        super().__init__()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append(f"</{tag}> at {self.getpos()}")

    def handle_data(self, data):
        if "style" not in self.open:
            self.texts.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", " ".join(self.texts))


def page_of(result: Result) -> Page:
    page = Page()
    page.feed(render_html(result))
    page.close()
    return page


HOSTILE_PLAN = PlanResult(
    values=HOSTILE,
    executed=True,
    root=PlanNodeResult(
        name=HOSTILE, table=HOSTILE, indexes=[HOSTILE], condition=HOSTILE, filter=HOSTILE,
        children=[PlanNodeResult(name=HOSTILE)],
    ),
)  # fmt: skip
HOSTILE_FINDING = FindingResult(
    id=HOSTILE, rule=HOSTILE, area="schema", severity="error", subject=HOSTILE, what=HOSTILE, evidence=[HOSTILE],
    why=HOSTILE, remedy=HOSTILE, sql=[HOSTILE],
)  # fmt: skip
HOSTILE_RULE = RuleResult(
    rule=HOSTILE, area="schema", title=HOSTILE, outcome="SKIPPED", examined=0, objects=HOSTILE, findings=0,
    reason=HOSTILE,
)  # fmt: skip


def hostile_result() -> Result:
    """Every text that comes from outside is hostile."""
    measure = sample_measure({HOSTILE: SHAPES["product_by_id"]}, seconds=2, errors={HOSTILE: 1})
    measure = replace(measure, first_errors={HOSTILE: HOSTILE})
    verdicts = [
        replace(
            verdict,
            reason=HOSTILE,
            examined=(HOSTILE,),
            details=tuple(replace(detail, reason=HOSTILE, verdict=Verdict.FAIL) for detail in verdict.details),
        )
        for verdict in sample_verdicts(measure)
    ]
    result = result_of(measure, verdicts, scenario=HOSTILE)
    full = sample_result()
    operation = result.operations[0].model_copy(
        update={
            "plan": HOSTILE,
            "full_scans": [HOSTILE],
            "plan_tree": HOSTILE_PLAN,
            "errors_by_outcome": {HOSTILE: 1},
            "statements": [StatementResult(name=HOSTILE, plan=HOSTILE, plan_tree=HOSTILE_PLAN)],
        }
    )
    table = full.evidence.tables["orders"]
    index = full.evidence.indexes["orders_pkey"] | {"table": HOSTILE}
    statement = full.evidence.statements[0].model_copy(update={"text": HOSTILE})
    evidence = full.evidence.model_copy(
        update={
            "tables": {HOSTILE: table},
            "indexes": {HOSTILE: index},
            "statements": [statement],
            "database": {HOSTILE: 1.0},
            "settings": {HOSTILE: HOSTILE},
            "notes": [HOSTILE],
            "events": [EventResult(kind="autovacuum", subject=HOSTILE, began_s=0.5, ended_s=1.0)],
            "activity": ActivityResult(samples=4, doing={"running": 1.0}, waits={HOSTILE: 0.5}),
            "figures": full.evidence.figures.model_copy(
                update={
                    "operations": {
                        HOSTILE: OperationFiguresResult(
                            rows_per_call=1, blocks_per_call=1, cache_hit_ratio=1, server_ms_per_call=1
                        )
                    }
                }
            ),
        }
    )
    tables = [table.model_copy(update={"name": HOSTILE}) for table in full.seeding.tables[:1]]
    environment = {name: HOSTILE for name, value in full.environment.model_dump().items() if isinstance(value, str)}
    changes = {
        "description": HOSTILE,
        "findings": [HOSTILE_FINDING],
        "reviewed": [HOSTILE_RULE],
        "operations": [operation],
        "evidence": evidence,
        "seeding": full.seeding.model_copy(update={"tables": tables, "fingerprint": HOSTILE}),
        "environment": full.environment.model_copy(update=environment),
        "load": result.load.model_copy(update={"started_at": HOSTILE}),
    }
    return result.model_copy(update=changes)


RESULTS = {"full": sample_result, "hour": hour_result, "empty": empty_result, "hostile": hostile_result}


@pytest.fixture(params=RESULTS, scope="module")
def page(request) -> Page:
    return page_of(RESULTS[request.param]())


def test_it_is_well_formed(page):
    assert page.faults == []
    assert page.open == []


def test_nothing_is_loaded_from_anywhere(page):
    for tag, attributes in page.elements:
        assert tag not in {
            "script",
            "img",
            "iframe",
            "object",
            "embed",
            "base",
            "form",
            "image",
            "use",
            "foreignobject",
        }
        for name, value in attributes.items():
            assert name not in {"src", "srcset", "action", "background", "xlink:href", "ping"}, (tag, name)
            assert not name.startswith("on"), (tag, name)
            if name == "href":
                assert value == "data:," if tag == "link" else value.startswith("#"), (tag, value)


def test_the_style_sheet_loads_nothing():
    text = render_html(sample_result())
    style = re.search(r"<style>(.*?)</style>", text, re.DOTALL)[1]
    assert "@import" not in style
    assert "url(" not in style
    assert "http" not in text.replace("http-equiv", "")


def test_the_browser_is_told_to_fetch_and_run_nothing(page):
    policies = [a["content"] for tag, a in page.elements if tag == "meta" and a.get("http-equiv")]
    assert policies == ["default-src 'none'; style-src 'unsafe-inline'; img-src data:"]


def test_links_within_the_page_lead_somewhere(page):
    ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    links = [a["href"][1:] for tag, a in page.elements if tag == "a"]
    assert set(links) <= set(ids)


def test_untrusted_text_is_text():
    page = page_of(hostile_result())
    assert page.text.count(re.sub(r"\s+", " ", HOSTILE)) > 40
    assert "83810205" not in page.text, "a template in a name is not evaluated"


def test_every_target_is_there_with_its_figures():
    page = page_of(sample_result())
    for target in sample_result().targets:
        assert target.reason in page.text
    for words in ("Simple queries, p95", "limit < 10 ms", "877 µs", "781–997 µs", "3,242 samples", "99.968%"):
        assert words in page.text
    badges = [a["class"].split()[-1] for tag, a in page.elements if a.get("class", "").startswith("badge ")]
    assert {verdict.value.lower() for verdict in Verdict} == set(badges)


def test_defaults_are_marked():
    page = page_of(sample_result())
    marks = sum("default" in a.get("class", "").split() for _, a in page.elements)
    explanation = 1
    assert marks == sum(target.default for target in sample_result().targets) + explanation


def test_every_operation_table_and_index_is_there():
    text = page_of(sample_result()).text
    result = sample_result()
    names = (
        [o.name for o in result.operations] + [t.name for t in result.seeding.tables] + list(result.evidence.indexes)
    )
    assert [name for name in names if name not in text] == []


def test_there_is_a_chart_for_each_kind_and_for_the_window():
    labels = [a.get("aria-label") for tag, a in page_of(sample_result()).elements if tag == "svg"]
    for kind in ("Simple queries", "Complex queries", "Reports", "Writes"):
        assert f"{kind}: response time by percentile" in labels
    assert "Operations per second over the window" in labels
    assert "p50 and p99 of the response time over the window" in labels


def test_the_scale_is_named_and_so_is_an_interruption():
    result = sample_result()
    assert "0.05% of the full volume" in page_of(result).text
    assert "interrupted" not in page_of(result).text
    broken = result.model_copy(update={"load": result.load.model_copy(update={"interrupted": True})})
    assert "The run was interrupted" in page_of(broken).text


def test_a_count_that_the_server_does_not_share_is_marked():
    result = sample_result()
    first = result.operations[0]
    off = first.model_copy(update={"server_calls": first.count - 1})
    changed = result.model_copy(update={"operations": [off, *result.operations[1:]]})
    marked = [a for tag, a in page_of(changed).elements if tag == "td" and "warn" in a.get("class", "").split()]
    unmarked = [a for tag, a in page_of(result).elements if tag == "td" and "warn" in a.get("class", "").split()]
    assert len(marked) == len(unmarked) + 1


def test_no_figure_is_not_a_number(page):
    assert not re.search(r"\bnan\b|\binf\b|\bNone\b|Undefined", page.text)
    for _, attributes in page.elements:
        for name in ("x", "y", "cx", "cy", "x1", "y1", "width", "height", "d", "points"):
            assert "nan" not in (attributes.get(name) or "")


def test_a_run_of_an_hour_stays_a_small_file():
    result = sample_result()
    hour = [result.series[k % len(result.series)].model_copy(update={"t_s": float(k)}) for k in range(3_600)]
    text = render_html(result.model_copy(update={"series": hour}))
    assert len(text) < 500_000
    assert "Each point stands for 15 of 3,600 intervals" in text


def test_sections_come_in_the_order_in_which_they_are_read():
    result = hour_result().model_copy(update={"reviewed": [HOSTILE_RULE]})
    sections = [a["id"] for tag, a in page_of(result).elements if tag == "section"]
    assert sections == [
        "targets", "latency", "time", "operations", "plans", "storage", "evidence", "findings", "environment",
    ]  # fmt: skip
    links = [
        a["href"][1:] for tag, a in page_of(result).elements if tag == "a" and not a["href"].startswith("#target-")
    ]
    assert links == sections


def test_tables_say_what_their_headers_are_of(page):
    headers = [attributes for tag, attributes in page.elements if tag == "th"]
    assert all(attributes.get("scope") in {"col", "row", "colgroup", "rowgroup"} for attributes in headers)


def test_events_are_counted_and_listed():
    text = page_of(hour_result()).text
    assert "12 checkpoints, 59 autovacuums, 39 autoanalyzes" in text
    assert "110 events" in text
    assert "Nobody looked at what the server did by itself." in page_of(sample_result()).text


def test_an_index_that_was_not_scanned_is_marked():
    text = page_of(sample_result()).text
    assert "4 of 26 indexes" in text
    assert text.count("not scanned") == 1 + 4
