"""Locust's web UI while `loadlab run` goes on, with what Locust does not know: microseconds, and the server's view.

Two tabs of the UI (`extended_tabs` of Locust's page, their rows in the answer of `/stats/requests`), one page of both,
`/loadlab`, and the figures as JSON, `/loadlab/stats`. The load is the scenario's: the UI can stop it, which ends the
run early, but not change it.
"""

from __future__ import annotations

# Before anything else: it patches the standard library for gevent.
import locust  # isort: skip # noqa: F401

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, request
from locust.env import Environment

from loadlab.measure.histogram import Histogram
from loadlab.measure.model import Interval

_PAGE = Path(__file__).with_name("live.html")
_OPERATIONS, _SERVER = "loadlab-operations", "loadlab-server"
_PERCENTILES = {"p50": 50.0, "p95": 95.0, "p99": 99.0}
_OPERATION_COLUMNS = {
    "name": "Operation",
    "kind": "Kind",
    "count": "Count",
    "errors": "Errors",
    "rate": "Now, per s",
    **{f"{word}{name}": f"{title} {name} (µs)" for word, title in (("response", "Response"), ("service", "Service"))
       for name in _PERCENTILES},
    "max": "Response max (µs)",
}  # fmt: skip
_SERVER_COLUMNS = {"name": "Server", "value": "Now"}


class LiveView:
    """What is known so far. A phase begins anew."""

    def __init__(self, kinds: Mapping[str, str]) -> None:
        self._kinds = kinds
        self._server: list[dict[str, Any]] = []
        self.begin("starting")

    def begin(self, phase: str) -> None:
        """Forget what was measured before."""
        self._phase, self._elapsed_s, self._users = phase, 0.0, 0
        self._counts = {name: [0, 0, 0.0] for name in self._kinds}
        self._response = {name: Histogram() for name in self._kinds}
        self._service = {name: Histogram() for name in self._kinds}

    def add(self, interval: Interval) -> None:
        """An interval is complete."""
        self._elapsed_s, self._users = interval.start_s + interval.duration_s, interval.users
        for name, counts in self._counts.items():
            one = interval.operations.get(name)
            counts[2] = one.count / interval.duration_s if one is not None and interval.duration_s else 0.0
            if one is not None:
                counts[0] += one.count
                counts[1] += sum(one.errors.values())
                self._response[name].merge(one.response)
                self._service[name].merge(one.service)

    def tell(self, figures: Mapping[str, str]) -> None:
        """The server's view, by what each figure is called."""
        self._server = [{"name": name, "value": value} for name, value in figures.items()]

    def figures(self) -> dict[str, Any]:
        """Everything, as JSON has it."""
        return {
            "phase": self._phase,
            "elapsed_s": round(self._elapsed_s, 3),
            "users": self._users,
            "operations": [self._operation(name) for name in self._kinds],
            "server": self._server,
        }

    def _operation(self, name: str) -> dict[str, Any]:
        (count, errors, rate), response, service = self._counts[name], self._response[name], self._service[name]
        row: dict[str, Any] = {
            "name": name, "kind": self._kinds[name], "count": count, "errors": errors, "rate": round(rate, 1)
        }  # fmt: skip
        for word, histogram in (("response", response), ("service", service)):
            for label, percentile in _PERCENTILES.items():
                row[f"{word}{label}"] = histogram.percentile_us(percentile) if histogram.count else None
        return row | {"max": response.max_us if response.count else None}


def open_web(
    environment: Environment, host: str, port: int, kinds: Mapping[str, str], *, on_stop: Callable[[], None]
) -> LiveView:
    """Serve Locust's web UI with LoadLab's tabs; `on_stop` is called when somebody stops the load there."""
    view = LiveView(kinds)
    web = environment.create_web_ui(host=host, port=port, delayed_start=True)
    app = web.app
    assert app is not None
    web.template_args["extended_tabs"] = [
        {"title": "Microseconds", "key": _OPERATIONS},
        {"title": "Database server", "key": _SERVER},
    ]
    web.template_args["extended_tables"] = [
        {"key": _OPERATIONS, "structure": _structure(_OPERATION_COLUMNS)},
        {"key": _SERVER, "structure": _structure(_SERVER_COLUMNS)},
    ]
    pages = Blueprint("loadlab", __name__)

    @pages.route("/loadlab")
    def page() -> Response:
        return Response(_PAGE.read_text(encoding="utf-8"), mimetype="text/html")

    @pages.route("/loadlab/stats")
    def stats() -> Response:
        return Response(json.dumps(view.figures()), mimetype="application/json")

    def guard() -> Response | None:
        if request.path == "/swarm":
            refusal = {"success": False, "message": "The load of this run is the scenario's; it can only be stopped."}
            return Response(json.dumps(refusal), status=403, mimetype="application/json")
        if request.path == "/stop" and request.method == "POST":
            on_stop()
        return None

    def extend(response: Response) -> Response:
        if request.path == "/stats/requests" and response.is_json:
            figures = view.figures()
            more = [{"key": _OPERATIONS, "data": figures["operations"]}, {"key": _SERVER, "data": figures["server"]}]
            response.set_data(json.dumps({**response.get_json(), "extended_stats": more}))
        return response

    app.before_request(guard)
    app.after_request(extend)
    app.register_blueprint(pages)
    web.start()  # type: ignore[no-untyped-call]
    return view


def _structure(columns: Mapping[str, str]) -> list[dict[str, str]]:
    return [{"key": key, "title": title} for key, title in columns.items()]
