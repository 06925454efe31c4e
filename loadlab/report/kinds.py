"""The kinds of results beside a run's: what each is kept in, and how it is written, read back and shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

from loadlab.report.files import RunFiles, read_result, write_file, write_pages
from loadlab.report.model_base import ResultModel


@dataclass(frozen=True, slots=True)
class Kind:
    """What `loadlab NAME` leaves: `NAME.json` and `NAME.html`. The others are names within `loadlab.report.NAME`."""

    name: str
    model: str
    render: str
    show: str

    def files(self, folder: Path) -> RunFiles:
        """Where they lie."""
        return RunFiles(folder / f"{self.name}.json", folder / f"{self.name}.html")

    def write(self, folder: Path, result: ResultModel) -> RunFiles:
        """The result, then its page. Raises InputError when the folder cannot be written to."""

        return write_pages(self.files(folder), result, lambda: self._page(result))

    def write_page(self, folder: Path, result: ResultModel) -> RunFiles:
        """The page alone, anew. Raises InputError when it cannot be written."""
        files = self.files(folder)
        write_file(files.report, self._page(result))
        return files

    def read(self, folder: Path) -> ResultModel:
        """Raises InputError when the file is damaged or of another version."""
        model: type[ResultModel] = self._of("model", self.model)
        return read_result(self.files(folder).result, model)

    def print(self, result: ResultModel, files: RunFiles) -> None:
        """As the command itself does."""
        self._of("terminal", self.show)(result, files)

    def _page(self, result: ResultModel) -> str:
        render: Callable[[ResultModel], str] = self._of("html", self.render)
        return render(result)

    def _of(self, module: str, name: str) -> Any:
        # Templates and tables are imported when one is written or shown.
        return getattr(import_module(f"loadlab.report.{self.name}.{module}"), name)


CAPACITY = Kind("capacity", "CapacityResult", "render_capacity", "print_capacity")
COMPARISON = Kind("compare", "CompareResult", "render_comparison", "print_comparison")
FORECAST = Kind("forecast", "ForecastResult", "render_forecast", "print_forecast")
REPLAY = Kind("replay", "ReplayResult", "render_replay", "print_replay")


def kind_of(place: Path) -> tuple[Kind, Path] | None:
    """What a folder, or a file in it, holds other than a run, and the folder; None where it holds none of these."""
    folder = place.parent if place.is_file() else place
    for kind in (CAPACITY, COMPARISON, FORECAST, REPLAY):
        file = kind.files(folder).result
        if (place == file or place.is_dir()) and file.is_file():
            return kind, folder
    return None
