"""Where the rules on plans and load come from, as the documentation cites it."""

from __future__ import annotations

EXTENDED_STATISTICS = "PostgreSQL documentation, “Extended Statistics”"
FILTERED_ROWS = (
    "PostgreSQL documentation, “EXPLAIN ANALYZE” (Rows Removed by Filter); "
    "M. Winand, Use The Index, Luke, “Index Filter Predicates Used Intentionally”"
)
HASH_MEMORY = "PostgreSQL documentation, work_mem and hash_mem_multiplier"
INDEX_ONLY_SCANS = "PostgreSQL documentation, “Index-Only Scans and Covering Indexes”; “Select Lists”"
INDEX_USAGE = "PostgreSQL documentation, “Examining Index Usage”; pg_stat_all_indexes (idx_scan)"
PAGES = "PostgreSQL documentation, “LIMIT and OFFSET”; M. Winand, Use The Index, Luke, “Paging Through Results”"
PLANNER_STATISTICS = "PostgreSQL documentation, “Updating Planner Statistics”; autovacuum_analyze_scale_factor"
PLANS_OF_PREPARED = "PostgreSQL documentation, PREPARE (generic and custom plans); plan_cache_mode"
POOL_SIZE = "PostgreSQL wiki, “Number Of Database Connections”: (core_count × 2) + effective_spindle_count"
SORT_METHODS = "PostgreSQL documentation, work_mem; “EXPLAIN ANALYZE” (Sort Method: external merge)"
USING_EXPLAIN = "PostgreSQL documentation, “Using EXPLAIN”; “Indexes”"
