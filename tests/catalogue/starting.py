"""Part B: what must not begin."""

import threading

from flask_platform_users.actions import impersonation

from .registry import case
from .stage import GONE, REASON, Stage


@case("B1")
def nobody_sees_the_product_as_themselves(stage: Stage) -> None:
    stage.refused(stage.start(stage.owner_key), 403, 404, 409)


@case("B2")
def nobody_is_seen_as_another_owner(stage: Stage) -> None:
    form = stage.form()
    stage.let_run(stage.user, stage.platform)
    stage.refused(stage.send(form), 403)


@case("B4")
def nobody_is_seen_as_somebody_who_could_not_sign_in(stage: Stage) -> None:
    for status in stage.world.host.CAN.statuses:
        if status != "active":
            key = stage.add(status=status)
            stage.refused(stage.start(key), 409)
            assert "cannot sign in" in stage.send(stage.form(key), key).text
    fields = stage.form()
    stage.block(stage.user)
    stage.refused(stage.send(fields), 409)
    stage.delete(stage.other)
    stage.refused(stage.start(stage.other), 404)


@case("B5")
def a_user_of_another_platform_is_not_there(stage: Stage) -> None:
    foreign = stage.add(stage.world.platform("Globex"))
    fields = stage.form()
    answers = [stage.send(fields, key) for key in (foreign, 987654)]
    for answer in answers:
        stage.refused(answer, 404)
    assert answers[0].text == answers[1].text


@case("B5", hosts=("c-membership",))
def an_account_that_another_platform_shares_is_not_seen_from_one_of_them(stage: Stage) -> None:
    elsewhere = stage.world.platform("Globex")
    stage.world.add(stage.world.person(elsewhere, account=stage.user))
    stage.refused(stage.start(), 409)


@case("B6")
def nobody_is_seen_as_somebody_who_runs_another_platform(stage: Stage) -> None:
    form = stage.form()
    stage.let_run(stage.user, stage.world.platform("Globex"))
    stage.refused(stage.send(form), 403)


@case("B7")
def nobody_starts_from_inside(stage: Stage) -> None:
    """Neither on to a third person nor back to themselves."""
    fields = stage.form()
    browser = stage.begin(changes=True)
    for key in (stage.other, stage.owner_key, stage.user):
        answer = stage.send(fields | {"csrf_token": stage.token(browser)}, key)
        assert answer.status_code in {404, 409}
    assert stage.live() == 1
    assert stage.who(browser) == str(stage.user)
    stage.stop()
    assert stage.who(browser) == stage.owner_key


@case("B7")
def nobody_is_two_people_at_once(stage: Stage) -> None:
    first = stage.begin()
    stage.start(stage.other, browser=stage.desk)
    assert stage.who(stage.desk) == str(stage.other)
    assert stage.who(first) is None
    assert stage.live() == 1


@case("B8")
def nothing_begins_by_opening_an_address(stage: Stage) -> None:
    fields = stage.form()
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "PATCH", "DELETE"):
        answer = stage.browser.open(
            stage.url(), method=method, query_string=fields, headers={"Purpose": "prefetch"}
        )
        assert answer.status_code in {200, 400, 405}
        stage.refused(answer, 200, 400, 405)


@case("B9")
def nothing_begins_without_the_token_of_this_very_session(stage: Stage) -> None:
    fields = stage.form()
    foreign = stage.token(stage.person(stage.other))
    for token in ("", "x", foreign, fields["csrf_token"][:-1] + "!"):
        stage.refused(stage.send(fields | {"csrf_token": token}), 400)
    del fields["csrf_token"]
    stage.refused(stage.send(fields | {"_token": foreign}), 400)
    stage.refused(stage.send(fields), 400)


@case("B9")
def a_token_from_before_does_not_outlast_beginning_and_end(stage: Stage) -> None:
    fields = stage.form()
    stage.begin()
    stage.stop()
    stage.refused(stage.send(fields), 400)


@case("B11")
def a_sign_in_that_is_not_fresh_has_to_be_made_again(stage: Stage) -> None:
    fields = stage.form()
    with stage.forged(stage.browser) as session:
        session["_fresh"] = False
    stage.refused(stage.send(fields), 302, 401, 403)


@case("B11")
def whoever_was_only_remembered_has_to_sign_in_first(stage: Stage) -> None:
    stage.sign_in(stage.browser, stage.owner_key, remember=True)
    remembered = stage.copy(stage.browser, "remember_token")
    assert stage.who(remembered) == stage.owner_key
    answer = remembered.post(stage.url(), data=stage.form(browser=remembered))
    stage.refused(answer, 302, 401, 403)
    assert stage.who(remembered) == stage.owner_key


@case("B12")
def a_reason_that_says_nothing_is_asked_for_again(stage: Stage) -> None:
    fields = stage.form()
    for reason in ("", " " * 40, "\u200b" * 40, "\u3000\u00a0" * 20, "too short", "x" * 10_000):
        stage.refused(stage.send(fields | {"reason": reason}), 422)
    for minutes in ("", "61", "３０"):
        stage.refused(stage.send(fields | {"minutes": minutes}), 422)


@case("B12")
def a_reason_is_only_ever_text(stage: Stage) -> None:
    reason = "</script><img src=x onerror=alert(1)> {{ 7 * 7 }}"
    assert stage.start(reason=reason).status_code in {302, 303}
    page = stage.get(stage.browser).text
    assert "&lt;img src=x" in page
    assert "<img" not in page
    assert "{{ 7 * 7 }}" in page


@case("B13")
def of_two_that_begin_at_the_same_moment_one_stays(stage: Stage) -> None:
    stage.browser, desk = stage.browser, stage.desk
    sent = [(stage.browser, stage.form()), (desk, stage.form(browser=desk))]
    barrier = threading.Barrier(2)

    def send(number: int) -> None:
        browser, fields = sent[number]
        barrier.wait()
        stage.send(fields, browser=browser)

    threads = [threading.Thread(target=send, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seen = [stage.who(browser) for browser, _ in sent]
    assert seen.count(str(stage.user)) == 1
    assert stage.live() == 1


@case("B14", swapped=False)
def what_is_switched_off_is_nowhere_and_ends(stage: Stage) -> None:
    browser = stage.begin()
    with stage.switched_off() as world:
        here = world.client()
        here.set_cookie("session", browser.get_cookie("session").value)  # type: ignore[union-attr]
        assert stage.get(here).status_code == 409
        assert stage.who(here) == stage.owner_key
        for method in ("GET", "POST"):
            answer = here.open(
                stage.url(), method=method, data={"csrf_token": stage.token(here), "reason": REASON}
            )
            assert answer.status_code == 404
    assert stage.ends() == ["switched_off"]


@case("B15", swapped=False)
def nothing_begins_that_the_history_cannot_keep(stage: Stage) -> None:
    fields = stage.form()
    with stage.failing(r"^insert into \S*_event\b"):
        answer = stage.send(fields)
    stage.refused(answer, 503)
    assert stage.rows() == []


@case("B16")
def nobody_begins_again_and_again(stage: Stage) -> None:
    assert impersonation.STARTS_A_MINUTE <= 10
    stage.patch.setattr(impersonation, "STARTS_A_MINUTE", 3)
    mine = stage.copy(stage.browser)
    for _ in range(3):
        assert stage.start(browser=stage.copy(mine)).status_code in {302, 303}
    answer = stage.start(browser=mine)
    assert answer.status_code == 429
    assert stage.who(mine) == stage.owner_key


@case("B2")
def whoever_may_not_do_it_does_not(stage: Stage) -> None:
    """Staff without that right, staff of nothing, and users themselves."""
    fields = stage.form()
    policy = stage.world.extension.policy
    with stage.patch.context() as patch:
        patch.setattr(policy, "allows", lambda _actor, action, _user=None: action != "impersonate")
        stage.refused(stage.send(fields), 403)
    stage.let_run(stage.owner_key, GONE)
    stage.refused(stage.send(fields), 403)
    for person in (stage.person(stage.other), stage.world.client()):
        before = stage.who(person)
        answer = stage.send(fields | {"csrf_token": stage.token(person)}, browser=person)
        assert answer.status_code in {302, 401, 403}
        assert stage.who(person) == before
    assert stage.live() == 0
