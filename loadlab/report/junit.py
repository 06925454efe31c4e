"""JUnit XML, the form that CI servers read (Jenkins' junit-10.xsd, which GitLab and GitHub's actions follow).

A FAIL is a failure. INCONCLUSIVE and SKIPPED are skipped, with the reason; with `strict` an INCONCLUSIVE is a failure,
too.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from itertools import groupby
from xml.etree import ElementTree as Xml

from loadlab.errors import without_secrets
from loadlab.report.cases import Case
from loadlab.report.wording import printable
from loadlab.validate.model import Verdict


def junit_xml(
    name: str,
    cases: Sequence[Case],
    *,
    started_at: str,
    duration_s: float,
    properties: Mapping[str, str],
    strict: bool = False,
) -> str:
    """One document; a suite for each group of cases, in their order."""
    root = Xml.Element(
        "testsuites", {"name": _text(f"loadlab {name}"), "time": f"{duration_s:.3f}"} | _counts(cases, strict)
    )
    for number, (group, members) in enumerate(groupby(cases, key=lambda case: case.group)):
        _suite(root, number, name, group, list(members), started_at, duration_s, properties, strict)
    Xml.indent(root)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n{Xml.tostring(root, encoding="unicode")}\n'


def _suite(
    root: Xml.Element,
    number: int,
    name: str,
    group: str,
    cases: Sequence[Case],
    started_at: str,
    duration_s: float,
    properties: Mapping[str, str],
    strict: bool,
) -> None:
    suite = Xml.SubElement(
        root,
        "testsuite",
        {
            "name": _text(f"{name} {group}"),
            "id": str(number),
            "package": "loadlab",
            "timestamp": _timestamp(started_at),
            "hostname": "localhost",
            "time": f"{duration_s:.3f}" if number == 0 else "0",
        }
        | _counts(cases, strict),
    )
    if number == 0:
        holder = Xml.SubElement(suite, "properties")
        for key, value in properties.items():
            Xml.SubElement(holder, "property", name=_text(key), value=_text(value))
    for case in cases:
        _case(suite, f"loadlab.{name}.{group}", case, strict)


def _case(suite: Xml.Element, place: str, case: Case, strict: bool) -> None:
    element = Xml.SubElement(suite, "testcase", classname=_text(place), name=_text(case.name), time="0")
    notes = "\n".join(_text(note) for note in case.notes)
    if _has_failed(case, strict):
        failure = Xml.SubElement(element, "failure", message=_text(case.reason), type=case.verdict.value)
        failure.text = "\n".join(filter(None, [_text(case.reason), notes]))
        return
    if case.verdict in (Verdict.INCONCLUSIVE, Verdict.SKIPPED):
        Xml.SubElement(element, "skipped", message=_text(f"{case.verdict.value}: {case.reason}"))
    Xml.SubElement(element, "system-out").text = "\n".join(filter(None, [_text(case.reason), notes]))


def _has_failed(case: Case, strict: bool) -> bool:
    return case.verdict is Verdict.FAIL or (strict and case.verdict is Verdict.INCONCLUSIVE)


def _counts(cases: Sequence[Case], strict: bool) -> dict[str, str]:
    failures = sum(_has_failed(case, strict) for case in cases)
    skipped = sum(case.verdict in (Verdict.INCONCLUSIVE, Verdict.SKIPPED) for case in cases)
    skipped -= sum(strict and case.verdict is Verdict.INCONCLUSIVE for case in cases)
    return {"tests": str(len(cases)), "failures": str(failures), "errors": "0", "skipped": str(skipped)}


def _timestamp(text: str) -> str:
    """ISO 8601 to the second, without a zone, as the schema wants it: UTC; now without one."""
    at = dt.datetime.fromisoformat(text) if text else dt.datetime.now(dt.UTC)
    return (at.astimezone(dt.UTC) if at.tzinfo else at).strftime("%Y-%m-%dT%H:%M:%S")


def _text(text: str) -> str:
    """On one line and without what XML 1.0 cannot hold; the library escapes the rest."""
    return printable(without_secrets(text))
