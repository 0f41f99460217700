"""Parts K, L and M: what surrounds it, what comes after it, and what is told of whom."""

import re

from .registry import case
from .stage import GONE, REASON, Stage


@case("K1", swapped=False)
def a_database_that_fails_is_said_so_and_nobody_is_let_in(stage: Stage) -> None:
    """At the beginning, in the middle and at the end; afterwards everything goes on."""
    fields = stage.form()
    with stage.failing("."):
        answer = stage.send(fields)
        assert answer.status_code == 503
        assert "Traceback" not in answer.text
        assert "fire" not in answer.text
    browser = stage.begin()
    token = stage.token(browser)
    with stage.failing("platform_users_(impersonation|state)"):
        assert stage.get(browser).status_code == 503
        assert stage.get(browser, "who").status_code == 503
        assert stage.send_unseen(browser).status_code == 503
        assert browser.post(stage.stop_url, data={"csrf_token": token}).status_code == 503
    assert stage.who(browser) == str(stage.user)
    assert stage.stop(browser).status_code == 303
    assert stage.product.acted == []


@case("K1", swapped=False)
def an_end_that_cannot_be_written_is_no_way_in(stage: Stage) -> None:
    browser = stage.begin(changes=True)
    stage.later(minutes=30)
    with stage.failing(r"^\s*(insert|update|delete)"):
        for _ in range(2):
            assert stage.get(browser).status_code == 503
            assert stage.send_unseen(browser).status_code == 503
    assert stage.product.acted == []
    assert stage.get(browser).status_code == 409
    assert stage.ends() == ["expired"]


@case("K3", swapped=False)
def a_form_that_is_sent_again_begins_once(stage: Stage) -> None:
    """The answer to the first was lost on its way."""
    fields = stage.form()
    lost = stage.copy(stage.browser)
    assert stage.send(fields, browser=lost).status_code == 303
    stage.send(fields)
    assert len(stage.rows()) == 1
    assert stage.who(stage.browser) == stage.owner_key
    assert stage.start().status_code == 303
    assert stage.live() == 1


@case("K4", swapped=False)
def where_nothing_can_be_written_nothing_begins_and_nothing_ends(stage: Stage) -> None:
    fields = stage.form()
    with stage.failing(r"^\s*(insert|update|delete)"):
        stage.refused(stage.send(fields), 503)
    browser = stage.begin()
    token = stage.token(browser)
    with stage.failing(r"^\s*(insert|update|delete)"):
        assert stage.get(browser).status_code == 200  # what cannot be listed is logged
        assert browser.post(stage.stop_url, data={"csrf_token": token}).status_code == 503
    assert stage.live() == 1
    assert stage.stop(browser).status_code == 303


@case("K5", swapped=False)
def a_row_of_an_older_version_is_read(stage: Stage) -> None:
    """Sessions without the moment of sign-in, and rows without optional values."""
    browser = stage.begin()
    with stage.forged(browser) as session:
        session.pop("_platform_users_at", None)
    assert stage.who(browser) == str(stage.user)
    for strange in ("x", -1, 10**30, None, [1]):
        with stage.forged(browser) as session:
            session["_platform_users_at"] = strange
        assert stage.who(browser) == str(stage.user)
    assert stage.stop(browser).status_code in {302, 303}


@case("K8", swapped=False)
def an_address_that_a_browser_claims_is_not_believed(stage: Stage) -> None:
    claimed = {"X-Forwarded-For": "203.0.113.7", "X-Real-IP": "203.0.113.7", "Forwarded": "for=x"}
    browser = stage.world.client()
    browser.environ_base |= {f"HTTP_{k.upper().replace('-', '_')}": v for k, v in claimed.items()}
    stage.world.host.sign_in(browser, stage.owner)
    stage.begin(browser=browser)
    (event,) = stage.events()
    assert event.address == "127.0.0.1"


@case("K10", hosts=("g-security",))
def the_roles_of_flask_security_are_those_of_the_user(stage: Stage) -> None:
    assert stage.browser.get("/home").text == "Hello owner"
    browser = stage.begin()
    assert browser.get("/home").text == "Hello"
    stage.stop()
    assert browser.get("/home").text == "Hello owner"


@case("K10")
def a_host_without_a_request_loader_or_with_one_is_the_same(stage: Stage) -> None:
    """Nor does a header that Flask-Login once took for a sign-in get anybody out."""
    browser = stage.begin()
    headers = {"Authorization": stage.owner_key, "X-User": stage.owner_key}
    answer = stage.get(browser, "who", headers=headers).json
    assert answer is not None
    assert answer["who"] == str(stage.user)


@case("L5", swapped=False)
def a_plan_that_is_not_sold_any_more_is_shown_and_given_to_nobody(stage: Stage) -> None:
    world, billing = stage.world, stage.world.extension.billing
    with world.app.app_context():
        world.host.open_shop(stage.platform)
        world.host.subscribe(stage.platform, stage.user, "Small")
    form = stage.browser.get(stage.url(stage.user, "assign_plan")).text
    hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form))
    offers = re.findall(r'type="radio"[^>]*name="offer"[^>]*value="([^"]+)"', form)
    offers += re.findall(r'name="offer"[^>]*type="radio"[^>]*value="([^"]+)"', form)
    assert offers
    stage.patch.setattr(billing, "offers", lambda _platform: [])
    page = stage.browser.get(world.user_url(stage.user))
    assert page.status_code == 200
    assert "Small" in page.text
    fields = hidden | {"offer": offers[-1], "reason": "They asked", "price": "", "ends": ""}
    answer = stage.browser.post(stage.url(stage.user, "assign_plan"), data=fields)
    assert answer.status_code in {409, 422}
    assert ("assign_plan", "done") not in stage.told()


@case("L7", swapped=False)
def the_history_still_names_an_owner_who_is_gone(stage: Stage) -> None:
    stage.begin()
    stage.stop()
    names = {event.actor_name for event in stage.events()}
    stage.remove(int(stage.owner_key))
    assert {event.actor_name for event in stage.events()} == names
    assert names != {""}
    assert {row.actor_name for row in stage.rows()} == names


@case("L8")
def who_runs_nothing_any_more_sees_nothing_any_more(stage: Stage) -> None:
    browser = stage.begin()
    stage.let_run(stage.owner_key, GONE)
    assert stage.get(browser).status_code == 409
    assert stage.ends() == ["owner_changed"]
    assert browser.get(stage.world.url()).status_code == 403
    assert stage.start(browser=browser).status_code == 403


@case("M4", swapped=False)
def what_was_looked_at_is_told_to_this_platform_only(stage: Stage) -> None:
    stage.begin()
    stage.stop()
    (row,) = stage.rows()
    world = stage.world
    elsewhere = world.client(world.owner(world.platform("Globex")))
    assert elsewhere.get(world.url("show_impersonation", seq=row.seq)).status_code == 404
    assert REASON not in elsewhere.get(world.url("show_history")).text
    mine = stage.desk.get(world.url("show_impersonation", seq=row.seq))
    assert mine.status_code == 200
    assert REASON in mine.text
    assert row.id not in mine.text


@case("M5", swapped=False)
def the_user_may_be_told_who_looked_but_not_from_where(stage: Stage) -> None:
    stage.begin()
    stage.stop()
    with stage.world.app.app_context():
        model, db = stage.world.extension.users.model, stage.world.host.db
        user = db.session.get(model, int(stage.user))
        other = db.session.get(model, int(stage.other))
        (told,) = stage.world.extension.impersonations_of(user)
        assert stage.world.extension.impersonations_of(other) == []
    assert (told.reason, told.end) == (REASON, "stopped")
    assert "127.0.0.1" not in repr(told)


@case("M6", swapped=False)
def a_user_can_be_erased_from_what_is_told(stage: Stage) -> None:
    stage.begin()
    stage.stop()
    assert {event.user_name for event in stage.events()} != {""}
    arguments = ["platform-users", "audit", "erase", "--platform", str(stage.platform)]
    result = stage.world.app.test_cli_runner().invoke(args=[*arguments, str(stage.user)])
    assert result.exit_code == 0, result.output
    (row,) = stage.rows()
    assert (row.user_name, row.reason, row.ticket) == ("", "", "")
    assert {(event.user_name, event.address) for event in stage.events()[:2]} == {("", "")}
    page = stage.desk.get(stage.world.url("show_impersonation", seq=row.seq)).text
    assert REASON not in page
    with stage.world.app.app_context():
        assert stage.world.extension.chain(stage.platform).verify() is None
