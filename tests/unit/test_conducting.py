"""How a load is conducted: addresses, and what travels to the process that conducts."""

from __future__ import annotations

import json
import socket

import pytest

from loadlab.engines.protocol import LiveEvidence
from loadlab.errors import InputError
from loadlab.measure.live import figures_of
from loadlab.workload.conducting import ALONE, Conducting, Master, Web, check_free, parse_address


@pytest.mark.parametrize(
    "text, expected",
    [
        ("10.0.0.5", ("10.0.0.5", 5557)),
        ("10.0.0.5:1", ("10.0.0.5", 1)),
        ("master.internal:65535", ("master.internal", 65535)),
        ("[::1]:5600", ("::1", 5600)),
        ("[::1]", ("::1", 5557)),
    ],
)
def test_addresses(text, expected):
    assert parse_address("--bind", text, port=5557) == expected


@pytest.mark.parametrize("text", ["", ":5557", "host:", "host:0", "host:65536", "::1", "[::1", "a b:c"])
def test_what_is_no_address_is_refused_with_the_option(text):
    with pytest.raises(InputError, match=r"--bind.* must be HOST:PORT"):
        parse_address("--bind", text, port=5557)


@pytest.mark.parametrize(
    "conducting", [ALONE, Conducting(Master("h", 1, 2, 3.5)), Conducting(Master("h", 1, 2, 3.5), Web("::1", 8089))]
)
def test_it_travels_as_json(conducting):
    assert Conducting.from_json(json.loads(json.dumps(conducting.to_json()))) == conducting


def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"--web-port=127.0.0.1:{port} cannot be listened on: "):
            check_free("--web-port", "127.0.0.1", port)
    check_free("--web-port", "127.0.0.1", port)


def evidence(**changes):
    base = {"blocks_hit": 1000, "blocks_read": 100, "transactions": 50, "deadlocks": 1}
    return LiveEvidence(**(base | {"connections": 7, "connections_max": 200, "active": 2, "waits": {}} | changes))


def test_a_look_tells_what_happened_since_the_last_one():
    now = evidence(blocks_hit=1900, blocks_read=200, transactions=250, deadlocks=3, waits={"Lock": 1, "IO": 2})
    assert figures_of(evidence(), now, 2.0) == {
        "connections": "7 of 200",
        "executing": "2",
        "cache hit ratio": "90%",
        "transactions": "100/s",
        "deadlocks since the last look": "2",
        "waiting: IO": "2",
        "waiting: Lock": "1",
    }


def test_without_an_earlier_look_or_reads_nothing_is_made_up():
    assert figures_of(None, evidence(), 2.0) == {"connections": "7 of 200", "executing": "2"}
    assert figures_of(evidence(), evidence(), 2.0)["cache hit ratio"] == "nothing read"
