"""`loadlab schema`."""

from __future__ import annotations

import json
from enum import StrEnum
from importlib import import_module
from typing import Annotated, Any

import typer


class SpecKind(StrEnum):
    """What `loadlab schema` can print."""

    scenario = "scenario"
    brief = "brief"
    comparison = "comparison"
    result = "result"
    capacity = "capacity"
    check = "check"
    compare = "compare"
    forecast = "forecast"
    history = "history"
    replay = "replay"


# Where the model of each is; it is imported when it is asked for.
_READ = {
    SpecKind.scenario: ("loadlab.spec.scenario", "ScenarioFile"),
    SpecKind.brief: ("loadlab.spec.requirements", "Brief"),
    SpecKind.comparison: ("loadlab.spec.comparison", "ComparisonFile"),
}
_WRITTEN = {
    SpecKind.result: ("loadlab.report.model", "Result", "LoadLab result"),
    SpecKind.capacity: ("loadlab.report.capacity.model", "CapacityResult", "LoadLab capacity"),
    SpecKind.check: ("loadlab.report.model_review", "CheckResult", "LoadLab review"),
    SpecKind.compare: ("loadlab.report.compare.model", "CompareResult", "LoadLab comparison"),
    SpecKind.forecast: ("loadlab.report.forecast.model", "ForecastResult", "LoadLab forecast"),
    SpecKind.history: ("loadlab.report.history.model", "HistoryResult", "LoadLab history"),
    SpecKind.replay: ("loadlab.report.replay.model", "ReplayResult", "LoadLab replay"),
}


def schema(
    kind: Annotated[SpecKind, typer.Argument(metavar="KIND", help="Which file's schema.")],
) -> None:
    """Print the JSON Schema of a file that LoadLab reads or writes, so that an editor completes it.

    Scenarios, briefs and comparisons (compare.yaml) are read; the others are what the command of that name, or `run`
    (result), writes as JSON.

    Example:

      loadlab schema scenario > scenario.schema.json
    """
    typer.echo(json.dumps(json_schema(kind), indent=2))


def json_schema(kind: SpecKind) -> dict[str, Any]:
    """The schema of one kind of file."""
    if kind in _READ:
        module, name = _READ[kind]
        found: dict[str, Any] = getattr(import_module(module), name).model_json_schema()
        return found
    from loadlab.report.schema import result_schema

    module, name, title = _WRITTEN[kind]
    return result_schema(getattr(import_module(module), name), title)
