"""What ends by itself, settled in the host's tables as done by the system.

By the clock it has ended already wherever it is read; here the tables are made to say so. Each
kind is a *settler*: a function that finds what is due now, on all platforms of a mount, as users
and the action that settles it for one of them. It only reads. The action runs through the pipeline
like any other, in a transaction of its own; two runs may find the same, so ``perform`` looks again
under the lock and returns False where nothing is left to do.

To settle something more, write a settler and add it to ``SETTLERS``.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from .actions import Action, EndBlock, Purge, due_grants
from .errors import HookError, NotFoundError, RefusedError
from .orders import Order
from .pipeline import Pipeline
from .rights import SYSTEM

if TYPE_CHECKING:
    from .extension import PlatformUsers


@dataclass(frozen=True)
class Due:
    """Something to settle: an action on a user of a platform."""

    platform: Any
    user_key: Any
    action: Action


Settler = Callable[["PlatformUsers", datetime], Iterable[Due]]
"""``settler(platform_users, now)`` yields what is due."""


def ended_blocks(extension: "PlatformUsers", now: datetime) -> Iterator[Due]:
    """Find blocks whose end has come; those of deleted users wait until they are restored."""
    state = extension.mapping.tables.state.c
    return _kept(extension, EndBlock(), state.blocked_until <= now, state.deleted_at.is_(None))


def ended_grace(extension: "PlatformUsers", now: datetime) -> Iterator[Due]:
    """Find deleted users whose time to be restored has ended."""
    return _kept(extension, Purge(), extension.mapping.tables.state.c.purge_at <= now)


def overtaken_grants(extension: "PlatformUsers", now: datetime) -> Iterator[Due]:
    """Find plans and add-ons given by hand whose beginning or end has come."""
    return (Due(*due) for due in due_grants(extension, now))


SETTLERS: Sequence[Settler] = (ended_blocks, overtaken_grants)
"""What a tick settles. Deletion for good is apart: it has a command of its own."""


@dataclass(frozen=True)
class Settled:
    """What became of something due.

    Attributes:
        due: what it was.
        done: whether this run did it; False where nothing was left to do.
        why_not: why it failed; None where it did not.
    """

    due: Due
    done: bool
    why_not: str | None = None


def settle(extension: "PlatformUsers", due: Iterable[Due]) -> Iterator[Settled]:
    """Do what is due, each in a transaction of its own. A failure does not stop the others."""
    for item in list(due):
        chain = extension.chain(item.platform)
        pipeline = Pipeline(
            extension.directory(item.platform), extension.policy, SYSTEM, chain.keys
        )
        try:
            result = pipeline.run(Order(action=item.action, key=str(item.user_key)))
        except NotFoundError:
            yield Settled(item, done=False)
        except (HookError, RefusedError) as error:
            cause = f" ({error.__cause__})" if error.__cause__ else ""
            yield Settled(item, done=False, why_not=f"{error}{cause}")
        except DBAPIError as error:
            yield Settled(item, done=False, why_not=f"The database failed: {error.orig}")
        else:
            yield Settled(item, done=result.outcome == "done")


def _kept(extension: "PlatformUsers", action: Action, *where: Any) -> Iterator[Due]:
    table, bind = extension.mapping.tables.state, extension.mapping.bind
    statement = (
        sa.select(table.c.platform_key, table.c.user_key)
        .where(*where)
        .order_by(table.c.platform_key, table.c.user_key)
    )
    for platform, user_key in extension.db.session.execute(statement, bind_arguments=bind):
        yield Due(platform, user_key, action)
