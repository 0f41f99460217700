"""Many at once, jobs and undo from a terminal: tried first, asked for, and a code to trust."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from flask_platform_users import Action, bulk, choosing, job_records, jobs
from flask_platform_users.actions import Block
from flask_platform_users.errors import RefusedError

from .conftest import DATABASES, on_host
from .hosts import Key
from .office import Office, verify
from .terminal import Said, login_id, run
from .world import World

SHAPES = pytest.mark.parametrize(
    "used_world",
    [f"{host}/{name}" for host in ("a-enum", "c-membership", "d-strings") for name in DATABASES],
    indirect=True,
)
"""Keys of integers and of words, users by column and by membership."""

ANYWHERE = pytest.mark.parametrize("used_world", ["a-enum/sqlite"], indirect=True)
"""For what neither schema nor database has a part in."""

SPAM = ("--field", "reason=spam")
CREW = ("--search", "crew")


class Bridge(Office):
    """An office with a crew of five, all active, and its owner at a terminal."""

    def __init__(self, world: World, name: str = "crew") -> None:
        super().__init__(world)
        self.login = login_id(world, self.owner)
        people = [world.person(self.platform, f"{name}{n}") for n in range(5)]
        self.crew: list[Key] = world.add(*people)

    def run(self, *arguments: object, who: str | None = None, **options: Any) -> Said:
        """Run a command as the owner."""
        return run(self.world, *arguments, "--as", who or self.login, **options)

    def now(self) -> list[str]:
        """Return the statuses of the crew."""
        return [self.status(key) for key in self.crew]

    def jobs(self) -> list[Any]:
        """Return the jobs of the platform."""
        return self.run("jobs", "list", "--json").lines

    def tried(self) -> Any:
        """Try to block the crew, and keep that."""
        return self.run("run", "block", *CREW, *SPAM, "--dry-run", "--json").json


@pytest.fixture
def bridge(world: World) -> Bridge:
    return Bridge(world)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take three users for many, and two for a unit."""
    for module in (bulk, job_records, jobs):
        monkeypatch.setattr(module, "TOGETHER", 3)
    monkeypatch.setattr("flask_platform_users.cli.many.TOGETHER", 3)
    monkeypatch.setattr(jobs, "CHUNK", 2)


def counts(done: int = 0, unchanged: int = 0, left: int = 0) -> dict[str, int]:
    return {"done": done, "unchanged": unchanged, "left": left}


# What is done


@SHAPES
def test_many_are_tried_then_done_and_taken_back(bridge: Bridge) -> None:
    tried = bridge.tried()
    assert (tried["state"], tried["expected"]) == ("ready", counts(done=5))
    assert (bridge.now(), bridge.told(), bridge.jobs()) == (["active"] * 5, [], [])
    (late,) = bridge.world.add(bridge.world.person(bridge.platform, "crew.late"))
    said = bridge.run("jobs", "resume", tried["id"], "--yes")
    assert said.code == 0, said.err
    assert "Block: 5 users. All that matched “crew”." in said.out
    assert said.out.splitlines()[-1] == f"Job {tried['id']}: 5 changed."
    assert bridge.now() == ["blocked"] * 5
    assert bridge.status(late) == "active", "who joins the filter later is not touched"
    assert bridge.told() == [("block", "done")] * 5 + [("many", "done")]
    assert {event.address for event in bridge.events()} == {"command line"}
    users = bridge.run("jobs", "users", tried["id"], "--json").lines
    assert sorted(user["key"] for user in users) == sorted(map(str, bridge.crew))
    bridge.do("unblock", bridge.crew[0])
    back = bridge.run("jobs", "undo", tried["id"], "--yes")
    assert back.code == 3
    assert "crew0 was changed since then" in back.out
    assert (bridge.now(), bridge.told()[-1]) == (["active"] * 5, ("many", "done"))
    verify(bridge)


@SHAPES
def test_users_are_named_by_keys_in_a_file_or_from_another_command(
    bridge: Bridge, tmp_path: Path
) -> None:
    elsewhere = bridge.world.platform("Globex")
    (foreign,) = bridge.world.add(bridge.world.person(elsewhere))
    file = tmp_path / "keys"
    file.write_text("\n".join(map(str, [*bridge.crew, "", bridge.crew[0]])))
    said = bridge.run("run", "block", "--keys", file, *SPAM, "--yes", "--json")
    assert (said.code, said.json["outcomes"]) == (0, counts(done=5))
    assert said.json["chosen"] == "Named by their keys\nReason: spam"
    ask = ("run", "unblock", "--keys", "-", "--yes", "--json")
    keys = f"{bridge.crew[0]}\n{foreign}\n'; DROP TABLE users; --\n"
    refused = bridge.run(*ask, input=keys)
    assert (refused.code, refused.out) == (1, "")
    assert f"There is no user “{foreign}”" in refused.err
    assert (bridge.now(), bridge.told()[-1]) == (["blocked"] * 5, ("unblock", "refused"))
    each = bridge.run(*ask, "--each", input=keys)
    assert (each.code, each.json["outcomes"]) == (3, counts(done=1))
    assert each.json["unknown"] == [str(foreign), "'; DROP TABLE users; --"]
    assert bridge.now() == ["active"] + ["blocked"] * 4
    verify(bridge)


@SHAPES
def test_all_or_nobody_unless_each_is_asked_for(bridge: Bridge) -> None:
    bridge.do("block", bridge.crew[1], reason="before")
    ask = ("run", "block", *CREW, *SPAM, "--yes")
    refused = bridge.run(*ask)
    assert refused.code == 1
    assert "crew1 is blocked already. (1 user)" in refused.out
    assert "It cannot be done to 1 user. Nothing was done. --each leaves them out." in refused.err
    assert bridge.now() == ["active", "blocked", "active", "active", "active"]
    assert (bridge.told()[-1], bridge.jobs()) == (("block", "refused"), [])
    each = bridge.run(*ask, "--each", "--json")
    assert (each.code, each.json["outcomes"]) == (3, counts(done=4, left=1))
    assert bridge.now() == ["blocked"] * 5
    again = bridge.run(*ask, "--each")
    assert (again.code, bridge.told()[-1]) == (1, ("block", "refused"))


@SHAPES
def test_one_entry_is_taken_back_once(bridge: Bridge) -> None:
    bridge.run("block", bridge.crew[0], "--reason", "spam", "--yes")
    (event, *_) = bridge.events()
    for answer in ("n\n", ""):
        assert bridge.run("undo", event.seq, input=answer).code == 1
    tried = bridge.run("undo", event.seq, "--dry-run", "--json")
    assert (tried.code, tried.json["outcome"]) == (0, "dry_run")
    assert bridge.told() == [("block", "done")]
    said = bridge.run("undo", event.seq, input="y\n")
    assert said.code == 0, said.err
    assert "blocked crew0." in said.out
    assert said.out.endswith("took back what was done to crew0.\n")
    assert bridge.now() == ["active"] * 5
    again = bridge.run("undo", event.seq, "--yes")
    assert (again.code, "was changed since then" in again.err) == (1, True)
    bridge.run("run", "add-note", bridge.crew[0], "--field", "text=hello")
    for seq, sentence in (
        (bridge.events()[0].seq, "cannot be taken back"),
        (10**6, "There is no such entry"),
        (2**70, "There is no such entry"),
    ):
        refused = bridge.run("undo", seq, "--yes")
        assert (refused.code, sentence in refused.err) == (1, True), seq
    assert bridge.told()[1:] == [
        ("undo", "done"),
        ("undo", "refused"),
        ("add_note", "done"),
        ("undo", "refused"),
    ]
    verify(bridge)


@ANYWHERE
def test_the_filters_of_the_list_choose(bridge: Bridge) -> None:
    bridge.do("block", bridge.crew[0], reason="before")
    for chosen, filters in (
        (("--where", "status=active"), ("--status", "active")),
        (("--where", "status=blocked", *CREW), ("--status", "blocked", *CREW)),
        (("--all",), ()),
    ):
        listed = bridge.run("list", *filters, "--json").lines
        said = bridge.run("run", "sign-out", *chosen, "--each", "--dry-run", "--json")
        assert (said.code, said.json["total"]) == (0, len(listed)), said.err
    nobody = ("--where", "role=admin", "--where", "channel=whatsapp")
    said = bridge.run("run", "sign-out", *nobody, "--dry-run")
    assert (said.code, said.err) == (1, "Error: Nobody is chosen.\n")
    assert bridge.told() == [("block", "done")], "what was only tried is no refusal"


@ANYWHERE
def test_deleted_users_are_chosen_by_their_status(bridge: Bridge) -> None:
    wrong = bridge.run("run", "delete", *CREW, *SPAM, input="4\n")
    assert (wrong.code, "This is not “5”." in wrong.err) == (1, True)
    assert "Type 5, the number of users, to confirm" in wrong.out
    assert (bridge.told(), bridge.jobs()) == ([], [])
    assert bridge.run("run", "delete", *CREW, *SPAM, input="5\n").code == 0
    said = bridge.run("run", "restore", "--where", "status=deleted", input="y\n")
    assert said.code == 0, said.err
    assert bridge.now() == ["active"] * 5


@ANYWHERE
def test_nothing_is_done_to_many_without_a_yes(bridge: Bridge) -> None:
    for answer in ("n\n", ""):
        said = bridge.run("run", "block", *CREW, *SPAM, input=answer)
        assert said.code == 1
        assert "Block: 5 users?" in said.out
    assert (bridge.now(), bridge.told(), bridge.jobs()) == (["active"] * 5, [], [])
    table = bridge.world.extension.mapping.tables.job
    with bridge.world.directory(bridge.platform) as directory:
        left = directory.session.execute(sa.select(table.c.id)).all()
    assert left == [], "what was answered with no is forgotten"
    same = bridge.run("run", "set-status", *CREW, "--field", "status=active", "--yes")
    assert (same.code, same.out.splitlines()[-1]) == (0, "There was nothing to do.")


@ANYWHERE
def test_an_action_of_the_product_is_done_to_many_where_it_says_so(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Greet(Action):
        name = "greet"
        label = "Greet"
        done = "greeted {user}"
        for_many = True

        def perform(self, unit: Any) -> bool:
            return bool(unit.user.name != "crew0")

    extension, greet = bridge.world.extension, Greet()
    monkeypatch.setattr(extension, "actions", (*extension.actions, greet))
    with bridge.world.app.app_context():
        monkeypatch.setitem(extension._views().door.actions, "greet", greet)
    said = bridge.run("run", "greet", *CREW, "--yes", "--json")
    assert (said.code, said.json["outcomes"]) == (0, counts(done=4, unchanged=1)), said.err


# What takes long


@pytest.mark.usefixtures("small")
@ANYWHERE
def test_more_than_are_done_together_are_done_each_on_their_own_and_that_is_shown(
    bridge: Bridge,
) -> None:
    ask = ("run", "block", *CREW, *SPAM, "--yes", "--json")
    refused = bridge.run(*ask)
    assert (refused.code, "No more than 3 users are done all or nobody." in refused.err) == (
        1,
        True,
    )
    said = bridge.run(*ask, "--each")
    assert (said.code, said.json["outcomes"]) == (0, counts(done=5)), said.err
    bars = ("Finding out what would happen: 5 users", "Block: 5 users")
    assert set(bars) <= set(said.err.splitlines())
    assert bridge.now() == ["blocked"] * 5


@pytest.mark.usefixtures("small")
@ANYWHERE
def test_who_interrupts_a_job_stops_it(bridge: Bridge, monkeypatch: pytest.MonkeyPatch) -> None:
    perform, left = Block.perform, [5 + 3]  # all are tried before

    def performed(self: Block, unit: Any) -> Any:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        return perform(self, unit)

    monkeypatch.setattr(Block, "perform", performed)
    said = bridge.run("run", "block", *CREW, *SPAM, "--each", "--yes")
    assert (said.code, "is stopped; what was done stays done." in said.err) == (1, True)
    (job,) = bridge.jobs()
    assert (job["state"], job["waiting"]) == ("cancelling", 3)
    with bridge.world.app.app_context():
        extension = bridge.world.extension
        table = extension.mapping.tables.job
        extension.db.session.execute(sa.update(table).values(claimed_until=None))
        extension.db.session.commit()
        assert extension.resume_jobs() == 1
    shown = bridge.run("jobs", "show", job["id"])
    assert shown.out.splitlines()[-1] == "Cancelled: It was cancelled."
    assert bridge.told() == [("block", "done")] * 2 + [("many", "done")]
    verify(bridge)


@pytest.mark.usefixtures("small")
@ANYWHERE
def test_a_job_that_goes_on_elsewhere_is_waited_for(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    extension = bridge.world.extension
    monkeypatch.setattr(extension, "start_job", lambda _: None)
    tried = bridge.run("run", "block", *CREW, *SPAM, "--each", "--dry-run", "--json").json
    confirm(bridge, tried["id"])
    shown = bridge.run("jobs", "show", tried["id"]).out
    assert shown.splitlines()[-1] == "Waiting"
    monkeypatch.setattr("time.sleep", lambda _: extension.run_job(tried["id"]))
    said = bridge.run("jobs", "show", tried["id"], "--wait")
    assert (said.code, said.out) == (0, f"Job {tried['id']}: 5 changed.\n")
    assert bridge.run("jobs", "show", tried["id"], "--wait", "--json").json["state"] == "done"


def confirm(bridge: Bridge, job_id: str) -> None:
    """Confirm what was tried, and leave it there."""
    with bridge.world.app.app_context():
        them = bridge.world.extension.jobs(bridge.platform)
        job = them.get(job_id)
        assert job is not None
        them.queue(job)
        them.session.commit()


@ANYWHERE
def test_what_was_cut_off_goes_on(bridge: Bridge) -> None:
    job = bridge.tried()
    confirm(bridge, job["id"])
    said = bridge.run("jobs", "resume", job["id"])
    assert (said.code, bridge.now()) == (0, ["blocked"] * 5)
    again = bridge.run("jobs", "resume", job["id"])
    assert (again.code, again.out) == (0, said.out)
    assert bridge.told() == [("block", "done")] * 5 + [("many", "done")]


@ANYWHERE
def test_jobs_are_listed_shown_and_stopped(bridge: Bridge) -> None:
    tried = bridge.tried()
    shown = bridge.run("jobs", "show", tried["id"])
    assert shown.code == 0
    assert "  5 would change" in shown.out.splitlines()
    assert shown.out.splitlines()[-1] == "Not done yet"
    assert bridge.run("jobs", "cancel", tried["id"]).out == "It is forgotten. Nothing was done.\n"
    assert bridge.run("jobs", "show", tried["id"]).code == 1
    for name in ("block", "unblock"):
        assert bridge.run("run", name, *CREW, *SPAM[: 2 * (name == "block")], "--yes").code == 0
    listed = bridge.jobs()
    assert [job["action"] for job in listed] == ["unblock", "block"]
    table = bridge.run("jobs", "list", "--limit", "1")
    assert [line.split()[1] for line in table.out.splitlines()] == ["Action", "Unblock"]
    assert "There may be more" in table.err
    for job in listed:
        assert bridge.run("jobs", "cancel", job["id"]).code == 1, "it was over already"
    queued = bridge.tried()
    confirm(bridge, queued["id"])
    assert "It stops" in bridge.run("jobs", "cancel", queued["id"]).out
    ended = bridge.run("jobs", "resume", queued["id"])
    assert (ended.code, "It was cancelled. Nothing was done to 5 users." in ended.err) == (1, True)
    users = bridge.run("jobs", "users", listed[0]["id"], "--limit", "2")
    assert (len(users.out.splitlines()), "There are more" in users.err) == (3, True)


# At the same moment


def trial_of_yesterday(bridge: Bridge) -> str:
    """Try to block the crew, and leave it for more than a day."""
    job_id: str = bridge.tried()["id"]
    table, engines = bridge.world.extension.mapping.tables.job, bridge.world.engines
    with engines[-1].begin() as connection:
        long_ago = datetime.now(UTC) - timedelta(hours=25)
        connection.execute(sa.update(table).where(table.c.id == job_id).values(made_at=long_ago))
    return job_id


@on_host("a-enum")
def test_what_nobody_went_on_with_for_a_day_is_forgotten(bridge: Bridge) -> None:
    gone, kept = trial_of_yesterday(bridge), bridge.tried()["id"]
    begun = trial_of_yesterday(bridge)
    confirm(bridge, begun)
    said = run(bridge.world, "tick")
    assert "Forgot 1 choice that nobody went on with." in said.out
    assert "Went on with 1 job." in said.out
    assert bridge.run("jobs", "show", gone).code == 1
    for job_id, state in ((kept, "ready"), (begun, "done")):
        assert bridge.run("jobs", "show", job_id, "--json").json["state"] == state
    assert bridge.now() == ["blocked"] * 5
    assert "Forgot" not in run(bridge.world, "tick").out


@pytest.mark.parametrize("who", ["its owner", "the clock"])
@on_host("a-enum")
def test_a_job_that_is_begun_while_it_is_forgotten_is_not_lost(bridge: Bridge, who: str) -> None:
    job_id = trial_of_yesterday(bridge)
    extension = bridge.world.extension
    table = extension.mapping.tables.job

    (engine,) = bridge.world.engines
    begun: list[str] = []

    def begin(_c: Any, _cursor: Any, text: str, *_: Any) -> None:
        if text.startswith(f"DELETE FROM {table.name} ") and not begun:
            begun.append(text)
            with engine.begin() as connection:
                connection.execute(sa.update(table).values(state="queued"))

    sa.event.listen(engine, "before_cursor_execute", begin)
    try:
        asked = (
            ("jobs", "cancel", job_id, "--as", bridge.login) if who == "its owner" else ("tick",)
        )
        assert run(bridge.world, *asked).code == 0
    finally:
        sa.event.remove(engine, "before_cursor_execute", begin)
    assert len(begun) == 1
    assert bridge.run("jobs", "resume", job_id).code == (who == "its owner")
    shown = bridge.run("jobs", "show", job_id, "--json").json
    assert shown["total"] == 5
    assert shown["state"] == ("cancelled" if who == "its owner" else "done")


@on_host("a-enum")
def test_who_confirms_what_was_cancelled_is_told_so(bridge: Bridge) -> None:
    job_id = bridge.tried()["id"]
    with bridge.world.app.app_context():
        extension = bridge.world.extension
        them = extension.jobs(bridge.platform)
        job = them.get(job_id)
        assert job is not None
        assert bridge.run("jobs", "cancel", job_id).code == 0
        works = bulk.Bulk(extension, bridge.platform, None, owner_id="", address="")  # type: ignore[arg-type]
        with pytest.raises(RefusedError, match="This was cancelled"):
            works.confirm(job)


# Who may, and what cannot be meant


@ANYWHERE
def test_whoever_may_not_is_refused_and_that_is_recorded(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = bridge.tried()
    done = bridge.run("run", "set-status", *CREW, "--field", "status=inactive", "--yes", "--json")
    before, policy = len(bridge.told()), bridge.world.extension.policy
    monkeypatch.setattr(policy, "allows", lambda _actor, action, _user=None: action == "view")
    refused: tuple[tuple[object, ...], ...] = (
        ("run", "block", *CREW, *SPAM, "--yes"),
        ("jobs", "resume", tried["id"], "--yes"),
        ("jobs", "undo", done.json["id"], "--yes"),
        ("undo", done.json["event"], "--yes"),
        ("undo", done.json["event"] - 1, "--yes"),
    )
    for asked in refused:
        said = bridge.run(*asked)
        assert (said.code, "You may not do this" in said.err) == (1, True), asked
    assert [outcome for _, outcome in bridge.told()[before:]] == ["refused"] * len(refused)
    assert bridge.now() == ["inactive"] * 5


@ANYWHERE
def test_a_job_of_somebody_else_can_be_seen_and_not_changed(bridge: Bridge) -> None:
    tried = bridge.tried()
    table = bridge.world.extension.mapping.tables.job
    with bridge.world.directory(bridge.platform) as directory:
        directory.session.execute(sa.update(table).values(owner_id="x", actor_name="Bea"))
        directory.session.commit()
    assert bridge.run("jobs", "show", tried["id"]).code == 0
    for name in ("resume", "cancel"):
        said = bridge.run("jobs", name, tried["id"])
        assert (said.code, said.err) == (1, "Error: This is a job of Bea.\n")
    assert bridge.told() == [("block", "refused")] * 2
    elsewhere = Bridge(bridge.world, "theirs")
    for name in ("show", "users", "resume", "cancel", "undo"):
        said = elsewhere.run("jobs", name, tried["id"])
        assert (said.code, "There is no such job" in said.err) == (1, True)


USAGE: dict[str, Callable[[Bridge], tuple[tuple[object, ...], str]]] = {
    "nobody": lambda _: (("run", "block"), "Name one USER, or choose many"),
    "one and many": lambda b: (("run", "block", b.user, *CREW), "Name one USER, or choose many"),
    "two ways": lambda _: (("run", "block", *CREW, "--all"), "or by --all"),
    "each of one": lambda b: (("run", "block", b.user, "--each"), "--each is about many"),
    "not for many": lambda _: (("run", "add-note", *CREW), "is done to one user at a time"),
    "no action": lambda _: (("run", "greet", *CREW), "There is no action “greet”"),
    "no field": lambda _: (("run", "block", *CREW, "--field", "rank=1"), "it has reason, until"),
    "no filter": lambda _: (("run", "block", "--where", "rank=1"), "status=VALUE"),
    "no value": lambda _: (("run", "block", "--where", "status="), "--where status says nothing"),
    "blank": lambda _: (("run", "block", "--where", "role= ", *CREW), "--where role says nothing"),
    "no search": lambda _: (("run", "block", "--search", " "), "--all chooses everybody"),
    "twice": lambda _: (
        ("run", "block", "--where", "status=active", "--where", "status=blocked"),
        "once each",
    ),
    "no status": lambda _: (("run", "block", "--where", "status=x"), "--where status:"),
    "nobody to ask": lambda _: (("run", "block", "--keys", "-"), "leaves nobody to answer"),
    "no file": lambda _: (("run", "block", "--keys", "/no/such/file"), "does not exist"),
}


@pytest.mark.parametrize("asked", USAGE)
@ANYWHERE
def test_what_cannot_be_meant_is_told_from_what_is_refused(bridge: Bridge, asked: str) -> None:
    arguments, sentence = USAGE[asked](bridge)
    said = bridge.run(*arguments)
    assert (said.code, said.out) == (2, "")
    assert sentence in said.err
    assert (bridge.told(), bridge.jobs()) == ([], [])


@ANYWHERE
def test_no_more_are_named_than_a_job_may_have(
    bridge: Bridge, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("flask_platform_users.cli.many.LARGEST", 3)
    said = bridge.run("run", "block", "--keys", "-", "--yes", input="1\n2\n3\n4\n")
    assert (said.code, "--keys names 4 users; at most 3 can be." in said.err) == (2, True)
    monkeypatch.setattr(choosing, "LARGEST", 3)
    said = bridge.run("run", "block", *CREW, *SPAM, "--each", "--yes")
    assert (said.code, "At most 3 users can be chosen at once." in said.err) == (1, True)
    wrong = bridge.run("run", "block", *CREW, "--yes")
    assert wrong.code == 1
    assert bridge.jobs() == []
