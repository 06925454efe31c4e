"""How a load is conducted: by this machine alone or by a master and its workers, with a web UI or without.

Plain values and their checks; what runs is in `locust_user.py`, `locust_master.py` and `locust_worker.py`.
"""

from __future__ import annotations

import re
import socket
from dataclasses import asdict, dataclass
from typing import Final

from loadlab.errors import InputError

MASTER_PORT = 5557
"""Locust's own."""
WEB_PORT = 8089
"""Locust's own."""
WEB_HOST = "127.0.0.1"

_ADDRESS = re.compile(r"(?:\[(?P<v6>[0-9A-Fa-f:.%a-z]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class Master:
    """Where the master listens, for how many workers it waits, and how long (s)."""

    host: str
    port: int
    workers: int
    wait_s: float

    @property
    def invitation(self) -> str:
        """What to do on the workers' machines."""
        command = f"loadlab worker --master-host HOST --master-port {self.port}"
        return f"Waiting for {self.workers} workers at {self.host}:{self.port}; start each with: {command}"


@dataclass(frozen=True, slots=True)
class Web:
    """Where the web UI listens."""

    host: str
    port: int

    @property
    def address(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Conducting:
    """Who conducts, and who can watch. None: this process alone; nobody."""

    master: Master | None = None
    web: Web | None = None

    @property
    def machines(self) -> int:
        """On how many machines driver processes run."""
        return self.master.workers if self.master is not None else 1

    def check(self, connections: int) -> None:
        """Raises InputError for what cannot work, as far as it can be seen before anything is done."""
        if self.master is not None:
            if connections < self.master.workers:
                raise InputError(
                    "--expect-workers",
                    f"is more than the scenario's {connections:,} connections, of which each worker needs one",
                    value=self.master.workers,
                )
            check_free("--bind", self.master.host, self.master.port)
        if self.web is not None:
            check_free("--web-port", self.web.host, self.web.port)

    def to_json(self) -> dict[str, object]:
        """JSON-serialisable form; `from_json` is its inverse."""
        return asdict(self)

    @classmethod
    def from_json(cls, data: dict[str, object]) -> Conducting:
        """The inverse of `to_json`."""
        master, web = data["master"], data["web"]
        return cls(
            Master(**master) if isinstance(master, dict) else None, Web(**web) if isinstance(web, dict) else None
        )


ALONE: Final = Conducting()


def parse_address(option: str, text: str, *, port: int) -> tuple[str, int]:
    """`HOST`, `HOST:PORT` or `[IPV6]:PORT` → host and port. Raises InputError that names the option."""
    match = _ADDRESS.fullmatch(text)
    number = int(match["port"]) if match and match["port"] else port
    if match is None or not 0 < number < 65_536:
        raise InputError(option, "must be HOST:PORT, e.g. 127.0.0.1:5557", value=text)
    return match["v6"] or match["host"], number


def check_free(option: str, host: str, port: int) -> None:
    """Raises InputError when nobody could listen there."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        with socket.socket(found[0][0]) as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            trial.bind(found[0][4])
    except OSError as error:
        remedy = f"cannot be listened on: {error.strerror or error}; name another one"
        raise InputError(option, remedy, value=f"{host}:{port}") from None
