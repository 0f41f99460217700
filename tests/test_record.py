"""Hosts write to the history in their own transactions."""

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
    with opened(request.param, tmp_path_factory.mktemp("record")) as product:
        yield product


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
