"""Whom a job is about: ticked one by one, all that a filter lets through, or those of another job.

They are fixed from then on: whoever joins the filter afterwards is not among them.
"""

import json
import secrets
from collections.abc import Collection, Sequence
from typing import Any

import sqlalchemy as sa

from .actions import Action
from .arrays import insert_all
from .directory import ListQuery
from .errors import RefusedError
from .i18n import ngettext
from .job_records import OPEN, Job, JobRecords

LARGEST = 100_000
"""So many users a job may have."""


class Choosing(JobRecords):
    """Chooses users for one action, of which nothing was done yet. The caller commits."""

    def picking(self, owner_id: str, *, lock: bool = False) -> Job | None:
        """Return what a person is choosing users for. One statement.

        With ``lock`` nobody else chooses for it until the transaction ends.
        """
        job = self.job.c
        found = self._select(job.owner_id == owner_id, job.state == "picking")
        found = found.order_by(job.made_at, job.id).limit(1)
        return self._read(found.with_for_update() if lock else found)

    def make(
        self,
        *,
        owner_id: str,
        actor: str | None,
        actor_name: str,
        address: str = "",
        job_id: str | None = None,
    ) -> Job:
        """Begin to choose users. The caller commits.

        Args:
            owner_id: Flask-Login's id of who orders it.
            actor: by what the history knows them.
            actor_name: what the history calls them.
            address: where they order it from.
            job_id: what it is called; by default something new.
        """
        job_id = job_id or secrets.token_hex(16)
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
        self._touch(job)
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
            raise RefusedError(_too_many())
        rows = [
            {**self._key(job), "n": n + place, "user_key": key, "why": ""}
            for place, key in enumerate(new, start=1)
        ]
        insert_all(self.session, item, rows, self.directory.mapping.bind)
        return True

    def describe(self, job: Job, chosen: str) -> None:
        """Say in words how the users were chosen. The caller commits."""
        self._set(job, chosen=chosen)

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
            raise RefusedError(_too_many())
        self._touch(job)
        self.clear(job)
        self._add(job, sa.select(numbered.c.n, numbered.c.key), self.directory.moment)

    def pick_done(self, job: Job, earlier: Job) -> None:
        """Choose whom an earlier job changed. The caller commits."""
        item = self.item.c
        changed = sa.select(item.n, item.user_key)
        self._add(job, changed.where(*self._of(earlier), item.outcome == "done"))

    def _touch(self, job: Job) -> None:
        """Note that somebody is still at it."""
        now = self.directory.now()
        self._execute(sa.update(self.job).where(*self._is(job)).values(made_at=now))

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

    def discard(self, job: Job) -> bool:
        """Forget a job, unless it was begun in the meantime; say so. The caller commits."""
        mine = sa.delete(self.job).where(*self._is(job), self.job.c.state.in_(OPEN))
        forgotten = bool(self._execute(mine).rowcount)
        if forgotten:
            self.clear(job)
        return forgotten

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
            made_at=self.directory.now(),
            state="checking",
            impact="[]",
            claimed_by=None,
            claimed_until=None,
        )

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


def _too_many() -> str:
    return ngettext(
        "At most %(num)s user can be chosen at once.",
        "At most %(num)s users can be chosen at once.",
        LARGEST,
    )
