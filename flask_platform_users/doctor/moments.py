"""Whether app and database agree on what time it is."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask import Flask

from ..inspection import clause
from .finding import Finding, engine_of

if TYPE_CHECKING:
    from ..extension import PlatformUsers

NOTICED, GRAVE = timedelta(seconds=2), timedelta(seconds=30)
"""Differences that somebody should look at, and those by which blocks end too early or late."""

_MYSQL_NOW = "SELECT utc_timestamp(6)"
_NOW = {
    "sqlite": "SELECT strftime('%Y-%m-%d %H:%M:%f', 'now')",
    "postgresql": "SELECT clock_timestamp() AT TIME ZONE 'UTC'",
    "mysql": _MYSQL_NOW,
    "mariadb": _MYSQL_NOW,
}
_MYSQL_ZONE = "SELECT @@session.time_zone, timestampdiff(second, utc_timestamp(), now())"
_ZONE = {
    "postgresql": "SELECT current_setting('TimeZone'), extract(timezone FROM now())",
    "mysql": _MYSQL_ZONE,
    "mariadb": _MYSQL_ZONE,
}
UTC_NAMES = ("UTC", "Etc/UTC", "UCT", "Etc/UCT", "GMT", "Etc/GMT", "Zulu", "Universal", "+00:00")


def clock(extension: "PlatformUsers", app: Flask) -> Iterator[Finding]:  # noqa: ARG001
    """Compare the clocks of app and database."""
    engine = engine_of(extension)
    if engine.dialect.name not in _NOW:
        yield Finding("ok", f"The clock of {engine.dialect.name} was not compared.")
        return
    with engine.connect() as connection:
        connection.execute(sa.text("SELECT 1"))
        before = datetime.now(UTC)
        told: Any = connection.execute(sa.text(_NOW[engine.dialect.name])).scalar_one()
        after = datetime.now(UTC)
    there = told if isinstance(told, datetime) else datetime.fromisoformat(told)
    difference = abs(there.replace(tzinfo=UTC) - (before + (after - before) / 2))
    seconds = f"{difference.total_seconds():.1f} s"
    if difference > NOTICED:
        yield Finding(
            "fault" if difference > GRAVE else "warning",
            f"The clocks of app and database are {seconds} apart: blocks, plans and deletions "
            "end by the app's clock.",
            "Let both machines set their clocks by NTP.",
        )
    else:
        yield Finding("ok", f"The clocks of app and database agree ({seconds} apart).")


def zone(extension: "PlatformUsers", app: Flask) -> Iterator[Finding]:  # noqa: ARG001
    """Look at the database's time zone, where the host keeps times that do not say theirs."""
    engine = engine_of(extension)
    if engine.dialect.name not in _ZONE:
        yield Finding("ok", "The database has no time zone of its own.")
        return
    with engine.connect() as connection:
        row = connection.execute(sa.text(_ZONE[engine.dialect.name])).one()
    name, offset = str(row[0]), int(row[1])
    naive = _naive(extension, keeps_zones=engine.dialect.name == "postgresql")
    if name in UTC_NAMES or (name == "SYSTEM" and not offset):
        yield Finding("ok", "The database's time zone is UTC.")
    elif not naive:
        yield Finding("ok", f"The database's time zone is {name}; all mapped times say theirs.")
    else:
        yield Finding(
            "warning",
            f"The database's time zone is {name}, and {' and '.join(naive)} is kept without one: "
            "the page takes it as UTC, but a server default such as now() writes local time.",
            "Let the app write these times in UTC, or set the database's time zone to UTC.",
        )


def _naive(extension: "PlatformUsers", *, keeps_zones: bool) -> list[str]:
    """Return the mapped times that are kept without a time zone."""
    users = extension.mapping.users
    found = []
    for value in (users.last_login, users.created):
        if value is not None:
            kind = clause(value).type
            if not keeps_zones or not getattr(kind, "timezone", False):
                found.append(str(value))
    return found
