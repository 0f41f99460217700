"""Short forms of the long runs: kills at every statement, and many who act at once."""

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from .conftest import NewDatabase, need

ROOT = Path(__file__).parent.parent


def harness(name: str, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.harness.{name}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    return json.loads(done.stdout.splitlines()[-1])


def test_a_process_killed_at_any_statement_leaves_no_change_unrecorded(
    database: str, new_database: NewDatabase
) -> None:
    """And no entry of a change that did not happen; here at every second or third statement."""
    step = 2 if database == "sqlite" else 3
    counts = harness("kill", new_database(database, "kill"), str(step))["counts"]
    assert len(counts) >= 5
    for count in counts.values():
        assert count["killed"] > 10 // step
        assert (count["unrecorded"], count["untrue"], count["broken_chains"]) == (0, 0, 0)


def test_conflicting_actions_at_once_lose_nothing(database: str, new_database: NewDatabase) -> None:
    found = harness("storm", new_database(database, "storm"), "160", "2", "2")
    assert found["operations"] == 160
    assert set(found["wrong"].values()) == {0}


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_a_job_killed_again_and_again_does_everybody_once(
    database: str, new_database: NewDatabase
) -> None:
    found = harness("jobs", new_database(database, "jobs"), "2000", "12")
    assert found["killed"] >= 2
    assert len(set(found["left"])) > 2, "it was never killed in the middle"
    assert set(found["wrong"].values()) == {0}


REDIS = os.environ.get("TEST_REDIS_URL") or "redis://127.0.0.1:6379/13"


def need_redis() -> None:
    """Skip the test without a Redis or Celery; fail it where services are required."""
    why = ""
    try:
        import celery  # noqa: F401

        where = urlsplit(REDIS)
        socket.create_connection((where.hostname, where.port or 6379), timeout=3).close()
    except ImportError:
        why = "Celery is missing: pip install 'celery[redis]'."
    except OSError:
        why = f"Redis does not answer at {REDIS}: start it, or set TEST_REDIS_URL to where it is."
    if why and os.environ.get("REQUIRE_SERVICES") == "1":
        pytest.fail(why, pytrace=False)
    if why:
        pytest.skip(why)


def test_a_celery_worker_killed_in_the_middle_of_a_job_is_followed_by_another(
    new_database: NewDatabase,
) -> None:
    need_redis()
    need("postgresql")
    found = harness("workers", new_database("postgresql", "workers"), REDIS, "1000", "worker")
    assert 0 < found["left when killed"] < 1000
    assert set(found["wrong"].values()) == {0}
