"""The plugin's own tables, built on the host's metadata with keys of the host's own types."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import mysql
from sqlalchemy.engine import Dialect

from .inspection import clause, key_of, mapper_of
from .mapping import Users


class UTCDateTime(sa.types.TypeDecorator[datetime]):
    """An aware moment in UTC, to the microsecond, on databases with and without time zones."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        """Use the type that keeps microseconds, and the zone where there is one."""
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Store UTC."""
        if value is None:
            return None
        value = value.astimezone(UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Return an aware moment."""
        return as_utc(value)


def as_utc(value: datetime | None) -> datetime | None:
    """Return a moment as an aware one in UTC, taking a naive one to be UTC already."""
    if value is None:
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


def as_kept(column: Any, value: datetime | None) -> datetime | None:
    """Return an aware moment as a host's column takes it: naive, in UTC, where it has no zone."""
    type_ = clause(column).type
    naive = isinstance(type_, sa.DateTime) and not type_.timezone
    return value.replace(tzinfo=None) if value is not None and naive else value


@dataclass(frozen=True)
class Tables:
    """The tables of one mount.

    They carry no foreign keys to the host's tables: what they record outlives a user.

    Attributes:
        state: what the plugin knows of a user beside the host: blocks and deletions. Users whom
            nothing was done to have no row.
        note: what staff wrote down of a user.
        head: the last event of each platform; whoever changes anything locks its row first.
        event: the history, chained and append-only.
        event_private: what the history tells of people, which may be erased.
        grant: plans and add-ons that were given by hand.
        impersonation: who was let see the product as whom; what is going on has no ``ended_at``.
        visit: the pages and changes of each, without what was read or sent.
        undo: what it takes to take back an entry of the history.
        job: one action to many users.
        job_item: those users, and what became of each.
        preference: what each person has chosen of the page for themselves.
    """

    state: sa.Table
    note: sa.Table
    head: sa.Table
    event: sa.Table
    event_private: sa.Table
    grant: sa.Table
    impersonation: sa.Table
    visit: sa.Table
    undo: sa.Table
    job: sa.Table
    job_item: sa.Table
    preference: sa.Table


def build_tables(name: str, users: Users) -> Tables:
    """Add the tables of the mount called ``name`` to the metadata of the host's user model.

    They take the key types, the schema and the MySQL character set of the host's table, so that
    joins between the two use indexes. Tables that are there already are used as they are.
    """
    host = mapper_of(users.model).local_table
    assert isinstance(host, sa.Table)  # noqa: S101  (checks.py refused anything else)
    options = {k: v for k, v in host.kwargs.items() if k.startswith(("mysql_", "mariadb_"))}
    platform_type = clause(users.platform).type
    user_type = clause(key_of(users.model)).type

    def table(kind: str, *parts: Any, comment: str) -> sa.Table:
        full_name = f"{name}_{kind}"
        existing = host.metadata.tables.get(
            f"{host.schema}.{full_name}" if host.schema else full_name
        )
        if existing is not None:
            return existing
        platform = sa.Column("platform_key", platform_type, primary_key=True, autoincrement=False)
        return sa.Table(
            full_name,
            host.metadata,
            platform,
            *parts,
            schema=host.schema,
            comment=comment,
            **options,
        )

    def number() -> sa.Column[int]:
        return sa.Column("seq", sa.BigInteger, primary_key=True, autoincrement=False)

    return Tables(
        state=table(
            "state",
            sa.Column("user_key", user_type, primary_key=True, autoincrement=False),
            sa.Column("blocked_at", UTCDateTime),
            sa.Column("blocked_until", UTCDateTime),
            sa.Column("block_reason", sa.String(500)),
            sa.Column("status_before", sa.String(20)),
            sa.Column("deleted_at", UTCDateTime),
            sa.Column("purge_at", UTCDateTime),
            sa.Column("signed_out_at", UTCDateTime),
            sa.Index(f"ix_{name}_state_deleted", "platform_key", "deleted_at"),
            comment="What was done to users beside what their own row says.",
        ),
        note=table(
            "note",
            sa.Column("id", sa.String(32), primary_key=True),
            sa.Column("user_key", user_type, nullable=False),
            sa.Column("at", UTCDateTime, nullable=False),
            sa.Column("author_name", sa.String(255), nullable=False),
            sa.Column("text", sa.Text, nullable=False),
            sa.Column("pinned", sa.Boolean, nullable=False),
            sa.Index(f"ix_{name}_note_user", "platform_key", "user_key", "at"),
            comment="What staff wrote down of a user; it goes with the user.",
        ),
        head=table(
            "head",
            sa.Column("seq", sa.BigInteger, nullable=False),
            sa.Column("mac", sa.String(64), nullable=False),
            comment="The last event of each platform, locked by whoever changes anything.",
        ),
        event=table(
            "event",
            number(),
            sa.Column("at", UTCDateTime, nullable=False),
            sa.Column("actor", sa.String(255)),
            sa.Column("acting_as", sa.String(255)),
            sa.Column("user_key", user_type),
            sa.Column("action", sa.String(64), nullable=False),
            sa.Column("outcome", sa.String(16), nullable=False),
            sa.Column("changes", sa.Text, nullable=False),
            sa.Column("request_id", sa.String(64)),
            sa.Column("private_digest", sa.String(64), nullable=False),
            sa.Column("key_id", sa.String(64), nullable=False),
            sa.Column("prev", sa.String(64), nullable=False),
            sa.Column("mac", sa.String(64), nullable=False),
            sa.Index(f"ix_{name}_event_user", "platform_key", "user_key", "seq"),
            sa.Index(f"ix_{name}_event_actor", "platform_key", "actor", "seq"),
            sa.Index(f"ix_{name}_event_request", "platform_key", "request_id"),
            comment="What was done, by whom, to whom: append-only, signed over the one before.",
        ),
        event_private=table(
            "event_private",
            number(),
            sa.Column("actor_name", sa.String(255), nullable=False),
            sa.Column("user_name", sa.String(255), nullable=False),
            sa.Column("reason", sa.String(1000), nullable=False),
            sa.Column("address", sa.String(64), nullable=False),
            sa.Column("salt", sa.String(32), nullable=False),
            comment="What events tell of people; a row may be erased, the chain keeps its digest.",
        ),
        grant=table(
            "grant",
            sa.Column("id", sa.String(32), primary_key=True),
            sa.Column("user_key", user_type, nullable=False),
            sa.Column("kind", sa.String(16), nullable=False),
            sa.Column("offer_key", sa.String(255), nullable=False),
            sa.Column("offer_name", sa.String(255), nullable=False),
            sa.Column("starts", UTCDateTime, nullable=False),
            sa.Column("ends", UTCDateTime),
            sa.Column("price", sa.Numeric(18, 4)),
            sa.Column("currency", sa.String(3)),
            sa.Column("reason", sa.String(500), nullable=False),
            sa.Column("note", sa.String(1000), nullable=False),
            sa.Column("before", sa.Text),
            sa.Column("actor", sa.String(255)),
            sa.Column("actor_name", sa.String(255), nullable=False),
            sa.Column("state", sa.String(16), nullable=False),
            sa.Index(f"ix_{name}_grant_user", "platform_key", "user_key", "state"),
            sa.Index(f"ix_{name}_grant_ends", "platform_key", "state", "ends"),
            sa.Index(f"ix_{name}_grant_due", "state", "ends"),
            comment="Plans and add-ons that were given by hand, and what was there before.",
        ),
        impersonation=table(
            "impersonation",
            sa.Column("id", sa.String(64), primary_key=True),
            sa.Column("seq", sa.BigInteger, nullable=False),
            sa.Column("owner_id", sa.String(255), nullable=False),
            # Holds the owner while it goes on and NULL after: so there is one at a time, on every
            # database.
            sa.Column("going_on", sa.String(255)),
            sa.Column("actor", sa.String(255)),
            sa.Column("actor_name", sa.String(255), nullable=False),
            sa.Column("user_key", user_type, nullable=False),
            sa.Column("user_id", sa.String(255), nullable=False),
            sa.Column("user_name", sa.String(255), nullable=False),
            sa.Column("reason", sa.String(500), nullable=False),
            sa.Column("ticket", sa.String(100), nullable=False),
            sa.Column("started_at", UTCDateTime, nullable=False),
            sa.Column("ends_at", UTCDateTime, nullable=False),
            sa.Column("writes_until", UTCDateTime),
            sa.Column("ended_at", UTCDateTime),
            sa.Column("end", sa.String(32)),
            sa.Column("unlisted", sa.Integer, nullable=False),
            sa.UniqueConstraint("platform_key", "going_on", name=f"uq_{name}_impersonation"),
            sa.Index(f"ix_{name}_impersonation_seq", "platform_key", "seq"),
            sa.Index(f"ix_{name}_impersonation_user", "platform_key", "user_key", "started_at"),
            sa.Index(f"ix_{name}_impersonation_owner", "platform_key", "owner_id", "started_at"),
            sa.Index(f"ix_{name}_impersonation_ends", "ended_at", "ends_at"),
            comment="Who was let see the product as whom, why, and for how long.",
        ),
        visit=table(
            "visit",
            sa.Column("impersonation_id", sa.String(64), primary_key=True),
            sa.Column("id", sa.String(32), primary_key=True),
            sa.Column("at", UTCDateTime, nullable=False),
            sa.Column("method", sa.String(16), nullable=False),
            sa.Column("path", sa.String(500), nullable=False),
            sa.Column("status", sa.Integer, nullable=False),
            sa.Column("refused", sa.Boolean, nullable=False),
            comment="Pages and changes while the product was seen as somebody else.",
        ),
        undo=table(
            "undo",
            number(),
            sa.Column("user_key", user_type, nullable=False),
            sa.Column("data", sa.Text, nullable=False),
            sa.Index(f"ix_{name}_undo_user", "platform_key", "user_key"),
            comment="What it takes to take back an entry of the history.",
        ),
        job=table(
            "job",
            sa.Column("id", sa.String(32), primary_key=True),
            sa.Column("action", sa.String(64), nullable=False),
            sa.Column("data", sa.Text, nullable=False),
            sa.Column("chosen", sa.Text, nullable=False),
            sa.Column("owner_id", sa.String(255), nullable=False),
            sa.Column("actor", sa.String(255)),
            sa.Column("actor_name", sa.String(255), nullable=False),
            sa.Column("address", sa.String(64), nullable=False),
            sa.Column("state", sa.String(16), nullable=False),
            sa.Column("why", sa.String(1000), nullable=False),
            sa.Column("impact", sa.Text, nullable=False),
            sa.Column("seq", sa.BigInteger),
            sa.Column("made_at", UTCDateTime, nullable=False),
            sa.Column("started_at", UTCDateTime),
            sa.Column("ended_at", UTCDateTime),
            sa.Column("claimed_by", sa.String(32)),
            sa.Column("claimed_until", UTCDateTime),
            sa.Index(f"ix_{name}_job_owner", "platform_key", "owner_id", "made_at"),
            sa.Index(f"ix_{name}_job_state", "state", "claimed_until"),
            comment="One action to many users: what was chosen, and how far it is.",
        ),
        job_item=table(
            "job_item",
            sa.Column("job_id", sa.String(32), primary_key=True),
            sa.Column("n", sa.Integer, primary_key=True, autoincrement=False),
            sa.Column("user_key", user_type, nullable=False),
            sa.Column("expected", sa.String(16)),
            sa.Column("outcome", sa.String(16)),
            sa.Column("why", sa.String(500), nullable=False),
            sa.Index(f"ix_{name}_job_item_user", "platform_key", "job_id", "user_key"),
            sa.Index(f"ix_{name}_job_item_left", "platform_key", "job_id", "outcome", "n"),
            comment="The users of a job, fixed before anything was done, and what became of each.",
        ),
        preference=table(
            "preference",
            sa.Column("actor", sa.String(255), primary_key=True),
            sa.Column("name", sa.String(64), primary_key=True),
            sa.Column("value", sa.Text, nullable=False),
            comment="What each person has chosen of the page for themselves.",
        ),
    )
