"""One action to many users: whom, what would become of each, and doing it.

A job is a row with one row for each of its users, fixed before anything is done: whoever joins the
filter afterwards is not touched. It is done in units of ``CHUNK`` users; what became of each is
written in the transaction of the change, so that a job that was cut off goes on where it was and
does nobody twice.
"""

import json
import logging
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from .actions import Action, Impact
from .arrays import one_of
from .audit import DONE, REFUSED, Chain, Entry
from .choosing import Choosing
from .claims import Claim
from .errors import NO_USER, ForbiddenError, HookError, NotFoundError, RefusedError, StaleError
from .i18n import _, english, joined, kept
from .job_records import TOGETHER, WORKING, Item, Job
from .orders import Order, Result
from .pipeline import Outcome, Pipeline, summed
from .transaction import asks_again, begin, retried

log = logging.getLogger(__name__)

CHUNK = 500
"""So many users are done in one transaction."""

Progress = Callable[[int], None]


def untold(_: int) -> None:
    """Tell nobody of the progress."""


class Jobs(Choosing):
    """Tries and does the jobs of one platform."""

    # Trying

    def check(
        self, job: Job, action: Action, pipeline: Pipeline, progress: Progress = untold
    ) -> Job:
        """Find out, without doing anything, what would become of each. It commits as it goes.

        Nothing happens while somebody else does that.
        """
        claim = Claim(self.directory, job.id, self.lease)
        if not claim.take(["checking"]):
            return self._again(job)
        self._execute(sa.update(self.item).where(*self._of(job)).values(expected=None, why=""))
        lines: list[Impact] = []
        after = 0
        while items := self._next(job, after):
            outcomes, impact = self._try(job, action, pipeline, items)
            if not claim.renew():  # it was begun anew, perhaps with another form
                self.session.rollback()
                return self._again(job)
            lines = summed([*lines, *impact])
            self._write(job, items, outcomes, column="expected")
            self.session.commit()
            progress(len(items))
            after = items[-1].n
        self._execute(
            sa.update(self.job)
            .where(*self._is(job), self.job.c.claimed_by == claim.by)
            .values(
                state="ready",
                impact=json.dumps([vars(line) | {"what": kept(line.what)} for line in lines]),
                claimed_by=None,
                claimed_until=None,
            )
        )
        self.session.commit()
        return self._again(job)

    def _try(
        self, job: Job, action: Action, pipeline: Pipeline, items: Sequence[Item]
    ) -> tuple[list[Outcome], list[Impact]]:
        try:
            return pipeline.preview(self._orders(job, action, items))
        except (HookError, RefusedError) as error:
            if len(items) == 1:
                return [_refusal(error)], []
        outcomes, lines = [], []
        for item in items:
            one, impact = self._try(job, action, pipeline, [item])
            outcomes += one
            lines += impact
        return outcomes, summed(lines)

    # Doing

    def queue(self, job: Job, *, untried: bool = False) -> Job:
        """Let a job that was tried be done, or one that needs no trial. The caller commits."""
        self._execute(
            sa.update(self.job)
            .where(*self._is(job), self.job.c.state == ("checking" if untried else "ready"))
            .values(state="queued", started_at=self.directory.now())
        )
        return self._again(job)

    def cancel(self, job: Job) -> Job:
        """Ask a job to stop after the unit it is at. The caller commits."""
        self._execute(
            sa.update(self.job)
            .where(*self._is(job), self.job.c.state.in_(WORKING))
            .values(state="cancelling")
        )
        return self._again(job)

    def run(
        self,
        job: Job,
        action: Action | None,
        pipeline: Callable[[], Pipeline | None],
        *,
        chain: Chain | None = None,
        progress: Progress = untold,
    ) -> Job:
        """Do what is left of a job, until it has ended or somebody else works on it.

        Args:
            job: what was queued, or was cut off.
            action: what to do; None if the mount has no such action any more.
            pipeline: returns what acts for the person who ordered it, as they are now; None if
                they are gone.
            chain: the platform's history, which is told of the end even if they are gone.
            progress: is told after each unit of how many users it was.
        """
        claim = Claim(self.directory, job.id, self.lease)
        if not claim.take(WORKING):
            return self._again(job)
        self._execute(
            sa.update(self.job)
            .where(*self._is(job), self.job.c.state == "queued")
            .values(state="running")
        )
        self.session.commit()
        after = 0
        while claim.holds():
            works = pipeline()
            state, why = self._verdict(job, action, works)
            items = [] if state else self._next(job, after, self.item.c.outcome.is_(None))
            if action is None or works is None or not items:
                history = chain if works is None else works.chain
                return self._end(job, action, state or "done", why, history, claim)
            try:
                self._do(job, action, works, items, claim)
            except RefusedError as error:  # all or nothing, or they may not act any more
                return self._end(job, action, "stopped", error.sentence, works.chain, claim)
            progress(len(items))
            after = items[-1].n
        return self._again(job)

    def _verdict(
        self, job: Job, action: Action | None, pipeline: Pipeline | None
    ) -> tuple[str, str]:
        """Return as what a job has to end before its next unit, and why; nothing if it goes on."""
        is_now = sa.select(self.job.c.state).where(*self._is(job))
        if self._execute(is_now).scalar() == "cancelling":
            return "cancelled", _("It was cancelled.")
        refusal = self._why_not(action, pipeline)
        return ("stopped", refusal) if refusal else ("", "")

    def _do(
        self, job: Job, action: Action, pipeline: Pipeline, items: Sequence[Item], claim: Claim
    ) -> None:
        """Do one unit; if the host's code misbehaves in it, each of its users alone."""

        def then(outcomes: Sequence[Outcome]) -> None:
            self._write(job, items, outcomes, column="outcome")
            claim.renew()

        try:
            pipeline.run_all(self._orders(job, action, items), each=not job.together, then=then)
        except (HookError, RefusedError, NotFoundError, DBAPIError) as error:
            if job.together:
                raise RefusedError(_sentence(error)) from error
            if isinstance(error, DBAPIError) and asks_again(error):
                raise  # it is nobody's fault: the job goes on later
            if len(items) > 1:
                for item in items:
                    self._do(job, action, pipeline, [item], claim)
                return
            if isinstance(error, ForbiddenError):
                raise
            log.exception("User %s of job %s failed", items[0].user_key, job.id)
            self._write(job, items, [_refusal(error)], column="outcome")
            claim.renew()
            self.session.commit()

    def _why_not(self, action: Action | None, pipeline: Pipeline | None) -> str:
        """Return why nobody may go on; empty if they may."""
        if action is None:
            return _("The product does not offer this action any more.")
        if pipeline is None:
            return _("Whoever ordered it is gone, blocked or signed out for good.")
        policy, actor = pipeline.policy, pipeline.actor
        if policy.platform_of(actor) != self.directory.platform:
            return _("Whoever ordered it does not run this platform any more.")
        if not policy.allows(actor, action.permission):
            return _(
                "Whoever ordered it may not do this any more: %(action)s.",
                action=action.label.lower(),
            )
        return ""

    def _end(
        self,
        job: Job,
        action: Action | None,
        state: str,
        why: str,
        chain: Chain | None,
        claim: Claim,
    ) -> Job:
        """End it, and record it once beside what was recorded of each user."""

        def attempt() -> None:
            if chain is None:
                self.session.rollback()
            else:
                begin(chain)
            if not claim.renew():
                self.session.rollback()
                return
            now = self.directory.now()
            with english():
                entry = self._entry(job, action, state, kept(why))
            seq = None if chain is None else chain.append(entry, now)
            self._set(job, state=state, why=kept(why)[:1000], ended_at=now, seq=seq)
            self.session.commit()

        retried(self.session, attempt)
        return self._again(job)

    def _entry(self, job: Job, action: Action | None, state: str, why: str) -> Entry:
        outcomes = self.outcomes(job)
        labels = {"done": _("Changed"), "unchanged": _("Unchanged"), "left": _("Left out")}
        counts = {labels[name]: ("", f"{n:,}") for name, n in outcomes.items() if n}
        return Entry(
            action="many",
            outcome=REFUSED if state == "stopped" and not outcomes["done"] else DONE,
            actor=job.actor,
            actor_name=job.actor_name,
            changes={_("Action"): ("", str(action.label) if action else job.action), **counts},
            reason=why or dict(job.data).get("reason", ""),
            request_id=job.id,
            address=job.address,
        )

    # How

    def _orders(self, job: Job, action: Action, items: Sequence[Item]) -> list[Order]:
        form = job.form  # the same one for all: the pipeline checks it once where it can
        return [
            Order(
                action=action,
                key=str(item.user_key),
                data=form,
                request_id=request_id_of(job, item),
                address=job.address,
                many=job.total,
            )
            for item in items
        ]

    def _next(self, job: Job, after: int, *where: Any) -> list[Item]:
        return self.page(job, *where, limit=TOGETHER if job.together else CHUNK, after=after)

    def _write(
        self, job: Job, items: Sequence[Item], outcomes: Sequence[Outcome], *, column: str
    ) -> None:
        """Write what became of some users, in the transaction in which it did."""
        same: dict[tuple[str, str], list[int]] = defaultdict(list)
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, Result):
                same["unchanged" if outcome.outcome == "unchanged" else "done", ""].append(item.n)
            else:
                same["left", kept(_sentence(outcome))[:500]].append(item.n)
        bind = self.directory.mapping.bind
        for (became, why), numbers in same.items():
            self._execute(
                sa.update(self.item)
                .where(*self._of(job), one_of(self.session, self.item.c.n, numbers, bind))
                .values({column: became, "why": why})
            )


def request_id_of(job: Job, item: Item) -> str:
    """Return by what the history knows that a user was done by a job."""
    return f"{job.id}.{item.n}"


def _refusal(error: Exception) -> Outcome:
    return error if isinstance(error, RefusedError) else RefusedError(_sentence(error))


def _sentence(error: Exception) -> str:
    """Say why a user is left out; who is foreign and who is gone are the same."""
    if isinstance(error, NotFoundError):
        return NO_USER
    if isinstance(error, StaleError):
        return _("The user changed in the meantime.")
    if isinstance(error, RefusedError):
        form: Any = getattr(error, "form", None)
        messages = [text for texts in (form.errors if form else {}).values() for text in texts]
        return joined(" ", messages) or error.sentence
    if isinstance(error, HookError):
        return _("The product could not do its part (%(hook)s).", hook=error.hook)
    return _("The database failed.")
