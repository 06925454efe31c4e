"""Which rule judges which kind of target."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from loadlab.spec.targets import Target, TargetKind
from loadlab.validate.database import data_volume, index_coverage, index_hit_ratio, index_storage_overhead
from loadlab.validate.gates import Context
from loadlab.validate.integrity import integrity
from loadlab.validate.latency import latency
from loadlab.validate.load import concurrent_users, connection_utilisation, error_rate, read_rate, write_rate
from loadlab.validate.model import TargetVerdict

Rule = Callable[[Target, Context], TargetVerdict]

RULES: Mapping[TargetKind, Rule] = {
    "latency": latency,
    "error_rate": error_rate,
    "read_rate": read_rate,
    "write_rate": write_rate,
    "concurrent_users": concurrent_users,
    "index_hit_ratio": index_hit_ratio,
    "index_coverage": index_coverage,
    "connection_utilisation": connection_utilisation,
    "index_storage_overhead": index_storage_overhead,
    "data_volume": data_volume,
    "integrity": integrity,
}
