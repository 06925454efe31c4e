"""The load plans of a seeded scenario, for a parent that must not open databases itself (Locust under gevent).

`python -m loadlab.workload.planner SCENARIO` opens the database of `LOADLAB_DATABASE`, answers with one line of JSON,
`{"type": "plans", "plans": […]}` or `{"type": "failed", "message": …}`, and keeps the database open until its input
ends: a bundled server lives as long as the load.
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
from loadlab.workload.driver import protocol_streams, write_message
from loadlab.workload.plan import LoadPlan, load_plans, operation_statements

DATABASE = "LOADLAB_DATABASE"


def plans_of(scenario_path: Path, engine: Engine) -> Sequence[LoadPlan]:
    """The plans for a database that has been seeded. Raises InputError when it has not."""
    scenario = load_scenario(scenario_path)
    manifest = engine.manifest()
    if manifest is None or not manifest.finished:
        raise InputError(mask(engine.url), f"has not been filled; run: loadlab seed {scenario_path}")
    statements = operation_statements(scenario, engine, manifest.schema)
    engine.check_statements(statements)
    workload = scenario.file.workload
    return load_plans(engine, scenario, workload, manifest, statements, new_rows_start=manifest.new_rows)


def main() -> int:
    """The process; its exit code."""
    source, out = protocol_streams()
    try:
        with open_database(os.environ.get(DATABASE, DEFAULT_URL)) as engine:
            plans = plans_of(Path(sys.argv[1]), engine)
            write_message(out, {"type": "plans", "plans": [plan.to_json() for plan in plans]})
            source.read()
    except LoadLabError as error:
        write_message(out, {"type": "failed", "message": str(error)})
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
