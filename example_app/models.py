"""The product's own tables: platforms, their users, and what the users work with."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from flask_login import UserMixin
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import JSON, DateTime, Dialect, ForeignKey, Index, Numeric, String, Text
from sqlalchemy.dialects import mysql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry, relationship
from sqlalchemy.types import TypeDecorator


class UtcDateTime(TypeDecorator[datetime]):
    """An aware UTC moment, also where the database keeps no time zone."""

    impl = DateTime(timezone=True).with_variant(mysql.DATETIME(fsp=6), "mysql", "mariadb")
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Return the moment in UTC; a naive one is refused."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("A moment needs a time zone.")
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,  # noqa: ARG002
    ) -> datetime | None:
        """Return the moment with UTC as its zone."""
        if value is None:
            return None
        return value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)


class Base(DeclarativeBase):
    """The declarative base of all tables."""

    registry = registry(
        type_annotation_map={
            datetime: UtcDateTime(),
            Decimal: Numeric(10, 2),
            list[str]: JSON(),
        }
    )


db = SQLAlchemy(model_class=Base)

if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


def utc_now() -> datetime:
    """Return the present moment, aware, in UTC."""
    return datetime.now(UTC)


def owned_by(key: str, **options: Any) -> Mapped[int]:
    """Return an indexed foreign key column; a row goes with the row that it belongs to."""
    return mapped_column(ForeignKey(key, ondelete="CASCADE"), index=True, **options)


class Platform(Model):
    """One white-label workspace: a reseller's brand and the people below it."""

    __tablename__ = "platforms"

    id: Mapped[int] = mapped_column(primary_key=True)
    slug: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(80))
    color: Mapped[str] = mapped_column(String(7))
    logo: Mapped[str] = mapped_column(String(80))


class User(UserMixin, Model):  # type: ignore[misc]
    """A person with a sign-in; owners and staff are users of their platform too.

    The product has one sign-in address for all platforms, so an email is unique across them.
    """

    __tablename__ = "users"
    __table_args__ = (
        Index("ix_users_platform_created", "platform_id", "created_at", "id"),
        Index("ix_users_platform_username", "platform_id", "username", "id"),
        Index("ix_users_platform_last_login", "platform_id", "last_login_at", "id"),
        Index("ix_users_platform_company", "platform_id", "company", "id"),
        Index("ix_users_platform_status", "platform_id", "status"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    platform_id: Mapped[int] = mapped_column(ForeignKey("platforms.id", ondelete="CASCADE"))
    username: Mapped[str] = mapped_column(String(80))
    email: Mapped[str] = mapped_column(String(190), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    phone: Mapped[str | None] = mapped_column(String(32))
    company: Mapped[str | None] = mapped_column(String(120))
    role: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16))
    signed_out_at: Mapped[datetime | None]
    open_to_support: Mapped[bool] = mapped_column(default=True)
    permissions: Mapped[list[str]] = mapped_column(default=list)
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    last_login_at: Mapped[datetime | None]
    timezone: Mapped[str | None] = mapped_column(String(64))
    language: Mapped[str | None] = mapped_column(String(8))

    platform: Mapped[Platform] = relationship()

    @property
    def is_active(self) -> bool:
        """Whether this person may use the product."""
        return self.status == "active"

    @property
    def is_platform_owner(self) -> bool:
        """Whether the platform belongs to this person."""
        return self.role == "owner"

    @property
    def runs_platform(self) -> bool:
        """Whether this person works for the platform: its owner or staff."""
        return self.role in ("owner", "staff")


class WhatsAppNumber(Model):
    """A connected WhatsApp Business number."""

    __tablename__ = "whatsapp_numbers"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = owned_by("users.id")
    platform_id: Mapped[int] = owned_by("platforms.id")
    phone: Mapped[str] = mapped_column(String(32))
    name: Mapped[str] = mapped_column(String(80))


class Channel(Model):
    """A connected webchat widget or Instagram account."""

    __tablename__ = "channels"
    __table_args__ = (Index("ix_channels_platform_kind", "platform_id", "kind"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = owned_by("users.id")
    platform_id: Mapped[int] = mapped_column(ForeignKey("platforms.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(16))
    name: Mapped[str] = mapped_column(String(80))


class TeamMember(Model):
    """A colleague who answers in a user's inbox."""

    __tablename__ = "team_members"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = owned_by("users.id")
    name: Mapped[str] = mapped_column(String(80))
    email: Mapped[str] = mapped_column(String(190))
    role: Mapped[str] = mapped_column(String(16))
    joined_at: Mapped[datetime]


class Contact(Model):
    """Somebody whom a user writes with."""

    __tablename__ = "contacts"
    __table_args__ = (Index("ix_contacts_owner_name", "owner_id", "name", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(80))
    phone: Mapped[str | None] = mapped_column(String(32))
    email: Mapped[str | None] = mapped_column(String(190))
    tag: Mapped[str] = mapped_column(String(24))
    created_at: Mapped[datetime]


class Template(Model):
    """A message text that a user sends again and again."""

    __tablename__ = "templates"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = owned_by("users.id")
    name: Mapped[str] = mapped_column(String(80))
    body: Mapped[str] = mapped_column(Text)


class Campaign(Model):
    """One message to many contacts."""

    __tablename__ = "campaigns"

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = owned_by("users.id")
    name: Mapped[str] = mapped_column(String(80))
    state: Mapped[str] = mapped_column(String(16))
    recipients: Mapped[int]
    sends_at: Mapped[datetime]


class Conversation(Model):
    """The thread between a user and one contact over one channel."""

    __tablename__ = "conversations"
    __table_args__ = (Index("ix_conversations_owner_latest", "owner_id", "latest_at", "id"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    owner_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"))
    contact_id: Mapped[int] = owned_by("contacts.id")
    channel: Mapped[str] = mapped_column(String(16))
    preview: Mapped[str] = mapped_column(String(160))
    unread: Mapped[int]
    latest_at: Mapped[datetime]

    contact: Mapped[Contact] = relationship()


class Message(Model):
    """One message of a conversation."""

    __tablename__ = "messages"

    id: Mapped[int] = mapped_column(primary_key=True)
    conversation_id: Mapped[int] = owned_by("conversations.id")
    outgoing: Mapped[bool]
    body: Mapped[str] = mapped_column(Text)
    sent_at: Mapped[datetime]


class Plan(Model):
    """What a platform sells; a limit of None means unlimited."""

    __tablename__ = "plans"

    id: Mapped[int] = mapped_column(primary_key=True)
    platform_id: Mapped[int] = owned_by("platforms.id")
    name: Mapped[str] = mapped_column(String(40))
    price: Mapped[Decimal]
    currency: Mapped[str] = mapped_column(String(3))
    interval: Mapped[str] = mapped_column(String(8))
    max_channels: Mapped[int | None]
    max_contacts: Mapped[int | None]
    max_team_members: Mapped[int | None]
    features: Mapped[list[str]] = mapped_column(default=list)


class AddOn(Model):
    """What a platform sells beside its plans, and by how much it raises their limits."""

    __tablename__ = "add_ons"

    id: Mapped[int] = mapped_column(primary_key=True)
    platform_id: Mapped[int] = owned_by("platforms.id")
    name: Mapped[str] = mapped_column(String(40))
    price: Mapped[Decimal]
    currency: Mapped[str] = mapped_column(String(3))
    channels: Mapped[int] = mapped_column(default=0)
    contacts: Mapped[int] = mapped_column(default=0)


class Subscription(Model):
    """The plan that a user holds: it renews, or it ends."""

    __tablename__ = "subscriptions"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), unique=True)
    plan_id: Mapped[int] = mapped_column(ForeignKey("plans.id"), index=True)
    renews_at: Mapped[datetime | None]
    ends_at: Mapped[datetime | None]
    agreed_price: Mapped[Decimal | None]
    agreed_currency: Mapped[str | None] = mapped_column(String(3))

    plan: Mapped[Plan] = relationship()
    add_ons: Mapped[list["SubscriptionAddOn"]] = relationship(
        order_by="SubscriptionAddOn.add_on_id", passive_deletes=True
    )


class SubscriptionAddOn(Model):
    """An add-on of a subscription, and how often it was booked."""

    __tablename__ = "subscription_add_ons"

    subscription_id: Mapped[int] = mapped_column(
        ForeignKey("subscriptions.id", ondelete="CASCADE"), primary_key=True
    )
    add_on_id: Mapped[int] = mapped_column(ForeignKey("add_ons.id"), primary_key=True, index=True)
    quantity: Mapped[int] = mapped_column(default=1)

    add_on: Mapped[AddOn] = relationship()


class OutgoingMail(Model):
    """A mail that a worker of the product sends."""

    __tablename__ = "outgoing_mails"

    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    template: Mapped[str] = mapped_column(String(40))
    queued_at: Mapped[datetime]
