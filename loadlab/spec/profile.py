"""A profile under a scenario: the scenario's own words go first, column by column."""

from __future__ import annotations

from pathlib import Path

from loadlab.errors import InputError
from loadlab.spec.base import read_yaml, validate
from loadlab.spec.shapes import DataShape, ProfileFile, TableShape


def with_profile(shape: DataShape, folder: Path, place: str) -> DataShape:
    """The shape with its profile's tables under its own; `place` is the scenario's file.

    Raises InputError when the profile is missing or is no profile.
    """
    if shape.profile is None:
        return shape
    path = folder / shape.profile
    if not path.is_file():
        raise InputError(f"{place}: data.profile", "does not exist beside the scenario", value=shape.profile)
    tables = dict(validate(ProfileFile, read_yaml(path), place=path.name).data.tables)
    for name, table in shape.tables.items():
        tables[name] = _merged(table, tables[name]) if name in tables else table
    return shape.model_copy(update={"tables": tables, "profile": None})


def _merged(own: TableShape, under: TableShape) -> TableShape:
    """A column or a relation that both speak of is the scenario's alone: its keys exclude the profile's."""
    changes = {name: getattr(own, name) for name in own.model_fields_set} | {
        "columns": {**under.columns, **own.columns},
        "relations": {**under.relations, **own.relations},
    }
    return under.model_copy(update=changes)
