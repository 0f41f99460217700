"""The pages that only show: details, what was given by hand, an impersonation, the history."""

from collections.abc import Mapping
from typing import Any

from flask import abort, request
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import generate_csrf

from .actions import GrantAction
from .door import Door, asked
from .errors import NO_USER, NotFoundError
from .export import EXPORT
from .export_views import history_query, history_wanted
from .grants import GrantQuery, Grants
from .history import MEANT, History, HistoryQuery
from .i18n import _
from .pages.details import DetailsPage, fields_shown
from .pages.granted import GrantedPage
from .pages.history import EventsPage
from .pages.impersonation import ImpersonationPage
from .panels import Subject, arranged
from .schemas import GrantedSchema


class PageViews:
    """The details, what was given by hand, an impersonation, and the history."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.panels = arranged(door.extension.panels)

    def show_user(self, key: str) -> ResponseReturnValue:
        """Show one user."""
        extension = self.door.extension
        directory, user = self.door.user(key)
        try:
            usage = directory.usage(user)
        except NotFoundError:
            abort(404, NO_USER)
        history = History(directory)
        subject = Subject(
            user=user,
            directory=directory,
            actor=current_user._get_current_object(),
            usage=usage,
            notes=directory.notes(user),
            events=history.page(HistoryQuery(user=key, per_page=10)).events,
        )
        message = self.door.message(history, user)
        return self.door.render(
            "details.html",
            view=DetailsPage(
                shows=fields_shown(extension.mapping.users),
                own_columns=list(extension.mapping.own_columns),
                user=user,
                subject=subject,
                panels=[shown for panel in self.panels if (shown := panel.shown(subject))],
                actions=self.door.offered(user, self.door.allowed_actions()),
                action_names=self.door.actions,
                removes_notes=(
                    user.population == "present"
                    and "remove_note" in self.door.actions
                    and self.door.allowed("remove_note")
                ),
                message=message,
            ),
        )

    def show_granted(self) -> ResponseReturnValue:
        """Show what was given by hand."""
        directory = self.door.directory()
        if directory.mapping.by_hand is None:
            abort(404, _("Nothing is given by hand in this product."))
        wanted = asked(GrantedSchema())
        page = Grants(directory).page(GrantQuery(**wanted))
        return self.door.render(
            "granted.html",
            view=GrantedPage(
                page=page,
                arguments=_filters_in(wanted),
                names=directory.names({grant.user_key for grant in page.grants}),
                actions=[
                    action
                    for action in self.door.extension.actions
                    if isinstance(action, GrantAction) and self.door.allowed(action.name)
                ],
                now=directory.now(),
            ),
        )

    def show_impersonation(self, seq: int) -> ResponseReturnValue:
        """Show one impersonation: who, whom, why, and every page and change."""
        impersonations = self.door.impersonations
        receipt = impersonations.receipt(self.door.platform(), seq) if seq < 2**63 else None
        if receipt is None:
            abort(404, _("There is no such impersonation on this platform."))
        return self.door.render(
            "impersonation.html",
            view=ImpersonationPage(
                receipt=receipt,
                visits=impersonations.visits(receipt),
                totals=impersonations.totals(receipt),
                over=receipt.over(impersonations.now()),
            ),
        )

    def not_impersonating(self) -> ResponseReturnValue:
        """Say that there is nothing to stop; what goes on is stopped before it comes to this."""
        abort(409, _("You do not see the product as anybody else. Nothing was changed."))

    def show_history(self) -> ResponseReturnValue:
        """Show what was done on the platform."""
        directory = self.door.directory()
        wanted, history = history_wanted(), History(directory)
        people = history.people()
        query = history_query(history, wanted, people)
        page = history.page(query)
        return self.door.render(
            "history.html",
            view=EventsPage(
                page=page,
                names=directory.names({event.user_key for event in page.events}),
                arguments=_filters_in(wanted),
                actions=self.door.actions,
                people=list(dict.fromkeys(people.values())),
                csrf=generate_csrf() if self.door.allowed(EXPORT) else None,
                too_many=query.users is not None and len(query.users) > MEANT,
            ),
        )


def _filters_in(wanted: Mapping[str, Any]) -> dict[str, str]:
    """Return the filters that are in force as they stand in the address."""
    return {n: request.args[n].strip() for n in wanted if n not in {"before", "after"}}
