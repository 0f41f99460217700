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
    with watched(session) as watch, watch.named(hook):
        yield


@contextmanager
def watched(session: Any) -> Iterator["Watch"]:
    """Watch a session once for all hooks that are guarded inside."""
    real: Session = session() if callable(session) else session
    outer: Watch | None = real.info.get(_WATCH)
    if outer is not None:
        yield outer
        return
    watch = real.info[_WATCH] = Watch()
    sa.event.listen(real, "before_commit", watch.refuse_commit, insert=True)
    sa.event.listen(real, "after_rollback", watch.notice_rollback)
    try:
        yield watch
    finally:
        sa.event.remove(real, "before_commit", watch.refuse_commit)
        sa.event.remove(real, "after_rollback", watch.notice_rollback)
        del real.info[_WATCH]


_WATCH = "platform_users_watch"


class Watch:
    """What the hooks of one session do that they must not.

    Attributes:
        hooks: those that run now; the innermost is the one that is named.
        wrong: what was done.
    """

    def __init__(self) -> None:
        self.hooks: list[str] = []
        self.wrong: list[str] = []

    @contextmanager
    def named(self, hook: str) -> Iterator[None]:
        """Hold whatever goes wrong inside against a hook."""
        self.hooks.append(hook)
        before = len(self.wrong)
        try:
            yield
        except (HookError, RefusedError, DBAPIError, ObjectDeletedError):
            raise
        except Exception as error:
            raise HookError(hook, f"raised {type(error).__name__}") from error
        finally:
            self.hooks.pop()
        if len(self.wrong) > before:
            raise HookError(hook, self.wrong[before])

    def refuse_commit(self, committing: Session) -> None:
        """Refuse a commit, unless it is that of a savepoint."""
        if not committing.in_nested_transaction():
            self.wrong.append("committed")
            raise HookError(self.hooks[-1], "committed")

    def notice_rollback(self, _: Session) -> None:
        """Notice a rollback; it cannot be refused."""
        self.wrong.append("rolled back")


def tell(hook: Callable[..., Any], *arguments: Any) -> None:
    """Call code of the host after the commit: what it raises is logged, and the change stays."""
    try:
        hook(*arguments)
    except Exception:
        log.exception("After the commit, %r failed", hook)
