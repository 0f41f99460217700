"""What fails under an action, or in the host's own code, leaves nothing half done."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import psycopg.errors
import pymysql
import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from flask_platform_users.actions import Block
from flask_platform_users.orders import Order, Result
from flask_platform_users.pipeline import Pipeline

from .conftest import on_host
from .office import failing, hidden, verify
from .test_plans import LARGE, Desk, choice
from .world import World


@pytest.fixture
def desk(world: World) -> Desk:
    return Desk(world)


# Code of the host


def ruin(how: str, desk: Desk) -> None:
    """Do what a hook must not."""
    if how == "raise":
        raise RuntimeError("The host is broken.")
    getattr(desk.host.db.session, how)()


def hooks(desk: Desk) -> dict[str, tuple[str, Any, str]]:
    """Return each hook's name: an action that asks it, and what it is an attribute of."""
    extension: Any = desk.world.extension
    billing, policy = type(extension.billing), extension.policy
    return {
        "Block.refusal": ("block", Block, "refusal"),
        "Block.build_form": ("block", Block, "build_form"),
        "Block.impact": ("block", Block, "impact"),
        "Block.facts": ("block", Block, "facts"),
        "Block.perform": ("block", Block, "perform"),
        "PlatformUsers(impact=...)": ("block", extension, "impact"),
        "Policy.platform_of": ("block", policy, "platform_of"),
        "Policy.allows": ("block", policy, "allows"),
        "Policy.outranks": ("block", policy, "outranks"),
        "Policy.has_owner": ("block", policy, "has_owner"),
        "Policy.id_of": ("block", policy, "id_of"),
        "Policy.name_of": ("block", policy, "name_of"),
        "Status(write=...)": ("set_status", extension, "_mapping"),
        "Billing.offers": ("assign_plan", billing, "offers"),
        "Billing.managed": ("assign_plan", billing, "managed"),
        "Billing.subscription": ("assign_plan", billing, "subscription"),
        "Billing.assign": ("assign_plan", billing, "assign"),
    }


@contextmanager
def ruined(desk: Desk, owner: Any, attribute: str, how: str) -> Iterator[None]:
    """Let a hook do its work, and then, while an action is done, what it must not."""
    real, run = getattr(owner, attribute), Pipeline.run
    running: list[Order] = []

    def hook(*arguments: Any, **more: Any) -> Any:
        found = real(*arguments, **more) if real is not None else ()
        if running:
            ruin(how, desk)
        return found

    def run_noted(pipeline: Pipeline, order: Order) -> Result:
        running.append(order)
        try:
            return run(pipeline, order)
        finally:
            running.clear()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Pipeline, "run", run_noted)
        if attribute == "has_owner":  # asked after something was done to somebody like oneself
            policy = desk.world.extension.policy
            patch.setattr(policy, "platform_of", lambda _: desk.platform)
            patch.setattr(policy, "outranks", lambda *_: True)
        if attribute == "_mapping":
            users = real.users
            real, mapping = users.status.write, real
            status = replace(users.status, write=hook)
            hook_mapping = replace(mapping, users=replace(users, status=status))
            patch.setattr(owner, attribute, hook_mapping)
        else:
            patch.setattr(owner, attribute, hook)
        yield


@on_host("e-token")
@pytest.mark.parametrize("how", ["raise", "commit", "rollback"])
def test_a_hook_that_misbehaves_is_named_and_leaves_nothing_half_done(desk: Desk, how: str) -> None:
    form = desk.open("assign_plan")
    large = choice(form, "Large")
    shown = desk.send("assign_plan", desk.user, hidden(form) | LARGE | {"offer": large})
    fields = {
        "block": desk.hidden("block", desk.user) | {"reason": "x"},
        "set_status": desk.hidden("set_status", desk.user) | {"status": "inactive"},
        "assign_plan": hidden(shown) | LARGE | {"offer": large},
    }
    for name, (action, owner, attribute) in hooks(desk).items():
        with ruined(desk, owner, attribute, how):
            answer = desk.send(action, desk.user, fields[action] | {"request_id": name})
        assert (answer.status_code, f"({name})" in answer.text) == (500, True), name
        assert desk.status(desk.user) == "active", name
        assert desk.kept() == ("Medium", 0), name
        assert desk.grants() == [], name
        if name not in {"Policy.id_of", "Policy.name_of"}:  # without them nothing can be told
            assert desk.told()[-1] == (action, "failed"), name
    assert {outcome for _, outcome in desk.told()} == {"failed"}
    verify(desk)


# The database


AGAIN: dict[str, list[Callable[[], Exception]]] = {
    "postgresql": [psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected],
    "mariadb": [lambda: pymysql.OperationalError(1213, "Deadlock found")],
    "sqlite": [lambda: busy("SQLITE_BUSY"), lambda: busy("SQLITE_BUSY_SNAPSHOT")],
}


def busy(name: str) -> sqlite3.OperationalError:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorname = name
    return error


@contextmanager
def conflicting(desk: Desk, error: Callable[[], Exception], times: int) -> Iterator[None]:
    """Have the database ask for another try when an event is written, so many times."""
    left = [times]

    def strike(_cursor: Any, statement: str, *_: Any) -> None:
        if left[0] and statement.startswith("INSERT INTO platform_users_event "):
            left[0] -= 1
            raise error()

    for engine in desk.world.engines:
        sa.event.listen(engine, "do_execute", strike)
    try:
        yield
    finally:
        for engine in desk.world.engines:
            sa.event.remove(engine, "do_execute", strike)


@on_host("f-binds")
def test_a_conflict_is_tried_again_three_times_and_then_answered_with_503(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(Block, "committed", lambda _, unit: told.append(unit.user.name))
    fields = desk.hidden("block", desk.user) | {"reason": "x"}
    for error in AGAIN[desk.world.database]:
        with conflicting(desk, error, 4):
            answer = desk.send("block", desk.user, fields)
        assert (answer.status_code, answer.headers["Retry-After"]) == (503, "10")
        assert (desk.status(desk.user), desk.told(), told) == ("active", [], [])
    with conflicting(desk, AGAIN[desk.world.database][0], 3):
        assert desk.send("block", desk.user, fields).status_code == 303
    assert (desk.status(desk.user), desk.told()) == ("blocked", [("block", "done")])
    assert told == [desk.name]
    verify(desk)


@on_host("g-security")
def test_a_plan_is_given_whole_or_not_at_all_whichever_statement_fails(desk: Desk) -> None:
    shown, given = desk.fill("assign_plan", "Large")
    fields = hidden(shown) | given
    for number in range(200):
        with failing(desk.world, number):
            answer = desk.send("assign_plan", desk.user, fields)
        if answer.status_code == 303:
            break
        assert answer.status_code == 503
        assert (desk.kept(), desk.grants(), desk.told()) == (("Medium", 0), [], [])
    assert number > 20
    assert (desk.kept(), desk.told()) == (("Large", 0), [("assign_plan", "done")])
    verify(desk)


@on_host("a-enum")
def test_without_a_history_nothing_is_changed(desk: Desk) -> None:
    event = desk.world.extension.mapping.tables.event
    fields = desk.hidden("block", desk.user) | {"reason": "x"}
    rename = f"ALTER TABLE {event.name} RENAME TO gone"
    back = f"ALTER TABLE gone RENAME TO {event.name}"
    (engine,) = desk.world.engines
    with engine.begin() as connection:
        connection.execute(sa.text(rename))
    try:
        assert desk.send("block", desk.user, fields).status_code in {500, 503}
    finally:
        with engine.begin() as connection:
            connection.execute(sa.text(back))
    assert (desk.status(desk.user), desk.told()) == ("active", [])
    assert desk.send("block", desk.user, fields).status_code == 303
    verify(desk)


CLOSED = {
    "sqlite": ("BEGIN IMMEDIATE", "PRAGMA busy_timeout = 20", "PRAGMA query_only = ON"),
    "postgresql": ("LOCK TABLE {} IN EXCLUSIVE MODE", None, "SET TRANSACTION READ ONLY"),
    "mariadb": (
        "LOCK TABLES {} READ",
        "SET SESSION lock_wait_timeout = 0",
        "SET TRANSACTION READ ONLY",
    ),
}
"""How to lock the history, how not to wait for it for long, and how to make all read-only."""


@on_host("a-enum")
def test_while_the_history_is_locked_or_read_only_nothing_is_changed(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_platform_users.transaction.WAIT", "20ms")
    lock, hurry, read_only = CLOSED[desk.world.database]
    event = desk.world.extension.mapping.tables.event.name
    fields = desk.hidden("block", desk.user) | {"reason": "x"}
    (engine,) = desk.world.engines

    def sent_while(prepare: str | None) -> TestResponse:
        def begin(connection: sa.Connection) -> None:
            if prepare is not None:
                connection.exec_driver_sql(prepare)

        sa.event.listen(engine, "begin", begin)
        try:
            return desk.send("block", desk.user, fields)
        finally:
            sa.event.remove(engine, "begin", begin)
            engine.dispose()  # what the connections were told goes with them

    with engine.connect() as other:
        other.exec_driver_sql(lock.format(event))
        assert sent_while(hurry).status_code == 503
        other.invalidate()
    assert sent_while(read_only).status_code == 503
    assert (desk.status(desk.user), desk.told()) == ("active", [])
    assert desk.send("block", desk.user, fields).status_code == 303
    verify(desk)
