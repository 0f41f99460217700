"""Whether the mapping of the status says of anybody that they are active."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import sqlalchemy as sa
from flask import Flask

from ..inspection import clause, known_words, values_in
from ..mapping import Kept, plain
from .finding import Finding, engine_of

if TYPE_CHECKING:
    from ..extension import PlatformUsers

TOLD = 10
"""So many values of a column are told."""


def status(extension: "PlatformUsers", app: Flask) -> Iterator[Finding]:  # noqa: ARG001
    """See whether anybody is active: whoever is not may be shut out, those who run it as well."""
    users = extension.users
    everybody = sa.select(sa.func.count()).select_from(users.model)
    for target, on in users.join:
        everybody = everybody.join(target, on)
    one = everybody.with_only_columns(sa.literal(1)).where(users.status.active).limit(1)
    with engine_of(extension).connect() as connection:
        if connection.execute(one).first() is not None:
            yield Finding("ok", "The status is mapped so that there are active users.")
            return
        number = connection.execute(everybody).scalar_one()
        if not number:
            yield Finding("ok", "There are no users yet whose status could be read.")
            return
        kept = users.status.kept_in
        unnamed = [] if kept is None else _unnamed(kept, connection)
    said = f"None of {number:,} users is active by Status(active=...)"
    if unnamed:
        assert kept is not None  # noqa: S101  (there are values)
        values = ", ".join(map(repr, unnamed))
        said = (
            f"None of {number:,} users is active by Status.column({kept.column}, ...), and no "
            f"status names {values}, which that column holds"
        )
    yield Finding(
        "fault",
        f"{said}.",
        "Say by active= who is; whoever is inactive is shut out, also of those who run the page.",
    )


def _unnamed(kept: Kept, connection: sa.Connection) -> list[object]:
    """Return the values of a column that stand for no status."""
    named = [word for words in kept.words.values() for word in words]
    column = clause(kept.column)
    held = known_words(column)
    if held is None:
        held = list(connection.execute(values_in(column).limit(len(named) + TOLD)).scalars())
    return [plain(value) for value in held if value not in named][:TOLD]
