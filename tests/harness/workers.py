"""Kills a Celery worker in the middle of a job of many users, and lets another go on.

    python -m tests.harness.workers DATABASE_URL BROKER [USERS] [worker|tick]

The broker is a Redis. What the dead worker had is delivered to a second worker once Redis takes it
for lost, or ``flask platform-users tick`` does it.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

from . import jobs

PATIENCE = 240
"""Seconds to wait for what has to come."""


def main(url: str, broker: str, users: str = "10000", resumed_by: str = "worker") -> int:
    """Kill and go on, print what came of it, and return how much was wrong."""
    prefix = f"platform_users_{os.getpid()}:"
    os.environ.update(DATABASE_URL=url, REDIS_URL=broker, REDIS_PREFIX=prefix)
    from tests.celery_app import app, celery

    job_id, number = jobs.ordered(app, int(users)), int(users)
    try:
        with app.app_context():
            jobs.extension(app).start_job(job_id)
        with worker() as first:
            wait(first, lambda: jobs.job(app, job_id).left <= number / 2)
            first.send_signal(signal.SIGKILL)
            first.wait()
        left = jobs.job(app, job_id).left
        start = time.monotonic()
        # A worker looks for what others lost when it starts, and then every 100 seconds.
        time.sleep(app.config["PLATFORM_USERS_JOB_LEASE"] + 0.5)
        if resumed_by == "tick":
            jobs.tick(app)
        else:
            with worker() as second:
                wait(second, lambda: jobs.job(app, job_id).over)
        seconds = time.monotonic() - start
    finally:
        forget(celery, prefix)
    wrong = jobs.faults(app, job_id, number) | {"killed too late": int(left == 0)}
    print(json.dumps({"left when killed": left, "seconds": round(seconds, 1), "wrong": wrong}))
    return sum(wrong.values())


@contextlib.contextmanager
def worker() -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker in a process of its own."""
    app, options = "tests.celery_app:celery", ["--pool=solo", "--loglevel=warning"]
    command = [sys.executable, "-m", "celery", "--quiet", "-A", app, "worker", *options]
    process = subprocess.Popen(command, stdout=sys.stderr)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def wait(process: subprocess.Popen[bytes], until: Callable[[], bool]) -> None:
    """Wait until a worker has done something."""
    end = time.monotonic() + PATIENCE
    while not until():
        if process.poll() is not None:
            raise RuntimeError("The worker died by itself.")
        if time.monotonic() > end:
            raise TimeoutError("The worker did nothing.")
        time.sleep(0.05)


def forget(celery: Any, prefix: str) -> None:
    """Delete what is left in Redis."""
    with celery.connection_for_write() as connection:
        client = connection.default_channel.client
        for key in client.scan_iter(match=f"{prefix}*"):
            client.delete(key.decode().removeprefix(prefix))


if __name__ == "__main__":
    sys.exit(1 if main(*sys.argv[1:]) else 0)
