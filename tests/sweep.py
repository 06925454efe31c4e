"""Seeds every schema of a folder, one after the other, and says what came of each.

    python -m tests.sweep FOLDER [--rows 20] [--database embedded:] [--limit 120] [--only WORD …]

The folder holds DDL files (`*.sql`) and Prisma schemas (`*.prisma`) that nobody here wrote: an application's own
structure, a dump, its migrations one after the other. Each is seeded into a database of its own. The outcome is one of

    ok          seeded, exit code 0
    refused     exit code 2 and one line: to be read, whether it names place and remedy, and whether it is true
    traceback   a mistake of LoadLab
    slow        not done within the limit
    failed      anything else

A line a schema goes to the terminal, everything that was printed to `FOLDER/outcome/NAME.txt`. The exit code is 1 when
anything but ok and refused was seen. With a server's URL as the database, `{}` in it stands for a database that is made
for each schema: `--database 'postgresql://user@localhost/{}'`.
"""

from __future__ import annotations

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg
from psycopg import sql

SCHEMAS = (".sql", ".prisma")
OUTCOME_WIDTH = 150


def main() -> int:
    given = _arguments().parse_args()
    counts: Counter[str] = Counter()
    kept = given.folder / "outcome"
    kept.mkdir(exist_ok=True)
    for path in sorted(path for path in given.folder.iterdir() if path.suffix in SCHEMAS):
        if given.only and not any(word in path.name for word in given.only):
            continue
        began_s = time.monotonic()
        with _database(given.database) as url:
            outcome, printed = _seed([*given.prefix.split(), *_command(path, url, given)], given.limit)
        counts[outcome] += 1
        (kept / f"{path.name}.txt").write_text(printed)
        lines = printed.strip().splitlines() or [""]
        said = "" if outcome == "ok" else lines[-1][:OUTCOME_WIDTH]
        print(f"{outcome:9} {time.monotonic() - began_s:6.1f} s  {path.name:28} {said}", flush=True)
    print(", ".join(f"{count} {outcome}" for outcome, count in counts.most_common()))
    return 0 if set(counts) <= {"ok", "refused"} else 1


def _arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Seed every schema of a folder.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--rows", default="20")
    parser.add_argument("--database", default="embedded:", help="{} stands for a new database of the server")
    parser.add_argument("--limit", type=float, default=120, help="seconds a schema")
    parser.add_argument("--only", nargs="*", help="schemas whose names hold one of these words")
    parser.add_argument("--prefix", default="", help="a command that each seeding is run under, as `nice`")
    return parser


def _command(path: Path, url: str, given: argparse.Namespace) -> list[str]:
    return [sys.executable, "-m", "loadlab", "seed", str(path), "--rows", given.rows, "--database", url]


def _seed(command: list[str], limit_s: float) -> tuple[str, str]:
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
    ) as process:
        try:
            printed, _ = process.communicate(timeout=limit_s)
        except subprocess.TimeoutExpired:
            # The whole group: the prefix may be a process of its own.
            os.killpg(process.pid, signal.SIGTERM)
            return "slow", f"{process.communicate()[0]}\nnot done after {limit_s:g} s"
    if "Traceback (most recent call last)" in printed:
        return "traceback", printed
    return {0: "ok", 2: "refused"}.get(process.returncode, "failed"), printed


@contextmanager
def _database(url: str) -> Iterator[str]:
    if "{}" not in url:
        yield url
        return
    name = f"sweep_{re.sub(r'[^0-9]', '', str(time.time()))}"
    with psycopg.connect(url.format("postgres"), autocommit=True) as server:
        server.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield url.format(name)
    finally:
        with psycopg.connect(url.format("postgres"), autocommit=True) as server:
            server.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


if __name__ == "__main__":
    sys.exit(main())
