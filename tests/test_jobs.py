"""One action to many users: what the trial tells, what is done, and what can come between."""

import threading
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from flask_platform_users import choosing
from flask_platform_users import jobs as jobs_module
from flask_platform_users.actions import Block, Delete, Unit
from flask_platform_users.claims import Claim
from flask_platform_users.directory import ListQuery
from flask_platform_users.errors import RefusedError
from flask_platform_users.job_records import Item, Job
from flask_platform_users.jobs import Jobs
from flask_platform_users.signals import action_done

from .conftest import DATABASES, on_host
from .hosts import Key
from .office import Office, verify
from .test_faults import AGAIN, conflicting
from .test_plans import Desk
from .world import World, query

UNLIKE = pytest.mark.parametrize(
    "used_world",
    [
        f"{host}/{database}"
        for host in ("a-enum", "b-timestamps", "c-membership", "d-strings")
        for database in DATABASES
    ],
    indirect=True,
)
"""On hosts with an enum, without a word for the blocked, with shared accounts, and with strings."""


class Crowd(Desk):
    """An office whose owner chose some users: they are active, by the names of their places."""

    def __init__(self, world: World) -> None:
        super().__init__(world)
        people = [world.person(self.platform) for _ in range(5)]
        self.crew: list[Key] = world.add(*people)
        self.names = [person.username for person in people]
        with self.client.session_transaction() as session:
            self.owner_id = str(session["_user_id"])

    @contextmanager
    def jobs(self) -> Iterator[Jobs]:
        """Open what makes, tries and does jobs."""
        with self.world.directory(self.platform) as directory:
            yield Jobs(directory)

    def chosen(self, keys: Collection[Key]) -> str:
        """Choose users; return the job's id."""
        with self.jobs() as jobs:
            job = jobs.make(owner_id=self.owner_id, actor=self.owner_id, actor_name="The owner")
            jobs.pick(job, [str(key) for key in keys])
            jobs.session.commit()
            return job.id

    def tried(self, name: str, keys: Collection[Key], *, mode: str = "each", **data: str) -> Job:
        """Choose users, fill in the form of an action, and try it."""
        (action,) = (a for a in self.world.extension.actions if a.name == name)
        job_id = self.chosen(keys)
        with self.jobs() as jobs:
            jobs.aim(self.job(job_id), action, [*data.items(), ("mode", mode)], "{}")
            jobs.session.commit()
            assert self.world.extension.run_job(job_id)
        return self.job(job_id)

    def queued(self, name: str, keys: Collection[Key], **more: str) -> str:
        """Try it, and let it be done; return the job's id."""
        with self.jobs() as jobs:
            job = jobs.queue(self.tried(name, keys, **more))
            jobs.session.commit()
            return job.id

    def run(self, job_id: str) -> Job:
        """Do it as a worker does."""
        with self.world.app.app_context():
            self.world.extension.run_job(job_id)
        return self.job(job_id)

    def done(self, name: str, keys: Collection[Key], **more: str) -> Job:
        """Try it and do it."""
        return self.run(self.queued(name, keys, **more))

    def job(self, job_id: str) -> Job:
        """Read a job."""
        with self.jobs() as jobs:
            found = jobs.get(job_id)
            assert found is not None
            return found

    def items(self, job: Job) -> list[Item]:
        """Read the users of a job, in the order of the crew, whatever their keys are."""
        places = {key: place for place, key in enumerate([self.user, *self.crew])}
        with self.jobs() as jobs:
            found = [item for page in jobs.pages(job) for item in page]
        return sorted(found, key=lambda item: places.get(item.user_key, -1))

    def became(self, job: Job) -> list[tuple[str | None, str]]:
        """Return what became of each, and why."""
        return [(item.outcome, item.why) for item in self.items(job)]

    def now(self, keys: Collection[Key]) -> list[str]:
        """Return the statuses of users."""
        return [self.status(key) for key in keys]


@pytest.fixture
def crowd(world: World) -> Crowd:
    return Crowd(world)


@pytest.fixture
def by_twos(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a job do two users at a time."""
    monkeypatch.setattr(jobs_module, "CHUNK", 2)


REASON = {"reason": "Overdue"}
BLOCKED = ("done", "")
ANON = "There is no such user on this platform."


# What is done


@UNLIKE
def test_what_the_trial_says_becomes_of_those_who_were_chosen_and_of_nobody_else(
    crowd: Crowd,
) -> None:
    world = crowd.world
    elsewhere = world.platform("Globex")
    (foreign,) = world.add(world.person(elsewhere))
    world.block(crowd.platform, crowd.crew[1], reason="spam")
    job = crowd.tried("block", [*crowd.crew[:4], foreign, "999999", crowd.crew[0]], **REASON)
    assert (job.state, job.total) == ("ready", 4)  # nobody twice, the foreign as the unknown
    assert (crowd.now(crowd.crew[:1]), crowd.told()) == (["active"], [])  # nothing was done
    (late,) = world.add(world.person(crowd.platform))
    world.remove(crowd.crew[3])
    with crowd.jobs() as jobs:
        expected = [item.expected for item in crowd.items(job)]
        jobs.queue(job)
        jobs.session.commit()
    job = crowd.run(job.id)
    assert expected == ["done", "left", "done", "done"]
    assert crowd.became(job) == [
        BLOCKED,
        ("left", f"{crowd.names[1]} is blocked already."),
        BLOCKED,
        ("left", ANON),
    ]
    assert crowd.now(crowd.crew[:3]) == ["blocked"] * 3
    assert crowd.now([crowd.crew[4], late]) == ["active"] * 2
    with world.directory(elsewhere) as directory:
        assert directory.user(str(foreign)).status == "active"
    assert crowd.told() == [("block", "done")] * 2 + [("many", "done")]
    parent, *children = crowd.events()
    assert job.seq == parent.seq
    assert dict(parent.changes) == {
        "Action": ("", "Block"),
        "Changed": ("", "2"),
        "Left out": ("", "2"),
    }
    assert [event.reason for event in (parent, *children)] == ["Overdue"] * 3
    assert crowd.run(job.id) == job  # once more is nothing
    verify(crowd)


@UNLIKE
def test_every_action_for_many_does_to_each_what_it_does_to_one(crowd: Crowd) -> None:
    crew = crowd.crew[:3]
    writable = crowd.writable()
    steps: list[tuple[str, dict[str, str], str | None]] = [
        ("set_status", {"status": "inactive"}, "inactive"),
        ("set_status", {"status": "active"}, "active"),
        ("block", REASON, "blocked"),
        ("unblock", {}, "active"),
        ("sign_out", {}, "active"),
        ("delete", REASON | {"confirm": "3"}, None),
        ("restore", {}, "active"),
    ]
    for name, data, status in steps:
        if data.get("status", "active") not in writable:
            continue
        job = crowd.done(name, crew, **data)
        assert crowd.became(job) == [("done", "")] * 3, name
        assert crowd.told()[-4:] == [(name, "done")] * 3 + [("many", "done")]
        if status is not None:
            assert crowd.now(crew) == [status] * 3, name
        else:
            with crowd.world.directory(crowd.platform) as directory:
                assert directory.users([str(key) for key in crew]) == {}
    again = crowd.done("set_status", crew, status="active")
    assert [outcome for outcome, _ in crowd.became(again)] == ["unchanged"] * 3
    assert crowd.told()[-2:] == [("many", "done")] * 2  # nobody was changed, nobody is told of
    wrong = crowd.tried("delete", crew, reason="x", confirm=crowd.names[0])
    assert [item.why for item in crowd.items(wrong)] == ["This is not “3”."] * 3
    verify(crowd)


@UNLIKE
def test_a_plan_and_an_add_on_are_given_to_many(crowd: Crowd) -> None:
    given = {"period": "month", "reason": "A fair"}
    crew = [crowd.user, *crowd.crew[:2]]
    kinds = {"assign_plan": "plan", "give_add_on": "add_on"}
    for name, kind in kinds.items():
        (action,) = (a for a in crowd.world.extension.actions if a.name == name)
        if not (action.for_many and (kind == "plan" or crowd.host.CAN.add_ons)):
            continue
        with crowd.world.directory(crowd.platform) as directory:
            assert directory.by_hand is not None
            offers = [o for o in directory.by_hand.offers(crowd.platform) if o.kind == kind]
        job = crowd.tried(name, crew, offer=offers[-1].key, **given)
        assert job.impact, "what it means is told before it is done"
        with crowd.jobs() as jobs:
            jobs.queue(job)
            jobs.session.commit()
        assert crowd.became(crowd.run(job.id)) == [("done", "")] * 3
        assert crowd.told()[-4:] == [(name, "done")] * 3 + [("many", "done")]
        assert kind in {grant.kind for grant in crowd.grants()}
    verify(crowd)


@UNLIKE
def test_together_one_refusal_leaves_all_as_they_were(crowd: Crowd) -> None:
    job_id = crowd.queued("block", crowd.crew, mode="together", **REASON)
    crowd.world.block(crowd.platform, crowd.crew[4])
    job = crowd.run(job_id)
    assert (job.state, job.why) == ("stopped", f"{crowd.names[4]} is blocked already.")
    assert crowd.now(crowd.crew[:4]) == ["active"] * 4
    assert crowd.told() == [("many", "refused")]
    assert crowd.events()[0].reason == job.why
    job = crowd.done("block", crowd.crew[:4], mode="together", **REASON)
    assert (job.state, crowd.now(crowd.crew)) == ("done", ["blocked"] * 5)
    verify(crowd)


@on_host("c-membership")
def test_all_that_a_filter_lets_through_are_fixed_when_it_is_asked(crowd: Crowd) -> None:
    with crowd.jobs() as jobs:
        job_id = crowd.chosen(crowd.crew[:1])
        jobs.pick_all(crowd.job(job_id), query(status="active"))
        jobs.session.commit()
        fixed = {item.user_key for item in crowd.items(crowd.job(job_id))}
    assert {*crowd.crew, crowd.user} <= fixed
    (late,) = crowd.world.add(crowd.world.person(crowd.platform))
    assert late not in {item.user_key for item in crowd.items(crowd.job(job_id))}


# What the host's code does


@contextmanager
def performing(hook: Callable[[Unit], None]) -> Iterator[None]:
    """Let something happen after each block."""
    perform = Block.perform

    def performed(self: Block, unit: Unit) -> None:
        perform(self, unit)
        hook(unit)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Block, "perform", performed)
        yield


@on_host("a-enum")
def test_a_hook_that_fails_for_one_user_leaves_out_that_one_only(crowd: Crowd) -> None:
    def fail(unit: Unit) -> None:
        if unit.user.key == crowd.crew[2]:
            raise RuntimeError("The product is broken.")

    told: list[Key] = []
    with performing(fail), action_done.connected_to(lambda _, unit: told.append(unit.user.key)):
        job = crowd.done("block", crowd.crew, **REASON)
    why = "The product could not do its part (Block.perform)."
    assert crowd.became(job) == [BLOCKED, BLOCKED, ("left", why), BLOCKED, BLOCKED]
    assert [item.expected for item in crowd.items(job)] == ["done", "done", "left", "done", "done"]
    assert crowd.now(crowd.crew) == ["blocked", "blocked", "active", "blocked", "blocked"]
    assert crowd.told() == [("block", "done")] * 4 + [("many", "done")]
    assert told == [key for key in crowd.crew if key != crowd.crew[2]]
    verify(crowd)


@on_host("a-enum")
def test_many_together_cannot_take_away_the_last_owner(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy, (first, second) = crowd.world.extension.policy, crowd.crew[:2]
    real = policy.platform_of

    def platform_of(actor: Any) -> Any:
        return crowd.platform if getattr(actor, "id", None) in (first, second) else real(actor)

    def has_owner(_: Key) -> bool:
        return "active" in crowd_statuses()

    def crowd_statuses() -> list[str]:
        directory = crowd.world.extension.directory(crowd.platform)
        return [directory.user(str(key)).status for key in (first, second)]

    monkeypatch.setattr(policy, "platform_of", platform_of)
    monkeypatch.setattr(policy, "outranks", lambda _actor, _user: True)
    monkeypatch.setattr(policy, "has_owner", has_owner)
    last = "This would leave the platform without an owner."
    job = crowd.run(crowd.queued("block", [first, second], mode="together", **REASON))
    assert (job.state, job.why, crowd.now([first, second])) == ("stopped", last, ["active"] * 2)
    job = crowd.done("block", [first, second], **REASON)
    assert crowd.became(job) == [BLOCKED, ("left", last)]
    verify(crowd)


# What comes between


def blocked(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    crowd.world.block(crowd.platform, crowd.owner.user)


def without_the_right(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    policy = crowd.world.extension.policy
    monkeypatch.setattr(policy, "allows", lambda _actor, action, _user=None: action != "block")


def elsewhere(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd.world.extension.policy, "platform_of", lambda _actor: None)


GONE = "Whoever ordered it is gone, blocked or signed out for good."
STOPS: dict[Callable[[Crowd, pytest.MonkeyPatch], None], str] = {
    blocked: GONE,
    without_the_right: "Whoever ordered it may not do this any more: block.",
    elsewhere: "Whoever ordered it does not run this platform any more.",
}


@on_host("a-enum")
@pytest.mark.parametrize("stop", STOPS)
@pytest.mark.usefixtures("by_twos")
def test_a_job_stops_and_says_so_where_its_owner_may_not_go_on(
    crowd: Crowd,
    monkeypatch: pytest.MonkeyPatch,
    stop: Callable[[Crowd, pytest.MonkeyPatch], None],
) -> None:
    job_id = crowd.queued("block", crowd.crew, **REASON)
    told: list[Key] = []

    def after_two(_: Any, unit: Unit) -> None:
        told.append(unit.user.key)
        if len(told) == 2:
            stop(crowd, monkeypatch)

    with action_done.connected_to(after_two):
        job = crowd.run(job_id)
    assert (job.state, job.why, job.left) == ("stopped", STOPS[stop], 3)
    assert crowd.now(crowd.crew) == ["blocked"] * 2 + ["active"] * 3
    assert crowd.told() == [("block", "done")] * 2 + [("many", "done")]
    assert crowd.events()[0].reason == job.why
    verify(crowd)


@on_host("a-enum")
def test_a_job_whose_action_the_product_took_back_ends(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id = crowd.queued("block", crowd.crew, **REASON)
    extension: Any = crowd.world.extension
    with crowd.world.app.app_context():
        monkeypatch.delitem(extension._views().door.actions, "block")
    job = crowd.run(job_id)
    assert (job.state, job.left) == ("stopped", 5)
    assert job.why == "The product does not offer this action any more."
    assert crowd.told() == [("many", "refused")]


@on_host("d-strings")
@pytest.mark.usefixtures("by_twos")
def test_a_cancelled_job_stops_after_the_unit_it_is_at(crowd: Crowd) -> None:
    job_id = crowd.queued("block", crowd.crew, **REASON)

    def cancel(_: Any, unit: Unit) -> None:
        with crowd.world.app.app_context(), crowd.jobs() as jobs:
            jobs.cancel(crowd.job(job_id))
            jobs.session.commit()

    with action_done.connected_to(cancel):
        job = crowd.run(job_id)
    assert (job.state, job.left, job.why) == ("cancelled", 3, "It was cancelled.")
    assert crowd.told() == [("block", "done")] * 2 + [("many", "done")]
    verify(crowd)


@on_host("f-binds")
def test_a_conflict_in_the_database_is_tried_again_and_nobody_is_done_twice(crowd: Crowd) -> None:
    job_id = crowd.queued("block", crowd.crew, **REASON)
    with conflicting(crowd, AGAIN[crowd.world.database][0], 3):
        job = crowd.run(job_id)
    assert crowd.became(job) == [BLOCKED] * 5
    assert crowd.told() == [("block", "done")] * 5 + [("many", "done")]
    verify(crowd)


@on_host("f-binds")
def test_a_database_that_does_not_recover_leaves_the_job_to_the_next_tick(
    crowd: Crowd, caplog: pytest.LogCaptureFixture
) -> None:
    job_id = crowd.queued("block", crowd.crew, **REASON)
    with conflicting(crowd, AGAIN[crowd.world.database][0], 4), crowd.world.app.app_context():
        crowd.world.extension.resume_jobs()
    assert "was cut off; it goes on with the next tick" in caplog.text
    assert (crowd.told(), crowd.job(job_id).left) == ([], 5)
    let_the_lease_end(crowd)
    assert crowd.tick() == ["block"] * 5 + ["many"]
    assert crowd.became(crowd.job(job_id)) == [BLOCKED] * 5


def let_the_lease_end(crowd: Crowd) -> None:
    """Let whoever works on a job give no sign of life for too long."""
    with crowd.jobs() as jobs:
        past = jobs.directory.now() - timedelta(seconds=1)
        jobs._execute(sa.update(jobs.job).values(claimed_until=past))
        jobs.session.commit()


@on_host("a-enum")
@pytest.mark.usefixtures("by_twos")
def test_whoever_was_late_stops_and_nobody_is_done_twice(crowd: Crowd) -> None:
    """The second worker takes the job after the first one's lease, in the middle of its work."""
    job_id = crowd.queued("block", crowd.crew, **REASON)
    second: list[Job] = []

    def overtake(_: Any, unit: Unit) -> None:
        if not second:
            second.append(crowd.job(job_id))
            let_the_lease_end(crowd)
            second[0] = crowd.run(job_id)

    with action_done.connected_to(overtake):
        job = crowd.run(job_id)
    assert second == [job]
    assert crowd.told() == [("block", "done")] * 5 + [("many", "done")]
    verify(crowd)


@on_host("a-enum")
def test_a_trial_that_was_begun_anew_is_not_mixed_with_the_one_before(crowd: Crowd) -> None:
    job = crowd.tried("block", crowd.crew, **REASON)
    block, delete = Block(), Delete()
    with crowd.jobs() as jobs:
        job = jobs.aim(job, block, list(REASON.items()), "{}")
        jobs.session.commit()
        claim = Claim(jobs.directory, job.id, timedelta(seconds=60))
        assert claim.take(["checking"])
        assert not crowd.world.extension.run_job(job.id)  # somebody else tries it
        jobs.aim(job, delete, [], "{}")
        jobs.session.commit()
        assert not claim.renew()
        assert crowd.world.extension.run_job(job.id)
        assert crowd.job(job.id).state == "ready"


def at_once(*work: Callable[[], object]) -> None:
    """Do several things at the same moment, and raise what any of them raised."""
    start, failed = threading.Barrier(len(work)), []

    def step(one: Callable[[], object]) -> None:
        start.wait()
        try:
            one()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=step, args=(one,)) for one in work]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []


@on_host("a-enum")
@pytest.mark.usefixtures("by_twos")
def test_jobs_and_single_actions_at_once_wait_for_each_other(crowd: Crowd) -> None:
    """One job is run twice, another goes the other way round, and a form is sent between."""
    forth = crowd.queued("block", crowd.crew, **REASON)
    back = crowd.queued("sign_out", crowd.crew[::-1])
    form = crowd.hidden("set_status", crowd.user) | {"status": "inactive"}
    at_once(
        lambda: crowd.run(forth),
        lambda: crowd.run(forth),
        lambda: crowd.run(back),
        lambda: crowd.send("set_status", crowd.user, form),
    )
    assert [crowd.job(job_id).state for job_id in (forth, back)] == ["done"] * 2
    expected = [("block", "done")] * 5 + [("many", "done")] * 2
    expected += [("set_status", "done")] + [("sign_out", "done")] * 5
    assert sorted(crowd.told()) == expected
    verify(crowd)


@on_host("a-enum")
def test_a_job_that_fails_does_not_keep_others_from_going_on(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = crowd.queued("sign_out", crowd.crew), crowd.queued("block", crowd.crew, **REASON)
    extension: Any = crowd.world.extension
    run = extension.run_job

    def run_job(job_id: str) -> bool:
        if job_id == bad:
            raise RuntimeError("The policy is broken.")
        return bool(run(job_id))

    monkeypatch.setattr(extension, "run_job", run_job)
    assert crowd.tick() == ["block"] * 5 + ["many"]
    assert crowd.job(good).state == "done"
    assert f"Job {bad} was cut off" in caplog.text


@on_host("a-enum")
def test_no_more_can_be_chosen_than_a_job_may_have(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "LARGEST", 3)
    with pytest.raises(RefusedError, match="At most 3 users"):
        crowd.chosen(crowd.crew)
    with crowd.jobs() as jobs, pytest.raises(RefusedError, match="At most 3 users"):
        jobs.pick_all(crowd.job(crowd.chosen(crowd.crew[:1])), ListQuery())
    assert Office.told(crowd) == []
