"""The addresses of the API for many users: ordering, jobs and their users, and taking back."""

import json
from typing import TYPE_CHECKING, Any

from flask import Response, abort, g, jsonify, request, url_for
from marshmallow import RAISE, Schema, ValidationError, fields

from ..actions import Action
from ..bulk import Bulk
from ..errors import InvalidError
from ..history import History
from ..i18n import _, again, lazy
from ..job_records import OPEN, PER_PAGE, WORKING, Job
from ..orders import Result
from ..schemas import filter_schema
from .bodies import body, query
from .forms import filled_in, schema_of
from .problems import errors_of, problem
from .schemas import (
    JobSchema,
    JobsQuery,
    JobsSchema,
    JobUsersQuery,
    JobUsersSchema,
    OrderedSchema,
    OrderSchema,
    UndoneSchema,
    UsersFilter,
)

if TYPE_CHECKING:
    from .views import ApiViews

USERS_PER_PAGE = 200
"""So many users of a job are told at a time."""

RETRY_AFTER = "2"
"""After how many seconds to look again how far a job is."""

_NO_JOB = lazy("There is no such job on this platform.")


class ManyViews:
    """The part of a mount's API that is about many users."""

    def __init__(self, views: "ApiViews") -> None:
        self.views = views
        self.door = views.door

    def order(self, name: str) -> Response:
        """Do an action to many users, or find out what it would do."""
        action, zone = self._action(name), g.platform_users_zone
        bulk = self.door.bulk()
        bulk.require(action)
        wanted = self.order_schema(action).load(body())
        keys = wanted.get("keys", ())

        def choose(job: Job) -> None:
            if "filter" in wanted:
                bulk.choose_all(job, wanted["filter"]["query"])
                return
            bulk.choose(job, keys)
            unknown = bulk.unknown(job, keys)
            if unknown and wanted["mode"] == "together":
                places = {
                    str(keys.index(key)): [_("There is no such user here.")] for key in unknown
                }
                raise ValidationError({"keys": places})

        try:
            job = bulk.order(
                action,
                choose,
                lambda _: filled_in(wanted["fields"], action, zone),
                mode=wanted["mode"],
                dry_run=wanted["dry_run"],
                request_id=self.views.request_id(
                    ["many", name, json.dumps(wanted, sort_keys=True, default=str)]
                ),
            )
        except InvalidError as error:
            raise ValidationError({"fields": errors_of(error.form)}) from error
        job = bulk.go_on(job)
        return self._job(bulk, job, OrderedSchema(), unknown=bulk.unknown(job, keys))

    def jobs(self) -> Response:
        """Return a page of the jobs that were done or go on."""
        wanted, jobs = query(JobsQuery(unknown=RAISE)), self.door.bulk().jobs
        before = None if wanted["before"] is None else jobs.get(wanted["before"])
        if wanted["before"] is not None and before is None:
            raise ValidationError({"before": [str(_NO_JOB)]})
        found = jobs.latest(limit=PER_PAGE + 1, before=before)
        page, more = found[:PER_PAGE], len(found) > PER_PAGE
        return jsonify(JobsSchema().dump({"jobs": page, "older": page[-1].id if more else None}))

    def job(self, job_id: str) -> Response:
        """Return a job: what it would do, how far it is, or what it did."""
        bulk = self.door.bulk()
        response = jsonify(JobSchema().dump(bulk.report(self._seen(bulk, job_id))))
        response.add_etag()
        response.make_conditional(request)
        return response

    def users(self, job_id: str) -> Response:
        """Return some of a job's users, and what became, or would become, of each."""
        wanted, bulk = query(JobUsersQuery(unknown=RAISE)), self.door.bulk()
        job = self._seen(bulk, job_id)
        found = bulk.jobs.page(job, limit=USERS_PER_PAGE + 1, after=int(wanted["after"]))
        page, more = found[:USERS_PER_PAGE], len(found) > USERS_PER_PAGE
        told = {"users": bulk.told(job, page), "next": page[-1].n if more else None}
        return jsonify(JobUsersSchema().dump(told))

    def do(self, job_id: str) -> Response:
        """Do what was tried, or go on with what was cut off."""
        bulk = self.door.bulk()
        job = self._own(bulk, job_id)
        action = self.door.extension.action_of(bulk.jobs, job)
        if action is None or action.fresh:
            abort(409, _("This cannot be done here."))
        bulk.require(action)
        return self._job(bulk, bulk.do(job), JobSchema())

    def cancel(self, job_id: str) -> Response:
        """Stop a job after the users it is at; forget one of which nothing was done."""
        bulk = self.door.bulk()
        job = bulk.cancel(self._own(bulk, job_id))
        if job is None:
            return Response(status=204)
        return jsonify(JobSchema().dump(bulk.report(job)))

    def undo(self, seq: int) -> Response:
        """Take back what an entry of the history tells, if nothing has touched it since."""
        bulk, history = self.door.bulk(), History(self.door.directory())
        event = history.done(seq)
        if event is None:
            abort(404, _("There is no such entry on this platform."))
        undone = bulk.undo(event, self.views.request_id(["undo", seq]))
        if isinstance(undone, Result):
            told = None if undone.seq is None else history.event(undone.seq)
            return jsonify(UndoneSchema().dump({"event": told, "job": None}))
        job = bulk.go_on(undone)
        job = bulk.jobs.get(job.id) or job
        told = None if job.seq is None else history.event(job.seq)
        response = jsonify(UndoneSchema().dump({"event": told, "job": bulk.report(job)}))
        return self._placed(response, job)

    # What they share

    def known(self) -> dict[str, Action]:
        """Return the actions that a program can do to many users."""
        return {name: action for name, action in self.views.known().items() if action.for_many}

    def order_schema(self, action: Action) -> Schema:
        """Return the schema of what is sent to do an action to many users."""
        form = schema_of(action, g.platform_users_zone)
        parts: dict[str, fields.Field[Any]] = {
            "filter": fields.Nested(self.filter_schema(), unknown=RAISE),
            "fields": fields.Nested(form, load_default=dict),
        }
        return OrderSchema.from_dict(parts, name=f"{action.name}_order")(unknown=RAISE)

    def filter_schema(self) -> UsersFilter:
        """Return the schema of what users may be chosen by."""
        filters = self.door.filters().values()
        return filter_schema(UsersFilter, filters, zone=g.platform_users_zone)()

    def _action(self, name: str) -> Action:
        action = self.known().get(name)
        if action is None:
            abort(404, _("There is no such action for many users."))
        return action

    def _seen(self, bulk: Bulk, job_id: str) -> Job:
        job = bulk.jobs.get(job_id)
        if job is None or job.state == "picking":  # what somebody ticks on the page
            abort(404, _NO_JOB)
        return job

    def _own(self, bulk: Bulk, job_id: str) -> Job:
        """Return a job of who asks, as they saw it where they say so."""
        job = self._seen(bulk, job_id)
        bulk.require_own(job, record=True)
        if "If-Match" in request.headers and job.state in OPEN:
            seen = jsonify(JobSchema().dump(bulk.report(job)))
            seen.add_etag()
            if not request.if_match.contains(seen.get_etag()[0] or ""):
                abort(412, _("The job is not as you saw it. Nothing was done."))
        return job

    def _job(self, bulk: Bulk, job: Job, schema: JobSchema, **beside: Any) -> Response:
        job = bulk.jobs.get(job.id) or job
        if job.state == "stopped" and job.left == job.total:
            return problem(409, _("%(why)s Nothing was done.", why=again(job.why)), job=job.id)
        return self._placed(jsonify(schema.dump(bulk.report(job) | beside)), job)

    def _placed(self, response: Response, job: Job) -> Response:
        """Say where a job is, and when to look again while it goes on."""
        response.headers["Location"] = url_for(".job", job_id=job.id)
        if job.state in {"checking", *WORKING}:
            response.status_code = 202
            response.headers["Retry-After"] = RETRY_AFTER
        return response
