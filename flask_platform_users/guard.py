"""Keeps code of the host inside the transaction it was called in."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import ObjectDeletedError

from .errors import HookError, RefusedError

log = logging.getLogger(__name__)


@contextmanager
def guarded(session: Any, hook: str) -> Iterator[None]:
    """Run a hook of the host's. Whatever it does wrong names it and leaves nothing half done.

    Args:
        session: the session whose transaction the hook may write to, and neither commit nor
            roll back. Savepoints are the hook's own.
        hook: what to call it.

    Raises:
        HookError: it raised, committed or rolled back.
        RefusedError: it refused, on purpose.
        DBAPIError: the database failed under it.
        ObjectDeletedError: it read a row that is gone.
    """
    real: Session = session() if callable(session) else session
    wrong: list[str] = []

    def refuse_commit(committing: Session) -> None:
        if not committing.in_nested_transaction():
            wrong.append("committed")
            raise HookError(hook, "committed")

    def notice_rollback(_: Session) -> None:
        wrong.append("rolled back")

    # The innermost of several is the one that is asked first, and named.
    sa.event.listen(real, "before_commit", refuse_commit, insert=True)
    sa.event.listen(real, "after_rollback", notice_rollback)
    try:
        yield
    except (HookError, RefusedError, DBAPIError, ObjectDeletedError):
        raise
    except Exception as error:
        raise HookError(hook, f"raised {type(error).__name__}") from error
    finally:
        sa.event.remove(real, "before_commit", refuse_commit)
        sa.event.remove(real, "after_rollback", notice_rollback)
    if wrong:
        raise HookError(hook, wrong[0])


def tell(hook: Callable[..., Any], *arguments: Any) -> None:
    """Call code of the host after the commit: what it raises is logged, and the change stays."""
    try:
        hook(*arguments)
    except Exception:
        log.exception("After the commit, %r failed", hook)
