"""Short forms of the long runs: kills at every statement, and many who act at once."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from .conftest import NewDatabase

ROOT = Path(__file__).parent.parent


def harness(name: str, *arguments: str) -> Any:
    done = subprocess.run(
        [sys.executable, "-m", f"tests.harness.{name}", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
    return json.loads(done.stdout.splitlines()[-1])


def test_a_process_killed_at_any_statement_leaves_no_change_unrecorded(
    database: str, new_database: NewDatabase
) -> None:
    """And no entry of a change that did not happen."""
    counts = harness("kill", new_database(database, "kill"))["counts"]
    assert len(counts) >= 5
    for count in counts.values():
        assert count["killed"] > 10
        assert (count["unrecorded"], count["untrue"], count["broken_chains"]) == (0, 0, 0)


def test_conflicting_actions_at_once_lose_nothing(database: str, new_database: NewDatabase) -> None:
    found = harness("storm", new_database(database, "storm"), "160", "2", "2")
    assert found["operations"] == 160
    assert set(found["wrong"].values()) == {0}
