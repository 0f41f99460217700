"""CSV of users: the columns of the list, and the entry in the history that it was handed out."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from .audit import Entry
from .binding import Sort
from .columns import NO, Part
from .directory import Directory, ListQuery
from .history import csv_chunks
from .listing import all_users
from .pipeline import Pipeline
from .transaction import begin, retried

EXPORT = "export"
"""The permission: ``Policy.allows(actor, "export")``."""

USERS, HISTORY = "export_users", "export_history"
"""What the history calls the two."""


def csv_of_users(
    directory: Directory, query: ListQuery, sort: Sort, parts: Sequence[Part]
) -> Iterator[str]:
    """Yield a list of users as CSV (RFC 4180), safe to open. Moments are in UTC, in ISO 8601."""
    yield from csv_chunks([[NO.title, *(part.title for part in parts)]])
    yield from csv_chunks(
        [str(number), *(_text(part.cell(user)) for part in parts)]
        for number, user in all_users(directory, query, sort)
    )


def _text(cell: Any) -> str:
    if isinstance(cell, datetime):
        return cell.isoformat(timespec="seconds")
    return "" if cell is None else str(cell)


def apart(directory: Directory) -> AbstractContextManager[Directory]:
    """Return what reads the same platform in a session of its own, for as long as it takes."""
    engine = directory.session.get_bind(**directory.mapping.bind)

    @contextmanager
    def opened() -> Iterator[Directory]:
        with Session(engine) as session:
            yield replace(directory, session=session)

    return opened()


def record_export(
    pipeline: Pipeline, action: str, *, rows: int, filters: Iterable[str], address: str
) -> int:
    """Record, and commit, that a person is about to be handed rows; return the entry's number.

    It is recorded before the first of them is sent, so that nothing leaves that nobody knows of.

    Args:
        pipeline: who, and on which platform.
        action: ``USERS`` or ``HISTORY``.
        rows: how many there are at this moment.
        filters: what they were narrowed by, in words. It may name people, and can be erased.
        address: where the request came from.
    """
    entry = Entry(
        action=action,
        actor=pipeline.actor_id,
        actor_name=pipeline.actor_name,
        changes={"Rows": ("", str(rows))},
        reason=", ".join(filters),
        address=address,
    )

    def attempt() -> int:
        begin(pipeline.chain)
        seq = pipeline.chain.append(entry, pipeline.directory.now())
        pipeline.session.commit()
        return seq

    return retried(pipeline.session, attempt)
