"""What was written as files, for a terminal and as JSON."""

from __future__ import annotations

from typing import Any

from rich.console import Console

from loadlab.data.dataset import Dataset
from loadlab.export.exporter import ExportReport
from loadlab.units import format_count, format_duration, format_size


def export_summary(report: ExportReport, dataset: Dataset) -> dict[str, Any]:
    """All of it, for JSON."""
    return {
        "folder": str(report.folder),
        "format": report.form,
        "fingerprint": dataset.manifest.fingerprint,
        "seed": dataset.plan.seed,
        "scale": dataset.plan.scale,
        "rows": report.rows,
        "written": report.written,
        "files": report.files,
        "bytes": report.size_bytes,
        "seconds": report.seconds,
        "reused": report.reused,
        "notes": list(dataset.plan.notes),
    }


def print_export(report: ExportReport) -> None:
    """One line."""
    how = "all there already" if report.reused else f"written in {format_duration(report.seconds)}"
    Console(highlight=False).print(
        f"{format_count(report.rows)} rows in {report.files} files, {format_size(report.size_bytes)}, {how}: "
        f"{report.folder}",
        markup=False,
        soft_wrap=True,
    )
