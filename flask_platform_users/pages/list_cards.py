"""The cards above the list: its users by status, the host's own numbers, and the channels."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..cards import Arranged, Card, Growth
from ..formatting import STATUS_LABELS
from ..i18n import _
from ..mapping import Count
from ..results import Summary
from ..saved_views import SavedView
from .list_narrowing import NarrowedList
from .shared import icon_of


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
class CountedList(NarrowedList):
    """The list of users, with the numbers of the platform.

    Attributes:
        growth: who signed up lately; None where that is not known.
        arranged: the cards, in order.
        numbers: those of the host's own cards; None where one could not be found out.
    """

    channels: Sequence[Count]
    summary: Summary
    growth: Growth | None
    arranged: Arranged
    numbers: Mapping[str, int | None]

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
            current=self._shows_everybody,
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

    def _own(self, card: Card) -> Figure:
        asks, value = card.asks, self.numbers[card.name]
        search = None if asks is None else SavedView("", asks).search(self.vocabulary)
        counts_users = card.predicate is not None
        return Figure(
            name=f"own-{card.name.replace('_', '-')}",
            label=card.title,
            value=value,
            icon=card.icon,
            url=None if search is None else self._search_url(asks),
            current=self._shows(search),
            share=self._share(value) if counts_users else None,
        )

    def _share(self, value: int | None) -> float | None:
        return None if value is None or not self.summary.total else value / self.summary.total

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
