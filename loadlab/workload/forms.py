"""The neutral forms of operations against a schema: checked, their defaults filled in, their parameters listed."""

from __future__ import annotations

import datetime as dt
import difflib
from collections.abc import Callable, Iterable, Sequence

from loadlab.engines.abilities import CanRenderOperations
from loadlab.engines.protocol import Engine
from loadlab.errors import InputError
from loadlab.schema.joins import links, split_name
from loadlab.schema.model import Column, LogicalType, Schema, Table
from loadlab.spec.operations import (
    Addition,
    Condition,
    Delete,
    Drawn,
    Form,
    Join,
    Lookup,
    Nullness,
    OneOf,
    Report,
    RowList,
    Search,
    Span,
    Update,
    sort_keys,
)
from loadlab.spec.parameters import (
    ChoiceParameter,
    ColumnParameter,
    Parameter,
    RangeParameter,
    TimeParameter,
    ValueParameter,
)
from loadlab.spec.statement import Statement

Tables = Callable[[str], Table]
_NUMBERS = ("integer", "numeric", "float")
_MOMENTS = ("timestamp", "date")
_TEXTS = ("text", "enum", "uuid", "inet", "mac", "search_query", "label_path", "bits")
_SEARCHABLE = {
    "text": ("text", "search_vector"),
    "contains": ("json", "array", "map"),
    "near": ("vector",),
}


def form_statement(form: Form, engine: Engine, schema: Schema, place: str) -> Statement:
    """The statement of a form on an engine. Raises InputError with the place in the scenario."""
    checked = checked_form(form, schema, place)
    if not isinstance(engine, CanRenderOperations):
        raise InputError(f"{place}.{form.form}", f"is not possible on {engine.name}; write it as sql")
    try:
        return engine.operation_statement(checked, schema)
    except InputError as error:
        raise InputError(f"{place}.{error.place}", error.remedy, value=error.value) from None


def form_parameters(form: Form, tables: Tables) -> dict[str, Parameter]:
    """The parameters of a form that has been checked, by the names that its statement has for them."""
    return _completed(form, tables(form.table)).parameters()


def checked_form(form: Form, schema: Schema, place: str) -> Form:
    """The form with its defaults filled in. Raises InputError for what does not match the schema."""
    return _Check(schema, f"{place}.{form.form}").checked(form)


def _completed(form: Form, table: Table) -> Form:
    """A row's key is the primary key unless said; a join is of one row as well, unless it has conditions or a limit."""
    if form.by is not None or not table.primary_key:
        return form
    if isinstance(form, (Lookup, Update, Delete)) or (isinstance(form, Join) and not (form.where or form.limit)):
        return form.model_copy(update={"by": list(table.primary_key)})
    return form


class _Check:
    """Of one form; `place` is where it stands."""

    def __init__(self, schema: Schema, place: str) -> None:
        self._schema, self._place = schema, place

    def checked(self, form: Form) -> Form:
        table = self.table(form.table, "table")
        form = _completed(form, table)
        for name in form.by or ():
            self._stored(table, name, "by")
        self._check_key(form, table)
        if not isinstance(form, (Lookup, Update, Delete)):
            for name, condition in form.where.items():
                self._check_condition(table, name, condition)
        match form:
            case Lookup():
                self._columns(table, form.columns, "columns")
            case RowList():
                self._check_list(form, table)
            case Join():
                self._check_join(form, table)
            case Report():
                self._check_report(form, table)
            case Search():
                self._check_search(form, table)
            case Update():
                self._check_update(form, table)
            case Delete(soft=str(soft)):
                self._of_kind(self._stored(table, soft, "soft"), _MOMENTS, "soft", "a time")
        return form

    # Names ----------------------------------------------------------------------------------------------------------

    def table(self, key: str, where: str) -> Table:
        if self._schema.has(key):
            return self._schema.table(key)
        raise self._unknown("table", key, [table.key for table in self._schema], where)

    def column(self, table: Table, name: str, where: str) -> Column:
        if name in table.column_names:
            return table.column(name)
        raise self._unknown("column", name, table.column_names, where, of=table.key)

    def _unknown(self, what: str, name: str, known: Iterable[str], where: str, of: str = "") -> InputError:
        close = difflib.get_close_matches(name, known := list(known), n=1)
        hint = f"; did you mean {close[0]}?" if close else f"; {what}s: {', '.join(known)}"
        missing = f"which {of} does not have" if of else "which is not there"
        return InputError(f"{self._place}.{where}", f"names the {what} {name}, {missing}{hint}")

    def _columns(self, table: Table, names: Iterable[str] | None, where: str) -> None:
        for name in names or ():
            self.column(table, name, where)

    def _stored(self, table: Table, name: str, where: str) -> Column:
        column = self.column(table, name, where)
        if column.generated is not None:
            raise InputError(f"{self._place}.{where}", "names a column that the server computes", value=name)
        return column

    def _of_kind(self, column: Column, kinds: Sequence[str], where: str, what: str) -> None:
        if column.type.kind not in kinds:
            raise InputError(f"{self._place}.{where}", f"must be {what}, not {column.type.native}", value=column.name)

    # Keys and conditions --------------------------------------------------------------------------------------------

    def _check_key(self, form: Form, table: Table) -> None:
        if not isinstance(form, (Lookup, Update, Delete)):
            return
        keys = table.unique_keys
        if form.by is None:
            raise InputError(
                f"{self._place}.by", f"is missing, and {table.key} has no primary key; name the columns of a key"
            )
        # A partial or expression index may make them unique as well, which its author knows better.
        indexed = [index.keys for index in table.indexes if index.unique]
        if not any(set(key) <= set(form.by) for key in (*keys, *indexed)):
            known = "; ".join(", ".join(key) for key in keys) or "none"
            raise InputError(f"{self._place}.by", f"is no key of {table.key}; keys: {known}", value=", ".join(form.by))

    def _check_condition(self, table: Table, name: str, condition: Condition) -> None:
        where = f"where.{name}"
        column = self.column(table, name, where)
        if isinstance(condition, OneOf):
            for value in condition.in_:
                self._check_constant(column, value, where)
        elif isinstance(condition, Span):
            for end in (condition.from_, condition.below):
                if end is not None:
                    self.parameter(column, end, where)
        elif isinstance(condition, Nullness):
            if condition.is_null and not column.nullable:
                raise InputError(f"{self._place}.{where}", "asks for NULL in a column that is NOT NULL")
        else:
            if isinstance(condition, ValueParameter) and (condition.value is None or not _is_single(condition.value)):
                raise InputError(f"{self._place}.{where}", "must be a single value; for NULL write is_null: true")
            self.parameter(column, condition, where)

    def parameter(self, column: Column, item: Parameter, where: str) -> None:
        """Raises InputError for a value that the column cannot hold."""
        place = f"{self._place}.{where}"
        if isinstance(item, ColumnParameter):
            other = self._stored(self.table(item.table, where), item.column_name, where)
            if _family(other.type) != _family(column.type):
                raise InputError(
                    place, f"is {other.type.native}, but {column.name} is {column.type.native}", value=item.column
                )
        elif isinstance(item, ValueParameter):
            self._check_constant(column, item.value, where)
        elif isinstance(item, ChoiceParameter):
            for value in item.choice:
                self._check_constant(column, value, where)
        elif isinstance(item, RangeParameter):
            self._of_kind(column, _NUMBERS, where, "a number")
        elif isinstance(item, TimeParameter):
            self._of_kind(column, _MOMENTS, where, "a time")

    def _check_constant(self, column: Column, value: object, where: str) -> None:
        remedy = _misfit(value, column)
        if remedy:
            raise InputError(f"{self._place}.{where}", f"{remedy} ({column.name} is {column.type.native})", value=value)

    # Forms ----------------------------------------------------------------------------------------------------------

    def _check_list(self, form: RowList, table: Table) -> None:
        self._columns(table, form.columns, "columns")
        for name, _ in sort_keys(form.sort):
            column = self.column(table, name, "sort")
            if form.after and column.nullable:
                raise InputError(
                    f"{self._place}.sort",
                    "is nullable, so a page behind a known row would miss rows; sort by columns that are NOT NULL",
                    value=name,
                )
            if form.after:
                self._stored(table, name, "sort")

    def _check_join(self, form: Join, table: Table) -> None:
        try:
            joined = [table, *(link.new for link in links(table, self._schema, form.along))]
        except InputError as error:
            raise InputError(f"{self._place}.along", error.remedy, value=error.value) from None
        for item in form.columns or ():
            owner, name = split_name(item, table)
            found = next((other for other in joined if other.key == owner), None)
            if found is None:
                raise self._unknown("table", owner, [other.key for other in joined], "columns")
            self.column(found, name, "columns")
        for name, _ in sort_keys(form.sort):
            self.column(table, name, "sort")
        if form.by is None and not form.where and form.limit is None:
            raise InputError(self._place, f"would return all of {table.key}; state by, where or a limit")

    def _check_report(self, form: Report, table: Table) -> None:
        if form.bucket is not None:
            self._of_kind(self.column(table, form.bucket.column, "bucket"), _MOMENTS, "bucket", "a time")
        self._columns(table, form.group, "group")
        for name in form.sum or ():
            self._of_kind(self.column(table, name, "sum"), _NUMBERS, "sum", "a number")

    def _check_search(self, form: Search, table: Table) -> None:
        self._columns(table, form.columns, "columns")
        column = self.column(table, form.column, form.how)
        self._of_kind(column, _SEARCHABLE[form.how], form.how, f"one of {', '.join(_SEARCHABLE[form.how])}")
        if form.for_ is None:
            if column.type.kind == "search_vector":
                raise InputError(
                    f"{self._place}.for", "is missing: say whose words are looked for, e.g. a text column of the table"
                )
            self._stored(table, form.column, form.how)
        elif isinstance(form.for_, ColumnParameter):
            self._stored(self.table(form.for_.table, "for"), form.for_.column_name, "for")

    def _check_update(self, form: Update, table: Table) -> None:
        for name, value in form.set.items():
            column = self._stored(table, name, f"set.{name}")
            if isinstance(value, Addition):
                self._of_kind(column, _NUMBERS, f"set.{name}", "a number")
            elif not isinstance(value, Drawn):
                self.parameter(column, value, f"set.{name}")


def _family(kind: LogicalType) -> str:
    """Types whose values compare with each other."""
    if kind.kind in _NUMBERS:
        return "number"
    if kind.kind in _MOMENTS:
        return "moment"
    return "text" if kind.kind in ("text", "enum") else kind.kind


def _misfit(value: object, column: Column) -> str:
    """What a constant must be for the column; "" when it fits."""
    kind = column.type.kind
    if value is None:
        return "" if column.nullable else "must not be null"
    if kind in _NUMBERS:
        fits = isinstance(value, int if kind == "integer" else (int, float)) and not isinstance(value, bool)
        return "" if fits else "must be a whole number" if kind == "integer" else "must be a number"
    if kind == "boolean":
        return "" if isinstance(value, bool) else "must be true or false"
    if kind == "enum" and column.type.labels and value not in column.type.labels:
        close = difflib.get_close_matches(str(value), column.type.labels, n=1)
        return f"must be one of {', '.join(column.type.labels)}" if not close else f"must be a label; {close[0]}?"
    if kind in _MOMENTS:
        return "" if isinstance(value, str) and _is_moment(value) else "must be a time such as 2025-01-31"
    return "must be text" if kind in _TEXTS and not isinstance(value, str) else ""


def _is_single(value: object) -> bool:
    return not isinstance(value, (list, dict))


def _is_moment(text: str) -> bool:
    try:
        dt.datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
