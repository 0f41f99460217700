"""What a list of users is asked for, in the words of the page's address and of the command line."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from .binding import Mapping as Bound
from .binding import Sort
from .directory import Directory, ListQuery
from .mapping import STATUSES
from .results import UserRow
from .schemas import ListSchema

BATCH = 1000
"""How many users are read at a time where all of a list are."""


def statuses_listed(mapping: Bound, *, deleted: bool) -> list[str]:
    """Return the statuses that can be asked for."""
    statuses = [status for status in STATUSES if status in mapping.statuses]
    return [*statuses, "deleted"] if deleted else statuses


def list_schema(mapping: Bound, *, deleted: bool) -> ListSchema:
    """Return the schema of what can be asked of the list.

    Args:
        mapping: the host's mapping.
        deleted: whether deleted users may be asked for.
    """
    return ListSchema(
        statuses=statuses_listed(mapping, deleted=deleted),
        channels=[count.name for count in mapping.channels],
        sorts=mapping.sort_names,
    )


def order_of(wanted: Mapping[str, Any], sorts: Mapping[str, Sort]) -> tuple[Sort, bool]:
    """Return the order that is asked for, if it can be afforded, and whether it descends."""
    sort = sorts.get(wanted["sort"] or "") or next(iter(sorts.values()))
    if wanted["direction"] and wanted["sort"] == sort.name:
        return sort, wanted["direction"] == "desc"
    return sort, sort.descending


def query_of(wanted: Mapping[str, Any], *, descending: bool) -> ListQuery:
    """Return the filters that are asked for, from the list's beginning."""
    return ListQuery(
        search=wanted["q"],
        status=wanted["status"],
        role=wanted["role"],
        channel=wanted["channel"],
        descending=descending,
        per_page=int(wanted["per_page"]),
    )


def all_users(
    directory: Directory, query: ListQuery, sort: Sort, *, batch: int = BATCH
) -> Iterator[tuple[int, UserRow]]:
    """Yield all users of a list with their serial numbers.

    They are read in batches, each in a transaction of its own, so that nothing is held for long in
    memory or in the database. Of users whose place in the order changes meanwhile some may be told
    twice or not at all; of nobody else.
    """
    query = replace(query, per_page=batch)
    while True:
        page = directory.page(query, sort)
        directory.session.rollback()
        yield from enumerate(page.users, start=page.start)
        if page.next is None:
            return
        query = replace(query, cursor=page.next)
