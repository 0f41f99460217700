"""Part C: what must hold while the product is seen as somebody else."""

import gzip
import os
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from flask.testing import FlaskClient
from flask_login.utils import decode_cookie

from flask_platform_users.impersonation import LONGEST

from ..hosts.pages import RECEIPTS
from .registry import case
from .stage import GONE, Stage


@case("C1")
def after_its_time_a_request_is_nobodys(stage: Stage) -> None:
    for method in ("GET", "POST"):
        browser = stage.begin(browser=stage.copy(stage.browser))
        token = stage.token(browser)
        stage.later(minutes=30)
        answer = browser.open("/product/who", method=method, data={"csrf_token": token})
        assert answer.status_code in {405, 409}
        assert stage.who(browser) == stage.owner_key
    assert stage.ends() == ["expired", "expired"]
    assert stage.told().count(("end_impersonation", "done")) == 2


@case("C2")
def what_is_sent_when_time_is_over_changes_nothing_of_anybodys(stage: Stage) -> None:
    browser = stage.begin(changes=True)
    token = stage.token(browser)
    stage.later(minutes=30)
    answer = browser.post("/product/note", data={"csrf_token": token})
    assert answer.status_code == 409
    assert "not saved" in answer.text
    assert stage.product.acted == []


def ended(stage: Stage, browser: FlaskClient) -> None:
    """Check that the next request is refused, changes nothing, and that this is kept."""
    assert stage.send_unseen(browser).status_code in {302, 401, 409}
    assert stage.get(browser).status_code in {200, 302, 401, 409}
    assert stage.product.acted == []
    assert stage.who(browser) in {stage.owner_key, None}
    assert stage.live() == 0
    assert stage.told()[-1] == ("end_impersonation", "done")


@case("C3")
def an_owner_who_is_demoted_or_moved_is_out_at_once(stage: Stage) -> None:
    for platform in (GONE, stage.world.platform("Globex")):
        stage.let_run(stage.owner_key, stage.platform)
        browser = stage.begin(changes=True, browser=stage.copy(stage.browser))
        stage.let_run(stage.owner_key, platform)
        ended(stage, browser)
    assert stage.ends() == ["owner_changed"] * 2


@case("C3")
def an_owner_who_loses_the_right_is_out_at_once(stage: Stage) -> None:
    browser = stage.begin(changes=True)
    policy = stage.world.extension.policy
    stage.patch.setattr(policy, "allows", lambda _a, action, _u=None: action != "impersonate")
    ended(stage, browser)


@case("C3", hosts=("a-enum", "e-token", "g-security"))
def an_owner_who_is_blocked_is_out_at_once(stage: Stage) -> None:
    browser = stage.begin(changes=True)
    stage.block_owner()
    ended(stage, browser)
    assert stage.who(browser) is None
    assert stage.ends() == ["owner_gone"]


@case("C3", hosts=("a-enum", "e-token", "g-security"), swapped=False)
def an_owner_who_was_signed_out_everywhere_is_out_at_once(stage: Stage) -> None:
    browser = stage.begin(changes=True)
    with stage.world.app.app_context():
        db, state = stage.world.host.db, stage.world.extension.mapping.tables.state
        db.session.execute(
            sa.insert(state).values(
                platform_key=stage.platform,
                user_key=stage.owner.user,
                signed_out_at=datetime.now(UTC),
            )
        )
        db.session.commit()
    ended(stage, browser)
    assert stage.who(browser) is None


@case("C3", hosts=("a-enum", "e-token", "g-security"))
def an_owner_who_was_deleted_is_out_at_once(stage: Stage) -> None:
    browser, owner = stage.begin(changes=True), stage.owner.user
    stage.remove(owner)
    assert stage.get(browser).status_code in {302, 401, 409}
    assert stage.who(browser) is None
    assert stage.live() == 0


@case("C3")
def a_user_who_is_blocked_or_deleted_is_seen_no_more(stage: Stage) -> None:
    things: tuple[Callable[[object], None], ...] = (stage.block, stage.delete)
    for thing in things:
        browser = stage.begin(changes=True, browser=stage.copy(stage.browser))
        thing(stage.user)
        ended(stage, browser)
        assert stage.who(browser) == stage.owner_key
        stage.user = stage.other


@case("C3")
def a_user_who_declines_or_rises_is_seen_no_more(stage: Stage) -> None:
    browser = stage.begin(changes=True, browser=stage.copy(stage.browser))
    with stage.patch.context() as patch:
        policy = stage.world.extension.policy
        patch.setattr(policy, "declines_impersonation", lambda *_: "They do not want it.")
        ended(stage, browser)
    browser = stage.begin(changes=True, browser=stage.copy(stage.browser))
    stage.let_run(stage.user, stage.platform)
    ended(stage, browser)


@case("C5", swapped=False)
def no_clock_and_no_zone_makes_it_longer(stage: Stage) -> None:
    browser = stage.begin()
    (row,) = stage.rows()
    assert row.ends_at - row.started_at == timedelta(minutes=30)
    old = os.environ.get("TZ")
    for zone in ("Pacific/Kiritimati", "Pacific/Niue"):
        stage.patch.setenv("TZ", zone)
        time.tzset()
        assert stage.who(browser) == str(stage.user)
    stage.patch.setenv("TZ", old) if old else stage.patch.delenv("TZ")
    time.tzset()
    with stage.moved(timedelta(hours=-2)):
        assert stage.who(browser) == str(stage.user)
    with stage.moved(timedelta(minutes=31)):
        lost = stage.copy(browser)
        assert stage.get(browser).status_code == 409
    assert stage.get(lost).status_code == 409  # and the clock goes back again
    assert stage.rows()[0].ends_at == row.ends_at


@case("C6", swapped=False)
def nothing_that_is_done_meanwhile_makes_it_longer(stage: Stage) -> None:
    browser = stage.begin(changes=True)
    stage.later(minutes=29)
    assert stage.post(browser).status_code == 200
    url = stage.world.url("allow_changes")
    form = {"csrf_token": stage.token(browser), "reason": "This has to be done now"}
    assert browser.post(url, data=form).status_code == 200
    (row,) = stage.rows()
    assert row.ends_at - row.started_at <= LONGEST
    assert row.writes_until is not None
    assert row.writes_until <= row.ends_at
    stage.later(minutes=1, seconds=1)
    assert stage.get(browser).status_code == 409


@case("C7")
def nobody_inside_passes_for_freshly_signed_in(stage: Stage) -> None:
    browser = stage.begin(changes=True)
    answer = stage.get(browser, "who").json
    assert answer is not None
    assert answer["fresh"] is False
    with stage.forged(browser) as session:
        session["_fresh"] = True
    assert stage.get(browser, "fresh").status_code in {302, 401}
    assert stage.post(browser, "confirm").status_code == 403
    assert stage.get(browser, "fresh").status_code in {302, 401}
    assert "recovery" not in stage.get(browser, "fresh").text


@case("C8")
def a_product_that_signs_in_anew_does_not_turn_it_into_a_real_session(stage: Stage) -> None:
    for remember in ({}, {"remember": "1"}):
        browser = stage.begin(changes=True, browser=stage.copy(stage.browser))
        answer = stage.post(browser, "password", **remember)
        assert answer.status_code == 403
        assert stage.who(browser) is None
        cookie = browser.get_cookie("remember_token")
        assert cookie is None or not cookie.value
    assert stage.ends() == ["laundering", "laundering"]


@case("C8", swapped=False)
def a_database_that_fails_meanwhile_does_not_make_it_a_real_session_either(stage: Stage) -> None:
    """The session is kept although the answer is an error."""
    stage.patch.setitem(stage.world.app.config, "PROPAGATE_EXCEPTIONS", False)
    for page in ("password", "sign-in"):
        browser = stage.begin(changes=True, browser=stage.copy(stage.browser))
        form = {"csrf_token": stage.token(browser), "user": str(stage.other)}
        with stage.failing(r"^\s*update \S*(head|_impersonation)"):
            answer = browser.post(f"/product/{page}", data=form)
        assert answer.status_code == 503
        assert stage.who(browser) is None


@case("C10")
def what_is_sensitive_stays_closed(stage: Stage) -> None:
    browser = stage.begin(changes=True)
    rules = [r for r in stage.world.app.url_map.iter_rules() if r.endpoint.endswith("_sensitive")]
    assert len(rules) == 4
    for rule in rules:
        for method in ("GET", "POST", "HEAD"):
            page = rule.rule.removeprefix("/product/")
            assert stage.post(browser, page, method=method).status_code == 403
    assert stage.product.acted == []
    with stage.world.app.app_context():
        seen = stage.impersonations.visits(stage.rows()[0])
    assert sum(visit.refused for visit in seen) == 12


@case("C11")
def whoever_only_looks_changes_nothing_by_any_method(stage: Stage) -> None:
    browser = stage.begin()
    token = stage.token(browser)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        for more in ({}, {"X-HTTP-Method-Override": "GET"}, {"X-HTTP-Method": "HEAD"}):
            answer = browser.open(
                "/product/note?_method=GET",
                method=method,
                data={"csrf_token": token, "_method": "GET"},
                headers={"X-CSRFToken": token, **more},
            )
            assert answer.status_code == 403
    assert stage.post(browser, "static").status_code == 403
    assert stage.product.acted == []


@case("C11", swapped=False)
def changes_are_allowed_for_a_second_reason_and_five_minutes(stage: Stage) -> None:
    browser = stage.begin()
    assert stage.post(browser).status_code == 403
    url, token = stage.world.url("allow_changes"), stage.token(browser)
    for form, status in (
        ({"reason": "This has to be done now"}, 400),
        ({"csrf_token": token, "reason": "now"}, 422),
        ({"csrf_token": token, "reason": "This has to be done now"}, 200),
    ):
        assert stage.post(browser).status_code == 403
        assert browser.post(url, data=form).status_code == status
    assert stage.post(browser).status_code == 200
    stage.later(minutes=5)
    assert stage.post(browser).status_code == 403
    assert stage.product.acted == [str(stage.user)]
    assert ("allow_changes", "done") in stage.told()


@case("C11", swapped=False)
def whoever_may_not_allow_changes_does_not(stage: Stage) -> None:
    policy = stage.world.extension.policy
    stage.patch.setattr(policy, "allows", lambda _a, action, _u=None: action != "allow_changes")
    browser = stage.begin(changes=True)  # what was ticked all the same is not heard
    assert stage.post(browser).status_code == 403
    form = {"csrf_token": stage.token(browser), "reason": "This has to be done now"}
    assert browser.post(stage.world.url("allow_changes"), data=form).status_code == 403
    assert stage.post(browser).status_code == 403
    assert stage.product.acted == []


@case("C12")
def the_page_itself_is_not_there(stage: Stage) -> None:
    browser = stage.begin(changes=True)
    world = stage.world
    for url in (
        world.url(),
        world.user_url(stage.other),
        world.url("show_history"),
        world.url("export_history"),
        stage.url(stage.other, "block"),
        world.url("show_impersonation", seq=1),
    ):
        assert browser.get(url).status_code == 404, url
    token = stage.token(browser)
    answer = browser.post(stage.url(stage.other, "block"), data={"csrf_token": token})
    assert answer.status_code == 404


@case("C13")
def no_cookie_ever_remembers_the_user(stage: Stage) -> None:
    stage.sign_in(stage.browser, stage.owner_key, remember=True)
    plain = stage.copy(stage.browser, "session")
    for each in (False, True):
        stage.patch.setitem(stage.world.app.config, "REMEMBER_COOKIE_REFRESH_EACH_REQUEST", each)
        for signed_in in (stage.copy(stage.browser), stage.copy(plain)):
            browser = stage.begin(changes=True, browser=signed_in)
            for answer in (stage.get(browser), stage.post(browser), stage.stop(browser)):
                for header in answer.headers.getlist("Set-Cookie"):
                    name, _, value = header.partition(";")[0].partition("=")
                    if name == "remember_token":
                        with stage.world.app.app_context():
                            assert decode_cookie(value) == stage.id_of(stage.owner_key)


@case("C14")
def the_user_notices_nothing(stage: Stage) -> None:
    before = stage.columns_of(stage.user)
    stage.product.signed_in.clear()
    browser = stage.begin()
    stage.get(browser)
    stage.stop()
    assert stage.columns_of(stage.user) == before
    assert stage.product.signed_in == []


@case("C15")
def the_real_user_is_not_concerned(stage: Stage) -> None:
    theirs = stage.person(stage.user)
    browser = stage.begin(changes=True)
    for own in (theirs, stage.person(stage.user)):
        page = stage.get(own)
        assert "X-Impersonating" not in page.headers
        assert "data-platform-users-banner" not in page.text
        assert stage.stop(own).status_code in {403, 409}
        assert stage.post(own).status_code == 200
        assert stage.who(own) == str(stage.user)
    assert stage.who(browser) == str(stage.user)
    assert stage.live() == 1


@case("C17", hosts=("e-token",))
def a_form_opened_before_it_began_changes_nothing_as_the_user(stage: Stage) -> None:
    token = stage.token(stage.browser)
    browser = stage.begin(changes=True)
    assert browser.post("/product/note", data={"csrf_token": token}).status_code == 400
    assert stage.product.acted == []


@case("C17")
def a_form_of_the_page_opened_before_it_began_is_refused(stage: Stage) -> None:
    hidden = stage.form(stage.other)
    browser = stage.begin(changes=True)
    answer = browser.post(stage.url(stage.other, "block"), data=hidden)
    assert answer.status_code in {400, 404}
    assert stage.post(browser, csrf_token=hidden["csrf_token"]).status_code in {200, 400}
    assert browser.post(stage.stop_url, data=hidden).status_code == 400
    assert stage.live() == 1


@case("C18")
def a_browser_that_changes_is_nobody_more_than_before(stage: Stage) -> None:
    manager = stage.world.login_manager
    for mode in ("basic", "strong", None):
        stage.patch.setattr(manager, "session_protection", mode)
        browser = stage.begin(changes=True, browser=stage.world.client(stage.owner))
        other = stage.copy(browser)
        answer = stage.get(other, headers={"User-Agent": "elsewhere"})
        if mode == "strong":
            assert answer.status_code in {302, 401}
            assert stage.get(other, "who", headers={"User-Agent": "elsewhere"}).json == {
                "who": None,
                "fresh": False,
                "by": None,
            }
            assert stage.live() == 0
        else:
            assert str(stage.user) in answer.text
            stage.stop(browser)
        assert stage.get(other, "who", headers={"User-Agent": "elsewhere"}).status_code in {
            200,
            409,
        }
        fresh = stage.get(other, "fresh", headers={"User-Agent": "elsewhere"})
        assert fresh.status_code in {302, 401}


@case("C19")
def a_cookie_that_was_copied_is_good_no_longer_than_the_first(stage: Stage) -> None:
    browser = stage.begin(changes=True)
    stolen = stage.copy(browser)
    assert stage.who(stolen) == str(stage.user)
    stage.stop(browser)
    assert stage.send_unseen(stolen).status_code == 409
    assert stage.who(stolen) == stage.owner_key
    assert stage.product.acted == []


@case("C21")
def the_banner_is_on_every_page_and_in_nothing_else(stage: Stage) -> None:
    browser = stage.begin()
    for page in ("page", "own-banner", "strict", "teapot"):
        answer = stage.get(browser, page)
        assert answer.text.count("data-platform-users-banner") == 1, page
        assert answer.text.endswith("</body></html>")
        assert answer.text.index("data-platform-users-banner") < answer.text.index("</body>")
        assert int(answer.headers["Content-Length"]) == len(answer.data)
        assert answer.headers["X-Impersonating"] == "1"
        assert answer.headers["Cache-Control"] == "no-store"
    assert stage.get(browser, "teapot").status_code == 418
    for page, text in (
        ("fragment", "<p>A part of a page.</p>"),
        ("stream", "<body>streamed</body>"),
        ("csv", "a,</body>\r\n"),
    ):
        answer = stage.get(browser, page)
        assert answer.text == text
        assert answer.headers["X-Impersonating"] == "1"
    packed = stage.get(browser, "gzip")
    assert gzip.decompress(packed.data).endswith(b"</body></html>")
    assert browser.head("/product/page").data == b""
    for page in ("page", "strict"):
        stage.stop(browser)
        assert "data-platform-users-banner" not in stage.get(browser, page).text


@case("C22")
def the_banner_needs_nothing_that_a_strict_policy_forbids(stage: Stage) -> None:
    name = "</script><img src=x onerror=alert(1)>"
    stage.user = stage.add(username=name)
    browser = stage.begin()
    page = stage.get(browser, "strict").text
    assert "&lt;/script&gt;&lt;img" in page
    for word in ("<img", "style=", "<style", "onclick", "javascript:", "<script>"):
        assert word not in page


@case("C24")
def a_loader_that_was_set_too_late_lets_nothing_begin(stage: Stage) -> None:
    fields, theirs = stage.form(), stage.person(stage.user)
    manager = stage.world.login_manager
    wrapper = manager.user_callback
    bare = getattr(wrapper, "host", wrapper)
    browser = stage.begin(browser=stage.copy(stage.browser))
    stage.block(stage.other)
    blocked = stage.person(stage.other)
    stage.patch.setattr(manager, "_user_callback", lambda key: bare(key))
    assert stage.get(browser).status_code in {302, 401}
    assert stage.who(browser) is None
    stage.refused(stage.send(fields), 409)
    assert stage.who(blocked) is None
    assert stage.who(theirs) == str(stage.user)


@case("C25", swapped=False)
def the_host_is_told_when_it_ends(stage: Stage) -> None:
    RECEIPTS.clear()
    stage.begin()
    stage.stop()
    browser = stage.begin()
    stage.later(minutes=30)
    stage.get(browser)
    stage.get(browser)
    assert [receipt.end for receipt in RECEIPTS] == ["stopped", "expired"]
    assert {str(receipt.user_key) for receipt in RECEIPTS} == {str(stage.user)}


@case("C26", swapped=False)
def the_products_own_records_name_both(stage: Stage) -> None:
    browser = stage.begin()
    answer = stage.get(browser, "who").json
    assert answer is not None
    (row,) = stage.rows()
    assert answer["who"] == str(stage.user)
    assert answer["by"] == row.actor_name
    assert row.actor == stage.owner_key
    assert str(row.user_key) == str(stage.user)
    stage.stop()
    began, over = stage.events()
    assert (began.action, over.action) == ("impersonate", "end_impersonation")
    for event in (began, over):
        assert (event.actor, str(event.user_key)) == (stage.owner_key, str(stage.user))
