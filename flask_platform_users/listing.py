"""A page of the list as it is asked for: which order, from where, and where it goes on."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .binding import Sort
from .directory import Directory, ListQuery
from .paging import Cursors
from .results import Page, Summary

FILTERS = ("q", "status", "role", "channel")


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
    sort = sorts.get(wanted["sort"] or "") or next(iter(sorts.values()))
    descending = (
        wanted["direction"] == "desc"
        if wanted["direction"] and wanted["sort"] == sort.name
        else sort.descending
    )
    filters = {name: wanted[name] for name in FILTERS if wanted[name]}
    scope = [mount, str(directory.platform), filters, sort.name, descending]
    cursors = Cursors(secrets, json.dumps(scope))
    query = ListQuery(
        search=wanted["q"],
        status=wanted["status"],
        role=wanted["role"],
        channel=wanted["channel"],
        descending=descending,
        per_page=int(wanted["per_page"]),
        cursor=cursors.load(wanted["cursor"]) if wanted["cursor"] else None,
    )
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
