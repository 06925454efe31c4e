"""A headless Chromium, and a folder served to it on the loopback."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    # The browser's own errands (updates, time, accounts) reach nobody either.
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)

Browse = Callable[..., str]


@pytest.fixture(scope="session")
def chromium() -> str:
    found = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if found is None:
        pytest.skip(f"no Chromium on PATH (looked for {', '.join(BROWSERS)}); apt-get install chromium")
    return found


@pytest.fixture
def browse(chromium, tmp_path) -> Browse:
    """Run the browser on an address with a profile of its own; its standard output."""

    def run(address: str, *flags: str) -> str:
        profile = tmp_path / f"profile-{len(list(tmp_path.iterdir()))}"
        command = [chromium, *FLAGS, *flags, f"--user-data-dir={profile}", address]
        done = subprocess.run(
            command,
            capture_output=True,
            timeout=90,
            check=False,
            stdin=subprocess.DEVNULL,
            env=os.environ | {"HOME": str(tmp_path)},
        )
        assert done.returncode == 0, done.stderr.decode(errors="replace")[-2000:]
        return done.stdout.decode("utf-8")

    return run


@dataclass(frozen=True)
class Site:
    """A folder served on the loopback, and every path that was asked for."""

    address: str
    folder: Path
    asked: list[str]


@pytest.fixture
def site(tmp_path) -> Iterator[Site]:
    folder = tmp_path / "site"
    folder.mkdir()
    asked: list[str] = []

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None:
            asked.append(self.path)

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=str(folder))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield Site(f"http://127.0.0.1:{server.server_port}", folder, asked)
        server.shutdown()
        thread.join()


@dataclass(frozen=True)
class Loaded:
    """A page as it stands in a window of some width: how long it took to load, and how wide it is."""

    seconds: float
    width_px: int


# The page itself may run nothing, so the one around it holds the clock. Asking for a size has it laid out, but for what
# the window does not show.
_STOPWATCH = """<!DOCTYPE html><body><script>
  const began = performance.now();
  function stop(frame) {
    const page = frame.contentDocument.documentElement;
    if (page.getBoundingClientRect().height > 0) {
      document.body.dataset.loaded = `${(performance.now() - began) / 1000} ${page.scrollWidth}`;
    }
  }
</script><iframe src="page.html" width="WIDTH" height="HEIGHT" onload="stop(this)"></iframe>"""


def load_page(browse: Browse, site: Site, page: Path, *, width_px: int = 1280, height_px: int = 900) -> Loaded:
    """From the request for a page until its load event is over and what a window of that size shows is laid out."""
    shutil.copy(page, site.folder / "page.html")
    stopwatch = _STOPWATCH.replace("WIDTH", str(width_px)).replace("HEIGHT", str(height_px))
    (site.folder / "stopwatch.html").write_text(stopwatch)
    found = re.search(r'data-loaded="([\d.]+) (\d+)"', browse(f"{site.address}/stopwatch.html", "--dump-dom"))
    assert found, "the page was loaded and has a height"
    return Loaded(float(found[1]), int(found[2]))
