"""Whatever is typed into a form, or sent without one, is text and nothing more."""

import csv
import io
from typing import Any

import pytest
from flask.testing import FlaskClient

from flask_platform_users.door import LARGEST_FORM
from flask_platform_users.history import History, HistoryQuery

from .conftest import mostly_on_sqlite, on_host
from .html import foreign_scripts, parse
from .office import Office, verify
from .world import World

XSS = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "'><svg/onload=alert(1)>",
    "</title></textarea><script>alert(1)</script>",
    "{{ 7 * 7 }}{% raw %}",
    "<!-- ",
    "]]>&lt;b&gt;",
    "\u202e<b>",
]  # fmt: skip

FORMULAS = [
    "=1+1",
    "+1",
    "-1",
    "@SUM(A1)",
    "|calc",
    "%0A=1",
    " =1+1",
    "\u00a0=1",
    "\u2003@x",
    "＝1＋1",
    "=HYPERLINK(\"http://evil.example\",\"x\")",
    "=cmd|' /C calc'!A0",
]  # fmt: skip


@pytest.fixture
def office(world: World) -> Office:
    return Office(world)


@on_host("d-strings")
def test_what_is_typed_is_only_ever_text(office: Office) -> None:
    world = office.world
    for text in XSS:
        office.do("block", office.user, reason=text)
        office.do("unblock", office.user)
        refused = parse(office.do("block", office.user, reason=text, until="2020-01-01T00:00").text)
        assert refused.one("input", name="reason").attributes["value"] == text.strip()
        assert not foreign_scripts(refused) + refused.all("img") + refused.all("b")
    for url in (
        world.user_url(office.user),
        world.url("show_history", per_page="100"),
        world.url("show_history", action=XSS[0], actor=XSS[1], user=XSS[2]),
    ):
        page = parse(office.client.get(url).text)
        assert not foreign_scripts(page) + page.all("img") + page.all("b")
        assert not [node for node in page for name in node.attributes if name.startswith("on")]
    told = parse(office.client.get(world.url("show_history", per_page="100")).text).text
    assert all(" ".join(text.split()) in told for text in XSS)


@on_host("b-timestamps")
def test_no_cell_of_the_csv_is_a_formula(office: Office) -> None:
    world = office.world
    keys = world.add(*(world.person(office.platform, text) for text in FORMULAS))
    for key, text in zip(keys, FORMULAS, strict=True):
        office.do("add_note", key, text=f"{text}\n{text}")
        assert office.do("block", key, reason=text).status_code == 303
    rows = list(csv.reader(io.StringIO(office.export("export_history").text)))
    assert len(rows) == 1 + 2 * len(FORMULAS)
    assert {len(row) for row in rows} == {len(rows[0])}
    for row in rows:
        for cell in row:
            assert not cell.strip().startswith(("=", "+", "-", "@", "|", "%", "＝", "＋"))
    cells = {cell for row in rows for cell in row}
    assert {f"'{text.strip()}" for text in FORMULAS} <= cells | {f"'{c[1:].strip()}" for c in cells}
    verify(office)


@mostly_on_sqlite
def test_nothing_but_the_fields_of_a_form_is_taken_from_it(office: Office) -> None:
    world, elsewhere = office.world, office.world.platform("Globex")
    before = world.columns_of(office.user)
    extra = dict.fromkeys([*before, "password", "is_admin", "version", "record"], "1")
    extra |= dict.fromkeys(["platform", "platform_id", "platform_key", "user_key"], str(elsewhere))
    answer = office.client.post(
        office.url("add_note", office.user) + f"?platform={elsewhere}&user={elsewhere}",
        data=extra | office.hidden("add_note", office.user) | {"text": "mine"},
        headers={"X-Platform": str(elsewhere), "X-Tenant-Id": str(elsewhere)},
    )
    assert answer.status_code == 303
    assert world.columns_of(office.user) == before
    assert office.told() == [("add_note", "done")]
    with world.directory(elsewhere) as directory:
        assert History(directory).page(HistoryQuery()).events == []


def rules(world: World) -> dict[str, tuple[set[str], set[str]]]:
    """Return every address of the mount, with its methods and what stands in it."""
    return {
        rule.endpoint.partition(".")[2]: (rule.methods - {"HEAD", "OPTIONS"}, rule.arguments)
        for rule in world.app.url_map.iter_rules()
        if rule.endpoint.startswith(f"{world.extension.name}.") and rule.methods
    }


def statuses(office: Office, client: FlaskClient, key: Any) -> dict[tuple[str, str], int]:
    """Return how each address answers each method."""
    world, found = office.world, {}
    known = {
        "key": str(key),
        "name": "block",
        "seq": "1",
        "job_id": "none",
        "unknown": "else",
        "filename": "platform_users.css",
    }
    for endpoint, (_, arguments) in rules(world).items():
        url = world.url(endpoint, **{name: known[name] for name in arguments})
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            with client.open(url, method=method) as answer:
                found[endpoint, method] = answer.status_code
    return found


@mostly_on_sqlite
def test_every_address_lets_in_whom_it_should_and_nobody_else(office: Office) -> None:
    world = office.world
    (foreign,) = world.add(world.person(world.platform("Globex")))
    nobody = statuses(office, world.client(), office.user)
    stranger = statuses(office, world.client(world.stranger()), office.user)
    owner = statuses(office, office.client, foreign)
    for endpoint, (methods, arguments) in rules(world).items():
        for method in ("GET", "POST", "PUT", "PATCH", "DELETE"):
            asked = (endpoint, method)
            answers = nobody[asked], stranger[asked], owner[asked]
            if endpoint.startswith("api."):
                assert answers == api_answers(endpoint, method), asked
            elif method not in methods:
                assert set(answers) <= {405, 400}, asked  # 400: the host's own CSRFProtect
            elif endpoint == "static":
                assert answers == (200, 200, 200)
            elif method == "POST":  # all without a token
                assert answers[0] in {302, 400}
                assert answers[1] in {403, 400}
                assert answers[2] == 400
            else:
                assert answers == (302, 403, 404 if arguments else 200), asked
    # The owner's forms without a token; an address of the API has two endpoints.
    assert office.told() == [("block", "refused")] * 5


def api_answers(endpoint: str, method: str) -> tuple[int, int, int]:
    """Return what nobody, a stranger and an owner of another platform get, all without a token."""
    if method != "GET":
        return 401, 403, 400
    if endpoint in {"api.summary", "api.users", "api.history", "api.jobs", "api.openapi"}:
        return 401, 403, 200
    if endpoint in {"api.order", "api.do_job", "api.cancel_job", "api.undo"}:
        return 401, 403, 405
    return 401, 403, 404


@pytest.mark.parametrize("chunked", [False, True])
@on_host("c-membership")
def test_a_form_of_ten_megabytes_is_refused(office: Office, chunked: bool) -> None:
    fields = office.hidden("add_note", office.user) | {"text": "x" * 10_000_000}
    body = io.BytesIO("&".join(f"{name}={value}" for name, value in fields.items()).encode())
    length = {"wsgi.input_terminated": True} if chunked else {"CONTENT_LENGTH": "10000000"}
    refused = office.client.post(
        office.url("add_note", office.user),
        input_stream=body,
        content_type="application/x-www-form-urlencoded",
        environ_overrides=length,
    )
    assert refused.status_code == 413
    assert "This form is too large" in refused.text
    assert body.tell() <= 4 * LARGEST_FORM
    assert office.told() == []
