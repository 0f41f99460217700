"""One action to many users: whom, what would become of each, and doing it.

A job is a row with one row for each of its users, fixed before anything is done: whoever joins the
filter afterwards is not touched. It is done in units of ``CHUNK`` users; what became of each is
written in the transaction of the change, so that a job that was cut off goes on where it was and
does nobody twice.
"""

import json
import logging
import secrets
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
from werkzeug.datastructures import MultiDict

from .actions import Action, Impact
from .audit import DONE, REFUSED, Chain, Entry
from .claims import LEASE, Claim, free
from .directory import Directory, ListQuery
from .errors import ForbiddenError, HookError, NotFoundError, RefusedError, StaleError
from .orders import Order, Result
from .pipeline import Outcome, Pipeline, summed
from .transaction import asks_again, begin, insert_all, retried

log = logging.getLogger(__name__)

TOGETHER = 200
"""Up to so many users are done within the request, all of them or none."""

LARGEST = 100_000
"""So many users a job may have."""

CHUNK = 500
"""So many users are done in one transaction."""

OPEN = ("picking", "checking", "ready")
"""The states of a job that nothing was done of yet."""

WORKING = ("queued", "running", "cancelling")
"""The states of a job that goes on."""


@dataclass(frozen=True, kw_only=True)
class Job:
    """One action to many users.

    Attributes:
        action: the action's name; empty while users are picked.
        data: the form, as pairs of a field and its text.
        chosen: how the users were chosen and what was filled in, in words, a line each.
        owner_id: Flask-Login's id of the person who ordered it.
        actor: by what the history knows them.
        state: one of ``OPEN`` or ``WORKING``, or ``done``, ``cancelled``, ``stopped``.
        why: why it stopped.
        impact: what it means, summed over all who change.
        seq: the number of its entry in the history, once it has ended.
        total: how many users it has.
        left: how many nothing was done to yet.
    """

    id: str
    action: str
    data: Sequence[tuple[str, str]]
    chosen: str
    owner_id: str
    actor: str | None
    actor_name: str
    address: str
    state: str
    why: str
    impact: Sequence[Impact]
    seq: int | None
    made_at: datetime
    started_at: datetime | None
    ended_at: datetime | None
    total: int
    left: int

    @property
    def form(self) -> MultiDict[str, str]:
        """The form, as WTForms takes it."""
        return MultiDict(self.data)

    @property
    def together(self) -> bool:
        """Whether all of it is done in one transaction, or nothing."""
        return self.total <= TOGETHER and dict(self.data).get("mode") != "each"

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.state not in (*OPEN, *WORKING)


@dataclass(frozen=True, kw_only=True)
class Item:
    """One user of a job.

    Attributes:
        expected: what the trial said would become of them.
        outcome: what became of them; None as long as nothing was done.
        why: why they were left out.
    """

    n: int
    user_key: Any
    expected: str | None
    outcome: str | None
    why: str


class Jobs:
    """Makes, tries, does and reads the jobs of one platform.

    Args:
        directory: reads the platform.
        lease: how long a job belongs to who works on it, after their last sign of life.
    """

    def __init__(self, directory: Directory, *, lease: timedelta = LEASE) -> None:
        self.directory = directory
        self.lease = lease
        self.session: Any = directory.session
        self.job = directory.mapping.tables.job
        self.item = directory.mapping.tables.job_item

    # Choosing

    def picking(self, owner_id: str, *, lock: bool = False) -> Job | None:
        """Return what a person is choosing users for. One statement.

        With ``lock`` nobody else chooses for it until the transaction ends.
        """
        job = self.job.c
        found = self._select(job.owner_id == owner_id, job.state == "picking")
        found = found.order_by(job.made_at, job.id).limit(1)
        row = self._execute(found.with_for_update() if lock else found).first()
        return None if row is None else _job(row)

    def make(self, *, owner_id: str, actor: str | None, actor_name: str, address: str = "") -> Job:
        """Begin to choose users. The caller commits."""
        job_id = secrets.token_hex(16)
        self._execute(
            sa.insert(self.job).values(
                platform_key=self.directory.platform,
                id=job_id,
                action="",
                data="[]",
                chosen="",
                owner_id=owner_id,
                actor=actor,
                actor_name=actor_name[:255],
                address=address[:64],
                state="picking",
                why="",
                impact="[]",
                made_at=self.directory.now(),
            )
        )
        found = self.get(job_id)
        assert found is not None  # noqa: S101  (it was written just now)
        return found

    def pick(self, job: Job, keys: Collection[str], *, among: Collection[str] = ()) -> bool:
        """Choose users, and none of the others ``among`` whom they were shown.

        Keys that are of nobody on this platform are left out. The caller commits.

        Returns:
            whether that made a difference.
        """
        item, directory = self.item, self.directory
        known = self._known(keys)
        kept, removed = set(map(str, known)), 0
        dropped = [key for key in among if key not in kept]
        if dropped:
            them = directory.holds(item.c.user_key, *dropped)
            removed = self._execute(sa.delete(item).where(*self._of(job), them)).rowcount
        already = self.picked(job, known)
        new = [key for key in known if key not in already]
        if not new:
            return bool(removed)
        n = self._execute(
            sa.select(sa.func.coalesce(sa.func.max(item.c.n), 0)).where(*self._of(job))
        ).scalar_one()
        if job.total - removed + len(new) > LARGEST:
            raise RefusedError(f"At most {LARGEST:,} users can be chosen at once.")
        rows = [
            {**self._key(job), "n": n + place, "user_key": key, "why": ""}
            for place, key in enumerate(new, start=1)
        ]
        insert_all(self.session, item, rows, self.directory.mapping.bind)
        return True

    def describe(self, job: Job, chosen: str) -> None:
        """Say in words how the users were chosen. The caller commits."""
        self._execute(sa.update(self.job).where(*self._is(job)).values(chosen=chosen))

    def pick_all(self, job: Job, query: ListQuery) -> None:
        """Choose everybody whom a filter lets through now, and nobody else. The caller commits."""
        found = self.directory.keys(query)
        numbered = found.add_columns(
            sa.func.row_number().over(order_by=found.selected_columns.key).label("n")
        ).subquery()
        number = self._execute(
            sa.select(sa.func.count()).select_from(found.limit(LARGEST + 1).subquery()),
            self.directory.moment,
        ).scalar_one()
        if number > LARGEST:
            raise RefusedError(f"At most {LARGEST:,} users can be chosen at once.")
        self.clear(job)
        self._add(job, sa.select(numbered.c.n, numbered.c.key), self.directory.moment)

    def pick_done(self, job: Job, earlier: Job) -> None:
        """Choose whom an earlier job changed. The caller commits."""
        item = self.item.c
        changed = sa.select(item.n, item.user_key)
        self._add(job, changed.where(*self._of(earlier), item.outcome == "done"))

    def _add(self, job: Job, found: sa.Select[Any], values: Any = None) -> None:
        """Choose users by a statement that selects a number and a key of each."""
        columns = self._key(job) | {"why": ""}
        kept = [sa.literal(value, self.item.c[name].type) for name, value in columns.items()]
        into = sa.insert(self.item).from_select(
            ["n", "user_key", *columns], found.add_columns(*kept)
        )
        self._execute(into, values)

    def clear(self, job: Job) -> None:
        """Choose nobody. The caller commits."""
        self._execute(sa.delete(self.item).where(*self._of(job)))

    def discard(self, job: Job) -> None:
        """Forget a job that nothing was done of. The caller commits."""
        self.clear(job)
        self._execute(sa.delete(self.job).where(*self._is(job), self.job.c.state.in_(OPEN)))

    def aim(self, job: Job, action: Action, data: Sequence[tuple[str, str]], chosen: str) -> Job:
        """Say what is to be done to those who were chosen. The caller commits.

        A job that goes on already, or is over, stays as it is.
        """
        return self._set(
            job,
            self.job.c.state.in_(OPEN),
            action=action.name,
            data=json.dumps([list(pair) for pair in data]),
            chosen=chosen,
            state="checking",
            impact="[]",
            claimed_by=None,
            claimed_until=None,
        )

    # Trying

    def check(self, job: Job, action: Action, pipeline: Pipeline) -> Job:
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
            after = items[-1].n
        self._execute(
            sa.update(self.job)
            .where(*self._is(job), self.job.c.claimed_by == claim.by)
            .values(
                state="ready",
                impact=json.dumps([vars(line) for line in lines]),
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
    ) -> Job:
        """Do what is left of a job, until it has ended or somebody else works on it.

        Args:
            job: what was queued, or was cut off.
            action: what to do; None if the mount has no such action any more.
            pipeline: returns what acts for the person who ordered it, as they are now; None if
                they are gone.
            chain: the platform's history, which is told of the end even if they are gone.
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
            after = items[-1].n
        return self._again(job)

    def _verdict(
        self, job: Job, action: Action | None, pipeline: Pipeline | None
    ) -> tuple[str, str]:
        """Return as what a job has to end before its next unit, and why; nothing if it goes on."""
        is_now = sa.select(self.job.c.state).where(*self._is(job))
        if self._execute(is_now).scalar() == "cancelling":
            return "cancelled", "It was cancelled."
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
            return "The product does not offer this action any more."
        if pipeline is None:
            return "Whoever ordered it is gone, blocked or signed out for good."
        policy, actor = pipeline.policy, pipeline.actor
        if policy.platform_of(actor) != self.directory.platform:
            return "Whoever ordered it does not run this platform any more."
        if not policy.allows(actor, action.permission):
            return f"Whoever ordered it may not do this any more: {action.label.lower()}."
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
            entry = self._entry(job, action, state, why)
            seq = None if chain is None else chain.append(entry, now)
            self._set(job, state=state, why=why[:1000], ended_at=now, seq=seq)
            self.session.commit()

        retried(self.session, attempt)
        return self._again(job)

    def _entry(self, job: Job, action: Action | None, state: str, why: str) -> Entry:
        outcomes = self.outcomes(job)
        labels = {"done": "Changed", "unchanged": "Unchanged", "left": "Left out"}
        counts = {labels[name]: ("", f"{n:,}") for name, n in outcomes.items() if n}
        return Entry(
            action="many",
            outcome=REFUSED if state == "stopped" and not outcomes["done"] else DONE,
            actor=job.actor,
            actor_name=job.actor_name,
            changes={"Action": ("", action.label if action else job.action), **counts},
            reason=why or dict(job.data).get("reason", ""),
            request_id=job.id,
            address=job.address,
        )

    # Reading

    def get(self, job_id: str) -> Job | None:
        """Return a job. One statement."""
        return self._first(self.job.c.id == job_id)

    def ended_as(self, seq: int) -> Job | None:
        """Return the job whose entry in the history has this number. One statement."""
        return self._first(self.job.c.seq == seq)

    def latest(self, owner_id: str | None = None, limit: int = 50) -> list[Job]:
        """Return the latest jobs that were done or go on, of one person or of all."""
        mine: list[Any] = [self.job.c.state.not_in(OPEN)]
        if owner_id is not None:
            mine.append(self.job.c.owner_id == owner_id)
        statement = self._select(*mine).order_by(self.job.c.made_at.desc()).limit(limit)
        return [_job(row) for row in self._execute(statement)]

    def outcomes(self, job: Job, column: str = "outcome") -> dict[str, int]:
        """Count the users of a job by what became, or would become, of them. One statement."""
        counted = self.item.c[column]
        statement = sa.select(counted, sa.func.count()).where(*self._of(job)).group_by(counted)
        found = {name: number for name, number in self._execute(statement) if name}
        return {name: found.get(name, 0) for name in ("done", "unchanged", "left")}

    def reasons(self, job: Job, limit: int = 20) -> list[tuple[str, int]]:
        """Return why users are left out, the commonest first. One statement."""
        number = sa.func.count().label("number")
        statement = (
            sa.select(self.item.c.why, number)
            .where(*self._of(job), self.item.c.why != "")
            .group_by(self.item.c.why)
            .order_by(number.desc(), self.item.c.why)
            .limit(limit)
        )
        return [(why, int(count)) for why, count in self._execute(statement)]

    def pages(self, job: Job, size: int = 500) -> Iterator[list[Item]]:
        """Yield the users of a job in order, a few at a time."""
        after = 0
        while found := self._page(job, after=after, limit=size):
            yield found
            after = found[-1].n

    def picked(self, job: Job, keys: Collection[Any]) -> set[Any]:
        """Return which of some users are among those of a job. One statement."""
        column = self.item.c.user_key
        statement = sa.select(column).where(*self._of(job), column.in_(keys))
        return set(self._execute(statement).scalars()) if keys else set()

    # How

    def _orders(self, job: Job, action: Action, items: Sequence[Item]) -> list[Order]:
        form = job.form  # the same one for all: the pipeline checks it once where it can
        return [
            Order(
                action=action,
                key=str(item.user_key),
                data=form,
                request_id=request_id(job, item),
                address=job.address,
                many=job.total,
            )
            for item in items
        ]

    def _known(self, keys: Collection[str]) -> list[Any]:
        """Return the values of those keys that are of users of this platform, once each."""
        found: dict[Any, None] = {}
        texts = list(dict.fromkeys(keys))
        for start in range(0, len(texts), 1000):
            some = texts[start : start + 1000]
            for population in ("present", "deleted"):
                people = self.directory.among(population)
                found |= dict.fromkeys(people.known(some))
        return list(found)

    def _next(self, job: Job, after: int, *where: Any) -> list[Item]:
        return self._page(job, *where, limit=TOGETHER if job.together else CHUNK, after=after)

    def _page(self, job: Job, *where: Any, limit: int, after: int) -> list[Item]:
        item = self.item.c
        statement = (
            sa.select(item.n, item.user_key, item.expected, item.outcome, item.why)
            .where(*self._of(job), *where, item.n > after)
            .order_by(item.n)
            .limit(limit)
        )
        return [Item(**row._mapping) for row in self._execute(statement)]

    def _write(
        self, job: Job, items: Sequence[Item], outcomes: Sequence[Outcome], *, column: str
    ) -> None:
        """Write what became of some users, in the transaction in which it did."""
        same: dict[tuple[str, str], list[int]] = defaultdict(list)
        for item, outcome in zip(items, outcomes, strict=True):
            if isinstance(outcome, Result):
                same["unchanged" if outcome.outcome == "unchanged" else "done", ""].append(item.n)
            else:
                same["left", _sentence(outcome)[:500]].append(item.n)
        for (became, why), numbers in same.items():
            self._execute(
                sa.update(self.item)
                .where(*self._of(job), self.item.c.n.in_(numbers))
                .values({column: became, "why": why})
            )

    def _key(self, job: Job) -> dict[str, Any]:
        return {"platform_key": self.directory.platform, "job_id": job.id}

    def _is(self, job: Job) -> tuple[Any, ...]:
        return (self.job.c.platform_key == self.directory.platform, self.job.c.id == job.id)

    def _of(self, job: Job) -> tuple[Any, ...]:
        item = self.item.c
        return (item.platform_key == self.directory.platform, item.job_id == job.id)

    def _set(self, job: Job, *where: Any, **values: Any) -> Job:
        self._execute(sa.update(self.job).where(*self._is(job), *where).values(**values))
        return self._again(job)

    def _again(self, job: Job) -> Job:
        return self._first(self.job.c.id == job.id) or job

    def _first(self, *where: Any) -> Job | None:
        row = self._execute(self._select(*where)).first()
        return None if row is None else _job(row)

    def _select(self, *where: Any) -> sa.Select[Any]:
        job, item = self.job.c, self.item.c
        mine = (
            sa.select(sa.func.count())
            .where(item.platform_key == job.platform_key, item.job_id == job.id)
            .correlate(self.job)
        )
        left = mine.where(item.outcome.is_(None)).scalar_subquery().label("left")
        return sa.select(self.job, mine.scalar_subquery().label("total"), left).where(
            job.platform_key == self.directory.platform, *where
        )

    def _execute(self, statement: Any, values: Any = None) -> Any:
        bind = self.directory.mapping.bind
        with self.session.no_autoflush:
            return self.session.execute(statement, values, bind_arguments=bind)


def request_id(job: Job, item: Item) -> str:
    """Return by what the history knows that a user was done by a job."""
    return f"{job.id}.{item.n}"


def due(session: Any, job: sa.Table, bind: dict[str, Any], now: datetime) -> list[tuple[Any, str]]:
    """Return platform and id of the jobs that nobody works on, on all platforms."""
    statement = (
        sa.select(job.c.platform_key, job.c.id)
        .where(job.c.state.in_(("checking", *WORKING)), free(job, now))
        .order_by(job.c.made_at)
    )
    return [(row.platform_key, row.id) for row in session.execute(statement, bind_arguments=bind)]


def _job(row: Any) -> Job:
    values = dict(row._mapping)
    for unused in ("platform_key", "claimed_by", "claimed_until"):
        del values[unused]
    values["data"] = [(name, text) for name, text in json.loads(row.data)]
    values["impact"] = [Impact(**line) for line in json.loads(row.impact)]
    return Job(**values)


def _refusal(error: Exception) -> Outcome:
    return error if isinstance(error, RefusedError) else RefusedError(_sentence(error))


def _sentence(error: Exception) -> str:
    """Say why a user is left out; who is foreign and who is gone are the same."""
    if isinstance(error, NotFoundError):
        return "There is no such user on this platform."
    if isinstance(error, StaleError):
        return "The user changed in the meantime."
    if isinstance(error, RefusedError):
        form: Any = getattr(error, "form", None)
        messages = [text for texts in (form.errors if form else {}).values() for text in texts]
        return " ".join(messages) or error.sentence
    if isinstance(error, HookError):
        return f"The product could not do its part ({error.hook})."
    return "The database failed."
