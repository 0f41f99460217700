"""The numbers above the list: those of every product, and the host's own."""

from collections.abc import Callable, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import datetime, timedelta
from types import EllipsisType
from typing import Any, cast

import sqlalchemy as sa

from .filters import Filter
from .inspection import clause
from .mapping import Predicate, readable

WINDOW = timedelta(days=30)
"""New users are those of so long."""

STEPS = 15
"""In so many steps of the same length their trend is drawn."""


@dataclass(frozen=True, eq=False)
class Card:
    """A number above the list.

    Args:
        name: a short lower-case word, unique among the cards.
        value: a predicate of the user model: the card counts whom it holds of, in the statement
            that counts the others; or a function ``value(platform)`` that returns a number.
        label: what people call it; by default made from the name.
        icon: the meaning of an icon in the page's sprite.
        query: what a click searches for, as it would be typed. A predicate is a search of its own
            by default: ``name:yes``.
    """

    name: str
    value: Predicate | Callable[[Any], int]
    _: KW_ONLY
    label: str | None = None
    icon: str = "count"
    query: str | None = None

    @property
    def title(self) -> str:
        """The label, or one made from the name."""
        return self.label or readable(self.name)

    @property
    def predicate(self) -> sa.ColumnElement[bool] | None:
        """Whom it counts; None where a function counts something else."""
        if not isinstance(self.value, sa.SQLColumnExpression):
            return None
        return clause(self.value)

    @property
    def filter(self) -> Filter | None:
        """What its predicate adds to the search; None where a click searches for something else."""
        if self.query is not None or self.predicate is None:
            return None
        return Filter(self.name, self.predicate, label=self.label, shown=False)

    @property
    def asks(self) -> str | None:
        """What a click searches for; None if it leads nowhere."""
        if self.filter is not None:
            return self.filter.example("yes")
        return self.query

    def count(self, platform: Any) -> int:
        """Ask the host's function for the number."""
        return int(cast("Callable[[Any], int]", self.value)(platform))


Arranged = Sequence[Card | EllipsisType]
"""Cards in their order; ``...`` stands for those of every product."""


@dataclass(frozen=True, kw_only=True)
class Growth:
    """The users of the last thirty days.

    Attributes:
        steps: how many signed up in each of ``STEPS`` stretches, the latest last.
        statuses: how many of them have each status now.
    """

    steps: Sequence[int]
    statuses: dict[str, int]

    @property
    def total(self) -> int:
        """How many there are."""
        return sum(self.steps)


def edges(now: datetime) -> list[datetime]:
    """Return where the steps begin, the first of them first."""
    return [now - WINDOW + n * WINDOW / STEPS for n in range(STEPS)]
