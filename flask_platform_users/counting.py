"""The numbers of a platform: its users, who of them is new, their channels, what one user has."""

from collections import defaultdict
from typing import Any

import sqlalchemy as sa

from .binding import origin
from .cards import Growth, edges
from .errors import NotFoundError
from .inspection import clause, is_counter, is_indexed, target_of
from .mapping import Count
from .models import as_kept
from .results import Summary, UserRow
from .statements import BOUNDED, Statements

NEWEST = 50_000
"""So many new users are counted for a trend."""


class Counting(Statements):
    """Counts what one platform has."""

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


def _number(count: Count) -> sa.ColumnElement[int]:
    return sa.func.count(1 if count.where is None else sa.case((count.where, 1)))
