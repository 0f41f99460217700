"""Who was let see the product as whom: what may be, what goes on, and what remains of it.

One row stands for one impersonation. The browser holds a random secret, of which the row keeps the
digest only, so that neither can be made from the other. Nothing here knows of requests;
``sessions`` asks with each of them whether a row is still good.
"""

import fnmatch
import hashlib
import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from .audit import Chain, Entry
from .binding import Mapping as Bound
from .guard import tell
from .i18n import _, english, kept, lazy
from .policy import Policy
from .transaction import begin, retried

LONGEST = timedelta(minutes=60)
"""No impersonation lasts longer, whatever happens during it."""

LISTED = 500
"""So many requests of one impersonation are listed; the rest are counted."""

WRITING = timedelta(minutes=5)
"""How long changes stay allowed once they were asked for in the middle of it."""

ENDS = {
    "stopped": lazy("It was stopped by hand."),
    "expired": lazy("Its time was over."),
    "replaced": lazy("The same person began another one."),
    "owner_gone": lazy("Whoever looked was signed out, blocked or deleted."),
    "owner_changed": lazy("Whoever looked may not do so any more."),
    "user_gone": lazy("The user was blocked or deleted, or may not be looked at any more."),
    "other_session": lazy("It was tried from a session that it does not belong to."),
    "signed_in": lazy("Somebody signed in on the same browser."),
    "laundering": lazy("The product tried to sign in for good as the user; that was stopped."),
    "switched_off": lazy("Impersonation was switched off."),
}
"""Why impersonations end, as the history keeps it, in a sentence each."""


@dataclass(frozen=True, kw_only=True)
class Impersonation:
    """Lets staff see the product as a user does: ``PlatformUsers(impersonation=...)``.

    Attributes:
        landing: the endpoint of the product's page that it begins on.
        minutes: how long it lasts unless somebody chooses otherwise, at most 60.
        reasons: words to choose from, beside free ones.
        ticket: the label of a field for the number of a support case; None for no such field.
        forbidden: endpoints that answer 403 meanwhile, with ``*`` for any text:
            ``("account.password", "billing.*")``. Views may also be decorated with
            ``@platform_users.forbid_while_impersonating``.
        keeps: keys of the session that outlast its beginning and end, such as a language.
        started: called with the receipt once it has begun.
        ended: called with the receipt once it has ended, to tell the user, say.
    """

    landing: str
    minutes: int = 30
    reasons: Sequence[str] = ()
    ticket: str | None = None
    forbidden: Sequence[str] = ()
    keeps: Sequence[str] = ()
    started: "Callable[[Receipt], None] | None" = None
    ended: "Callable[[Receipt], None] | None" = None

    def forbids(self, endpoint: str | None) -> bool:
        """Say whether an endpoint is closed meanwhile."""
        return endpoint is not None and any(
            fnmatch.fnmatchcase(endpoint, pattern) for pattern in self.forbidden
        )


@dataclass(frozen=True, kw_only=True)
class Visit:
    """A request while the product was seen as somebody else.

    Attributes:
        path: without the query.
        refused: whether it was not let through.
    """

    at: datetime
    method: str
    path: str
    status: int
    refused: bool

    @property
    def changes(self) -> bool:
        """Whether it could have changed something."""
        return self.method not in SAFE


SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
"""The methods that change nothing (RFC 9110, 9.2.1)."""


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One impersonation, going on or over.

    Attributes:
        id: the digest of the secret that the browser holds.
        seq: the number of the entry that its beginning has in the history.
        owner_id: Flask-Login's id of the person who looks; the session's own.
        actor: by what the history knows them.
        user_id: Flask-Login's id of the person they are seen as.
        writes_until: until when changes are allowed; None for reading only.
        ended_at: when it ended; None while it goes on.
        end: why, one of ``ENDS``; empty while it goes on.
        unlisted: how many requests there were beyond those listed.
        listed: how many are listed.
    """

    platform_key: Any
    id: str
    seq: int
    owner_id: str
    actor: str | None
    actor_name: str
    user_key: Any
    user_id: str
    user_name: str
    reason: str
    ticket: str
    started_at: datetime
    ends_at: datetime
    writes_until: datetime | None
    ended_at: datetime | None
    end: str
    unlisted: int
    listed: int

    def writes(self, now: datetime) -> bool:
        """Say whether changes are allowed."""
        return self.writes_until is not None and now < self.writes_until

    def over(self, now: datetime) -> bool:
        """Say whether it has ended, by hand or by the clock."""
        return self.ended_at is not None or now >= self.ends_at

    @property
    def why(self) -> str:
        """Why it ended, in a sentence; what nobody ended yet ends by the clock."""
        return ENDS[self.end or "expired"]

    @property
    def until(self) -> datetime:
        """When it ended or will end."""
        return self.ended_at or self.ends_at


def new_secret() -> str:
    """Return what a browser is to hold: 256 random bits (OWASP ASVS 5.0, 7.2.3)."""
    return secrets.token_urlsafe(32)


def digest_of(secret: str) -> str:
    """Return what the row keeps of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


class Impersonations:
    """Reads and ends the impersonations of a mount.

    Args:
        mapping: the host's mapping.
        session: the host's session.
        chain: returns the history of a platform.
        config: what the host said of impersonation.
        now: returns the present moment.
    """

    def __init__(
        self,
        mapping: Bound,
        session: Any,
        chain: Callable[[Any], Chain],
        config: Impersonation | None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.mapping = mapping
        self.session = session
        self.chain = chain
        self.config = config
        self.now = now
        self.table = mapping.tables.impersonation
        self.visited = mapping.tables.visit

    # Reading

    def find(self, secret: str) -> Receipt | None:
        """Return what a browser's secret stands for. One statement."""
        return self._first(self.table.c.id == digest_of(secret))

    def receipt(self, platform: Any, seq: int) -> Receipt | None:
        """Return the impersonation whose beginning has this number in the history."""
        return self._first(self.table.c.platform_key == platform, self.table.c.seq == seq)

    def again(self, receipt: Receipt) -> Receipt:
        """Return an impersonation as it is now. One statement."""
        return self._first(self.table.c.id == receipt.id) or receipt

    def going_on(self, platform: Any, owner_id: str) -> Receipt | None:
        """Return what a person is doing now. One statement."""
        return self._first(self.table.c.platform_key == platform, self.table.c.going_on == owner_id)

    def of_user(self, platform: Any, user_key: Any, limit: int = 20) -> list[Receipt]:
        """Return when a user was looked at, the latest first. One statement."""
        mine = (self.table.c.platform_key == platform, self.table.c.user_key == user_key)
        statement = self._select(*mine).order_by(self.table.c.started_at.desc()).limit(limit)
        return [Receipt(**row._mapping) for row in self._execute(statement)]

    def visits(self, receipt: Receipt) -> list[Visit]:
        """Return the requests that are listed, in order. One statement."""
        visit = self.visited.c
        statement = (
            sa.select(visit.at, visit.method, visit.path, visit.status, visit.refused)
            .where(visit.platform_key == receipt.platform_key, visit.impersonation_id == receipt.id)
            .order_by(visit.at, visit.id)
        )
        return [Visit(**row._mapping) for row in self._execute(statement)]

    def started_since(self, platform: Any, owner_id: str, since: datetime) -> int:
        """Count how many a person began since a moment. One statement."""
        table = self.table.c
        statement = sa.select(sa.func.count()).where(
            table.platform_key == platform, table.owner_id == owner_id, table.started_at > since
        )
        return int(self._execute(statement).scalar_one())

    # Whether it is still good

    def why_over(self, receipt: Receipt, policy: Policy, owner: Any, user: Any) -> str | None:
        """Return why an impersonation ends now, one of ``ENDS``; None while it is good.

        Args:
            receipt: which.
            policy: the host's rules.
            owner: who is signed in, as the host just loaded them; None if nobody is any more.
            user: who they are seen as, likewise.
        """
        if owner is None:
            return "owner_gone"
        if receipt.ended_at is not None:
            return receipt.end
        if self.now() >= receipt.ends_at:
            return "expired"
        if self.config is None:
            return "switched_off"
        if str(owner.get_id()) != receipt.owner_id:
            return "other_session"
        if policy.platform_of(owner) != receipt.platform_key:
            return "owner_changed"
        if user is None or getattr(user, self.mapping.key.key, None) != receipt.user_key:
            return "user_gone"
        if not (policy.allows(owner, "impersonate", user) and policy.outranks(owner, user)):
            return "owner_changed"
        if policy.declines_impersonation(owner, user) is not None:
            return "user_gone"
        if policy.platform_in_use(user) not in (None, receipt.platform_key):
            return "user_gone"
        return None

    # Ending

    def end(self, receipt: Receipt, why: str, address: str = "") -> int | None:
        """End an impersonation, record that, and tell the host. Ending it twice changes nothing.

        It owns the transaction of the session.

        Returns:
            the number of the entry in the history; None if it was over already.
        """
        chain = self.chain(receipt.platform_key)

        def attempt() -> int | None:
            begin(chain)
            seq = self.close(receipt, why, address)
            self.session.commit()
            return seq

        seq = retried(self.session, attempt)
        if seq is not None and self.config is not None and self.config.ended is not None:
            tell(self.config.ended, self.again(receipt))
        return seq

    def close(self, receipt: Receipt, why: str, address: str = "") -> int | None:
        """End one inside the caller's transaction, whose platform is locked; None if it was over.

        What ended by the clock ended when its time was over, whenever that is noticed.
        """
        table, now = self.table, self.now()
        if now >= receipt.ends_at:
            why = "expired"
        closed = self._execute(
            sa.update(table)
            .where(table.c.id == receipt.id, table.c.platform_key == receipt.platform_key)
            .where(table.c.ended_at.is_(None))
            .values(ended_at=min(now, receipt.ends_at), end=why, going_on=None)
        )
        if not closed.rowcount:
            return None
        by_hand = why in {"stopped", "replaced"}
        with english():
            totals = {n: ("", str(v)) for n, v in self.totals(self.again(receipt)).items()}
        entry = Entry(
            action="end_impersonation",
            actor=receipt.actor if by_hand else None,
            actor_name=receipt.actor_name if by_hand else "",
            user_key=receipt.user_key,
            user_name=receipt.user_name,
            changes=totals,
            reason=kept(ENDS[why]),
            address=address,
        )
        return self.chain(receipt.platform_key).append(entry, now)

    def sweep(self) -> int:
        """End what the clock has ended, on all platforms; return how many."""
        table = self.table.c
        due = self._select(table.ended_at.is_(None), table.ends_at <= self.now())
        found = [Receipt(**row._mapping) for row in self._execute(due)]
        for receipt in found:
            self.end(receipt, "expired")
        return len(found)

    # Listing what was seen

    def note(self, connection: sa.Connection, receipt: Receipt, visit: Visit) -> None:
        """List a request, or only count it where there are many already. One statement."""
        if receipt.listed < LISTED:
            connection.execute(
                sa.insert(self.visited).values(
                    platform_key=receipt.platform_key,
                    impersonation_id=receipt.id,
                    id=secrets.token_hex(16),
                    at=visit.at,
                    method=visit.method[:16],
                    path=visit.path.replace("\x00", "")[:500],
                    status=visit.status,
                    refused=visit.refused,
                )
            )
        else:
            table = self.table
            connection.execute(
                sa.update(table)
                .where(table.c.platform_key == receipt.platform_key, table.c.id == receipt.id)
                .values(unlisted=table.c.unlisted + 1)
            )

    def totals(self, receipt: Receipt) -> dict[str, int]:
        """Return how long it took, pages seen, and changes made and refused. One statement."""
        visit = self.visited.c
        reads = visit.method.in_(sorted(SAFE))

        def number(condition: Any) -> sa.ColumnElement[int]:
            return sa.func.coalesce(sa.func.sum(sa.case((condition, 1), else_=0)), 0)

        row = self._execute(
            sa.select(
                number(reads & ~visit.refused),
                number(~reads & ~visit.refused & (visit.status < 400)),
                number(visit.refused),
            ).where(
                visit.platform_key == receipt.platform_key, visit.impersonation_id == receipt.id
            )
        ).one()
        end = receipt.ended_at or min(self.now(), receipt.ends_at)
        minutes = -(-(end - receipt.started_at).total_seconds() // 60)
        pages, changes, refused = map(int, row)
        found = {
            _("Minutes"): int(minutes),
            _("Pages seen"): pages,
            _("Changes made"): changes,
            _("Refused"): refused,
        }
        return found | ({_("Not listed"): receipt.unlisted} if receipt.unlisted else {})

    def _first(self, *where: Any) -> Receipt | None:
        row = self._execute(self._select(*where)).first()
        return None if row is None else Receipt(**row._mapping)

    def _select(self, *where: Any) -> sa.Select[Any]:
        table, visit = self.table.c, self.visited.c
        listed = (
            sa.select(sa.func.count())
            .where(visit.platform_key == table.platform_key, visit.impersonation_id == table.id)
            .scalar_subquery()
        )
        columns = list(self._columns())
        return sa.select(*columns, listed.label("listed")).where(*where)

    def _columns(self) -> Iterator[Any]:
        for column in self.table.c:
            if column.name == "end":
                yield sa.func.coalesce(column, "").label("end")
            elif column.name != "going_on":
                yield column

    def _execute(self, statement: Any) -> Any:
        with self.session.no_autoflush:
            return self.session.execute(statement, bind_arguments=self.mapping.bind)
