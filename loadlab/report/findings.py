"""A review as a result keeps it, and as the terminal shows it.

Readable at 80 columns and without colour; names and messages are untrusted text and never read as markup.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from loadlab.report.model_review import CheckResult, FindingResult, RuleResult
from loadlab.report.wording import printable
from loadlab.units import format_share
from loadlab.validate.review.merging import merged
from loadlab.validate.review.model import Area, Outcome, Rule, RuleOutcome, Severity

AREAS: dict[Area, str] = {
    "schema": "Schema",
    "indexes": "Indexes",
    "plans": "Plans",
    "load": "Load",
    "storage": "Storage",
}
_STYLES = {Severity.ERROR: "bold red", Severity.WARNING: "yellow", Severity.NOTE: "cyan"}
_SEVERITIES = list(Severity)
_SQL_SHOWN = 12


def finding_results(outcomes: Iterable[RuleOutcome]) -> list[FindingResult]:
    """All findings, worst first: by severity, then by the share of the load that they touch. A remedy comes once."""
    outcomes = list(outcomes)
    areas = {outcome.rule.id: outcome.rule.area for outcome in outcomes}
    found = [
        FindingResult(
            id=finding.id,
            rule=finding.rule,
            area=areas[finding.rule],
            severity=finding.severity,
            subject=finding.subject,
            what=finding.what,
            evidence=list(finding.evidence),
            why=finding.why,
            remedy=finding.remedy,
            sql=list(finding.sql),
            load_share=finding.load_share,
            also=list(finding.also),
        )
        for finding in merged([finding for outcome in outcomes for finding in outcome.findings])
    ]
    return sorted(found, key=lambda item: (_SEVERITIES.index(item.severity), -(item.load_share or 0), item.id))


def rule_results(outcomes: Iterable[RuleOutcome]) -> list[RuleResult]:
    """Every rule, in the order of the registry."""
    return [
        RuleResult(
            rule=outcome.rule.id,
            area=outcome.rule.area,
            title=outcome.rule.title,
            outcome=outcome.outcome,
            examined=outcome.examined,
            objects=outcome.objects,
            findings=len(outcome.findings),
            silenced=len(outcome.silenced),
            reason=outcome.reason,
            unmatched=list(outcome.unmatched),
        )
        for outcome in outcomes
    ]


def unmatched_in_words(rules: Sequence[RuleResult]) -> str:
    """`silence naming:legacy matches no finding`; "" where every pattern does."""
    patterns = [pattern for rule in rules for pattern in rule.unmatched]
    return f"silence {', '.join(patterns)} matches no finding" if patterns else ""


def tally(findings: Sequence[FindingResult], rules: Sequence[RuleResult]) -> str:
    """`2 errors, 1 warning; 17 rules found nothing, 4 skipped, 1 finding silenced`."""
    counts = Counter(item.severity for item in findings)
    parts = [f"{counts[s]} {s}{'s' if counts[s] != 1 else ''}" for s in _SEVERITIES if counts[s]]
    ends = Counter(item.outcome for item in rules)
    more = [f"{ends[Outcome.CLEAN]} rules found nothing", f"{ends[Outcome.SKIPPED]} skipped"]
    if silenced := sum(item.silenced for item in rules):
        more.append(f"{silenced} finding{'s' if silenced != 1 else ''} silenced")
    return f"{', '.join(parts) or 'no findings'}; {', '.join(more)}"


def touched(finding: FindingResult) -> str:
    """`touches 12% of the load`; "" without a load."""
    return "" if finding.load_share is None else f"touches {format_share(finding.load_share)} of the load"


# The terminal -----------------------------------------------------------------------------------------------------


def print_check(result: CheckResult, console: Console) -> None:
    """The whole review: findings by area, worst first; then what was examined and what was not."""
    for part in _parts(result):
        console.print(part)
    print_findings(result.findings, console)
    console.print(_examined(result.reviewed))
    console.print(Text(f"\n{tally(result.findings, result.reviewed)}."))
    if unmatched := unmatched_in_words(result.reviewed):
        console.print(Text(f"{printable(unmatched)}: a slip, or it is gone.", style="yellow"))


def print_findings(findings: Sequence[FindingResult], console: Console) -> None:
    """All of them in full, by area."""
    for area, group in _by_area(findings):
        console.print(Text(f"{AREAS[area]}\n", style="bold"))
        for finding in group:
            print_finding(finding, console)


def _parts(result: CheckResult) -> Iterator[RenderableType]:
    yield Text(printable(result.subject), style="bold").append(f" on {printable(result.server)}", style="not bold")
    yield Text(f"From {printable(result.basis)}.\n", style="dim")


def _by_area(findings: Sequence[FindingResult]) -> Iterator[tuple[Area, list[FindingResult]]]:
    for area in AREAS:
        if group := [finding for finding in findings if finding.area == area]:
            yield area, group


def print_finding(finding: FindingResult, console: Console) -> None:
    """One finding: what, where, evidence, why, remedy and SQL, which is never folded so that it can be copied."""
    head = Text(f"{finding.severity:<8}", style=_STYLES[finding.severity])
    console.print(
        head.append(printable(finding.what), style="default").append(f"  {printable(finding.id)}", style="dim")
    )
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    evidence = [*finding.evidence, *filter(None, [touched(finding)])]
    for name, text in (("evidence", "; ".join(evidence)), ("why", finding.why), ("remedy", finding.remedy)):
        if text:
            table.add_row(name, printable(text))
    console.print(Padding(table, (0, 0, 0, 2)))
    for statement in finding.sql[:_SQL_SHOWN]:
        console.print(Text(f"    {printable(statement)};", style="green"), soft_wrap=True)
    if len(finding.sql) > _SQL_SHOWN:
        console.print(Text(f"    -- and {len(finding.sql) - _SQL_SHOWN} more statements, with --json", style="dim"))
    console.print()


def _examined(rules: Sequence[RuleResult]) -> RenderableType:
    table = Table.grid(padding=(0, 2, 0, 0))
    for name in ("outcome", "rule"):
        table.add_column(name, no_wrap=True)
    table.add_column("examined", overflow="fold")
    for rule in rules:
        text = rule.reason if rule.outcome is Outcome.SKIPPED else f"{rule.objects}: {rule.examined:,}"
        silenced = f", {rule.silenced} silenced" if rule.silenced else ""
        style = {Outcome.CLEAN: "green", Outcome.FOUND: "yellow", Outcome.SKIPPED: "dim"}[rule.outcome]
        table.add_row(Text(rule.outcome.value, style=style), rule.rule, printable(text + silenced))
    return Group(Text("Examined\n", style="bold"), table)


def print_rules(rules: Sequence[Rule], console: Console) -> None:
    """Every rule with its reason and where it comes from."""
    for area, title in AREAS.items():
        group = [rule for rule in rules if rule.area == area]
        if not group:
            continue
        console.print(Text(title, style="bold"))
        for rule in group:
            console.print(Text(f"  {rule.id}", style="bold").append(f": {rule.title}", style="not bold"))
            console.print(Padding(Text(rule.why), (0, 0, 0, 4)))
            console.print(Padding(Text(rule.source, style="dim"), (0, 0, 0, 4)))
        console.print()


WORST_SHOWN = 5


def summary(findings: Sequence[FindingResult], rules: Sequence[RuleResult]) -> Iterator[RenderableType]:
    """What a run's terminal says of its review: how many of each severity, and the worst few."""
    if not rules:
        return
    yield Text("\nReview", style="bold").append(f": {tally(findings, rules)}.", style="not bold")
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    for finding in findings[:WORST_SHOWN]:
        where = f" ({touched(finding)})" if finding.load_share else ""
        table.add_row(Text(finding.severity, style=_STYLES[finding.severity]), printable(f"{finding.what}{where}"))
    yield table
    if unmatched := unmatched_in_words(rules):
        yield Text(f"{printable(unmatched)}: a slip, or it is gone", style="yellow")
    if len(findings) > WORST_SHOWN:
        yield Text(f"and {len(findings) - WORST_SHOWN} more; reasons and SQL are in the report", style="dim")
