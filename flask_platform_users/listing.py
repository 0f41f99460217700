"""What a list of users is asked for, by the page, the API and the command line, and its pages."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import tzinfo
from typing import Any

from .binding import Mapping as Bound
from .binding import Sort
from .directory import Directory, ListQuery
from .filters import Filter
from .paging import Cursors
from .results import Page, Summary, UserRow
from .schemas import ListSchema, filter_schema

BATCH = 1000
"""How many users are read at a time where all of a list are."""


def filters_of(mapping: Bound, *, deleted: bool) -> dict[str, Filter]:
    """Return what the list may be narrowed by, by name.

    Args:
        mapping: the host's mapping.
        deleted: whether deleted users may be asked for.
    """
    if deleted:
        return mapping.filters
    status = mapping.filters["status"]
    present = {name: label for name, label in status.words.items() if name != "deleted"}
    return mapping.filters | {"status": replace(status, choices=present)}


def list_schema(mapping: Bound, *, deleted: bool, zone: tzinfo) -> ListSchema:
    """Return the schema of what can be asked of the list.

    Args:
        mapping: the host's mapping.
        deleted: whether deleted users may be asked for.
        zone: the time zone whose days are meant.
    """
    filters = filters_of(mapping, deleted=deleted).values()
    return filter_schema(ListSchema, filters, zone=zone, sorts=mapping.sort_names)()


def order_of(wanted: Mapping[str, Any], sorts: Mapping[str, Sort]) -> tuple[Sort, bool]:
    """Return the order that is asked for, if it can be afforded, and whether it descends."""
    sort = sorts.get(wanted["sort"] or "") or next(iter(sorts.values()))
    if wanted["direction"] and wanted["sort"] == sort.name:
        return sort, wanted["direction"] == "desc"
    return sort, sort.descending


def query_of(wanted: Mapping[str, Any], *, descending: bool) -> ListQuery:
    """Return what is asked for, from the list's beginning."""
    query: ListQuery = wanted["query"]
    return replace(query, descending=descending, per_page=int(wanted["per_page"]))


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A page of users, and what it is a page of.

    Attributes:
        summary: the whole platform.
        filters: the filters in force, by their names in the query string.
        sorts: the orders that a platform of this size can afford.
        previous: the cursor of the page before; None on the first.
        next: the cursor of the page after; None on the last.
        matches: how many users the filters let through, counted up to ``directory.MATCHES`` + 1.
    """

    summary: Summary
    filters: Mapping[str, str]
    query: ListQuery
    sorts: dict[str, Sort]
    sort: Sort
    page: Page
    previous: str | None
    next: str | None
    matches: int | None

    def of_nobody(self) -> "Listing":
        """Return it without users."""
        page = Page(users=[], start=1, previous=None, next=None)
        return replace(self, page=page, matches=0, previous=None, next=None)


def listed(
    directory: Directory, wanted: Mapping[str, Any], *, mount: str, secrets: Sequence[bytes]
) -> Listing:
    """Return the page that a query string asks for. At most four statements.

    Args:
        directory: reads the platform.
        wanted: the query string as ``ListSchema`` read it.
        mount: the name of the mount, for which alone a cursor is good.
        secrets: what cursors are signed with.

    Raises:
        CursorError: the cursor was not made here, or for another listing.
    """
    summary = directory.summary()
    sorts = directory.sorts(summary.total)
    sort, descending = order_of(wanted, sorts)
    filters = {name: wanted[name] for name in ("q", *directory.mapping.filters) if wanted[name]}
    scope = [mount, str(directory.platform), filters, sort.name, descending]
    cursors = Cursors(secrets, json.dumps(scope))
    cursor = cursors.load(wanted["cursor"]) if wanted["cursor"] else None
    query = replace(query_of(wanted, descending=descending), cursor=cursor)
    page = directory.page(query, sort)
    return Listing(
        summary=summary,
        filters=filters,
        query=query,
        sorts=sorts,
        sort=sort,
        page=page,
        previous=None if page.previous is None else cursors.dump(page.previous),
        next=None if page.next is None else cursors.dump(page.next),
        matches=_matches(directory, query, page, summary.total),
    )


def _matches(directory: Directory, query: ListQuery, page: Page, total: int) -> int | None:
    """Return how many users the filters let through, counting only what is not known already."""
    if not query.narrows:
        return total
    if page.next is None and page.users:
        return page.end
    return directory.matches(query)


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
