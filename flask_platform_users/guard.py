"""Keeps code of the host inside the transaction it was called in."""

import logging
from collections.abc import Callable
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session
from sqlalchemy.orm.exc import ObjectDeletedError

from .errors import HookError, RefusedError

log = logging.getLogger(__name__)


class Watch:
    """Watches a session for what hooks must not do; the outermost of several does the work.

    Attributes:
        hooks: those that run now; the innermost is the one that is named.
        wrong: what was done.
    """

    def __init__(self, session: Any) -> None:
        self.session = real(session)
        self.hooks: list[str] = []
        self.wrong: list[str] = []

    def __enter__(self) -> "Watch":
        """Begin, or join the watch that goes on."""
        outer: Watch | None = self.session.info.get(_WATCH)
        if outer is not None:
            return outer
        self.session.info[_WATCH] = self
        sa.event.listen(self.session, "before_commit", self.refuse_commit, insert=True)
        sa.event.listen(self.session, "after_rollback", self.notice_rollback)
        return self

    def __exit__(self, *_: object) -> None:
        """End what this one began."""
        if self.session.info.get(_WATCH) is self:
            sa.event.remove(self.session, "before_commit", self.refuse_commit)
            sa.event.remove(self.session, "after_rollback", self.notice_rollback)
            del self.session.info[_WATCH]

    def refuse_commit(self, committing: Session) -> None:
        """Refuse a commit, unless it is that of a savepoint."""
        if not committing.in_nested_transaction():
            self.wrong.append("committed")
            raise HookError(self.hooks[-1] if self.hooks else "A listener", "committed")

    def notice_rollback(self, _: Session) -> None:
        """Notice a rollback; it cannot be refused."""
        self.wrong.append("rolled back")


_WATCH = "platform_users_watch"


def real(session: Any) -> Session:
    """Return the session that a scoped one stands for."""
    found: Session = session() if callable(session) else session
    return found


class guarded:  # noqa: N801  (used as a function)
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

    def __init__(self, session: Any, hook: str) -> None:
        self.session = session
        self.hook = hook

    def __enter__(self) -> None:
        """Hold whatever goes wrong from here on against the hook."""
        self.own: Watch | None = None
        watch: Watch | None = real(self.session).info.get(_WATCH)
        if watch is None:
            watch = self.own = Watch(self.session).__enter__()
        self.watch = watch
        self.watch.hooks.append(self.hook)
        self.before = len(self.watch.wrong)

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Name the hook if it did something wrong."""
        self.watch.hooks.pop()
        if self.own is not None:
            self.own.__exit__()
        if error is None:
            if len(self.watch.wrong) > self.before:
                raise HookError(self.hook, self.watch.wrong[self.before])
        elif isinstance(error, Exception) and not isinstance(
            error, HookError | RefusedError | DBAPIError | ObjectDeletedError
        ):
            raise HookError(self.hook, f"raised {type(error).__name__}") from error


def tell(hook: Callable[..., Any], *arguments: Any) -> None:
    """Call code of the host after the commit: what it raises is logged, and the change stays."""
    try:
        hook(*arguments)
    except Exception:
        log.exception("After the commit, %r failed", hook)
