"""Whether the host's own rows tell of everybody whom the gate has to look at."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from flask import Flask

from ..inspection import clause
from .finding import Finding, compiled, engine_of

if TYPE_CHECKING:
    from ..extension import PlatformUsers


def signed_out(extension: "PlatformUsers", app: Flask) -> Iterator[Finding]:  # noqa: ARG001
    """Find users who were signed out before ``Users(signed_out=...)`` was mapped."""
    column, mapping = extension.users.signed_out, extension.mapping
    if column is None:
        yield Finding("ok", "Each request of a signed-in user costs one statement of the gate.")
        return
    state, own = mapping.tables.state, clause(column)
    told = state.c.signed_out_at.is_not(None) & (state.c.user_key == mapping.key)
    forgotten = sa.exists().where(told) & own.is_(None)
    table: Any = own.table
    engine = engine_of(extension)
    with engine.connect() as connection:
        number = connection.execute(
            sa.select(sa.func.count()).select_from(table).where(forgotten)
        ).scalar_one()
    if not number:
        yield Finding("ok", "Who was signed out is told by the users' own rows.")
        return
    latest = sa.select(sa.func.max(state.c.signed_out_at)).where(told).scalar_subquery()
    mend = sa.update(table).where(forgotten).values({own: latest})
    yield Finding(
        "fault",
        f"{number:,} users were signed out before {column} was mapped, and their rows do not tell: "
        "the gate would let them in.",
        "Fill the column once.",
        (compiled(mend, engine),),
    )
