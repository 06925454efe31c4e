"""The scenario: what is run (`scenario.yaml`): a schema source, the shape of the data, the workload, the targets."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, NonNegativeInt, PositiveInt, model_validator

from loadlab.errors import InputError
from loadlab.spec.base import SpecModel, read_text, validate
from loadlab.spec.parameters import ColumnParameter, DurationS, Parameter
from loadlab.spec.requirements import Brief, load_brief
from loadlab.spec.statement import Statement
from loadlab.spec.targets import Target, TargetOverrides, resolve_targets

OperationKind = Literal["simple", "complex", "report", "write"]
Scalar = str | int | float | bool | None
# One text for every engine, or a text (a file) for each engine by its name.
PerEngine = str | dict[str, str]


class ColumnShape(SpecModel):
    """Overrides what LoadLab makes of a column; absent keys leave its own choice."""

    values: list[Scalar] | None = Field(default=None, min_length=1, description="The only values that occur.")
    weights: list[Annotated[float, Field(ge=0)]] | None = None
    range: tuple[float, float] | None = Field(default=None, description="Smallest and largest number.")
    distribution: Literal["uniform", "normal", "lognormal", "zipf"] | None = None
    meaning: str | None = Field(default=None, description="What the value means: email, first_name, sentence, …")
    null_share: Annotated[float, Field(ge=0, le=1)] | None = None
    template: dict[str, Any] | None = Field(
        default=None, description="Shape of a JSON document: each value is a column shape or a constant."
    )

    @model_validator(mode="after")
    def _agrees(self) -> ColumnShape:
        if self.weights is not None and len(self.weights) != len(self.values or ()):
            raise ValueError(f"has {len(self.weights)} weights for {len(self.values or ())} values")
        if self.range is not None and self.range[0] > self.range[1]:
            raise ValueError(f"has a range in the wrong order: {self.range[0]:g} > {self.range[1]:g}")
        return self


class RelationShape(SpecModel):
    """How child rows choose their parents.

    `nested`: the children of a parent are neighbours and follow its creation (items of an order);
    `spread`: any parent that exists by then, hot ones more often by `skew` (orders of a user);
    `one_to_one`: each parent at most once; `tree`: a self reference with `roots` and `fan_out` children a node.
    """

    pattern: Literal["nested", "spread", "one_to_one", "tree"] | None = None
    skew: Literal["none", "mild", "strong"] | None = None
    min: NonNegativeInt | None = Field(default=None, description="Fewest children of a parent (nested).")
    roots: PositiveInt | None = Field(default=None, description="Rows without a parent (tree).")
    fan_out: PositiveInt | None = Field(default=None, description="Children of a node (tree).")
    null_share: Annotated[float, Field(ge=0, le=1)] | None = None


class TableShape(SpecModel):
    """Row count at full volume and overrides by column and relation (named by its column, several joined by ",")."""

    rows: NonNegativeInt | None = Field(default=None, description="Rows at full volume (scale 1).")
    scales: bool = Field(default=True, description="false for a table whose size does not follow the scale.")
    columns: dict[str, ColumnShape] = {}
    relations: dict[str, RelationShape] = {}


class TimeShape(SpecModel):
    """The history the rows tell: row 0 is written at `start`, the last row of the full volume at `end`.

    `growth` shapes the way between: `constant` is as many rows each day; `accelerating` and `steep` are businesses
    that grow (rows so far ∝ time² and time⁴).
    """

    start: dt.date = dt.date(2024, 1, 1)
    end: dt.date = dt.date(2026, 1, 1)
    growth: Literal["constant", "accelerating", "steep"] = "accelerating"

    @model_validator(mode="after")
    def _has_length(self) -> TimeShape:
        if self.end <= self.start:
            raise ValueError(f"must end after it starts: {self.start} .. {self.end}")
        return self


class DataShape(SpecModel):
    """The shape of the data."""

    seed: NonNegativeInt = 1
    scale: float = Field(
        default=1.0, gt=0, description="Factor on every table's full row count, unless --scale is given."
    )
    locale: str = "en_US"
    time: TimeShape = TimeShape()
    default_rows: NonNegativeInt | None = Field(
        default=None, description="Rows at full volume of a table that is not listed."
    )
    tables: dict[str, TableShape] = {}


class Operation(SpecModel):
    """A named statement or flow of the mix: exactly one of `sql`, `insert` and `flow`."""

    kind: OperationKind
    weight: float = Field(gt=0)
    sql: PerEngine | None = Field(
        default=None, description="Native text with :named parameters, or one for each engine."
    )
    insert: str | None = Field(default=None, description="Table into which a row from beyond the dataset is inserted.")
    flow: str | None = Field(default=None, description="Function of the scenario's flows.py.")
    params: dict[str, Parameter] = {}
    description: str = ""

    @model_validator(mode="after")
    def _is_one_thing(self) -> Operation:
        forms = [form for form in ("sql", "insert", "flow") if getattr(self, form) is not None]
        if len(forms) != 1:
            raise ValueError(f"must have exactly one of sql, insert and flow; it has {' and '.join(forms) or 'none'}")
        if self.insert is not None and self.kind != "write":
            raise ValueError("is an insert, so its kind must be write")
        for text in self.texts():
            if self.kind != "write" and Statement.parse(text).is_write:
                raise ValueError(f"changes data, so its kind must be write, not {self.kind}")
            used = set(Statement.parse(text).names)
            for name in sorted(used - set(self.params)):
                raise ValueError(f"uses the parameter :{name}, which params does not list")
            for name in sorted(set(self.params) - used):
                raise ValueError(f"lists the parameter {name}, which its sql does not use")
        return self

    def texts(self) -> list[str]:
        """Every native text of the operation."""
        if self.sql is None:
            return []
        return [self.sql] if isinstance(self.sql, str) else list(self.sql.values())

    @property
    def is_write(self) -> bool:
        return self.kind == "write"


_ROWS_BY_SCALE = {"small": 10_000, "medium": 1_000_000, "large": 100_000_000, "enterprise": 100_000_000}
# Each costs Locust a greenlet; beyond this a worker process spends its time on starting them.
MOST_USERS = 50_000


class Workload(SpecModel):
    """Who does what how often. Closed loop: a user waits `think_time` between an operation's end and the next."""

    users: Annotated[int, Field(gt=0, le=MOST_USERS)] = 20
    think_time: DurationS | tuple[DurationS, DurationS] = Field(
        default=(0.05, 0.15),
        description="Pause of a user between operations; two values are the bounds of a uniform draw.",
    )
    ramp: DurationS = Field(default=1.0, description="Time over which the users arrive.")
    warmup: DurationS = Field(default=3.0, description="Time under load before the measured window.")
    duration: DurationS = Field(default=15.0, gt=0, description="Length of the measured window.")
    connections: PositiveInt = Field(default=8, description="Size of the connection pool, over all workers.")
    workers: PositiveInt = Field(default=1, description="Driver processes.")
    timeout: DurationS = Field(default=10.0, gt=0, description="Time limit of one operation.")
    flows: str = "flows.py"
    operations: dict[str, Operation] = {}

    @property
    def think_time_s(self) -> tuple[float, float]:
        """Bounds of the think time."""
        return self.think_time if isinstance(self.think_time, tuple) else (self.think_time, self.think_time)

    @model_validator(mode="after")
    def _think_time_is_ordered(self) -> Workload:
        low, high = self.think_time_s
        if low > high:
            raise ValueError(f"has think_time in the wrong order: {low:g} s > {high:g} s")
        return self


class ScenarioFile(SpecModel):
    """What `scenario.yaml` holds."""

    version: Literal[1] = 1
    name: str | None = None
    description: str = ""
    brief: str | None = Field(default=None, description="Path of the brief, beside this file.")
    schema_: PerEngine | None = Field(
        default=None, alias="schema", description="DDL file beside this file, or one for each engine by its name."
    )
    data: DataShape = DataShape()
    workload: Workload = Workload()
    targets: TargetOverrides = TargetOverrides()


@dataclass(frozen=True, slots=True)
class Scenario:
    """A checked scenario with its folder and its brief."""

    name: str
    folder: Path
    file: ScenarioFile
    brief: Brief | None

    @property
    def targets(self) -> tuple[Target, ...]:
        return resolve_targets(self.brief, self.file.targets)

    def ddl_path(self, engine: str) -> tuple[str, Path] | None:
        """The dialect and the path of the DDL to use for an engine; None: the tables that are there.

        A scenario with a DDL for each engine answers with that engine's, else with its first one. A single DDL is in
        the words of the brief's database type, or of `engine` without a brief.
        """
        source = self.file.schema_
        if source is None:
            return None
        if isinstance(source, str):
            return (self.brief.project.database_type if self.brief else engine), self.folder / source
        dialect = engine if engine in source else next(iter(source))
        return dialect, self.folder / source[dialect]

    @property
    def default_rows(self) -> int | None:
        """Rows at full volume of a table that nobody stated: by the brief's scale, None without a brief.

        The document's estimate of the data volume: small 10 K rows, medium 1 M, large 100 M and more.
        """
        return _ROWS_BY_SCALE[self.brief.project.scale] if self.brief else None

    @property
    def ddl_has_engine(self) -> bool:
        """Whether it is said which engine's words the DDL is in."""
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


def load_scenario(path: Path) -> Scenario:
    """Read a scenario (its folder or its file) and its brief.

    Raises InputError with the place, the value and the remedy.
    """
    file_path = path / "scenario.yaml" if path.is_dir() else path
    data = _parse_yaml(read_text(file_path), file_path.name)
    file = validate(ScenarioFile, data, place=file_path.name)
    folder = file_path.resolve().parent
    brief = None
    if file.brief is not None:
        if not (folder / file.brief).is_file():
            raise InputError(f"{file_path.name}: brief", "does not exist beside the scenario", value=file.brief)
        brief = load_brief(folder / file.brief)
    for name in _schema_files(file):
        if not (folder / name).is_file():
            raise InputError(f"{file_path.name}: schema", "does not exist beside the scenario", value=name)
    return Scenario(file.name or folder.name, folder, file, brief)


def _schema_files(file: ScenarioFile) -> list[str]:
    if file.schema_ is None:
        return []
    return [file.schema_] if isinstance(file.schema_, str) else list(file.schema_.values())


def _parse_yaml(text: str, place: str) -> object:
    try:
        return yaml.safe_load(text) or {}
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"{place}: line {mark.line + 1}" if mark else place
        raise InputError(where, f"is not YAML: {getattr(error, 'problem', None) or error}") from None


def column_parameters(operation: Operation) -> dict[str, ColumnParameter]:
    """The parameters that come from the dataset, by name."""
    return {name: item for name, item in operation.params.items() if isinstance(item, ColumnParameter)}
