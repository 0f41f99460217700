"""Many users at once, jobs and undo by the JSON API: as on the page, and nothing sent twice."""

import json
import threading
from collections.abc import Sequence
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from flask_platform_users import bulk, choosing, job_records, jobs
from flask_platform_users.actions import Block, Unit

from .conftest import DATABASES, on_host
from .hosts import Key
from .office import Office, verify
from .program import JSON, Program, problem
from .world import World

SHAPES = pytest.mark.parametrize(
    "used_world",
    [f"{host}/{name}" for host in ("a-enum", "c-membership", "d-strings") for name in DATABASES],
    indirect=True,
)
"""Keys of integers and of words, users by column and by membership."""

ANYWHERE = pytest.mark.parametrize("used_world", ["a-enum/sqlite"], indirect=True)
"""For what neither schema nor database has a part in."""

REASON = {"reason": "Overdue"}


class Fleet(Program):
    """A program for a platform with a crew of five, all active."""

    def __init__(self, world: World, name: str = "crew") -> None:
        super().__init__(Office(world))
        people = [world.person(self.office.platform, f"{name}{n}") for n in range(5)]
        self.crew: list[str] = [str(key) for key in world.add(*people)]

    def order(self, name: str, *, headers: Any = None, **body: Any) -> TestResponse:
        """Order an action for many."""
        return self.post(self.url("order", name=name), body, headers=headers)

    def post(self, url: str, body: Any = None, *, headers: Any = None, **more: Any) -> TestResponse:
        """Send something that changes something."""
        if body is not None:
            more = {"data": json.dumps(body), "content_type": JSON} | more
        sent = {"X-CSRFToken": self.token} | (headers or {})
        return self.client.post(url, headers=sent, **more)

    def go(self, what: str, job: Any, *, headers: Any = None) -> TestResponse:
        """Do, or cancel, a job."""
        return self.post(self.url(what, job_id=job["id"]), headers=headers)

    def undo(self, seq: int, *, headers: Any = None) -> TestResponse:
        """Take back an entry."""
        return self.post(self.url("undo", seq=seq), headers=headers)

    def ordered(self, name: str, **body: Any) -> Any:
        """Order what has to work."""
        answer = self.order(name, **body)
        assert answer.status_code == 200, answer.text
        return answer.json

    def now(self, keys: Sequence[Key] | None = None) -> list[str]:
        """Return the statuses of users."""
        return [self.office.status(key) for key in keys or self.crew]


@pytest.fixture
def fleet(world: World) -> Fleet:
    return Fleet(world)


def counts(done: int = 0, unchanged: int = 0, left: int = 0) -> dict[str, int]:
    """Return how many became what."""
    return {"done": done, "unchanged": unchanged, "left": left}


# What is done


@SHAPES
def test_many_are_tried_then_done_and_taken_back(fleet: Fleet) -> None:
    office = fleet.office
    tried = fleet.ordered("block", keys=fleet.crew, fields=REASON, dry_run=True)
    assert (tried["state"], tried["total"], tried["expected"]) == ("ready", 5, counts(done=5))
    assert (tried["outcomes"], tried["waiting"], tried["unknown"]) == (counts(), 5, [])
    assert tried["chosen"] == "Named by their keys\nReason: Overdue"
    assert (fleet.now(), office.told()) == (["active"] * 5, [])
    done = fleet.go("do_job", tried).json
    assert done is not None
    assert (done["state"], done["outcomes"], done["waiting"]) == ("done", counts(done=5), 0)
    assert fleet.now() == ["blocked"] * 5
    assert office.told() == [("block", "done")] * 5 + [("many", "done")]
    assert fleet.read("job", job_id=done["id"]) == done
    users = fleet.read("job_users", job_id=done["id"])
    assert users["next"] is None
    assert sorted(user["key"] for user in users["users"]) == sorted(fleet.crew)
    seqs = [event.seq for event in office.events(action="block")]
    assert [user["event"] for user in users["users"]] == sorted(seqs)
    office.do("unblock", fleet.crew[0])
    back = fleet.undo(done["event"]).json
    assert back is not None
    assert (back["job"]["outcomes"], back["event"]["action"]) == (counts(done=4, left=1), "many")
    assert "crew0 was changed since then" in back["job"]["reasons"][0]["why"]
    assert fleet.now() == ["active"] * 5
    assert [job["id"] for job in fleet.read("jobs")["jobs"]] == [back["job"]["id"], done["id"]]
    verify(office)


@SHAPES
def test_all_or_nobody_unless_each_is_asked_for(fleet: Fleet) -> None:
    fleet.do("block", fleet.crew[1], {"reason": "before"})
    refused = problem(fleet.order("block", keys=fleet.crew, fields=REASON), 409)
    assert refused["detail"] == "crew1 is blocked already. Nothing was done."
    assert fleet.read("job", job_id=refused["job"])["state"] == "stopped"
    assert fleet.now() == ["active", "blocked", "active", "active", "active"]
    each = fleet.ordered("block", keys=fleet.crew, fields=REASON, mode="each")
    assert (each["outcomes"], each["expected"]) == (counts(done=4, left=1), None)
    assert each["reasons"] == [{"why": "crew1 is blocked already.", "users": 1}]
    assert fleet.now() == ["blocked"] * 5


@SHAPES
def test_who_joins_a_filter_after_it_was_tried_is_not_touched(fleet: Fleet) -> None:
    tried = fleet.ordered("block", filter={"q": "crew"}, fields=REASON, dry_run=True)
    assert tried["chosen"].startswith("All that matched “crew”\n")
    (late,) = fleet.world.add(fleet.world.person(fleet.office.platform, "crew.late"))
    assert fleet.go("do_job", tried).status_code == 200
    assert fleet.now([*fleet.crew, late]) == ["blocked"] * 5 + ["active"]


@SHAPES
def test_keys_of_nobody_here_are_named_and_touch_nobody(fleet: Fleet) -> None:
    elsewhere = fleet.world.platform("Globex")
    (foreign,) = map(str, fleet.world.add(fleet.world.person(elsewhere)))
    strange = [foreign, "0", "9" * 40, "１", "x" * 255, "'; DROP TABLE users; --"]
    keys = [fleet.crew[0], *strange, fleet.crew[0]]
    refused = problem(fleet.order("block", keys=keys, fields=REASON), 422)
    place = {str(n): ["There is no such user here."] for n in range(1, 7)}
    assert refused["errors"] == {"keys": place}
    assert fleet.office.told() == []
    each = fleet.ordered("block", keys=keys, fields=REASON, mode="each")
    assert (each["total"], each["unknown"]) == (1, strange)
    nobody = fleet.order("block", keys=strange, fields=REASON, mode="each")
    assert problem(nobody, 409)["detail"] == "Nobody is chosen."
    with fleet.world.directory(elsewhere) as directory:
        assert directory.user(foreign).status == "active"


@SHAPES
def test_more_than_a_request_takes_go_on_as_a_job(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in (bulk, job_records, jobs):
        monkeypatch.setattr(module, "TOGETHER", 3)
    started: list[str] = []
    monkeypatch.setattr(fleet.world.extension, "start_job", started.append)
    refused = fleet.order("block", filter={"q": "crew"}, fields=REASON)
    assert "No more than 3 users are done all or nobody." in problem(refused, 409)["detail"]
    answer = fleet.order("block", filter={"q": "crew"}, fields=REASON, mode="each")
    assert answer.status_code == 202
    assert answer.headers["Retry-After"] == "2"
    assert answer.json is not None
    job = answer.json
    assert answer.headers["Location"] == fleet.url("job", job_id=job["id"])
    assert (job["state"], job["waiting"], started) == ("queued", 5, [job["id"]])
    tag = fleet.get("job", job_id=job["id"]).headers["ETag"]
    same = fleet.get("job", job_id=job["id"], headers={"If-None-Match": tag})
    assert (same.status_code, same.data) == (304, b"")
    with fleet.world.app.app_context():
        assert fleet.world.extension.run_job(job["id"])
    assert fleet.get("job", job_id=job["id"], headers={"If-None-Match": tag}).status_code == 200
    assert fleet.go("do_job", job).json == fleet.read("job", job_id=job["id"])
    assert fleet.now() == ["blocked"] * 5
    back = fleet.undo(fleet.read("job", job_id=job["id"])["event"])
    assert back.status_code == 202
    assert back.json is not None
    assert (back.json["event"], back.json["job"]["total"]) == (None, 5)


@ANYWHERE
def test_a_job_that_goes_on_is_stopped_and_one_that_was_tried_is_forgotten(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = fleet.ordered("block", keys=fleet.crew, fields=REASON, dry_run=True)
    assert fleet.go("cancel_job", tried).status_code == 204
    problem(fleet.go("do_job", tried), 404)
    for module in (bulk, job_records):
        monkeypatch.setattr(module, "TOGETHER", 3)
    monkeypatch.setattr(fleet.world.extension, "start_job", lambda _: None)
    answer = fleet.order("block", filter={"q": "crew"}, fields=REASON, mode="each")
    assert answer.json is not None
    stopped = fleet.go("cancel_job", answer.json).json
    assert stopped is not None
    assert stopped["state"] == "cancelling"
    with fleet.world.app.app_context():
        fleet.world.extension.run_job(stopped["id"])
    job = fleet.read("job", job_id=stopped["id"])
    assert (job["state"], job["why"], job["waiting"]) == ("cancelled", "It was cancelled.", 5)
    assert fleet.now() == ["active"] * 5


@SHAPES
def test_one_entry_is_taken_back_once(fleet: Fleet) -> None:
    key = fleet.crew[0]
    done = fleet.do("block", key, REASON).json
    assert done is not None
    headers = {"Idempotency-Key": "back"}
    back = fleet.undo(done["event"]["seq"], headers=headers)
    assert back.status_code == 200, back.text
    assert back.json is not None
    assert (back.json["job"], back.json["event"]["action"]) == (None, "undo")
    assert back.json["event"]["user"] == key
    assert fleet.undo(done["event"]["seq"], headers=headers).data == back.data
    assert fleet.now([key]) == ["active"]
    again = problem(fleet.undo(done["event"]["seq"]), 409)
    assert "was changed since then" in again["detail"]
    note = fleet.do("add_note", key, {"text": "x"}).json
    assert note is not None
    problem(fleet.undo(note["event"]["seq"]), 409)
    for seq in (0, 10**6, 2**63, 2**70):
        problem(fleet.undo(seq), 404)
    problem(fleet.post(fleet.url("undo", seq=1) + "x"), 404)
    verify(fleet.office)


# Sent again


@SHAPES
def test_the_same_request_is_done_once_and_answered_the_same(fleet: Fleet) -> None:
    headers = {"Idempotency-Key": '"8e03978e"'}
    order: dict[str, Any] = {"keys": [*fleet.crew, "0"], "fields": REASON, "mode": "each"}
    first = fleet.order("block", headers=headers, **order)
    assert first.status_code == 200, first.text
    assert fleet.order("block", headers=headers, **order).data == first.data
    assert len(fleet.office.told()) == 6
    others: tuple[dict[str, Any], ...] = (
        order | {"mode": "together"},
        order | {"fields": {"reason": "other"}},
        order | {"keys": fleet.crew},
        order | {"dry_run": True},
    )
    for other in others:
        told = problem(fleet.order("block", headers=headers, **other), 422)
        assert "with another request" in told["detail"]
    problem(fleet.order("sign_out", headers=headers, keys=fleet.crew), 422)
    problem(fleet.do("add_note", fleet.crew[0], {"text": "x"}, headers=headers), 422)
    one = {"Idempotency-Key": "one"}
    assert fleet.do("add_note", fleet.crew[0], {"text": "x"}, headers=one).status_code == 200
    problem(fleet.order("unblock", headers=one, keys=fleet.crew), 422)
    wrong = fleet.order("set_status", headers={"Idempotency-Key": "two"}, keys=fleet.crew)
    assert set(problem(wrong, 422)["errors"]["fields"]) == {"status"}
    right = {"Idempotency-Key": "two"}
    assert fleet.order("unblock", headers=right, keys=fleet.crew).status_code == 200
    colleague = Fleet(fleet.world, "theirs")
    theirs = colleague.order("block", headers=headers, keys=colleague.crew, fields=REASON)
    assert theirs.status_code == 200
    verify(fleet.office)


@on_host("a-enum")
def test_the_same_request_twice_at_the_same_moment_is_done_once(fleet: Fleet) -> None:
    answers: list[TestResponse] = []
    cookies = fleet.client.get_cookie(fleet.world.app.config["SESSION_COOKIE_NAME"])
    assert cookies is not None

    def send() -> None:
        client = fleet.world.app.test_client()
        client.set_cookie(cookies.key, cookies.value)
        body = {"keys": fleet.crew, "fields": REASON}
        answers.append(
            client.post(
                fleet.url("order", name="block"),
                data=json.dumps(body),
                content_type=JSON,
                headers={"X-CSRFToken": fleet.token, "Idempotency-Key": "1"},
            )
        )

    threads = [threading.Thread(target=send) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {answer.status_code for answer in answers} <= {200, 202}, [a.text for a in answers]
    assert fleet.office.told() == [("block", "done")] * 5 + [("many", "done")]
    assert fleet.now() == ["blocked"] * 5
    verify(fleet.office)


@ANYWHERE
def test_what_was_tried_is_done_as_it_was_seen(fleet: Fleet) -> None:
    tried = fleet.ordered("block", keys=fleet.crew, fields=REASON, dry_run=True)
    seen = {"If-Match": fleet.get("job", job_id=tried["id"]).headers["ETag"]}
    for tag in ('"other"', "W/" + seen["If-Match"]):
        problem(fleet.go("do_job", tried, headers={"If-Match": tag}), 412)
    page = fleet.world.url("ask_many", job_id=tried["id"], name="block")
    token = {"csrf_token": fleet.token, "mode": "together", "reason": "Another"}
    assert fleet.client.post(page, data=token).status_code == 303
    problem(fleet.go("do_job", tried, headers=seen), 412)
    problem(fleet.go("cancel_job", tried, headers=seen), 412)
    seen = {"If-Match": fleet.get("job", job_id=tried["id"]).headers["ETag"]}
    assert fleet.go("do_job", tried, headers=seen).status_code == 200
    assert fleet.go("do_job", tried, headers=seen).status_code == 200
    assert fleet.office.told() == [("block", "done")] * 5 + [("many", "done")]


# What is sent


@pytest.mark.parametrize(
    ("order", "errors"),
    [
        ({}, {"_schema"}),
        ({"keys": ["1"], "filter": {}}, {"_schema"}),
        ({"keys": []}, {"keys"}),
        ({"keys": "1"}, {"keys"}),
        ({"keys": None}, {"keys"}),
        ({"keys": {"0": "1"}}, {"keys"}),
        ({"keys": [1]}, {"keys"}),
        ({"keys": [None, ["1"], {}, True]}, {"keys"}),
        ({"keys": ["a\x00b"]}, {"keys"}),
        ({"keys": ["\ud800"]}, {"keys"}),
        ({"keys": ["x" * 256]}, {"keys"}),
        ({"filter": []}, {"filter"}),
        ({"filter": None}, {"filter"}),
        ({"filter": "all"}, {"filter"}),
        ({"filter": {"status": "gone"}}, {"filter"}),
        ({"filter": {"status": ["active"]}}, {"filter"}),
        ({"filter": {"q": 5}}, {"filter"}),
        ({"filter": {"q": "a\x00b"}}, {"filter"}),
        ({"filter": {"platform_id": "2"}}, {"filter"}),
        ({"filter": {"cursor": "x"}}, {"filter"}),
        ({"keys": ["1"], "fields": []}, {"fields"}),
        ({"keys": ["1"], "fields": None}, {"fields"}),
        ({"keys": ["1"], "fields": {"reason": 5}}, {"fields"}),
        ({"keys": ["1"], "fields": {"mode": "each"}}, {"fields"}),
        ({"keys": ["1"], "mode": "all"}, {"mode"}),
        ({"keys": ["1"], "mode": ["each"]}, {"mode"}),
        ({"keys": ["1"], "dry_run": "yes"}, {"dry_run"}),
        ({"keys": ["1"], "dry_run": 1}, {"dry_run"}),
        ({"keys": ["1"], "platform": "2", "undo": "x"}, {"platform", "undo"}),
    ],
)
@ANYWHERE
def test_what_is_no_order_is_refused_by_its_fields(
    fleet: Fleet, order: dict[str, Any], errors: set[str]
) -> None:
    found = problem(fleet.order("block", **{"fields": REASON} | order), 422)
    assert set(found["errors"]) == errors
    assert (fleet.office.told(), fleet.now()) == ([], ["active"] * 5)


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        ('{"keys": ["1"]}', "text/plain", 415),
        ('{"keys": ["1"]}', None, 415),
        ("keys=1", "application/x-www-form-urlencoded", 415),
        ("", JSON, 400),
        ("[" * 100_000, JSON, 400),
        ('{"filter": ' + '{"q": ' * 20_000 + "1" + "}" * 20_000 + "}", JSON, 400),
        ('{"keys": ' + "[" * 500 + "]" * 500 + "}", JSON, 422),
        ('{"filter": ' + '{"q": ' * 500 + "1" + "}" * 500 + "}", JSON, 422),
        ('{"keys": ["1"], "keys": ["2"]}', JSON, 400),
        ('["1"]', JSON, 422),
        (json.dumps({"keys": [str(n) for n in range(10_000)]}), JSON, 422),
        (json.dumps({"keys": ["x" * 1000 for _ in range(1000)]}), JSON, 413),
    ],
)
@ANYWHERE
def test_what_cannot_be_read_is_a_problem(
    fleet: Fleet, body: str, content_type: str | None, status: int
) -> None:
    url = fleet.url("order", name="block")
    headers = {"X-CSRFToken": fleet.token}
    problem(fleet.client.post(url, data=body, content_type=content_type, headers=headers), status)
    assert fleet.office.told() == []


@ANYWHERE
def test_ten_thousand_keys_are_refused_before_anybody_is_looked_for(fleet: Fleet) -> None:
    with fleet.world.statements() as statements:
        refused = fleet.order("block", keys=[str(n) for n in range(10_000)], fields=REASON)
    errors = problem(refused, 422)["errors"]
    assert errors == {"keys": ["Name at most 200 users, or choose them by a filter."]}
    assert len(statements) < 10


@ANYWHERE
def test_no_more_are_chosen_by_a_filter_than_a_job_may_have(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(choosing, "LARGEST", 3)
    refused = fleet.order("block", filter={}, fields=REASON, mode="each")
    assert "At most 3 users can be chosen at once." in problem(refused, 409)["detail"]
    assert fleet.read("jobs")["jobs"] == []


@ANYWHERE
def test_pages_of_jobs_and_of_their_users_are_walked_to_their_end(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    done = [
        fleet.ordered(name, keys=fleet.crew, fields=fields)["id"]
        for name, fields in (("block", REASON), ("unblock", {}), ("sign_out", {}))
    ]
    monkeypatch.setattr("flask_platform_users.api.many_views.PER_PAGE", 1)
    monkeypatch.setattr("flask_platform_users.api.many_views.USERS_PER_PAGE", 2)
    found, page = [], fleet.read("jobs")
    while True:
        found += [job["id"] for job in page["jobs"]]
        if page["older"] is None:
            break
        page = fleet.read("jobs", before=page["older"])
    assert found == done[::-1]
    users, page = [], fleet.read("job_users", job_id=done[0])
    while True:
        users += [user["key"] for user in page["users"]]
        if page["next"] is None:
            break
        page = fleet.read("job_users", job_id=done[0], after=page["next"])
    assert sorted(users) == sorted(fleet.crew)
    for name, arguments in (
        ("jobs", {"before": "0" * 32}),
        ("jobs", {"before": "x"}),
        ("jobs", {"state": "done"}),
        ("job_users", {"job_id": done[0], "after": "-1"}),
        ("job_users", {"job_id": done[0], "after": "9" * 10}),
        ("job_users", {"job_id": done[0], "page": "2"}),
    ):
        problem(fleet.get(name, **arguments), 422)


# Who may


@ANYWHERE
def test_actions_that_are_not_for_many_are_not_there(fleet: Fleet) -> None:
    for name in ("add_note", "impersonate", "undo", "many", "end_block", "purge", "no_such"):
        problem(fleet.order(name, keys=fleet.crew), 404)
    assert fleet.office.told() == []


@SHAPES
def test_jobs_of_other_platforms_are_not_there(fleet: Fleet) -> None:
    elsewhere = Fleet(fleet.world, "theirs")
    theirs = elsewhere.ordered("block", keys=elsewhere.crew, fields=REASON, dry_run=True)
    for job_id in (theirs["id"], "none", "0" * 32, "%00", "x" * 300):
        for name in ("job", "job_users"):
            problem(fleet.get(name, job_id=job_id), 404)
        for name in ("do_job", "cancel_job"):
            problem(fleet.go(name, {"id": job_id}), 404)
    assert elsewhere.go("do_job", theirs).status_code == 200
    problem(fleet.undo(elsewhere.office.events()[0].seq), 404)
    assert elsewhere.now() == ["blocked"] * 5


@ANYWHERE
def test_a_job_of_somebody_else_can_be_seen_and_not_changed(fleet: Fleet) -> None:
    tried = fleet.ordered("block", keys=fleet.crew, fields=REASON, dry_run=True)
    mapping = fleet.world.extension.mapping
    with fleet.world.directory(fleet.office.platform) as directory:
        theirs = sa.update(mapping.tables.job).values(owner_id="another", actor_name="Bea")
        directory.session.execute(theirs, bind_arguments=mapping.bind)
        directory.session.commit()
    assert fleet.read("job", job_id=tried["id"])["actor_name"] == "Bea"
    for name in ("do_job", "cancel_job"):
        assert problem(fleet.go(name, tried), 403)["detail"] == "This is a job of Bea."
    assert fleet.office.told() == [("block", "refused")] * 2
    assert fleet.now() == ["active"] * 5


@ANYWHERE
def test_whoever_may_not_is_refused_and_that_is_recorded(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried = fleet.ordered("block", keys=fleet.crew, fields=REASON, dry_run=True)
    done = fleet.ordered("set_status", keys=fleet.crew, fields={"status": "inactive"})
    policy = fleet.world.extension.policy
    monkeypatch.setattr(policy, "allows", lambda _actor, action, _user=None: action == "view")
    refused = problem(fleet.order("block", keys=fleet.crew, fields=REASON), 403)
    assert refused["detail"] == "You may not do this: block."
    problem(fleet.go("do_job", tried), 403)
    problem(fleet.undo(done["event"]), 403)
    problem(fleet.undo(done["event"] - 1), 403)
    assert [outcome for _, outcome in fleet.office.told()][-4:] == ["refused"] * 4
    assert fleet.now() == ["inactive"] * 5


@ANYWHERE
def test_what_is_refused_of_many_is_recorded_unless_it_was_only_tried(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    nobody: dict[str, Any] = {"keys": ["0"], "fields": REASON, "mode": "each"}
    problem(fleet.order("block", dry_run=True, **nobody), 409)
    assert fleet.office.told() == []
    problem(fleet.order("block", **nobody), 409)
    note = fleet.do("add_note", fleet.crew[0], {"text": "x"}).json
    assert note is not None
    problem(fleet.undo(note["event"]["seq"]), 409)
    done = fleet.ordered("sign_out", keys=fleet.crew)
    before = len(fleet.office.told())
    problem(fleet.undo(done["event"]), 409)
    monkeypatch.setattr(bulk, "TOGETHER", 3)
    problem(fleet.order("block", keys=fleet.crew, fields=REASON), 409)
    told = fleet.office.told()
    assert told[:3] == [("block", "refused"), ("add_note", "done"), ("undo", "refused")]
    assert told[before:] == [("undo", "refused"), ("block", "refused")]
    reasons = [event.reason for event in fleet.office.events()[:2]]
    assert reasons[1] == "This cannot be taken back any more."
    assert reasons[0].startswith("No more than 3 users are done all or nobody.")
    verify(fleet.office)


@ANYWHERE
def test_a_job_stops_half_way_where_its_owner_may_not_go_on(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "CHUNK", 2)
    policy, left = fleet.world.extension.policy, [2]
    perform = Block.perform

    def performed(self: Block, unit: Unit) -> Any:
        left[0] -= 1
        return perform(self, unit)

    monkeypatch.setattr(Block, "perform", performed)
    monkeypatch.setattr(
        policy, "allows", lambda _actor, action, _user=None: action == "view" or left[0] > 0
    )
    stopped = fleet.ordered("block", keys=fleet.crew, fields=REASON, mode="each")
    assert (stopped["state"], stopped["waiting"]) == ("stopped", 3)
    assert stopped["why"] == "Whoever ordered it may not do this any more: block."
    assert sorted(fleet.now()) == ["active"] * 3 + ["blocked"] * 2
    verify(fleet.office)


@ANYWHERE
def test_a_change_without_a_token_is_refused(fleet: Fleet) -> None:
    tried = fleet.ordered("block", keys=fleet.crew, fields=REASON, dry_run=True)
    fleet.token = ""
    problem(fleet.order("block", keys=fleet.crew, fields=REASON), 400)
    for name in ("do_job", "cancel_job"):
        problem(fleet.go(name, tried), 400)
    problem(fleet.undo(1), 400)
    assert fleet.now() == ["active"] * 5
