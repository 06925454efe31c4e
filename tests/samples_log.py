"""Records of PostgreSQL's log as its two forms write them."""

from __future__ import annotations

import csv
import io
import json
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Line:
    """One record; what is left out is as of a client's session."""

    message: str
    detail: str = ""
    stamp: str = "2026-03-14 09:26:53.589 UTC"
    session: str = "a.1"
    database: str = "shop"
    command: str = "SELECT"
    severity: str = "LOG"
    code: str = "00000"
    statement: str = ""
    application: str = "app"
    query_id: int = 0


def as_csv(*lines: Line, columns: int = 26) -> str:
    """As write_csvlog does it; 23 columns up to version 12, 24 in 13, 26 since."""
    out = io.StringIO()
    # The server quotes every text.
    writer = csv.writer(out, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
    for number, line in enumerate(lines, 1):
        row = [
            line.stamp, "app", line.database, 4711, "[local]", line.session, number, line.command,
            "2026-03-14 09:00:00 UTC", "3/7", 0, line.severity, line.code, line.message, line.detail, "", "", "", "",
            line.statement, "", "", line.application, "client backend", "", line.query_id,
        ]  # fmt: skip
        writer.writerow(row[:columns])
    return out.getvalue()


def as_json(*lines: Line) -> str:
    """As write_jsonlog does it: what is empty is left out."""
    texts = []
    for number, line in enumerate(lines, 1):
        record = {
            "timestamp": line.stamp, "user": "app", "dbname": line.database, "pid": 4711, "session_id": line.session,
            "line_num": number, "ps": line.command, "vxid": "3/7", "txid": 0, "error_severity": line.severity,
            "state_code": line.code, "message": line.message, "detail": line.detail, "statement": line.statement,
            "application_name": line.application, "backend_type": "client backend", "query_id": line.query_id,
        }  # fmt: skip
        texts.append(json.dumps({key: value for key, value in record.items() if value != ""}, ensure_ascii=False))
    return "".join(f"{text}\n" for text in texts)
