"""Part E: the sessions of those who are blocked, deleted or signed out everywhere."""

from typing import Any

from flask.testing import FlaskClient

from .registry import case
from .stage import Stage


@case("E1")
def whoever_is_blocked_is_out_with_the_next_request_in_every_browser(stage: Stage) -> None:
    browsers = [stage.person(stage.user), stage.person(stage.user, remember=True)]
    stage.block(stage.user)
    for browser in browsers:
        assert stage.post(browser).status_code in {302, 401}
        assert stage.who(browser) is None
    assert stage.product.acted == []
    assert stage.who(stage.person(stage.user)) is None


@case("E2")
def a_cookie_that_remembers_lets_nobody_in_who_is_blocked(stage: Stage) -> None:
    browser = stage.copy(stage.person(stage.user, remember=True), "remember_token")
    assert stage.who(stage.copy(browser, "remember_token")) == str(stage.user)
    stage.block(stage.user)
    assert stage.who(browser) is None
    assert stage.get(browser).status_code in {302, 401}


def token_of(stage: Stage, key: Any) -> dict[str, str]:
    """Return the header by which a program is somebody."""
    if stage.world.host.NAME == "e-token":
        return {"X-Token": stage.id_of(key)}
    with stage.world.app.test_request_context():
        model, db = stage.world.extension.users.model, stage.world.host.db
        person: Any = db.session.get_one(model, int(key))
        return {"Authentication-Token": person.get_auth_token()}


@case("E3", hosts=("e-token", "g-security"))
def a_token_lets_nobody_in_who_is_blocked(stage: Stage) -> None:
    header = token_of(stage, stage.user)
    assert stage.get(stage.world.client(), "who", headers=header).json["who"] == str(stage.user)  # type: ignore[index]
    stage.block(stage.user)
    browser = stage.world.client()
    assert stage.get(browser, "who", headers=header).json["who"] is None  # type: ignore[index]
    assert stage.get(browser, headers=header).status_code in {302, 401}


@case("E3", hosts=("e-token", "g-security"))
def no_token_starts_stops_or_gets_out_of_anything(stage: Stage) -> None:
    """Better Auth #10819: started by a token, writes ran as the administrator."""
    header = token_of(stage, stage.owner_key)
    program = stage.world.client()
    answer = program.post(stage.url(), data=stage.form(browser=program), headers=header)
    assert answer.status_code in {302, 400, 401, 403}
    assert stage.rows() == []
    browser = stage.begin(changes=True)
    assert stage.get(browser, "who", headers=header).json["who"] == str(stage.user)  # type: ignore[index]
    stage.later(minutes=30)
    token = stage.token(stage.copy(browser))
    answer = browser.post("/product/note", data={"csrf_token": token}, headers=header)
    assert answer.status_code == 409
    assert stage.product.acted == []


@case("E4", swapped=False)
def signed_out_everywhere_counts_for_what_was_before_and_not_after(stage: Stage) -> None:
    old = stage.person(stage.user, remember=True)
    remembered = stage.copy(old, "remember_token")
    stage.sign_out_everywhere(stage.user)
    assert stage.who(old) is None
    assert stage.who(remembered) is None
    new = stage.person(stage.user)
    assert stage.who(new) == str(stage.user)
    assert stage.who(old) is None


@case("E5")
def a_user_whose_row_is_gone_is_nobody_and_no_error(stage: Stage) -> None:
    browser = stage.person(stage.user, remember=True)
    stage.remove(stage.user)
    assert stage.get(browser).status_code in {302, 401}
    assert stage.who(browser) is None


@case("E5")
def a_user_who_was_deleted_by_the_page_is_nobody(stage: Stage) -> None:
    browser = stage.person(stage.user, remember=True)
    stage.delete(stage.user)
    assert stage.get(browser).status_code in {302, 401}
    assert stage.who(stage.copy(browser, "remember_token")) is None


@case("E7")
def a_block_in_the_middle_of_a_request_counts_from_the_next(stage: Stage) -> None:
    browser: FlaskClient = stage.person(stage.user)
    stage.desk.get(stage.world.url())
    with stage.acting_in_the_middle_of_a_page(lambda: stage.block_quietly(stage.user)):
        assert stage.get(browser).status_code == 200
    assert stage.post(browser).status_code in {302, 401}
    assert stage.product.acted == []


@case("E9", swapped=False)
def a_gate_that_cannot_ask_lets_nobody_in_and_signs_nobody_out(stage: Stage) -> None:
    browser = stage.person(stage.user)
    before = browser.get_cookie("session")
    with stage.failing("platform_users_state"):
        for page in ("who", "page"):
            assert stage.get(browser, page).status_code == 503
    after = browser.get_cookie("session")
    assert before is not None
    assert after is not None
    assert stage.who(browser) == str(stage.user)


@case("E10")
def whoever_is_unblocked_signs_in_with_the_status_they_had(stage: Stage) -> None:
    old = stage.person(stage.user)
    status = stage.status(stage.user)
    stage.block(stage.user)
    assert stage.status(stage.user) == "blocked"
    stage.act("unblock", stage.user)
    assert stage.status(stage.user) == status
    assert stage.who(stage.person(stage.user)) == str(stage.user)
    assert stage.who(old) is None  # what was signed in when they were blocked stays out


@case("E10", swapped=False)
def unblocking_makes_nobody_active_who_was_not(stage: Stage) -> None:
    key = stage.add(status="inactive")
    stage.block(key)
    stage.act("unblock", key)
    assert stage.status(key) == "inactive"
    assert stage.who(stage.person(key)) is None
