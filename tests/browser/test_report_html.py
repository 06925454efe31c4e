"""The HTML report in a real browser: it renders, fetches nothing, follows the colour scheme and prints."""

from __future__ import annotations

import json
import re
import shutil
import struct
import zlib
from html.parser import HTMLParser
from pathlib import Path

import pytest

from loadlab.report.files import write_run
from tests.fix_browser import load_page
from tests.samples import SHAPES, empty_result, result_of, sample_measure, sample_result
from tests.samples_hour import hour_result

pytestmark = pytest.mark.browser

DARK = "--blink-settings=preferredColorScheme=0"
LIGHT = "--blink-settings=preferredColorScheme=1"
HOSTILE = "<script>document.title='taken over'</script>"


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    return write_run(tmp_path_factory.mktemp("run"), sample_result()).report


def requests_of_page(log: Path, origin: str) -> set[str]:
    """What the page itself asked the network for, out of the browser's own log."""
    text = log.read_text(encoding="utf-8")
    try:
        data = json.loads(text)
    except json.JSONDecodeError:  # a browser that ends in a hurry leaves the list of events open
        data = json.loads(text.rstrip().rstrip(",") + "]}")
    start = data["constants"]["logEventTypes"]["URL_REQUEST_START_JOB"]
    jobs = [event["params"] for event in data["events"] if event["type"] == start and "params" in event]
    return {job["url"] for job in jobs if job.get("initiator") == origin}


def test_the_page_asks_the_network_for_nothing(browse, site, report, tmp_path):
    shutil.copy(report, site.folder / "report.html")
    log = tmp_path / "net.json"
    dom = browse(f"{site.address}/report.html", "--dump-dom", f"--log-net-log={log}")
    assert "Latency by percentile" in dom
    assert site.asked == ["/report.html"], "not even an icon"
    assert requests_of_page(log, site.address) == set()


def test_a_page_that_asks_would_have_been_found(browse, site, tmp_path):
    (site.folder / "report.html").write_text(
        '<img src="pixel.png"><link rel="stylesheet" href="http://a.invalid/b.css">'
    )
    log = tmp_path / "net.json"
    browse(f"{site.address}/report.html", "--dump-dom", f"--log-net-log={log}")
    assert "/pixel.png" in site.asked
    assert requests_of_page(log, site.address) >= {f"{site.address}/pixel.png", "http://a.invalid/b.css"}


class Elements(HTMLParser):
    """Counts of the elements and the text of a document."""

    def __init__(self, document: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.feed(document)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_verdicts_are_on_the_page(browse, report):
    dom = Elements(browse(report.as_uri(), "--dump-dom"))
    for word in ("PASS", "FAIL", "INCONCLUSIVE", "SKIPPED", "Failed: Complex queries, p95"):
        assert word in dom.text
    kinds = 4
    assert dom.tags.count("svg") > len(sample_result().targets) + 2 * kinds
    assert "script" not in dom.tags


def test_a_script_in_a_name_is_a_name(browse, tmp_path):
    measure = sample_measure({HOSTILE: SHAPES["product_by_id"]}, seconds=2)
    files = write_run(tmp_path / "run", result_of(measure, (), scenario=HOSTILE))
    dom = Elements(browse(files.report.as_uri(), "--dump-dom"))
    assert "script" not in dom.tags
    assert dom.text.count(HOSTILE) >= 4
    assert "<title>taken over" not in browse(files.report.as_uri(), "--dump-dom")


def first_pixel(png: bytes) -> tuple[int, int, int]:
    """Red, green and blue at the top left: no filter of PNG changes the first pixel of the first row."""
    data, at = b"", 8
    while at < len(png):
        (length,), kind = struct.unpack(">I", png[at : at + 4]), png[at + 4 : at + 8]
        if kind == b"IDAT":
            data += png[at + 8 : at + 8 + length]
        at += 12 + length
    red, green, blue = zlib.decompress(data)[1:4]
    return red, green, blue


@pytest.mark.parametrize("flag, page", [(LIGHT, (0xF7, 0xF7, 0xF5)), (DARK, (0x13, 0x15, 0x18))])
def test_it_follows_the_colour_scheme(browse, report, tmp_path, flag, page):
    picture = tmp_path / "page.png"
    browse(report.as_uri(), flag, "--window-size=1240,900", f"--screenshot={picture}")
    assert first_pixel(picture.read_bytes()) == page


@pytest.mark.parametrize("result", [sample_result, empty_result])
def test_it_prints_on_a_few_pages(browse, tmp_path, result):
    files = write_run(tmp_path / "run", result())
    printed = tmp_path / "report.pdf"
    browse(files.report.as_uri(), DARK, "--no-pdf-header-footer", f"--print-to-pdf={printed}")
    pages = len(re.findall(rb"/Type\s*/Page\b", printed.read_bytes()))
    assert 2 <= pages <= 9


@pytest.fixture(scope="module")
def hour(tmp_path_factory) -> Path:
    return write_run(tmp_path_factory.mktemp("hour"), hour_result()).report


def test_an_hour_loads_within_seconds(browse, site, hour):
    # The benchmark `report_load` holds it against one second; here other tests share the machine.
    loaded = load_page(browse, site, hour)
    print(f"{hour.stat().st_size:,} bytes in {loaded.seconds:.2f} s")
    assert loaded.seconds < 5
    assert hour.stat().st_size < 2_000_000


@pytest.mark.parametrize("width_px", [400, 1280])
def test_nothing_is_wider_than_the_window(browse, site, hour, report, width_px):
    for page in (report, hour):
        # In a window as high as the page all of it is laid out.
        assert load_page(browse, site, page, width_px=width_px, height_px=60_000).width_px <= width_px
