"""What narrows the list: filters, searches and saved views, each with its address."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from flask import url_for

from ..directory import ListQuery
from ..filters import Filter
from ..i18n import _, ngettext
from ..saved_views import SavedView
from ..search import Search, Term


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
class NarrowedList:
    """The list of users, as far as it is narrowed.

    Attributes:
        vocabulary: what the list may be narrowed by, by name.
        typed: what was typed into the search box, as far as it was understood.
        wrong: what was not, in a sentence.
        text: what was typed, as it was.
        views: searches under a name, the host's.
        own_views: those that whoever looks has kept.
        arguments: the parts of the query string that are in force, without the cursor.
    """

    vocabulary: Mapping[str, Filter]
    typed: Search
    wrong: str | None
    text: str
    views: Sequence[SavedView]
    own_views: Sequence[SavedView]
    keeping: Keeping
    roles: Sequence[str]
    query: ListQuery
    arguments: dict[str, Any]

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
        arguments = self.arguments | changes
        return url_for(".list_users", **{name: value for name, value in arguments.items() if value})

    def _search_url(self, typed: str | None) -> str:
        """Return the address of the list that only what is typed narrows."""
        return self._address(**dict.fromkeys(self.vocabulary), q=typed)

    @property
    def cleared_url(self) -> str:
        """The address of the list that nothing narrows."""
        return self._search_url(None)

    @property
    def _shows_everybody(self) -> bool:
        return self.wrong is None and not self.query.narrows

    def _shows(self, search: Search | None) -> bool:
        return search is not None and self.wrong is None and self.query.is_like(search)

    @property
    def deleted(self) -> bool:
        """Whether it lists those who were deleted."""
        return self.query.population == "deleted"

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
    def tabs(self) -> list[Tab]:
        """The saved views, after the list that nothing narrows."""
        searches = [(view, view.search(self.vocabulary)) for view in (*self.views, *self.own_views)]
        found = [
            Tab(
                label=view.label,
                url=self._search_url(view.query),
                current=self._shows(search),
            )
            for view, search in searches
            if search is not None
        ]
        return [Tab(label=_("All"), url=self.cleared_url, current=self._shows_everybody), *found]

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
        return url_for(".keep_view", **self.arguments)

    @property
    def forget_url(self) -> str:
        """Where a kept view is deleted."""
        return url_for(".forget_view")
