"""Says whether a person may be signed in at all: the blocked and the deleted may not.

It asks about one person for all of their platforms, and knows nothing of requests: ``sessions``
asks it before anybody is taken for signed in.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any

import sqlalchemy as sa

from .binding import NOW, Mapping
from .formatting import moment
from .i18n import _, lazy
from .inspection import clause
from .models import as_utc


@dataclass(frozen=True, kw_only=True)
class SignIn:
    """Whether somebody may sign in; true in an ``if`` when they may.

    Attributes:
        sentence: why not, for the person themselves; empty if they may.
        reason: what somebody gave as the reason of a block, for you to show it or not.
    """

    sentence: str = ""
    reason: str = ""

    def __bool__(self) -> bool:
        return not self.sentence


@dataclass(frozen=True, kw_only=True)
class Standing:
    """How a person stands on one of their platforms.

    Attributes:
        status: one of ``mapping.STATUSES``.
        blocked_until: when a block ends by itself; None for good.
        reason: why the plugin blocked them.
        signed_out_at: before which no sign-in counts.
    """

    platform: Any
    status: str
    deleted: bool = False
    blocked_until: datetime | None = None
    reason: str = ""
    signed_out_at: datetime | None = None


class Gate:
    """Decides who may be signed in.

    Args:
        mapping: the host's mapping.
        session: the host's session; it is only read from.
        shut_out: the statuses that nobody may be signed in with.
        now: returns the present moment.
    """

    def __init__(
        self,
        mapping: Mapping,
        session: Any,
        shut_out: Collection[str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.mapping = mapping
        self.session = session
        self.shut_out = shut_out
        self.now = now

    def admits(self, person: Any, signed_in_at: datetime | None, platform: Any = None) -> bool:
        """Say whether a person may be, or stay, signed in. At most one statement.

        Args:
            person: the host's object; whoever is not a row of the user model may.
            signed_in_at: when they signed in; None if that is not known.
            platform: the platform they are about to use; None asks for any of theirs.
        """
        if not isinstance(person, self.mapping.users.model) or self._is_plain(person):
            return True
        mine = self._standings(person, platform)
        return not mine or any(
            self._admits(standing)
            and (
                standing.signed_out_at is None
                or (signed_in_at is not None and signed_in_at >= standing.signed_out_at)
            )
            for standing in mine
        )

    def may_sign_in(self, person: Any, platform: Any = None, zone: tzinfo = UTC) -> SignIn:
        """Say whether a person may sign in now, and else why not, in their time zone.

        At most one statement.
        """
        if not isinstance(person, self.mapping.users.model) or self._is_plain(person):
            return SignIn()
        return self._answer(self._standings(person, platform), zone)

    def would_answer(self, person: Any, standing: Standing, zone: tzinfo = UTC) -> SignIn:
        """Say what ``may_sign_in`` would if a person stood like this on one of their platforms.

        One statement.
        """
        mine = self._standings(person, None)
        others = [found for found in mine if found.platform != standing.platform]
        return self._answer([standing, *others], zone)

    def _answer(self, mine: Sequence[Standing], zone: tzinfo) -> SignIn:
        if not mine or any(self._admits(standing) for standing in mine):
            return SignIn()
        return SignIn(sentence=str(_refusal(mine[0], zone)), reason=mine[0].reason)

    def platforms_of(self, person: Any) -> list[Any]:
        """Return the keys of the platforms that a person is a user of. One statement."""
        return [standing.platform for standing in self._standings(person, None)]

    def _admits(self, standing: Standing) -> bool:
        return not standing.deleted and standing.status not in self.shut_out

    def _is_plain(self, person: Any) -> bool:
        """Say whether the row that is loaded already tells that nothing was ever done to them."""
        signed_out: Any = self.mapping.users.signed_out
        if signed_out is None or getattr(person, signed_out.key) is not None:
            return False
        status = self.mapping.status_on(person)
        return status is not None and status not in self.shut_out

    def _standings(self, person: Any, platform: Any) -> list[Standing]:
        mapping, state = self.mapping, self.mapping.tables.state.c
        signed_out = mapping.users.signed_out
        statement = mapping.select(
            clause(mapping.users.platform).label("platform"),
            mapping.status.label("status"),
            state.deleted_at.label("deleted_at"),
            sa.case((mapping.blocked_by_plugin, state.blocked_until)).label("blocked_until"),
            sa.case((mapping.blocked_by_plugin, state.block_reason)).label("reason"),
            state.signed_out_at.label("signed_out_at"),
            (sa.null() if signed_out is None else clause(signed_out)).label("by_host"),
        ).where(mapping.key == getattr(person, mapping.key.key))
        if platform is not None:
            statement = statement.where(clause(mapping.users.platform) == platform)
        with self.session.no_autoflush:
            rows = self.session.execute(
                statement, {NOW.key: self.now()}, bind_arguments=mapping.bind
            ).all()
        return [
            Standing(
                platform=row.platform,
                status=row.status,
                deleted=row.deleted_at is not None,
                blocked_until=row.blocked_until,
                reason=row.reason or "",
                signed_out_at=max(
                    (at for at in (row.signed_out_at, as_utc(row.by_host)) if at), default=None
                ),
            )
            for row in rows
        ]


_SAID = {
    "blocked": lazy("This account is blocked."),
    "inactive": lazy("This account is inactive."),
    "pending": lazy("This account is pending."),
}


def _refusal(standing: Standing, zone: tzinfo) -> str:
    if standing.deleted:
        return _("This account was deleted.")
    if standing.blocked_until is not None:
        until = moment(standing.blocked_until, zone)
        return _("This account is blocked until %(moment)s.", moment=until)
    return _SAID[standing.status]
