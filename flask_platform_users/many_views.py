"""One action to many users: choosing them, trying it, doing it, and what became of each."""

from collections.abc import Iterator

from flask import Response, abort, redirect, request, stream_with_context, url_for
from flask.typing import ResponseReturnValue
from flask_wtf.csrf import generate_csrf

from .actions import Action
from .bulk import MODES, Bulk
from .door import Door, arguments_in
from .errors import InvalidError
from .headers import PART
from .history import csv_line
from .i18n import _, english, lazy
from .job_records import OPEN, TOGETHER, Job
from .pages.jobs import JobPage, JobsPage
from .pages.many import ManyPage
from .schemas import PER_PAGE
from .sessions import Sessions
from .transaction import retried

BY_HAND = ", then changed by hand"

GOES = {("keep", False), ("none", False), ("all", False), ("page", True), ("do", True)}
"""What the buttons of the list may say, each with whether it says where to."""

NOBODY = lazy("Nobody is chosen. Tick the users first.")

NO_ACTION = lazy("There is no such action for many users.")


class ManyViews:
    """Each view is about the jobs of whoever is signed in."""

    def __init__(self, door: Door, sessions: Sessions) -> None:
        self.door = door
        self.sessions = sessions

    # Choosing

    def pick(self) -> ResponseReturnValue:
        """Take what was ticked on a page of the list, and go on to where the button leads."""
        if max(len(request.form.getlist(name)) for name in ("key", "listed")) > PER_PAGE[-1]:
            abort(413, _("Nothing was changed: no page of the list has so many users."))
        if not any(action.for_many for action in self.door.allowed_actions()):
            abort(403)
        arguments = arguments_in(self.door.list_arguments())
        go, colon, what = request.form.get("go", "").partition(":")
        if (go, bool(colon and what)) not in GOES:
            abort(400, _("Nothing was changed: this form was not made here."))
        action = self._action(what) if go == "do" else None
        job = retried(self.door.extension.db.session, lambda: self._pick(go))
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
        bulk, ticked = self.door.bulk(), request.form.getlist("key")
        jobs = bulk.jobs
        job = jobs.picking(bulk.owner_id, lock=True)
        if job is None:
            if go != "all" and (go == "none" or not ticked):
                return None
            job = bulk.make()
        if go == "none":
            jobs.clear(job)
            jobs.describe(job, "")
        elif go == "all":
            bulk.choose_all(job, self.door.list_arguments()["query"])
        else:
            changed = jobs.pick(job, ticked, among=request.form.getlist("listed"))
            if changed and job.chosen and not job.chosen.endswith(BY_HAND):
                with english():
                    chosen = _("%(chosen)s, then changed by hand", chosen=job.chosen)
                jobs.describe(job, chosen)
        self._commit()
        return job

    def ask_many(self, job_id: str, name: str) -> ResponseReturnValue:
        """Ask what is to be done to those who were chosen, and try it."""
        action, bulk = self._action(name), self.door.bulk()
        job = self._own(bulk, job_id)
        answer = self.sessions.ask_to_sign_in_again() if action.fresh else None
        if answer is not None:
            return answer
        if job.state not in OPEN:
            return redirect(url_for(".show_job", job_id=job.id), 303)
        data = request.form if request.method == "POST" else None
        sent = data is not None and request.headers.get(PART) != "foreseen"
        mode = (job.form if data is None else data).get("mode", "together")
        if mode not in MODES:
            abort(400, _("Nothing was changed: this form was not made here."))
        prompt = bulk.prompt(job, action, data, sent=sent)
        error = InvalidError(prompt.form) if sent and not prompt.valid else None
        if sent and error is None:
            job = bulk.aim(job, action, prompt.form, data, mode=mode)
            self._commit()
            bulk.go_on(job)
            return redirect(url_for(".show_job", job_id=job.id), 303)
        page = ManyPage(
            action=action,
            job=job,
            form=prompt.form,
            user=prompt.user,
            foreseen=self.door.foreseen(prompt),
            error=None if error is None else error.sentence,
            may_be_together=job.total <= TOGETHER,
            each=mode == "each",
            csrf_token=generate_csrf(),
        )
        return self.door.render("many.html", view=page), 200 if error is None else error.status

    # Doing

    def show_job(self, job_id: str) -> ResponseReturnValue:
        """Show what a job would do, how far it is, or what it did."""
        bulk = self.door.bulk()
        job = self._seen(bulk, job_id)
        if job.state == "picking":
            return redirect(url_for(".list_users"), 303)
        return self.door.render(
            "job.html",
            view=JobPage(
                job=job,
                action=self.door.actions.get(job.action),
                mine=job.owner_id == bulk.owner_id,
                outcomes=bulk.jobs.outcomes(job, "expected" if job.state in OPEN else "outcome"),
                reasons=bulk.jobs.reasons(job),
                csrf_token=generate_csrf(),
            ),
        )

    def do_job(self, job_id: str) -> ResponseReturnValue:
        """Do what was tried, or go on with what was cut off. Sent twice, it is done once."""
        bulk = self.door.bulk()
        job = self._own(bulk, job_id)
        action = self.door.extension.action_of(bulk.jobs, job)
        if action is None:
            abort(404, NO_ACTION)
        bulk.require(action)
        answer = self.sessions.ask_to_sign_in_again() if action.fresh else None
        if answer is not None:
            return answer
        bulk.do(job)
        return redirect(url_for(".show_job", job_id=job.id), 303)

    def cancel_job(self, job_id: str) -> ResponseReturnValue:
        """Stop a job after the unit it is at, or forget one that nothing was done of."""
        bulk = self.door.bulk()
        job = bulk.cancel(self._own(bulk, job_id))
        if job is None:
            return redirect(url_for(".list_users"), 303)
        return redirect(url_for(".show_job", job_id=job.id), 303)

    def list_jobs(self) -> ResponseReturnValue:
        """Show the latest jobs of the platform."""
        return self.door.render(
            "jobs.html",
            view=JobsPage(jobs=self.door.bulk().jobs.latest(), actions=self.door.actions),
        )

    def export_job(self, job_id: str) -> ResponseReturnValue:
        """Send what became of each user as CSV."""
        bulk = self.door.bulk()
        job = self._seen(bulk, job_id)

        def lines() -> Iterator[str]:
            yield csv_line(["No", "User", "Name", "Would become", "Became", "Why", "Entry"])
            for items in bulk.jobs.pages(job):
                for told in bulk.told(job, items):
                    item = told.item
                    cells = [
                        item.n,
                        item.user_key,
                        told.name,
                        item.expected,
                        item.outcome,
                        item.why,
                        told.seq,
                    ]
                    yield csv_line(["" if cell is None else str(cell) for cell in cells])

        response = Response(stream_with_context(lines()), mimetype="text/csv")
        response.headers["Content-Disposition"] = "attachment; filename=job.csv"
        return response

    # What they share

    def _action(self, name: str) -> Action:
        action = self.door.actions.get(name)
        if action is None or not action.for_many or action.by_system:
            abort(404, NO_ACTION)
        self.door.require(action.name)
        return action

    def _seen(self, bulk: Bulk, job_id: str) -> Job:
        job = bulk.jobs.get(job_id)
        if job is None:
            abort(404, _("There is no such job on this platform."))
        if job.state == "picking":
            bulk.require_own(job)
        return job

    def _own(self, bulk: Bulk, job_id: str) -> Job:
        job = self._seen(bulk, job_id)
        bulk.require_own(job, record=request.method == "POST")
        return job

    def _commit(self) -> None:
        self.door.extension.db.session.commit()

    def _rollback(self) -> None:
        self.door.extension.db.session.rollback()
