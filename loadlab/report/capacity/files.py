"""The files of a search for the capacity."""

from __future__ import annotations

from pathlib import Path

from loadlab.report.capacity.model import CapacityResult
from loadlab.report.files import RunFiles, write_pages


def write_capacity(folder: Path, result: CapacityResult) -> RunFiles:
    """Write `capacity.json`, then `capacity.html`. Raises InputError when the folder cannot be written to."""

    def render() -> str:
        from loadlab.report.capacity.html import render_capacity

        return render_capacity(result)

    return write_pages(folder, "capacity", result, render)
