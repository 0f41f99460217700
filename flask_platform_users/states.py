"""What the plugin keeps of some users beside their own rows, read once and written once."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from .arrays import insert_all, one_of

if TYPE_CHECKING:
    from .directory import Directory


class States:
    """Rows of the ``state`` table for the users that one transaction is about.

    Args:
        directory: reads the platform.
        keys: the users; all of them are read when the first one is asked for.
    """

    def __init__(self, directory: "Directory", keys: Sequence[Any]) -> None:
        self.directory = directory
        self.table = directory.mapping.tables.state
        self.keys = list(keys)
        self._rows: dict[Any, dict[str, Any]] | None = None
        self._known: set[Any] = set()
        self._changed: dict[Any, None] = {}

    def of(self, key: Any) -> Mapping[str, Any]:
        """Return a user's row; empty if nothing was ever kept."""
        return self._read().get(key, {})

    def keep(self, key: Any, values: Mapping[str, Any]) -> None:
        """Set columns of a user's row; they are written by ``flush``."""
        self._read().setdefault(key, {}).update(values)
        self._changed[key] = None

    def forget(self, key: Any) -> None:
        """Take a user's row for deleted."""
        self._read().pop(key, None)
        self._known.discard(key)
        self._changed.pop(key, None)

    def flush(self) -> None:
        """Write what was changed: one statement for the rows that were there, one for others."""
        rows, self._changed, changed = self._read(), {}, self._changed
        new = [key for key in changed if key not in self._known]
        old = [key for key in changed if key in self._known]
        columns = [c for c in self.table.c if c.name not in {"platform_key", "user_key"}]

        def values(key: Any) -> dict[str, Any]:
            return {c.name: rows[key].get(c.name) for c in columns}

        if old:
            update = (
                sa.update(self.table)
                .where(
                    self.table.c.platform_key == self.directory.platform,
                    self.table.c.user_key == sa.bindparam("own_key"),
                )
                .values({c.name: sa.bindparam(c.name) for c in columns})
            )
            self._execute(update, [values(key) | {"own_key": key} for key in old])
        if new:
            platform = self.directory.platform
            insert_all(
                self.directory.session,
                self.table,
                [values(key) | {"platform_key": platform, "user_key": key} for key in new],
                self.directory.mapping.bind,
            )
        self._known.update(new)

    def _read(self) -> dict[Any, dict[str, Any]]:
        if self._rows is None:
            session = self.directory.session
            statement = sa.select(self.table).where(
                self.table.c.platform_key == self.directory.platform,
                one_of(session, self.table.c.user_key, self.keys, self.directory.mapping.bind),
            )
            found = self._execute(statement).mappings()
            self._rows = {row["user_key"]: dict(row) for row in found}
            self._known = set(self._rows)
        return self._rows

    def _execute(self, statement: Any, values: Any = None) -> Any:
        session, bind = self.directory.session, self.directory.mapping.bind
        with session.no_autoflush:
            return session.execute(statement, values, bind_arguments=bind)
