"""What a check finds."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import sqlalchemy as sa
from flask import Flask

if TYPE_CHECKING:
    from ..extension import PlatformUsers

Level = Literal["ok", "warning", "fault"]


@dataclass(frozen=True)
class Finding:
    """One line of the doctor's.

    Attributes:
        level: ``fault`` if something does not work, is not safe, or will not do for the size of
            the data; ``warning`` if somebody should look at it.
        says: what was found, in a sentence.
        remedy: what to do, in a sentence; empty where there is nothing to do.
        sql: the statements that mend it, for the database that was looked at.
    """

    level: Level
    says: str
    remedy: str = ""
    sql: tuple[str, ...] = ()


Check = Callable[["PlatformUsers", Flask], Iterable[Finding]]


def engine_of(extension: "PlatformUsers") -> sa.Engine:
    """Return the engine of the users' database, in the current app."""
    engine: Any = extension.db.session.get_bind(**extension.mapping.bind)
    found: sa.Engine = engine.engine
    return found


def compiled(statement: sa.ClauseElement, engine: sa.Engine) -> str:
    """Return a statement as its database takes it."""
    return " ".join(str(statement.compile(dialect=engine.dialect)).split())
