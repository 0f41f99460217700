"""What is said alike on the pages, at the command line and in the history."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from .actions import Action
from .export import HISTORY, USERS
from .formatting import stamp
from .history import Event
from .i18n import _, lazy
from .mapping import readable

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

EXPORTED = {
    USERS: lazy("{who} exported the list of users."),
    HISTORY: lazy("{who} exported the history."),
}
"""What the history says of exports."""


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
