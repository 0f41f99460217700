"""The plugin's own record of plans and add-ons that were given by hand."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

import sqlalchemy as sa

from .billing import Money, Offer, Subscription
from .directory import Directory
from .paging import Cursor, beyond, keyset_order

SCHEDULED, GIVEN, ENDED = "scheduled", "given", "ended"
"""Not written to the host's tables yet; written; taken back, or overtaken by somebody else."""

PER_PAGE = 50


@dataclass(frozen=True, kw_only=True)
class Before:
    """The subscription that a plan was given in place of; without a key there was none.

    Attributes:
        price: what was agreed on instead of the plan's own price.
    """

    plan_key: str | None = None
    plan: str = ""
    price: Money | None = None
    renews: datetime | None = None
    ends: datetime | None = None

    @classmethod
    def of(cls, subscription: Subscription | None, offers: Sequence[Offer]) -> "Before":
        """Note what comes back later, of all that the platform offers."""
        if subscription is None:
            return cls()
        usual = [o.price for o in offers if (o.kind, o.key) == ("plan", subscription.plan_key)]
        return cls(
            plan_key=subscription.plan_key,
            plan=subscription.plan,
            price=None if subscription.price in usual else subscription.price,
            renews=subscription.renews,
            ends=subscription.ends,
        )

    def dump(self) -> str:
        """Return it as text."""
        return json.dumps(asdict(self), default=str)

    @classmethod
    def load(cls, text: str) -> "Before":
        """Return what ``dump`` wrote."""
        found = json.loads(text)
        moments = {
            name: found[name] and datetime.fromisoformat(found[name]) for name in ("renews", "ends")
        }
        price = found.pop("price", None)
        if price is not None:
            price = Money(Decimal(price["amount"]), price["currency"])
        return cls(**found | moments, price=price)


@dataclass(frozen=True, kw_only=True)
class Grant:
    """A plan or an add-on given by hand.

    Attributes:
        offer_key: the offer's key in the host's catalogue.
        offer_name: what it was called when it was given.
        starts: when it begins, in UTC.
        ends: when it ends by itself, in UTC; None for good.
        price: what was agreed on instead of the offer's own price.
        before: what a plan was given in place of; None as long as it is not written.
        actor: by what the history knows the person who gave it.
        actor_name: what they were called.
        state: ``SCHEDULED``, ``GIVEN`` or ``ENDED``.
    """

    id: str
    user_key: Any
    kind: Literal["plan", "add_on"]
    offer_key: str
    offer_name: str
    starts: datetime
    ends: datetime | None
    price: Money | None
    reason: str
    note: str
    before: Before | None
    actor: str | None
    actor_name: str
    state: str

    def is_live(self, now: datetime) -> bool:
        """Say whether it is in force by the clock."""
        return self.starts <= now and not self.is_over(now)

    def is_over(self, now: datetime) -> bool:
        """Say whether its end has come."""
        return self.ends is not None and self.ends <= now

    def is_due(self, now: datetime) -> bool:
        """Say whether the host's tables do not say yet what the clock says."""
        return self.is_over(now) or (self.state == SCHEDULED and self.starts <= now)


@dataclass(frozen=True, kw_only=True)
class GrantQuery:
    """What the grants of a platform are asked for; None leaves a filter out.

    Attributes:
        kind: plans or add-ons.
        within: those that end by themselves within this time.
        after: the id of a grant: the page behind it.
        before: the id of a grant: the page that leads to it.
    """

    kind: Literal["plan", "add_on"] | None = None
    within: timedelta | None = None
    after: str | None = None
    before: str | None = None


@dataclass(frozen=True, kw_only=True)
class GrantPage:
    """A page of grants, and the ids that lead to its neighbours."""

    grants: list[Grant]
    previous: str | None
    next: str | None


class Grants:
    """Reads and writes the grants of one platform."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.table = directory.mapping.tables.grant

    def of(self, user_key: Any) -> list[Grant]:
        """Return what was given to a user and has not been taken back, by its start."""
        grant = self.table.c
        statement = self._unsettled().where(grant.user_key == user_key)
        return [_grant(row) for row in self._execute(statement.order_by(grant.starts, grant.id))]

    def page(self, query: GrantQuery) -> GrantPage:
        """Return a page of what is in force or to come, by its end, what stays for good last.

        At most two statements. A place that is not there any more has nothing beside it.
        """
        grant, now = self.table.c, self.directory.now()
        backward = query.before is not None
        statement = self._unsettled().where(grant.ends.is_(None) | (grant.ends > now))
        if query.kind is not None:
            statement = statement.where(grant.kind == query.kind)
        if query.within is not None:
            statement = statement.where(grant.ends <= now + query.within)
        beside = query.before or query.after
        if beside is not None:
            statement = statement.where(self._beyond(beside, backward=backward))
        part = sa.case((grant.ends.is_(None), 1), else_=0)
        order = keyset_order(backward, part, grant.ends, grant.id)
        rows = self._execute(statement.order_by(*order).limit(PER_PAGE + 1)).all()
        more = len(rows) > PER_PAGE
        grants = [_grant(row) for row in rows[:PER_PAGE]]
        if backward:
            grants.reverse()
        has_previous, has_next = (more, True) if backward else (beside is not None, more)
        return GrantPage(
            grants=grants,
            previous=grants[0].id if grants and has_previous else None,
            next=grants[-1].id if grants and has_next else None,
        )

    def _beyond(self, beside: str, *, backward: bool) -> sa.ColumnElement[bool]:
        """Say which grants lie on one side of another; those for good are behind all that end."""
        grant = self.table.c
        place = self._execute(
            sa.select(grant.ends).where(
                grant.platform_key == self.directory.platform, grant.id == beside
            )
        ).first()
        if place is None:
            return sa.false()
        cursor = Cursor(key=beside, value=place.ends, number=0)
        for_good = place.ends is None
        same_part = grant.ends.is_(None) if for_good else grant.ends.is_not(None)
        here = same_part & beyond(cursor, grant.id, grant.ends, descending=backward)
        return here | ~same_part if for_good == backward else here

    def add(self, **values: Any) -> None:
        """Note what was given. Takes the fields of ``Grant`` without its id."""
        self._execute(
            sa.insert(self.table).values(
                platform_key=self.directory.platform, id=uuid.uuid4().hex, **_columns(values)
            )
        )

    def change(self, grant: Grant, **values: Any) -> None:
        """Note that something of a grant changed."""
        mine = self.table.c
        self._execute(
            sa.update(self.table)
            .where(mine.platform_key == self.directory.platform, mine.id == grant.id)
            .values(**_columns(values))
        )

    def _unsettled(self) -> sa.Select[Any]:
        grant = self.table.c
        return sa.select(self.table).where(
            grant.platform_key == self.directory.platform, grant.state.in_((SCHEDULED, GIVEN))
        )

    def _execute(self, statement: Any) -> Any:
        with self.directory.session.no_autoflush:
            return self.directory.session.execute(
                statement, bind_arguments=self.directory.mapping.bind
            )


def due(table: sa.Table, now: datetime) -> sa.Select[Any]:
    """Return what asks for the grants of all platforms that the clock has overtaken."""
    grant = table.c
    unsettled = grant.state.in_((SCHEDULED, GIVEN))
    begun = (grant.state == SCHEDULED) & (grant.starts <= now)
    return (
        sa.select(table)
        .where(unsettled, begun | (grant.ends <= now))
        .order_by(grant.platform_key, grant.user_key, grant.starts, grant.id)
    )


def _columns(values: Mapping[str, Any]) -> dict[str, Any]:
    columns = dict(values)
    if "price" in columns:
        price = columns["price"]
        columns |= {
            "price": None if price is None else price.amount,
            "currency": None if price is None else price.currency,
        }
    if columns.get("before") is not None:
        columns["before"] = columns["before"].dump()
    return columns


def _grant(row: Any) -> Grant:
    return Grant(
        id=row.id,
        user_key=row.user_key,
        kind=row.kind,
        offer_key=row.offer_key,
        offer_name=row.offer_name,
        starts=row.starts,
        ends=row.ends,
        price=None if row.price is None else Money(row.price, row.currency),
        reason=row.reason,
        note=row.note,
        before=None if row.before is None else Before.load(row.before),
        actor=row.actor,
        actor_name=row.actor_name,
        state=row.state,
    )
