"""The workload: the operations of a scenario, and who does what how often."""

from __future__ import annotations

import hashlib
import json
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, ConfigDict, Field, PositiveInt, model_validator

from loadlab.spec.arrivals import RatePerS, Shape, mean_level
from loadlab.spec.base import SpecModel
from loadlab.spec.native import PerEngineText
from loadlab.spec.operations import Action, OperationKind, Step, kind_of, labelled
from loadlab.spec.parameters import DurationS, OrText
from loadlab.units import parse_share

ShareOf = Annotated[
    float,
    BeforeValidator(lambda value: parse_share(value) if isinstance(value, str) else value),
    Field(ge=0, le=1),
    OrText("a percentage such as 5%"),
]
Isolation = Literal["read committed", "repeatable read", "serializable"]


class Retry(SpecModel):
    """An operation that the database turned away because of others (a serialization failure, a deadlock) runs again.

    Before the k-th repeat it pauses for a uniform draw from 0 to `backoff` × 2^(k-1), `backoff_max` at most
    (exponential back-off with full jitter: Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015).
    """

    attempts: Annotated[int, Field(ge=2, le=100)] = 5
    backoff: DurationS = 0.005
    backoff_max: DurationS = 0.5


class Invariant(SpecModel):
    """A query whose answer the load must not change, or must leave at a value."""

    sql: PerEngineText = Field(description="A query without parameters, or one for each engine.")
    equals: str | int | float | bool | None = Field(
        default=None, description="The one value that it must give after the load; absent: what it gave before."
    )


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
    isolation: Isolation | None = Field(
        default=None, description="Isolation level of its transactions; absent: the database's own."
    )
    retry: Retry | None = Field(default=None, description="Absent: what fails has failed.")
    timeout: DurationS | None = Field(
        default=None, gt=0, description="Time limit of this operation; absent: that of the workload."
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
# Of an open loop every Locust user stands for an equal part of the highest rate: a shape moves in such steps.
RATE_PARTS = 200


_NOT_OF_THE_MIX = {"operations", "duration", "warmup", "extend", "flows", "invariants"}


class Workload(SpecModel):
    """Who does what how often.

    Closed loop: a user waits `think_time` between an operation's end and the next. Open loop, with `rate`: operations
    are due by the clock, whether or not the database keeps up.
    """

    users: Annotated[int, Field(gt=0, le=MOST_USERS)] = 20
    think_time: DurationS | tuple[DurationS, DurationS] = Field(
        default=(0.05, 0.15),
        description="Pause of a user between operations; two values are the bounds of a uniform draw.",
    )
    rate: RatePerS | None = Field(
        default=None, description="Open loop: operations that are due per second, in place of users and think_time."
    )
    arrivals: Literal["poisson", "constant"] = Field(
        default="poisson",
        description="Open loop: independent arrivals, as from many users, or one after another at equal distances.",
    )
    shape: Shape | None = Field(
        default=None, description="How users or rate change over the measured window; absent: not at all."
    )
    ramp: DurationS = Field(default=1.0, description="Time over which the users arrive.")
    warmup: DurationS = Field(default=3.0, description="Time under load before the measured window.")
    duration: DurationS = Field(default=15.0, gt=0, description="Length of the measured window.")
    extend: bool = Field(
        default=True,
        description="Let the measured window go on for as long again, once, where nothing but its length keeps it from"
        " a verdict; a window with a shape is never prolonged.",
    )
    connections: PositiveInt = Field(default=8, description="Size of the connection pool, over all workers.")
    connection_mode: Literal["pool", "direct"] = Field(
        default="pool",
        description="pool: connections stay open; direct: each operation opens one of its own, at most `connections` at"
        " a time.",
    )
    workers: PositiveInt = Field(default=1, description="Driver processes.")
    timeout: DurationS = Field(
        default=10.0,
        gt=0,
        description="Time limit of an operation that states none; in an open loop also how long one may wait for a"
        " connection.",
    )
    verify: ShareOf = Field(
        default=0.0,
        description="Share of the reads by a key that are compared with the dataset, value by value; above 0 every"
        " acknowledged insert is looked up after the load, too. Judged as the target `integrity`.",
    )
    flows: str = "flows.py"
    operations: dict[str, Operation] = {}
    invariants: dict[str, Invariant] = Field(
        default={}, description="By name, what has to hold after the load; judged as the target `integrity`."
    )

    @property
    def is_open(self) -> bool:
        """Whether operations are due by the clock."""
        return self.rate is not None

    @property
    def may_extend(self) -> bool:
        """Whether the window may be looked at twice."""
        return self.extend and self.shape is None

    @property
    def drain_limit_s(self) -> float:
        """How long it can take until nothing is executed any more: what was due in time may wait, then run."""
        return self.longest_timeout_s * (2 if self.is_open else 1)

    @property
    def timeouts_s(self) -> list[float]:
        """The time limit of each operation, in their order."""
        return [item.timeout or self.timeout for item in self.operations.values()]

    @property
    def longest_timeout_s(self) -> float:
        """The longest time limit that any operation has."""
        return max(self.timeouts_s, default=self.timeout)

    @property
    def think_time_s(self) -> tuple[float, float]:
        """Bounds of the think time."""
        return self.think_time if isinstance(self.think_time, tuple) else (self.think_time, self.think_time)

    @property
    def mix_fingerprint(self) -> str:
        """Equal where as many do the same as often: not for how long, nor in which words of SQL."""
        said = self.model_dump(mode="json", exclude_defaults=True, exclude=_NOT_OF_THE_MIX)
        operations = [[name, item.kind, item.weight, item.isolation] for name, item in self.operations.items()]
        text = json.dumps([said, operations], sort_keys=True)
        return hashlib.blake2b(text.encode(), digest_size=6).hexdigest()

    @property
    def base_level(self) -> float:
        """Users of a closed loop, operations per second of an open one, before any shape."""
        return self.rate if self.rate is not None else float(self.users)

    @property
    def levels(self) -> list[tuple[float, float]]:
        """Corners (s, level) of the measured window; linear between them."""
        if self.shape is None:
            return [(0.0, self.base_level)]
        return self.shape.points(self.duration, self.base_level)

    @property
    def peak_level(self) -> float:
        """The highest level of the window."""
        return max(level for _, level in self.levels)

    def population(self, level: float) -> int:
        """Locust users at a level: the users of a closed loop, equal parts of an open one's highest rate."""
        return round(level if not self.is_open else level / self.peak_level * RATE_PARTS)

    @property
    def asked_rate_per_s(self) -> float | None:
        """What is offered per second of the window, had every answer come at once; None: as much as is taken."""
        mean = mean_level(self.levels, self.duration)
        if self.is_open:
            return mean
        mean_think_s = sum(self.think_time_s) / 2
        return mean / mean_think_s if mean_think_s else None

    @model_validator(mode="after")
    def _think_time_is_ordered(self) -> Workload:
        low, high = self.think_time_s
        if low > high:
            raise ValueError(f"has think_time in the wrong order: {low:g} s > {high:g} s")
        return self

    @model_validator(mode="after")
    def _is_open_or_closed(self) -> Workload:
        said = sorted({"users", "think_time"} & self.model_fields_set)
        if self.rate is not None and said:
            raise ValueError(f"has rate and {' and '.join(said)}, which exclude each other: clock or users")
        if self.rate is None and "arrivals" in self.model_fields_set:
            raise ValueError("has arrivals without rate; users come back after their think_time")
        if self.rate is None and self.shape is not None and self.peak_level > MOST_USERS:
            raise ValueError(f"has a shape of {self.peak_level:,.0f} users; at most {MOST_USERS:,} are possible")
        return self
