"""The load: operations, key distributions, arrivals, drivers that execute them, Locust that conducts.

`Session` and `Keys` are what a scenario's flows are written with.
"""

from loadlab.workload.flow import FlowSession as Session
from loadlab.workload.flow import Keys

__all__ = ["Keys", "Session"]
