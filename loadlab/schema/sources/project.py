"""Asking a Python project for its tables: the call of `runner.py`, its errors as the user reads them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from loadlab.errors import InputError, MissingDependencyError
from loadlab.spec.source import SchemaSource

_RUNNER = Path(__file__).with_name("runner.py")


@dataclass(frozen=True, slots=True)
class ScratchAddress:
    """An empty database that disappears afterwards, as SQLAlchemy, Django's settings and its own driver name it."""

    sqlalchemy_url: str
    django_settings: Mapping[str, Any]
    native_url: str


@dataclass(frozen=True, slots=True)
class ProjectAnswer:
    """`ddl` is empty where the tables were made in the database; `bookkeeping` are the migration tool's own tables,
    as (schema or "", name).

    `values` are those that the models let a column have, as (schema or "", table, column, values); `rows` those that
    the framework writes into a table of its own, as (schema or "", table, rows by column).
    """

    ddl: str
    bookkeeping: tuple[tuple[str, str], ...]
    values: tuple[tuple[str, str, str, tuple[Any, ...]], ...] = ()
    rows: tuple[tuple[str, str, tuple[Mapping[str, Any], ...]], ...] = ()


def ask_project(source: SchemaSource, scratch: ScratchAddress) -> ProjectAnswer:
    """Run a project's code for its tables: `sqlalchemy` gives a text, `django` and `alembic` make them in `scratch`.

    Raises InputError with what the project said, MissingDependencyError when its library is not installed.
    """
    if find_spec(source.kind) is None:
        raise MissingDependencyError(f"{source.name} needs {source.kind}: pip install 'loadlab[{source.kind}]'")
    is_file = source.is_file
    with tempfile.TemporaryDirectory(prefix="loadlab-") as folder:
        answer_file = Path(folder, "answer.json")
        said = _run(
            {
                "kind": source.kind,
                "reference": str(source.path.resolve()) if is_file else source.reference,
                "paths": _import_paths(source),
                "url": scratch.sqlalchemy_url,
                "database": dict(scratch.django_settings),
                "answer": str(answer_file),
            },
            # Where `alembic` is run: paths in its file may be relative to it.
            source.path.resolve().parent if is_file else Path.cwd(),
            scratch.native_url if source.kind == "django" else scratch.sqlalchemy_url,
        )
        answer = json.loads(answer_file.read_text(encoding="utf-8")) if answer_file.exists() else {}
    error = answer.get("error") if answer else f"ended early: {said}"
    if error is not None:
        raise InputError(source.name, _remedied(str(error), answer.get("missing"), source))
    tables = tuple((namespace, name) for namespace, name in answer.get("bookkeeping", ()))
    values = tuple((schema, table, column, tuple(found)) for schema, table, column, found in answer.get("values", ()))
    rows = tuple((schema, table, tuple(found)) for schema, table, found in answer.get("rows", ()))
    return ProjectAnswer(answer.get("ddl", ""), tables, values, rows)


def _run(job: Mapping[str, Any], folder: Path, database_url: str) -> str:
    """The last line that the project printed. Its database's address is in no command line."""
    with tempfile.TemporaryFile("w+", errors="replace") as output:
        subprocess.run(
            # -P: the runner's own folder holds modules named as libraries are.
            [sys.executable, "-P", str(_RUNNER)],
            input=json.dumps(job),
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder,
            env=os.environ | {"DATABASE_URL": database_url},
            text=True,
            check=False,
        )
        output.seek(0)
        said = output.read()
    if os.environ.get("LOADLAB_DEBUG"):
        sys.stderr.write(said)
    return next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "without a word")


def _import_paths(source: SchemaSource) -> list[str]:
    """Where the project's modules are looked for first: the current folder, the scenario's, that of alembic.ini."""
    folders = [Path.cwd(), source.folder.resolve()]
    if source.is_file:
        folders.insert(0, source.path.resolve().parent)
    return list(dict.fromkeys(map(str, folders)))


def _remedied(error: str, missing: str | None, source: SchemaSource) -> str:
    if missing is None:
        return error if error[:1].islower() else f"fails: {error}"
    first = missing.partition(".")[0]
    ours = not source.is_file and first in {name.strip().partition(".")[0] for name in _modules(source)}
    where = ", ".join(_import_paths(source))
    remedy = f"modules are looked for in {where}" if ours else "install the library that has it beside loadlab"
    return f"fails: {error}; {remedy}"


def _modules(source: SchemaSource) -> list[str]:
    return source.reference.partition(":")[0].split(",")
