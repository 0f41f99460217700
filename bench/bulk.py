"""Block many users as one job, and tell how long it takes and how much memory.

    python -m bench.bulk [--write]

It makes a database of its own, platform_users_bulk, and drops it at the end. The trial and the run
are each measured in a process of their own, so that their peaks of memory are their own.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from flask_platform_users.directory import ListQuery
from flask_platform_users.job_records import Job
from flask_platform_users.jobs import Jobs

from . import machine
from .ours import create_app, platform_users
from .report import table
from .schema import OWNER_ID, PLATFORM_ID, URL, User, db
from .seed import Size, drop, prepare

SIZES = (10_000, 100_000)
STEPS = ("trial", "run")
SCALE = 0.1
"""Of the million users: as many as a job may have."""
HERE = Path(__file__).parent


def main() -> None:
    """Measure every size, and print or write a table."""
    options = _options()
    if options.step:
        print(json.dumps(STEP[options.step](options.users)))
        return
    with sa.create_engine(URL.set(database="postgres")).connect() as connection:
        facts = machine.describe(connection, ("Flask", "SQLAlchemy", "psycopg"))
    rows = []
    for users in SIZES:
        for step in ("seed", *STEPS):
            found = _apart(step, users)
            if found:
                rows.append([f"{users:,}", step, *found.values()])
    _apart("drop", 0)
    heads = ["users", "", "seconds", "CPU of Python", "CPU of PostgreSQL", "peak memory, MB"]
    document = "\n".join(
        (
            "# Many users at once",
            "",
            "Users of a platform of 100,000 are blocked as one job: first the trial, then the run, "
            "with an entry in the history for each. Seconds; `python -m bench.bulk` repeats this.",
            "",
            *(f"- {line}" for line in facts),
            "",
            table(heads, rows),
            "",
        )
    )
    print(document)
    if options.write:
        (HERE / "BULK.md").write_text(document)


def _apart(step: str, users: int) -> dict[str, str]:
    """Run one step in a process of its own, on the database of this bench."""
    url = URL.set(database="platform_users_bulk").render_as_string(hide_password=False)
    done = subprocess.run(
        [sys.executable, "-m", "bench.bulk", "--step", step, "--users", str(users)],
        env=os.environ | {"BENCH_DATABASE_URL": url},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _seed(users: int) -> dict[str, str]:
    """Make the users, and a job of some of them."""
    prepare(Size(SCALE), reseed=True)
    with create_app().app_context():
        db.session.execute(sa.update(User).values(status="active"))
        jobs = Jobs(platform_users.directory(PLATFORM_ID))
        job = jobs.make(owner_id=str(OWNER_ID), actor=str(OWNER_ID), actor_name="The owner")
        if users == Size(SCALE).big:
            jobs.pick_all(job, ListQuery())
        else:
            jobs.pick(job, [str(key) for key in range(OWNER_ID + 1, OWNER_ID + 1 + users)])
        (block,) = (action for action in platform_users.actions if action.name == "block")
        jobs.aim(job, block, [("reason", "Overdue"), ("mode", "each")], "{}")
        db.session.commit()
        db.engine.dispose()
    return {}


def _trial(users: int) -> dict[str, str]:
    return _measured(users, "ready", lambda _: None)


def _run(users: int) -> dict[str, str]:
    return _measured(users, "done", lambda jobs: jobs.queue(_only_job(jobs)))


def _measured(users: int, state: str, prepare: Callable[[Jobs], Any]) -> dict[str, str]:
    """Let the job go on to a state, as a worker would."""
    with create_app().app_context():
        jobs = Jobs(platform_users.directory(PLATFORM_ID))
        job = _only_job(jobs)
        prepare(jobs)
        db.session.commit()
        backend = db.session.execute(sa.text("SELECT pg_backend_pid()")).scalar_one()
        own, theirs, start = time.process_time(), _cpu(backend), time.perf_counter()
        platform_users.run_job(job.id)
        seconds = time.perf_counter() - start
        own, theirs = time.process_time() - own, _cpu(backend) - theirs
        job, column = _only_job(jobs), "expected" if state == "ready" else "outcome"
        assert (job.state, job.total) == (state, users)
        assert jobs.outcomes(job, column)["done"] >= users - 1  # nobody blocks themselves
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": f"{seconds:.1f}",
        "own": f"{own:.1f}",
        "theirs": f"{theirs:.1f}",
        "peak": f"{peak:.0f}",
    }


def _only_job(jobs: Jobs) -> Job:
    found = jobs.get(db.session.execute(sa.select(jobs.job.c.id)).scalar_one())
    assert found is not None
    return found


def _cpu(process: int) -> float:
    """Return how many seconds a process of this machine has computed."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _drop(_: int) -> dict[str, str]:
    drop()
    return {}


STEP = {"seed": _seed, "trial": _trial, "run": _run, "drop": _drop}


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.bulk", description=__doc__)
    parser.add_argument("--write", action="store_true", help="write BULK.md beside this file")
    parser.add_argument("--step", choices=STEP, help=argparse.SUPPRESS)
    parser.add_argument("--users", type=int, default=0, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
