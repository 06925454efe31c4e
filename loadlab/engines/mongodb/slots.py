"""Where the values of parameters stand in a command."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from loadlab.engines.mongodb.values import CASTS
from loadlab.errors import InputError


@dataclass(frozen=True, slots=True)
class Slot:
    """Where the value of a parameter stands, and what makes the command's value of it."""

    name: str
    cast: str = ""

    def value(self, values: Mapping[str, Any]) -> Any:
        """Raises InputError for a value that is not what the cast takes."""
        found = values[self.name]
        if found is None or not self.cast:
            return found
        try:
            return CASTS[self.cast](found)
        except (ValueError, ArithmeticError, TypeError):
            raise InputError(f"parameter :{self.name}", f"is no {self.cast}", value=found) from None


@dataclass(frozen=True, slots=True)
class Contains:
    """A condition that a document holds what another one holds."""

    slot: Slot
