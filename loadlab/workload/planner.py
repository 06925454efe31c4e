"""The load plans of a seeded scenario, for a parent that must not open databases itself (Locust under gevent).

`python -m loadlab.workload.planner SCENARIO` opens the database of `LOADLAB_DATABASE` (a temporary bundled server when
there is none) and answers with its address, `{"type": "open", "url": …}`. For the next line of its input, which comes
when the database has been filled, it answers `{"type": "plans", "plans": […]}`; the load takes the address of
`LOADLAB_LOAD_DATABASE` where there is one. It keeps the database open until its input ends: a temporary server lives as
long as the load. What goes wrong is `{"type": "failed", "message": …}`.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from loadlab.engines import DEFAULT_URL, mask, open_database
from loadlab.engines.protocol import Engine
from loadlab.errors import InputError, LoadLabError
from loadlab.spec.scenario import load_scenario
from loadlab.workload.pipes import protocol_streams, write_message
from loadlab.workload.plan import LoadPlan, load_plans, operation_statements

DATABASE = "LOADLAB_DATABASE"
LOAD_DATABASE = "LOADLAB_LOAD_DATABASE"


def plans_of(scenario_path: Path, engine: Engine) -> Sequence[LoadPlan]:
    """The plans for a database that has been seeded. Raises InputError when it has not."""
    scenario = load_scenario(scenario_path)
    manifest = engine.manifest()
    if manifest is None or not manifest.finished:
        raise InputError(mask(engine.url), f"has not been filled; run: loadlab seed {scenario_path}")
    statements = operation_statements(scenario, engine, manifest.schema)
    engine.check_statements(statements)
    workload = scenario.file.workload
    load_url = os.environ.get(LOAD_DATABASE)
    return load_plans(
        engine, scenario, workload, manifest, statements, new_rows_start=manifest.new_rows, load_url=load_url
    )


def main() -> int:
    """The process; its exit code."""
    source, out = protocol_streams()
    try:
        with open_database(os.environ.get(DATABASE, DEFAULT_URL)) as engine:
            write_message(out, {"type": "open", "url": engine.url})
            for _ in source:
                plans = plans_of(Path(sys.argv[1]), engine)
                write_message(out, {"type": "plans", "plans": [plan.to_json() for plan in plans]})
    except LoadLabError as error:
        write_message(out, {"type": "failed", "message": str(error)})
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
