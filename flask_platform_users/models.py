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


@dataclass(frozen=True)
class Tables:
    """The tables of one mount.

    They carry no foreign keys to the host's tables: what they record outlives a user.
    """

    block: sa.Table


def build_tables(name: str, users: Users) -> Tables:
    """Add the tables of the mount called ``name`` to the metadata of the host's user model.

    They take the key types, the schema and the MySQL character set of the host's table, so that
    joins between the two use indexes. Tables that are there already are used as they are.
    """
    table = mapper_of(users.model).local_table
    assert isinstance(table, sa.Table)  # noqa: S101  (checks.py refused anything else)
    options = {k: v for k, v in table.kwargs.items() if k.startswith(("mysql_", "mariadb_"))}
    existing = table.metadata.tables.get(_full_name(table, f"{name}_block"))
    if existing is not None:
        return Tables(block=existing)
    block = sa.Table(
        f"{name}_block",
        table.metadata,
        sa.Column(
            "platform_key", clause(users.platform).type, primary_key=True, autoincrement=False
        ),
        sa.Column(
            "user_key", clause(key_of(users.model)).type, primary_key=True, autoincrement=False
        ),
        sa.Column("reason", sa.String(500), nullable=False, default=""),
        sa.Column("until", UTCDateTime, nullable=True),
        sa.Column("created", UTCDateTime, nullable=False),
        schema=table.schema,
        comment="Users that are blocked by their platform's owner, whatever their own row says.",
        **options,
    )
    return Tables(block=block)


def _full_name(table: sa.Table, name: str) -> str:
    return f"{table.schema}.{name}" if table.schema else name
