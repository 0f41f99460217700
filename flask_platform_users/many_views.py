"""One action to many users: choosing them, trying it, doing it, and what became of each."""

import json
from collections.abc import Iterator
from typing import Any

from flask import Response, abort, redirect, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

from .actions import Action
from .directory import ListQuery
from .door import Door
from .errors import HookError, InvalidError, NotFoundError, RefusedError
from .history import csv_line
from .jobs import TOGETHER, Job, Jobs, request_id
from .pages import JobPage, JobsPage, ManyPage
from .pipeline import Pipeline

HIDDEN = frozenset({"csrf_token", "request_id", "seen", "shown", "mode"})


class ManyViews:
    """Each view is about the jobs of whoever is signed in."""

    def __init__(self, door: Door) -> None:
        self.door = door

    # Choosing

    def pick(self) -> ResponseReturnValue:
        """Take what was ticked on a page of the list, and go on to where the button leads."""
        jobs, go = self._jobs(), request.form.get("go", "")
        job = jobs.picking(self._owner_id()) or self._make(jobs)
        try:
            if go == "none":
                jobs.clear(job)
            elif go == "all":
                jobs.pick_all(job, self._query())
            else:
                ticked = request.form.getlist("key")
                jobs.pick(job, ticked, among=request.form.getlist("listed"))
        except RefusedError as error:
            self._rollback()
            abort(409, error.sentence)
        self._commit()
        if go.startswith("do:"):
            return redirect(url_for(".ask_many", job_id=job.id, name=go[3:]), 303)
        arguments: dict[str, Any] = request.args.to_dict()
        if go.startswith("page:"):
            arguments["cursor"] = go[5:]
        return redirect(url_for(".list_users", **arguments), 303)

    def ask_many(self, job_id: str, name: str) -> ResponseReturnValue:
        """Ask what is to be done to those who were chosen, and try it."""
        action, jobs = self._action(name), self._jobs()
        job = self._mine(jobs, job_id)
        if job.state not in {"picking", "checking", "ready"}:
            return redirect(url_for(".show_job", job_id=job.id), 303)
        if not job.total:
            abort(409, "Nobody is chosen. Tick the users first.")
        data = request.form if request.method == "POST" else None
        form, error = self._form(jobs, job, action, data)
        if data is not None and error is None:
            pairs = [(n, v) for n, v in data.items(multi=True) if n not in HIDDEN]
            pairs += [("mode", data.get("mode", "together"))]
            job = jobs.aim(job, action, pairs, json.dumps(request.args.to_dict()))
            self._commit()
            if job.total <= TOGETHER:
                jobs.check(job, action, self.door.pipeline())
            else:
                self.door.extension.start_job(job.id)
            return redirect(url_for(".show_job", job_id=job.id), 303)
        page = ManyPage(
            action=action,
            job=job,
            form=form,
            error=None if error is None else error.sentence,
            may_be_together=job.total <= TOGETHER,
            csrf_token=generate_csrf(),
        )
        return self.door.render("many.html", view=page), 200 if error is None else error.status

    def _form(
        self, jobs: Jobs, job: Job, action: Action, data: Any
    ) -> tuple[Any, RefusedError | None]:
        """Return the form as the first user that it can be asked for has it."""
        pipeline, refused = self.door.pipeline(), None
        for item in next(jobs.pages(job, 50), []):
            try:
                prompt = pipeline.prompt(
                    action, str(item.user_key), data, sent=data is not None, many=job.total
                )
            except (NotFoundError, RefusedError, HookError) as error:
                refused = error
                continue
            if data is not None and not prompt.valid:
                return prompt.form, InvalidError(prompt.form)
            return prompt.form, None
        if isinstance(refused, RefusedError):
            abort(409, f"This cannot be done to any of those who are chosen. {refused.sentence}")
        return abort(409, "This cannot be done to any of those who are chosen.")

    # Doing

    def show_job(self, job_id: str) -> ResponseReturnValue:
        """Show what a job would do, how far it is, or what it did."""
        jobs = self._jobs()
        job = self._seen(jobs, job_id)
        action = self.door.actions.get(job.action)
        expected = not job.over and job.state in {"checking", "ready"}
        return self.door.render(
            "job.html",
            view=JobPage(
                job=job,
                action=action,
                mine=job.owner_id == self._owner_id(),
                outcomes=jobs.outcomes(job, "expected" if expected else "outcome"),
                reasons=jobs.reasons(job),
                csrf_token=generate_csrf(),
            ),
        )

    def do_job(self, job_id: str) -> ResponseReturnValue:
        """Do what was tried, or go on with what was cut off."""
        jobs = self._jobs()
        job = self._mine(jobs, job_id)
        action = self._action(job.action)
        if job.state == "checking":
            self.door.extension.start_job(job.id)
        elif job.state == "ready" or job.state in {"queued", "running"}:
            if job.state == "ready":
                job = jobs.queue(job)
                self._commit()
            if job.total <= TOGETHER:
                jobs.run(job, action, self.door.pipeline)
            else:
                self.door.extension.start_job(job.id)
        return redirect(url_for(".show_job", job_id=job.id), 303)

    def cancel_job(self, job_id: str) -> ResponseReturnValue:
        """Stop a job after the unit it is at, or forget one that nothing was done of."""
        jobs = self._jobs()
        job = self._mine(jobs, job_id)
        if job.state in {"picking", "checking", "ready"}:
            jobs.discard(job)
            self._commit()
            return redirect(url_for(".list_users"), 303)
        jobs.cancel(job)
        self._commit()
        return redirect(url_for(".show_job", job_id=job.id), 303)

    def list_jobs(self) -> ResponseReturnValue:
        """Show the latest jobs of the platform."""
        return self.door.render(
            "jobs.html",
            view=JobsPage(jobs=self._jobs().latest(), actions=self.door.actions),
        )

    def export_job(self, job_id: str) -> ResponseReturnValue:
        """Send what became of each user as CSV."""
        jobs = self._jobs()
        job = self._seen(jobs, job_id)

        chain = self.door.extension.chain(self.door.platform())

        def lines() -> Iterator[str]:
            yield csv_line(["No", "User", "Would become", "Became", "Why", "Entry"])
            for items in jobs.pages(job):
                numbers = chain.find([request_id(job, item) for item in items])
                for item in items:
                    entry = numbers.get(request_id(job, item))
                    cells = [item.n, item.user_key, item.expected, item.outcome, item.why, entry]
                    yield csv_line(["" if cell is None else str(cell) for cell in cells])

        response = Response(stream_with_context(lines()), mimetype="text/csv")
        response.headers["Content-Disposition"] = "attachment; filename=job.csv"
        return response

    # What they share

    def _jobs(self) -> Jobs:
        return Jobs(self.door.directory())

    def _owner_id(self) -> str:
        return self.door.actor_login_id()

    def _make(self, jobs: Jobs) -> Job:
        pipeline: Pipeline = self.door.pipeline()
        return jobs.make(
            owner_id=self._owner_id(),
            actor=pipeline.actor_id,
            actor_name=pipeline.actor_name,
            address=request.remote_addr or "",
        )

    def _action(self, name: str) -> Action:
        action = self.door.actions.get(name)
        if action is None or not action.for_many:
            abort(404, "There is no such action for many users.")
        self.door.require(action.name)
        return action

    def _seen(self, jobs: Jobs, job_id: str) -> Job:
        job = jobs.get(job_id)
        if job is None or (job.state == "picking" and job.owner_id != self._owner_id()):
            abort(404, "There is no such job on this platform.")
        return job

    def _mine(self, jobs: Jobs, job_id: str) -> Job:
        job = self._seen(jobs, job_id)
        if job.owner_id != self._owner_id():
            abort(403, f"This is a job of {job.actor_name}.")
        return job

    def _query(self) -> ListQuery:
        """Return what the list shows that the form stands under."""
        wanted = self.door.list_arguments()
        return ListQuery(
            search=wanted["q"],
            status=wanted["status"],
            role=wanted["role"],
            channel=wanted["channel"],
        )

    def _commit(self) -> None:
        self.door.extension.db.session.commit()

    def _rollback(self) -> None:
        self.door.extension.db.session.rollback()
