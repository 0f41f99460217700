"""What the list may be narrowed by: each filter an object, of ours and of the host's alike."""

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from functools import cached_property
from typing import Any, cast

import sqlalchemy as sa

from .i18n import _, lazy
from .inspection import clause, known_words, python_type, word
from .mapping import Expression, Predicate, readable
from .models import as_kept
from .moments import bounds_of, read_moment, read_number, say_moment, span_of
from .search import SearchError, Term

YES_NO = {"yes": lazy("yes"), "no": lazy("no")}
LONGEST = 100
"""So many characters a value may have."""

_COMPARISONS = {
    "=": operator.eq,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TOLD = 12
"""So many choices are told to somebody who asked for none of them."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What a filter is asked with: the platform, the moment, and the time zone that days are of."""

    platform: Any
    now: datetime
    zone: tzinfo = UTC


Test = Callable[[str, Any], Predicate]


@dataclass(frozen=True, eq=False)
class Filter:
    """Something the list may be narrowed by, in the toolbar and as an operator of the search.

    Args:
        name: a short lower-case word, unique in the mount: ``company_size`` is asked for as
            ``company-size:large`` and as ``?company_size=large``.
        what: a predicate (asked for by ``yes`` and ``no``); a column or another expression of the
            user model, whose values, moments or numbers are asked for; or a function
            ``what(value, platform)`` that returns a predicate.
        choices: the values that may be asked for, or a mapping of them to what people call them.
            Those of an enum need not be named.
        label: what people call it; by default made from the name.
        ahead: whether its moments lie ahead: ``<7d`` is then within the next seven days.
        shown: whether the toolbar offers it. The search box takes it in any case.
    """

    name: str
    what: Expression | Test
    _: KW_ONLY
    choices: Sequence[str] | Mapping[str, str] | None = None
    label: str | None = None
    ahead: bool = False
    shown: bool = True

    @property
    def title(self) -> str:
        """The label, or one made from the name."""
        return self.label or readable(self.name)

    @property
    def operator(self) -> str:
        """How it is typed: ``company-size:``."""
        return f"{self.name.replace('_', '-')}:"

    @cached_property
    def kind(self) -> str:
        """How it is asked: by ``flag``, ``moment``, ``number``, ``choice`` or ``text``."""
        if self.choices is not None:
            return "choice"
        if self._test is not None:
            return "text"
        if known_words(self._column) is not None:
            return "choice"
        kind = python_type(self._column)
        if kind is bool:
            return "flag"
        if kind in {datetime, date}:
            return "moment"
        return "number" if kind in {int, float, Decimal} else "text"

    @cached_property
    def words(self) -> Mapping[str, str]:
        """What may be asked for, each with what people call it; empty where that is not known."""
        if isinstance(self.choices, Mapping):
            return self.choices
        if self.choices is not None:
            return {choice: choice for choice in self.choices}
        if self.kind == "flag":
            return YES_NO
        if self.kind == "choice":
            return {word(value): word(value) for value in known_words(self._column) or ()}
        return {}

    @property
    def offers(self) -> Mapping[str, str]:
        """What the toolbar offers."""
        if self.kind != "moment":
            return self.words
        values = ["<7d", "<30d"] if self.ahead else ["<7d", "<30d", ">30d", ">90d"]
        values += ["never"] * self._nullable
        return {value: _sentence_case(self.say(value)) for value in values}

    @property
    def placeholder(self) -> str:
        """What it may be asked for, where there is nothing to choose from."""
        return ">5" if self.kind == "number" else "…"

    def example(self, value: str) -> str:
        """Return how a value is typed: ``company-size:large``."""
        return str(Term(self.name, value))

    def read(self, value: str) -> str:
        """Return a value as it is kept.

        Raises:
            SearchError: it is none that can be asked for.
        """
        if self.kind == "moment":
            return read_moment(value, nullable=self._nullable)
        if self.kind == "number":
            return read_number(value)
        if not self.words:
            if len(value) > LONGEST:
                raise SearchError(_("What follows “%(name)s” is too long.", name=self.operator))
            return value
        wanted = value.casefold()
        for known, label in self.words.items():
            if wanted in {known.casefold(), str(label).casefold()}:
                return known
        choices = list(self.words)
        raise SearchError(
            _(
                "“%(value)s” is nothing that “%(name)s” can be; expected one of %(choices)s.",
                value=value,
                name=self.operator,
                choices=", ".join(choices[:_TOLD] + ["…"] * (len(choices) > _TOLD)),
            )
        )

    def say(self, value: str) -> str:
        """Return in words what a value means."""
        if self.kind == "moment":
            return say_moment(value, ahead=self.ahead)
        return str(self.words.get(value, value))

    def predicate(self, value: str, asked: Asked) -> Predicate:
        """Say of which users it holds, given a value that ``read`` returned."""
        if self._test is not None:
            return self._test(value, asked.platform)
        column = self._column
        if self.kind == "flag":
            return column if value == "yes" else column.is_not(sa.true())
        if self.kind == "moment":
            return self._within(value, asked)
        if self.kind == "number":
            bounds = bounds_of(value)
            return sa.and_(*(_COMPARISONS[sign](column, self._as(at)) for sign, at in bounds))
        values = [known for known in known_words(column) or () if word(known) == value]
        return column.in_(values) if values else column == self._as(value)

    @property
    def _test(self) -> Test | None:
        found = callable(self.what) and not isinstance(self.what, sa.SQLColumnExpression)
        return cast(Test, self.what) if found else None

    @property
    def _column(self) -> sa.ColumnElement[Any]:
        return clause(cast(Expression, self.what))

    @property
    def _nullable(self) -> bool:
        return not self.ahead and bool(getattr(self._column, "nullable", True))

    def _within(self, value: str, asked: Asked) -> Predicate:
        column = self._column
        if value in {"never", "any"}:
            return column.is_(None) if value == "never" else column.is_not(None)
        span = span_of(value, ahead=self.ahead, now=asked.now, zone=asked.zone)
        tests: list[Predicate] = []
        if span.start is not None:
            tests.append(column >= self._kept(span.start, asked.zone))
        if span.end is not None:
            tests.append(column < self._kept(span.end, asked.zone))
        return sa.and_(*tests)

    def _kept(self, moment: datetime, zone: tzinfo) -> Any:
        """Return a moment as the column keeps it."""
        if python_type(self._column) is date:
            return moment.astimezone(zone).date()
        return sa.literal(as_kept(self._column, moment), self._column.type)

    def _as(self, value: str | Decimal) -> Any:
        """Return a value as the column keeps it."""
        kind = python_type(self._column)
        if kind is int and isinstance(value, str):
            return int(value) if re.fullmatch("-?[0-9]{1,18}", value) else sa.null()
        if isinstance(value, Decimal) and kind is not Decimal:
            return int(value) if value == int(value) else float(value)
        return value


def _sentence_case(text: str) -> str:
    return text[:1].upper() + text[1:]
