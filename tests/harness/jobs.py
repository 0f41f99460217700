"""Kills the process in the middle of a job of many users, again and again, and looks at the end.

    python -m tests.harness.jobs DATABASE_URL [USERS] [KILLS]

A child process does the job and is killed (SIGKILL) at a statement or commit that chance picks;
the next one goes on, and ``flask platform-users tick`` does the rest. In the end every user has to
be done, with one entry in the history for each and one for the job, and the chain has to verify.
"""

import json
import random
import sys
from collections import Counter
from datetime import UTC, datetime
from functools import partial

import sqlalchemy as sa
from flask import Flask
from werkzeug.security import generate_password_hash

from example_app import create_app
from example_app.models import User, db
from flask_platform_users import PlatformUsers
from flask_platform_users.job_records import Job
from flask_platform_users.jobs import Jobs

from .kill import BUILT, OWNER, fill, killed, verified


def main(url: str, users: int = 10_000, kills: int = 40) -> int:
    """Kill and go on, print what came of it, and return how much was wrong."""
    app = create_app(url, config={"SECRET_KEY": "secret"})
    job_id = ordered(app, users)
    chance, died, left = random.Random(users), 0, [users]
    for _ in range(kills):
        died += killed(app, partial(run, app, job_id), chance.randrange(1, 120))
        left.append(job(app, job_id).left)
        let_the_lease_end(app)
        if job(app, job_id).over:
            break
    tick(app)
    wrong = faults(app, job_id, users)
    with app.app_context():
        database = db.engine.dialect.name
        db.session.remove()
        db.engine.dispose()
    print(json.dumps({"database": database, "killed": died, "left": left, "wrong": wrong}))
    return sum(wrong.values())


def extension(app: Flask) -> PlatformUsers:
    """Return the page that the example mounts."""
    found: PlatformUsers = app.extensions["platform_users"]["platform_users"]
    return found


def ordered(app: Flask, users: int) -> str:
    """Make users and a job that blocks them all, tried and to be done; return its id."""
    with app.app_context():
        db.drop_all()
        db.create_all()
        fill()
        row = {
            "platform_id": 1,
            "password_hash": generate_password_hash("x", method="pbkdf2:sha256:1"),
            "role": "agent",
            "status": "active",
            "created_at": BUILT,
        }
        keys = range(OWNER + 1, OWNER + 1 + users)
        names = [(key, f"user{key}") for key in keys]
        db.session.execute(
            sa.insert(User),
            [row | {"id": k, "username": n, "email": f"{n}@acme.example"} for k, n in names],
        )
        jobs = Jobs(extension(app).directory(1))
        job = jobs.make(owner_id=str(OWNER), actor=str(OWNER), actor_name="The owner")
        jobs.pick(job, [str(key) for key in keys])
        (block,) = (action for action in extension(app).actions if action.name == "block")
        jobs.aim(job, block, [("reason", "killed"), ("mode", "each")], "{}")
        db.session.commit()
        extension(app).run_job(job.id)
        found = jobs.get(job.id)
        assert found is not None
        assert (found.state, found.total) == ("ready", users)
        jobs.queue(found)
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    return job.id


def run(app: Flask, job_id: str) -> None:
    """Do the job as a worker does."""
    with app.app_context():
        extension(app).run_job(job_id)


def tick(app: Flask) -> None:
    """Run the command that goes on with jobs."""
    said = app.test_cli_runner().invoke(args=["platform-users", "tick"])
    assert said.exit_code == 0, said.output


def job(app: Flask, job_id: str) -> Job:
    """Read the job."""
    with app.app_context():
        found = Jobs(extension(app).directory(1)).get(job_id)
        assert found is not None
        db.session.rollback()
        return found


def let_the_lease_end(app: Flask) -> None:
    """Let whoever was killed give no sign of life for long enough."""
    table = extension(app).mapping.tables.job
    with app.app_context():
        db.session.execute(sa.update(table).values(claimed_until=datetime(2026, 1, 1, tzinfo=UTC)))
        db.session.commit()


def faults(app: Flask, job_id: str, users: int) -> dict[str, int]:
    """Count what is not as it has to be once the job is over."""
    ended = job(app, job_id)
    with app.app_context():
        event = extension(app).mapping.tables.event.c
        found = db.session.execute(
            sa.select(event.action, event.user_key).where(
                event.platform_key == 1, event.outcome == "done"
            )
        ).all()
        blocks = Counter(row.user_key for row in found if row.action == "block")
        blocked = db.session.scalar(
            sa.select(sa.func.count()).where(User.status == "blocked", User.platform_id == 1)
        )
        db.session.rollback()
    return {
        "not ended": int(ended.state != "done"),
        "left": ended.left,
        "not blocked": users - (blocked or 0),
        "without entry": users - len(blocks),
        "twice": blocks.total() - len(blocks),
        "ends in the history": abs(sum(row.action == "many" for row in found) - 1),
        "broken chain": int(not verified(app)),
    }


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1], *map(int, sys.argv[2:])) else 0)
