"""What the README tells a stranger to write works as it stands there."""

import os
import re
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_login import LoginManager, UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

README = Path(__file__).parent.parent / "README.md"


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
    subscription_id: Mapped[int] = mapped_column(sa.ForeignKey(Subscription.id), primary_key=True)
    add_on_id: Mapped[int] = mapped_column(sa.ForeignKey(AddOn.id), primary_key=True)


def blocks() -> list[str]:
    return re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)


def test_every_block_of_the_readme_runs_in_order_and_the_page_opens(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AUDIT_KEY", "k" * 32)
    app = Flask(__name__)
    app.config.update(SECRET_KEY="secret", SQLALCHEMY_DATABASE_URI="sqlite://")
    db.init_app(app)
    login_manager = LoginManager(app)
    owner = User(
        id=1,
        platform_id=1,
        is_platform_owner=True,
        username="Ada",
        email="ada@example.org",
        role="owner",
        status="active",
        created_at=datetime(2026, 5, 3, tzinfo=UTC),
    )
    login_manager.request_loader(lambda _: db.session.get(User, 1))
    host: dict[str, Any] = globals() | {"app": app, "os": os, "flash": print, "current_user": owner}
    with_a_user = [block for block in blocks() if re.search(r"(?<![.\w])user(\.id|\))", block)]
    assert len(with_a_user) == 2
    for block in blocks():
        if block not in with_a_user:
            exec(compile(block, README.name, "exec"), host)
    with app.app_context():
        db.create_all()
        db.session.add(owner)
        db.session.commit()
        host["user"] = owner
        for block in with_a_user:
            exec(compile(block, README.name, "exec"), host)
        db.session.remove()
    client = app.test_client()
    assert "Ada" in client.get("/platform/users/").text
    assert "Invoice sent" in client.get("/platform/users/history").text
    with app.app_context():
        db.engine.dispose()


def test_the_integration_of_the_readme_takes_some_thirty_lines() -> None:
    mapping, mounting, *_ = blocks()
    written = [line for line in (mapping + mounting).splitlines() if line.strip()]
    assert len(written) <= 35
