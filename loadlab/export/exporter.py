"""Writing a dataset into a folder: files side by side, each whole or not there, resumable wherever it was cut off."""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from loadlab.data.dataset import Dataset
from loadlab.data.growth import dataset_of
from loadlab.engines import file_form
from loadlab.engines.abilities import FileForm
from loadlab.errors import InputError, LoadLabError
from loadlab.export.layout import AFTER, BEGUN, FILE_ROWS, MANIFEST, Format, Part, manifest_of, parts_of, until_of
from loadlab.export.writers import write_file
from loadlab.schema.manifest import Manifest

_BATCH_ROWS = 20_000
# Below this, starting worker processes takes longer than the writing.
_PARALLEL_FROM_ROWS = 300_000
_UNFINISHED = ".part"

Observer = Callable[[int, int, str], None]
"""Called with the rows that are written, the rows in all, and the table that was written last."""


@dataclass(frozen=True, slots=True)
class ExportReport:
    """`written` are the rows that this call wrote; `reused` when all files were there already."""

    folder: Path
    form: Format
    rows: int
    written: int
    files: int
    size_bytes: int
    seconds: float
    reused: bool


def export(
    dataset: Dataset,
    folder: Path,
    form: Format,
    *,
    engine: str,
    workers: int,
    observe: Observer,
    file_rows: int = FILE_ROWS,
) -> ExportReport:
    """Make the folder hold the dataset in the text form of `engine`, whatever part of it is there already.

    Raises InputError when the folder holds anything else.
    """
    started = time.perf_counter()
    parts = parts_of(dataset, form, file_rows)
    total = sum(part.rows for part in parts)
    claim = {
        "fingerprint": dataset.manifest.fingerprint,
        "format": form,
        "engine": engine,
        "file_rows": file_rows,
        "until": until_of(dataset),
    }
    if _claim(folder, claim):
        sizes = {part.file: (folder / part.file).stat().st_size for part in parts}
        return ExportReport(folder, form, total, 0, len(parts), sum(sizes.values()), 0.0, reused=True)
    todo = tuple(part for part in parts if not (folder / part.file).exists())
    done = total - sum(part.rows for part in todo)
    for part in _write_all(dataset, folder, form, engine, todo, workers):
        done += part.rows
        observe(done, total, part.table)
    sizes = {part.file: (folder / part.file).stat().st_size for part in parts}
    after = {"after": AFTER} if _write_after(dataset, folder, form, engine) else {}
    _write_json(folder / MANIFEST, manifest_of(dataset, form, engine, parts, sizes) | {"file_rows": file_rows} | after)
    (folder / BEGUN).unlink(missing_ok=True)
    seconds = time.perf_counter() - started
    written = sum(part.rows for part in todo)
    return ExportReport(folder, form, total, written, len(parts), sum(sizes.values()), seconds, reused=False)


# -- the folder ------------------------------------------------------------------------------------------------------


def _claim(folder: Path, claim: dict[str, Any]) -> bool:
    """Whether the folder holds the whole of it. Marks an empty one as begun; raises InputError for a foreign one."""
    if folder.exists() and not folder.is_dir():
        raise InputError("--to", "is a file; give a folder", value=str(folder))
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = {path.name for path in folder.iterdir()}
    except OSError as error:
        raise InputError("--to", f"cannot be written: {error.strerror}", value=str(folder)) from None
    for name in (MANIFEST, BEGUN):
        if name in names:
            found = _read_json(folder / name)
            if any(found.get(key) != value for key, value in claim.items()):
                raise InputError("--to", "holds other files of LoadLab; give an empty folder", value=str(folder))
            if name == MANIFEST:
                return True
            for unfinished in folder.glob(f"*{_UNFINISHED}"):
                unfinished.unlink()
            return False
    if names:
        raise InputError("--to", "is not empty; give an empty folder or a new one", value=str(folder))
    _write_json(folder / BEGUN, claim)
    return False


def written_until(folder: Path) -> dt.date | None:
    """The end of the history that the files in a folder tell, or are to tell; None where there are none."""
    said = next((found.get("until") for name in (MANIFEST, BEGUN) if (found := _read_json(folder / name))), None)
    try:
        return dt.date.fromisoformat(str(said))
    except ValueError:
        return None


def _read_json(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_json(path: Path, value: object) -> None:
    unfinished = path.with_name(path.name + _UNFINISHED)
    unfinished.write_text(json.dumps(value, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    unfinished.replace(path)


def _check_rows(path: Path, form: Format, part: Part) -> None:
    """Read a file's row count back. Raises LoadLabError when it is not that of what was written into it."""
    if form == "sql" or not part.rows:
        return
    found = count_rows(path, form)
    if found != part.rows:
        raise LoadLabError(f"{path} holds {found:,} rows, {part.rows:,} were written")


def count_rows(path: Path, form: Format) -> int:
    """The rows of a file, read back by another library than the one that wrote it where there is one."""
    import polars as pl

    if form == "parquet":
        return int(pl.scan_parquet(path).select(pl.len()).collect(engine="streaming").item())
    if form == "jsonl":
        # A line a row: no text holds a line end unescaped.
        lines = pl.scan_csv(path, has_header=False, separator="\x01", quote_char=None, infer_schema=False)
        return int(lines.select(pl.len()).collect(engine="streaming").item())
    rows = pl.scan_csv(path, infer_schema=False)
    return int(rows.select(pl.len()).collect(engine="streaming").item())


# -- writing ---------------------------------------------------------------------------------------------------------


def _write_all(
    dataset: Dataset, folder: Path, form: Format, engine: str, todo: tuple[Part, ...], workers: int
) -> Iterator[Part]:
    if workers <= 1 or len(todo) == 1 or sum(part.rows for part in todo) < _PARALLEL_FROM_ROWS:
        text = file_form(engine)
        for part in todo:
            yield _write_part(dataset, folder, form, text, part)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(
        workers, mp_context=context, initializer=_start_worker, initargs=(dataset.manifest, folder, form, engine)
    ) as executor:
        # The largest first, so that no worker is left alone with one at the end.
        ordered = sorted(todo, key=lambda part: -part.rows)
        futures = [executor.submit(_write_in_worker, part) for part in ordered]
        try:
            for future in as_completed(futures):
                yield future.result()
        except BrokenProcessPool:
            raise LoadLabError("a writing process died; run the same command again to go on where it stopped") from None
        finally:
            for future in futures:
                future.cancel()


def _write_part(dataset: Dataset, folder: Path, form: Format, text: FileForm, part: Part) -> Part:
    """Write under another name, read the number of rows back, then rename: what has its name is whole."""
    path = folder / part.file
    unfinished = path.with_name(path.name + _UNFINISHED)
    write_file(unfinished, form, dataset.loaded_table(part.table), _batches(dataset, part), text, last=part.last)
    _check_rows(unfinished, form, part)
    unfinished.replace(path)
    return part


def _write_after(dataset: Dataset, folder: Path, form: Format, engine: str) -> bool:
    """Whether something is to be run behind the rows, which is then a file of its own; SQL files say it themselves."""
    text = file_form(engine)
    statements = [line for key in dataset.tables for line in text.after_table(dataset.table(key))]
    if form == "sql" or not statements:
        return False
    unfinished = folder / (AFTER + _UNFINISHED)
    unfinished.write_text("".join(f"{statement};\n" for statement in statements), encoding="utf-8")
    unfinished.replace(folder / AFTER)
    return True


def _batches(dataset: Dataset, part: Part) -> Iterator[pa.RecordBatch]:
    for start in range(part.start, max(part.stop, part.start + 1), _BATCH_ROWS):
        yield dataset.batch(part.table, start, min(start + _BATCH_ROWS, part.stop))


_worker: tuple[Dataset, Path, Format, FileForm] | None = None


def _start_worker(manifest: Manifest, folder: Path, form: Format, engine: str) -> None:
    global _worker
    threading.Thread(target=_end_with_parent, daemon=True).start()
    _worker = (dataset_of(manifest), folder, form, file_form(engine))


def _end_with_parent() -> None:
    """A worker whose parent was killed would wait for work forever."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _write_in_worker(part: Part) -> Part:
    assert _worker is not None
    return _write_part(*_worker, part)
