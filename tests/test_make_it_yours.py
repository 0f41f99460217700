"""What docs/make-it-yours.md tells a host to write does what it says there."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from .html import Node, parse
from .names import STATIC, properties, templates
from .shop import fill, shop

DOCS = Path(__file__).parent.parent / "docs"
TEXT = (DOCS / "make-it-yours.md").read_text()
CODE = {kind: re.findall(rf"```{kind}\n(.*?)```", TEXT, re.DOTALL) for kind in ("css", "python")}
FILES = dict(re.findall(r"`templates/([\w/.]+)`:\n\n```jinja\n(.*?)```", TEXT, re.DOTALL))
"""The templates of the page, by where they lie."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FlaskClient]:
    """Return the browser of Ada, in a product that does all that the page says at once."""
    folder = tmp_path_factory.mktemp("templates")
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    with shop(folder) as names:
        for block in CODE["python"]:
            exec(compile(block, "make-it-yours.md", "exec"), names)
        with names["app"].app_context():
            fill(names)
            db, ada, user = names["db"], names["current_user"], names["User"]
            same = {"platform_id": 1, "is_platform_owner": False, "role": "agent"}
            same |= {"created_at": ada.created_at}
            bo = user(id=2, username="Bo", email="bo@example.org", status="pending", **same)
            bo.company = "Looms"
            cy = user(id=3, username="Cy", email="cy@example.org", status="active", **same)
            mail = names["OutgoingMail"](user_id=2, queued_at=ada.created_at)
            db.session.add_all([bo, cy, mail])
            db.session.commit()
        yield names["app"].test_client()


def opened(client: FlaskClient, path: str, status: int = 200) -> Node:
    """Return a page."""
    answer = client.get(f"/clients/{path}")
    assert answer.status_code == status, answer.text
    return parse(answer.text)


def test_every_piece_of_the_page_is_tried_here() -> None:
    """None stands there that no test reads."""
    assert len(re.findall("```", TEXT)) == 2 * (len(FILES) + len(CODE["css"]) + len(CODE["python"]))
    assert len(CODE["css"]) == 2


def test_a_colour_is_a_property_that_there_is() -> None:
    """So are the classes of the page."""
    colours, rules = CODE["css"]
    assert set(re.findall(r"--pu-[\w-]+", colours)) <= set(properties())
    css = (STATIC / "platform_users.css").read_text()
    written = css + "".join(template.text for template in templates())
    for name in re.findall(r"\.(pu-[\w-]+)", rules):
        known = name.replace("pu-col-company", "pu-col-{{ column.name }}")
        assert known in written, name


def test_a_block_is_changed_and_the_rest_is_as_it_was(client: FlaskClient) -> None:
    """Of the list, and in the loop of the details page."""
    assert "1 wait to be let in." in opened(client, "").text
    page = opened(client, "id/2")
    assert "Works at Looms" in page.text
    assert page.text.count("Works at") == 1
    assert page.one(id="pu-history").text == "History"


def test_a_cell_is_changed_of_ours_and_of_the_hosts(client: FlaskClient) -> None:
    """A link to call the number, and one to everybody of a company."""
    page = opened(client, "")
    links = {node.text: node.attributes["href"] for node in page.one("tbody").all("a")}
    assert links["+44 20 7946 0018"] == "tel:+442079460018"
    cy = next(row for row in page.one("tbody").all("tr") if "cy@example.org" in row.text)
    assert cy.one(class_="pu-col-company").text.endswith("None")
    assert "Ada" not in opened(client, links["Looms"].removeprefix("/clients/")).one("tbody").text


def test_a_partial_and_a_page_are_replaced_as_a_whole(client: FlaskClient) -> None:
    """Each gets what the original got."""
    cards = [card.one("b").text for card in opened(client, "").all(class_="pu-card")]
    assert cards[0] == "3"
    refused = opened(client, "do/block/1", status=403)
    assert (refused.one("h1").text, refused.one("title").text) == ("Sorry", "This was not done")
    assert "You cannot do this to yourself." in refused.text
    missing = opened(client, "id/99", status=404)
    assert (missing.one("h1").text, missing.one("title").text) == (
        "Not found",
        "Not found · Platform clients",
    )
    for page in (refused, missing):
        assert [a.text for a in page.all("a", href="/help")] == ["Ask us"]


def test_a_line_in_python_adds_each_thing(client: FlaskClient) -> None:
    """A column, a card, a filter, a saved view, a section and an action."""
    page = opened(client, "")
    assert [head.text for head in page.all("th", scope="col")].count("Company") == 1
    assert "With a company" in page.text
    assert "Company" in {label.text for label in page.all("label")}
    views = {link.text: link.attributes["href"] for link in page.all("a", class_="pu-tab")}
    found = opened(client, views["Engines only"].removeprefix("/clients/")).one("tbody")
    assert [row.text for row in found.all(class_="pu-contact-name")] == ["Ada"]
    details = opened(client, "id/2")
    assert details.one(id="pu-mails").text == "Mails"
    assert "3 May 2026" in details.text
    assert "Send welcome" in details.text


def test_users_are_called_what_the_host_calls_them(client: FlaskClient) -> None:
    """In every text."""
    assert "Total clients" in opened(client, "").text


@pytest.mark.parametrize(
    "name", ["make-it-yours.md", "templates.md", "reference.md", "../README.md"]
)
def test_every_link_of_the_documentation_leads_somewhere(name: str) -> None:
    """To a file that is there, and to a heading in it."""
    text = (DOCS / name).read_text()
    for target in re.findall(r"\]\((?!https:)([^)\s]+)\)", text):
        file, _, place = target.partition("#")
        path = (DOCS / name).parent / file if file else DOCS / name
        assert path.exists(), target
        assert not place or place in anchors(path.read_text()), target


def anchors(text: str) -> set[str]:
    """Return how the headings of a text are named in an address."""
    headings = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}
