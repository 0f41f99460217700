"""What the history calls a person, whatever their columns are called."""

from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_platform_users import PlatformUsers, Policy, Status, Users
from flask_platform_users.cli.desk import Desk
from flask_platform_users.pipeline import Pipeline
from flask_platform_users.policy import name_of
from flask_platform_users.settings import Settings

from .shop import fill, shop


class Base(DeclarativeBase):
    """The declarative base."""


class Account(Base):
    """A user of a product that has words of its own."""

    __tablename__ = "account"

    id: Mapped[int] = mapped_column(primary_key=True)
    tenant_id: Mapped[int]
    handle: Mapped[str | None] = mapped_column("account_handle")
    mail: Mapped[str | None] = mapped_column("account_mail")
    state: Mapped[str]

    def get_id(self) -> str:
        """Return what the login knows them by."""
        return f"account-{self.id}"


class Owner(Policy):
    """Lets everybody in."""

    def platform_of(self, actor: Any) -> int:  # noqa: ARG002
        """Return the only platform."""
        return 1


class Called(Owner):
    """Calls those who have a nickname by it."""

    def name_of(self, actor: Any) -> str | None:
        """Leave all others to the page."""
        return getattr(actor, "nickname", None) or super().name_of(actor)


def users(**more: Any) -> Users:
    """Return a mapping of accounts."""
    names: dict[str, Any] = {"username": Account.handle, "email": Account.mail} | more
    status = Status.column(Account.state)
    return Users(Account, platform=Account.tenant_id, status=status, **names)


@pytest.mark.parametrize(
    ("person", "name"),
    [
        (Account(id=7, handle="ada", mail="ada@example.org"), "ada@example.org"),
        (Account(id=7, handle="ada", mail=""), "ada"),
        (Account(id=7), "account-7"),
        (SimpleNamespace(mail="of.something@else", email="bo@example.org"), "bo@example.org"),
        (SimpleNamespace(handle="bo", username=None, name="Bo"), "Bo"),
        (SimpleNamespace(handle="bo", get_id=lambda: "17"), "17"),
    ],
)
def test_a_user_is_called_by_what_is_mapped_and_others_by_the_usual_names(
    person: Any, name: str
) -> None:
    assert name_of(person, Owner(), users()) == name


def test_what_is_mapped_by_an_expression_is_no_attribute_to_be_read() -> None:
    """The next one is."""
    lowered = users(email=sa.func.lower(Account.mail))
    assert name_of(Account(id=7, handle="ada", mail="Ada@x"), Owner(), lowered) == "ada"


def test_the_policy_comes_first_and_may_leave_it_to_the_page() -> None:
    account = Account(id=7, handle="ada", mail="ada@example.org")
    assert name_of(account, Called(), users()) == "ada@example.org"
    account.nickname = "Countess"  # type: ignore[attr-defined]
    assert name_of(account, Called(), users()) == "Countess"


def test_page_terminal_and_product_write_the_same_name_into_the_history() -> None:
    """That of the mapping: here the model has an `email` too, which is not what was mapped."""
    with shop() as names:
        app, user, ada = names["app"], names["User"], names["current_user"]
        extension = PlatformUsers(
            names["db"],
            users=Users(
                user,
                platform=user.platform_id,
                username=user.username,
                email=user.company,
                status=Status.column(user.status),
            ),
            policy=Owner(),
        )
        extension.init_app(app)
        with app.app_context():
            fill(names)
            directory, keys = extension.directory(1), Settings.of(app).keys(app)
            assert Pipeline(directory, extension.policy, ada, keys).actor_name == "Engines"
            assert Desk(extension, ada, 1).name == "Engines"
            extension.record(action="invoice_sent", actor=ada)
            names["db"].session.commit()
        assert "Engines did “Invoice sent”" in app.test_client().get("/platform/users/history").text
