"""The panel "Inbox": one of the product's own on a user's page of Platform Users."""

from typing import Any

from sqlalchemy import func, select

from flask_platform_users import Panel
from flask_platform_users.panels import Subject

from .languages import lazily
from .models import Conversation


def conversations_of(subject: Subject) -> dict[str, Any] | None:
    """Return how much is going on in a user's inbox, and nothing of what is written there."""
    counted = select(
        func.count().label("conversations"),
        func.coalesce(func.sum(Conversation.unread), 0).label("unread"),
        func.max(Conversation.latest_at).label("latest"),
    ).where(Conversation.owner_id == subject.user.key)
    found = dict(subject.session.execute(counted).one()._mapping)
    return found if found["conversations"] else None


inbox = Panel(
    "inbox", template="_activity.html", data=conversations_of, label=lazily("Inbox"), side=True
)
