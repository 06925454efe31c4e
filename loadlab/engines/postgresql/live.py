"""One cheap look at what the server is doing, while a load goes on."""

from __future__ import annotations

from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.protocol import LiveEvidence

# Clients that wait for their own program's next statement do not wait for the server.
_QUERY = """
    WITH client AS (
        SELECT state, CASE WHEN state = 'active' THEN wait_event_type END AS waits_for
        FROM pg_stat_activity
        WHERE backend_type = 'client backend' AND datname = current_database() AND pid <> pg_backend_pid()
    )
    SELECT d.blks_hit, d.blks_read, d.xact_commit + d.xact_rollback, d.deadlocks,
           (SELECT count(*) FROM pg_stat_activity WHERE backend_type = 'client backend'),
           current_setting('max_connections')::int,
           (SELECT count(*) FROM client WHERE state = 'active'),
           (SELECT coalesce(jsonb_object_agg(waits_for, number), '{}') FROM
               (SELECT waits_for, count(*) AS number FROM client WHERE waits_for IS NOT NULL GROUP BY 1) AS w)
    FROM pg_stat_database AS d WHERE d.datname = current_database()
"""


def look(connection: Connection) -> LiveEvidence:
    """The counters and gauges of the connection's database; waits are of statements that are being executed."""
    row = connection.execute(_QUERY).fetchone()
    assert row is not None
    return LiveEvidence(*row)
