"""`compare.yaml`: two sides of one scenario, each as what it has of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator

from loadlab.spec.base import SpecModel, read_yaml, validate
from loadlab.spec.scenario import Scenario, load_scenario
from loadlab.spec.workload import ShareOf

COMPARISON_NAME = "compare.yaml"


class ComparisonFile(SpecModel):
    """What `compare.yaml` holds: beside a scenario.yaml, by the name of each side what it says otherwise."""

    version: Literal[1] = 1
    question: str = Field(default="", description="What is to be decided, in a sentence.")
    sides: dict[str, dict[str, Any]] = Field(
        description="Two names, A first, each with what is other than in scenario.yaml: mappings are merged key by key,"
        " everything else is replaced, and null takes a key away."
    )
    control: str | None = Field(
        default=None, description="Operation that the difference cannot affect; absent: one of LoadLab's own."
    )
    min_effect: Annotated[ShareOf, Field(gt=0)] | None = Field(
        default=None, description="Smaller differences do not count; absent: 5%."
    )

    @field_validator("sides")
    @classmethod
    def _are_two(cls, sides: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
        if len(sides) != 2:
            raise ValueError(f"names {len(sides)} sides; two are compared")
        return sides


@dataclass(frozen=True, slots=True)
class StatedComparison:
    """A checked `compare.yaml` and its two scenarios, by the names of the sides."""

    name: str
    file: ComparisonFile
    sides: tuple[tuple[str, Scenario], tuple[str, Scenario]]


def comparison_path(path: Path) -> Path | None:
    """Where the `compare.yaml` of a folder is, or of the file itself; None without one."""
    found = path / COMPARISON_NAME if path.is_dir() else path
    return found if found.name == COMPARISON_NAME and found.is_file() else None


def load_comparison(path: Path) -> StatedComparison:
    """Read a `compare.yaml` and the scenario beside it. Raises InputError with the place, the value and the remedy."""
    file = validate(ComparisonFile, read_yaml(path), place=path.name)
    scenario_path = path.parent / "scenario.yaml"
    common = load_scenario(scenario_path)
    (first, second) = (
        (name, load_scenario(scenario_path, changes=changes, place=f"{path.name}: sides.{name}"))
        for name, changes in file.sides.items()
    )
    return StatedComparison(common.name, file, (first, second))
