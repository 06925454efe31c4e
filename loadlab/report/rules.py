"""The rules of the review as the documentation lists them: `python -m loadlab.report.rules docs/review.md`."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from loadlab.report.findings import AREAS
from loadlab.validate.review.model import Rule
from loadlab.validate.review.rules import RULES

BEGIN, END = "<!-- rules: written by python -m loadlab.report.rules -->\n", "<!-- end of rules -->\n"


def rules_markdown(rules: Sequence[Rule] = RULES) -> str:
    """Every rule under its area: id, title, reason, source and how to silence it."""
    parts = []
    for area, title in AREAS.items():
        group = [rule for rule in rules if rule.area == area]
        if group:
            parts.append(f"### {title}\n\n" + "\n".join(_rule(rule) for rule in group))
    return "\n".join(parts)


def _rule(rule: Rule) -> str:
    return (
        f"#### {rule.id}\n\n"
        f"**{rule.title}.** {rule.why}\n\n"
        f"Source: {rule.source}. Silence: `{rule.id}`, or `{rule.id}:SUBJECT`.\n"
    )


def with_rules(page: str) -> str:
    """A page with the rules between its two marks written anew. Raises ValueError without the marks."""
    before, _, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not end:
        raise ValueError(f"the page has no {BEGIN.strip()} … {END.strip()}")
    return f"{before}{BEGIN}\n{rules_markdown()}\n{END}{after}"


if __name__ == "__main__":
    path = Path(sys.argv[1])
    path.write_text(with_rules(path.read_text(encoding="utf-8")), encoding="utf-8")
