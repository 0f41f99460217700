"""What the directory answers with: plain values, ready for a template."""

import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from .formatting import STATUS_LABELS, stamp
from .i18n import _, english
from .paging import Cursor

Population = Literal["present", "deleted", "ended"]
"""Which users are meant: those who are there, those who were deleted and can still be restored, or
those whose time to be restored has ended and whom a purge takes next."""


@dataclass(frozen=True, kw_only=True)
class Summary:
    """The numbers on the cards. ``active + inactive + pending == total``.

    ``inactive`` counts the inactive and the blocked together; ``blocked`` is a part of it.
    ``cards`` has the numbers of the host's own predicates.
    """

    total: int
    active: int
    inactive: int
    blocked: int
    pending: int
    channels: dict[str, int]
    cards: dict[str, int] = field(default_factory=dict)

    @property
    def total_channels(self) -> int:
        """The channels of all kinds together."""
        return sum(self.channels.values())


@dataclass(frozen=True, kw_only=True)
class UserRow:
    """A user as the list shows it. A field that the host did not map is None.

    Attributes:
        key: the host's primary key.
        status: one of ``mapping.STATUSES``.
        last_login: in UTC; None for never.
        created: in UTC.
        channels: the number of channels by the name of their kind.
        columns: the values of the host's own columns by their names; moments in UTC.
        deleted_at: when the user was deleted, in UTC; None for whoever is there.
        purge_at: until when a deleted user can be restored, in UTC.
    """

    key: Any
    username: str | None
    email: str | None
    phone: str | None
    roles: tuple[str, ...]
    status: str
    last_login: datetime | None
    created: datetime | None
    channels: dict[str, int]
    columns: dict[str, Any] = field(default_factory=dict)
    deleted_at: datetime | None = None
    purge_at: datetime | None = None

    @property
    def population(self) -> Population:
        """Whether the user is there or was deleted."""
        return "present" if self.deleted_at is None else "deleted"

    @property
    def name(self) -> str:
        """What to call the user: the username, else the email address, else the key."""
        return self.username or self.email or str(self.key)

    @property
    def initials(self) -> str:
        """One or two letters that stand for the user."""
        words = re.findall(r"[^\W\d_]+", self.name.partition("@")[0]) or [self.name]
        first, *others = [word[0] for word in words]
        return f"{first}{others[-1] if others else ''}".upper()

    @property
    def total_channels(self) -> int:
        """The channels of all kinds together."""
        return sum(self.channels.values())


@dataclass(frozen=True, kw_only=True)
class UserDetails(UserRow):
    """A user as the details page shows it.

    Attributes:
        record: the host's own model instance.
        block_reason: why the plugin blocked the user; None where it did not.
        blocked_until: when that block ends by itself, in UTC; None for good.
    """

    record: Any
    block_reason: str | None
    blocked_until: datetime | None


@dataclass(frozen=True, kw_only=True)
class Note:
    """What somebody wrote down of a user.

    Attributes:
        at: when, in UTC.
        author_name: what they were called at the time.
        pinned: whether it stands before all others.
    """

    id: str
    at: datetime
    author_name: str
    text: str
    pinned: bool


@dataclass(frozen=True, kw_only=True)
class Page:
    """A page of users.

    Attributes:
        users: the rows, in order.
        start: the serial number of the first row within the whole listing, from 1.
        previous: leads to the page before; None on the first.
        next: leads to the page after; None on the last.
    """

    users: list[UserRow]
    start: int
    previous: Cursor | None
    next: Cursor | None

    @property
    def end(self) -> int:
        """The serial number of the last row."""
        return self.start + len(self.users) - 1


def facts(user: UserDetails) -> dict[str, str]:
    """Return, in English words, what the actions depend on and what they change."""
    with english():
        return {
            _("Status"): str(STATUS_LABELS[user.status]),
            _("Blocked until"): stamp(user.blocked_until) if user.blocked_until else "",
            _("Role"): ", ".join(user.roles),
            _("Deleted"): _restorable(user.purge_at) if user.purge_at else "",
        }


def _restorable(until: datetime) -> str:
    return _("restorable until %(moment)s", moment=stamp(until))
