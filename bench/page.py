"""How heavy the list is and how fast it is there: `python -m bench.page [--write]`.

The list of the example product with 100 rows, in Chromium, with an empty cache each time.
"""

import argparse
import gzip
import json
import os
import shutil
import statistics
import tempfile
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import WSGIRequestHandler, make_server

import flask_platform_users
from example_app import create_app, demo
from example_app.models import db
from example_app.seed import seed

from . import machine
from .report import table

HERE = Path(__file__).parent
STATIC = Path(flask_platform_users.__file__).parent / "static"
FILES = ("platform_users.css", "platform_users.js")
ROWS = 100
ROUNDS = 9
ALLOWED = 30_000
"""So many bytes CSS and JavaScript may have together, compressed."""

OBSERVE = """
window.measured = {shifts: 0, tasks: []};
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) measured.shifts += entry.value;
}).observe({type: "layout-shift", buffered: true});
new PerformanceObserver(list => {
  for (const entry of list.getEntries()) measured.tasks.push(Math.round(entry.duration));
}).observe({type: "longtask", buffered: true});
"""
READ = """() => {
  const [page] = performance.getEntriesByType("navigation");
  const files = performance.getEntriesByType("resource");
  const paint = performance.getEntriesByName("first-contentful-paint")[0];
  return {
    first_byte: page.responseStart, paint: paint.startTime, loaded: page.loadEventEnd,
    shifts: measured.shifts, tasks: measured.tasks,
    elements: document.querySelectorAll("*").length,
    requests: files.length + 1, html: page.encodedBodySize,
    bytes: files.reduce((sum, file) => sum + file.transferSize, page.transferSize),
  };
}"""


@dataclass(frozen=True)
class Weight:
    """What a file weighs, in bytes; ``brotli`` is None where that is not installed."""

    raw: int
    gzip: int
    brotli: int | None


def weigh(content: bytes) -> Weight:
    """Compress it as a server would that does so once."""
    brotli = None
    if find_spec("brotli"):
        import brotli as compressor

        brotli = len(compressor.compress(content))
    return Weight(len(content), len(gzip.compress(content, 9)), brotli)


def weights() -> dict[str, Weight]:
    """Weigh the files that every page loads."""
    return {name: weigh((STATIC / name).read_bytes()) for name in FILES}


class Silent(WSGIRequestHandler):
    """Says nothing of each request."""

    def log_request(self, *_: Any) -> None:
        """Say nothing."""


@contextmanager
def served() -> Iterator[str]:
    """Serve the example product on a fresh database."""
    with tempfile.TemporaryDirectory() as folder:
        app = create_app(f"sqlite:///{folder}/page.sqlite3", config={"SECRET_KEY": "bench"})
        with app.app_context():
            db.create_all()
            seed()
        server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Silent)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()
        with app.app_context():
            db.session.remove()
            db.engine.dispose()


def longest_task(browser: Browser, page: Page, address: str) -> float:
    """Load the page once more, traced; return the longest task of its main thread in ms.

    What the browser does by itself, such as the first layout, is no long task to a page's scripts.
    """
    browser.start_tracing(page=page, categories=["toplevel", "devtools.timeline", "__metadata"])
    page.goto(address, wait_until="load")
    page.wait_for_timeout(300)
    events = json.loads(browser.stop_tracing())["traceEvents"]
    threads = [
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    ]
    return max(
        float(event["dur"]) / 1000
        for event in events
        if event["ph"] == "X"
        and event["name"].endswith("RunTask")
        and (event["pid"], event["tid"]) in threads
    )


def measure(address: str) -> tuple[list[dict[str, Any]], bytes, str]:
    """Load the page again and again; return what was seen, the page's HTML and the browser."""
    found = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        context = browser.new_context(viewport={"width": 1280, "height": 900})
        context.add_init_script(OBSERVE)
        page = context.new_page()
        sign_in(page, address)
        cdp = context.new_cdp_session(page)
        listed = f"{address}/platform/users/?per_page={ROWS}"
        for _ in range(ROUNDS + 2):  # two to warm up
            cdp.send("Network.clearBrowserCache")
            answer = page.goto(listed, wait_until="load")
            page.wait_for_timeout(300)
            assert page.locator("tbody tr").count() == ROWS
            found.append(page.evaluate(READ))
        assert answer is not None
        html, version = answer.body(), browser.version
        for seen in found:
            cdp.send("Network.clearBrowserCache")
            seen["longest"] = longest_task(browser, page, listed)
        browser.close()
    return found[2:], html, version


def sign_in(page: Page, address: str) -> None:
    """Sign in as the first owner."""
    page.goto(f"{address}/login")
    page.fill("[name=email]", demo.SIGN_INS[0].email)
    page.fill("[name=password]", demo.PASSWORD)
    page.click("button[type=submit]")


def report(found: Sequence[dict[str, Any]], html: bytes, version: str) -> str:
    """Return the figures as Markdown."""
    heavy = weights() | {f"the page itself, {ROWS} rows": weigh(html)}
    both = sum(weight.gzip for weight in weights().values())
    tasks = [task for one in found for task in one["tasks"]]
    facts = {
        "first byte": f"{middle(found, 'first_byte')} ms",
        "first contentful paint": f"{middle(found, 'paint')} ms",
        "loaded": f"{middle(found, 'loaded')} ms",
        "layout shift": f"{max(one['shifts'] for one in found):g}",
        "long tasks (over 50 ms)": f"{len(tasks)} in {len(found)} loads"
        + (f", of {', '.join(map(str, tasks))} ms" if tasks else ""),
        "longest task of the main thread, by a trace": f"{middle(found, 'longest')} ms",
        "elements in the page": f"{found[0]['elements']:,}",
        "requests": f"{found[0]['requests']}",
        "bytes over the wire, not compressed": f"{found[0]['bytes']:,}",
    }
    return "\n".join(
        (
            "# What the list weighs and how fast it is there",
            "",
            f"The list of the example product with {ROWS} rows, host's layout included, in "
            f"Chromium at 1280 × 900, with an empty cache, on SQLite and the development server, "
            f"which does not compress: {ROUNDS} loads after a warm-up, their median. "
            "`python -m bench.page --write` repeats this.",
            "",
            f"- Date: {datetime.now(UTC):%Y-%m-%d}",
            f"- Machine: {machine.processor()}, {os.cpu_count()} cores",
            f"- Chromium {version}",
            "",
            table(["", "value"], list(facts.items())),
            "",
            f"CSS and JavaScript together are {both:,} bytes with gzip; a test keeps them below "
            f"{ALLOWED:,}.",
            "",
            table(
                ["bytes", "raw", "gzip", "Brotli"],
                [
                    (
                        name,
                        f"{weight.raw:,}",
                        f"{weight.gzip:,}",
                        "" if weight.brotli is None else f"{weight.brotli:,}",
                    )
                    for name, weight in heavy.items()
                ],
            ),
            "",
        )
    )


def middle(found: Sequence[dict[str, Any]], name: str) -> str:
    """Return the median of a figure."""
    return f"{statistics.median(one[name] for one in found):.0f}"


def main() -> None:
    """Measure, and print or write it."""
    parser = argparse.ArgumentParser(prog="python -m bench.page", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write bench/PAGE.md")
    write = parser.parse_args().write
    with served() as address:
        text = report(*measure(address))
    if write:
        (HERE / "PAGE.md").write_text(text)
    print(text)


if __name__ == "__main__":
    main()
