"""The commands settle what ended by itself, and check the history."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from example_app.models import User, db
from flask_platform_users.actions import EndBlock, Unit
from flask_platform_users.doctor.finding import Finding
from flask_platform_users.doctor.signing import signed_out
from flask_platform_users.history import HistoryQuery

from .product import DATABASES, UNTIL, USERS, Product, opened


@pytest.fixture(scope="module", params=DATABASES)
def product(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    with opened(request.param, tmp_path_factory.mktemp("cli")) as product:
        yield product


def blocked_until_just_now(product: Product) -> int:
    """Return a pending user whose block has ended and is not settled yet."""
    key, _ = product.some_user()
    product.act("set_status", key, status="pending")
    product.act("block", key, reason="under review", until=UNTIL)
    product.keep(key, blocked_until=datetime.now(UTC) - timedelta(seconds=1))
    return key


def status_in_the_host(product: Product, key: int) -> str:
    user = product.user(key)
    assert user is not None
    return user.status


def test_tick_writes_the_status_from_before_an_ended_block(product: Product) -> None:
    key = blocked_until_just_now(product)
    assert status_in_the_host(product, key) == "blocked"
    assert product.run("tick") == (0, "Settled what had ended for 1 user.\n")
    assert status_in_the_host(product, key) == "pending"
    event = product.events(key)[-1]
    assert (event.action, event.actor) == ("end_block", None)
    page = product.owner.get(f"{USERS}/id/{key}").text
    assert "The system ended the block of" in page


def test_a_second_tick_finds_nothing(product: Product) -> None:
    key = blocked_until_just_now(product)
    product.run("tick")
    before = product.events(key)
    assert product.run("tick") == (0, "Settled what had ended for 0 users.\n")
    assert product.events(key) == before


def test_tick_leaves_a_status_that_the_host_has_changed_since(product: Product) -> None:
    key = blocked_until_just_now(product)
    with product.app.app_context():
        db.session.get_one(User, key).status = "inactive"
        db.session.commit()
    assert product.run("tick")[0] == 0
    assert status_in_the_host(product, key) == "inactive"


def test_tick_leaves_blocks_that_have_not_ended(product: Product) -> None:
    key, _ = product.some_user()
    product.act("block", key, reason="under review", until=UNTIL)
    product.run("tick")
    assert status_in_the_host(product, key) == "blocked"


def test_the_block_of_a_deleted_user_is_settled_once_they_are_back(product: Product) -> None:
    key, name = product.some_user()
    product.act("block", key, reason="under review", until=UNTIL)
    product.delete(key, name)
    product.keep(key, blocked_until=datetime.now(UTC) - timedelta(seconds=1))
    assert product.run("tick") == (0, "Settled what had ended for 0 users.\n")
    product.act("restore", key)
    assert product.run("tick") == (0, "Settled what had ended for 1 user.\n")
    assert status_in_the_host(product, key) == "active"


def start(product: Product, *arguments: str) -> "subprocess.Popen[str]":
    """Run a command in a process of its own."""
    url = product.app.config["SQLALCHEMY_DATABASE_URI"].render_as_string(hide_password=False)
    factory = f"example_app:create_app({url!r}, config={{'SECRET_KEY': 'secret'}})"
    return subprocess.Popen(
        [sys.executable, "-m", "flask", "--app", factory, "platform-users", *arguments],
        cwd=Path(__file__).parent.parent,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


@pytest.mark.parametrize("command", ["tick", "purge"])
def test_two_processes_at_once_do_everything_once(product: Product, command: str) -> None:
    past = datetime.now(UTC) - timedelta(seconds=1)
    keys = [product.some_user()[0] for _ in range(25)]
    ended = (
        {"blocked_at": past, "blocked_until": past, "status_before": "active"}
        if command == "tick"
        else {"deleted_at": past, "purge_at": past}
    )
    with product.app.app_context():
        rows = [{"platform_key": 1, "user_key": key, **ended} for key in keys]
        db.session.execute(sa.insert(product.state), rows)
        db.session.commit()
    arguments = ("tick",) if command == "tick" else ("purge", "--yes")
    processes = [start(product, *arguments) for _ in range(2)]
    said = [process.communicate(timeout=120)[0] for process in processes]
    assert [process.returncode for process in processes] == [0, 0], said
    assert [len(product.events(key)) for key in keys] == [1] * len(keys)
    assert product.run("audit", "verify")[0] == 0


def test_a_platform_can_be_purged_alone(product: Product) -> None:
    key, name = product.some_user()
    product.delete(key, name)
    product.end_grace(key)
    assert product.run("purge", "--yes", "--platform", "2")[0] == 0
    assert product.user(key) is not None
    assert product.run("purge", "--yes", "--platform", "1")[0] == 0
    assert product.user(key) is None


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("purge", "--platform", "acme"), "--platform acme is not a key of a platform."),
        (("tick", "--mount", "clients"), "Say which mount: --mount platform_users."),
    ],
)
def test_a_wrong_option_is_a_clear_sentence(
    product: Product, arguments: tuple[str, ...], sentence: str
) -> None:
    code, said = product.run(*arguments)
    assert code == 2
    assert sentence in said


def test_a_history_that_nobody_touched_verifies(product: Product, tmp_path: Path) -> None:
    product.act("block", product.some_user()[0], reason="under review")
    anchor = tmp_path / "anchor"
    assert product.run("audit", "anchor", str(anchor))[0] == 0
    (line,) = map(json.loads, anchor.read_text().splitlines())
    assert (line["mount"], line["platform"]) == ("platform_users", "1")
    code, said = product.run("audit", "verify", "--anchor", str(anchor))
    assert code == 0
    assert f"Platform 1: {line['seq']:,} entries, as they were written." in said


def without_triggers() -> None:
    dialect = db.engine.dialect.name
    names = {
        "sqlite": ["no_update", "no_delete", "no_replace"],
        "postgresql": ["no_change", "no_truncate"],
    }.get(dialect, ["no_update", "no_delete"])
    on = " ON platform_users_event" if dialect == "postgresql" else ""
    for name in names:
        db.session.execute(sa.text(f"DROP TRIGGER IF EXISTS platform_users_event_{name}{on}"))


def test_the_first_bad_entry_is_named(product: Product) -> None:
    for _ in range(2):
        product.act("block", product.some_user()[0], reason="under review")
    event = product.extension.mapping.tables.event
    with product.app.app_context():
        last = product.extension.chain(1).head()[0]
        without_triggers()
        one = sa.and_(event.c.platform_key == 1, event.c.seq == last - 1)
        was = db.session.execute(sa.select(event.c.action).where(one)).scalar_one()
        db.session.execute(sa.update(event).where(one).values(action="unblock"))
        db.session.commit()
    code, said = product.run("audit", "verify", "--platform", "1")
    assert code == 1
    assert f"Platform 1: entry {last - 1} is bad. It is not what was written." in said
    with product.app.app_context():
        db.session.execute(sa.update(event).where(one).values(action=was))
        db.session.commit()
    assert product.run("audit", "verify")[0] == 0


def test_a_history_that_was_cut_off_whole_is_missed_by_its_anchor(
    product: Product, tmp_path: Path
) -> None:
    anchor = tmp_path / "anchor"
    line = {"mount": "platform_users", "platform": "2", "seq": 9, "mac": "0" * 64}
    anchor.write_text(json.dumps(line))
    code, said = product.run("audit", "verify", "--anchor", str(anchor))
    assert code == 1
    assert "Platform 2: entry 1 is bad. The chain ends before" in said


def test_an_anchor_that_cannot_be_read_is_refused(product: Product, tmp_path: Path) -> None:
    anchor = tmp_path / "anchor"
    for text in (
        "not json",
        "[]",
        '{"mount": "platform_users", "platform": "1", "seq": 1, "mac": "é"}',
    ):
        anchor.write_text(text)
        code, said = product.run("audit", "verify", "--anchor", str(anchor))
        assert code == 2
        assert "Line 1 of the anchor cannot be read." in said


def test_a_person_is_erased_from_the_history_and_it_still_verifies(product: Product) -> None:
    key, name = product.some_user()
    product.act("block", key, reason="told us that they are ill")
    assert product.events(key)[0].user_name == name
    code, said = product.run("audit", "erase", str(key), "--platform", "1")
    assert (code, said) == (0, "Erased from 1 entry.\n")
    told = product.events(key)
    assert [event.action for event in told] == ["block", "erase_history"]
    assert (told[0].user_name, told[0].reason, told[0].address) == ("", "", "")
    assert product.run("audit", "verify")[0] == 0


def test_erasing_somebody_of_whom_nothing_is_told_records_nothing(product: Product) -> None:
    key, _ = product.some_user()
    assert product.run("audit", "erase", str(key), "--platform", "1")[1].startswith("Erased from 0")
    assert product.events(key) == []
    assert product.run("audit", "erase", "nobody", "--platform", "1")[0] == 2


def test_what_failed_in_a_tick_is_said_and_the_rest_is_done(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = (blocked_until_just_now(product) for _ in range(2))
    perform = EndBlock.perform

    def failing(self: EndBlock, unit: Unit) -> bool | None:
        if unit.user.key == bad:
            raise RuntimeError("out of paper")
        return perform(self, unit)

    with monkeypatch.context() as patch:
        patch.setattr(EndBlock, "perform", failing)
        code, said = product.run("tick")
    assert code == 1
    assert f"User {bad} of platform 1: EndBlock.perform raised RuntimeError" in said
    assert status_in_the_host(product, good) == "pending"
    with product.app.app_context():
        query = HistoryQuery(user=str(bad), outcome="failed")
        assert len(product.extension.history(1).page(query).events) == 1
    assert product.run("tick")[0] == 0
    assert status_in_the_host(product, bad) == "pending"


def test_doctor_finds_who_was_signed_out_before_their_rows_could_tell(product: Product) -> None:
    key, _ = product.some_user()
    product.act("sign_out", key)

    def findings() -> list[Finding]:
        with product.app.app_context():
            return list(signed_out(product.extension, product.app))

    def execute(statement: str) -> None:
        with product.app.app_context():
            db.session.execute(sa.text(statement))
            db.session.commit()

    assert [finding.level for finding in findings()] == ["ok"]
    execute(f"UPDATE users SET signed_out_at = NULL WHERE id = {key}")
    (fault,) = findings()
    assert fault.level == "fault"
    execute(*fault.sql)
    assert [finding.level for finding in findings()] == ["ok"]
