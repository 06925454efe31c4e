"""The time of a record in seconds that go on, whatever the log's time zone does.

`log_timezone` writes an abbreviation behind each time, which names no offset for sure (IST, CST). Only differences
matter here: where the abbreviation changes (summer time), the clock goes on from where it was, to the nearest quarter
of an hour.
"""

from __future__ import annotations

import datetime as dt

_EPOCH = dt.datetime(1970, 1, 1)
_STEP_S = 900
_STAMP_CHARS = len("2026-03-14 09:26:53.589")


class LogClock:
    """Reads the times of one log, in its order."""

    def __init__(self) -> None:
        self._zone: str | None = None
        self._shift_s = 0.0
        self._last_s = 0.0

    def seconds(self, stamp: str) -> float:
        """Raises ValueError for what is no time of a log."""
        at_s = (dt.datetime.fromisoformat(stamp[:_STAMP_CHARS]) - _EPOCH).total_seconds()
        zone = stamp[_STAMP_CHARS:]
        if zone != self._zone:
            if self._zone is not None:
                self._shift_s = round((self._last_s - at_s) / _STEP_S) * _STEP_S
            self._zone = zone
        self._last_s = at_s + self._shift_s
        return self._last_s
