"""Patterns of findings that the user does not want to hear of."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase

from loadlab.errors import InputError
from loadlab.validate.review.model import Rule


def check_patterns(patterns: Sequence[str], rules: Iterable[Rule], place: str) -> None:
    """Raises InputError for a pattern that no rule can match: it would silence nothing, and nobody would notice."""
    known = [rule.id for rule in rules]
    for number, pattern in enumerate(patterns):
        wanted = pattern.partition(":")[0]
        if not any(fnmatchcase(rule, wanted) for rule in known):
            raise InputError(place.format(number), f"matches no rule{_guess(wanted, known)}", value=pattern)


def chosen_rules(ids: Sequence[str], rules: Sequence[Rule], place: str) -> tuple[Rule, ...]:
    """The rules of these names or patterns; all without any. Raises InputError for a name of none."""
    check_patterns(ids, rules, place)
    return tuple(rule for rule in rules if not ids or any(fnmatchcase(rule.id, pattern) for pattern in ids))


def _guess(wanted: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(wanted, known, n=1)
    return f"; did you mean {close[0]}?" if close else "; `loadlab check --list` names them all"
