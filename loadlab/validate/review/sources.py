"""Where rules come from, as the documentation cites it: the one place in validate/ where engines are named."""

from __future__ import annotations

INDEXES_BUILT_CONCURRENTLY = "PostgreSQL documentation, “Building Indexes Concurrently”"
FOREIGN_KEYS = "PostgreSQL documentation, “Constraints: Foreign Keys”"
MULTICOLUMN_INDEXES = "PostgreSQL documentation, “Multicolumn Indexes”"
BLOAT = "pgexperts' pgx_scripts, bloat queries; PostgreSQL documentation, “pgstattuple”"
REPLICA_IDENTITY = "PostgreSQL documentation, “Logical Replication: Publication”"
FLOATING_POINT = "PostgreSQL documentation, “Floating-Point Types”"
NUMERIC_TYPES = "PostgreSQL documentation, “Numeric Types”"
LONG_VALUES = "PostgreSQL documentation, “TOAST”"
TEXT_LENGTHS = "PostgreSQL wiki, “Don't Do This: varchar(n) by default”"
TIME_ZONES = "PostgreSQL wiki, “Don't Do This: timestamp (without time zone)”"
ROW_SECURITY = "PostgreSQL documentation, “Row Security Policies”"
