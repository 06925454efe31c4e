"""What CI servers read: JUnit XML, Markdown, annotations, SARIF. Names are hostile here, because somebody's are."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree as Xml

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from loadlab.errors import InputError
from loadlab.report.annotations import annotation, check_annotations, run_annotations
from loadlab.report.files import write_file
from loadlab.report.junit import junit_xml
from loadlab.report.markdown import check_markdown, markdown, run_markdown
from loadlab.report.model import ChangeResult, NightResult, Result
from loadlab.report.model_review import CheckResult, FindingResult, RuleResult
from loadlab.report.outputs import Outputs, Told, parse_outputs
from loadlab.report.sarif import Artifact, sarif
from loadlab.validate.model import Verdict
from loadlab.validate.nights.model import Direction
from loadlab.validate.review.model import Outcome, Severity
from loadlab.validate.review.rules import RULES
from tests.samples import sample_result

SECRET = "postgresql://bench:hunter2@db/bench"
HOSTILE = "a|b <script>alert(1)</script> &amp; ]]> `c` *d* _e_ [f](http://x) @all\n::error::g,h:i% \x1b[31m\x00 \\"
CHANGE = ChangeResult(
    subject=HOSTILE, metric="blocks_per_call", direction=Direction.WORSE, before=4.0, after=412.0, gates=True,
    reason=f"412 blocks; usual: 4 blocks, at {SECRET}.", since="2026-03-14T02:00:00+00:00",
)  # fmt: skip
BETTER = CHANGE.model_copy(
    update={"subject": "fast", "metric": "p95", "direction": Direction.BETTER, "gates": False, "reason": "1 ms."}
)
FINDING = FindingResult(
    id=f"missing-index:{HOSTILE}", rule="missing-index", area="indexes", severity=Severity.ERROR,
    subject="orders.user_id", what="No index serves it", evidence=[HOSTILE, SECRET], why="It is slow.",
    remedy="Build one.", sql=["CREATE INDEX x"],
)  # fmt: skip
RULE = RuleResult(
    rule="missing-index", area="indexes", title="A", outcome=Outcome.FOUND, examined=3, objects="tables", findings=1
)
SILENT = RuleResult(
    rule="naming", area="schema", title="B", outcome=Outcome.SKIPPED, examined=0, objects="", findings=0, reason="none"
)  # fmt: skip
CHECK = CheckResult(
    kind="schema", subject=HOSTILE, server="PostgreSQL", basis="a schema", findings=[FINDING], reviewed=[RULE, SILENT]
)


def hostile() -> Result:
    sample = sample_result()
    night = NightResult(
        verdict=Verdict.FAIL, reason="1 regression beside 30 nights.", baseline="main", nights=30, nights_missing=2,
        changes=[CHANGE, BETTER], notes=[HOSTILE],
    )  # fmt: skip
    targets = [item.model_copy(update={"reason": f"{HOSTILE} {SECRET}"}) for item in sample.targets]
    return sample.model_copy(
        update={
            "scenario": HOSTILE, "night": night, "targets": targets, "findings": [FINDING], "reviewed": [RULE],
            "verdict": Verdict.FAIL, "incomplete": "The run was interrupted.",
        }
    )  # fmt: skip


def forms(result: Result, *, strict: bool = False) -> dict[str, str]:
    return {form: make() for form, make in Outputs(strict=strict)._forms_of_run(result).items()}


def forms_of_check(least: Severity | None) -> dict[str, str]:
    return {form: make() for form, make in Outputs()._forms_of_check(CHECK, least).items()}


# -- JUnit -----------------------------------------------------------------------------------------------------------

# Jenkins' junit-10.xsd: what an element may hold, and which of its attributes it must have.
SHAPE = {
    "testsuites": ({"testsuite"}, {"name", "tests", "failures"}),
    "testsuite": ({"properties", "testcase"}, {"name", "tests", "failures", "errors", "skipped", "timestamp"}),
    "properties": ({"property"}, set()),
    "property": (set(), {"name", "value"}),
    "testcase": ({"failure", "skipped", "system-out"}, {"name", "classname", "time"}),
    "failure": (set(), {"message", "type"}),
    "skipped": (set(), {"message"}),
    "system-out": (set(), set()),
}
KNOWN = {"id", "package", "hostname", "time", "errors", "skipped"}


def checked_junit(text: str) -> Xml.Element:
    root = Xml.fromstring(text.encode())
    for element in root.iter():
        inner, attributes = SHAPE[element.tag]
        assert {child.tag for child in element} <= inner
        assert attributes <= set(element.attrib) <= attributes | KNOWN, element.tag
    for suite in root.iter("testsuite"):
        cases = list(suite.iter("testcase"))
        assert int(suite.attrib["tests"]) == len(cases)
        assert int(suite.attrib["failures"]) == len(list(suite.iter("failure")))
        assert int(suite.attrib["skipped"]) == len(list(suite.iter("skipped")))
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
        assert [child.tag for child in suite] == sorted((child.tag for child in suite), key=SUITE_ORDER.index)
    for count in ("tests", "failures", "skipped"):
        assert int(root.attrib[count]) == sum(int(suite.attrib[count]) for suite in root)
    return root


SUITE_ORDER = ["properties", "testcase"]


@pytest.mark.parametrize("strict", [False, True])
def test_junit_has_the_shape_that_ci_servers_read(strict):
    root = checked_junit(forms(hostile(), strict=strict)["junit"])
    assert [suite.attrib["id"] for suite in root] == ["0", "1", "2"]
    (regression,) = [case for case in root.iter("testcase") if case.attrib["name"].endswith("blocks per call")]
    assert regression.find("failure").attrib["type"] == "FAIL"


def test_junit_skips_what_is_inconclusive_unless_strict():
    sample = sample_result()
    undecided = sum(target.verdict is Verdict.INCONCLUSIVE for target in sample.targets)
    failed = sum(target.verdict is Verdict.FAIL for target in sample.targets)
    assert undecided
    assert checked_junit(forms(sample)["junit"]).attrib["failures"] == str(failed)
    assert checked_junit(forms(sample, strict=True)["junit"]).attrib["failures"] == str(failed + undecided)


def test_junit_of_a_review_fails_by_severity():
    for least, failures in ((Severity.ERROR, "1"), (None, "0")):
        root = checked_junit(forms_of_check(least)["junit"])
        assert (root.attrib["tests"], root.attrib["failures"], root.attrib["skipped"]) == ("2", failures, "1")


@given(st.text(max_size=30))
def test_junit_takes_any_name(name):
    text = junit_xml(name, [], started_at="", duration_s=0.0, properties={})
    assert Xml.fromstring(text.encode("utf-8", "surrogatepass")).tag == "testsuites"


# -- Markdown --------------------------------------------------------------------------------------------------------


def tokens(text: str) -> list:
    parser = MarkdownIt("commonmark").enable(["table", "strikethrough"])
    return [token for block in parser.parse(text) for token in (block, *(block.children or ()))]


@pytest.mark.parametrize("make", [lambda: run_markdown(hostile()), lambda: check_markdown(CHECK)])
def test_markdown_reads_nothing_in_a_name_as_markup(make):
    text = make()
    found = tokens(text)
    assert not {"html_inline", "html_block", "link_open", "image", "code_inline", "em_open", "fence"} & {
        token.type for token in found
    }
    assert re.search(r"(?<!&#64;)@", text.replace("&#64;", "")) is None
    # Each row has as many cells as its table has heads.
    widths = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")]
    assert set(widths) <= {7, 8, 5}
    assert "<script>" in "".join(token.content for token in found if token.type == "text")


@given(st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=40))
def test_any_text_is_itself_in_markdown(name):
    """What a reader sees is what was written, whatever it is: in a cell, and as plain words."""
    shown = tokens(f"| a |\n| --- |\n| x{markdown(name)}x |")
    text = "".join(token.content for token in shown if token.type in ("text", "text_special"))
    assert text.removeprefix("a") == "x" + "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in name) + "x"


# -- annotations -----------------------------------------------------------------------------------------------------


def test_an_annotation_is_one_command_on_one_line():
    line = annotation("error", HOSTILE, f"50% of {HOSTILE}")
    assert line.isprintable()
    title, message = re.fullmatch(r"::error title=([^:,]*)::(.*)", line).groups()
    unescaped = message.replace("%0A", "\n").replace("%0D", "\r").replace("%25", "%")
    assert unescaped.startswith("50% of a|b <script>")
    assert "%3A%3Aerror%3A%3Ag%2Ch%3Ai%25" in title


def test_annotations_of_a_run():
    lines = run_annotations(hostile())
    levels = [line.split(" ")[0] for line in lines]
    assert levels == sorted(levels, key=["::error", "::warning", "::notice"].index)
    assert any("412 blocks" in line and line.startswith("::error") for line in lines)
    assert any("Better" in line and line.startswith("::notice") for line in lines)
    assert any("2 nights that were due" in line for line in lines)
    strict = run_annotations(hostile(), strict=True)
    assert sum(line.startswith("::error") for line in strict) >= sum(level == "::error" for level in levels)
    assert all(sum(line.startswith(level) for line in strict) <= 10 for level in ("::error", "::warning", "::notice"))


def test_annotations_of_a_review_follow_fail_on():
    assert [line[:7] for line in check_annotations([FINDING], Severity.ERROR)] == ["::error"]
    assert [line[:9] for line in check_annotations([FINDING], None)] == ["::warning"]


# -- SARIF -----------------------------------------------------------------------------------------------------------

# Of the standard's own schema what a log of LoadLab has, nothing else allowed.
TEXT = {"type": "object", "properties": {"text": {"type": "string", "minLength": 1}}, "required": ["text"]}
SARIF = {
    "type": "object",
    "additionalProperties": False,
    "required": ["version", "runs"],
    "properties": {
        "$schema": {"type": "string", "format": "uri"},
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "additionalProperties": False,
                "required": ["tool", "results"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "additionalProperties": False,
                                "required": ["name"],
                                "properties": {
                                    "name": {"const": "LoadLab"},
                                    "version": {"type": "string"},
                                    "rules": {
                                        "type": "array",
                                        "uniqueItems": True,
                                        "items": {
                                            "type": "object",
                                            "additionalProperties": False,
                                            "required": ["id"],
                                            "properties": {
                                                "id": {"type": "string"},
                                                "shortDescription": TEXT,
                                                "fullDescription": TEXT,
                                                "help": TEXT,
                                                "properties": {"type": "object"},
                                            },
                                        },
                                    },
                                },
                            }
                        },
                    },
                    "automationDetails": {"type": "object", "properties": {"id": {"type": "string"}}},
                    "columnKind": {"enum": ["utf16CodeUnits", "unicodeCodePoints"]},
                    "invocations": {"type": "array", "items": {"required": ["executionSuccessful"]}},
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "additionalProperties": False,
                            "required": ["message", "ruleId", "ruleIndex", "partialFingerprints"],
                            "properties": {
                                "ruleId": {"type": "string"},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": TEXT,
                                "locations": {"type": "array", "minItems": 1},
                                "partialFingerprints": {"additionalProperties": {"type": "string", "minLength": 1}},
                                "properties": {"type": "object"},
                            },
                        },
                    },
                },
            },
        },
    },
}
DDL = """-- CREATE TABLE of nothing
CREATE TABLE users (id int);
CREATE UNLOGGED TABLE IF NOT EXISTS "billing"."orders" (id int);
create table orders (
  id int);
"""


def test_sarif_has_the_standards_shape():
    log = json.loads(sarif(HOSTILE, [FINDING], [RULE, SILENT], Artifact("db/schema.sql", DDL)))
    jsonschema.validate(log, SARIF)
    (run,) = log["runs"]
    (result,) = run["results"]
    assert run["tool"]["driver"]["rules"][result["ruleIndex"]]["id"] == result["ruleId"] == "missing-index"
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "db/schema.sql"
    assert place["region"] == {"startLine": 4}
    assert result["level"] == "error"


def test_sarif_describes_every_rule():
    seen = [RULE.model_copy(update={"rule": rule.id, "area": rule.area, "title": rule.title}) for rule in RULES]
    log = json.loads(sarif("all", [], seen, None))
    jsonschema.validate(log, SARIF)
    assert [rule["id"] for rule in log["runs"][0]["tool"]["driver"]["rules"]] == [rule.id for rule in RULES]


def test_a_findings_fingerprint_is_its_id_and_nothing_else():
    def fingerprint(finding: FindingResult) -> str:
        (result,) = json.loads(sarif("s", [finding], [], None))["runs"][0]["results"]
        return result["partialFingerprints"]["loadlabFinding/v1"]

    same = FINDING.model_copy(update={"what": "Other words", "evidence": ["12"], "severity": Severity.NOTE})
    assert fingerprint(same) == fingerprint(FINDING)
    assert fingerprint(FINDING.model_copy(update={"id": "missing-index:carts.user_id"})) != fingerprint(FINDING)


@pytest.mark.parametrize(
    "subject, line", [("users.id", 2), ("orders", 4), ("billing.orders.id", 3), ("nowhere.x", 1), ("users (id)", 2)]
)
def test_a_finding_is_shown_where_its_table_is_created(subject, line):
    assert Artifact("schema.sql", DDL).line_of(subject) == line


def test_a_file_elsewhere_has_no_address_in_the_repository(tmp_path, monkeypatch):
    (tmp_path / "work").mkdir()
    (tmp_path / "schema.sql").write_text(DDL)
    (tmp_path / "work" / "a b.sql").write_text(DDL)
    monkeypatch.chdir(tmp_path / "work")
    assert Artifact.of(tmp_path / "schema.sql") is None
    assert Artifact.of(Path("a b.sql")) == Artifact("a%20b.sql", DDL)


# -- all of them -----------------------------------------------------------------------------------------------------


def test_no_form_shows_a_secret():
    """Even should one have come into a message; JSON is `result.json` to the letter, and `tests/cli` looks there."""
    written = forms(hostile()) | {f"check {form}": text for form, text in forms_of_check(None).items()}
    written["annotations"] = "".join(run_annotations(hostile()))
    assert [form for form, text in written.items() if not form.endswith("json") and "hunter2" in text] == []


@pytest.mark.parametrize("word", ["junit", "junit=", "xml=a.xml", "=a.xml", "junit=/dev/null/a.xml"])
def test_a_form_that_cannot_be_written_is_refused_before_the_run(word):
    with pytest.raises(InputError, match="--report"):
        parse_outputs([word])


def test_files_and_summary_are_written(tmp_path):
    summary = tmp_path / "summary.md"
    summary.write_text("before\n")
    words = [f"{form}={tmp_path}/out/{form}.txt" for form in ("junit", "markdown", "sarif", "json")]
    told = Told.by({"GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": str(summary)})
    said = Outputs(parse_outputs(words), told).write_run(sample_result())
    assert Result.model_validate_json((tmp_path / "out" / "json.txt").read_text()) == sample_result()
    assert summary.read_text().startswith("before\n## ")
    assert any(line.startswith("::error") for line in said)
    assert replace(told, annotates=False).summary == summary
    assert Outputs((), Told.by({})).write_run(sample_result()) == []


def test_a_full_summary_is_not_made_longer_than_github_takes(tmp_path):
    summary = tmp_path / "summary.md"
    write_file(summary, "x" * 999_990)
    Outputs((), Told(summary=summary)).write_run(sample_result())
    assert summary.stat().st_size <= 1_048_576
