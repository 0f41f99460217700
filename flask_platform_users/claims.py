"""Who works on a job: one at a time, for as long as they give a sign of life."""

import secrets
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from .directory import Directory

LEASE = timedelta(seconds=60)
"""So long a job belongs to who works on it, after their last sign of life."""


class Claim:
    """One worker's right to a job.

    It keeps two from doing the same work, not from doing a user twice: whoever is late finds in
    the history what was done.

    Args:
        directory: reads the platform of the job.
        job_id: the job.
        lease: how long it lasts without a sign of life.
    """

    def __init__(self, directory: Directory, job_id: str, lease: timedelta) -> None:
        self.directory = directory
        self.lease = lease
        self.job = directory.mapping.tables.job
        self.by = secrets.token_hex(16)
        self.mine = (self.job.c.platform_key == directory.platform, self.job.c.id == job_id)

    def take(self, states: Collection[str]) -> bool:
        """Take a job that is in one of some states, unless somebody works on it. It commits."""
        taken = self._set(self.job.c.state.in_(states), free(self.job, self.directory.now()))
        self.directory.session.commit()
        return taken

    def holds(self) -> bool:
        """Say whether it is still ours. One statement."""
        found = self._execute(sa.select(self.job.c.claimed_by).where(*self.mine)).scalar()
        return bool(found == self.by)

    def renew(self) -> bool:
        """Give a sign of life; say whether it is still ours. The caller commits."""
        return self._set(self.job.c.claimed_by == self.by)

    def _set(self, *where: Any) -> bool:
        until = self.directory.now() + self.lease
        statement = (
            sa.update(self.job)
            .where(*self.mine, *where)
            .values(claimed_by=self.by, claimed_until=until)
        )
        return bool(self._execute(statement).rowcount)

    def _execute(self, statement: Any) -> Any:
        session, bind = self.directory.session, self.directory.mapping.bind
        with session.no_autoflush:
            return session.execute(statement, bind_arguments=bind)


def free(job: sa.Table, now: datetime) -> sa.ColumnElement[bool]:
    """Say when nobody works on a job."""
    return job.c.claimed_until.is_(None) | (job.c.claimed_until < now)
