"""What was given by hand: ``granted.html``."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from flask import url_for

from ..actions import GrantAction
from ..grants import Grant, GrantPage
from ..i18n import lazy
from ..schemas import WITHIN


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
    arguments: dict[str, Any]
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
        return url_for(".show_granted", **(self.arguments | changes))

    def actions_on(self, grant: Grant) -> Sequence[GrantAction]:
        """Return what can be done to one: what is for good has no end to move."""
        return [action for action in self.actions if grant.ends or not action.needs_end]
