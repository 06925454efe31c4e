"""From facts to the outcomes of all rules."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from loadlab.validate.review.model import Finding, Outcome, ReviewFacts, Rule, RuleOutcome


def review(rules: Iterable[Rule], facts: ReviewFacts, silence: Sequence[str] = ()) -> tuple[RuleOutcome, ...]:
    """What each rule says. `silence` are patterns of rules (`naming`) or findings (`naming:legacy_*`)."""
    return tuple(_outcome(rule, facts, silence) for rule in rules)


def unreviewed(rules: Iterable[Rule], reason: str) -> tuple[RuleOutcome, ...]:
    """What each rule says where nothing could be looked at."""
    return tuple(RuleOutcome(rule, Outcome.SKIPPED, 0, "", (), reason=reason) for rule in rules)


def _outcome(rule: Rule, facts: ReviewFacts, silence: Sequence[str]) -> RuleOutcome:
    examined = rule.examine(facts)
    heard = tuple(item for item in examined.findings if not is_silenced(item, silence))
    silenced = tuple(item for item in examined.findings if is_silenced(item, silence))
    if heard:
        outcome, reason = Outcome.FOUND, ""
    elif not examined.examined:
        outcome, reason = Outcome.SKIPPED, examined.skipped or f"there are no {examined.objects}"
    else:
        outcome, reason = Outcome.CLEAN, ""
    unmatched = () if outcome is Outcome.SKIPPED else unmatched_patterns(rule.id, silenced, silence)
    return RuleOutcome(rule, outcome, examined.examined, examined.objects, heard, silenced, reason, unmatched)


def unmatched_patterns(rule: str, silenced: Sequence[Finding], silence: Sequence[str]) -> tuple[str, ...]:
    """The patterns for subjects of this very rule that silence nothing: a slip, or a finding that is gone."""
    own = [pattern for pattern in silence if pattern.startswith(f"{rule}:")]
    return tuple(pattern for pattern in own if not any(is_silenced(item, [pattern]) for item in silenced))


def is_silenced(finding: Finding, silence: Sequence[str]) -> bool:
    """Whether one of the patterns names the finding's rule, or the rule and its subject."""
    return any(fnmatchcase(finding.rule, pattern) or fnmatchcase(finding.id, pattern) for pattern in silence)
