"""Searches kept under a name: the host's for everybody, and each person's own."""

import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from .errors import RefusedError
from .filters import Filter
from .i18n import _
from .preferences import Preferences
from .search import Search, SearchError, parse

OWN = 20
"""So many views a person may keep."""

LONGEST = 40
"""So many characters their names may have."""

_NAME = "views"


@dataclass(frozen=True)
class SavedView:
    """A search under a name: ``SavedView("Never signed in", "signed-in:never")``.

    Args:
        label: what people call it.
        query: what would be typed into the search box.
    """

    label: str
    query: str

    def search(self, filters: Mapping[str, Filter]) -> Search | None:
        """Return what it searches for; None where somebody cannot ask for that."""
        try:
            return parse(self.query, {name: each.read for name, each in filters.items()})
        except SearchError:
            return None


class OwnViews:
    """The views that one person keeps. The caller commits.

    Args:
        preferences: what they prefer on their platform.
    """

    def __init__(self, preferences: Preferences) -> None:
        self._preferences = preferences

    def keep(self, view: SavedView) -> None:
        """Keep a view, in place of one of the same name.

        Raises:
            RefusedError: it has no name that can be shown, or too much would be kept.
        """
        label = view.label
        if not label or len(label) > LONGEST or not label.isprintable():
            raise RefusedError(
                _("Give the view a name of up to %(most)s characters.", most=LONGEST)
            )
        views = self._read()
        at = next((n for n, kept in enumerate(views) if kept.label == label), len(views))
        views[at : at + 1] = [view]
        if len(views) > OWN:
            raise RefusedError(
                _("You keep %(most)s views already. Delete one of them first.", most=OWN)
            )
        self._write(views)

    def forget(self, label: str) -> None:
        """Keep a view no more."""
        self._write([view for view in self._read() if view.label != label])

    def _read(self) -> list[SavedView]:
        return own_views({_NAME: self._preferences.read(_NAME)})

    def _write(self, views: Sequence[SavedView]) -> None:
        try:
            self._preferences.write(_NAME, [asdict(view) for view in views])
        except ValueError:
            raise RefusedError(
                _("This is more than can be kept. Delete a view, or search for less.")
            ) from None


def own_views(preferences: Mapping[str, Any]) -> list[SavedView]:
    """Return the views among what a person prefers, in the order they were kept."""
    return [SavedView(**kept) for kept in preferences.get(_NAME) or ()]


def tidy(label: str) -> str:
    """Return a name as it is kept."""
    return " ".join(unicodedata.normalize("NFC", label).split())
