"""Kills the process at each statement of each action, and looks at what is left.

    python -m tests.harness.kill DATABASE_URL [STEP]

A child process runs one action of the example product on one user and is killed (SIGKILL) before
its n-th statement, before its commit, or right after it; for n = 1, 2, … until it gets through.
With a step of 3 only at every third, of one action the first, of the next the second, and so on.
After each, what is in the host's tables has to agree with what the history says: a change that is
not recorded and an entry of a change that did not happen are counted, and the chain is verified.
"""

import itertools
import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from typing import Any

import sqlalchemy as sa
from flask import Flask
from werkzeug.datastructures import MultiDict

from example_app import create_app
from example_app.models import (
    AddOn,
    OutgoingMail,
    Plan,
    Platform,
    Subscription,
    SubscriptionAddOn,
    User,
    db,
)
from flask_platform_users import Action, PlatformUsers
from flask_platform_users.actions import Undo, impersonation
from flask_platform_users.audit import Chain
from flask_platform_users.history import History, HistoryQuery
from flask_platform_users.orders import Order
from flask_platform_users.pipeline import Pipeline
from flask_platform_users.settings import Settings

OWNER = 1
BUILT = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Count:
    """What the kills of one action left."""

    killed: int = 0
    unrecorded: int = 0
    untrue: int = 0
    broken_chains: int = 0


def main(url: str, step: int = 1) -> int:
    """Run all actions, print a table and a line of JSON, and return how much was wrong."""
    impersonation.STARTS_A_MINUTE = 1000
    app = create_app(url, config={"SECRET_KEY": "secret"})
    with app.app_context():
        db.drop_all()
        db.create_all()
        fill()
        database = db.engine.dialect.name
        db.session.remove()
        db.engine.dispose()
    counts = {
        name: kill_everywhere(app, name, data, itertools.count(1 + number % step, step))
        for number, (name, data) in enumerate(FORMS.items())
    }
    print(f"{'database':<12}{'action':<24}{'killed':>8}{'unrecorded':>12}{'untrue':>8}{'chain':>8}")
    for name, count in counts.items():
        print(
            f"{database:<12}{name:<24}{count.killed:>8}{count.unrecorded:>12}"
            f"{count.untrue:>8}{count.broken_chains:>8}"
        )
    print(json.dumps({"database": database, "counts": {k: vars(v) for k, v in counts.items()}}))
    return sum(c.unrecorded + c.untrue + c.broken_chains for c in counts.values())


GIFT = {"offer": "2", "period": "week", "reason": "killed"}
FORMS: dict[str, dict[str, str]] = {
    "set_status": {"status": "inactive"},
    "block": {"reason": "killed"},
    "unblock": {},
    "delete": {"reason": "killed", "confirm": "user{key}"},
    "restore": {},
    "assign_plan": GIFT,
    "give_add_on": GIFT,
    "add_note": {"text": "killed"},
    "send_onboarding_email": {},
    "extend_trial": {"days": "7", "reason": "killed"},
    "sign_out": {},
    "impersonate": {"reason": "Asked for help", "minutes": "30"},
    "undo": {},
}
BEFORE = {"unblock": "block", "restore": "delete", "undo": "block"}
"""What has to be done to a user before an action can be."""


def fill() -> None:
    """Make a platform, its owner and a plan."""
    db.session.add(Platform(id=1, slug="acme", name="Acme", color="#123456", logo="acme.svg"))
    db.session.flush()
    db.session.add(user(OWNER, role="owner"))
    for key in (1, 2):
        price: dict[str, Any] = {"price": key, "currency": "EUR"}
        db.session.add(
            Plan(id=key, platform_id=1, name=f"Plan {key}", interval="month", features=[], **price)
        )
        db.session.add(AddOn(id=key, platform_id=1, name=f"Add-on {key}", **price))
    db.session.commit()


def user(key: int, **more: Any) -> User:
    """Return a user of the platform."""
    values: dict[str, Any] = {
        "platform_id": 1,
        "username": f"user{key}",
        "email": f"user{key}@acme.example",
        "password_hash": "x",
        "role": "agent",
        "status": "active",
        "created_at": BUILT,
    }
    return User(id=key, **(values | more))


def kill_everywhere(app: Flask, name: str, data: dict[str, str], points: Iterator[int]) -> Count:
    """Kill one action at these of its points in turn, until it gets through."""
    run(app, name, prepare(app, name), data)  # what it keeps compiled, the children then have
    count = Count()
    for point in points:
        key = prepare(app, name)
        before = state(app, key)
        if not killed(app, partial(run, app, name, key, data), point):
            assert state(app, key) != before, f"{name} got through and changed nothing"
            break
        count.killed += 1
        changed, recorded = state(app, key) != before, name in told(app, key)
        count.unrecorded += changed and not recorded
        count.untrue += recorded and not changed
        count.broken_chains += not verified(app)
    return count


def prepare(app: Flask, name: str) -> int:
    """Make a user whom the action can be done to."""
    with app.app_context():
        key = int(db.session.scalar(sa.select(sa.func.max(User.id))) or 0) + 1
        db.session.add(user(key))
        db.session.flush()
        db.session.add(Subscription(user_id=key, plan_id=1, ends_at=BUILT))
        db.session.commit()
    if name in BEFORE:
        run(app, BEFORE[name], key, FORMS[BEFORE[name]])
    return key


def run(app: Flask, name: str, key: int, data: dict[str, str]) -> None:
    """Do an action as the owner."""
    with app.test_request_context():
        extension = app.extensions["platform_users"]["platform_users"]
        pipeline = Pipeline(
            extension.directory(1),
            extension.policy,
            db.session.get(User, OWNER),
            Settings.of(app).keys(app),
        )
        typed = MultiDict({field: value.format(key=key) for field, value in data.items()})
        action = action_on(extension, name, key)
        pipeline.run(Order(action=action, key=str(key), data=typed))


def action_on(extension: PlatformUsers, name: str, key: int) -> Action:
    """Return an action; one that takes something back is about the last entry of its user."""
    if name != "undo":
        return next(action for action in extension.actions if action.name == name)
    (last, *_) = extension.history(1).page(HistoryQuery(user=str(key))).events
    return Undo(action_on(extension, last.action, key), seq=last.seq)


def killed(app: Flask, work: Callable[[], None], point: int) -> bool:
    """Run some work in a child that is killed at a point; return False if it came to its end."""
    with app.app_context():
        db.engine.dispose()
    child = os.fork()
    if child == 0:
        left = point

        def step(*_: object) -> None:
            nonlocal left
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

        with app.app_context():
            sa.event.listen(db.engine, "before_cursor_execute", step)
            sa.event.listen(db.engine, "commit", step)
            sa.event.listen(db.session, "after_commit", step)
        try:
            work()
        except BaseException:
            sys.excepthook(*sys.exc_info())
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return True
    assert os.WEXITSTATUS(status) == 0, "the child failed"
    return False


def state(app: Flask, key: int) -> Any:
    """Return all that the actions could have changed."""
    with app.app_context():
        tables = app.extensions["platform_users"]["platform_users"].mapping.tables
        held = sa.select(Subscription.plan_id, Subscription.ends_at, SubscriptionAddOn.add_on_id)
        questions = [
            sa.select(User.status).where(User.id == key),
            sa.select(OutgoingMail.template).where(OutgoingMail.user_id == key),
            held.outerjoin(Subscription.add_ons).where(Subscription.user_id == key),
            *(
                sa.select(table).where(table.c.user_key == key)
                for table in (tables.state, tables.note, tables.grant, tables.impersonation)
            ),
        ]
        return [db.session.execute(question).all() for question in questions]


def told(app: Flask, key: int) -> list[str]:
    """Return the actions that the history says were done to a user."""
    with app.app_context():
        extension = app.extensions["platform_users"]["platform_users"]
        history = History(extension.directory(1))
        events = history.page(HistoryQuery(user=str(key), outcome="done")).events
        return [event.action for event in events]


def verified(app: Flask) -> bool:
    """Say whether the chain is whole."""
    with app.app_context():
        mapping = app.extensions["platform_users"]["platform_users"].mapping
        keys = Settings.of(app).keys(app)
        chain = Chain(mapping.tables, db.session, 1, keys, mapping.bind)
        return chain.verify(chain.head()) is None


if __name__ == "__main__":
    sys.exit(1 if main(sys.argv[1], *map(int, sys.argv[2:])) else 0)
