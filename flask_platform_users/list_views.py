"""The list of users, and what each person keeps of it: their columns, and views under a name."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flask import abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

from .actions import Action
from .columns import PREFERENCE, choose, shown, there
from .directory import Directory
from .door import Door, arguments_in, secret_keys
from .errors import CursorError, RefusedError
from .export import EXPORT
from .history import History
from .i18n import _
from .listing import listed
from .pages.list import Choosing, ListPage
from .pages.list_narrowing import Keeping
from .preferences import Preferences
from .results import Page, Summary
from .saved_views import OwnViews, SavedView, own_views, tidy
from .transaction import recover, retried


class ListViews:
    """The list's page, and its forms that leave users as they are."""

    def __init__(self, door: Door) -> None:
        self.door = door

    def list_users(self) -> ResponseReturnValue:
        """Show a page of users."""
        return self._list()

    def _list(self, *, label: str = "", fault: str | None = None) -> tuple[str, int]:
        """Show a page of users, and what was wrong with a view that was to be kept."""
        mapping, directory = self.door.extension.mapping, self.door.directory()
        wanted, wrong = self.door.list_asked()
        try:
            found = listed(directory, wanted, mount=self.door.extension.name, secrets=secret_keys())
        except CursorError:
            abort(400, _("This link to a page of the list is not valid, or not any more."))
        if wrong is not None:
            found = found.of_nobody()
        allowed = sorted(self.door.allowed_actions(), key=lambda action: action.dangerous)
        preferences = self.door.preferences().all()
        columns = there(mapping, deleted=found.query.population == "deleted")
        arguments = dict(found.filters) | {
            name: wanted[name] for name in ("sort", "direction", "per_page") if name in request.args
        }
        place = {"cursor": wanted["cursor"]} if wanted["cursor"] else {}
        page = self.door.render(
            "list.html",
            view=ListPage(
                columns=shown(columns, preferences),
                choosable=[column for column in columns if not column.fixed],
                channels=mapping.channels,
                vocabulary=self.door.filters(),
                typed=wanted["typed"],
                wrong=wrong,
                text=request.args.get("q", "").strip(),
                views=self.door.extension.views,
                own_views=own_views(preferences),
                keeping=Keeping(csrf_token=generate_csrf(), label=label, fault=fault),
                unknown_emails=directory.unknown_emails(found.query) if found.query.emails else (),
                summary=found.summary,
                growth=directory.growth(found.summary.total),
                arranged=mapping.cards,
                numbers=self._numbers(found.summary, directory.platform),
                sorts=found.sorts,
                sort=found.sort,
                roles=directory.roles(found.summary.total),
                query=found.query,
                arguments=arguments,
                page=found.page,
                choosing=self._choosing(directory, found.page, allowed, arguments | place),
                by_hand=mapping.by_hand is not None,
                actions={user.key: self.door.offered(user, allowed) for user in found.page.users},
                matches=found.matches,
                message=self.door.message(History(directory)),
                csrf=generate_csrf() if self.door.allowed(EXPORT) else None,
                csrf_token=generate_csrf(),
                previous=found.previous,
                next=found.next,
            ),
        )
        return page, 400 if wrong else 200

    def _numbers(self, summary: Summary, platform: Any) -> dict[str, int | None]:
        """Return the numbers of the host's own cards."""
        found: dict[str, int | None] = dict(summary.cards)
        for card in self.door.extension.mapping.own_cards:
            if card.predicate is None:
                try:
                    found[card.name] = card.count(platform)
                except Exception as error:
                    current_app.logger.exception("The card %r failed", card.name)
                    recover(self.door.extension.db.session, error)
                    found[card.name] = None
        return found

    def _choosing(
        self,
        directory: Directory,
        page: Page,
        allowed: Sequence[Action],
        arguments: Mapping[str, Any],
    ) -> Choosing | None:
        """Return whom this person has chosen. At most two statements, and none for most staff."""
        actions = self.door.offered_to_many(page.users, allowed)
        if not actions and (page.users or not any(action.for_many for action in allowed)):
            return None
        jobs = self.door.extension.jobs(directory.platform)
        job = jobs.picking(self.door.actor_login_id())
        chosen = job.total if job else 0
        return Choosing(
            url=url_for(".pick", **arguments),
            chosen=chosen,
            ticked=jobs.picked(job, [user.key for user in page.users]) if job and chosen else (),
            actions=actions,
            csrf_token=generate_csrf(),
        )

    # What each person keeps of it

    def choose_columns(self) -> ResponseReturnValue:
        """Keep which columns the list shows to this person."""
        wanted, _wrong = self.door.list_asked()
        columns = there(
            self.door.extension.mapping, deleted=wanted["query"].population == "deleted"
        )
        names = request.form.getlist("column")
        if "reset" in request.form:
            self._prefer(lambda preferences: preferences.remove(PREFERENCE))
        else:
            self._prefer(lambda preferences: choose(preferences, columns, names))
        return redirect(url_for(".list_users", **arguments_in(wanted)), 303)

    def keep_view(self) -> ResponseReturnValue:
        """Keep what the list is narrowed by under a name."""
        label, wanted = tidy(request.form.get("name", "")), self.door.list_arguments()
        view = SavedView(label, wanted["query"].typed)
        try:
            self._change_views(lambda own: own.keep(view))
        except RefusedError as error:
            page, _status = self._list(label=label, fault=error.sentence)
            return page, 422
        return redirect(url_for(".list_users", **arguments_in(wanted)), 303)

    def forget_view(self) -> ResponseReturnValue:
        """Keep a view no more."""
        self._change_views(lambda own: own.forget(request.form.get("name", "")))
        return redirect(url_for(".list_users"), 303)

    def _change_views(self, change: Callable[[OwnViews], None]) -> None:
        self._prefer(lambda preferences: change(OwnViews(preferences)))

    def _prefer(self, change: Callable[[Preferences], None]) -> None:
        session = self.door.extension.db.session

        def attempt() -> None:
            session.rollback()
            change(self.door.preferences())
            session.commit()

        retried(session, attempt)
