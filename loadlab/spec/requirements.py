"""The brief: stated requirements of a database design (`brief.json`).

The shape is the task input of the database architect's documents: project, task, data model, performance
targets, security and integration. What a brief leaves out is not guessed here; `targets.py` fills in the
documents' own defaults and marks them so.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, NonNegativeInt, PositiveInt, model_validator

from loadlab.errors import InputError
from loadlab.spec.base import SpecModel, read_text, validate
from loadlab.units import GrowthRate, parse_duration_s, parse_size_bytes, split_limit


def _duration_limit(text: str) -> str:
    sign, quantity = split_limit(text, "<")
    if sign in (">", ">="):
        raise ValueError('must be an upper limit such as "< 10ms"')
    parse_duration_s(quantity)
    return text


def _size(text: str) -> str:
    parse_size_bytes(text)
    return text


def _growth(text: str) -> str:
    GrowthRate.parse(text)
    return text


DurationLimit = Annotated[str, AfterValidator(_duration_limit)]
"""An upper limit of a duration, as text: `"< 10ms"`."""
Size = Annotated[str, AfterValidator(_size)]
Growth = Annotated[str, AfterValidator(_growth)]
DatabaseType = Literal["postgresql", "mysql", "mongodb", "sqlite"]
ProjectScale = Literal["small", "medium", "large", "enterprise"]


class Project(SpecModel):
    """What is built, on which kind of database, how large."""

    name: str = Field(min_length=1)
    type: Literal["web_app", "api", "mobile_app", "analytics", "ecommerce"]
    database_type: DatabaseType
    scale: ProjectScale
    environment: Literal["development", "staging", "production"]


class Task(SpecModel):
    """What was asked for, in words."""

    type: Literal[
        "schema_design", "migration", "optimization", "data_modeling", "performance_tuning", "backup_strategy"
    ]
    priority: Literal["critical", "high", "medium", "low"]
    description: str
    requirements: list[str] = []
    acceptance_criteria: list[str] = []


class Entity(SpecModel):
    """One entity; `estimated_rows` is its row count at full volume (scale 1)."""

    name: str = Field(min_length=1)
    type: str = "core"
    attributes: list[str] = []
    estimated_rows: PositiveInt | None = None
    description: str | None = None


class Relationship(SpecModel):
    """How two entities belong together; `foreign_key` is the column on the many side."""

    from_: str = Field(alias="from")
    to: str
    type: Literal["one_to_one", "one_to_many", "many_to_one", "many_to_many"]
    foreign_key: str | None = None
    through: str | None = None


class DataModel(SpecModel):
    """Entities, relationships, rules, constraints and indexes that are required.

    The documents leave the shape of rules, constraints and index requirements open: a sentence or an object.
    """

    entities: list[Entity] = []
    relationships: list[Relationship] = []
    business_rules: list[str | dict[str, Any]] = []
    constraints: list[str | dict[str, Any]] = []
    indexes: list[str | dict[str, Any]] = []

    @model_validator(mode="after")
    def _names_are_unique_and_known(self) -> DataModel:
        names = [entity.name for entity in self.entities]
        for name in names:
            if names.count(name) > 1:
                raise ValueError(f"names the entity {name!r} twice")
        for relationship in self.relationships if names else ():
            for end in (relationship.from_, relationship.to):
                if end not in names:
                    raise ValueError(f"has a relationship with {end!r}, which is not an entity ({', '.join(names)})")
        return self


class DataVolume(SpecModel):
    """Stored data at the start, and how it grows."""

    initial: Size | None = None
    growth_rate: Growth | None = None


class QueryPerformance(SpecModel):
    """Upper limits of the response time by kind of query."""

    simple_queries: DurationLimit | None = None
    complex_queries: DurationLimit | None = None
    reports: DurationLimit | None = None


class PerformanceTargets(SpecModel):
    """The load that must be held and how fast answers must be under it."""

    concurrent_users: PositiveInt | None = None
    read_operations_per_second: NonNegativeInt | None = None
    write_operations_per_second: NonNegativeInt | None = None
    data_volume: DataVolume = DataVolume()
    query_performance: QueryPerformance = QueryPerformance()


class EncryptionRequirements(SpecModel):
    """Where data must be encrypted; `column_level` names sensitive columns."""

    at_rest: bool = False
    in_transit: bool = False
    column_level: list[str] = []


class SecurityRequirements(SpecModel):
    """Classification ("confidential" by default, as the documents say), standards, encryption, audit, access."""

    data_classification: Literal["public", "internal", "confidential", "restricted"] = "confidential"
    compliance_standards: list[str] = []
    encryption_requirements: EncryptionRequirements = EncryptionRequirements()
    audit_requirements: bool = False
    access_control: Literal["role_based", "attribute_based", "mandatory"] | None = None


class Integration(SpecModel):
    """The software around the database."""

    orm_framework: str | None = None
    api_layer: str | None = None
    caching_layer: str | None = None
    search_engine: str | None = None
    analytics_tools: list[str] = []


class Brief(SpecModel):
    """The stated requirements of one database."""

    project: Project
    task: Task | None = None
    data_model: DataModel = DataModel()
    performance_targets: PerformanceTargets = PerformanceTargets()
    security_requirements: SecurityRequirements = SecurityRequirements()
    integration: Integration = Integration()


def load_brief(path: Path) -> Brief:
    """Read and check a brief. Raises InputError with the place, the value and the remedy."""
    try:
        data = json.loads(read_text(path))
    except json.JSONDecodeError as error:
        raise InputError(f"{path.name}: line {error.lineno}", f"is not JSON: {error.msg}") from None
    return validate(Brief, data, place=path.name)
