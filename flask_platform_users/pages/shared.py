"""What several templates share: the message on top, and a user's address and a count's icon."""

from dataclasses import dataclass

from flask import url_for
from flask_wtf.csrf import generate_csrf

from ..mapping import Count
from ..results import UserRow

ICONS = frozenset(
    {"whatsapp", "webchat", "instagram", "team_members", "contacts", "templates", "campaigns"}
)
"""The counts that have a drawing of their own."""


@dataclass(frozen=True)
class Message:
    """What to say of the action that led here.

    Attributes:
        undo: the number of the entry that can be taken back; None if it cannot.
        icon: the drawing before it.
    """

    text: str
    undo: int | None = None
    icon: str = "done"

    @property
    def csrf_token(self) -> str:
        """What the form that takes it back is sent with."""
        token: str = generate_csrf()
        return token


def icon_of(count: Count) -> str:
    """Return the icon of a count by its meaning."""
    return count.icon or (count.name if count.name in ICONS else "count")


def url_of(user: UserRow) -> str:
    """Return the address of a user's details."""
    return url_for(".show_user", key=str(user.key))
