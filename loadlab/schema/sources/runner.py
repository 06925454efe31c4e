"""The user's own project, asked for its tables in a process of its own.

Run as a script (`python -P runner.py`), with a job as JSON on standard input; it imports nothing of LoadLab. The
answer is written as JSON into the file that the job names: whatever the project prints does not get mixed up with it.
A process of its own, because a project's import may change anything: threads, signals, logging, other libraries.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from argparse import Namespace
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypedDict

if TYPE_CHECKING:
    from sqlalchemy import MetaData
    from sqlalchemy.engine import Dialect
    from sqlalchemy.sql.ddl import ExecutableDDLElement


class Job(TypedDict):
    """What is asked for. `url` is the scratch database as SQLAlchemy names it, `database` as Django's settings do."""

    kind: str
    reference: str
    paths: list[str]
    url: str
    database: dict[str, Any]
    answer: str


class Answer(TypedDict, total=False):
    """`ddl` is the text of the tables, where no database holds them; `bookkeeping` the tables of the migration tool.

    A table is [schema or "", name]. `values` are [schema, table, column, values] of columns that the models restrict
    and the database does not; `rows` are [schema, table, rows by column] that the framework itself writes, a foreign
    key as the number of the parent's row from 0. `error` is the one line that tells what went wrong, `missing` the
    module that could not be imported.
    """

    ddl: str
    bookkeeping: list[list[str]]
    values: list[list[Any]]
    rows: list[list[Any]]
    error: str
    missing: str


class _Refused(Exception):
    """The project's words are wrong; the message is for the user."""


# -- SQLAlchemy and SQLModel -----------------------------------------------------------------------------------------


def _sqlalchemy(job: Job) -> Answer:
    from sqlalchemy import create_mock_engine
    from sqlalchemy.schema import CreateIndex, CreateSchema

    metadata = _metadata(job["reference"])
    if not metadata.tables:
        raise _Refused("has no tables; name the modules that define them before it: package.orders,package.base:Base")
    texts: list[str] = []
    # Where the indexes that are made one after the other begin: SQLAlchemy takes them from a set, in any order.
    run = 0

    def note(element: ExecutableDDLElement | str, *_: object, **__: object) -> None:
        nonlocal run
        texts.append(element if isinstance(element, str) else str(element.compile(dialect=dialect)).strip())
        if isinstance(element, CreateIndex):
            texts[run:] = sorted(texts[run:])
        else:
            run = len(texts)

    # With the driver's own style of parameters, every % of a CHECK or a default would come out doubled.
    mock = create_mock_engine(job["url"], note, paramstyle="named")
    dialect: Dialect = mock.dialect
    metadata.create_all(mock, checkfirst=False)
    missing = sorted({table.schema for table in metadata.tables.values() if table.schema})
    schemas = [str(CreateSchema(name, if_not_exists=True).compile(dialect=dialect)) for name in missing]
    ddl = "".join(f"{text.rstrip().rstrip(';')};\n\n" for text in [*schemas, *texts])
    return {"ddl": ddl, "values": _enum_values(metadata)}


def _enum_values(metadata: MetaData) -> list[list[Any]]:
    """What the columns with an Enum of Python hold, of which the database may see a text alone."""
    from sqlalchemy import Enum, TypeDecorator

    found: list[list[Any]] = []
    for table in metadata.tables.values():
        for column in table.columns:
            kind: object = column.type
            while isinstance(kind, TypeDecorator):
                kind = kind.impl_instance
            if isinstance(kind, Enum):
                found.append([table.schema or "", table.name, column.name, list(kind.enums)])
    return found


def _metadata(reference: str) -> MetaData:
    """`package.orders,package.module:Base.metadata`: every module is imported, the name is looked up in the last."""
    modules, _, attribute = reference.partition(":")
    module = [import_module(name.strip()) for name in modules.split(",")][-1]
    if attribute:
        found: object = module
        for name in attribute.split("."):
            if not hasattr(found, name):
                raise _Refused(f"names {attribute}, and {getattr(found, '__name__', found)} has no {name}")
            found = getattr(found, name)
        return _as_metadata(found, attribute)
    for name in ("metadata", "Base", "SQLModel", "db"):
        if hasattr(module, name):
            return _as_metadata(getattr(module, name), name)
    raise _Refused(f"does not say where in {module.__name__} the tables are; write {modules}:Base.metadata")


def _as_metadata(found: object, name: str) -> MetaData:
    from sqlalchemy import MetaData

    for candidate in (found, getattr(found, "metadata", None)):
        if isinstance(candidate, MetaData):
            return candidate
    if callable(found) and not isinstance(found, type):
        made = found()
        for candidate in (made, getattr(made, "metadata", None)):
            if isinstance(candidate, MetaData):
                return candidate
    raise _Refused(f"names {name}, which is neither a MetaData nor has one; name e.g. Base.metadata")


# -- Alembic ---------------------------------------------------------------------------------------------------------


def _alembic(job: Job) -> Answer:
    from alembic import command
    from alembic.config import Config
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    bookkeeping: set[tuple[str, str]] = set()
    values: list[list[Any]] = []
    run_migrations = MigrationContext.run_migrations

    def run_and_note(self: MigrationContext, **options: Any) -> None:
        bookkeeping.add((self.version_table_schema or "", self.version_table))
        models = self.opts.get("target_metadata")
        for metadata in models if isinstance(models, (list, tuple)) else [models]:
            values.extend(_enum_values(metadata) if metadata is not None else ())
        run_migrations(self, **options)

    MigrationContext.run_migrations = run_and_note  # type: ignore[method-assign]
    event.listen(Engine, "do_connect", _redirected(job["url"]))
    words = [f"{name}={job['url']}" for name in ("url", "db_url", "dburl", "database_url", "sqlalchemy.url")]
    config = Config(job["reference"], cmd_opts=Namespace(x=words))
    # A % begins an interpolation in an ini file.
    config.set_main_option("sqlalchemy.url", job["url"].replace("%", "%%"))
    command.upgrade(config, "heads")
    return {"bookkeeping": [list(table) for table in sorted(bookkeeping)], "values": values}


def _redirected(url: str) -> Callable[[Dialect, object, list[Any], dict[str, Any]], None]:
    """Every connection of the project goes to the scratch database, wherever its env.py takes an address from."""
    from sqlalchemy.engine import make_url

    scratch = make_url(url)

    def connect(dialect: Dialect, _: object, arguments: list[Any], options: dict[str, Any]) -> None:
        if dialect.name != scratch.get_backend_name():
            raise _Refused(
                f"connects to a {dialect.name} database where a {scratch.get_backend_name()} one is to be filled;"
                ' have its env.py take config.get_main_option("sqlalchemy.url") or the environment\'s DATABASE_URL'
            )
        given, more = dialect.create_connect_args(scratch.set(drivername=f"{dialect.name}+{dialect.driver}"))
        arguments[:] = given
        options.clear()
        options.update(more)

    return connect


# -- Django ----------------------------------------------------------------------------------------------------------


def _django(job: Job) -> Answer:
    import django
    from django.conf import settings
    from django.core.management import call_command

    os.environ["DJANGO_SETTINGS_MODULE"] = job["reference"]
    # Before the set-up, so that nothing has looked at the project's own addresses; routers may name every alias.
    settings.DATABASES = {name: dict(job["database"]) for name in {"default", *settings.DATABASES}}
    django.setup()
    from django.db.migrations.recorder import MigrationRecorder

    # Apps without migrations get their tables from the models, as they do in Django's own tests.
    call_command("migrate", verbosity=0, interactive=False, run_syncdb=True)
    return {
        "bookkeeping": [["", MigrationRecorder.Migration._meta.db_table]],
        "values": _choices(),
        "rows": _own_rows(),
    }


def _choices() -> list[list[Any]]:
    """The choices of all models' fields, which Django keeps to itself."""
    from django.apps import apps

    found: list[list[Any]] = []
    for model in apps.get_models(include_auto_created=True):
        for field in model._meta.local_concrete_fields:
            # The empty choice is what a form shows before anything was chosen.
            values = [value for value, _ in field.flatchoices or () if value not in (None, "")]
            if values and all(isinstance(value, (str, int, float)) for value in values):
                found.append([*_django_table(model), field.column, [_plain(value) for value in values]])
    return found


def _plain(value: Any) -> Any:
    """A member of an enumeration of choices as the plain value that is stored."""
    return next((kind(value) for kind in (bool, int, float, str) if isinstance(value, kind)), value)


def _django_table(model: Any) -> tuple[str, str]:
    """Schema and table, also where a model says both at once: `"billing"."invoices"`."""
    schema, dot, name = str(model._meta.db_table).strip('"').rpartition('"."')
    return (schema if dot else ""), name


def _own_rows() -> list[list[Any]]:
    """What `migrate` itself writes behind the migrations and applications rely on: content types, permissions, sites.

    Content types and permissions in the order of their names, numbered from 1: the same wherever they are read.
    """
    from django.apps import apps

    found: list[list[Any]] = []
    types: dict[Any, int] = {}
    if apps.is_installed("django.contrib.contenttypes"):
        model = apps.get_model("contenttypes", "ContentType")
        kinds = list(model._base_manager.order_by("app_label", "model"))
        types = {kind.pk: number for number, kind in enumerate(kinds)}
        rows = [{"id": n, "app_label": kind.app_label, "model": kind.model} for n, kind in enumerate(kinds, 1)]
        found.append([*_django_table(model), rows])
    if apps.is_installed("django.contrib.auth"):
        model = apps.get_model("auth", "Permission")
        permissions = sorted(model._base_manager.all(), key=lambda p: (types.get(p.content_type_id, 0), p.codename))
        rows = [
            {"id": n, "name": p.name, "content_type_id": types[p.content_type_id], "codename": p.codename}
            for n, p in enumerate(permissions, 1)
        ]
        found.append([*_django_table(model), rows])
    if apps.is_installed("django.contrib.sites"):
        model = apps.get_model("sites", "Site")
        sites = model._base_manager.order_by("pk")
        found.append([*_django_table(model), [{"id": s.pk, "domain": s.domain, "name": s.name} for s in sites]])
    return [[schema, name, rows] for schema, name, rows in found if rows]


# -- the process -----------------------------------------------------------------------------------------------------

_KINDS: dict[str, Callable[[Job], Answer]] = {"sqlalchemy": _sqlalchemy, "alembic": _alembic, "django": _django}


def main() -> int:
    """Read the job, do it, write the answer; 1 when the project could not be asked."""
    job: Job = json.load(sys.stdin)
    sys.path[:0] = [path for path in job["paths"] if path not in sys.path]
    answer: Answer
    try:
        answer = _KINDS[job["kind"]](job)
    except _Refused as error:
        answer = {"error": str(error)}
    # SystemExit too: a module may end the process when it is imported without its settings.
    except BaseException as error:
        traceback.print_exc()
        answer = {"error": _in_one_line(error)}
        if isinstance(error, ModuleNotFoundError) and error.name:
            answer["missing"] = error.name
    Path(job["answer"]).write_text(json.dumps(answer), encoding="utf-8")
    return 1 if "error" in answer else 0


def _in_one_line(error: BaseException) -> str:
    """The exception and the innermost line of the project itself, not of a library, that led to it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, _Refused):
            return str(cause)
        cause = cause.__cause__ or cause.__context__
    kind = type(error).__name__
    message = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
    said = f"{kind}: {message}" if message else kind
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if _is_the_projects(frame.filename)]
    if not frames:
        return said
    return f"{said} ({Path(frames[-1].filename).name}, line {frames[-1].lineno})"


def _is_the_projects(filename: str) -> bool:
    libraries = (sys.prefix, sys.base_prefix, str(Path(os.__file__).parent))
    if filename == __file__ or filename.startswith("<"):
        return False
    return "site-packages" not in filename and not filename.startswith(libraries)


if __name__ == "__main__":
    sys.exit(main())
