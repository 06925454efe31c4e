"""Operations in no engine's words: a row, a list, a join, a report, a search, and what changes rows.

A form says which rows are meant and where the values come from; an engine writes it in its own language
(`loadlab.engines.abilities.CanRenderOperations`), with the parameters named as `parameters()` names them. Nothing here
is SQL: the only expression is `{add: 1}`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Discriminator, Field, PositiveInt, Tag, model_validator

from loadlab.spec.base import SpecModel
from loadlab.spec.native import PerEngineText, as_text
from loadlab.spec.parameters import ColumnParameter, OrText, Parameter, Pick, TimeParameter, ValueParameter
from loadlab.spec.statement import Statement

OperationKind = Literal["simple", "complex", "report", "write"]
ReadPick = Literal["uniform", "zipf", "latest"]
BucketUnit = Literal["minute", "hour", "day", "week", "month"]
Constant = str | int | float | bool


def _one_or_more(value: object) -> object:
    return [value] if isinstance(value, str) else value


Names = Annotated[list[str], BeforeValidator(_one_or_more), Field(min_length=1), OrText("a single name")]
"""Names of columns; a single one may stand alone."""


# -- conditions ------------------------------------------------------------------------------------------------------


class Span(SpecModel):
    """From one value on (itself included), below another; one end may be open."""

    from_: Parameter | None = Field(default=None, alias="from")
    below: Parameter | None = None

    @model_validator(mode="after")
    def _has_an_end(self) -> Span:
        if self.from_ is None and self.below is None:
            raise ValueError("needs from, below or both")
        return self


class OneOf(SpecModel):
    """One of some constants."""

    in_: list[Constant] = Field(alias="in", min_length=1)


class Nullness(SpecModel):
    """NULL, or not."""

    is_null: bool


def _condition_tag(value: object) -> str:
    if isinstance(value, dict):
        if {"from", "from_", "below"} & value.keys():
            return "Span"
        return "OneOf" if {"in", "in_"} & value.keys() else "Nullness" if "is_null" in value else "Equal"
    return type(value).__name__ if isinstance(value, (Span, OneOf, Nullness)) else "Equal"


_SOURCES = {"column", "value", "choice", "between", "ago"}


def _says_something(known: set[str], forms: str) -> BeforeValidator:
    """A mapping without any known key is told what it could be; the parts of the union cannot know that."""

    def check(value: object) -> object:
        if isinstance(value, dict) and not known & value.keys():
            raise ValueError(f"has {', '.join(map(str, value)) or 'nothing'}; it must have {forms}")
        return value

    return BeforeValidator(check)


Condition = Annotated[
    Annotated[Span, Tag("Span")]
    | Annotated[OneOf, Tag("OneOf")]
    | Annotated[Nullness, Tag("Nullness")]
    | Annotated[Parameter, Tag("Equal")],
    Discriminator(_condition_tag),
    _says_something(
        _SOURCES | {"from", "from_", "below", "in", "in_", "is_null"},
        "from and below, in, is_null, or the source of a value (column, value, choice, between, ago)",
    ),
]
"""What a column must be: equal to a parameter, in a span, one of some values, NULL or not."""


class Addition(SpecModel):
    """The column's own value and a number more (or less)."""

    add: int | float


class Drawn(SpecModel):
    """A value as the column has it in another row of the dataset."""

    drawn: Literal[True]


def _assignment_tag(value: object) -> str:
    if value == "drawn" or isinstance(value, Drawn) or (isinstance(value, dict) and "drawn" in value):
        return "Drawn"
    return "Addition" if isinstance(value, Addition) or (isinstance(value, dict) and "add" in value) else "Given"


def _drawn(value: object) -> object:
    return {"drawn": True} if value == "drawn" else value


Assignment = Annotated[
    Annotated[Drawn, Tag("Drawn")] | Annotated[Addition, Tag("Addition")] | Annotated[Parameter, Tag("Given")],
    Discriminator(_assignment_tag),
    _says_something(_SOURCES | {"add", "drawn"}, "add, or the source of a value (column, value, choice, between, ago)"),
    BeforeValidator(_drawn),
    OrText("drawn: a value of another row"),
]


# -- forms -----------------------------------------------------------------------------------------------------------


class _OfTable(SpecModel):
    """Rows of one table: `by` names columns that are as in a known row of it, which `pick` draws."""

    form: ClassVar[str]
    kind: ClassVar[OperationKind]
    table: str = Field(min_length=1)
    by: Names | None = Field(default=None, description="Columns that are as in a known row of the table.")
    pick: ReadPick | None = Field(default=None, description="How the known row is drawn: uniform unless said.")
    exponent: float = Field(default=0.99, gt=0, le=5, description="Exponent of zipf and latest.")

    def known(self, column: str) -> ColumnParameter:
        """The value of the known row in a column."""
        return ColumnParameter(column=f"{self.table}.{column}", pick=self.pick, exponent=self.exponent)

    def parameters(self) -> dict[str, Parameter]:
        """By name; of a form whose defaults are filled in. Raises ValueError when two have the same name."""
        return _merged({column: self.known(column) for column in self.by or ()}, self._more())

    def _more(self) -> dict[str, Parameter]:
        return {}


class _Selecting(_OfTable):
    where: dict[str, Condition] = Field(default={}, description="Further conditions, by column.")

    def _more(self) -> dict[str, Parameter]:
        result: dict[str, Parameter] = {}
        for column, condition in self.where.items():
            if isinstance(condition, Span):
                ends = {from_name(column): condition.from_, below_name(column): condition.below}
                result |= {name: end for name, end in ends.items() if end is not None}
            elif not isinstance(condition, (OneOf, Nullness, ValueParameter)):
                result[column] = condition
        return result


class Lookup(_OfTable):
    """One row by its primary key, or by a unique key."""

    form = "lookup"
    kind = "simple"
    columns: Names | None = Field(default=None, description="Columns that are returned; all unless said.")


class RowList(_Selecting):
    """Rows in an order, a page of them: the first one, or the one behind a known row (keyset pagination)."""

    form = "list"
    kind = "complex"
    columns: Names | None = Field(default=None, description="Columns that are returned; all unless said.")
    sort: Names | None = Field(default=None, description="Columns; with - before the name descending.")
    limit: PositiveInt = 20
    after: bool = Field(default=False, description="Begin behind the known row, in the order of `sort`.")

    @model_validator(mode="after")
    def _has_an_order_to_follow(self) -> RowList:
        if self.after and not self.sort:
            raise ValueError("has after without a sort, whose order says what lies behind a row")
        return self

    def _more(self) -> dict[str, Parameter]:
        behind = [column for column, _ in sort_keys(self.sort)] if self.after else []
        return _merged(super()._more(), {after_name(column): self.known(column) for column in behind})


class Join(_Selecting):
    """Rows with what belongs to them, along foreign keys.

    `along` names foreign keys as `TABLE.COLUMN` (several columns joined by `,`; without a table, of this one): from a
    table that is joined already to the parent, or to the table as children of one that is.
    """

    form = "join"
    kind = "complex"
    along: Names
    columns: Names | None = Field(default=None, description="`COLUMN` or `TABLE.COLUMN`; all unless said.")
    sort: Names | None = Field(default=None, description="Columns of this table; with - before the name descending.")
    limit: PositiveInt | None = None


class Bucket(SpecModel):
    """Rows by when they were: the beginning of the minute, hour, day, week or month of a time."""

    column: str
    by: BucketUnit = "day"


class Report(_Selecting):
    """Rows counted and added up, by a bucket of time, by categories, or both."""

    form = "report"
    kind = "report"
    bucket: Bucket | None = None
    group: Names | None = None
    count: bool = True
    sum: Names | None = None
    limit: PositiveInt | None = None

    @model_validator(mode="after")
    def _computes_something(self) -> Report:
        if not self.count and not self.sum:
            raise ValueError("computes nothing; it needs count: true or sum")
        return self


class Search(_Selecting):
    """Rows that an index of the engine finds by content: words of a text, a part of a document, a near vector."""

    form = "search"
    kind = "complex"
    text: str | None = Field(default=None, description="A column with full-text or trigram search.")
    contains: str | None = Field(default=None, description="A document or an array that contains what is looked for.")
    near: str | None = Field(default=None, description="A vector whose nearest neighbours are looked for.")
    for_: Parameter | None = Field(
        default=None, alias="for", description="What is looked for; as the column of a known row unless said."
    )
    columns: Names | None = Field(default=None, description="Columns that are returned; all unless said.")
    limit: PositiveInt = 20

    @model_validator(mode="after")
    def _is_one_search(self) -> Search:
        given = [name for name in ("text", "contains", "near") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError(f"must have exactly one of text, contains, near; it has {' and '.join(given) or 'none'}")
        return self

    @property
    def how(self) -> Literal["text", "contains", "near"]:
        return "text" if self.text is not None else "contains" if self.contains is not None else "near"

    @property
    def column(self) -> str:
        return self.text or self.contains or self.near or ""

    def _more(self) -> dict[str, Parameter]:
        wanted = self.for_ if self.for_ is not None else self.known(self.column)
        return _merged(super()._more(), {SEARCHED: wanted})


class Update(_OfTable):
    """Columns of a row, by its key, set to new values."""

    form = "update"
    kind = "write"
    set: dict[str, Assignment] = Field(min_length=1, description="New values by column.")

    def _more(self) -> dict[str, Parameter]:
        result: dict[str, Parameter] = {}
        for column, value in self.set.items():
            if isinstance(value, Drawn):
                result[set_name(column)] = ColumnParameter(column=f"{self.table}.{column}", row="drawn")
            elif not isinstance(value, Addition):
                result[set_name(column)] = value
        return result


class Delete(_OfTable):
    """A row by its key; with `soft`, its time of deletion is set and the row stays."""

    form = "delete"
    kind = "write"
    soft: str | None = Field(default=None, description="Column of the time at which the row was deleted.")

    def _more(self) -> dict[str, Parameter]:
        return {} if self.soft is None else {set_name(self.soft): TimeParameter(ago=0)}


Form = Lookup | RowList | Join | Report | Search | Update | Delete
SEARCHED = "searched"


def from_name(column: str) -> str:
    """The parameter of a span's lower end."""
    return f"from_{column}"


def below_name(column: str) -> str:
    """The parameter of a span's upper end."""
    return f"below_{column}"


def after_name(column: str) -> str:
    """The parameter of the known row that a page begins behind."""
    return f"after_{column}"


def set_name(column: str) -> str:
    """The parameter of a new value."""
    return f"set_{column}"


def sort_keys(sort: list[str] | None) -> list[tuple[str, bool]]:
    """(column, whether descending) of each sort key."""
    return [(item.removeprefix("-"), item.startswith("-")) for item in sort or ()]


def _merged(*parts: Mapping[str, Parameter]) -> dict[str, Parameter]:
    result: dict[str, Parameter] = {}
    for part in parts:
        twice = result.keys() & part.keys()
        if twice:
            raise ValueError(f"has two values for {sorted(twice)[0]}")
        result |= part
    return result


# -- what an operation is made of ------------------------------------------------------------------------------------

_WRITES = ("insert", "update", "delete")


def _whole(value: object) -> object:
    """A bare table's name is short for `{table: …}`."""
    return {"table": value} if isinstance(value, str) else value


_TABLE_ALONE = OrText("a table's name, short for {table: …}")


class Action(SpecModel):
    """One statement: native text, an insert, or a form that every engine writes in its own words."""

    sql: PerEngineText | None = Field(
        default=None, description="Native text with :named parameters, or one for each engine."
    )
    insert: str | None = Field(default=None, description="Table into which a row from beyond the dataset is inserted.")
    lookup: Annotated[Lookup | None, BeforeValidator(_whole), _TABLE_ALONE] = None
    list_: Annotated[RowList | None, BeforeValidator(_whole), _TABLE_ALONE] = Field(default=None, alias="list")
    join: Join | None = None
    report: Report | None = None
    search: Search | None = None
    update: Update | None = None
    delete: Annotated[Delete | None, BeforeValidator(_whole), _TABLE_ALONE] = None
    params: dict[str, Parameter] = {}

    forms: ClassVar[tuple[str, ...]] = (
        "sql", "insert", "lookup", "list", "join", "report", "search", "update", "delete",
    )  # fmt: skip

    @property
    def form(self) -> Form | None:
        """The neutral form, None where it is native text, an insert or something else."""
        return next((item for name in Action.forms[2:] if (item := self._given(name)) is not None), None)

    def texts(self) -> list[str]:
        """Every native text."""
        if self.sql is None:
            return []
        return [self.sql] if isinstance(self.sql, str) else list(self.sql.values())

    @property
    def changes_data(self) -> bool:
        """Whether it writes, by its form or the text's keywords."""
        if self.insert is not None or isinstance(self.form, (Update, Delete)):
            return True
        return any(Statement.parse(text).is_write for text in self.texts())

    def _given(self, name: str) -> Any:
        return getattr(self, "list_" if name == "list" else name, None)

    @model_validator(mode="after")
    def _is_one_thing(self) -> Action:
        given = [name for name in self.forms if self._given(name) is not None]
        if len(given) != 1:
            names = f"{', '.join(self.forms[:-1])} and {self.forms[-1]}"
            raise ValueError(f"must have exactly one of {names}; it has {' and '.join(given) or 'none'}")
        if self.params and (self.form is not None or given[0] == "transaction"):
            raise ValueError(f"is a {given[0]}, whose values stand in it; params belong to sql and insert")
        self._check_form()
        return self

    def _check_form(self) -> None:
        if self.form is not None:
            self.form.parameters()
        for text in self.texts():
            used = set(Statement.parse(text).names)
            for name in sorted(used - set(self.params)):
                raise ValueError(f"uses the parameter :{name}, which params does not list")
            for name in sorted(set(self.params) - used):
                raise ValueError(f"lists the parameter {name}, which its sql does not use")


class Step(Action):
    """One statement of a transaction.

    `row` is the label of the new row of an insert, for parameters of other steps; the second insert into a table has
    the label "2" unless it states one.
    """

    row: str | None = Field(default=None, description="Label of an insert's new row.")

    @model_validator(mode="after")
    def _labels_an_insert(self) -> Step:
        if self.row is not None and self.insert is None:
            raise ValueError("has a row label without an insert")
        return self


def labelled(steps: list[Step]) -> list[Step]:
    """The steps with a label for every insert, the same as no other's of the table. Raises ValueError."""
    seen: dict[str, list[str]] = {}
    result = []
    for step in steps:
        if step.insert is None:
            result.append(step)
            continue
        labels = seen.setdefault(step.insert, [])
        label = step.row if step.row is not None else "" if not labels else str(len(labels) + 1)
        if label in labels:
            raise ValueError(f"inserts the row {label!r} of {step.insert} twice; give one of them another row label")
        labels.append(label)
        result.append(step.model_copy(update={"row": label}))
    return result


def kind_of(form: str, steps: object) -> OperationKind | None:
    """The kind that a form implies; None for native text and flows, whose kind must be stated."""
    by_form: dict[str, OperationKind] = {
        "lookup": "simple", "list": "complex", "join": "complex", "search": "complex", "report": "report",
    }  # fmt: skip
    if form == "transaction":
        return "write" if _any_writes(steps) else "complex"
    return "write" if form in _WRITES else by_form.get(form)


def _any_writes(steps: object) -> bool:
    for step in steps if isinstance(steps, (list, tuple)) else ():
        if isinstance(step, Action):
            if step.changes_data:
                return True
        elif isinstance(step, dict):
            texts = step.get("sql") or ()
            texts = [texts] if isinstance(texts, str) else texts.values() if isinstance(texts, dict) else ()
            if set(_WRITES) & step.keys() or any(Statement.parse(str(as_text(text))).is_write for text in texts):
                return True
    return False


__all__ = [
    "SEARCHED", "Action", "Addition", "Assignment", "Bucket", "BucketUnit", "Condition", "Delete", "Drawn", "Form",
    "Join", "Lookup", "Nullness", "OneOf", "OperationKind", "Pick", "Report", "RowList", "Search", "Span", "Step",
    "Update", "after_name", "below_name", "from_name", "kind_of", "labelled", "set_name", "sort_keys",
]  # fmt: skip
