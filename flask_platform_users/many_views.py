"""One action to many users: choosing them, trying it, doing it, and what became of each."""

import itertools
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
from .jobs import OPEN, TOGETHER, WORKING, Job, Jobs, request_id
from .pages import JobPage, JobsPage, ManyPage, filter_words, form_words
from .pipeline import Pipeline
from .schemas import PER_PAGE
from .sessions import Sessions
from .transaction import retried

BY_HAND = ", then changed by hand"

LARGEST_ORDER = 60_000
"""How many bytes a filled-in form may have that is kept; MariaDB's TEXT takes a little more."""

PROMPTS = 50
"""For so many users it is tried to open a form, until one can be."""

PAGES_SEARCHED = 20
"""Through so many pages of a job's users somebody is sought whom the action makes sense for."""


GOES = {("keep", False), ("none", False), ("all", False), ("page", True), ("do", True)}
"""What the buttons of the list may say, each with whether it says where to."""

NOBODY = "Nobody is chosen. Tick the users first."


class ManyViews:
    """Each view is about the jobs of whoever is signed in."""

    def __init__(self, door: Door, sessions: Sessions) -> None:
        self.door = door
        self.sessions = sessions

    # Choosing

    def pick(self) -> ResponseReturnValue:
        """Take what was ticked on a page of the list, and go on to where the button leads."""
        if max(len(request.form.getlist(name)) for name in ("key", "listed")) > PER_PAGE[-1]:
            abort(413, "Nothing was changed: no page of the list has so many users.")
        if not any(action.for_many for action in self.door.allowed_actions()):
            abort(403)
        arguments = self._list_arguments()
        go, _, what = request.form.get("go", "").partition(":")
        if (go, bool(what)) not in GOES:
            abort(400, "Nothing was changed: this form was not made here.")
        action = self._action(what) if go == "do" else None
        try:
            job = retried(self.door.extension.db.session, lambda: self._pick(go))
        except RefusedError as error:
            self._rollback()
            abort(409, error.sentence)
        if action is not None:
            if job is None:
                abort(409, NOBODY)
            return redirect(url_for(".ask_many", job_id=job.id, name=action.name), 303)
        if go == "page":
            arguments["cursor"] = what
        return redirect(url_for(".list_users", **arguments), 303)

    def _pick(self, go: str) -> Job | None:
        """Write who is chosen now; None where nobody is, and nobody was."""
        self._rollback()
        jobs, ticked = self._jobs(), request.form.getlist("key")
        job = jobs.picking(self._owner_id(), lock=True)
        if job is None:
            if go != "all" and (go == "none" or not ticked):
                return None
            job = self._make(jobs)
        if go == "none":
            jobs.clear(job)
            jobs.describe(job, "")
        elif go == "all":
            query = self._query()
            jobs.pick_all(job, query)
            words = filter_words(query, self.door.extension.mapping.channels).values()
            matched = f"All that matched {', '.join(words)}" if words else "All users"
            jobs.describe(job, matched)
        else:
            changed = jobs.pick(job, ticked, among=request.form.getlist("listed"))
            if changed and job.chosen and not job.chosen.endswith(BY_HAND):
                jobs.describe(job, job.chosen + BY_HAND)
        self._commit()
        return job

    def ask_many(self, job_id: str, name: str) -> ResponseReturnValue:
        """Ask what is to be done to those who were chosen, and try it."""
        action, jobs = self._action(name), self._jobs()
        job = self._mine(jobs, job_id)
        answer = self.sessions.ask_to_sign_in_again() if action.fresh else None
        if answer is not None:
            return answer
        if job.state not in OPEN:
            return redirect(url_for(".show_job", job_id=job.id), 303)
        if not job.total:
            abort(409, NOBODY)
        data = request.form if request.method == "POST" else None
        mode = (job.form if data is None else data).get("mode", "together")
        if mode not in {"together", "each"}:
            abort(400, "Nothing was changed: this form was not made here.")
        form, error = self._form(jobs, job, action, data)
        if data is not None and error is None:
            self._aim(jobs, job, action, form, mode)
            return redirect(url_for(".show_job", job_id=job.id), 303)
        page = ManyPage(
            action=action,
            job=job,
            form=form,
            error=None if error is None else error.sentence,
            may_be_together=job.total <= TOGETHER,
            each=mode == "each",
            csrf_token=generate_csrf(),
        )
        return self.door.render("many.html", view=page), 200 if error is None else error.status

    def _aim(self, jobs: Jobs, job: Job, action: Action, form: Any, mode: str) -> None:
        """Keep what was filled in, and find out what it would do."""
        names = tuple(field.name for field in form or ())
        parts = tuple(f"{name}-" for name in names)  # of a field that has fields
        pairs = [
            (name, text)
            for name, text in request.form.items(multi=True)
            if name in names or name.startswith(parts)
        ]
        if len(json.dumps(pairs)) > LARGEST_ORDER:
            abort(413, "Nothing was changed. Send less text.")
        chosen = job.chosen.partition("\n")[0] or "Ticked one by one"
        words = "\n".join([chosen, *form_words(form)])
        job = jobs.aim(job, action, [*pairs, ("mode", mode)], words)
        self._commit()
        if job.state != "checking":
            return
        if job.total <= TOGETHER:
            jobs.check(job, action, self.door.pipeline())
        else:
            self.door.extension.start_job(job.id)

    def _form(
        self, jobs: Jobs, job: Job, action: Action, data: Any
    ) -> tuple[Any, RefusedError | None]:
        """Return the form as the first user that it can be asked for has it."""
        pipeline, refused = self.door.pipeline(), None
        before = job.form if job.action == action.name else None
        for key in itertools.islice(self._likely(jobs, job, action), PROMPTS):
            try:
                prompt = pipeline.prompt(
                    action, key, data or before, sent=data is not None, many=job.total
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

    def _likely(self, jobs: Jobs, job: Job, action: Action) -> Iterator[str]:
        """Yield the keys of those whom an action makes sense for as they are."""
        directory = jobs.directory.among(action.among)
        for items in itertools.islice(jobs.pages(job), PAGES_SEARCHED):
            users = directory.users([str(item.user_key) for item in items])
            for user in users.values():
                if action.offered(user, directory.mapping):
                    yield str(user.key)

    # Doing

    def show_job(self, job_id: str) -> ResponseReturnValue:
        """Show what a job would do, how far it is, or what it did."""
        jobs = self._jobs()
        job = self._seen(jobs, job_id)
        if job.state == "picking":
            return redirect(url_for(".list_users"), 303)
        action = self.door.actions.get(job.action)
        expected = job.state in OPEN
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
        """Do what was tried, or go on with what was cut off. Sent twice, it is done once."""
        jobs = self._jobs()
        job = self._mine(jobs, job_id)
        action = self._action(job.action)
        answer = self.sessions.ask_to_sign_in_again() if action.fresh else None
        if answer is not None:
            return answer
        if job.state == "ready":
            job = jobs.queue(job)
            self._commit()
        if job.state == "checking":
            self.door.extension.start_job(job.id)
        elif job.state in WORKING:
            if job.total <= TOGETHER:
                jobs.run(job, action, self.door.pipeline)
            else:
                self.door.extension.start_job(job.id)
        return redirect(url_for(".show_job", job_id=job.id), 303)

    def cancel_job(self, job_id: str) -> ResponseReturnValue:
        """Stop a job after the unit it is at, or forget one that nothing was done of."""
        jobs = self._jobs()
        job = self._mine(jobs, job_id)
        if job.state in OPEN:
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
            yield csv_line(["No", "User", "Name", "Would become", "Became", "Why", "Entry"])
            for items in jobs.pages(job):
                keys = [item.user_key for item in items]
                names = {
                    key: name
                    for population in ("present", "deleted")
                    for key, name in jobs.directory.among(population).names(keys).items()
                }
                numbers = chain.find([request_id(job, item) for item in items])
                for item in items:
                    entry = numbers.get(request_id(job, item))
                    cells = [
                        item.n,
                        item.user_key,
                        names.get(item.user_key),
                        item.expected,
                        item.outcome,
                        item.why,
                        entry,
                    ]
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
        if job is None:
            abort(404, "There is no such job on this platform.")
        if job.state == "picking" and job.owner_id != self._owner_id():
            abort(403, f"This is a job of {job.actor_name}.")
        return job

    def _mine(self, jobs: Jobs, job_id: str) -> Job:
        job = self._seen(jobs, job_id)
        if job.owner_id != self._owner_id():
            abort(403, f"This is a job of {job.actor_name}.")
        return job

    def _list_arguments(self) -> dict[str, Any]:
        """Return the query string of the list that the form stands under."""
        wanted = self.door.list_arguments()
        return {name: wanted[name] for name in wanted if wanted[name] and name in request.args}

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
