"""Part D: how it ends, and who somebody is afterwards."""

from datetime import timedelta

from .registry import case
from .stage import GONE, Stage


@case("D1")
def whoever_stops_is_themselves_whatever_they_send_along(stage: Stage) -> None:
    """CVE-2016-4340: the identity to return to came from the request."""
    key = str(stage.other)
    names = ("id", "user_id", "user", "key", "impersonator_id", "owner_id", "next", "_user_id")
    ids = dict.fromkeys(names, key)
    browser = stage.begin()
    token = stage.token(browser)
    for headers in ({}, {"X-User-Id": key, "Authorization": key, "X-Forwarded-User": key}):
        answer = browser.post(
            stage.stop_url, query_string=ids, data=ids | {"csrf_token": token}, headers=headers
        )
        assert answer.status_code in {302, 303, 400, 409}
        assert stage.who(browser) == stage.owner_key
    answer = browser.post(stage.stop_url, json=ids, headers={"X-CSRFToken": stage.token(browser)})
    assert answer.status_code == 409
    assert browser.post(f"{stage.stop_url}/{key}", data=ids).status_code == 404
    assert stage.who(browser) == stage.owner_key


@case("D1")
def whoever_is_seen_as_nobody_has_nothing_to_stop(stage: Stage) -> None:
    """And becomes nobody else by it, with a forged marker either."""
    for signed_in in (stage.person(stage.other), stage.browser):
        before = stage.who(signed_in)
        for key in (stage.owner_key, str(stage.user)):
            stage.stop(signed_in, id=key, user_id=key, impersonator_id=key)
            assert stage.who(signed_in) == before
    nobody = stage.world.client()
    stage.stop(nobody, id=stage.owner_key, user_id=stage.owner_key)
    assert stage.who(nobody) is None


@case("D1")
def a_forged_cookie_is_nobodys_way_back_to_power(stage: Stage) -> None:
    """CVE-2021-28680: with the secret key alone one came back as anybody."""
    stage.begin()
    browser = stage.person(stage.other)
    with stage.forged(browser) as session:
        for name in ("impersonator_id", "owner_id", "_impersonator"):
            session[name] = stage.owner_key
        session["_platform_users_overlay"] = ["platform_users", "a guess"]
    stage.stop(browser)
    stage.get(browser)
    assert stage.who(browser) in {str(stage.other), None}


@case("D1", swapped=False)
def a_marker_that_means_nothing_is_no_error_and_no_identity(stage: Stage) -> None:
    markers: tuple[object, ...] = (["gone", "x"], ["platform_users"], "x", None, 7, [1, 2], {})
    for marker in markers:
        browser = stage.copy(stage.browser)
        with stage.forged(browser) as session:
            session["_platform_users_overlay"] = marker
        assert stage.get(browser).status_code == 409
        assert stage.who(browser) == stage.owner_key


@case("D1", swapped=False)
def the_secret_of_somebody_elses_is_good_for_nobody(stage: Stage) -> None:
    """Not even with the key that signs cookies: the row is its owner's."""
    browser = stage.begin(changes=True)
    with stage.forged(browser) as session:
        stolen = {key: session[key] for key in session if key.startswith("_platform_users")}
    thief = stage.person(stage.other)
    with stage.forged(thief) as session:
        session.update(stolen)
    assert stage.send_unseen(thief).status_code == 409
    assert stage.who(thief) == str(stage.other)
    assert stage.product.acted == []
    assert stage.who(browser) == str(stage.user)  # and the theft ends nothing
    assert stage.live() == 1


@case("D3")
def whoever_signs_in_after_a_sign_out_stays_themselves(stage: Stage) -> None:
    browser = stage.begin(changes=True)
    assert stage.post(browser, "sign-out").status_code == 200
    assert stage.who(browser) is None
    stage.sign_in(browser, stage.other)
    for key in (stage.owner_key, ""):
        stage.stop(browser, id=key)
        assert stage.who(browser) == str(stage.other)
    assert "data-platform-users-banner" not in stage.get(browser).text
    assert stage.ends() == ["owner_gone"]


@case("D3")
def a_sign_in_on_top_ends_it_and_nobody_is_left(stage: Stage) -> None:
    browser = stage.begin(changes=True)
    assert stage.sign_in(browser, stage.other).status_code == 403
    assert stage.who(browser) is None
    assert stage.live() == 0


@case("D3")
def the_owner_who_signs_in_on_top_is_themselves(stage: Stage) -> None:
    browser = stage.begin(changes=True)
    stage.sign_in(browser, stage.owner_key)
    assert stage.who(browser) == stage.owner_key
    assert stage.ends() == ["signed_in"]


@case("D4")
def a_cookie_from_during_it_is_worth_nothing_afterwards(stage: Stage) -> None:
    browser = stage.begin(changes=True)
    kept, token = stage.copy(browser), stage.token(browser)
    stage.stop(browser)
    answer = kept.post("/product/note", data={"csrf_token": token})
    assert answer.status_code == 409
    assert stage.who(kept) != str(stage.user)
    assert stage.product.acted == []
    assert stage.ends() == ["stopped"]


@case("D5")
def a_demoted_owner_does_not_stop_their_way_back(stage: Stage) -> None:
    browser = stage.begin()
    stage.let_run(stage.owner_key, GONE)
    stage.stop(browser)
    assert browser.get(stage.world.url()).status_code == 403
    assert stage.live() == 0


@case("D5", hosts=("a-enum", "e-token", "g-security"))
def a_blocked_owner_does_not_stop_their_way_back(stage: Stage) -> None:
    browser = stage.begin()
    stage.block_owner()
    stage.stop(browser)
    assert stage.who(browser) is None
    assert stage.live() == 0


@case("D6")
def stopping_twice_stops_once(stage: Stage) -> None:
    browser = stage.begin()
    token = stage.token(browser)
    twice = [stage.copy(browser) for _ in range(2)]
    answers = [b.post(stage.stop_url, data={"csrf_token": token}).status_code for b in twice]
    assert answers == [303, 409]
    assert stage.stop(twice[0]).status_code == 409
    assert stage.told().count(("end_impersonation", "done")) == 1


@case("D7")
def nothing_ends_by_opening_an_address(stage: Stage) -> None:
    browser = stage.begin()
    for method in ("GET", "HEAD", "OPTIONS", "PUT", "DELETE"):
        answer = browser.open(stage.stop_url, method=method)
        assert answer.status_code in {403, 404, 405}, method
    assert stage.who(browser) == str(stage.user)
    assert stage.live() == 1


@case("D8")
def stopping_works_where_the_product_forces_something_else(stage: Stage) -> None:
    """GitLab #28425: a user who has to change the password kept the administrator."""
    browser = stage.begin()
    token = stage.token(browser)
    stage.product.forced = True
    assert stage.get(browser).location == "/product/forced"
    answer = browser.post(stage.stop_url, data={"csrf_token": token})
    stage.product.forced = False
    assert answer.status_code == 303
    assert stage.who(browser) == stage.owner_key
    assert stage.live() == 0


@case("D10")
def the_owners_cookies_are_the_same_after_two_rounds(stage: Stage) -> None:
    browser = stage.browser
    stage.sign_in(browser, stage.owner_key, remember=True)
    with stage.forged(browser) as session:
        session.permanent = True

    def shape() -> tuple[object, ...]:
        found = browser.get_cookie("session")
        kept = browser.get_cookie("remember_token")
        assert found is not None
        assert kept is not None
        with stage.forged(browser) as session:
            mine = {k: session[k] for k in session if k not in {"csrf_token", "_fresh"}}
        assert found.expires is not None
        return (found.http_only, found.same_site, found.path, kept.value, str(mine))

    before = shape()
    for _ in range(2):
        stage.begin()
        stage.stop()
        assert stage.who(browser) == stage.owner_key
        assert set(shape()) >= set(before[:4])
    assert stage.ends() == ["stopped", "stopped"]
    stage.begin()


@case("D11")
def a_form_from_during_it_is_refused_afterwards(stage: Stage) -> None:
    browser = stage.begin(changes=True)
    token = stage.token(browser)
    stage.stop(browser)
    url = stage.url(stage.other, "block")
    answer = browser.post(url, data={"csrf_token": token, "reason": "from a stale tab"})
    assert answer.status_code == 400
    assert ("block", "done") not in stage.told()


@case("D11", hosts=("e-token",))
def a_form_of_the_products_from_during_it_changes_nothing_of_the_owners(stage: Stage) -> None:
    browser = stage.begin(changes=True)
    token = stage.token(browser)
    stage.stop(browser)
    assert browser.post("/product/note", data={"csrf_token": token}).status_code == 400
    assert stage.product.acted == []


@case("D14", swapped=False)
def what_nobody_stops_ends_by_the_clock_at_the_right_moment(stage: Stage) -> None:
    stage.begin()
    stage.later(hours=5)
    with stage.world.app.app_context():
        stage.world.extension.end_impersonations()
        stage.world.extension.end_impersonations()
    (row,) = stage.rows()
    assert row.end == "expired"
    assert row.ended_at == row.ends_at
    assert row.ends_at - row.started_at == timedelta(minutes=30)
    assert stage.told().count(("end_impersonation", "done")) == 1
