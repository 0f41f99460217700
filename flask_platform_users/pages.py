"""What each template receives: one object, with everything that it shows and links to."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from flask import url_for
from flask_wtf.csrf import generate_csrf

from .actions import Action, GrantAction, Impact
from .audit import OUTCOMES
from .binding import Sort
from .cards import Arranged, Card, Growth
from .columns import Column
from .directory import MATCHES, ListQuery
from .export import HISTORY, USERS
from .filters import Filter
from .formatting import STATUS_LABELS, number, stamp
from .grants import Grant, GrantPage
from .history import MEANT, Event, HistoryPage
from .i18n import Language, _, again, lazy, ngettext
from .impersonation import Receipt, Visit
from .job_records import OPEN, WORKING, Job
from .mapping import Count, readable
from .orders import Prompt
from .panels import Shown, Subject
from .results import Page, Summary, UserDetails, UserRow
from .saved_views import SavedView
from .schemas import PER_PAGE, WITHIN
from .search import Search, Term

JOB_STATES = {
    "checking": ("pending", lazy("Being tried")),
    "ready": ("pending", lazy("Not done yet")),
    "queued": ("pending", lazy("Waiting")),
    "running": ("pending", lazy("Going on")),
    "cancelling": ("pending", lazy("Stopping")),
    "done": ("active", lazy("Done")),
    "cancelled": ("inactive", lazy("Cancelled")),
    "stopped": ("blocked", lazy("Stopped")),
}
"""The states of a job in words, each with the status whose colour and shape it has."""


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A card as it is shown; following ``url`` shows the users behind its number.

    Attributes:
        value: None where it could not be found out.
        fresh: how many of them signed up in the last thirty days; None where that is not known.
        share: which part of all users they are, from 0 to 1.
        trend: how many signed up in each of some stretches of these days, the latest last.
    """

    name: str
    label: str
    value: int | None
    icon: str
    url: str | None = None
    current: bool = False
    fresh: int | None = None
    share: float | None = None
    trend: Sequence[int] = ()


@dataclass(frozen=True, kw_only=True)
class Tab:
    """A saved view of the list, or the list that nothing narrows."""

    label: str
    url: str
    current: bool


@dataclass(frozen=True, kw_only=True)
class Keeping:
    """The form that keeps the list under a name.

    Attributes:
        label: the name that was typed.
        fault: why it was not kept, in a sentence.
    """

    csrf_token: str
    label: str = ""
    fault: str | None = None


@dataclass(frozen=True, kw_only=True)
class Header:
    """A column of the table; following ``url`` orders the list by it."""

    column: Column
    url: str | None = None
    direction: str | None = None


@dataclass(frozen=True)
class Message:
    """What to say of the action that led here.

    Attributes:
        undo: the number of the entry that can be taken back; None if it cannot.
    """

    text: str
    undo: int | None = None

    @property
    def csrf_token(self) -> str:
        """What the form that takes it back is sent with."""
        token: str = generate_csrf()
        return token


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
class ListPage:
    """The list of users.

    Attributes:
        vocabulary: what the list may be narrowed by, by name.
        typed: what was typed into the search box, as far as it was understood.
        wrong: what was not, in a sentence.
        text: what was typed, as it was.
        views: searches under a name, the host's.
        own_views: those that whoever looks has kept.
        growth: who signed up lately; None where that is not known.
        arranged: the cards, in order.
        numbers: those of the host's own cards; None where one could not be found out.
        unknown_emails: the addresses among it that nobody here has.
        columns: the columns that are shown, in order.
        choosable: the columns that this person may show or hide.
        choosing: None where this person may do nothing to many users.
        actions: what can be done to each user, by their key.
        by_hand: whether plans and add-ons can be given by hand.
        arguments: the parts of the query string that are in force, without the cursor.
        matches: how many users the filters let through; None where that was not counted.
        message: what to say of the action that led here.
        csrf: the token of the export's form; None where this person may not export.
    """

    columns: Sequence[Column]
    choosable: Sequence[Column]
    channels: Sequence[Count]
    vocabulary: Mapping[str, Filter]
    typed: Search
    wrong: str | None
    text: str
    views: Sequence[SavedView]
    own_views: Sequence[SavedView]
    keeping: Keeping
    unknown_emails: Sequence[str]
    summary: Summary
    growth: Growth | None
    arranged: Arranged
    numbers: Mapping[str, int | None]
    sorts: dict[str, Sort]
    sort: Sort
    roles: Sequence[str]
    query: ListQuery
    arguments: dict[str, str]
    page: Page
    actions: Mapping[Any, Sequence[Action]]
    choosing: Choosing | None
    by_hand: bool
    matches: int | None
    message: Message | None
    csrf: str | None
    previous: str | None
    next: str | None

    sizes = PER_PAGE
    status_labels = STATUS_LABELS

    def link(self, **changes: str | None) -> str:
        """Return the address of the list with some arguments changed, from its first page.

        What is asked of a filter takes the place of what was typed for it.
        """
        typed = self.typed
        for name in changes:
            typed = typed.without(name)
        if typed != self.typed:
            changes = {"q": typed.typed, **changes}
        return self._address(**changes)

    def _address(self, **changes: str | None) -> str:
        arguments: dict[str, str | None] = {**self.arguments, **changes}
        kept: dict[str, Any] = {name: value for name, value in arguments.items() if value}
        return url_for(".list_users", **kept)

    @property
    def export_url(self) -> str:
        """Where the list as it is filtered and ordered is sent from as CSV."""
        arguments: dict[str, Any] = self.arguments
        return url_for(".export_users", **arguments)

    @property
    def columns_url(self) -> str:
        """Where it is sent which columns to show."""
        arguments: dict[str, Any] = self.arguments
        return url_for(".choose_columns", **arguments)

    @property
    def csrf_token(self) -> str:
        """What forms that leave users as they are are sent with."""
        token: str = generate_csrf()
        return token

    @property
    def previous_url(self) -> str | None:
        """The address of the page before."""
        return self.previous and self.link(cursor=self.previous)

    @property
    def next_url(self) -> str | None:
        """The address of the page after."""
        return self.next and self.link(cursor=self.next)

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
    def cards(self) -> list[Figure]:
        """The numbers above the list: users by status, and the host's own."""
        found: list[Figure] = []
        for card in self.arranged:
            found += [self._own(card)] if isinstance(card, Card) else self._by_status()
        return found

    def _by_status(self) -> list[Figure]:
        summary, growth = self.summary, self.growth
        total = Figure(
            name="total",
            label=_("Total users"),
            value=summary.total,
            icon="total",
            url=self.cleared_url,
            current=not self.query.narrows and self.wrong is None,
            fresh=None if growth is None else growth.total,
            trend=() if growth is None else growth.steps,
        )
        values = {"active": summary.active, "inactive": summary.inactive}
        if "pending" in self.vocabulary["status"].words:
            values["pending"] = summary.pending
        return [total, *(self._of_status(name, value) for name, value in values.items())]

    def _of_status(self, status: str, value: int) -> Figure:
        fresh = None
        if self.growth is not None:
            together = ("inactive", "blocked") if status == "inactive" else (status,)
            fresh = sum(self.growth.statuses.get(name, 0) for name in together)
        return Figure(
            name=status,
            label=STATUS_LABELS[status],
            value=value,
            icon=status,
            url=self.link(status=status),
            current=self.query.value("status") == status,
            fresh=fresh,
            share=self._share(value),
        )

    def _share(self, value: int | None) -> float | None:
        return None if value is None or not self.summary.total else value / self.summary.total

    def _own(self, card: Card) -> Figure:
        asks, value = card.asks, self.numbers[card.name]
        search = None if asks is None else SavedView("", asks).search(self.vocabulary)
        counts_users = card.predicate is not None
        return Figure(
            name=f"own-{card.name.replace('_', '-')}",
            label=card.title,
            value=value,
            icon=card.icon,
            url=None if search is None else self._address(**dict.fromkeys(self.vocabulary), q=asks),
            current=self._shows(search),
            share=self._share(value) if counts_users else None,
        )

    @property
    def channel_cards(self) -> list[Figure]:
        """The numbers of channels by kind, and of all of them."""
        found = [
            Figure(
                name=count.name,
                label=count.title,
                value=self.summary.channels[count.name],
                icon=icon_of(count),
                url=self.link(channel=count.name),
                current=self.query.value("channel") == count.name,
            )
            for count in self.channels
        ]
        if found:
            total = self.summary.total_channels
            label = _("Total channels")
            found.append(Figure(name="channels", label=label, value=total, icon="channels"))
        return found

    @property
    def channel_parts(self) -> list[tuple[str, int]]:
        """The kinds of channel with their numbers, for the bar of all channels."""
        return [(count.title, self.summary.channels[count.name]) for count in self.channels]

    @property
    def filters(self) -> list[tuple[str, str]]:
        """What narrows the list, in words, each with the address that drops it."""
        found = [
            (self._said(term), self._address(**self._dropped(term))) for term in self.query.terms
        ]
        typed, emails = self.typed, len(self.typed.emails)
        if emails:
            label = ngettext("%(num)s email address", "%(num)s email addresses", emails)
            found.append((label, self._address(q=replace(typed, emails=()).typed)))
        if typed.words:
            label = _("“%(words)s”", words=typed.words)
            found.append((label, self._address(q=replace(typed, words="").typed)))
        return found

    def _said(self, term: Term) -> str:
        asked = self.vocabulary[term.name]
        return _("%(filter)s: %(value)s", filter=asked.title, value=asked.say(term.value))

    def _dropped(self, term: Term) -> dict[str, str | None]:
        """Return the arguments without an operator, whether it was typed or chosen."""
        terms = tuple(other for other in self.typed.terms if other != term)
        changes: dict[str, str | None] = {"q": replace(self.typed, terms=terms).typed}
        chosen = self.arguments.get(term.name)
        if chosen and self.vocabulary[term.name].read(chosen) == term.value:
            changes[term.name] = None
        return changes

    @property
    def tabs(self) -> list[Tab]:
        """The saved views, after the list that nothing narrows."""
        searches = [(view, view.search(self.vocabulary)) for view in (*self.views, *self.own_views)]
        found = [
            Tab(
                label=view.label,
                url=self._address(**dict.fromkeys(self.vocabulary), q=view.query),
                current=self._shows(search),
            )
            for view, search in searches
            if search is not None
        ]
        everybody = not self.query.narrows and self.wrong is None
        return [Tab(label=_("All"), url=self.cleared_url, current=everybody), *found]

    def _shows(self, search: Search | None) -> bool:
        return search is not None and self.wrong is None and self.query.is_like(search)

    @property
    def own_view(self) -> SavedView | None:
        """The view that is shown, if whoever looks has kept it."""
        shown = (view for view in self.own_views if self._shows(view.search(self.vocabulary)))
        return next(shown, None)

    @property
    def can_be_kept(self) -> bool:
        """Whether the list is narrowed in a way that no view is."""
        known = any(tab.current for tab in self.tabs)
        return self.keeping.fault is not None or (self.query.narrows and not known)

    @property
    def keep_url(self) -> str:
        """Where the list is kept under a name."""
        arguments: dict[str, Any] = self.arguments
        return url_for(".keep_view", **arguments)

    @property
    def forget_url(self) -> str:
        """Where a kept view is deleted."""
        return url_for(".forget_view")

    @property
    def offered(self) -> list[Filter]:
        """The filters of the toolbar."""
        return [each for each in self.vocabulary.values() if each.shown and self._is_useful(each)]

    def _is_useful(self, asked: Filter) -> bool:
        """Whether it offers anything; roles may be too many to be looked up."""
        return asked.name != "role" or bool(self.roles or self.arguments.get("role"))

    def offers(self, asked: Filter) -> dict[str, str]:
        """Return what a filter of the toolbar can be set to."""
        found = dict(asked.offers)
        if asked.name == "role":
            found = {role: role for role in self.roles}
        chosen = self.arguments.get(asked.name)
        if chosen and (found or asked.name == "role") and chosen not in found:
            found[chosen] = asked.say(asked.read(chosen))
        return found

    def example(self, asked: Filter) -> str:
        """Return how a filter may be typed."""
        return asked.example(next(iter(self.offers(asked)), asked.placeholder))

    @property
    def more_used(self) -> int:
        """How many filters are set that the toolbar does not show at once."""
        return sum(bool(self.arguments.get(each.name)) for each in self.offered[3:])

    @property
    def cleared_url(self) -> str:
        """The address of the list that nothing narrows."""
        return self._address(q=None, **dict.fromkeys(self.vocabulary))

    @property
    def everybody(self) -> str:
        """What choosing all of them says: ``Choose all 1,204 that match``."""
        if self.matches is None or (self.matches > MATCHES and self.query.narrows):
            return _("Choose all that match")
        if self.query.narrows:
            return _("Choose all %(number)s that match", number=number(self.matches))
        return _("Choose all %(number)s", number=number(self.matches))

    @property
    def deleted(self) -> bool:
        """Whether it lists those who were deleted."""
        return self.query.population == "deleted"

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


@dataclass(frozen=True, kw_only=True)
class DetailsPage:
    """One user.

    Attributes:
        own_columns: the columns that the host has added to the list.
        subject: what the panels are made from.
        panels: the sections, in order.
        actions: what can be done to the user.
        action_names: all of the mount's actions by name.
        removes_notes: whether this person may take a note back.
        message: what to say of the action that led here.
    """

    shows: frozenset[str]
    own_columns: Sequence[Column]
    user: UserDetails
    subject: Subject
    panels: Sequence[Shown]
    actions: Sequence[Action]
    action_names: Mapping[str, Action]
    removes_notes: bool
    message: Message | None

    status_labels = STATUS_LABELS

    @property
    def side(self) -> list[Shown]:
        """The panels of the narrow column."""
        return [shown for shown in self.panels if shown.panel.side]

    @property
    def main(self) -> list[Shown]:
        """The panels of the wide column."""
        return [shown for shown in self.panels if not shown.panel.side]

    def actions_of(self, weight: str) -> list[Action]:
        """Return those of the actions that have a weight, see ``Action.weight``."""
        return [action for action in self.actions if action.weight == weight]


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What a user will read, as they will read it.

    Attributes:
        html: the markup of the partial ``_turned_away.html``.
        language: the one it is in.
    """

    html: str
    language: Language


@dataclass(frozen=True, kw_only=True)
class ActionPage:
    """The form of an action.

    Attributes:
        prompt: the user, the form, the question and the impact.
        error: why it was not done when it was sent; None before that.
        hidden: the fields that go along.
        button: what the button says.
        foreseen: what the user will read once it is done; None where they stay signed in.
    """

    action: Action
    prompt: Prompt
    error: str | None
    hidden: Mapping[str, str]
    button: str
    foreseen: Foreseen | None

    @property
    def foresees(self) -> bool:
        """Whether the action says how the user will stand."""
        return self.action.foresees

    @property
    def leads_away(self) -> bool:
        """Whether the action itself answers, with a page that need not be ours."""
        return type(self.action).answer is not Action.answer


@dataclass(frozen=True, kw_only=True)
class GrantedPage:
    """What was given by hand on the platform, by its end.

    Attributes:
        arguments: the filters in force, as they stand in the address.
        names: what users are called, by their key; without those who are gone.
        actions: what this person may do to a grant.
        now: what is to come begins after this moment.
    """

    page: GrantPage
    arguments: dict[str, str]
    names: Mapping[Any, str]
    actions: Sequence[GrantAction]
    now: datetime

    kinds: ClassVar[Mapping[str, str]] = {
        "plan": lazy("Plans"),
        "add_on": lazy("Add-ons"),
    }
    within = WITHIN

    def link(self, **changes: str) -> str:
        """Return an address with the same filters."""
        arguments: dict[str, Any] = self.arguments | changes
        return url_for(".show_granted", **arguments)

    def actions_on(self, grant: Grant) -> Sequence[GrantAction]:
        """Return what can be done to one: what is for good has no end to move."""
        return [action for action in self.actions if grant.ends or not action.needs_end]


@dataclass(frozen=True, kw_only=True)
class ManyPage:
    """The form of an action for many users.

    Attributes:
        each: whether those who cannot be done are left out; otherwise nobody is done.
        form: the action's, as the first user that it can be asked for has it.
        error: why it was not tried when it was sent.
        may_be_together: whether they are few enough to be done all or none.
    """

    action: Action
    job: Job
    form: Any
    error: str | None
    may_be_together: bool
    each: bool
    csrf_token: str


@dataclass(frozen=True, kw_only=True)
class JobPage:
    """A job: what it would do, how far it is, or what it did.

    Attributes:
        action: None if the mount has it no more.
        mine: whether whoever looks ordered it.
        outcomes: how many would change, or changed; are so already; and are left out.
        reasons: why users are left out, the commonest first, each with their number.
    """

    job: Job
    action: Action | None
    mine: bool
    outcomes: Mapping[str, int]
    reasons: Sequence[tuple[str, int]]
    csrf_token: str

    states = JOB_STATES

    @property
    def label(self) -> str:
        """What was ordered."""
        return self.action.label if self.action else self.job.action

    @property
    def impact(self) -> list[Impact]:
        """What it means, summed over all who change."""
        return [replace(line, what=again(line.what)) for line in self.job.impact]

    @property
    def undo(self) -> int | None:
        """The number of the entry that can be taken back; None if there is nothing to."""
        changed = self.job.over and self.outcomes["done"]
        reversible = self.action is not None and self.action.reversible
        return self.job.seq if self.mine and changed and reversible else None

    @property
    def tried(self) -> bool:
        """Whether nothing was done yet, so that it tells what would become of the users."""
        return self.job.state in OPEN

    @property
    def waits(self) -> bool:
        """Whether it changes by itself."""
        return self.job.state == "checking" or self.job.state in WORKING

    @property
    def come_to(self) -> int:
        """How many users it has come to so far."""
        return sum(self.outcomes.values())

    @property
    def all_or_nothing(self) -> bool:
        """Whether nobody can be done, because somebody cannot and all were to be together."""
        return self.job.state == "ready" and self.job.together and self.outcomes["left"] > 0

    @property
    def others(self) -> int:
        """How many users are left out for reasons that are not among those told."""
        return self.outcomes["left"] - sum(number for _, number in self.reasons)


@dataclass(frozen=True, kw_only=True)
class JobsPage:
    """The latest jobs of the platform."""

    jobs: Sequence[Job]
    actions: Mapping[str, Action]

    states = JOB_STATES


@dataclass(frozen=True, kw_only=True)
class ImpersonationPage:
    """One impersonation.

    Attributes:
        visits: the requests that are listed, in order.
        totals: numbers of the receipt, by their labels.
        over: whether it has ended.
    """

    receipt: Receipt
    visits: Sequence[Visit]
    totals: Mapping[str, int]
    over: bool


@dataclass(frozen=True, kw_only=True)
class EventsPage:
    """The history of the platform.

    Attributes:
        arguments: the filters in force, as they stand in the address.
        actions: the mount's actions by name.
        people: what those are called who acted here.
        too_many: whether more users were meant than are shown.
        csrf: the token of the export's form; None where this person may not export.
    """

    page: HistoryPage
    arguments: dict[str, str]
    actions: Mapping[str, Action]
    people: Sequence[str]
    too_many: bool
    csrf: str | None

    outcomes = OUTCOMES
    meant = MEANT

    def link(self, endpoint: str = ".show_history", **changes: Any) -> str:
        """Return an address with the same filters."""
        arguments: dict[str, Any] = self.arguments | changes
        return url_for(endpoint, **{k: v for k, v in arguments.items() if v is not None})


EXPORTED = {
    USERS: lazy("{who} exported the list of users."),
    HISTORY: lazy("{who} exported the history."),
}
"""What the history says of exports."""


def form_words(form: Any) -> list[str]:
    """Return what was filled into a form, a line for each field that says something."""
    return [
        _("%(field)s: %(text)s", field=field.label.text, text=text)
        for field in form or ()
        if field.name != "confirm" and (text := _filled_in(field))
    ]


def _filled_in(field: Any) -> str:
    if hasattr(field, "iter_choices"):
        chosen = [choice[1] for choice in field.iter_choices() if choice[2]]
        return ", ".join(map(str, chosen))
    if isinstance(field.data, datetime):
        return stamp(field.data)
    if isinstance(field.data, bool):
        return _("yes") if field.data else ""
    return "" if field.data is None else " ".join(str(field.data).split())


def sentence(event: Event, actions: Mapping[str, Action]) -> str:
    """Return what happened, in a sentence."""
    who = event.actor_name or (
        _("Person %(key)s", key=event.actor) if event.actor else _("The system")
    )
    user = event.user_name or (
        "" if event.user_key is None else _("user %(key)s", key=event.user_key)
    )
    action = actions.get(event.action)
    label = action.label if action else readable(event.action)
    values = {"who": who, "action": label, "user": user}
    if event.outcome == "refused":
        if user:
            return _("%(who)s tried “%(action)s” on %(user)s, which was refused.", **values)
        return _("%(who)s tried “%(action)s”, which was refused.", **values)
    if event.outcome == "failed":
        if user:
            return _("%(who)s tried “%(action)s” on %(user)s, which failed.", **values)
        return _("%(who)s tried “%(action)s”, which failed.", **values)
    said = EXPORTED.get(event.action) or (action.done if action else "")
    if "{who}" in said:
        return said.format(who=who, user=user)
    if said:
        return _("%(who)s %(did)s.", who=who, did=said.format(user=user))
    if user:
        return _("%(who)s did “%(action)s” to %(user)s.", **values)
    return _("%(who)s did “%(action)s”.", **values)


ICONS = frozenset(
    {"whatsapp", "webchat", "instagram", "team_members", "contacts", "templates", "campaigns"}
)
"""The counts that have a drawing of their own."""


def icon_of(count: Count) -> str:
    """Return the icon of a count by its meaning."""
    return count.icon or (count.name if count.name in ICONS else "count")


def url_of(user: UserRow) -> str:
    """Return the address of a user's details."""
    return url_for(".show_user", key=str(user.key))


def fields_shown(users: Any) -> frozenset[str]:
    """Return which of the optional fields a host maps."""
    optional = ("phone", "role", "last_login", "created")
    return frozenset(name for name in optional if getattr(users, name) is not None)
