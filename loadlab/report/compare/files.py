"""The files of a comparison."""

from __future__ import annotations

from pathlib import Path

from loadlab.report.compare.model import CompareResult
from loadlab.report.files import RunFiles, write_pages


def write_comparison(folder: Path, result: CompareResult) -> RunFiles:
    """Write `compare.json`, then `compare.html`. Raises InputError when the folder cannot be written to."""

    def render() -> str:
        from loadlab.report.compare.html import render_comparison

        return render_comparison(result)

    return write_pages(folder, "compare", result, render)
