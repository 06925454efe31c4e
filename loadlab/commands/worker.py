"""`loadlab worker`, and what `loadlab run` says about workers and the web UI."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from loadlab.arguments import duration_s
from loadlab.errors import InputError

if TYPE_CHECKING:
    from loadlab.workload.conducting import Conducting

AsMaster = Annotated[
    bool, typer.Option("--master", help="Let `loadlab worker`s make the load; this process seeds, judges and reports.")
]
Bind = Annotated[
    str | None,
    typer.Option("--bind", metavar="HOST[:PORT]", help="Where the master listens; default 127.0.0.1:5557."),
]
ExpectWorkers = Annotated[
    int | None, typer.Option("--expect-workers", metavar="N", min=1, help="How many workers make the load; default 1.")
]
ExpectWorkersMaxWait = Annotated[
    str | None,
    typer.Option("--expect-workers-max-wait", metavar="TIME", help="How long to wait for them; default 5min."),
]
WithWeb = Annotated[bool, typer.Option("--web", help="Show Locust's web UI while the run goes on.")]
WebHost = Annotated[
    str | None, typer.Option("--web-host", metavar="HOST", help="Where the web UI listens; default 127.0.0.1.")
]
WebPort = Annotated[
    int | None, typer.Option("--web-port", metavar="PORT", min=1, max=65535, help="Of the web UI; default 8089.")
]


def conducting_of(
    *,
    as_master: bool,
    bind: str | None,
    workers: int | None,
    max_wait: str | None,
    with_web: bool,
    web_host: str | None,
    web_port: int | None,
) -> Conducting:
    """What these options say together. Raises InputError."""
    from loadlab.workload.conducting import MASTER_PORT, WEB_HOST, WEB_PORT, Conducting, Master, Web, parse_address

    masters = {"--bind": bind, "--expect-workers": workers, "--expect-workers-max-wait": max_wait}
    for option, value in masters.items():
        if value is not None and not as_master:
            raise InputError(option, "needs --master: without it this machine makes the load alone", value=value)
    master = None
    if as_master:
        host, port = parse_address("--bind", bind or "127.0.0.1", port=MASTER_PORT)
        wait_s = duration_s("--expect-workers-max-wait", max_wait or "5min")
        assert wait_s is not None
        master = Master(host, port, workers or 1, wait_s)
    has_web = with_web or web_host is not None or web_port is not None
    return Conducting(master, Web(web_host or WEB_HOST, web_port or WEB_PORT) if has_web else None)


def worker(
    master_host: Annotated[str, typer.Option("--master-host", metavar="HOST", help="Where the master runs.")],
    master_port: Annotated[
        int, typer.Option("--master-port", metavar="PORT", min=1, max=65535, help="Where it listens.")
    ] = 5557,
    max_wait: Annotated[
        str, typer.Option("--max-wait", metavar="TIME", help="How long to wait for the master to listen.")
    ] = "10min",
) -> None:
    """Make a part of the load of a `loadlab run --master` on another machine, then end.

    Needs no scenario: the master sends what to do, the database's address included. Trust the master that you name.

    Examples:

      loadlab worker --master-host 10.0.0.5

      loadlab worker --master-host 10.0.0.5 --master-port 5600 --max-wait 1h
    """
    wait_s = duration_s("--max-wait", max_wait)
    # Locust patches the process for gevent: it begins with an interpreter of its own.
    command = ("-m", "loadlab.workload.locust_worker", master_host, str(master_port), str(wait_s))
    sys.stdout.flush()
    os.execv(sys.executable, (sys.executable, *command))
