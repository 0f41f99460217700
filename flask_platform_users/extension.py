"""``PlatformUsers``: what a host constructs once and mounts on its apps."""

import logging
from collections.abc import Callable, Collection, Sequence
from collections.abc import Mapping as Mapped
from datetime import UTC, datetime, timedelta
from types import EllipsisType
from typing import Any

import sqlalchemy as sa
from flask import Flask, current_app, g, has_request_context, request
from flask_login import current_user
from flask_sqlalchemy import SQLAlchemy

from .actions import (
    DEFAULT_ACTIONS,
    Action,
    AllowChanges,
    EndImpersonation,
    Impact,
    Impersonate,
    Undo,
)
from .audit import Chain, Entry
from .billing import Billing
from .binding import Mapping
from .cards import Arranged
from .checks import (
    api_faults,
    app_faults,
    argument_faults,
    deletion_faults,
    entry_faults,
    impact_faults,
    panel_faults,
    sign_in_faults,
)
from .cli import commands
from .column_checks import cell_faults
from .columns import Column, laid_out
from .directory import Directory
from .errors import ConfigurationError
from .faults import as_list, list_faults
from .filter_checks import filter_faults, view_faults
from .filters import Filter
from .gate import Gate, SignIn
from .history import History
from .i18n import in_language, in_page, in_page_of_number
from .impersonation import Impersonation, Impersonations, Receipt
from .job_records import WORKING, Job, forget_abandoned
from .job_records import due as due_jobs
from .jobs import Jobs
from .mapping import Count, Users
from .models import build_tables
from .overlay_views import OverlayViews, forbid_while_impersonating
from .panels import Panel
from .pipeline import Pipeline
from .policy import Policy, name_of, platform_of
from .results import UserDetails
from .runners import Runner, ThreadRunner
from .saved_views import SavedView
from .sessions import install, sessions_of
from .settings import Settings
from .terms import Terms, terms_faults
from .triggers import attach_triggers
from .views import build_blueprint
from .zones import zone_of

log = logging.getLogger(__name__)


class PlatformUsers:
    """The Platform Users page of one user model.

    Construct it beside your models, then call ``init_app`` in your application factory, after
    those of Flask-SQLAlchemy and Flask-Login and before ``db.create_all()``. One object may be
    mounted on several apps; two user models in one app take two objects with two names.

    Args:
        db: the host's Flask-SQLAlchemy object.
        users: the user model and its columns.
        channels: the kinds of channel to count, in the order in which the page shows them.
        usage: what else a user has a number of; shown on the details page.
        cards: the numbers above the list, in order; ``...`` stands for those of every product. Add
            the host's own: ``cards=[..., Card("trial", User.trial_ends.is_not(None))]``.
        filters: what else the list may be narrowed by, after what we bring along.
        views: searches under a name, which stand above the list for everybody.
        columns: the columns of the list, in order; ``...`` stands for the default ones. Add the
            host's own: ``columns=[..., Column("company", User.company)]``.
        policy: who may open the page, and for which platform.
        billing: tells a user's subscription; None where there is none to show. A
            ``ManualBilling``, such as ``ModelBilling``, can also be changed by hand.
        actions: what can be done to a user; by default ``DEFAULT_ACTIONS``. Add the host's own:
            ``actions=[*DEFAULT_ACTIONS, ExtendTrial()]``.
        panels: the sections of the details page; ``...`` stands for the default ones that are not
            named beside it: ``panels=[..., Panel("tickets", template="_tickets.html")]``.
        impact: ``impact(user, action)`` tells the host's own lines of what an action means.
        grace: how long a deleted user can be restored, before ``flask platform-users purge``
            deletes them for good; 0 deletes them at once.
        delete: ``delete(user)`` deletes a user for good and never commits; without it their row is
            deleted with its cascades (with ``Users(join=...)`` the row of their membership).
        shut_out: the statuses that nobody may be signed in with.
        on_sessions_revoked: called with the user (``UserDetails``) once they were blocked, deleted,
            restored or signed out everywhere: take back tokens, remember-me ids and open
            connections, which the plugin does not know of.
        impersonation: lets staff see the product as a user does; None lets nobody.
        api: True serves the JSON API below ``api/`` of the mount; it needs the extra ``api``.
        runner: where jobs of many users run; by default in threads of the process.
        terms: your words for things, as in ``{"user": "client", "users": "clients"}``, in English
            texts; ``{"es": {"usuario": "cliente"}}`` in those of another language.
        name: the name of the blueprint, and so of its endpoints and of the plugin's tables.
    """

    def __init__(
        self,
        db: SQLAlchemy,
        *,
        users: Users,
        policy: Policy,
        channels: Sequence[Count] = (),
        usage: Sequence[Count] = (),
        cards: Arranged = (...,),
        filters: Sequence[Filter] = (),
        views: Sequence[SavedView] = (),
        columns: Sequence[Column | EllipsisType] = (...,),
        billing: Billing | None = None,
        actions: Sequence[Action] = DEFAULT_ACTIONS,
        panels: Sequence[Panel | EllipsisType] = (...,),
        impact: Callable[[Any, Action], Sequence[Impact]] | None = None,
        grace: timedelta = timedelta(days=30),
        delete: Callable[[Any], None] | None = None,
        shut_out: Collection[str] = ("blocked", "inactive"),
        on_sessions_revoked: Callable[[UserDetails], None] | None = None,
        impersonation: Impersonation | None = None,
        api: bool = False,
        runner: Runner | None = None,
        terms: Terms | None = None,
        name: str = "platform_users",
    ) -> None:
        self.db = db
        self.users = users
        self.policy = policy
        self._lists = {
            "channels": channels,
            "usage": usage,
            "cards": cards,
            "filters": filters,
            "views": views,
            "columns": columns,
            "actions": actions,
            "panels": panels,
        }
        self.channels = as_list(channels)
        self.usage = as_list(usage)
        self.cards = as_list(cards, (...,))
        self.filters = as_list(filters)
        self.views = as_list(views)
        self.columns = as_list(columns, (...,))
        self.actions = as_list(actions)
        self.panels = as_list(panels, (...,))
        self.billing = billing
        self.shut_out = shut_out
        self.on_sessions_revoked = on_sessions_revoked
        self.impersonating = impersonation
        self.runner: Runner = ThreadRunner() if runner is None else runner
        if isinstance(impersonation, Impersonation):
            self.actions = (
                Impersonate(impersonation, self._impersonations, self._enter),
                AllowChanges(self._impersonations),
                EndImpersonation(),
                *self.actions,
            )
        self.impact = impact
        self.grace = grace
        self.delete = delete
        self.api = api
        self.terms: Terms = {} if terms is None else terms
        self.name = name
        self._mapping: Mapping | None = None

    forbid_while_impersonating = staticmethod(forbid_while_impersonating)

    def __repr__(self) -> str:
        return f"<PlatformUsers {self.name!r} of {getattr(self.users, 'model', None)!r}>"

    def init_app(self, app: Flask, *, url_prefix: str = "/platform/users") -> None:
        """Mount the page on an app.

        Args:
            app: the host's app, with its database, login manager and secret key set up.
            url_prefix: the path below which everything of the plugin is served.

        Raises:
            ConfigurationError: something cannot work; it names every fault at once.
        """
        faults = [
            *list_faults(self._lists),
            *argument_faults(
                self.db,
                self.users,
                self.channels,
                self.usage,
                self.columns,
                self.billing,
                self.policy,
                self.actions,
                self.name,
            ),
            *panel_faults(app, self.panels),
            *filter_faults(self.filters, self.cards, self.users),
            *deletion_faults(self.grace, self.delete),
            *impact_faults(self.impact),
            *sign_in_faults(
                self.users, self.shut_out, self.on_sessions_revoked, self.impersonating
            ),
            *app_faults(app, self.name, self.impersonating is not None),
            *api_faults(self.api),
            *terms_faults(self.terms),
            *cell_faults(app, self.columns),
        ]
        if not str(url_prefix).startswith("/"):
            faults.append(
                f"init_app(url_prefix={url_prefix!r}) is not a path; expected one that starts with "
                "a slash, such as url_prefix='/platform/users'."
            )
        if faults:
            raise ConfigurationError(faults)
        settings = Settings.of(app)
        if self._mapping is None:
            self._mapping = Mapping(
                users=self.users,
                channels=self.channels,
                usage=self.usage,
                tables=build_tables(self.name, self.users),
                grace=self.grace,
                delete=self.delete,
                billing=self.billing,
                shut_out=self.shut_out,
                on_sessions_revoked=self.on_sessions_revoked,
                own_filters=self.filters,
                cards=self.cards,
                columns=laid_out(self.columns),
            )
            attach_triggers(self._mapping.tables)
        faults = list(view_faults(self.views, self.cards, self._mapping.filters))
        if faults:
            raise ConfigurationError(faults)
        app.cli.add_command(commands)
        app.jinja_env.globals.update(pu_=in_page, pu_n=in_page_of_number)
        self.runner.mounted(app, self.name, self.run_job)
        app.extensions.setdefault("platform_users", {})[self.name] = self
        blueprint = build_blueprint(self, settings, settings.keys(app), install(app))
        app.register_blueprint(blueprint, url_prefix=url_prefix)

    @property
    def mapping(self) -> Mapping:
        """The checked mapping; there is one from the first ``init_app`` on."""
        if self._mapping is None:
            raise RuntimeError(f"{self!r} is not mounted yet; call init_app(app) first.")
        return self._mapping

    @property
    def gate(self) -> Gate:
        """Says who may be signed in, in the current app's session."""
        return Gate(self.mapping, self.db.session, self.shut_out)

    def may_sign_in(self, user: Any) -> SignIn:
        """Say whether a user may sign in now; ``sentence`` tells them why not.

        Ask it on the host's sign-in page, once the password was right::

            answer = platform_users.may_sign_in(user)
            if not answer:
                flash(answer.sentence)

        Whatever that page does, nobody stays signed in who may not be.
        """
        zone = zone_of(self.policy.timezone_of(user))
        with in_language(self.policy.language_of(user)):
            return self.gate.may_sign_in(user, self.policy.platform_in_use(user), zone)

    @property
    def turned_away(self) -> SignIn | None:
        """Tell, in a request, that its session does not count any more, and why.

        For the sign-in page that whoever was blocked meanwhile is sent to. The sentence is empty if
        they may sign in again, and the whole is None if there is no such session.
        """
        if not has_request_context() or current_user.is_authenticated:
            return None
        person = g.get("_platform_users_turned_away")
        return None if person is None else self.may_sign_in(person)

    @property
    def impersonation(self) -> Receipt | None:
        """Tell, in a request, that the product is seen as somebody else: by whom, whom and why.

        None otherwise. ``current_user`` is the one who is seen; who really acts is
        ``impersonation.actor_name``.
        """
        sessions = sessions_of(current_app) if has_request_context() else None
        overlay = None if sessions is None else sessions.overlay
        return None if overlay is None else overlay.receipt

    def impersonations_of(self, user: Any) -> list[Receipt]:
        """Return when the product was seen as a user, to show it to them, the latest first."""
        key, platforms = getattr(user, self.mapping.key.key), self.gate.platforms_of(user)
        found = [r for p in platforms for r in self._impersonations().of_user(p, key)]
        return sorted(found, key=lambda receipt: receipt.started_at, reverse=True)

    def start_job(self, job_id: str) -> None:
        """Let a job be done, or tried, outside of this request; if need be by the next tick."""
        try:
            self.runner.start(self.name, job_id)
        except Exception:
            log.exception("Job %s could not be started; the next tick does it", job_id)

    def run_job(self, job_id: str) -> bool:
        """Do a job, or go on with it, as whoever ordered it; or try what is not decided yet.

        Returns:
            False if somebody else works on it, so that there may be something left to do.
        """
        table, bind = self.mapping.tables.job, self.mapping.bind
        platform = self.db.session.execute(
            sa.select(table.c.platform_key).where(table.c.id == job_id), bind_arguments=bind
        ).scalar()
        jobs = self.jobs(platform)
        job, door = jobs.get(job_id), self._views().door
        if job is None:
            return True
        action = self.action_of(jobs, job)
        owner_id = job.owner_id

        def pipeline() -> Pipeline | None:
            actor = self._views().sessions.person(owner_id)
            return None if actor is None else door.pipeline_of(actor, platform)

        if job.state == "checking":
            works = pipeline()
            if works is None or action is None:
                jobs.discard(job)
                self.db.session.commit()
                return True
            job = jobs.check(job, action, works)
        else:
            job = jobs.run(job, action, pipeline, chain=self.chain(platform))
        return job.state not in {"checking", *WORKING}

    def action_of(self, jobs: Jobs, job: Job) -> Action | None:
        """Return what a job does; None if the mount has it no more."""
        actions = self._views().door.actions
        undone = jobs.get(dict(job.data).get("undo", ""))
        if job.action != Undo.name or undone is None:
            return actions.get(job.action)
        original = actions.get(undone.action)
        return None if original is None else Undo(original, job=undone.id)

    def resume_jobs(self) -> int:
        """Go on with the jobs that nobody works on, as ``flask platform-users tick`` does.

        Returns:
            how many; those that fail are logged, and found again.
        """
        tables, now = self.mapping.tables, datetime.now(UTC)
        found = due_jobs(self.db.session, tables.job, self.mapping.bind, now)
        for _, job_id in found:
            try:
                self.run_job(job_id)
            except Exception:
                self.db.session.rollback()
                log.exception("Job %s was cut off; it goes on with the next tick", job_id)
        return len(found)

    def forget_abandoned_jobs(self) -> int:
        """Forget what nobody goes on with, as ``flask platform-users tick`` does.

        Returns:
            how many choices and trials that were; they have no part in the history.
        """
        mapping, now = self.mapping, datetime.now(UTC)
        return forget_abandoned(self.db.session, mapping.tables, mapping.bind, now)

    def end_impersonations(self) -> int:
        """End what the clock has ended, as ``flask platform-users tick`` does; return how many."""
        return self._impersonations().sweep()

    def _views(self) -> OverlayViews:
        sessions = sessions_of(current_app)
        assert sessions is not None  # noqa: S101  (init_app put it there)
        return sessions.mounts[self.name]

    def _impersonations(self) -> Impersonations:
        return self._views().door.impersonations

    def _enter(self) -> Callable[[str], Any]:
        return self._views().enter()

    def directory(self, platform: Any) -> Directory:
        """Return what reads the users of one platform, in the current app's session."""
        return Directory(self.mapping, self.db.session, platform)

    def jobs(self, platform: Any) -> Jobs:
        """Return what makes and does the jobs of one platform, in the current app's session."""
        lease = timedelta(seconds=Settings.of(current_app).job_lease)
        return Jobs(self.directory(platform), lease=lease)

    def history(self, platform: Any) -> History:
        """Return what reads the history of one platform.

        ``history(key).page(HistoryQuery(user="42"))`` is a page of it, newest first; ``event(seq)``
        one entry and ``csv(query)`` lines to send on. It is read in the current app's session.
        """
        return History(self.directory(platform))

    def record(
        self,
        *,
        action: str,
        user_key: Any = None,
        platform: Any = None,
        actor: Any = None,
        reason: str = "",
        changes: Mapped[str, tuple[Any, Any]] | None = None,
    ) -> int:
        """Add an entry to the history inside the host's own transaction, and do not commit.

        Call it before the transaction's first other write: it locks the platform until the
        transaction ends, so that nobody waits for somebody who waits for them. If the host rolls
        back, nothing was recorded. What is pending in the session is flushed.

        Args:
            action: a lower-case word for what was done, such as ``"invoice_sent"``.
            user_key: the primary key of the user it was done to; None where it was done to none.
            platform: the key of the platform; by default the one that ``actor`` runs.
            actor: the host's object for the person who did it; None for the system. While the
                product is seen as a user, the entry names who really acted, and as whom.
            reason: why, in up to 1,000 characters. It can be erased, unlike ``changes``.
            changes: what changed, each with its value before and after; no personal data.

        Returns:
            the number of the entry.

        Raises:
            ValueError: arguments are not as described here; it names all that are not.
            NotFoundError: the user is not on that platform.
        """
        if platform is None and actor is not None:
            platform = platform_of(actor, self.policy)
        faults = list(entry_faults(platform, action, reason, changes))
        if faults:
            raise ValueError("\n".join(faults))
        chain, directory, seen_as = (
            self.chain(platform),
            self.directory(platform),
            self.impersonation,
        )
        chain.lock()
        self.db.session.flush()
        by, by_name = None, ""
        if actor is not None:
            by, by_name = self.policy.id_of(actor), name_of(actor, self.policy, self.users)
            if seen_as is not None:
                by, by_name = seen_as.actor, seen_as.actor_name
        entry = Entry(
            action=action,
            actor=by,
            actor_name=by_name,
            acting_as=None if actor is None or seen_as is None else self.policy.id_of(actor),
            user_key=user_key,
            user_name="" if user_key is None else directory.name_of(user_key),
            reason=reason,
            changes={name: (str(was), str(now)) for name, (was, now) in (changes or {}).items()},
            address=(request.remote_addr or "") if has_request_context() else "",
        )
        return chain.append(entry, directory.now())

    def platforms(self) -> list[Any]:
        """Return the keys of all platforms that have a history, in order."""
        tables = self.mapping.tables
        found = sa.union(
            sa.select(tables.head.c.platform_key), sa.select(tables.event.c.platform_key)
        )
        statement = found.order_by(found.selected_columns.platform_key)
        keys = self.db.session.execute(statement, bind_arguments=self.mapping.bind).scalars()
        return list(keys)

    def chain(self, platform: Any) -> Chain:
        """Return the chain of one platform's history, in the current app's session."""
        keys = Settings.of(current_app).keys(current_app)
        mapping = self.mapping
        return Chain(mapping.tables, self.db.session, platform, keys, mapping.bind)
