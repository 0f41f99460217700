"""A deleted user is out of everything, can be brought back for a while, and is then gone."""

import dataclasses
from collections.abc import Iterator
from datetime import timedelta

import pytest
import sqlalchemy as sa

from example_app.models import Contact, User, WhatsAppNumber, db
from flask_platform_users.checks import deletion_faults
from flask_platform_users.errors import HookError
from flask_platform_users.orders import Order
from flask_platform_users.pipeline import Pipeline
from flask_platform_users.rights import SYSTEM

from .product import DATABASES, UNTIL, USERS, Product, opened


@pytest.fixture(scope="module", params=DATABASES)
def product(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Product]:
    with opened(request.param, tmp_path_factory.mktemp("deletion")) as product:
        yield product


@pytest.mark.parametrize(
    ("grace", "delete", "sentence"),
    [
        (30, None, "PlatformUsers(grace=...) was given 30; expected how long"),
        (timedelta(seconds=-1), None, "PlatformUsers(grace=...) was given"),
        (timedelta.max, None, "PlatformUsers(grace=...) was given"),
        (timedelta(), "drop", "PlatformUsers(delete=...) was given 'drop' (str); expected a fun"),
    ],
)
def test_a_wrong_grace_or_delete_is_refused_with_a_sentence(
    grace: object, delete: object, sentence: str
) -> None:
    (fault,) = deletion_faults(grace, delete)
    assert fault.startswith(sentence)


def test_the_form_shows_what_goes_with_the_user(product: Product) -> None:
    key, _ = product.some_user()
    with product.app.app_context():
        db.session.add(WhatsAppNumber(user_id=key, platform_id=1, phone="+49 30 1", name="Support"))
        db.session.commit()
        contacts = db.session.scalar(
            sa.select(sa.func.count()).select_from(Contact).where(Contact.owner_id == key)
        )
    page = product.owner.get(f"{USERS}/do/delete/{key}").text
    assert "WhatsApp (WABA) channels" in page
    assert f"<span>{contacts} Contacts</span>" in page
    assert "removed" in page


def test_a_wrong_name_is_refused_and_what_was_typed_stays(product: Product) -> None:
    key, name = product.some_user()
    answer = product.act("delete", key, reason="left us", confirm=f"{name}x")
    assert answer.status_code == 422
    assert 'value="left us"' in answer.text
    assert f'value="{name}x"' in answer.text
    assert product.user(key) is not None
    assert product.events(key) == []


def test_a_deletion_needs_a_reason(product: Product) -> None:
    key, name = product.some_user()
    assert product.act("delete", key, reason="  ", confirm=name).status_code == 422


def test_a_name_is_compared_after_trimming_and_in_its_case(product: Product) -> None:
    key, name = product.some_user()
    if name.swapcase() != name:
        assert product.act("delete", key, reason="x", confirm=name.swapcase()).status_code == 422
    assert product.act("delete", key, reason="x", confirm=f"  {name} ").status_code == 303


def test_a_deleted_user_is_out_of_every_page_and_every_count(product: Product) -> None:
    key, name = product.some_user()
    channels, before = product.channels_of(key), product.cards()
    assert channels
    product.delete(key, name)
    after = product.cards()
    assert after["total"] == before["total"] - 1
    assert after["active"] == before["active"] - 1
    assert after["channels"] == before["channels"] - channels
    listed = product.owner.get(USERS, query_string={"q": name}, follow_redirects=True).text
    assert f"/id/{key}" not in listed
    assert product.owner.get(f"{USERS}/do/block/{key}").status_code == 404


def test_the_deleted_are_listed_with_the_end_of_their_grace(product: Product) -> None:
    key, name = product.some_user()
    assert '<option value="deleted">Deleted</option>' in product.owner.get(f"{USERS}/").text
    product.delete(key, name)
    page = product.owner.get(f"{USERS}/?status=deleted&per_page=100").text
    assert f"/do/restore/{key}" in page
    assert f"/do/block/{key}" not in page
    assert "Restorable until" in page


def test_the_details_of_a_deleted_user_offer_restore_and_nothing_else(product: Product) -> None:
    key, name = product.some_user()
    answer = product.delete(key, name)
    page = product.owner.get(answer.location).text
    assert f"deleted {name}." in page
    assert f"/do/restore/{key}" in page
    assert f"/do/delete/{key}" not in page
    assert "left us" in page


def test_who_may_not_restore_finds_no_deleted_user(product: Product) -> None:
    key, name = product.some_user()
    staff = product.sign_in("staff@acme.example")
    with product.app.app_context():
        person = db.session.scalars(sa.select(User).where(User.email == "staff@acme.example")).one()
        person.permissions = ["view"]
        db.session.commit()
    assert staff.get(f"{USERS}/id/{key}").status_code == 200
    product.delete(key, name)
    assert staff.get(f"{USERS}/id/{key}").status_code == 404
    assert staff.get(f"{USERS}/?status=deleted").status_code == 400


def test_restoring_brings_a_block_back_with_the_user(product: Product) -> None:
    key, name = product.some_user()
    before = product.cards()
    product.act("block", key, reason="under review", until=UNTIL)
    product.delete(key, name)
    assert product.act("restore", key, reason="by mistake").status_code == 303
    with product.app.app_context():
        user = product.extension.directory(1).user(str(key))
        assert (user.status, user.block_reason) == ("blocked", "under review")
    after = product.cards()
    assert after["total"] == before["total"]
    assert after["channels"] == before["channels"]
    assert [event.action for event in product.events(key)] == ["block", "delete", "restore"]


def test_deleting_twice_by_the_same_form_does_it_once(product: Product) -> None:
    key, name = product.some_user()
    form = product.form("delete", key) | {"reason": "left us", "confirm": name}
    answers = [product.owner.post(f"{USERS}/do/delete/{key}", data=form) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [303, 303]
    assert answers[0].location == answers[1].location
    assert [event.action for event in product.events(key)] == ["delete"]


def test_nobody_is_restored_once_the_grace_has_ended(product: Product) -> None:
    key, name = product.some_user()
    product.delete(key, name)
    form = product.form("restore", key)
    product.end_grace(key)
    assert product.owner.post(f"{USERS}/do/restore/{key}", data=form).status_code == 404
    assert product.owner.get(f"{USERS}/id/{key}").status_code == 404
    assert f"/id/{key}" not in product.owner.get(f"{USERS}/?status=deleted&per_page=100").text


def test_without_a_grace_the_row_goes_at_once_and_the_history_stays(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = dataclasses.replace(product.extension.mapping, grace=timedelta())
    monkeypatch.setattr(product.extension, "_mapping", without)
    key, name = product.some_user()
    form = product.form("delete", key) | {"reason": "left us", "confirm": name}
    answer = product.owner.post(f"{USERS}/do/delete/{key}", data=form)
    assert product.user(key) is None
    assert [event.user_name for event in product.events(key)] == [name]
    assert f"deleted {name}." in product.owner.get(answer.location).text
    again = product.owner.post(f"{USERS}/do/delete/{key}", data=form)
    assert product.owner.get(again.location).status_code == 200


def test_purge_deletes_the_row_with_its_cascades_and_keeps_the_history(product: Product) -> None:
    key, name = product.some_user()
    product.delete(key, name)
    product.end_grace(key)
    code, said = product.run("purge", "--yes")
    assert code == 0
    assert "Deleted" in said
    assert product.user(key) is None
    with product.app.app_context():
        assert not db.session.scalars(sa.select(Contact).where(Contact.owner_id == key)).all()
        assert not db.session.execute(
            sa.select(product.state).where(product.state.c.user_key == key)
        ).all()
    assert [(e.action, e.actor, e.user_name) for e in product.events(key)] == [
        ("delete", "1", name),
        ("purge", None, name),
    ]


def test_purge_leaves_those_who_can_still_be_restored(product: Product) -> None:
    key, name = product.some_user()
    product.delete(key, name)
    assert product.run("purge", "--yes")[0] == 0
    assert product.act("restore", key).status_code == 303


def test_purge_asks_first(product: Product) -> None:
    key, name = product.some_user()
    product.delete(key, name)
    product.end_grace(key)
    code, said = product.run("purge", input="n\n")
    assert code == 1
    assert "for good?" in said
    assert product.user(key) is not None
    assert product.run("purge", input="y\n")[0] == 0
    assert product.user(key) is None


def test_a_purge_that_fails_for_one_says_why_and_goes_on(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    (bad, bad_name), (good, good_name) = product.some_user(), product.some_user()
    for key, name in ((bad, bad_name), (good, good_name)):
        product.delete(key, name)
        product.end_grace(key)

    def delete(user: User) -> None:
        if user.id == bad:
            raise RuntimeError("the bucket is locked")
        db.session.delete(user)

    mapping = dataclasses.replace(product.extension.mapping, delete=delete)
    with monkeypatch.context() as patch:
        patch.setattr(product.extension, "_mapping", mapping)
        code, said = product.run("purge", "--yes")
    assert code == 1
    assert f"User {bad} of platform 1: PlatformUsers(delete=...) raised RuntimeError" in said
    assert "the bucket is locked" in said
    assert product.user(bad) is not None
    assert product.user(good) is None
    assert product.events(bad)[-1].outcome == "failed"
    assert product.run("purge", "--yes")[0] == 0


@pytest.mark.parametrize("wrong", ["commit", "rollback"])
def test_a_delete_function_that_ends_the_transaction_changes_nothing(
    product: Product, monkeypatch: pytest.MonkeyPatch, wrong: str
) -> None:
    key, name = product.some_user()
    product.delete(key, name)
    product.end_grace(key)

    def delete(user: User) -> None:
        db.session.delete(user)
        getattr(db.session, wrong)()

    mapping = dataclasses.replace(product.extension.mapping, delete=delete)
    with monkeypatch.context() as patch:
        patch.setattr(product.extension, "_mapping", mapping)
        code, said = product.run("purge", "--yes")
    assert (code, "PlatformUsers(delete=...)" in said) == (1, True)
    assert product.user(key) is not None
    assert product.run("purge", "--yes")[0] == 0


def test_a_row_that_the_database_still_needs_is_named(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, name = product.some_user()
    product.delete(key, name)
    product.end_grace(key)

    def delete(_user: User) -> None:
        db.session.add(WhatsAppNumber(user_id=10**6, platform_id=1, phone="1", name="x"))

    mapping = dataclasses.replace(product.extension.mapping, delete=delete)
    with monkeypatch.context() as patch, product.app.app_context():
        patch.setattr(product.extension, "_mapping", mapping)
        pipeline = Pipeline(
            product.extension.directory(1),
            product.extension.policy,
            SYSTEM,
            product.extension.chain(1).keys,
        )
        purge = next(a for a in product.extension.actions if a.name == "purge")
        with pytest.raises(HookError, match="broke a rule of the database"):
            pipeline.run(Order(action=purge, key=str(key)))
    assert product.run("purge", "--yes")[0] == 0


def test_a_delete_function_that_keeps_the_row_hides_the_user_for_good(
    product: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    key, name = product.some_user()
    product.delete(key, name)
    product.end_grace(key)

    def forget(user: User) -> None:
        user.username = "gone"

    mapping = dataclasses.replace(product.extension.mapping, delete=forget)
    monkeypatch.setattr(product.extension, "_mapping", mapping)
    total = product.cards()["total"]
    assert product.run("purge", "--yes")[0] == 0
    kept = product.user(key)
    assert kept is not None
    assert kept.username == "gone"
    assert product.cards()["total"] == total
    assert product.owner.get(f"{USERS}/id/{key}").status_code == 404
    assert product.run("purge", "--yes") == (0, "Deleted 0 users for good.\n")
