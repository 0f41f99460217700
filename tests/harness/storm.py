"""Has many threads and processes act on the same few users at once, and looks at what is left.

    python -m tests.harness.storm DATABASE_URL [OPERATIONS] [PROCESSES] [THREADS]

No operation may fail in a way that a person would see, other than by a refusal in words; no event
may be missing, and the chain has to verify.
"""

import json
import multiprocessing
import random
import sys
import threading
from collections import Counter
from typing import Any

import sqlalchemy as sa
from flask import Flask
from werkzeug.datastructures import MultiDict

from example_app import create_app
from example_app.models import User, db
from flask_platform_users.errors import RefusedError
from flask_platform_users.orders import Order
from flask_platform_users.pipeline import Pipeline
from flask_platform_users.settings import Settings

from .kill import FORMS, OWNER, fill, user, verified

USERS = range(2, 7)


def main(url: str, operations: int = 10_000, processes: int = 4, threads: int = 2) -> int:
    """Run the storm, print what came of it, and return how much was wrong."""
    app = make_app(url)
    with app.app_context():
        db.drop_all()
        db.create_all()
        fill()
        db.session.add_all(user(key) for key in USERS)
        db.session.commit()
        db.session.remove()
        db.engine.dispose()
    share = operations // (processes * threads)
    with multiprocessing.get_context("spawn").Pool(processes) as pool:
        parts = pool.starmap(work, [(url, seed, threads, share) for seed in range(processes)])
    outcomes: Counter[str] = sum(parts, Counter())
    with app.app_context():
        tables = app.extensions["platform_users"]["platform_users"].mapping.tables
        event = tables.event.c
        count, last = db.session.execute(
            sa.select(sa.func.count(), sa.func.max(event.seq)).where(event.platform_key == 1)
        ).one()
        done = db.session.scalar(
            sa.select(sa.func.count()).where(event.platform_key == 1, event.outcome == "done")
        )
    wrong = {
        "errors": sum(n for name, n in outcomes.items() if name.startswith("error")),
        "gaps": (last or 0) - count,
        "lost or invented": abs(outcomes["done"] - (done or 0)),
        "broken chain": int(not verified(app)),
    }
    print(json.dumps({"operations": outcomes.total(), "outcomes": outcomes, "wrong": wrong}))
    return sum(wrong.values())


def make_app(url: str) -> Flask:
    """Return the example product, patient enough for a storm."""
    options = {"connect_args": {"timeout": 60}} if url.startswith("sqlite") else {}
    config = {"SECRET_KEY": "secret", "SQLALCHEMY_ENGINE_OPTIONS": options}
    return create_app(url, config=config)


def work(url: str, seed: int, threads: int, operations: int) -> Counter[str]:
    """Run one process' share."""
    app = make_app(url)
    outcomes: list[str] = []
    workers = [
        threading.Thread(
            target=act, args=(app, random.Random(seed * 100 + n), operations, outcomes)
        )
        for n in range(threads)
    ]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return Counter(outcomes)


def act(app: Flask, chance: random.Random, operations: int, outcomes: list[str]) -> None:
    """Do this and that."""
    extension = app.extensions["platform_users"]["platform_users"]
    actions = {action.name: action for action in extension.actions}
    for _ in range(operations):
        name = chance.choice(["set_status", "block", "unblock"])
        data: dict[str, Any] = FORMS[name] | {
            "status": chance.choice(["active", "inactive", "pending", "blocked"])
        }
        with app.app_context():
            pipeline = Pipeline(
                extension.directory(1),
                extension.policy,
                db.session.get(User, OWNER),
                Settings.of(app).keys(app),
            )
            order = Order(action=actions[name], key=str(chance.choice(USERS)), data=MultiDict(data))
            try:
                outcomes.append(pipeline.run(order).outcome)
            except RefusedError:
                outcomes.append("refused")
            except Exception as error:
                outcomes.append(f"error {type(error).__name__}: {error}"[:200])


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1], *map(int, sys.argv[2:])) else 0)
