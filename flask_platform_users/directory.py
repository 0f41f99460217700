"""Every question the page asks of the host's data, always inside one platform.

A ``Directory`` is made for one platform and puts it into the WHERE of every statement. It reads
columns, not model instances (one user's details excepted), so nothing is loaded lazily later.
"""

import enum
from collections import defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, tzinfo
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.orm import Session, scoped_session

from .arrays import one_of
from .billing import Billing, ManualBilling, SharedBilling
from .binding import NOW, SEPARATOR, Mapping, Sort, origin
from .cards import Growth, edges
from .errors import NotFoundError
from .filters import Asked
from .inspection import (
    clause,
    is_counter,
    is_indexed,
    known_words,
    parse_key,
    python_type,
    target_of,
    word,
)
from .mapping import Count, Expression, Many, Predicate
from .models import as_kept, as_utc
from .paging import Cursor, beyond, keyset_order
from .results import Note, Page, Population, Summary, UserDetails, UserRow
from .search import Search, Term

BOUNDED = 10_000
"""Platforms up to this size may be sorted, and roles looked up, by reading all their users."""

NEWEST = 50_000
"""So many new users are counted for a trend."""

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
class Directory:
    """Reads one platform's users.

    Args:
        mapping: the host's mapping.
        session: the host's session. Nothing is written to it, nor flushed.
        platform: the key of the platform, as the host's policy gave it.
        now: returns the present moment; blocks end by it.
        population: which of its users. Who was deleted is not there for anybody who does not ask
            for them.
    """

    mapping: Mapping
    session: Session | scoped_session[Any]
    platform: Any
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    population: Population = "present"

    def among(self, population: Population) -> "Directory":
        """Return what reads another population of the same platform."""
        return replace(self, population=population)

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

    # What can be asked

    def summary(self) -> Summary:
        """Count users by status and channels by kind. One statement."""
        mapping = self.mapping
        counters = [count for count in mapping.channels if is_counter(mapping.users, count)]
        sums = [sa.func.sum(c.column).label(f"channel_{c.name}") for c in counters]
        held = {card.name: card.predicate for card in mapping.own_cards}
        sums += [
            sa.func.sum(sa.case((predicate, 1), else_=0)).label(f"card_{name}")
            for name, predicate in held.items()
            if predicate is not None
        ]
        # Grouped first, so that a user's status is worked out once, and not for each of the cards.
        by_status = (
            self._users(
                mapping.status.label("current_status"), sa.func.count().label("number"), *sums
            )
            .group_by("current_status")
            .subquery()
        )
        number = by_status.c.number
        parts: list[sa.Select[Any]] = [
            sa.select(
                sa.func.sum(number).label("total"),
                *(
                    sa.func.sum(sa.case((by_status.c.current_status == name, number))).label(name)
                    for name in mapping.statuses
                ),
                *(sa.func.sum(by_status.c[column.name]).label(column.name) for column in sums),
            )
        ]
        groups = defaultdict(list)
        for count in mapping.channels:
            if count not in counters:
                groups[count.column, count.platform].append(count)
        parts += [self._totals(counts) for counts in groups.values()]
        # Joined by a comparison: SQLAlchemy warns of a cartesian product on MariaDB otherwise.
        one: sa.Label[int] = sa.literal_column("1", sa.Integer).label("one")
        first, *others = [part.add_columns(one).subquery() for part in parts]
        source: sa.FromClause = first
        for other in others:
            source = source.join(other, other.c.one == first.c.one)
        columns = [c for part in (first, *others) for c in part.c if c.name != "one"]
        row = self._execute(sa.select(*columns).select_from(source)).one()._mapping
        found = {name: int(value or 0) for name, value in row.items()}
        return Summary(
            total=found["total"],
            active=found["active"],
            inactive=found["inactive"] + found["blocked"],
            blocked=found["blocked"],
            pending=found.get("pending", 0),
            channels={c.name: found[f"channel_{c.name}"] for c in mapping.channels},
            cards={name: found[f"card_{name}"] for name in held if f"card_{name}" in found},
        )

    def growth(self, total: int) -> Growth | None:
        """Count who signed up lately, on a platform of ``total`` users. At most one statement.

        None where that is not known, or would read too many users: then no index serves it, or
        there are more than ``NEWEST`` of them.
        """
        created = self.mapping.users.created
        if created is None:
            return None
        if total > BOUNDED and not is_indexed(self.mapping.users.platform, created):
            return None
        column = clause(created)
        starts = [sa.literal(as_kept(created, at), column.type) for at in edges(self.now())]
        later = ((column < start, n) for n, start in enumerate(starts[1:]))
        newest = (
            self._users(
                sa.case(*later, else_=len(starts) - 1).label("step"),
                self.mapping.status.label("current_status"),
            )
            .where(column >= starts[0])
            .limit(NEWEST + 1)
            .subquery()
        )
        step, status = newest.c.step, newest.c.current_status
        number = sa.func.count().label("number")
        counted = sa.select(step, status, number).group_by(step, status)
        steps, statuses = [0] * len(starts), dict.fromkeys(self.mapping.statuses, 0)
        for row in self._execute(counted):
            steps[row.step] += row.number
            statuses[row.current_status] += row.number
        return None if sum(steps) > NEWEST else Growth(steps=steps, statuses=statuses)

    def sorts(self, total: int) -> dict[str, Sort]:
        """Return the orders that a platform of ``total`` users can afford, the default first."""
        channels = self._total_channels() if self.mapping.channels else None
        affordable = {
            sort.name: sort
            for sort in self.mapping.sorts(channels)
            if sort.indexed or total <= BOUNDED
        }
        return affordable or {"key": Sort("key", self.mapping.key, indexed=True)}

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

    def matches(self, query: ListQuery) -> int:
        """Count the users that the filters let through, up to ``MATCHES`` + 1. One statement."""
        people = self.among(query.population)
        some = people._users(sa.literal(1).label("one")).where(*self._filters(query))
        statement = sa.select(sa.func.count()).select_from(some.limit(MATCHES + 1).subquery())
        count: int = self._execute(statement).scalar_one()
        return count

    def unknown_emails(self, query: ListQuery) -> list[str]:
        """Return those of the addresses that nobody has, whatever else is asked. One statement."""
        email = clause(self.mapping.users.email)
        people = self.among(query.population)
        found = self._execute(people._users(email).where(self._has_email(query.emails))).scalars()
        known = {str(spelt).lower() for spelt in found}
        return [email for email in query.emails if email.lower() not in known]

    def total(self, query: ListQuery) -> int:
        """Count all users that the filters let through, however many. One statement."""
        people = self.among(query.population)
        statement = people._users(sa.func.count()).where(*self._filters(query))
        count: int = self._execute(statement).scalar_one()
        return count

    def user(self, key: str) -> UserDetails:
        """Return one user by the text of their key. One statement.

        Raises:
            NotFoundError: there is none on this platform, wherever else there may be.
        """
        found = self.users([key])
        if key not in found:
            raise NotFoundError(key)
        return found[key]

    def users(self, keys: Collection[str]) -> dict[str, UserDetails]:
        """Return the users of this platform whose keys these texts stand for. One statement."""
        state, blocked = self.mapping.tables.state.c, self.mapping.blocked_by_plugin
        statement = self._users(
            self.mapping.users.model,
            *self._fields(),
            sa.case((blocked, state.block_reason)).label("block_reason"),
            sa.case((blocked, state.blocked_until)).label("blocked_until"),
        )
        found = (
            UserDetails(
                record=row[0],
                block_reason=row.block_reason,
                blocked_until=row.blocked_until,
                **self._values(row),
            )
            for row in self._find(statement, keys)
        )
        # Databases may take other spellings for the same key (case, trailing spaces); we do not.
        wanted = set(keys)
        return {str(user.key): user for user in found if str(user.key) in wanted}

    def known(self, keys: Collection[str]) -> list[Any]:
        """Return the keys among some texts that are of users of this platform. One statement."""
        wanted, statement = set(keys), self._users(self.mapping.key.label("key"))
        return [row.key for row in self._find(statement, keys) if str(row.key) in wanted]

    def keys(self, query: ListQuery) -> sa.Select[Any]:
        """Return the statement for the keys of all whom a filter lets through, as ``key``.

        It is to be executed with the parameters of ``moment``.
        """
        people = self.among(query.population)
        return people._users(self.mapping.key.label("key")).where(*self._filters(query))

    @property
    def moment(self) -> dict[str, datetime]:
        """What statements on users have to be executed with: the present moment."""
        return {NOW.key: self.now()}

    def usage(self, user: UserRow) -> dict[str, int]:
        """Count what a user of this platform has of everything in ``usage``. One statement.

        Raises:
            NotFoundError: the user is not, or no longer, on this platform.
        """
        counts = [
            self.mapping.count(count, self.platform).label(count.name)
            for count in self.mapping.usage
        ]
        statement = self._users(self.mapping.key.label("key"), *counts)
        row = self._execute(statement.where(self.mapping.key == user.key)).first()
        if row is None:
            raise NotFoundError(user.key)
        return {count.name: row._mapping[count.name] for count in self.mapping.usage}

    def notes(self, user: UserRow) -> list[Note]:
        """Return the notes on a user of this platform, pinned ones first, then the newest.

        One statement.
        """
        note = self.mapping.tables.note.c
        statement = (
            sa.select(note.id, note.at, note.author_name, note.text, note.pinned)
            .where(note.platform_key == self.platform, note.user_key == user.key)
            .order_by(note.pinned.desc(), note.at.desc(), note.id)
        )
        return [Note(**row._mapping) for row in self._execute(statement)]

    def names(self, keys: Collection[Any]) -> dict[Any, str]:
        """Return what some users of this platform are called, by their key. One statement."""
        users, key = self.mapping.users, self.mapping.key
        columns = [key.label("key"), users.username.label("username"), users.email.label("email")]
        chosen = one_of(self.session, key, keys, self.mapping.bind)
        found = self._execute(self._users(*columns).where(chosen))
        return {row.key: row.username or row.email or str(row.key) for row in found}

    def keys_named(self, name: str) -> list[Any]:
        """Return the keys of users by exactly their username or email. One statement.

        Of many users of one name it returns the first hundred.
        """
        users, key = self.mapping.users, self.mapping.key
        username, email = clause(users.username), clause(users.email)
        statement = (
            self._users(key.label("key"), username.label("username"), email.label("email"))
            .where((username == name) | (email == name))
            .order_by(key)
            .limit(100)
        )
        # Databases may take other spellings for the same text (case, accents); we do not.
        return [row.key for row in self._execute(statement) if name in (row.username, row.email)]

    def keys_like(self, term: str, limit: int) -> list[Any]:
        """Return the keys of users, deleted or not, by part of a name. One statement."""
        found = self._everyone(self.mapping.key).where(self._contains(term))
        return list(self._execute(found.order_by(self.mapping.key).limit(limit)).scalars())

    # What a change asks before it is made

    def parse(self, key: str) -> Any:
        """Return the value that a key's text stands for; None where no key is spelled like that."""
        return parse_key(key, python_type(self.mapping.key))

    def has(self, key: Any) -> bool:
        """Say whether there is a user with this key. One statement."""
        found = self._execute(self._users(sa.literal(1)).where(self.mapping.key == key))
        return found.first() is not None

    def name_of(self, key: Any) -> str:
        """Return what to call a user, deleted or not. One statement.

        Raises:
            NotFoundError: there is none on this platform.
        """
        users, own = self.mapping.users, self.holds(self.mapping.key, str(key))
        row = self._execute(self._everyone(users.username, users.email).where(own)).first()
        if row is None:
            raise NotFoundError(key)
        return next((str(name) for name in row if name), str(key))

    def holds(self, column: Expression, *keys: str) -> Predicate:
        """Say when a column holds one of the user keys that some texts stand for."""
        parsed = [value for value in map(self.parse, keys) if value is not None]
        if not parsed:
            return sa.false()
        # PostgreSQL refuses to compare with a number that the column's own type cannot hold.
        wide = isinstance(clause(column).type, sa.Integer) and isinstance(parsed[0], int)
        type_ = sa.BigInteger() if wide else clause(column).type
        if len(parsed) == 1:
            one: Predicate = clause(column) == sa.literal(parsed[0], type_)
            return one
        return one_of(self.session, clause(column), parsed, self.mapping.bind, type_)

    def lock(self, keys: Collection[str]) -> None:
        """Keep everybody else from changing users' own rows until the transaction ends."""
        statement = sa.select(self.mapping.key).order_by(self.mapping.key).with_for_update()
        self._find(statement, keys)

    def related(self, user: UserRow, entity: Any) -> Any:
        """Return the row of a joined model, such as the membership, that belongs to a user."""
        statement = self._users(entity).where(self.mapping.key == user.key)
        return self._execute(statement).scalar_one()

    def key_of_person(self, person: Any) -> str | None:
        """Return the text of the key of a person who is a row of the user model, else None."""
        if not isinstance(person, self.mapping.users.model):
            return None
        return str(getattr(person, self.mapping.key.key))

    def is_shut_out(self, key: str) -> bool:
        """Say whether a user of this platform is blocked or deleted."""
        own = self.mapping.key == self.parse(key)
        row = self._execute(
            self._everyone(self.mapping.status, self.mapping.tables.state.c.deleted_at).where(own)
        ).first()
        return row is not None and (row[0] == "blocked" or row.deleted_at is not None)

    # How it is asked

    def _execute(self, statement: sa.Select[Any]) -> sa.Result[Any]:
        with self.session.no_autoflush:
            return self.session.execute(statement, self.moment, bind_arguments=self.mapping.bind)

    def _users(self, *columns: Any) -> sa.Select[Any]:
        """Start every statement on users of this platform and population."""
        return self._everyone(*columns).where(self.mapping.is_among(self.population))

    def _everyone(self, *columns: Any) -> sa.Select[Any]:
        """Read users with their membership and their state, also those who were deleted."""
        platform = clause(self.mapping.users.platform)
        return self.mapping.select(*columns).where(platform == self.platform)

    def _totals(self, counts: list[Count]) -> sa.Select[Any]:
        """Count the rows of one table by kind, in one pass."""
        first = counts[0]
        if first.platform is None:
            target = target_of(self.mapping.users, first.column)
            columns: list[Any] = [_number(c).label(f"channel_{c.name}") for c in counts]
            return self._users(*columns).join(origin(first), clause(first.column) == target)
        columns = [
            (_number(count) - self._gone(count)).label(f"channel_{count.name}") for count in counts
        ]
        statement = sa.select(*columns).select_from(origin(first))
        return statement.where(clause(first.platform) == self.platform)

    def _gone(self, count: Count) -> sa.ScalarSelect[Any]:
        """Count what deleted users have: they are few, so that this is cheaper than a join."""
        target = target_of(self.mapping.users, count.column)
        return (
            self._everyone(_number(count))
            .join(origin(count), clause(count.column) == target)
            .where(
                self.mapping.tables.state.c.deleted_at.is_not(None),
                clause(count.platform) == self.platform,  # type: ignore[arg-type]
            )
            .correlate(None)
            .scalar_subquery()
        )

    def _total_channels(self) -> sa.ColumnElement[int]:
        first, *others = [self.mapping.count(c, self.platform) for c in self.mapping.channels]
        return sum(others, first)

    def _fields(self) -> list[sa.ColumnElement[Any]]:
        users = self.mapping.users
        fields = {
            "key": self.mapping.key,
            "username": users.username,
            "email": users.email,
            "phone": users.phone,
            "role": self.mapping.roles,
            "status": self.mapping.status,
            "last_login": users.last_login,
            "created": users.created,
            "deleted_at": self.mapping.tables.state.c.deleted_at,
            "purge_at": self.mapping.tables.state.c.purge_at,
        }
        return [
            *(
                (sa.null() if value is None else value).label(name)
                for name, value in fields.items()
            ),
            *(
                self.mapping.count(count, self.platform).label(f"channel_{count.name}")
                for count in self.mapping.channels
            ),
            *(
                clause(value).label(f"column_{column.name}")
                for column, value in self.mapping.own_columns.items()
            ),
        ]

    def _values(self, row: sa.Row[Any]) -> dict[str, Any]:
        """Return what was read of a user by the names of ``UserRow``."""
        role = row.role
        if isinstance(self.mapping.users.role, Many):
            roles = tuple(sorted(role.split(SEPARATOR))) if role else ()
        else:
            roles = () if role is None else (word(role),)
        return {
            "key": row.key,
            "username": row.username,
            "email": row.email,
            "phone": row.phone,
            "roles": roles,
            "status": row.status,
            "last_login": as_utc(row.last_login),
            "created": as_utc(row.created),
            "channels": {c.name: row._mapping[f"channel_{c.name}"] for c in self.mapping.channels},
            "columns": {
                c.name: _value(row._mapping[f"column_{c.name}"]) for c in self.mapping.own_columns
            },
            "deleted_at": row.deleted_at,
            "purge_at": row.purge_at,
        }

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

    def _contains(self, term: str) -> sa.ColumnElement[bool]:
        columns = [clause(column) for column in self.mapping.searched]
        connection = self.session.connection(self.mapping.bind)
        if connection.dialect.name != "sqlite":
            return sa.or_(*(column.icontains(term, autoescape=True) for column in columns))
        # SQLite's lower() and LIKE know the letters of ASCII only.
        driver: Any = connection.connection.driver_connection
        driver.create_function("platform_users_fold", 1, _fold, deterministic=True)
        folded = [sa.func.platform_users_fold(c, type_=sa.String) for c in columns]
        return sa.or_(*(column.contains(_fold(term), autoescape=True) for column in folded))

    def _find(self, statement: sa.Select[Any], keys: Collection[str]) -> Sequence[sa.Row[Any]]:
        """Look users up. A key that cannot be one costs the same statement as one that is not."""
        try:
            return self._execute(statement.where(self.holds(self.mapping.key, *keys))).all()
        except DBAPIError:
            raise
        except StatementError:  # the host's own type refused the value before it was sent
            return self._execute(statement.where(sa.false())).all()


def _value(value: Any) -> Any:
    """Return a value of a host's own column as the page takes it."""
    if isinstance(value, datetime):
        return as_utc(value)
    return word(value) if isinstance(value, enum.Enum) else value


def _fold(text: str | None) -> str | None:
    return None if text is None else str(text).casefold()


def _number(count: Count) -> sa.ColumnElement[int]:
    return sa.func.count(1 if count.where is None else sa.case((count.where, 1)))


def _cursor(row: sa.Row[Any], number: int, *, backward: bool = False) -> Cursor:
    return Cursor(key=row.key, value=row.sorted_by, number=number, backward=backward)
