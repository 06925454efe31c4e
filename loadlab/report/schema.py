"""JSON Schemas of results; `python -m loadlab.report.schema > docs/result.schema.json` publishes a run's."""

from __future__ import annotations

import json
import sys
from typing import Any

from loadlab.report.model import Result
from loadlab.report.model_base import ResultModel


def result_schema(model: type[ResultModel] = Result, title: str = "LoadLab result") -> dict[str, Any]:
    """JSON Schema (2020-12) of a kind of result.

    Fields that a later LoadLab adds within the version are optional in it, so that every result of the
    version is valid against the newest schema.
    """
    schema = model.model_json_schema(mode="validation")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "title": title}


def result_schema_text() -> str:
    """The schema as `docs/result.schema.json` holds it."""
    return json.dumps(result_schema(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    sys.stdout.write(result_schema_text())
