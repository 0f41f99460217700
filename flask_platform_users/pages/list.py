"""The list of users: ``list.html``, and what it includes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for

from ..actions import Action
from ..binding import Sort
from ..columns import Column
from ..directory import MATCHES
from ..formatting import STATUS_LABELS, number
from ..i18n import _
from ..results import Page
from ..schemas import PER_PAGE
from .list_cards import CountedList
from .shared import Message

FOLD = 25
"""So many rows are there before a page is painted: few windows show more of them at once."""


@dataclass(frozen=True, kw_only=True)
class Header:
    """A column of the table; following ``url`` orders the list by it."""

    column: Column
    url: str | None = None
    direction: str | None = None


@dataclass(frozen=True, kw_only=True)
class Choosing:
    """Choosing users on the list, to do one action to all of them.

    Attributes:
        url: where the form goes.
        chosen: how many are chosen, on all pages.
        ticked: the keys of those on this page who are.
        actions: what this person may do to users like those on this page.
    """

    url: str
    chosen: int
    ticked: Collection[Any]
    actions: Sequence[Action]
    csrf_token: str

    @property
    def elsewhere(self) -> int:
        """How many are chosen on other pages."""
        return self.chosen - len(self.ticked)


@dataclass(frozen=True, kw_only=True)
class ListPage(CountedList):
    """The list of users.

    Attributes:
        columns: the columns that are shown, in order.
        choosable: the columns that this person may show or hide.
        unknown_emails: the addresses among what was typed that nobody here has.
        choosing: None where this person may do nothing to many users.
        actions: what can be done to each user, by their key.
        by_hand: whether plans and add-ons can be given by hand.
        matches: how many users the filters let through; None where that was not counted.
        message: what to say of the action that led here.
        csrf: the token of the export's form; None where this person may not export.
        csrf_token: what forms that leave users as they are are sent with.
    """

    columns: Sequence[Column]
    choosable: Sequence[Column]
    sorts: dict[str, Sort]
    sort: Sort
    page: Page
    unknown_emails: Sequence[str]
    actions: Mapping[Any, Sequence[Action]]
    choosing: Choosing | None
    by_hand: bool
    matches: int | None
    message: Message | None
    csrf: str | None
    csrf_token: str
    previous: str | None
    next: str | None

    sizes = PER_PAGE
    status_labels = STATUS_LABELS

    def header(self, column: Column) -> Header:
        """Return the head of a column, which may be sorted by."""
        sort = self.sorts.get(column.name)
        if sort is None:
            return Header(column=column)
        current = self.sort.name == sort.name
        descending = not self.query.descending if current else sort.descending
        return Header(
            column=column,
            url=self.link(sort=sort.name, direction="desc" if descending else "asc"),
            direction=("descending" if self.query.descending else "ascending") if current else None,
        )

    @property
    def fold(self) -> int | None:
        """The number of the row with which the page is painted; None where that is all of it."""
        return self.page.start + FOLD - 1 if len(self.page.users) > FOLD else None

    @property
    def range(self) -> str:
        """Which rows these are, and of how many: ``26-50 of 812``."""
        rows = f"{number(self.page.start)}–{number(self.page.end)}"
        if self.matches is None:
            return rows
        if self.matches > MATCHES:
            return _("%(rows)s of more than %(number)s", rows=rows, number=number(MATCHES))
        return _("%(rows)s of %(number)s", rows=rows, number=number(self.matches))

    @property
    def previous_url(self) -> str | None:
        """The address of the page before."""
        return self.previous and self.link(cursor=self.previous)

    @property
    def next_url(self) -> str | None:
        """The address of the page after."""
        return self.next and self.link(cursor=self.next)

    @property
    def everybody(self) -> str:
        """What choosing all of them says: ``Choose all 1,204 that match``."""
        if self.matches is None or (self.matches > MATCHES and self.query.narrows):
            return _("Choose all that match")
        if self.query.narrows:
            return _("Choose all %(number)s that match", number=number(self.matches))
        return _("Choose all %(number)s", number=number(self.matches))

    @property
    def columns_url(self) -> str:
        """Where it is sent which columns to show."""
        return url_for(".choose_columns", **self.arguments)

    @property
    def export_url(self) -> str:
        """Where the list as it is filtered and ordered is sent from as CSV."""
        return url_for(".export_users", **self.arguments)
