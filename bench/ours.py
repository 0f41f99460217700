"""The plugin, mounted as a host would."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from flask import Flask

from flask_platform_users import Count, PlatformUsers, Policy, Status, Users
from flask_platform_users.directory import ListQuery
from flask_platform_users.paging import Cursor, Cursors

from .contestant import PER_PAGE, Case, Contestant, row_before_deep_page
from .host import create_host, signed_in
from .report import OURS
from .schema import KINDS, PLATFORM_ID, Channel, User, db


class OwnerPolicy(Policy):
    """Whoever signs in runs their platform."""

    def platform_of(self, actor: Any) -> Any:
        """Return the owner's platform."""
        return actor.platform_id if actor.role == "owner" else None


platform_users = PlatformUsers(
    db,
    users=Users(
        User,
        platform=User.platform_id,
        username=User.username,
        email=User.email,
        phone=User.phone,
        role=User.role,
        status=Status.column(User.status),
        last_login=User.last_login_at,
        created=User.created_at,
    ),
    channels=[
        Count(kind, Channel.user_id, where=Channel.kind == kind, platform=Channel.platform_id)
        for kind in KINDS
    ],
    policy=OwnerPolicy(),
)


def create_app() -> Flask:
    """Create the app, and the plugin's own tables if they are missing."""
    app = create_host(__name__)
    platform_users.init_app(app, url_prefix="/platform/users")
    with app.app_context():
        db.create_all()
    return app


def contestant(pages_deep: int) -> Contestant:
    """Return the page, signed in."""
    app = create_app()
    with app.app_context():
        cursor = _signed(_deep_cursor(pages_deep), app)
    page = "/platform/users/"
    return Contestant(
        name=OURS,
        client=signed_in(app),
        urls={
            Case.FIRST: page,
            Case.DEEP: f"{page}?cursor={cursor}",
            Case.COMMON: f"{page}?q={Case.COMMON.term}",
            Case.RARE: f"{page}?q={Case.RARE.term}",
        },
    )


@contextmanager
def parts(pages_deep: int) -> Iterator[dict[str, Callable[[], object]]]:
    """Give the page's reads, each to be run alone while the context lasts.

    No request may be measured meanwhile: it would find the signed-in person in this session.
    """
    with create_app().app_context():
        directory = platform_users.directory(PLATFORM_ID)
        newest = directory.sorts(directory.summary().total)["created"]

        def alone(read: Callable[[], object]) -> Callable[[], object]:
            """End the transaction after each read, as the end of a request does."""

            def run() -> object:
                found = read()
                platform_users.db.session.rollback()
                return found

            return run

        def page(**query: Any) -> Callable[[], object]:
            asked = ListQuery(descending=True, per_page=PER_PAGE, **query)
            return alone(partial(directory.page, asked, newest))

        yield {
            "cards: `directory.summary()`": alone(directory.summary),
            "table: `directory.page()`, first page": page(),
            "table, deep page": page(cursor=_deep_cursor(pages_deep)),
            "table, search, common term": page(words=Case.COMMON.term),
            "table, search, rare term": page(words=Case.RARE.term),
        }


def _deep_cursor(pages_deep: int) -> Cursor:
    """Make the cursor that a walk of so many pages would have ended with."""
    created, key = row_before_deep_page(pages_deep)
    return Cursor(key=key, value=created, number=pages_deep * PER_PAGE)


def _signed(cursor: Cursor, app: Flask) -> str:
    """Sign a cursor as `views.list_users` does for the unfiltered list, newest first."""
    scope = json.dumps([platform_users.name, str(PLATFORM_ID), {}, "created", True])
    return Cursors([app.config["SECRET_KEY"]], scope).dump(cursor)
