"""How every change begins, and how often it is tried."""

import random
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

if TYPE_CHECKING:
    from .audit import Chain

T = TypeVar("T")

TRIES = 4
"""How often a unit is tried when the database asks for another try."""

WAIT = "10s"
"""How long PostgreSQL waits for a lock before the unit is tried again."""

# PostgreSQL: serialization failure, deadlock, lock not available. MySQL, MariaDB: deadlock, lock
# wait timeout, record changed since it was read, and a savepoint that went with a deadlock. SQLite:
# busy, and its snapshot variant.
_AGAIN = {"40001", "40P01", "55P03", 1213, 1205, 1020, 1305, "SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT"}


def begin(chain: "Chain") -> None:
    """Start a transaction whose first statement is the platform's lock."""
    session: Any = chain.session
    session.rollback()
    if session.get_bind(**chain.bind).dialect.name == "postgresql":
        session.execute(sa.text(f"SET LOCAL lock_timeout = '{WAIT}'"), bind_arguments=chain.bind)
    chain.lock()


def retried(session: Any, attempt: Callable[[], T]) -> T:
    """Return what ``attempt`` returns, trying it again where the database asks for that."""
    for left in reversed(range(TRIES)):
        try:
            return attempt()
        except DBAPIError as error:
            session.rollback()
            if not left or not asks_again(error):
                raise
            time.sleep(random.uniform(0.01, 0.05) * (TRIES - left))  # noqa: S311
    raise AssertionError("unreachable")


def recover(session: Any, error: Exception) -> None:
    """Leave a session that can be read from again, after an error of a host's own code."""
    if isinstance(error, SQLAlchemyError):
        session.rollback()


def asks_again(error: DBAPIError) -> bool:
    """Say whether a unit that failed like this may succeed at another try."""
    cause: Any = error.orig
    codes = {
        getattr(cause, "sqlstate", None),
        getattr(cause, "sqlite_errorname", None),
        *(cause.args[:1] if isinstance(cause, Exception) else ()),
    }
    return bool(codes & _AGAIN)


def is_read_only(error: Exception) -> bool:
    """Say whether PostgreSQL takes no changes just now, as a replica does."""
    return getattr(getattr(error, "orig", None), "sqlstate", None) == "25006"
