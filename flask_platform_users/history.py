"""Reads the history of a platform: who did what to whom, newest first."""

import csv
import io
import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from .audit import DONE
from .directory import Directory

PER_PAGE = 50

BATCH = 1000
"""So many events are read at a time where all of them are."""

CHUNK = 64 * 1024
"""CSV is handed on in pieces of about so many characters."""

MEANT = 100
"""So many users, and so many people, may be meant by part of a name."""


@dataclass(frozen=True, kw_only=True)
class Event:
    """One entry, as people read it.

    Attributes:
        seq: its number on the platform, from 1.
        at: when, in UTC.
        actor: the id of the person who really acted; None for the system.
        actor_name: what they were called; empty if it was erased.
        acting_as: the id of the person they were seen as.
        user_key: the user it was done to.
        user_name: what the user was called; empty if it was erased.
        action: the action's name.
        outcome: one of ``audit.OUTCOMES``.
        changes: the changed fields, each with its value before and after.
        reason: why; for what was refused or failed, why not.
        address: where the request came from.
    """

    seq: int
    at: datetime
    actor: str | None
    actor_name: str
    acting_as: str | None
    user_key: Any
    user_name: str
    action: str
    outcome: str
    changes: Mapping[str, tuple[str, str]]
    reason: str
    address: str

    @property
    def is_explained(self) -> bool:
        """Whether the reason is a sentence of the plugin's own, and not what somebody wrote."""
        return self.outcome != DONE or self.action in {"end_impersonation", "many"}


@dataclass(frozen=True, kw_only=True)
class HistoryQuery:
    """What the history is asked for; None leaves a filter out.

    Attributes:
        user: the text of a user's key.
        actor: the id of a person.
        users: the keys of users, any of which it was done to.
        actors: the ids of people, any of whom did it.
        since: from this moment on.
        until: before this moment.
        before: only events with a smaller number: the page after.
        after: only events with a larger number, and those next to it: the page before.
    """

    user: str | None = None
    actor: str | None = None
    users: Collection[Any] | None = None
    actors: Collection[str] | None = None
    action: str | None = None
    outcome: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    after: int | None = None
    per_page: int = PER_PAGE


@dataclass(frozen=True, kw_only=True)
class HistoryPage:
    """A page of the history, newest first, and the numbers that lead to its neighbours."""

    events: list[Event]
    newer: int | None
    older: int | None


class History:
    """Reads the history of the platform that a directory is made for."""

    def __init__(self, directory: Directory) -> None:
        self.directory = directory
        self.tables = directory.mapping.tables

    def page(self, query: HistoryQuery) -> HistoryPage:
        """Return a page of events. One statement."""
        number = self.tables.event.c.seq
        statement = self._matching(query)
        backward = query.after is not None
        statement = statement.order_by(number.asc() if backward else number.desc())
        rows = self._execute(statement.limit(query.per_page + 1)).all()
        more = len(rows) > query.per_page
        events = [_event(row) for row in rows[: query.per_page]]
        if backward:
            events.reverse()
        has_newer = more if backward else query.before is not None
        has_older = bool(events) if backward else more
        return HistoryPage(
            events=events,
            newer=events[0].seq if events and has_newer else None,
            older=events[-1].seq if events and has_older else None,
        )

    def event(self, seq: int) -> Event | None:
        """Return one event by its number, None if there is none. One statement."""
        row = self._execute(self._all().where(self.tables.event.c.seq == seq)).first()
        return None if row is None else _event(row)

    def people(self) -> dict[str, str]:
        """Return who acted on the platform: what each was called last, by their id.

        One statement, which seeks one entry for each of at most ``MEANT`` people.
        """
        event, private, platform = self.tables.event, self.tables.event_private, self._platform
        first = sa.select(sa.func.min(event.c.actor).label("actor"), sa.literal(1).label("number"))
        people = first.where(platform(event)).cte("people", recursive=True)
        later = event.alias()
        following = sa.select(sa.func.min(later.c.actor)).where(
            platform(later), later.c.actor > people.c.actor
        )
        people = people.union_all(
            sa.select(following.scalar_subquery(), people.c.number + 1).where(
                people.c.actor.is_not(None), people.c.number < MEANT
            )
        )
        theirs = event.alias()
        last = sa.select(sa.func.max(theirs.c.seq)).where(
            platform(theirs), theirs.c.actor == people.c.actor
        )
        own = platform(private) & (private.c.seq == last.scalar_subquery())
        statement = (
            sa.select(people.c.actor, private.c.actor_name)
            .join_from(people, private, own, isouter=True)
            .where(people.c.actor.is_not(None))
            .order_by(private.c.actor_name, people.c.actor)
        )
        return {row.actor: row.actor_name or row.actor for row in self._execute(statement)}

    def users_meant(self, text: str) -> list[Any]:
        """Return the keys of the users that a text means: of the one, or by part of a name.

        At most two statements.

        Returns:
            one more than ``MEANT`` where more are meant.
        """
        event = self.tables.event
        known = sa.select(event.c.user_key).where(
            self._platform(event), self.directory.holds(event.c.user_key, text)
        )
        found = list(self._execute(known.limit(1)).scalars())
        return found or self.directory.keys_like(text, MEANT + 1)

    def as_it_stands(self, query: HistoryQuery) -> HistoryQuery:
        """Return a query that what is recorded from now on does not change. One statement."""
        head = self.tables.head
        last = self._execute(sa.select(head.c.seq).where(self._platform(head))).scalar()
        return replace(query, before=(last or 0) + 1)

    def matches(self, query: HistoryQuery) -> int:
        """Count the events that the filters let through. One statement."""
        found = self._matching(query).order_by(None).subquery()
        count: int = self._execute(sa.select(sa.func.count()).select_from(found)).scalar_one()
        return count

    def csv(self, query: HistoryQuery) -> Iterator[str]:
        """Yield a query's events as CSV (RFC 4180), oldest first, safe to open.

        They are read in batches, each in a transaction of its own, however many there are.
        """
        heads = ["No", "When", "Who", "Did", "To", "Outcome", "Changes", "Reason", "From"]
        yield from csv_chunks([heads])
        yield from csv_chunks(map(_cells, self._oldest_first(query)))

    def _oldest_first(self, query: HistoryQuery) -> Iterator[Event]:
        last = 0
        while True:
            page = self.page(replace(query, after=last, per_page=BATCH))
            self.directory.session.rollback()
            yield from reversed(page.events)
            if page.newer is None:
                return
            last = page.newer

    def done(self, seq: int) -> Event | None:
        """Return the entry of that number, if it tells that something was done."""
        event = self.event(seq) if seq < 2**63 else None
        return event if event is not None and event.outcome == DONE else None

    def can_be_undone(self, event: Event) -> bool:
        """Say whether there is what it takes to take an entry back. One statement."""
        undo = self.tables.undo.c
        statement = sa.select(undo.seq).where(
            undo.platform_key == self.directory.platform, undo.seq == event.seq
        )
        return self._execute(statement).first() is not None

    def _all(self) -> sa.Select[Any]:
        event, private = self.tables.event, self.tables.event_private
        own = (private.c.platform_key == event.c.platform_key) & (private.c.seq == event.c.seq)
        return (
            sa.select(
                event,
                private.c.actor_name,
                private.c.user_name,
                private.c.reason,
                private.c.address,
            )
            .join_from(event, private, own, isouter=True)
            .where(self._platform(event))
        )

    def _platform(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        mine: sa.ColumnElement[bool] = table.c.platform_key == self.directory.platform
        return mine

    def _matching(self, query: HistoryQuery) -> sa.Select[Any]:
        event = self.tables.event.c
        statement = self._all()
        if query.user is not None:
            statement = statement.where(self.directory.holds(event.user_key, query.user))
        for column, value in (
            (event.actor, query.actor),
            (event.action, query.action),
            (event.outcome, query.outcome),
        ):
            if value is not None:
                statement = statement.where(column == value)
        for column, values in ((event.user_key, query.users), (event.actor, query.actors)):
            if values is not None:
                statement = statement.where(column.in_(values))
        if query.since is not None:
            statement = statement.where(event.at >= query.since)
        if query.until is not None:
            statement = statement.where(event.at < query.until)
        if query.before is not None:
            statement = statement.where(event.seq < query.before)
        if query.after is not None:
            statement = statement.where(event.seq > query.after)
        return statement

    def _execute(self, statement: sa.Select[Any]) -> Any:
        with self.directory.session.no_autoflush:
            return self.directory.session.execute(
                statement, bind_arguments=self.directory.mapping.bind
            )


def _cells(event: Event) -> list[str]:
    changes = "; ".join(f"{name}: {was} > {now}" for name, (was, now) in event.changes.items())
    return [
        str(event.seq),
        event.at.isoformat(timespec="seconds"),
        event.actor_name or event.actor or "system",
        event.action,
        event.user_name or ("" if event.user_key is None else str(event.user_key)),
        event.outcome,
        changes,
        event.reason,
        event.address,
    ]


def people_meant(text: str, people: Mapping[str, str]) -> list[str]:
    """Return the ids of the people that a text means: of the one, or by part of a name."""
    by_name = [key for key, name in people.items() if text.casefold() in name.casefold()]
    return [text] if text in people else by_name


def _event(row: Any) -> Event:
    return Event(
        seq=row.seq,
        at=row.at,
        actor=row.actor,
        actor_name=row.actor_name or "",
        acting_as=row.acting_as,
        user_key=row.user_key,
        user_name=row.user_name or "",
        action=row.action,
        outcome=row.outcome,
        changes={name: (was, now) for name, (was, now) in json.loads(row.changes).items()},
        reason=row.reason or "",
        address=row.address or "",
    )


# What a spreadsheet takes for the start of a formula (OWASP ASVS 5.0, 1.2.10), and its full-width
# twins.
_BLANK = " \u00a0\u1680\u202f\u205f\u2060\u3000\ufeff" + "".join(map(chr, range(0x2000, 0x2010)))
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "|", "%", "＝", "＋", "－", "＠")


def csv_line(cells: Sequence[str]) -> str:
    """Return a line of CSV (RFC 4180), each cell safe to open in a spreadsheet."""
    return next(csv_chunks([cells]))


def csv_chunks(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """Yield rows as CSV (RFC 4180) that no spreadsheet runs anything of, many at a time."""
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\r\n")
    for row in rows:
        writer.writerow(map(safe_cell, row))
        if text.tell() > CHUNK:
            yield text.getvalue()
            text.seek(0)
            text.truncate()
    if text.tell():
        yield text.getvalue()


def safe_cell(text: str) -> str:
    """Return a text that no spreadsheet runs as a formula."""
    if text.isalnum():
        return text
    kept = "".join(c for c in text if c >= " " or c in "\t\r\n")
    return f"'{kept}" if kept.lstrip(_BLANK).startswith(_FORMULA) else kept
