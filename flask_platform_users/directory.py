"""Every question the page asks of the host's data, always inside one platform.

A ``Directory`` is made for one platform and puts it into the WHERE of every statement. It reads
columns, not model instances (one user's details excepted), so nothing is loaded lazily later.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from typing import Any

import sqlalchemy as sa

from .billing import Billing, ManualBilling, SharedBilling
from .binding import Sort
from .counting import Counting
from .filters import Asked
from .inspection import clause, known_words, word
from .lookup import Lookup
from .mapping import Many, Predicate
from .paging import Cursor, beyond, keyset_order
from .results import Page, Population, UserRow
from .search import Search, Term
from .statements import BOUNDED

MATCHES = 1_000
"""The matches of a filter are counted up to this many."""


@dataclass(frozen=True, kw_only=True)
class ListQuery(Search):
    """What the list is asked for: what is searched for, in an order, from a place on.

    Attributes:
        zone: the time zone whose days are meant.
        descending: the direction of the order.
        per_page: rows on a page.
        cursor: where the page starts; None for the first.
    """

    zone: tzinfo = UTC
    descending: bool = False
    per_page: int = 25
    cursor: Cursor | None = None

    @property
    def population(self) -> Population:
        """Whom it asks for."""
        return "deleted" if Term("status", "deleted") in self.terms else "present"

    @property
    def narrows(self) -> bool:
        """Whether it leaves some users out."""
        return bool(self.words or self.emails or self.terms)


@dataclass(frozen=True)
class Directory(Counting, Lookup):
    """Counts the users of one platform, looks some up, and lists those that a query asks for.

    Its arguments are those of ``Statements``.
    """

    @property
    def billing(self) -> Billing | None:
        """The host's billing, as far as it is this platform's."""
        billing = self.mapping.billing
        return billing.of_platform(self.platform) if isinstance(billing, SharedBilling) else billing

    @property
    def by_hand(self) -> ManualBilling | None:
        """That billing, if it can be changed by hand."""
        billing = self.billing
        return billing if isinstance(billing, ManualBilling) else None

    def page(self, query: ListQuery, sort: Sort) -> Page:
        """Return the page that a query asks for, in the order of ``sort``. One statement."""
        cursor = query.cursor
        backward = cursor is not None and cursor.backward
        descending = query.descending != backward
        people = self.among(query.population)
        place = people._place(query, sort, descending=descending)
        statement = (
            people._users(*self._fields(), place.c.value.label("sorted_by"))
            .join(place, place.c.key == self.mapping.key)
            .order_by(place.c.part, *keyset_order(descending, place.c.value, place.c.key))
            .limit(query.per_page + 1)
        )
        found = self._execute(statement).all()
        more = len(found) > query.per_page
        rows = list(found[: query.per_page])
        if backward:
            rows.reverse()
        has_previous, has_next = (more, True) if backward else (cursor is not None, more)
        if cursor is None or (backward and not more):
            start = 1
        elif backward:
            start = max(1, cursor.number - len(rows))
        else:
            start = cursor.number + 1
        page = Page(
            users=[UserRow(**self._values(row)) for row in rows],
            start=start,
            previous=None,
            next=None,
        )
        if not rows:
            return page
        return Page(
            users=page.users,
            start=start,
            previous=_cursor(rows[0], start, backward=True) if has_previous else None,
            next=_cursor(rows[-1], page.end) if has_next else None,
        )

    def _place(self, query: ListQuery, sort: Sort, *, descending: bool) -> sa.Subquery:
        """Find the keys of a page, before anything else is read of its users.

        Users without a value are a part of their own behind the others, so that each part is one
        stretch of an index on every database, however deep the page.
        """
        key, value, cursor = self.mapping.key, clause(sort.value), query.cursor
        parts = ["valued", "null"] if sort.nullable else ["valued"]
        if cursor is not None:
            if cursor.backward:
                parts.reverse()
            parts = parts[parts.index("null" if cursor.value is None else "valued") :]
        found = []
        for rank, part in enumerate(parts):
            rows = self._users(
                key.label("key"), value.label("value"), sa.literal_column(str(rank)).label("part")
            ).where(*self._filters(query))
            if sort.nullable:
                rows = rows.where(value.is_(None) if part == "null" else value.is_not(None))
            if cursor is not None and rank == 0:
                rows = rows.where(beyond(cursor, key, value, descending=descending))
            order = keyset_order(descending, value, key)
            found.append(rows.order_by(*order).limit(query.per_page + 1).subquery())
        if len(found) == 1:
            return found[0]
        return sa.union_all(*(sa.select(part) for part in found)).subquery()

    def _filters(self, query: ListQuery) -> list[Predicate]:
        asked = Asked(platform=self.platform, now=self.now(), zone=query.zone)
        known = self.mapping.filters
        filters = [known[term.name].predicate(term.value, asked) for term in query.terms]
        if query.emails:
            filters.append(self._has_email(query.emails))
        if query.words:
            filters.append(self._contains(query.words))
        return filters

    def _has_email(self, emails: Sequence[str]) -> Predicate:
        """Say when a user has one of some addresses: as typed, or in small letters."""
        spellings = dict.fromkeys(spelt for email in emails for spelt in (email, email.lower()))
        return clause(self.mapping.users.email).in_(spellings)

    def matches(self, query: ListQuery) -> int:
        """Count the users that the filters let through, up to ``MATCHES`` + 1. One statement."""
        people = self.among(query.population)
        some = people._users(sa.literal(1).label("one")).where(*self._filters(query))
        statement = sa.select(sa.func.count()).select_from(some.limit(MATCHES + 1).subquery())
        count: int = self._execute(statement).scalar_one()
        return count

    def total(self, query: ListQuery) -> int:
        """Count all users that the filters let through, however many. One statement."""
        people = self.among(query.population)
        statement = people._users(sa.func.count()).where(*self._filters(query))
        count: int = self._execute(statement).scalar_one()
        return count

    def keys(self, query: ListQuery) -> sa.Select[Any]:
        """Return the statement for the keys of all whom a filter lets through, as ``key``.

        It is to be executed with the parameters of ``moment``.
        """
        people = self.among(query.population)
        return people._users(self.mapping.key.label("key")).where(*self._filters(query))

    def unknown_emails(self, query: ListQuery) -> list[str]:
        """Return those of the addresses that nobody has, whatever else is asked. One statement."""
        email = clause(self.mapping.users.email)
        people = self.among(query.population)
        found = self._execute(people._users(email).where(self._has_email(query.emails))).scalars()
        known = {str(spelt).lower() for spelt in found}
        return [email for email in query.emails if email.lower() not in known]

    def sorts(self, total: int) -> dict[str, Sort]:
        """Return the orders that a platform of ``total`` users can afford, the default first."""
        channels = self._total_channels() if self.mapping.channels else None
        affordable = {
            sort.name: sort
            for sort in self.mapping.sorts(channels)
            if sort.indexed or total <= BOUNDED
        }
        return affordable or {"key": Sort("key", self.mapping.key, indexed=True)}

    def _total_channels(self) -> sa.ColumnElement[int]:
        first, *others = [self.mapping.count(c, self.platform) for c in self.mapping.channels]
        return sum(others, first)

    def roles(self, total: int) -> tuple[str, ...]:
        """Return the roles to filter by; none where finding them would read too many users.

        At most one statement.
        """
        role = self.mapping.users.role
        if role is None or self.mapping.users.roles is not None:
            return tuple(self.mapping.users.roles or ())
        column = clause(role.column if isinstance(role, Many) else role)
        values = known_words(column)
        if values is None:
            if isinstance(role, Many):
                statement = sa.select(column).distinct()
            elif total <= BOUNDED:
                statement = self._users(column).distinct()
            else:
                return ()
            values = [value for value in self._execute(statement).scalars() if value is not None]
        return tuple(sorted(map(word, values)))


def _cursor(row: sa.Row[Any], number: int, *, backward: bool = False) -> Cursor:
    return Cursor(key=row.key, value=row.sorted_by, number=number, backward=backward)
