"""Engines: one folder a kind of database. The registry, and the way from a URL to an open database.

Engines of other packages register themselves (`docs/adding-an-engine.md`): an opener by its URL scheme, which is the
engine's name, in the entry point group `loadlab.engines`, and how its tools read files in `loadlab.file_forms`.
"""

from __future__ import annotations

import re
from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

from loadlab.errors import InputError, MissingDependencyError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from loadlab.engines.abilities import FileForm, StatementLog
    from loadlab.engines.protocol import Engine

DEFAULT_URL = "embedded:"
URL_FORMS = "embedded: (temporary), embedded:DIR (kept), postgresql://…, mysql://…, mongodb://…, sqlite:///FILE"
# URL scheme → where the opener is: a callable that takes the URL and returns an open Engine.
_OPENERS = {
    "embedded": "loadlab.engines.embedded:open_embedded",
    "postgresql": "loadlab.engines.postgresql:open_postgresql",
    "postgres": "loadlab.engines.postgresql:open_postgresql",
    "mysql": "loadlab.engines.mysql:open_mysql",
    "mariadb": "loadlab.engines.mysql:open_mysql",
    "mongodb": "loadlab.engines.mongodb:open_mongodb",
    "sqlite": "loadlab.engines.sqlite:open_sqlite",
}
# Engine name → the URL of an empty database of that kind that disappears when closed, to read a DDL file with. That of
# an engine of another package is `NAME://`.
_SCRATCH = {"postgresql": "embedded:", "mysql": "mysql://", "mongodb": "mongodb://", "sqlite": "sqlite://"}
# What a Prisma schema calls the engines that can write its tables.
_PROVIDERS = {
    "postgresql": "postgresql",
    "sqlite": "sqlite",
    "mysql": "mysql",
    "postgres": "postgresql",
    "cockroachdb": "postgresql",
}
PROVIDERS = tuple(_PROVIDERS)
# Engine name → how its tools read values and statements from files.
_FILE_FORMS = {
    "postgresql": "loadlab.engines.postgresql.file_form:PostgresqlFileForm",
    "mysql": "loadlab.engines.mysql.file_form:MysqlFileForm",
    "sqlite": "loadlab.engines.sqlite.file_form:SqliteFileForm",
}
# Whose logs of statements can be read.
_STATEMENT_LOGS = ("loadlab.engines.postgresql.statement_log.reader:PostgresqlStatementLog",)
STATEMENT_LOG_FORMS = "PostgreSQL's csvlog or jsonlog"
HOW_TO_LOG = "log_destination = 'csvlog' or 'jsonlog', log_min_duration_statement = 0"
_ENGINES_GROUP, _FILE_FORMS_GROUP = "loadlab.engines", "loadlab.file_forms"
_PASSWORD_OF_USER = re.compile(r"^([a-z][a-z0-9+.-]*://[^:@/?#]*):.*@", re.IGNORECASE | re.DOTALL)
_PASSWORD_OPTION = re.compile(r"((?:^|[?&\s])(?:ssl)?passw(?:or)?d\s*=\s*)[^&\s]*", re.IGNORECASE)


def open_database(url: str) -> Engine:
    """Open a database by its URL.

    Raises InputError for a URL of no known kind, MissingDependencyError when a driver is not installed,
    UnreachableError when nobody answers.
    """
    scheme = url.partition(":")[0].partition("+")[0].lower()
    opener = _registered(scheme, _OPENERS, _ENGINES_GROUP)
    if opener is None:
        known = ", ".join(f"{item}:" for item in dict.fromkeys([*_OPENERS, *_others()]))
        raise InputError("--database", f"must begin with one of {known}", value=mask(url))
    engine: Engine = opener(url)
    return engine


def _others() -> list[str]:
    """The engines of other packages."""
    return [point.name for point in entry_points(group=_ENGINES_GROUP) if point.name not in _OPENERS]


def _registered(name: str, own: Mapping[str, str], group: str) -> Any:
    """What goes by a name: LoadLab's own first, so that no package takes its place; None where there is nothing.

    Raises MissingDependencyError for a package whose own cannot be imported.
    """
    if name in own:
        module, _, attribute = own[name].partition(":")
        return getattr(import_module(module), attribute)
    for point in entry_points(group=group, name=name):
        try:
            return point.load()
        except (ImportError, AttributeError) as error:
            package = point.dist.name if point.dist is not None else point.value
            raise MissingDependencyError(
                f"the engine {name} of the package {package} cannot be loaded ({error}); install it anew, with what it"
                " needs, or remove it"
            ) from error
    return None


def scratch_database(engine: str) -> Engine:
    """An empty database of the given kind that disappears when closed. Raises InputError when none can be had."""
    known = _SCRATCH if engine in _SCRATCH else _SCRATCH | {name: f"{name}://" for name in _others()}
    if engine not in known:
        raise InputError("schema", f"names the engine {engine}; known are {', '.join(known)}")
    return open_database(known[engine])


def is_bundled(engine: str) -> bool:
    """Whether LoadLab brings along a server of this kind, so that no address has to be named."""
    return _SCRATCH.get(engine) == DEFAULT_URL


def is_scratch(url: str) -> bool:
    """Whether every opening of this address is an empty database of its own."""
    return url in _SCRATCH.values() or url.endswith("://")


def engine_of_provider(provider: str) -> str | None:
    """The engine that a Prisma schema's `provider` means; None where none can write its tables."""
    return _PROVIDERS.get(provider)


def file_form(engine: str) -> FileForm:
    """How the tools of an engine read values and statements from files. Raises InputError for one that has no form."""
    made = _registered(engine, _FILE_FORMS, _FILE_FORMS_GROUP)
    if made is None:
        raise InputError("--format", f"cannot be text for {engine}; --format parquet needs no engine")
    form: FileForm = made()
    return form


def statement_log(path: Path) -> StatementLog:
    """What reads a log of statements. Raises InputError for a file that is none, or cannot be read."""
    if path.is_file() and not path.stat().st_size:
        raise InputError(str(path), "is empty")
    for place in _STATEMENT_LOGS:
        module, _, name = place.partition(":")
        found: StatementLog = getattr(import_module(module), name)()
        if found.reads(path):
            return found
    raise InputError(str(path), f"is no log that can be replayed: {STATEMENT_LOG_FORMS} is needed ({HOW_TO_LOG})")


def mask(url: str) -> str:
    """The URL without its passwords.

    It errs on the side of hiding: in a URL that holds an unescaped @ everything up to the last one goes.
    """
    hidden = _PASSWORD_OPTION.sub(r"\1***", url)
    return _PASSWORD_OF_USER.sub(r"\1:***@", hidden)
