"""The history of the platform: ``history.html``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flask import url_for

from ..actions import Action
from ..audit import OUTCOMES
from ..history import MEANT, HistoryPage


@dataclass(frozen=True, kw_only=True)
class EventsPage:
    """The history of the platform.

    Attributes:
        arguments: the filters in force, as they stand in the address.
        names: what users are called now, by their key; without those who are gone.
        actions: the mount's actions by name.
        people: what those are called who acted here.
        too_many: whether more users were meant than are shown.
        csrf: the token of the export's form; None where this person may not export.
    """

    page: HistoryPage
    arguments: dict[str, Any]
    names: Mapping[Any, str]
    actions: Mapping[str, Action]
    people: Sequence[str]
    too_many: bool
    csrf: str | None

    outcomes = OUTCOMES
    meant = MEANT

    def link(self, endpoint: str = ".show_history", **changes: Any) -> str:
        """Return an address with the same filters."""
        arguments = self.arguments | changes
        return url_for(endpoint, **{k: v for k, v in arguments.items() if v is not None})
