"""Send a million users as CSV; print, as Markdown, how long it took and how much memory.

A process of its own, since its peak of memory is measured.
"""

import argparse
import os
import resource
import time
from collections.abc import Iterable

from werkzeug.test import Client

from flask_platform_users.history import HistoryQuery

from .host import signed_in
from .ours import create_app, platform_users
from .schema import PLATFORM_ID
from .seed import Size, prepare

PAGE = "/platform/users"


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m bench.export", description=__doc__)
    parser.add_argument("--scale", type=float, default=1.0, help="share of the million users")
    size = Size(parser.parse_args().scale)
    prepare(size)
    app = create_app()
    client = signed_in(app)
    token = _token(client)
    few, before = _sent(client, token, "?q=yamaguchi"), _peak()
    started, cpu_before = time.perf_counter(), time.process_time()
    rows = _sent(client, token)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu_before
    assert rows == size.big, rows
    with app.app_context():
        (event,) = platform_users.history(PLATFORM_ID).page(HistoryQuery(per_page=1)).events
    assert (event.action, event.changes) == ("export_users", {"Rows": ("", str(rows))})
    print(
        "## The list as CSV\n\n"
        "The whole request, read as fast as it is sent. `python -m bench.export` repeats this.\n\n"
        "| users | seconds | of them Python's | load of the machine | peak of the process |\n"
        "| ---: | ---: | ---: | ---: | ---: |\n"
        f"| {few:,} | | | | {before:.0f} MB |\n"
        f"| {rows:,} | {seconds:.0f} | {cpu:.0f} | {os.getloadavg()[1]:.1f} | {_peak():.0f} MB |"
    )


def _token(client: Client) -> str:
    page = client.get(f"{PAGE}/").get_data(as_text=True)
    _, _, rest = page.partition('name="csrf_token" value="')
    return rest.partition('"')[0]


def _sent(client: Client, token: str, query: str = "") -> int:
    """Return how many users a file has, keeping none of it."""
    data = {"csrf_token": token}
    answer = client.post(f"{PAGE}/users.csv{query}", data=data, buffered=False)
    assert answer.status_code == 200, answer.status
    chunks: Iterable[bytes] = answer.iter_encoded()
    return sum(chunk.count(b"\r\n") for chunk in chunks) - 1


def _peak() -> float:
    """Return the most memory that the process ever had, in megabytes (Linux counts kilobytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


if __name__ == "__main__":
    main()
