"""What is asked of every contestant, and how an answer is checked."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from werkzeug.test import Client

from .schema import OWNER_ID, PLATFORM_ID, User, db
from .seed import COMMON, RARE

PER_PAGE = 25
PAGES_DEEP = 36_000  # at the full scale


class Case(StrEnum):
    """A request that is measured."""

    FIRST = "first page"
    DEEP = "deep page"
    COMMON = "search, common term"
    RARE = "search, rare term"

    @property
    def term(self) -> str | None:
        """The term searched for."""
        return {Case.COMMON: COMMON, Case.RARE: RARE}.get(self)


@dataclass
class Statements:
    """A number of SQL statements."""

    number: int = 0


@contextmanager
def sqlalchemy_statements() -> Iterator[Statements]:
    """Count the statements that any SQLAlchemy engine executes."""
    counted = Statements()

    def count(*_: Any) -> None:
        counted.number += 1

    sa.event.listen(sa.Engine, "before_cursor_execute", count)
    try:
        yield counted
    finally:
        sa.event.remove(sa.Engine, "before_cursor_execute", count)


@dataclass(frozen=True, kw_only=True)
class Contestant:
    """A page under measurement: a client that is signed in, and the address for each case."""

    name: str
    client: Client
    urls: Mapping[Case, str]
    statements: Callable[[], AbstractContextManager[Statements]] = field(
        default=sqlalchemy_statements
    )

    def get(self, case: Case) -> str:
        """Request a page whole and return its HTML."""
        response = self.client.get(self.urls[case])
        assert response.status_code == 200, f"{self.name}: {response.status}, {case}"
        return response.text


@dataclass(frozen=True)
class Expected:
    """The 25 users that a page must show, newest first."""

    users: list[str]
    owner: str

    def check(self, html: str) -> None:
        """Assert that the page names exactly these users, in this order."""
        found = dict.fromkeys(re.findall(r"[a-z]+\.[a-z]+\d+@[a-z]+\.example", html))
        found.pop(self.owner, None)  # a page may greet the person who is signed in
        assert list(found) == self.users, f"expected {self.users[:1]}…, found {list(found)[:1]}…"


def expected(connection: sa.Connection, case: Case, pages_deep: int) -> Expected:
    """Look up what a page must show, by the plainest of queries."""
    users = _newest_first(User.email).limit(PER_PAGE)
    if case.term:
        users = users.where(User.username.contains(case.term))
    if case is Case.DEEP:
        users = users.offset(pages_deep * PER_PAGE)
    owner = connection.execute(sa.select(User.email).where(User.id == OWNER_ID)).scalar_one()
    return Expected(list(connection.scalars(users)), owner)


def row_before_deep_page(pages_deep: int) -> tuple[datetime, int]:
    """Look up where the deep page starts by keyset: the last row of the page before it."""
    rows = _newest_first(User.created_at, User.id).offset(pages_deep * PER_PAGE - 1).limit(1)
    created, key = db.session.execute(rows).one()
    return created, key


def _newest_first(*columns: Any) -> sa.Select[Any]:
    users = sa.select(*columns).where(User.platform_id == PLATFORM_ID)
    return users.order_by(User.created_at.desc(), User.id.desc())
