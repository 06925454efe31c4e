"""What has to be true of the data after the load, and what was found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class IntegrityCheck:
    """One check: how many things were looked at, how many of them were wrong, and which one, in a sentence.

    `failure` says why nothing could be looked at.
    """

    name: str
    checked: int
    violations: int
    detail: str
    failure: str | None = None
