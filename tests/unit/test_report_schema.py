"""The published JSON Schema is current and describes what is written."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from loadlab.commands.schema import SpecKind, json_schema
from loadlab.report.schema import result_schema, result_schema_text
from tests.samples import empty_result, sample_result

PUBLISHED = Path(__file__).resolve().parents[2] / "docs" / "result.schema.json"


def test_the_published_schema_is_current():
    current = "python -m loadlab.report.schema > docs/result.schema.json"
    assert json.loads(PUBLISHED.read_text(encoding="utf-8")) == json.loads(result_schema_text()), current


@pytest.mark.parametrize("kind", SpecKind)
def test_each_file_has_a_schema(kind):
    jsonschema.Draft202012Validator.check_schema(json_schema(kind))


def undescribed(value: object, schema: dict, definitions: dict, place: str = "$") -> list[str]:
    """Places of `value` that the schema does not describe: unknown keys and types that do not fit."""
    if "$ref" in schema:
        schema = definitions[schema["$ref"].rpartition("/")[2]]
    if "anyOf" in schema:
        tries = [undescribed(value, option, definitions, place) for option in schema["anyOf"]]
        return min(tries, key=len)
    if "enum" in schema or "const" in schema:
        allowed = schema.get("enum", [schema.get("const")])
        return [] if value in allowed else [f"{place}: {value!r} is none of {allowed}"]
    types = {
        "object": dict,
        "array": list,
        "string": str,
        "integer": int,
        "number": (int, float),
        "boolean": bool,
        "null": type(None),
    }
    if not isinstance(value, types[schema["type"]]):
        return [f"{place}: {value!r} is no {schema['type']}"]
    if isinstance(value, dict):
        known, rest = schema.get("properties", {}), schema.get("additionalProperties")
        wrong = [f"{place}.{key}: unknown" for key in value if key not in known and rest is None]
        wrong += [f"{place}.{key}: missing" for key in schema.get("required", ()) if key not in value]
        for key, item in value.items():
            inner = known.get(key, rest)
            wrong += undescribed(item, inner, definitions, f"{place}.{key}") if isinstance(inner, dict) else []
        return wrong
    if isinstance(value, list):
        inners = schema.get("prefixItems") or [schema["items"]] * len(value)
        return [
            w
            for k, (item, inner) in enumerate(zip(value, inners, strict=True))
            for w in undescribed(item, inner, definitions, f"{place}[{k}]")
        ]
    return []


@pytest.mark.parametrize("result", [sample_result(), empty_result()], ids=["full", "empty"])
def test_what_is_written_is_described(result):
    schema = result_schema()
    assert undescribed(json.loads(result.model_dump_json()), schema, schema["$defs"]) == []


def test_the_check_above_finds_what_is_wrong():
    schema = result_schema()
    data = json.loads(sample_result().model_dump_json())
    data["targets"][0]["verdict"] = "MAYBE"
    data["extra"] = 1
    del data["load"]["users"]
    assert len(undescribed(data, schema, schema["$defs"])) == 3


@pytest.mark.parametrize(
    "part, fields",
    [
        ("Result", {"verdict", "targets", "operations", "seeding", "environment", "version"}),
        (
            "TargetResult",
            {"name", "limit", "unit", "measured", "interval", "samples", "examined", "verdict", "reason", "default"},
        ),
        ("OperationResult", {"name", "kind", "count", "errors", "service_us", "response_us"}),
        ("Percentiles", {"p50", "p95", "p99", "p999", "max", "mean"}),
        ("SeedingResult", {"rows", "seconds", "bytes", "tables"}),
    ],
)
def test_the_fields_that_others_build_on_are_there(part, fields):
    schema = result_schema()
    described = schema if part == "Result" else schema["$defs"][part]
    assert fields <= set(described["properties"])
