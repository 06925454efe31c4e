"""`loadlab check`."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from loadlab.commands.options import Database, Json, Scale, Seed, progress
from loadlab.commands.outputs import Reports, outputs_of, tell
from loadlab.engines import DEFAULT_URL
from loadlab.errors import InputError
from loadlab.spec.source import SOURCE_FORMS

EXIT_FOUND = 1


class FailOn(StrEnum):
    """The least severity of a finding that fails the command."""

    error = "error"
    warning = "warning"
    note = "note"
    never = "never"


def check(
    source: Annotated[
        str | None,
        typer.Argument(
            metavar="[SCENARIO|SOURCE]",
            help=f"A scenario, which is seeded first, or where the schema comes from: {SOURCE_FORMS}; none: the tables"
            " that are there, strictly read.",
        ),
    ] = None,
    database: Database = DEFAULT_URL,
    scale: Scale = None,
    seed: Seed = None,
    silence: Annotated[
        list[str] | None,
        typer.Option("--silence", metavar="RULE[:SUBJECT]", help="Findings not to hear of; * stands for anything."),
    ] = None,
    fail_on: Annotated[
        FailOn, typer.Option("--fail-on", help="Exit with 1 when a finding is at least this severe.")
    ] = FailOn.error,
    rules: Annotated[
        list[str] | None, typer.Option("--rule", metavar="ID", help="Only this rule; may be repeated.")
    ] = None,
    prove: Annotated[
        bool,
        typer.Option("--prove", help="Build each suggested index, measure the load with and without it, drop it."),
    ] = False,
    reports: Reports = None,
    list_rules: Annotated[bool, typer.Option("--list", help="Print every rule with its reason, and exit.")] = False,
    as_json: Json = False,
) -> None:
    """Review schema, indexes and plans: what to change, on what evidence, why, and by which SQL.

    Nothing of a database is changed that is named without a scenario. With a schema alone the rules that need rows are
    skipped, and say so. How to silence a rule, and what each looks at: docs/review.md.

    Exit codes: 0 no finding as severe as --fail-on, 1 findings, 2 a usage or tool error.

    Examples:

      loadlab check schema.sql

      loadlab check --database postgresql://reader@db/shop --fail-on warning

      loadlab check scenarios/marketplace --scale 0.01 --json

      loadlab check scenarios/marketplace --prove

      loadlab check django:project.settings --silence naming --silence "varchar-255:*"

      loadlab check schema.sql --report sarif=loadlab.sarif --report junit=junit.xml

      loadlab check --list
    """
    if list_rules:
        _list(rules or [], as_json=as_json)
        return
    if source is None and database == DEFAULT_URL:
        raise InputError("loadlab check", "needs a scenario, a schema, or --database with tables to review")
    from loadlab.checking import check as run_check
    from loadlab.report.cases import fails
    from loadlab.report.findings import finding_results, print_check, rule_results
    from loadlab.report.model_review import CheckResult
    from loadlab.report.terminal import console_for
    from loadlab.request import DataOptions
    from loadlab.validate.review.model import Severity

    outputs = outputs_of(reports, source=source)
    with progress(quiet=as_json) as show:
        outcome = run_check(source, database, DataOptions(scale, seed), rules or [], silence or [], show, prove=prove)
    result = CheckResult(
        kind=outcome.kind,
        subject=outcome.subject,
        server=outcome.server,
        basis=outcome.basis,
        findings=finding_results(outcome.outcomes),
        reviewed=rule_results(outcome.outcomes),
    )
    least = None if fail_on is FailOn.never else Severity(fail_on.value)
    tell(outputs.write_check(result, least))
    if as_json:
        typer.echo(result.model_dump_json(indent=2))
    else:
        print_check(result, console_for())
    raise typer.Exit(EXIT_FOUND if any(fails(finding, least) for finding in result.findings) else 0)


def _list(ids: list[str], *, as_json: bool) -> None:
    import json

    from loadlab.report.findings import print_rules
    from loadlab.report.terminal import console_for
    from loadlab.validate.review.rules import RULES
    from loadlab.validate.review.silence import chosen_rules

    rules = chosen_rules(ids, RULES, "--rule")
    if not as_json:
        print_rules(rules, console_for())
        return
    known = [{"id": r.id, "area": r.area, "title": r.title, "why": r.why, "source": r.source} for r in rules]
    typer.echo(json.dumps(known, indent=2, ensure_ascii=False))
