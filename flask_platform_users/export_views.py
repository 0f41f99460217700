"""The list and the history as files: recorded first, then streamed, however long they are."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from flask import Response, g, request
from flask.typing import ResponseReturnValue

from .columns import parts_of, shown, there
from .directory import Directory, ListQuery
from .door import Door, asked
from .export import EXPORT, HISTORY, USERS, apart, csv_of_users, record_export
from .history import History, HistoryQuery, people_meant
from .i18n import english
from .listing import order_of, query_of
from .schemas import HistorySchema


class ExportViews:
    """Two downloads. Both are asked for by POST, since the history notes them."""

    def __init__(self, door: Door) -> None:
        self.door = door

    def users(self) -> ResponseReturnValue:
        """Send the users that the list's filter shows, in its order."""
        self.door.require(EXPORT)
        directory = self.door.directory()
        wanted = self.door.list_arguments()
        sorts = directory.sorts(directory.total(ListQuery()))
        sort, descending = order_of(wanted, sorts)
        query = query_of(wanted, descending=descending)
        mapping = directory.mapping
        listed = there(mapping, deleted=query.population == "deleted")
        with english():
            parts = parts_of(shown(listed, self.door.preferences().all()), mapping)
        self._record(USERS, directory.total(query), [query.told])
        return _streamed(
            directory, "users.csv", lambda read: csv_of_users(read, query, sort, parts)
        )

    def history(self) -> ResponseReturnValue:
        """Send the history that its filter shows, oldest first."""
        self.door.require(EXPORT)
        directory = self.door.directory()
        wanted, history = history_wanted(), History(directory)
        people = history.people() if "actor" in wanted else {}
        query = history.as_it_stands(history_query(history, wanted, people))
        filters = [f"{name}: {request.args[name].strip()}" for name in wanted]
        self._record(HISTORY, history.matches(query), filters)
        return _streamed(directory, "history.csv", lambda read: History(read).csv(query))

    def _record(self, action: str, rows: int, filters: list[str]) -> None:
        address = request.remote_addr or ""
        record_export(self.door.pipeline(), action, rows=rows, filters=filters, address=address)


def history_wanted() -> dict[str, Any]:
    """Return what the address asks of the history."""
    return asked(HistorySchema(zone=g.platform_users_zone))


def history_query(
    history: History, wanted: dict[str, Any], people: Mapping[str, str]
) -> HistoryQuery:
    """Return what is asked for, with the users and the people that were meant by a text."""
    rest = {name: value for name, value in wanted.items() if name not in {"user", "actor"}}
    return HistoryQuery(
        users=history.users_meant(wanted["user"]) if "user" in wanted else None,
        actors=people_meant(wanted["actor"], people) if "actor" in wanted else None,
        **rest,
    )


def _streamed(
    directory: Directory, filename: str, lines: Callable[[Directory], Iterator[str]]
) -> Response:
    """Answer with lines that are read while they are sent, in a session of their own.

    The request's own session is gone by then; so what is streamed asks nothing of the host.
    """
    reading = apart(directory)

    def stream() -> Iterator[str]:
        with reading as read:
            yield from lines(read)

    response = Response(stream(), mimetype="text/csv")
    response.headers["Content-Disposition"] = f"attachment; filename={filename}"
    return response
