"""The files of a search for the capacity."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from loadlab.report.capacity.model import CapacityResult
from loadlab.report.files import write_file


@dataclass(frozen=True, slots=True)
class CapacityFiles:
    """Where they lie."""

    result: Path
    report: Path


def write_capacity(folder: Path, result: CapacityResult) -> CapacityFiles:
    """Write `capacity.json`, then `capacity.html`. Raises InputError when the folder cannot be written to."""
    from loadlab.report.capacity.html import render_capacity

    files = CapacityFiles(folder / "capacity.json", folder / "capacity.html")
    write_file(files.result, result.model_dump_json(indent=2) + "\n")
    write_file(files.report, render_capacity(result))
    return files
