"""`loadlab schema`."""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Annotated, Any

import typer


class SpecKind(StrEnum):
    """What `loadlab schema` can print."""

    scenario = "scenario"
    brief = "brief"
    result = "result"
    forecast = "forecast"
    replay = "replay"
    compare = "compare"
    comparison = "comparison"


def schema(
    kind: Annotated[
        SpecKind,
        typer.Argument(metavar="scenario|brief|result|forecast|replay|compare|comparison", help="Which file's schema."),
    ],
) -> None:
    """Print the JSON Schema of a file that LoadLab reads or writes, so that an editor completes it.

    Example:

      loadlab schema scenario > scenario.schema.json
    """
    typer.echo(json.dumps(_json_schema(kind), indent=2))


def _json_schema(kind: SpecKind) -> dict[str, Any]:
    if kind is SpecKind.scenario:
        from loadlab.spec.scenario import ScenarioFile

        return ScenarioFile.model_json_schema()
    if kind is SpecKind.brief:
        from loadlab.spec.requirements import Brief

        return Brief.model_json_schema()
    if kind is SpecKind.forecast:
        from loadlab.report.forecast.model import forecast_schema

        return forecast_schema()
    if kind is SpecKind.replay:
        from loadlab.report.replay.model import replay_schema

        return replay_schema()
    if kind is SpecKind.comparison:
        from loadlab.spec.comparison import ComparisonFile

        return ComparisonFile.model_json_schema()
    if kind is SpecKind.compare:
        from loadlab.report.compare.model import compare_schema

        return compare_schema()
    from loadlab.report.schema import result_schema

    return result_schema()
