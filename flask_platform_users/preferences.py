"""What a person has chosen of the page for themselves, such as its columns and own views."""

import json
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from .directory import Directory

LARGEST = 16 * 1024
"""How many bytes a value may have, as JSON in ASCII."""


class Preferences:
    """Reads and writes what one person prefers on one platform. Nothing here commits.

    Args:
        directory: reads the platform.
        actor: the text by which the history knows the person (``Policy.id_of``).
    """

    def __init__(self, directory: Directory, actor: str) -> None:
        self._directory = directory
        self._actor = actor
        self._table = directory.mapping.tables.preference

    def read(self, name: str) -> Any | None:
        """Return what was written under a name, None if nothing was. One statement."""
        statement = sa.select(self._table.c.value).where(*self._place(name))
        text = self._execute(statement).scalar()
        return None if text is None else json.loads(text)

    def all(self) -> dict[str, Any]:
        """Return all that was written, by name. One statement."""
        c = self._table.c
        here = c.platform_key == self._directory.platform
        found = self._execute(sa.select(c.name, c.value).where(here, c.actor == self._actor))
        return {name: json.loads(text) for name, text in found}

    def write(self, name: str, value: Any) -> None:
        """Keep a value that JSON can hold in place of what was there.

        Args:
            name: what it is called, in up to 64 characters.
            value: what is kept; ``read`` returns its like.

        Raises:
            ValueError: it is larger than ``LARGEST``.
        """
        text = json.dumps(value, separators=(",", ":"))
        if len(text) > LARGEST:
            raise ValueError(f"{name!r} would take {len(text)} bytes; up to {LARGEST} are kept.")
        if self._update(name, text):
            return
        key = {"platform_key": self._directory.platform, "actor": self._actor, "name": name}
        try:
            with self._directory.session.begin_nested():
                self._execute(sa.insert(self._table).values(**key, value=text))
        except IntegrityError:  # the same person was quicker elsewhere
            self._update(name, text)

    def remove(self, name: str) -> None:
        """Forget what was written under a name, if anything was."""
        statement = sa.delete(self._table).where(*self._place(name))
        self._execute(statement)

    def _update(self, name: str, text: str) -> bool:
        """Say whether there was something to replace."""
        statement = sa.update(self._table).where(*self._place(name)).values(value=text)
        return bool(self._execute(statement).rowcount)

    def _place(self, name: str) -> tuple[sa.ColumnElement[bool], ...]:
        c = self._table.c
        here = c.platform_key == self._directory.platform
        return (here, c.actor == self._actor, c.name == name)

    def _execute(self, statement: sa.Executable) -> Any:
        bind = self._directory.mapping.bind
        return self._directory.session.execute(statement, bind_arguments=bind)
