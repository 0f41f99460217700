"""One user: ``details.html``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..actions import Action
from ..columns import Column
from ..formatting import STATUS_LABELS
from ..panels import Shown, Subject
from ..results import UserDetails
from .shared import Message


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


def fields_shown(users: Any) -> frozenset[str]:
    """Return which of the optional fields a host maps."""
    optional = ("phone", "role", "last_login", "created")
    return frozenset(name for name in optional if getattr(users, name) is not None)
