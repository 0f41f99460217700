"""The pages: a thin door from requests to the directory, and from its answers to templates."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy.exc
from flask import Blueprint, Response, abort, current_app, redirect, request, url_for
from flask.typing import ResponseReturnValue
from flask_login import current_user
from flask_wtf.csrf import generate_csrf
from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, PrefixLoader
from werkzeug.exceptions import HTTPException

from .action_views import ActionViews
from .actions import Action, GrantAction
from .audit import Keys
from .columns import PREFERENCE, choose, shown, there
from .directory import Directory
from .door import ROOT, Door, arguments_in, asked, harden, secret_keys
from .errors import NO_USER, CursorError, NotFoundError, RefusedError
from .export import EXPORT
from .export_views import ExportViews, history_query, history_wanted
from .files import send
from .grants import GrantQuery, Grants
from .history import MEANT, History, HistoryQuery
from .i18n import _
from .listing import listed
from .many_views import ManyViews
from .overlay_views import OverlayViews
from .pages.details import DetailsPage, fields_shown
from .pages.granted import GrantedPage
from .pages.history import EventsPage
from .pages.impersonation import ImpersonationPage
from .pages.list import Choosing, ListPage
from .pages.list_narrowing import Keeping
from .pages.shared import Message
from .panels import Subject, arranged
from .preferences import Preferences
from .results import Page, Summary, UserDetails
from .saved_views import OwnViews, SavedView, own_views, tidy
from .schemas import GrantedSchema
from .sessions import Sessions
from .settings import Settings
from .transaction import recover, retried
from .wording import sentence

if TYPE_CHECKING:
    from .extension import PlatformUsers

TEMPLATES = ROOT / "templates"


class _Blueprint(Blueprint):
    """Also offers the originals below ``@platform_users/``, for overrides that extend them."""

    @functools.cached_property
    def jinja_loader(self) -> BaseLoader:
        originals = FileSystemLoader(TEMPLATES / "platform_users")
        return ChoiceLoader(
            [FileSystemLoader(TEMPLATES), PrefixLoader({"@platform_users": originals})]
        )

    def send_static_file(self, filename: str) -> Response:
        """Send a file of ours."""
        return send(filename)


def build_blueprint(
    extension: "PlatformUsers", settings: Settings, keys: Keys, sessions: Sessions
) -> Blueprint:
    """Return the blueprint of one mount on one app."""
    blueprint = _Blueprint(
        extension.name, __name__, static_folder="static", static_url_path="/static"
    )
    door = Door(extension, settings, keys)
    pages, actions = PageViews(door), ActionViews(door, sessions)
    blueprint.before_request(door.require_owner)
    blueprint.record_once(lambda state: harden(state.app, extension.name))
    blueprint.context_processor(door.context)
    blueprint.register_error_handler(HTTPException, door.refuse)
    blueprint.register_error_handler(RefusedError, door.refuse_order)
    blueprint.register_error_handler(sqlalchemy.exc.SQLAlchemyError, door.fail)
    blueprint.add_url_rule("/", "list_users", pages.list_users)
    blueprint.add_url_rule("/columns", "choose_columns", pages.choose_columns, methods=["POST"])
    blueprint.add_url_rule("/views", "keep_view", pages.keep_view, methods=["POST"])
    blueprint.add_url_rule("/views/delete", "forget_view", pages.forget_view, methods=["POST"])
    blueprint.add_url_rule("/id/<path:key>", "show_user", pages.show_user)
    blueprint.add_url_rule("/do/<name>/<path:key>", "act", actions.act, methods=["GET", "POST"])
    blueprint.add_url_rule("/undo/<int:seq>", "undo", actions.undo, methods=["POST"])
    blueprint.add_url_rule("/granted", "show_granted", pages.show_granted)
    many = ManyViews(door, sessions)
    blueprint.add_url_rule("/many", "pick", many.pick, methods=["POST"])
    blueprint.add_url_rule(
        "/many/<job_id>/<name>", "ask_many", many.ask_many, methods=["GET", "POST"]
    )
    blueprint.add_url_rule("/jobs", "list_jobs", many.list_jobs)
    blueprint.add_url_rule("/jobs/<job_id>", "show_job", many.show_job)
    blueprint.add_url_rule("/jobs/<job_id>/do", "do_job", many.do_job, methods=["POST"])
    blueprint.add_url_rule("/jobs/<job_id>/cancel", "cancel_job", many.cancel_job, methods=["POST"])
    blueprint.add_url_rule("/jobs/<job_id>.csv", "export_job", many.export_job)
    sessions.mounts[extension.name] = OverlayViews(door, sessions)
    blueprint.add_url_rule(
        "/impersonations/<int:seq>", "show_impersonation", pages.show_impersonation
    )
    blueprint.add_url_rule(
        "/impersonations/stop", "stop_impersonation", pages.not_impersonating, methods=["POST"]
    )
    blueprint.add_url_rule(
        "/impersonations/allow", "allow_changes", pages.not_impersonating, methods=["POST"]
    )
    blueprint.add_url_rule("/history", "show_history", pages.show_history)
    exports = ExportViews(door)
    blueprint.add_url_rule("/users.csv", "export_users", exports.users, methods=["POST"])
    blueprint.add_url_rule("/history.csv", "export_history", exports.history, methods=["POST"])
    if extension.api:
        from .api.views import build_api  # it needs the extra "api"

        blueprint.register_blueprint(build_api(door, sessions))
    return blueprint


class PageViews:
    """The list, the details, what was given by hand, and the history."""

    def __init__(self, door: Door) -> None:
        self.door = door
        self.panels = arranged(door.extension.panels)

    def list_users(self) -> ResponseReturnValue:
        """Show a page of users."""
        return self._list()

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
        allowed, preferences = self.door.allowed_actions(), self.door.preferences().all()
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
                message=self._message(History(directory)),
                csrf=generate_csrf() if self.door.allowed(EXPORT) else None,
                csrf_token=generate_csrf(),
                previous=found.previous,
                next=found.next,
            ),
        )
        return page, 400 if wrong else 200

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
        message = self._message(history, user)
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
        wanted, history = history_wanted(), History(self.door.directory())
        people = history.people()
        query = history_query(history, wanted, people)
        return self.door.render(
            "history.html",
            view=EventsPage(
                page=history.page(query),
                arguments=_filters_in(wanted),
                actions=self.door.actions,
                people=list(dict.fromkeys(people.values())),
                csrf=generate_csrf() if self.door.allowed(EXPORT) else None,
                too_many=query.users is not None and len(query.users) > MEANT,
            ),
        )

    def _message(self, history: History, user: UserDetails | None = None) -> Message | None:
        """Return what to say of the action that led here, and whether it can be taken back."""
        if request.args.get("unchanged"):
            return Message(_("There was nothing to do."))
        seq = request.args.get("done", "")
        if not re.fullmatch("[0-9]{1,18}", seq):
            return None
        event = history.event(int(seq))
        if event is None or (user is not None and str(event.user_key) != str(user.key)):
            return None
        said = sentence(event, self.door.actions)
        allowed = event.action in self.door.actions and self.door.allowed(event.action)
        return Message(said, event.seq if allowed and history.can_be_undone(event) else None)


def _filters_in(wanted: Mapping[str, Any]) -> dict[str, str]:
    """Return the filters that are in force as they stand in the address."""
    return {n: request.args[n].strip() for n in wanted if n not in {"before", "after"}}
