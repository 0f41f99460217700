"""Staff keep notes on users, and hosts write to the same history."""

from collections.abc import Iterator

import pytest
import sqlalchemy as sa
from flask import has_request_context

from example_app.models import User, db
from flask_platform_users.errors import NotFoundError

from .product import DATABASES, USERS, Product, opened


@pytest.fixture(scope="module", params=DATABASES)
def product(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    with opened(request.param, tmp_path_factory.mktemp("notes")) as product:
        yield product


def notes(product: Product, key: int) -> list[str]:
    """Return the notes in the order of the details page."""
    with product.app.app_context():
        directory = product.extension.directory(1)
        return [note.text for note in directory.notes(directory.user(str(key)))]


def test_a_note_is_on_the_details_page_and_in_the_history(product: Product) -> None:
    key, name = product.some_user()
    answer = product.act("add_note", key, text="Prefers to be called\r\nin the morning 🌞")
    page = product.owner.get(answer.location).text
    assert f"owner@acme.example wrote a note on {name}." in page
    assert page.count("Prefers to be called\nin the morning 🌞") == 2
    assert product.events(key)[0].reason == "Prefers to be called\nin the morning 🌞"


def test_pinned_notes_come_first_and_then_the_newest(product: Product) -> None:
    key, _ = product.some_user()
    product.act("add_note", key, text="one", pinned="y")
    product.act("add_note", key, text="two")
    product.act("add_note", key, text="three")
    assert notes(product, key) == ["one", "three", "two"]


@pytest.mark.parametrize("text", ["", "  \n ", "\x00", "x" * 1001])
def test_a_note_of_nothing_or_of_too_much_is_refused(product: Product, text: str) -> None:
    key, _ = product.some_user()
    assert product.act("add_note", key, text=text).status_code == 422
    assert notes(product, key) == []


def test_a_note_is_shown_as_text_whatever_is_in_it(product: Product) -> None:
    key, _ = product.some_user()
    answer = product.act("add_note", key, text="<script>alert(1)</script>{{ 7 * 7 }}")
    page = product.owner.get(answer.location).text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;{{ 7 * 7 }}" in page


def test_a_note_is_sent_twice_and_kept_once(product: Product) -> None:
    key, _ = product.some_user()
    form = product.form("add_note", key) | {"text": "once"}
    for _ in range(2):
        assert product.owner.post(f"{USERS}/do/add_note/{key}", data=form).status_code == 303
    assert notes(product, key) == ["once"]


def test_a_note_can_be_removed_from_its_user_only(product: Product) -> None:
    (key, _), (other, _) = product.some_user(), product.some_user()
    for user in (key, other):
        product.act("add_note", user, text="old")
    with product.app.app_context():
        directory = product.extension.directory(1)
        (theirs,) = directory.notes(directory.user(str(other)))
        (own,) = directory.notes(directory.user(str(key)))
    assert product.act("remove_note", key, note=theirs.id).status_code == 422
    assert f"/do/remove_note/{key}" in product.owner.get(f"{USERS}/id/{key}").text
    assert product.act("remove_note", key, note=own.id).status_code == 303
    assert notes(product, key) == []
    assert notes(product, other) == ["old"]
    assert product.events(key)[-1].reason == "old"
    assert product.owner.get(f"{USERS}/do/remove_note/{key}").status_code == 409


def test_notes_go_with_the_user(product: Product) -> None:
    key, name = product.some_user()
    product.act("add_note", key, text="old")
    product.delete(key, name)
    product.end_grace(key)
    product.run("purge", "--yes")
    note = product.extension.mapping.tables.note
    with product.app.app_context():
        assert not db.session.execute(sa.select(note).where(note.c.user_key == key)).all()


def owner() -> User:
    return db.session.scalars(sa.select(User).where(User.email == "owner@acme.example")).one()


def test_a_host_records_in_its_own_transaction(product: Product) -> None:
    key, name = product.some_user()
    with product.app.app_context():
        seq = product.extension.record(
            action="invoice_sent",
            user_key=key,
            actor=owner(),
            reason="for May",
            changes={"Invoices": (3, 4)},
        )
        db.session.get_one(User, key).phone = "+49 30 123"
        db.session.commit()
    (event,) = product.events(key)
    assert (event.seq, event.action, event.user_name) == (seq, "invoice_sent", name)
    assert (event.actor_name, event.reason) == ("owner@acme.example", "for May")
    assert event.changes == {"Invoices": ("3", "4")}
    assert "did “Invoice sent” to" in product.owner.get(f"{USERS}/id/{key}").text
    assert product.run("audit", "verify")[0] == 0


def test_what_the_host_rolls_back_is_not_recorded(product: Product) -> None:
    key, _ = product.some_user()
    with product.app.app_context():
        product.extension.record(action="invoice_sent", user_key=key, platform=1)
        db.session.rollback()
    assert product.events(key) == []
    assert product.run("audit", "verify")[0] == 0


def test_a_host_records_outside_of_requests_as_the_system(product: Product) -> None:
    assert not has_request_context()
    key, _ = product.some_user()
    with product.app.app_context():
        product.extension.record(action="imported", user_key=key, platform=1)
        db.session.commit()
    (event,) = product.events(key)
    assert (event.actor, event.actor_name, event.address) == (None, "", "")


def test_a_host_cannot_record_for_a_user_of_another_platform(product: Product) -> None:
    with product.app.app_context():
        foreign = db.session.scalars(sa.select(User.id).where(User.platform_id == 2)).first()
        with pytest.raises(NotFoundError):
            product.extension.record(action="imported", user_key=foreign, platform=1)
        db.session.rollback()


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"platform": None}, "record(platform=...) is not given"),
        ({"action": "Invoice sent"}, "record(action=...) was given 'Invoice sent'"),
        ({"action": "x" * 65}, "record(action=...) was given 'xxx"),
        ({"reason": None}, "record(reason=...) was given something else"),
        ({"reason": "x" * 1001}, "record(reason=...) was given something else"),
        ({"changes": {"Seats": 3}}, "record(changes=...) was given {'Seats': 3}"),
        ({"changes": [("Seats", 3, 4)]}, "record(changes=...) was given [("),
    ],
)
def test_wrong_use_of_record_is_refused_with_a_sentence(
    product: Product, wrong: dict[str, object], sentence: str
) -> None:
    arguments = {"action": "imported", "platform": 1, "reason": "", "changes": None} | wrong
    with product.app.app_context(), pytest.raises(ValueError) as caught:  # noqa: PT011
        product.extension.record(**arguments)  # type: ignore[arg-type]
    assert sentence in str(caught.value)
