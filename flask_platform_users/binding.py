"""A checked mapping turned into the SQL expressions that statements are made of."""

import functools
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import QueryableAttribute, aliased

from .arrays import SEPARATOR
from .billing import Billing, ManualBilling, SearchedBilling
from .cards import Arranged, Card
from .columns import DEFAULT_COLUMNS, Column
from .filters import Filter
from .formatting import FILTER_LABELS
from .i18n import lazy
from .inspection import (
    clause,
    is_counter,
    is_indexed,
    is_text,
    key_of,
    known_words,
    mapper_of,
    python_type,
    target_of,
    word,
)
from .mapping import STATUSES, Count, Expression, Many, Predicate, Users
from .models import Tables, UTCDateTime
from .results import Population

NOW = sa.bindparam("platform_users_now", type_=UTCDateTime)
"""The present moment, given to each statement when it is executed: blocks end by it."""


@dataclass(frozen=True)
class Sort:
    """An order of the list; users with equal values are ordered by their key.

    Attributes:
        name: what stands in the URL.
        value: the value to order by.
        nullable: whether it may be NULL. Such users come last in both directions.
        descending: the direction that people expect first.
        indexed: whether an index serves it.
    """

    name: str
    value: Expression
    nullable: bool = False
    descending: bool = False
    indexed: bool = False


@dataclass(frozen=True)
class Mapping:
    """What the host said, checked, with the plugin's own tables beside it.

    Expressions of the status expect ``tables.state`` to be joined, and ``NOW`` to be given.

    Attributes:
        grace: how long a deleted user can be restored.
        shut_out: the statuses that nobody may be signed in with.
        on_sessions_revoked: the host's function for what else lets a user in.
        own_filters: what the host lets the list be narrowed by, beside what we do.
        cards: the numbers above the list, in order.
        columns: the columns of the list, in order.
        delete: the host's function that deletes a user for good; None where their row and its
            cascades are all there is.
    """

    users: Users
    channels: Sequence[Count]
    usage: Sequence[Count]
    tables: Tables
    grace: timedelta = timedelta(days=30)
    delete: Callable[[Any], None] | None = None
    billing: Billing | None = None
    shut_out: Collection[str] = ("blocked", "inactive")
    on_sessions_revoked: Callable[[Any], None] | None = None
    own_filters: Sequence[Filter] = ()
    cards: Arranged = (...,)
    columns: Sequence[Column] = DEFAULT_COLUMNS

    @functools.cached_property
    def by_hand(self) -> ManualBilling | None:
        """The host's billing, if it can be changed by hand."""
        return self.billing if isinstance(self.billing, ManualBilling) else None

    @functools.cached_property
    def key(self) -> QueryableAttribute[Any]:
        """The user model's primary key."""
        return key_of(self.users.model)

    @functools.cached_property
    def bind(self) -> dict[str, Any]:
        """What leads each statement to the database of the users (``bind_arguments``)."""
        return {"mapper": mapper_of(self.users.model)}

    @functools.cached_property
    def own_columns(self) -> dict[Column, Expression]:
        """The columns that the host has added, and what is read for them."""
        return {column: column.value for column in self.columns if column.value is not None}

    @functools.cached_property
    def searched(self) -> tuple[Expression, ...]:
        """What the search looks in."""
        own = (value for column, value in self.own_columns.items() if column.search)
        return (self.users.username, self.users.email, *own)

    @functools.cached_property
    def statuses(self) -> tuple[str, ...]:
        """The statuses that users of this host can have."""
        pending = () if self.users.status.pending is None else ("pending",)
        return ("active", *pending, "inactive", "blocked")

    @functools.cached_property
    def blocked_by_plugin(self) -> Predicate:
        """When a block of the plugin's own is in force."""
        state = self.tables.state.c
        return state.blocked_at.is_not(None) & (
            state.blocked_until.is_(None) | (state.blocked_until > NOW)
        )

    def select(self, *columns: Any) -> sa.Select[Any]:
        """Read users of all platforms with their membership and their state."""
        return self._everybody.add_columns(*columns)

    @functools.cached_property
    def _everybody(self) -> sa.Select[Any]:
        state = self.tables.state
        statement: sa.Select[Any] = sa.select().select_from(self.users.model)
        for target, on in self.users.join:
            statement = statement.join(target, on)
        own = (state.c.platform_key == self.users.platform) & (state.c.user_key == self.key)
        return statement.outerjoin(state, own)

    def is_among(self, population: Population) -> Predicate:
        """Say when a user is one of a population."""
        state = self.tables.state.c
        if population == "present":
            return self._present
        return state.purge_at > NOW if population == "deleted" else state.purge_at <= NOW

    @functools.cached_property
    def _present(self) -> Predicate:
        # Not by the joined row's NULL: of how many rows have one PostgreSQL guesses badly.
        gone = self.tables.state.alias()
        return ~sa.exists().where(
            gone.c.platform_key == self.users.platform,
            gone.c.user_key == self.key,
            gone.c.deleted_at.is_not(None),
        )

    @functools.cached_property
    def _ended(self) -> Predicate:
        """When a block of the plugin's has ended and the host's word for it was not taken back yet.

        By the clock, the status from before it counts from that moment on.
        """
        state = self.tables.state.c
        blocked = self.users.status.blocked
        if blocked is None:
            return sa.false()
        return blocked & state.status_before.is_not(None) & (state.blocked_until <= NOW)

    @functools.cached_property
    def filters(self) -> dict[str, Filter]:
        """What the list may be narrowed by, by name: ours, then the host's."""
        users = self.users
        found = [
            Filter(
                "status",
                lambda value, _platform: self._is_listed_as(value),
                choices={name: FILTER_LABELS[name] for name in (*self.statuses, "deleted")},
                label=lazy("Status"),
            )
        ]
        if users.role is not None:
            found.append(
                Filter("role", lambda value, _platform: self.has_role(value), label=lazy("Role"))
            )
        if self.channels:
            kinds = {count.name: count for count in self.channels}
            found.append(
                Filter(
                    "channel",
                    lambda value, platform: self.has_any(kinds[value], platform),
                    choices={name: count.title for name, count in kinds.items()},
                    label=lazy("Channel"),
                )
            )
        if users.last_login is not None:
            found.append(Filter("signed_in", users.last_login, label=lazy("Signed in")))
        if users.created is not None:
            found.append(Filter("created", users.created, label=lazy("Created")))
        if isinstance(self.billing, SearchedBilling):
            test = self.billing.plan_test(users.model)
            if test is not None:
                found.append(Filter("plan", test, label=lazy("Plan")))
        until = self.tables.state.c.blocked_until
        found.append(Filter("block_ends", until, label=lazy("Block ends"), ahead=True))
        asked = [card.filter for card in self.own_cards if card.filter is not None]
        return {each.name: each for each in (*found, *self.own_filters, *asked)}

    @functools.cached_property
    def own_cards(self) -> tuple[Card, ...]:
        """The host's own cards."""
        return tuple(card for card in self.cards if isinstance(card, Card))

    def _is_listed_as(self, wanted: str) -> Predicate:
        """Say when a user is listed under a status: as on its card, the blocked are inactive."""
        if wanted == "deleted":  # these are asked for by the population
            return sa.true()
        if wanted == "inactive":
            return self.has_status("inactive") | self.has_status("blocked")
        return self.has_status(wanted)

    @functools.cached_property
    def _host_order(self) -> list[tuple[str, Predicate]]:
        """The host's predicates in order of precedence; the first that holds is the status."""
        names = ("blocked", "inactive", "pending", "active")
        order = [(name, getattr(self.users.status, name)) for name in names]
        return [(name, predicate) for name, predicate in order if predicate is not None]

    @functools.cached_property
    def status(self) -> sa.ColumnElement[str]:
        """The one status of a user, by the precedence that ``Status`` documents."""
        return sa.case(
            (self.blocked_by_plugin, "blocked"),
            (self._ended, self.tables.state.c.status_before),
            *((predicate, name) for name, predicate in self._host_order),
            else_="inactive",
        )

    def status_on(self, record: Any) -> str | None:
        """Return the host's own status of a loaded row, None where the row alone cannot tell.

        It knows nothing of what the plugin keeps beside the row.
        """
        kept = self.users.status.kept_in
        parent = getattr(kept and kept.column, "parent", None)
        if kept is None or parent is None or not isinstance(record, parent.entity):
            return None
        value = getattr(record, getattr(kept.column, "key", ""))
        found = [name for name, words in kept.words.items() if value in words]
        return found[0] if len(found) == 1 else None

    def has_status(self, wanted: str) -> Predicate:
        """Say when a user has a status, with the host's own predicate, which its indexes serve.

        It agrees with ``status`` for every row, also where predicates overlap or are NULL.
        """
        before: list[Predicate] = []
        held: list[Predicate] = []
        for name, predicate in self._host_order:
            if name == wanted:
                held.append(sa.and_(predicate, *before))
            before.append(predicate.is_not(sa.true()))
        if wanted == "inactive":
            held.append(sa.and_(*before))
        by_host = sa.or_(sa.false(), *held)
        if self.users.status.blocked is not None:
            again = self._ended & (self.tables.state.c.status_before == wanted)
            by_host = again | (by_host & self._ended.is_not(sa.true()))
        if wanted == "blocked":
            return self.blocked_by_plugin | by_host
        return by_host & self.blocked_by_plugin.is_not(sa.true())

    @functools.cached_property
    def sort_names(self) -> tuple[str, ...]:
        """The names of all orders that this host could have."""
        channels = sa.literal(0) if self.channels else None
        return tuple(sort.name for sort in self.sorts(channels))

    @functools.cached_property
    def writable(self) -> tuple[str, ...]:
        """The statuses that can be written to the host's model."""
        status = self.users.status
        if status.kept_in is not None:
            return tuple(name for name in STATUSES if name in status.kept_in.words)
        if status.write is None:
            return ()
        given = STATUSES if status.writes is None else status.writes
        return tuple(name for name in given if getattr(status, name) is not None)

    def sorts(self, channels: Expression | None) -> list[Sort]:
        """Return every order this host could have; ``channels`` is a user's total of them."""
        users = self.users
        found = []
        if users.created is not None:
            found.append(self._sort("created", users.created, descending=True))
        found.append(self._sort("contact", users.username))
        if users.last_login is not None:
            found.append(self._sort("last_login", users.last_login, descending=True))
        found.append(Sort("status", self.status))
        if channels is not None:
            found.append(Sort("channels", channels, descending=True))
        for column, value in self.own_columns.items():
            if column.sort:
                latest_first = python_type(value) in {date, datetime}
                found.append(self._sort(column.name, value, descending=latest_first))
        return found

    def _sort(self, name: str, value: Expression, *, descending: bool = False) -> Sort:
        nullable = bool(getattr(clause(value), "nullable", True))
        indexed = is_indexed(self.users.platform, value)
        if isinstance(clause(value).type, sa.Enum):  # a cursor carries no member of one
            value, indexed = sa.cast(value, sa.String(255)), False
        elif is_text(value) and not indexed:
            value = sa.func.lower(value, type_=sa.String)
        return Sort(name, value, nullable, descending, indexed)

    @functools.cached_property
    def roles(self) -> sa.ColumnElement[Any] | None:
        """A user's role; where there may be many, all of them as one string."""
        role = self.users.role
        if not isinstance(role, Many):
            return None if role is None else clause(role)
        column = clause(role.column)
        text = sa.cast(column, sa.String(255)) if isinstance(column.type, sa.Enum) else column
        owner = aliased(self.users.model)
        return (
            sa.select(sa.func.aggregate_strings(text, SEPARATOR))
            .select_from(owner)
            .join(getattr(owner, role.through.key))
            .where(getattr(owner, self.key.key) == self.key)
            .scalar_subquery()
        )

    def has_role(self, wanted: str) -> Predicate:
        """Say when a user has a role, given as the word that the page shows."""
        role = self.users.role
        if role is None:
            return sa.false()
        column = clause(role.column if isinstance(role, Many) else role)
        values = [v for v in known_words(column) or [wanted] if word(v) == wanted]
        holds = column.in_(values) if values else sa.false()
        return role.through.any(holds) if isinstance(role, Many) else holds

    def count(self, count: Count, platform: Any) -> sa.ColumnElement[int]:
        """Return how many a user has, as an expression for a statement that reads users."""
        if is_counter(self.users, count):
            return sa.func.coalesce(count.column, 0)
        return self._owned(count, platform, sa.func.count()).scalar_subquery()

    def has_any(self, count: Count, platform: Any) -> Predicate:
        """Say when a user has at least one."""
        if is_counter(self.users, count):
            return clause(count.column) > 0
        return self._owned(count, platform, sa.literal(1)).exists()

    def _owned(self, count: Count, platform: Any, column: Any) -> sa.Select[Any]:
        target = target_of(self.users, count.column)
        rows = sa.select(column).select_from(origin(count)).where(clause(count.column) == target)
        if count.platform is not None:
            rows = rows.where(clause(count.platform) == platform)
        return rows if count.where is None else rows.where(count.where)


def origin(count: Count) -> Any:
    """Return what the rows of a count are selected from."""
    parent = getattr(count.column, "parent", None)
    return clause(count.column).table if parent is None else parent.entity
