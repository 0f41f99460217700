"""Jobs as they are kept: a row of each, and one for each of its users."""

import json
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import sqlalchemy as sa
from werkzeug.datastructures import MultiDict

from .actions import Impact
from .arrays import one_of
from .claims import LEASE, free
from .directory import Directory
from .models import Tables
from .transaction import retried

TOGETHER = 200
"""Up to so many users are done within the request, all of them or none."""

PER_PAGE = 50
"""So many jobs are listed at a time."""

ABANDONED = timedelta(days=1)
"""So long a choice or a trial is kept that nobody goes on with."""

OPEN = ("picking", "checking", "ready")
"""The states of a job that nothing was done of yet."""

WORKING = ("queued", "running", "cancelling")
"""The states of a job that goes on."""

STATES = (*OPEN, *WORKING, "done", "cancelled", "stopped")
"""All states of a job."""


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
    def mode(self) -> str:
        """Whether all are done or nobody (``together``), or ``each`` on its own."""
        return "together" if self.together else "each"

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


class JobRecords:
    """Reads the jobs of one platform.

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

    def get(self, job_id: str) -> Job | None:
        """Return a job. One statement."""
        return self._first(self.job.c.id == job_id)

    def ended_as(self, seq: int) -> Job | None:
        """Return the job whose entry in the history has this number. One statement."""
        return self._first(self.job.c.seq == seq)

    def latest(
        self, owner_id: str | None = None, *, limit: int = PER_PAGE, before: Job | None = None
    ) -> list[Job]:
        """Return the latest jobs that were done or go on, of one person or of all.

        Args:
            owner_id: whose; None for everybody's.
            limit: at most so many.
            before: only those made before this one.
        """
        job = self.job.c
        wanted: list[Any] = [job.state.not_in(OPEN)]
        if owner_id is not None:
            wanted.append(job.owner_id == owner_id)
        if before is not None:
            same = (job.made_at == before.made_at) & (job.id < before.id)
            wanted.append((job.made_at < before.made_at) | same)
        statement = self._select(*wanted).order_by(job.made_at.desc(), job.id.desc()).limit(limit)
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
        while found := self.page(job, after=after, limit=size):
            yield found
            after = found[-1].n

    def picked(self, job: Job, keys: Collection[Any]) -> set[Any]:
        """Return which of some users are among those of a job. One statement."""
        column, bind = self.item.c.user_key, self.directory.mapping.bind
        chosen = one_of(self.session, column, keys, bind)
        return set(self._execute(sa.select(column).where(*self._of(job), chosen)).scalars())

    def page(self, job: Job, *where: Any, limit: int, after: int = 0) -> list[Item]:
        """Return some users of a job in order, from behind a number on. One statement."""
        item = self.item.c
        statement = (
            sa.select(item.n, item.user_key, item.expected, item.outcome, item.why)
            .where(*self._of(job), *where, item.n > after)
            .order_by(item.n)
            .limit(limit)
        )
        return [Item(**row._mapping) for row in self._execute(statement)]

    # How

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
        return self._read(self._select(*where))

    def _read(self, statement: sa.Select[Any]) -> Job | None:
        row = self._execute(statement).first()
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


def due(session: Any, job: sa.Table, bind: dict[str, Any], now: datetime) -> list[tuple[Any, str]]:
    """Return platform and id of the jobs that nobody works on, on all platforms."""
    statement = (
        sa.select(job.c.platform_key, job.c.id)
        .where(job.c.state.in_(("checking", *WORKING)), free(job, now))
        .order_by(job.c.made_at)
    )
    return [(row.platform_key, row.id) for row in session.execute(statement, bind_arguments=bind)]


def forget_abandoned(session: Any, tables: Tables, bind: dict[str, Any], now: datetime) -> int:
    """Forget choices and trials that were left behind, on all platforms; return how many.

    Each in a transaction of its own, which finds out by itself whether somebody went on with it.
    """
    job, item = tables.job.c, tables.job_item.c
    left = (job.state.in_(OPEN), job.made_at < now - ABANDONED, free(tables.job, now))

    def execute(statement: Any) -> Any:
        return session.execute(statement, bind_arguments=bind)

    def forget(platform: Any, job_id: str) -> bool:
        session.rollback()
        mine = sa.delete(tables.job).where(job.platform_key == platform, job.id == job_id, *left)
        forgotten = bool(execute(mine).rowcount)
        if forgotten:
            users = (item.platform_key == platform, item.job_id == job_id)
            execute(sa.delete(tables.job_item).where(*users))
        session.commit()
        return forgotten

    found = execute(sa.select(job.platform_key, job.id).where(*left)).all()
    return sum(retried(session, partial(forget, *row)) for row in found)


def _job(row: Any) -> Job:
    values = dict(row._mapping)
    for unused in ("platform_key", "claimed_by", "claimed_until"):
        del values[unused]
    values["data"] = [(name, text) for name, text in json.loads(row.data)]
    values["impact"] = [Impact(**line) for line in json.loads(row.impact)]
    return Job(**values)
