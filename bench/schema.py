"""The tables that every contestant shows: platforms, their users, and the users' channels."""

import os
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask_login import UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

URL = sa.make_url(
    os.environ.get(
        "BENCH_DATABASE_URL",
        "postgresql+psycopg://postgres@127.0.0.1:5432/platform_users_bench",
    )
)
KINDS = ("whatsapp", "webchat", "instagram")
PLATFORM_ID = 1  # the big platform is inserted first
OWNER_ID = 1  # and its owner is its first user


class Base(DeclarativeBase):
    """The declarative base of all tables."""


db = SQLAlchemy(model_class=Base)

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class Platform(Model):
    """A white-label workspace."""

    __tablename__ = "platforms"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(sa.String(80))


class User(Model, UserMixin):  # type: ignore[misc]
    """A platform user; the owner is one of them."""

    __tablename__ = "users"

    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    platform_id: Mapped[int] = mapped_column(sa.ForeignKey(Platform.id))
    username: Mapped[str] = mapped_column(sa.String(80))
    email: Mapped[str] = mapped_column(sa.String(255))
    phone: Mapped[str | None] = mapped_column(sa.String(32))
    role: Mapped[str] = mapped_column(sa.String(20))
    status: Mapped[str] = mapped_column(sa.String(20))
    created_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))
    last_login_at: Mapped[datetime | None] = mapped_column(sa.DateTime(timezone=True))

    channels: Mapped[list["Channel"]] = relationship(viewonly=True)


class Channel(Model):
    """A connected channel of one kind."""

    __tablename__ = "channels"

    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey(User.id))
    platform_id: Mapped[int] = mapped_column(sa.ForeignKey(Platform.id))
    kind: Mapped[str] = mapped_column(sa.String(20))


def _trigrams(index: str, **expressions: Any) -> None:
    """Add a GIN index that serves LIKE and ILIKE with a leading wildcard."""
    sa.Index(
        index,
        *(expression.label(label) for label, expression in expressions.items()),
        postgresql_using="gin",
        postgresql_ops=dict.fromkeys(expressions, "gin_trgm_ops"),
    )


sa.Index("users_by_created", User.platform_id, User.created_at, User.id)
sa.Index("users_by_last_login", User.platform_id, User.last_login_at, User.id)
sa.Index("users_by_username", User.platform_id, User.username, User.id)
_trigrams("users_search", name=User.username, email=User.email, phone=User.phone)
_trigrams(  # what Django's icontains needs
    "users_search_upper", name=sa.func.upper(User.username), email=sa.func.upper(User.email)
)
sa.Index("channels_by_user", Channel.user_id, Channel.kind)
sa.Index("channels_by_platform", Channel.platform_id, Channel.kind)

tables = list(db.metadata.sorted_tables)  # without those that a plugin adds later
