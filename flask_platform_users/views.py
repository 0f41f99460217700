"""The pages: a thin door from requests to the directory, and from its answers to templates."""

import functools
import json
import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy.exc
from flask import Blueprint, Response, abort, current_app, g, request, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf
from jinja2 import BaseLoader, ChoiceLoader, FileSystemLoader, PrefixLoader
from werkzeug.exceptions import HTTPException

from .action_views import ActionViews
from .actions import Action, GrantAction
from .audit import Keys
from .directory import Directory, ListQuery
from .door import ROOT, Door, asked, harden, secret_keys
from .errors import CursorError, NotFoundError
from .grants import GrantQuery, Grants
from .history import MEANT, History, HistoryQuery, people_meant
from .jobs import Jobs
from .many_views import ManyViews
from .overlay_views import OverlayViews
from .pages import (
    Choosing,
    DetailsPage,
    EventsPage,
    GrantedPage,
    ImpersonationPage,
    ListPage,
    fields_shown,
    sentence,
)
from .paging import Cursors
from .results import Page, UserDetails
from .schemas import GrantedSchema, HistorySchema
from .sessions import Sessions
from .settings import Settings
from .standing import entitlements, standing_of, used_by

if TYPE_CHECKING:
    from .extension import PlatformUsers

TEMPLATES = ROOT / "templates"
FILTERS = ("q", "status", "role", "channel")


class _Blueprint(Blueprint):
    """Also offers the originals below ``@platform_users/``, for overrides that extend them."""

    @functools.cached_property
    def jinja_loader(self) -> BaseLoader:
        originals = FileSystemLoader(TEMPLATES / "platform_users")
        return ChoiceLoader(
            [FileSystemLoader(TEMPLATES), PrefixLoader({"@platform_users": originals})]
        )


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
    blueprint.register_error_handler(sqlalchemy.exc.SQLAlchemyError, door.fail)
    blueprint.add_url_rule("/", "list_users", pages.list_users)
    blueprint.add_url_rule("/id/<path:key>", "show_user", pages.show_user)
    blueprint.add_url_rule("/do/<name>/<path:key>", "act", actions.act, methods=["GET", "POST"])
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
    blueprint.add_url_rule("/history.csv", "export_history", pages.export_history)
    return blueprint


class PageViews:
    """The list, the details, what was given by hand, and the history."""

    def __init__(self, door: Door) -> None:
        self.door = door

    def list_users(self) -> ResponseReturnValue:
        """Show a page of users."""
        mapping, directory = self.door.extension.mapping, self.door.directory()
        statuses, wanted = self.door.statuses(), self.door.list_arguments()
        summary = directory.summary()
        sorts = directory.sorts(summary.total)
        sort = sorts.get(wanted["sort"] or "") or next(iter(sorts.values()))
        descending = (
            wanted["direction"] == "desc"
            if wanted["direction"] and wanted["sort"] == sort.name
            else sort.descending
        )
        filters = {
            name: wanted[name] for name in ("q", "status", "role", "channel") if wanted[name]
        }
        scope = [self.door.extension.name, str(directory.platform), filters, sort.name, descending]
        cursors = Cursors(secret_keys(), json.dumps(scope))
        try:
            cursor = cursors.load(wanted["cursor"]) if wanted["cursor"] else None
        except CursorError:
            abort(400, "This link to a page of the list is not valid, or not any more.")
        query = ListQuery(
            search=wanted["q"],
            status=wanted["status"],
            role=wanted["role"],
            channel=wanted["channel"],
            descending=descending,
            per_page=int(wanted["per_page"]),
            cursor=cursor,
        )
        roles = directory.roles(summary.total)
        page = directory.page(query, sort)
        allowed = self.door.allowed_actions()
        arguments = filters | {
            name: wanted[name] for name in ("sort", "direction", "per_page") if name in request.args
        }
        place = {"cursor": wanted["cursor"]} if cursor else {}
        return self.door.render(
            "list.html",
            view=ListPage(
                shows=fields_shown(mapping.users),
                channels=mapping.channels,
                statuses=statuses,
                summary=summary,
                sorts=sorts,
                sort=sort,
                roles=roles,
                query=query,
                arguments=arguments,
                page=page,
                choosing=self._choosing(directory, page, allowed, arguments | place),
                by_hand=mapping.by_hand is not None,
                actions={user.key: self.door.offered(user, allowed) for user in page.users},
                matches=_matches(directory, query, page, summary.total),
                message=self._message(History(directory)),
                previous=None if page.previous is None else cursors.dump(page.previous),
                next=None if page.next is None else cursors.dump(page.next),
            ),
        )

    def _choosing(
        self,
        directory: Directory,
        page: Page,
        allowed: Sequence[Action],
        arguments: Mapping[str, str],
    ) -> Choosing | None:
        """Return whom this person has chosen. At most two statements, and none for most staff."""
        actions = self.door.offered_to_many(page.users, allowed)
        if not actions and (page.users or not any(action.for_many for action in allowed)):
            return None
        jobs = Jobs(directory)
        job = jobs.picking(self.door.actor_login_id())
        chosen = job.total if job else 0
        values: dict[str, Any] = dict(arguments)
        return Choosing(
            url=url_for(".pick", **values),
            chosen=chosen,
            ticked=jobs.picked(job, [user.key for user in page.users]) if job and chosen else (),
            actions=actions,
            csrf_token=generate_csrf(),
        )

    def show_user(self, key: str) -> ResponseReturnValue:
        """Show one user."""
        mapping, directory = self.door.extension.mapping, self.door.directory()
        try:
            try:
                user = directory.user(key)
            except NotFoundError:
                if not self.door.restores():
                    raise
                directory = directory.among("deleted")
                user = directory.user(key)
            self.door.require("view", user.record)
            usage = directory.usage(user)
        except NotFoundError:
            abort(404, "There is no such user on this platform.")
        history = History(directory)
        events = history.page(HistoryQuery(user=key, per_page=10)).events
        standing = None
        if mapping.billing is not None:
            try:
                standing = standing_of(directory, user)
            except Exception as error:
                current_app.logger.exception("billing.subscription failed for user %s", user.key)
                if isinstance(error, sqlalchemy.exc.SQLAlchemyError):
                    self.door.extension.db.session.rollback()
        return self.door.render(
            "details.html",
            view=DetailsPage(
                shows=fields_shown(mapping.users),
                user=user,
                channels=mapping.channels,
                usage=[(count, usage[count.name]) for count in mapping.usage],
                standing=standing,
                entitlements=(
                    entitlements(mapping, standing, used_by(user, usage)) if standing else ()
                ),
                billing=mapping.billing is not None,
                billing_failed=standing is None,
                actions=self.door.offered(user, self.door.allowed_actions()),
                action_names=self.door.actions,
                events=events,
                notes=directory.notes(user),
                removes_notes=(
                    user.population == "present"
                    and "remove_note" in self.door.actions
                    and self.door.allowed("remove_note")
                ),
                message=self._message(history, user),
            ),
        )

    def show_granted(self) -> ResponseReturnValue:
        """Show what was given by hand."""
        directory = self.door.directory()
        if directory.mapping.by_hand is None:
            abort(404, "Nothing is given by hand in this product.")
        wanted = asked(GrantedSchema())
        page = Grants(directory).page(GrantQuery(**wanted))
        return self.door.render(
            "granted.html",
            view=GrantedPage(
                page=page,
                arguments=_arguments(wanted, without={"after", "before"}),
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
            abort(404, "There is no such impersonation on this platform.")
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
        abort(409, "You do not see the product as anybody else. Nothing was changed.")

    def show_history(self) -> ResponseReturnValue:
        """Show what was done on the platform."""
        wanted, history = self._history_wanted(), History(self.door.directory())
        people = history.people()
        query = _history_query(history, wanted, people)
        return self.door.render(
            "history.html",
            view=EventsPage(
                page=history.page(query),
                arguments=_arguments(wanted, without={"before", "after"}),
                actions=self.door.actions,
                people=list(dict.fromkeys(people.values())),
                too_many=query.users is not None and len(query.users) > MEANT,
            ),
        )

    def export_history(self) -> ResponseReturnValue:
        """Send the history as CSV."""
        wanted, history = self._history_wanted(), History(self.door.directory())
        query = _history_query(history, wanted, history.people() if "actor" in wanted else {})
        lines = "".join(history.csv(query))
        response = Response(lines, mimetype="text/csv")
        response.headers["Content-Disposition"] = "attachment; filename=history.csv"
        return response

    def _message(self, history: History, user: UserDetails | None = None) -> str | None:
        """Return what to say of the action that led here."""
        if request.args.get("unchanged"):
            return "There was nothing to do."
        seq = request.args.get("done", "")
        if not re.fullmatch("[0-9]{1,18}", seq):
            return None
        event = history.event(int(seq))
        if event is None or (user is not None and str(event.user_key) != str(user.key)):
            return None
        return sentence(event, self.door.actions)

    def _history_wanted(self) -> dict[str, Any]:
        return asked(HistorySchema(zone=g.platform_users_zone))


def _history_query(
    history: History, wanted: dict[str, Any], people: Mapping[str, str]
) -> HistoryQuery:
    """Return what is asked for, with the users and the people that were meant by a text."""
    rest = {name: value for name, value in wanted.items() if name not in {"user", "actor"}}
    return HistoryQuery(
        users=history.users_meant(wanted["user"]) if "user" in wanted else None,
        actors=people_meant(wanted["actor"], people) if "actor" in wanted else None,
        **rest,
    )


def _arguments(wanted: Mapping[str, Any], *, without: set[str]) -> dict[str, str]:
    """Return the filters that are in force as they stand in the address."""
    return {name: request.args[name].strip() for name in wanted if name not in without}


def _matches(directory: Directory, query: ListQuery, page: Page, total: int) -> int | None:
    """Return how many users the filters let through, counting only what is not known already."""
    if not query.narrows:
        return total
    if page.next is None and page.users:
        return page.end
    return directory.matches(query)
