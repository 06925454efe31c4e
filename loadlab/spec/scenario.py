"""The scenario: what is run (`scenario.yaml`): a schema source, the shape of the data, the workload, the targets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from loadlab.errors import InputError
from loadlab.spec.base import PerEngine, SpecModel, merged, read_yaml, validate
from loadlab.spec.documents import DocumentWishes
from loadlab.spec.profile import with_profile
from loadlab.spec.requirements import Brief, load_brief
from loadlab.spec.shapes import DataShape
from loadlab.spec.source import SOURCE_FORMS, SchemaSource, holds_commands, parse_source
from loadlab.spec.targets import Target, TargetOverrides, resolve_targets
from loadlab.spec.workload import Workload

_ROWS_BY_SCALE = {"small": 10_000, "medium": 1_000_000, "large": 100_000_000, "enterprise": 100_000_000}


class ReviewSettings(SpecModel):
    """What the review of schema, indexes, plans and load is to say."""

    silence: tuple[str, ...] = Field(
        default=(),
        description="Findings not to hear of: a rule (`naming`), or a rule and its subject (`naming:legacy_*`).",
    )


class ScenarioFile(SpecModel):
    """What `scenario.yaml` holds."""

    version: Literal[1] = 1
    name: str | None = None
    description: str = ""
    brief: str | None = Field(default=None, description="Path of the brief, beside this file.")
    schema_: PerEngine | None = Field(
        default=None,
        alias="schema",
        description=f"Where the schema comes from ({SOURCE_FORMS}; paths begin beside this file), or one for each"
        " engine by its name.",
    )
    data: DataShape = DataShape()
    documents: DocumentWishes = Field(
        default={},
        description="Of a document database: by table, whether its rows stand in those of another one. What is not"
        " named is decided by rule.",
    )
    workload: Workload = Workload()
    targets: TargetOverrides = TargetOverrides()
    review: ReviewSettings = ReviewSettings()


# As a path has it, in which two slashes have become one.
_ADDRESS = re.compile(r"[a-z][a-z0-9+]*:/")


@dataclass(frozen=True, slots=True)
class Scenario:
    """A checked scenario with its folder and its brief."""

    name: str
    folder: Path
    file: ScenarioFile
    brief: Brief | None
    is_plain: bool = False
    """Whether the user named a schema, or nothing, and no scenario: it is a database to work with that is wanted."""

    @property
    def targets(self) -> tuple[Target, ...]:
        workload = self.file.workload
        return resolve_targets(
            self.brief, self.file.targets, checks_integrity=bool(workload.invariants or workload.verify)
        )

    def source(self, engine: str) -> tuple[str, SchemaSource] | None:
        """The engine whose words the schema is in and its source; None: the tables that are there.

        A scenario with a source for each engine answers with that engine's, else with its first one. A single source
        is in the words of the brief's database type, or of `engine` without a brief.
        """
        said = self.file.schema_
        if said is None:
            return None
        if isinstance(said, str):
            return (self.brief.project.database_type if self.brief else engine), parse_source(said, self.folder)
        dialect = engine if engine in said else next(iter(said))
        return dialect, parse_source(said[dialect], self.folder)

    @property
    def default_rows(self) -> int | None:
        """Rows at full volume of a table that nobody stated: by the brief's scale, None without a brief.

        The document's estimate of the data volume: small 10 K rows, medium 1 M, large 100 M and more.
        """
        return _ROWS_BY_SCALE[self.brief.project.scale] if self.brief else None

    @property
    def source_has_engine(self) -> bool:
        """Whether it is said which engine's words the schema is in."""
        return isinstance(self.file.schema_, dict) or self.brief is not None

    def full_rows(self, table: str) -> int | None:
        """Rows of a table at full volume: the scenario's word, then the brief's, then the scenario's default."""
        shape = self.file.data.tables.get(table)
        if shape is not None and shape.rows is not None:
            return shape.rows
        for entity in self.brief.data_model.entities if self.brief else ():
            if entity.name == table and entity.estimated_rows is not None:
                return entity.estimated_rows
        return self.file.data.default_rows


def load_scenario(path: Path, *, changes: Mapping[str, Any] | None = None, place: str | None = None) -> Scenario:
    """Read a scenario (its folder or its file) and its brief.

    `changes`, which stand at `place`, are merged into the file's text first. Raises InputError with the place, the
    value and the remedy.
    """
    if _ADDRESS.match(str(path)):
        raise InputError(str(path), "is the address of a database: give it with --database")
    file_path = path / "scenario.yaml" if path.is_dir() else path
    place = place or file_path.name
    if (file_path.suffix == ".sql" and file_path.is_file()) or holds_commands(file_path):
        raise InputError(str(path), f"is a schema and no scenario; `loadlab init {path}` writes one")
    data = read_yaml(file_path)
    file = validate(ScenarioFile, merged(data, changes) if changes else data, place=place)
    folder = file_path.resolve().parent
    brief = None
    if file.brief is not None:
        if not (folder / file.brief).is_file():
            raise InputError(f"{place}: brief", "does not exist beside the scenario", value=file.brief)
        brief = load_brief(folder / file.brief)
    for text in _sources(file):
        source = parse_source(text, folder)
        if source.is_file and not source.path.exists():
            raise InputError(f"{place}: schema", "does not exist beside the scenario", value=text)
    file = file.model_copy(update={"data": with_profile(file.data, folder, file_path.name)})
    return Scenario(file.name or folder.name, folder, file, brief)


def _sources(file: ScenarioFile) -> list[str]:
    if file.schema_ is None:
        return []
    return [file.schema_] if isinstance(file.schema_, str) else list(file.schema_.values())
