"""What every statement on a platform's users is made from."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, Self

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError, StatementError
from sqlalchemy.orm import Session, scoped_session

from .arrays import one_of
from .binding import NOW, Mapping
from .inspection import clause, parse_key, python_type
from .mapping import Expression, Predicate
from .results import Population

BOUNDED = 10_000
"""Platforms up to this size may be sorted, and roles looked up, by reading all their users."""


@dataclass(frozen=True)
class Statements:
    """One platform, and how its users are read.

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

    def among(self, population: Population) -> Self:
        """Return what reads another population of the same platform."""
        return replace(self, population=population)

    @property
    def moment(self) -> dict[str, datetime]:
        """What statements on users have to be executed with: the present moment."""
        return {NOW.key: self.now()}

    def parse(self, key: str) -> Any:
        """Return the value that a key's text stands for; None where no key is spelled like that."""
        return parse_key(key, python_type(self.mapping.key))

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

    def _users(self, *columns: Any) -> sa.Select[Any]:
        """Start every statement on users of this platform and population."""
        return self._everyone(*columns).where(self.mapping.is_among(self.population))

    def _everyone(self, *columns: Any) -> sa.Select[Any]:
        """Read users with their membership and their state, also those who were deleted."""
        platform = clause(self.mapping.users.platform)
        return self.mapping.select(*columns).where(platform == self.platform)

    def _execute(self, statement: sa.Select[Any]) -> sa.Result[Any]:
        with self.session.no_autoflush:
            return self.session.execute(statement, self.moment, bind_arguments=self.mapping.bind)

    def _find(self, statement: sa.Select[Any], keys: Collection[str]) -> Sequence[sa.Row[Any]]:
        """Look users up. A key that cannot be one costs the same statement as one that is not."""
        try:
            return self._execute(statement.where(self.holds(self.mapping.key, *keys))).all()
        except DBAPIError:
            raise
        except StatementError:  # the host's own type refused the value before it was sent
            return self._execute(statement.where(sa.false())).all()
