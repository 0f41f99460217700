"""The product that the documentation's code is written for."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask_login import LoginManager, UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column


def models() -> dict[str, Any]:
    """Return a database object and the models on it, by their names."""

    class Base(DeclarativeBase):
        pass

    db = SQLAlchemy(model_class=Base)

    class User(UserMixin, db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        platform_id: Mapped[int]
        is_platform_owner: Mapped[bool]
        username: Mapped[str]
        email: Mapped[str]
        phone: Mapped[str | None]
        company: Mapped[str | None]
        role: Mapped[str]
        status: Mapped[str]
        last_login_at: Mapped[datetime | None]
        created_at: Mapped[datetime]

    class WhatsAppNumber(db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        user_id: Mapped[int] = mapped_column(sa.ForeignKey(User.id))

    class Channel(db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        user_id: Mapped[int] = mapped_column(sa.ForeignKey(User.id))
        kind: Mapped[str]

    class Contact(db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        owner_id: Mapped[int] = mapped_column(sa.ForeignKey(User.id))

    class Campaign(db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        owner_id: Mapped[int] = mapped_column(sa.ForeignKey(User.id))

    class OutgoingMail(db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        user_id: Mapped[int]
        queued_at: Mapped[datetime]

    class Plan(db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        platform_id: Mapped[int]
        name: Mapped[str]
        price: Mapped[Decimal]
        currency: Mapped[str]
        interval: Mapped[str]
        max_channels: Mapped[int]
        max_contacts: Mapped[int]

    class AddOn(db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        price: Mapped[Decimal]
        currency: Mapped[str]

    class Subscription(db.Model):  # type: ignore[name-defined,misc]
        id: Mapped[int] = mapped_column(primary_key=True)
        user_id: Mapped[int] = mapped_column(sa.ForeignKey(User.id))
        plan_id: Mapped[int] = mapped_column(sa.ForeignKey(Plan.id))
        ends_at: Mapped[datetime | None]

    class SubscriptionAddOn(db.Model):  # type: ignore[name-defined,misc]
        subscription_id: Mapped[int] = mapped_column(
            sa.ForeignKey(Subscription.id), primary_key=True
        )
        add_on_id: Mapped[int] = mapped_column(sa.ForeignKey(AddOn.id), primary_key=True)

    return locals()


@contextmanager
def shop(templates: Path | None = None) -> Iterator[dict[str, Any]]:
    """Make an app whose requests are all Ada's, the owner of a platform, on an empty database.

    What a piece of code finds there is yielded by name: `app`, `db`, the models, and Ada as
    `current_user`. Ada and the tables are made by `fill`, once the page is mounted.
    """
    names = models()
    app = Flask(__name__, template_folder=templates and str(templates))
    app.config.update(SECRET_KEY="secret", SQLALCHEMY_DATABASE_URI="sqlite://")
    db, user = names["db"], names["User"]
    db.init_app(app)
    ada = user(
        id=1,
        platform_id=1,
        is_platform_owner=True,
        username="Ada",
        email="ada@example.org",
        company="Engines",
        phone="+44 20 7946 0018",
        role="owner",
        status="active",
        created_at=datetime(2026, 5, 3, tzinfo=UTC),
    )
    LoginManager(app).request_loader(lambda _: db.session.get(user, 1))
    yield names | {"app": app, "current_user": ada}
    with app.app_context():
        db.engine.dispose()


def fill(names: dict[str, Any]) -> None:
    """Make the tables, and Ada, within the context of the app."""
    names["db"].create_all()
    names["db"].session.add(names["current_user"])
    names["db"].session.commit()
