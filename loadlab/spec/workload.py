"""The workload: the operations of a scenario, and who does what how often."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, PositiveInt, model_validator

from loadlab.spec.base import SpecModel
from loadlab.spec.operations import Action, OperationKind, Step, kind_of, labelled
from loadlab.spec.parameters import ColumnParameter, DurationS


def _kind_may_be_absent(schema: dict[str, Any]) -> None:
    schema["required"] = [name for name in schema.get("required", ()) if name != "kind"]


class Operation(Action):
    """A named operation of the mix: exactly one of `sql`, `insert`, `flow`, a form, and a `transaction` of these.

    `kind` follows from the form; for `sql` and `flow` it is stated.
    """

    kind: OperationKind
    weight: float = Field(gt=0)
    flow: str | None = Field(default=None, description="Function of the scenario's flows.py.")
    transaction: list[Step] | None = Field(
        default=None, min_length=1, description="Statements between begin and commit, on one connection."
    )
    description: str = ""

    forms: ClassVar[tuple[str, ...]] = (*Action.forms, "flow", "transaction")
    model_config = ConfigDict(json_schema_extra=_kind_may_be_absent)

    @model_validator(mode="before")
    @classmethod
    def _kind_follows_from_the_form(cls, data: Any) -> Any:
        if not isinstance(data, dict) or data.get("kind") is not None:
            return data
        found = [kind for name in cls.forms if name in data and (kind := kind_of(name, data[name])) is not None]
        return data | {"kind": found[0]} if found else data

    @model_validator(mode="after")
    def _writes_are_writes(self) -> Operation:
        if self.insert is not None and self.kind != "write":
            raise ValueError("is an insert, so its kind must be write")
        if self.kind != "write" and any(item.changes_data for item in (self, *(self.transaction or ()))):
            raise ValueError(f"changes data, so its kind must be write, not {self.kind}")
        labelled(self.transaction or [])
        return self

    @property
    def steps(self) -> list[Step]:
        """The statements of a transaction, every insert with the label of its row."""
        return labelled(self.transaction or [])

    @property
    def is_write(self) -> bool:
        return self.kind == "write"


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


def column_parameters(operation: Operation) -> dict[str, ColumnParameter]:
    """The parameters that come from the dataset, by name."""
    return {name: item for name, item in operation.params.items() if isinstance(item, ColumnParameter)}
