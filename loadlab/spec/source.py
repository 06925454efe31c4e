"""How a user names the source of a schema: on the command line and as a scenario's `schema`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from loadlab.errors import InputError

SourceKind = Literal["ddl", "sqlalchemy", "django", "alembic", "prisma"]

_PREFIXES: dict[str, SourceKind] = {
    "ddl": "ddl",
    "sqlalchemy": "sqlalchemy",
    "sqlmodel": "sqlalchemy",
    "django": "django",
    "alembic": "alembic",
    "prisma": "prisma",
}
_SUFFIXES: dict[str, SourceKind] = {".sql": "ddl", ".ini": "alembic", ".prisma": "prisma"}
_EXAMPLES = {
    "sqlalchemy": "sqlalchemy:package.module:Base.metadata",
    "sqlmodel": "sqlmodel:package.module:SQLModel.metadata",
    "django": "django:project.settings",
    "alembic": "alembic:alembic.ini",
    "prisma": "prisma:schema.prisma",
    "ddl": "ddl:schema.sql",
}
# A JSON text that begins with a list, or with a command that makes something.
_COMMANDS = re.compile(r'\ufeff?\s*(?:\[|\{\s*"create\w*"\s*:)')
_HEAD_CHARACTERS = 4096
SOURCE_FORMS = ", ".join(("schema.sql", _EXAMPLES["sqlalchemy"], _EXAMPLES["django"], "alembic.ini", "schema.prisma"))


@dataclass(frozen=True, slots=True)
class SchemaSource:
    """`text` is what the user wrote, `reference` what it names: a path, or modules and an attribute for Python.

    `folder` is where relative paths begin, and a place from which Python modules are imported.
    """

    kind: SourceKind
    text: str
    reference: str
    folder: Path

    @property
    def is_file(self) -> bool:
        """Whether the reference is a path, as against Python's module names."""
        return self.kind in ("ddl", "alembic", "prisma")

    @property
    def path(self) -> Path:
        """The file (Prisma: or folder) that a path names."""
        return self.folder / self.reference

    @property
    def name(self) -> str:
        """What messages call it."""
        return self.path.name if self.is_file else self.text

    @property
    def title(self) -> str:
        """A short name for a scenario that consists of nothing else."""
        if self.is_file:
            return self.path.stem
        return self.reference.partition(":")[0].split(",")[-1].split(".")[0]


def parse_source(text: str, folder: Path) -> SchemaSource:
    """Raises InputError for a prefix that names nothing."""
    prefix, colon, rest = text.partition(":")
    if colon and prefix in _PREFIXES:
        if not rest.strip():
            raise InputError("schema", f"names nothing after the colon; write e.g. {_EXAMPLES[prefix]}", value=text)
        return SchemaSource(_PREFIXES[prefix], text, rest.strip(), folder)
    return SchemaSource(_SUFFIXES.get(Path(text).suffix, "ddl"), text, text, folder)


def names_source(text: str) -> bool:
    """Whether a word on the command line is a schema's source, as against a scenario."""
    prefix, colon, _ = text.partition(":")
    return (bool(colon) and prefix in _PREFIXES) or Path(text).suffix in _SUFFIXES or holds_commands(Path(text))


def holds_commands(path: Path) -> bool:
    """Whether a file is a script of commands in JSON: a list of them, or one behind the other.

    A scenario and a brief are mappings, and have no such keys.
    """
    if path.suffix != ".json":
        return False
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            return _COMMANDS.match(file.read(_HEAD_CHARACTERS)) is not None
    except OSError:
        return False  # Whoever reads it says so.
