"""What one person does to many users, and takes back, whichever door they come through.

The page, the JSON API and the command line order by this alone.
"""

import itertools
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy.exc import IntegrityError

from .actions import Action, Many, Undo
from .directory import ListQuery
from .errors import (
    ForbiddenError,
    HookError,
    InvalidError,
    NotFoundError,
    RefusedError,
    ReusedError,
    TooLargeError,
)
from .formatting import number
from .history import Event
from .i18n import _, english, joined, lazy
from .job_records import OPEN, TOGETHER, WORKING, Item, Job
from .jobs import Jobs, Progress, request_id_of, untold
from .orders import Order, Prompt, Result
from .pipeline import Pipeline
from .transaction import retried
from .wording import form_words

if TYPE_CHECKING:
    from .extension import PlatformUsers

MODES = ("together", "each")
"""All or nobody; or each on its own, and whoever cannot be done is left out."""

LARGEST_ORDER = 60_000
"""How many bytes a filled-in form may have that is kept; MariaDB's TEXT takes a little more."""

PICKED = 1000
"""So many keys are looked up at a time."""

PROMPTS = 50
"""For so many users it is tried to open a form, until one can be."""

PAGES_SEARCHED = 20
"""Through so many pages of a job's users somebody is sought whom the action makes sense for."""

NOBODY = lazy("Nobody is chosen.")

_TOO_LATE = lazy("This cannot be taken back any more.")


@dataclass(frozen=True, kw_only=True)
class Told:
    """One user of a job.

    Attributes:
        name: what they are called; None where they are gone.
        seq: the number of their entry in the history; None where there is none.
    """

    item: Item
    name: str | None
    seq: int | None


class Bulk:
    """The jobs of one platform, as one person makes and does them.

    Args:
        extension: the mount.
        platform: the key of the platform.
        pipeline: returns what acts on it for the person, as they are now.
        owner_id: Flask-Login's id of the person.
        address: where they order it from.
    """

    def __init__(
        self,
        extension: "PlatformUsers",
        platform: Any,
        pipeline: Callable[[], Pipeline],
        *,
        owner_id: str,
        address: str,
    ) -> None:
        self.extension = extension
        self.jobs: Jobs = extension.jobs(platform)
        self.pipeline = pipeline
        self.owner_id = owner_id
        self.address = address
        self.session: Any = self.jobs.session

    # Choosing, and asking

    def make(self, job_id: str | None = None) -> Job:
        """Begin to choose users. The caller commits."""
        pipeline = self.pipeline()
        return self.jobs.make(
            owner_id=self.owner_id,
            actor=pipeline.actor_id,
            actor_name=pipeline.actor_name,
            address=self.address,
            job_id=job_id,
        )

    def choose(self, job: Job, keys: Sequence[str]) -> None:
        """Choose users by their keys; those of nobody are left out. The caller commits."""
        for start in range(0, len(keys), PICKED):
            self.jobs.pick(self._again(job), keys[start : start + PICKED])
        with english():
            self.jobs.describe(job, _("Named by their keys"))

    def unknown(self, job: Job, keys: Collection[str]) -> list[str]:
        """Return those of some keys that are not among a job's users, each once and in order."""
        pages = self.jobs.pages(job) if keys else ()
        known = {str(item.user_key) for items in pages for item in items}
        return [key for key in dict.fromkeys(keys) if key not in known]

    def choose_all(self, job: Job, query: ListQuery) -> None:
        """Choose everybody whom a filter lets through, and note which. The caller commits."""
        self.jobs.pick_all(job, query)
        with english():
            chosen = _("All that matched %(filters)s", filters=query.told)
            self.jobs.describe(job, chosen if query.narrows else _("All users"))

    def form(self, job: Job, action: Action, data: Any = None) -> Any:
        """Return the form of an action, see ``prompt``; with ``data`` it has to be right.

        Raises:
            InvalidError: it is not filled in right.
            RefusedError: it cannot be done to any of them.
        """
        prompt = self.prompt(job, action, data, sent=data is not None)
        if data is not None and not prompt.valid:
            raise InvalidError(prompt.form)
        return prompt.form

    def prompt(self, job: Job, action: Action, data: Any = None, *, sent: bool = False) -> Prompt:
        """Return what the form of an action shows for the first user that it can be asked for.

        Args:
            job: those who were chosen.
            action: what is to be done to them.
            data: what was filled in; None to open it, as it was filled in before.
            sent: whether a person sent that, so that what is wrong with it is to be told.

        Raises:
            RefusedError: it cannot be done to any of them.
        """
        if not job.total:
            raise RefusedError(NOBODY)
        pipeline = self.pipeline()
        before = job.form if job.action == action.name else None
        why = ""
        for key in itertools.islice(self._likely(job, action), PROMPTS):
            try:
                return pipeline.prompt(action, key, data or before, sent=sent, many=job.total)
            except (NotFoundError, HookError):
                continue
            except RefusedError as error:
                why = error.sentence
        sentence = _("This cannot be done to any of those who are chosen.")
        raise RefusedError(joined(" ", [sentence, why] if why else [sentence]))

    def _likely(self, job: Job, action: Action) -> Iterator[str]:
        """Yield the keys of those whom an action makes sense for as they are."""
        directory = self.jobs.directory.among(action.among)
        for items in itertools.islice(self.jobs.pages(job), PAGES_SEARCHED):
            users = directory.users([str(item.user_key) for item in items])
            for user in users.values():
                if action.offered(user, directory.mapping):
                    yield str(user.key)

    def aim(self, job: Job, action: Action, form: Any, data: Any, **beside: str) -> Job:
        """Keep what is to be done to those who were chosen. The caller commits.

        Args:
            job: those who were chosen.
            action: what is to be done to them.
            form: its form, filled in right.
            data: what was sent, of which the fields of the form are kept.
            beside: what goes along, such as the ``mode``.

        Raises:
            TooLargeError: it is too much to be kept.
        """
        names = tuple(field.name for field in form or ())
        parts = tuple(f"{name}-" for name in names)  # of a field that has fields
        pairs = [
            (name, text)
            for name, text in data.items(multi=True)
            if name in names or name.startswith(parts)
        ]
        if len(json.dumps(pairs)) > LARGEST_ORDER:
            raise TooLargeError(_("Nothing was changed. Send less text."))
        with english():
            chosen = job.chosen.partition("\n")[0] or _("Ticked one by one")
            words = "\n".join([chosen, *form_words(form)])
        return self.jobs.aim(job, action, [*pairs, *beside.items()], words)

    def order(
        self,
        action: Action,
        choose: Callable[[Job], None],
        fill_in: Callable[[Any], Any],
        *,
        mode: str,
        dry_run: bool,
        request_id: str | None = None,
    ) -> Job:
        """Choose users and keep what is to be done to them, to be tried or done by ``go_on``.

        Args:
            action: what is to be done.
            choose: chooses users for a job.
            fill_in: returns the form as a browser would send it, given it as it opens.
            mode: one of ``MODES``.
            dry_run: whether it is only to be tried; a refusal is recorded otherwise.
            request_id: with the same one it is kept once, however often it is sent.

        Raises:
            InvalidError: the form is not filled in right.
            ReusedError: its id was sent before, with another request.
            RefusedError: it cannot be done.
        """

        def kept(made: Job) -> Job:
            choose(made)
            job = self._again(made)
            if mode == "together" and job.total > TOGETHER:
                raise RefusedError(
                    _(
                        "No more than %(most)s users are done all or nobody. These are %(total)s; "
                        "they can be done each on its own.",
                        most=number(TOGETHER),
                        total=number(job.total),
                    )
                )
            data = fill_in(self.form(job, action))
            form = self.form(job, action, data)
            job = self.aim(job, action, form, data, mode=mode, **_asked(request_id))
            return job if dry_run else self.jobs.queue(job, untried=True)

        try:
            return self._once(request_id, kept)
        except (InvalidError, ReusedError):
            raise
        except RefusedError as error:
            if not dry_run:
                self.record_refusal(action, error.sentence)
            raise

    def _once(self, request_id: str | None, keep: Callable[[Job], Job]) -> Job:
        """Make a job and keep it as it is then; or return what the same request has made."""

        def attempt() -> Job:
            self.session.rollback()
            job = self._ordered(request_id)
            if job is None:
                job = keep(self.make(request_id and request_id[:32]))
                self.session.commit()
            return job

        try:
            return retried(self.session, attempt)
        except IntegrityError:  # the same request, at the same moment
            self.session.rollback()
            again = self._ordered(request_id)
            if again is None:
                raise
            return again
        except BaseException:
            self.session.rollback()
            raise

    def _ordered(self, request_id: str | None) -> Job | None:
        """Return what was ordered before by the same request."""
        if request_id is None:
            return None
        job = self.jobs.get(request_id[:32])
        if job is None:
            used = self.pipeline().chain.is_reused(request_id)
        else:
            used = dict(job.data).get("asked") != request_id[32:]
        if used:
            raise ReusedError(_("This request's id was sent before, with another request."))
        return job

    # Doing

    def do(self, job: Job) -> Job:
        """Do what was tried, or go on with what was cut off. Sent twice, it is done once."""
        return self.go_on(self.confirm(job))

    def confirm(self, job: Job) -> Job:
        """Let be done what was tried; what goes on already, or is over, stays as it is.

        Raises:
            RefusedError: it was cancelled at the same moment.
        """
        if job.state == "ready":
            self._alone(lambda: self.jobs.queue(job))
        confirmed = self.jobs.get(job.id)
        if confirmed is None:
            raise RefusedError(_("This was cancelled. Nothing was done."))
        return confirmed

    def go_on(self, job: Job) -> Job:
        """Try or do what waits for it: at once if they are few, else outside of this request."""
        if job.state not in {"checking", *WORKING}:
            return job
        if job.total > TOGETHER:
            self.extension.start_job(job.id)
            return job
        return self.work(job)

    def work(self, job: Job, progress: Progress = untold) -> Job:
        """Try or do what waits for it, here and now, however many they are."""
        action = self.extension.action_of(self.jobs, job)
        if job.state != "checking":
            return self.jobs.run(job, action, self.pipeline, progress=progress)
        if action is None:
            raise RefusedError(_("The product does not offer this action any more."))
        return self.jobs.check(job, action, self.pipeline(), progress)

    def cancel(self, job: Job) -> Job | None:
        """Stop a job after the unit it is at; one that nothing was done of is forgotten (None).

        One that somebody confirms at the same moment is stopped.
        """

        def stop() -> None:
            if job.state not in OPEN or not self.jobs.discard(job):
                self.jobs.cancel(job)

        self._alone(stop)
        return self.jobs.get(job.id)

    def _alone(self, change: Callable[[], object]) -> None:
        """Change a job in a transaction that has not read it: somebody else may be at it."""

        def attempt() -> None:
            self.session.rollback()
            change()
            self.session.commit()

        retried(self.session, attempt)

    # Taking back

    def undo(self, event: Event, request_id: str | None = None) -> Result | Job:
        """Take back what an entry of the history tells, if nothing has touched it since.

        Returns:
            what became of it; where the entry is that of a job, another job, for ``go_on``: of
            exactly those of its users whom nothing has touched since.

        Raises:
            NotFoundError: the user is gone.
            RefusedError: it cannot be taken back, or not by this person.
            HookError: code of the host did what it must not.
        """
        if event.action == Many.name:
            return self.undo_job(event, dry_run=False, request_id=request_id)
        return self.pipeline().run(self.undoing(event, request_id))

    def undoing(self, event: Event, request_id: str | None = None) -> Order:
        """Return the order that takes back what was done to one user.

        Raises:
            RefusedError: it cannot be taken back.
        """
        original = next((a for a in self.extension.actions if a.name == event.action), None)
        key = "" if event.user_key is None else str(event.user_key)
        if original is None or not key:
            self.record_refusal(Undo(), _TOO_LATE, key)
            raise RefusedError(_TOO_LATE)
        return Order(
            action=Undo(original, seq=event.seq),
            key=key,
            request_id=request_id,
            address=self.address,
            once=request_id is not None,
        )

    def undo_job(self, event: Event, *, dry_run: bool, request_id: str | None = None) -> Job:
        """Return a job that takes another one back, to be tried or done by ``go_on``.

        Raises:
            RefusedError: it cannot be taken back, or not by this person.
        """
        done = self.jobs.ended_as(event.seq)
        original = None if done is None else self.extension.action_of(self.jobs, done)
        if done is None or original is None or not original.reversible:
            self.record_refusal(Undo(), _TOO_LATE)
            raise RefusedError(_TOO_LATE)
        self.require(Undo(original, job=done.id))

        def kept(job: Job) -> Job:
            self.jobs.pick_done(job, done)
            data = {"mode": "each", "undo": done.id} | _asked(request_id)
            job = self.jobs.aim(job, Undo(), list(data.items()), done.chosen)
            return job if dry_run else self.jobs.queue(job, untried=True)

        return self._once(request_id, kept)

    # Who may, and what is told

    def require(self, action: Action) -> None:
        """Refuse whoever may not do an action, and record that.

        Raises:
            ForbiddenError: they may not.
        """
        pipeline = self.pipeline()
        if not pipeline.policy.allows(pipeline.actor, action.permission):
            sentence = _("You may not do this: %(action)s.", action=action.label.lower())
            self.record_refusal(action, sentence)
            raise ForbiddenError(sentence)

    def require_own(self, job: Job, *, record: bool = False) -> None:
        """Refuse whoever did not order a job, and record that if they asked for a change.

        Raises:
            ForbiddenError: somebody else ordered it.
        """
        if job.owner_id == self.owner_id:
            return
        sentence = _("This is a job of %(name)s.", name=job.actor_name)
        action = self.extension.action_of(self.jobs, job)
        if record and action is not None:
            self.record_refusal(action, sentence)
        raise ForbiddenError(sentence)

    def record_refusal(self, action: Action, sentence: str, key: str = "") -> None:
        """Record that something was not done: to a user, or to many."""
        self.pipeline().refuse(Order(action=action, key=key, address=self.address), sentence)

    def report(self, job: Job) -> dict[str, Any]:
        """Return a job with what is counted of it, for ``JobSchema``. Three statements."""
        expected = self.jobs.outcomes(job, "expected")
        return {
            **vars(job),
            "mode": job.mode,
            "expected": expected if any(expected.values()) else None,
            "outcomes": self.jobs.outcomes(job),
            "reasons": [{"why": why, "users": number} for why, number in self.jobs.reasons(job)],
        }

    def told(self, job: Job, items: Sequence[Item]) -> list[Told]:
        """Return what became of some users of a job. At most three statements."""
        keys = [item.user_key for item in items]
        names = {
            key: name
            for population in ("present", "deleted")
            for key, name in self.jobs.directory.among(population).names(keys).items()
        }
        numbers = self.pipeline().chain.find([request_id_of(job, item) for item in items])
        return [
            Told(
                item=item,
                name=names.get(item.user_key),
                seq=numbers.get(request_id_of(job, item)),
            )
            for item in items
        ]

    def _again(self, job: Job) -> Job:
        found = self.jobs.get(job.id)
        if found is None:  # code of the host rolled back what was chosen
            raise RefusedError(NOBODY)
        return found


def _asked(request_id: str | None) -> dict[str, str]:
    """Return what is kept of a request beside its job's id, to know it again."""
    return {} if request_id is None else {"asked": request_id[32:]}
