"""CSV of users: the columns of the list, and the entry in the history that it was handed out."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy.orm import Session

from .audit import Entry
from .binding import Mapping, Sort
from .directory import Directory, ListQuery
from .formatting import STATUS_LABELS
from .history import csv_chunks
from .listing import all_users
from .pipeline import Pipeline
from .results import UserRow
from .transaction import begin, retried

EXPORT = "export"
"""The permission: ``Policy.allows(actor, "export")``."""

USERS, HISTORY = "export_users", "export_history"
"""What the history calls the two."""

Cell = str | int | datetime | None


@dataclass(frozen=True)
class Column:
    """A column of the list.

    Attributes:
        title: its head.
        cell: what it has of a user.
    """

    title: str
    cell: Callable[[UserRow], Cell]


def columns(mapping: Mapping, *, deleted: bool = False) -> list[Column]:
    """Return the columns of the list of users, without their serial number.

    Args:
        mapping: the host's mapping; what it leaves out is no column.
        deleted: whether the list is of deleted users.
    """
    users = mapping.users
    found = [
        Column("Username", lambda user: user.username),
        Column("Email", lambda user: user.email),
    ]
    if users.phone is not None:
        found.append(Column("Phone", lambda user: user.phone))
    found += [_channels(count.name, count.title) for count in mapping.channels]
    if mapping.channels:
        found.append(Column("Total channels", lambda user: user.total_channels))
    if users.role is not None:
        found.append(Column("Role", lambda user: ", ".join(user.roles)))
    found.append(
        Column("Status", lambda user: STATUS_LABELS["deleted" if user.deleted_at else user.status])
    )
    if deleted:
        found.append(Column("Restorable until", lambda user: user.purge_at))
    elif users.last_login is not None:
        found.append(Column("Last login", lambda user: user.last_login))
    if users.created is not None:
        found.append(Column("Created", lambda user: user.created))
    return found


def _channels(name: str, title: str) -> Column:
    return Column(title, lambda user: user.channels[name])


def csv_of_users(directory: Directory, query: ListQuery, sort: Sort) -> Iterator[str]:
    """Yield a list of users as CSV (RFC 4180), safe to open. Moments are in UTC, in ISO 8601."""
    shown = columns(directory.mapping, deleted=query.population == "deleted")
    yield from csv_chunks([["No", *(column.title for column in shown)]])
    yield from csv_chunks(
        [str(number), *(_text(column.cell(user)) for column in shown)]
        for number, user in all_users(directory, query, sort)
    )


def _text(cell: Cell) -> str:
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
