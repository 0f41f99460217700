"""Flask-Admin's `ModelView` over the users of one platform.

Set up as its documentation tells: the platform in `get_query` and `get_count_query`, search by
`column_searchable_list`. The page asks for the channels of its 25 users by `selectinload`, one more
statement, and a formatter counts them. A `column_property` with a correlated count is the other
common way; PostgreSQL then counts for every row that OFFSET skips too, so it would lose by far more
on a deep page.
"""

from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from flask import Flask
from flask_admin import Admin
from flask_admin.contrib.sqla import ModelView
from flask_login import current_user
from sqlalchemy.orm import selectinload

from .contestant import PER_PAGE, Case, Contestant
from .host import create_host, signed_in
from .schema import KINDS, User, db


def _count(kind: str) -> Callable[[Any, Any, User, str], int]:
    """Return a formatter that counts a user's channels of one kind."""

    def count(_view: Any, _context: Any, user: User, _name: str) -> int:
        return sum(channel.kind == kind for channel in user.channels)

    return count


class UserView(ModelView):  # type: ignore[misc]
    """The users of the owner's platform."""

    can_create = False
    page_size = PER_PAGE
    column_list = (
        "username",
        "email",
        "phone",
        "role",
        "status",
        "created_at",
        "last_login_at",
        *KINDS,
    )
    column_formatters = {kind: _count(kind) for kind in KINDS}  # noqa: RUF012
    column_searchable_list = ("username", "email")
    column_default_sort = [("created_at", True), ("id", True)]  # noqa: RUF012

    def is_accessible(self) -> bool:
        """Let the owner in."""
        return bool(current_user.is_authenticated)

    def get_query(self) -> Any:
        """Return the users of the platform, and their channels."""
        query = super().get_query().options(selectinload(User.channels))
        return query.filter(User.platform_id == current_user.platform_id)

    def get_count_query(self) -> Any:
        """Return the number of the same users."""
        return super().get_count_query().filter(User.platform_id == current_user.platform_id)


def create_app() -> Flask:
    """Create the app."""
    app = create_host(__name__)
    if find_spec("flask_babel"):  # where it is installed, Flask-Admin wants it initialised
        from flask_babel import Babel

        Babel(app)
    admin = Admin(app, name="Bench")
    admin.add_view(UserView(User, db, endpoint="users"))
    return app


def contestant(pages_deep: int) -> Contestant:
    """Return the view, signed in."""
    return Contestant(
        name="Flask-Admin",
        client=signed_in(create_app()),
        urls={
            Case.FIRST: "/admin/users/",
            Case.DEEP: f"/admin/users/?page={pages_deep}",  # counts from nought
            Case.COMMON: f"/admin/users/?search={Case.COMMON.term}",
            Case.RARE: f"/admin/users/?search={Case.RARE.term}",
        },
    )
