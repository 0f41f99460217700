"""The yardstick: one view, one hand-written statement, one template, and nothing else.

The statement reads a page of users by keyset, in the order of an index that starts with the
platform, and counts channels for those users alone. It is what one would write knowing that the
table is large. There is no total, no summary, no filter and no form.
"""

from typing import Any

import sqlalchemy as sa
from flask import Flask, render_template, request
from flask_login import current_user, login_required

from .contestant import PER_PAGE, Case, Contestant, row_before_deep_page
from .host import create_host, signed_in
from .schema import db

PAGE = """
WITH page AS MATERIALIZED (
    SELECT id, username, email, phone, role, status, created_at, last_login_at
    FROM users
    WHERE platform_id = :platform {conditions}
    ORDER BY created_at DESC, id DESC
    LIMIT :limit
)
SELECT page.*, whatsapp, webchat, instagram
FROM page CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE kind = 'whatsapp') AS whatsapp,
           count(*) FILTER (WHERE kind = 'webchat') AS webchat,
           count(*) FILTER (WHERE kind = 'instagram') AS instagram
    FROM channels WHERE user_id = page.id
) AS counts
ORDER BY created_at DESC, id DESC
"""
SEARCH = "AND (username ILIKE :pattern OR email ILIKE :pattern)"
AFTER = "AND (created_at, id) < (CAST(:created AS timestamptz), :id)"


def create_app() -> Flask:
    """Create the app."""
    app = create_host(__name__)

    @app.get("/users")
    @login_required  # type: ignore[untyped-decorator]
    def users() -> str:
        conditions = []
        values: dict[str, Any] = {"platform": current_user.platform_id, "limit": PER_PAGE + 1}
        if term := request.args.get("q"):
            conditions.append(SEARCH)
            values["pattern"] = f"%{term}%"
        if after := request.args.get("after"):
            conditions.append(AFTER)
            values["created"], values["id"] = after.split(",")
        page = sa.text(PAGE.format(conditions=" ".join(conditions)))
        rows = db.session.execute(page, values).all()
        return render_template("bare.html", users=rows[:PER_PAGE], more=len(rows) > PER_PAGE)

    return app


def contestant(pages_deep: int) -> Contestant:
    """Return the view, signed in."""
    app = create_app()
    with app.app_context():
        created, key = row_before_deep_page(pages_deep)
    return Contestant(
        name="bare view",
        client=signed_in(app),
        urls={
            Case.FIRST: "/users",
            Case.DEEP: f"/users?after={created:%Y-%m-%dT%H:%M:%S.%fZ},{key}",
            Case.COMMON: f"/users?q={Case.COMMON.term}",
            Case.RARE: f"/users?q={Case.RARE.term}",
        },
    )
