"""Part F: tokens, methods, redirects and frames."""

import re
from collections.abc import Sequence
from typing import Any

from flask.testing import FlaskClient
from itsdangerous import URLSafeTimedSerializer

from ..world import Statement
from .registry import HOSTS, case
from .stage import Stage

ELSEWHERE = (
    "//evil.example",
    "///evil.example",
    "////evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "\\/evil.example",
    "/\tevil.example",
    "/\r\nLocation: //evil.example",
    "/%5cevil.example",
    "/%2f%2fevil.example",
    "https:evil.example",
    "https:/evil.example",
    "https://evil.example",
    "https://localhost@evil.example",
    "https://localhost.evil.example",
    "https://evil.example#localhost",
    "https://evil.example?localhost",
    "http://evil。example",
    "／／evil.example",
    "//xn--e1awd7f.example",
    "javascript:alert(1)//",
    "JaVaScRiPt:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "vbscript:x",
    " //evil.example",
    "\u0000//evil.example",
    "//[::1]/",
    "@evil.example",
    ".evil.example",
)


def bad_tokens(stage: Stage, browser: FlaskClient, before: str) -> dict[str, dict[str, str]]:
    """Return what is sent instead of the token of this session, now."""
    theirs = stage.token(stage.person(stage.other))
    mine = stage.token(browser)
    unsigned = mine.partition(".")[0]
    with stage.forged(browser) as session:
        raw = session["csrf_token"]
    with stage.world.app.app_context():
        key = stage.world.app.secret_key or ""
    signed = URLSafeTimedSerializer(key, salt="wtf-csrf-token")
    old: Any = signed.make_signer("wtf-csrf-token")
    old.get_timestamp = lambda: 1_700_000_000
    return {
        "none": {},
        "empty": {"csrf_token": ""},
        "somebody else's": {"csrf_token": theirs},
        "from before it began": {"csrf_token": before},
        "unsigned": {"csrf_token": unsigned},
        "expired": {"csrf_token": old.sign(signed.dump_payload(raw)).decode()},
        "in another field": {"token": mine, "_csrf": mine},
    }


@case("F1")
def nothing_stops_or_is_allowed_without_the_token_of_this_very_session(stage: Stage) -> None:
    before = stage.token(stage.browser)
    browser = stage.begin()
    reason = {"reason": "This has to be done now"}
    for kind, token in bad_tokens(stage, browser, before).items():
        for url in (stage.stop_url, stage.world.url("allow_changes")):
            assert browser.post(url, data=reason | token).status_code == 400, (kind, url)
    assert stage.who(browser) == str(stage.user)
    assert stage.live() == 1
    assert stage.post(browser).status_code == 403


@case("F3")
def a_form_in_another_shape_does_nothing(stage: Stage) -> None:
    fields = stage.form()
    for kind in ("application/json", "text/plain", "application/json; charset=utf-7", ""):
        answer = stage.browser.post(stage.url(), data=str(fields), content_type=kind)
        stage.refused(answer, 400, 409, 415, 422)
    answer = stage.browser.post(
        stage.url(), json=fields, headers={"X-CSRFToken": fields["csrf_token"]}
    )
    stage.refused(answer, 400, 409, 415, 422)


@case("F5")
def a_form_from_another_site_does_nothing(stage: Stage) -> None:
    cross = {"Sec-Fetch-Site": "cross-site"}
    fields = stage.form()
    stage.refused(stage.browser.post(stage.url(), data=fields, headers=cross), 400, 403)
    browser = stage.begin()
    token = {"csrf_token": stage.token(browser)}
    answer = browser.post(stage.stop_url, data=token, headers=cross)
    assert answer.status_code in {400, 403}
    assert stage.live() == 1


@case("F6")
def no_other_origin_is_let_read_or_ask(stage: Stage) -> None:
    asked = {
        "Origin": "https://evil.example",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "X-CSRFToken",
    }
    for method in ("OPTIONS", "GET"):
        for url in (stage.url(), stage.stop_url, stage.world.url()):
            answer = stage.browser.open(url, method=method, headers=asked)
            assert not [name for name, _ in answer.headers if "access-control" in name.lower()]


@case("F7", swapped=False)
def reading_writes_nothing_but_that_it_was_read(stage: Stage) -> None:
    urls = [stage.url(), stage.world.url(), stage.world.user_url(stage.user)]
    urls += [stage.world.url("show_impersonation", seq=1)]
    with stage.world.statements() as before:
        for url in urls:
            stage.browser.get(url)
            stage.browser.head(url)
    browser = stage.begin()
    with stage.world.statements() as inside:
        for page in ("page", "who", "teapot"):
            stage.get(browser, page)
    assert written(before) == set()
    assert written(inside) == {"platform_users_visit"}


def written(statements: Sequence[Statement]) -> set[str]:
    """Return the tables that statements write to."""
    pattern = re.compile(r'\s*(?:insert into|update|delete from)\s+["`]?(\w+)', re.IGNORECASE)
    found = (pattern.match(statement.text) for statement in statements)
    return {match[1] for match in found if match}


@case("F8")
def no_address_that_is_sent_leads_anywhere(stage: Stage) -> None:
    """Neither beginning nor end takes one; both lead to where the host said."""
    names = ("next", "return_to", "redirect", "url", "came_from", "back", "landing")
    mine = stage.copy(stage.browser)
    for address in ELSEWHERE[:2]:
        sent = dict.fromkeys(names, address)
        headers = {"X-Forwarded-Host": "evil.example", "Origin": "null", "Referer": address}
        browser = stage.copy(mine)
        fields = stage.form(browser=browser) | sent
        answer = browser.post(stage.url(), data=fields, headers=headers, query_string=sent)
        assert answer.location == "/home"
        token = {"csrf_token": stage.token(browser)}
        answer = browser.post(stage.stop_url, data=sent | token, headers=headers, query_string=sent)
        assert answer.location.startswith(stage.world.user_url(stage.user))


@case("F8", swapped=False)
def no_address_that_is_sent_is_the_way_back(stage: Stage) -> None:
    browser = stage.begin()
    form = {"csrf_token": stage.token(browser), "reason": "This has to be done now"}
    turn = HOSTS.index(stage.world.host.NAME)
    for address in ELSEWHERE[turn :: len(HOSTS)]:  # each host is tried with a part of them
        sent = {"came_from": address, "wanted": address}
        answer = browser.post(stage.world.url("allow_changes"), data=form | sent)
        assert answer.status_code == 200
        assert way_back(answer.text) == "/home"


def way_back(page: str) -> str:
    """Return where a page's only button leads."""
    (link,) = re.findall(r'<a class="pu-button pu-button-main" href="([^"]*)"', page)
    return str(link)


@case("F8", swapped=False)
def the_way_back_from_a_refusal_is_a_page_of_this_host(stage: Stage) -> None:
    browser = stage.begin()
    for referrer, back in (
        ("http://localhost/product/page?q=1", "/product/page"),
        ("http://localhost//evil.example", "/home"),
        ("http://localhost/\\evil.example", "/home"),
        ("http://evil.example/product/page", "/home"),
        ("http://localhost.evil.example/", "/home"),
        ("javascript:alert(1)", "/home"),
        ("//evil.example", "/home"),
    ):
        token = {"csrf_token": stage.token(browser)}
        refused = browser.post("/product/note", data=token, headers={"Referer": referrer})
        assert refused.status_code == 403
        hidden = dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', refused.text))
        answer = browser.post(
            stage.world.url("allow_changes"), data=hidden | {"reason": "This has to be done now"}
        )
        assert way_back(answer.text) == back, referrer
        stage.read_only_again()


@case("F11", swapped=False)
def nobody_is_signed_in_by_an_address(stage: Stage) -> None:
    stage.begin()
    (row,) = stage.rows()
    with stage.forged(stage.browser) as session:
        secret = next((v[1] for k, v in session.items() if "overlay" in k), "")
    asked = dict.fromkeys(("token", "t", "secret", "id", "impersonate", "user_id"), secret or "1")
    asked |= {"_platform_users_overlay": secret, "_user_id": stage.owner_key}
    for browser in (stage.world.client(), stage.person(stage.other)):
        before = stage.who(browser)
        for url in ("/product/who", stage.url(), stage.stop_url, stage.world.url()):
            browser.get(url, query_string=asked)
            browser.get(url, headers={"X-Overlay": secret, "Authorization": f"Bearer {row.id}"})
            assert stage.who(browser) == before
