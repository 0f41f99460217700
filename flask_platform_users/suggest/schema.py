"""What the rules read of a host's models: columns with their names, keys and values."""

import sys
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.orm import Mapper

from ..inspection import mapper_of, python_type, values_in
from .words import Vocabulary, words_of

SAMPLE = 500
"""So many rows tell what the values of a column look like."""
WORDS = 30
"""A column of more different values does not keep words."""


@dataclass(frozen=True, eq=False)
class Field:
    """A mapped column.

    Attributes:
        model: the mapped class.
        key: its attribute.
        code: how the mapping spells it, such as ``User.email``.
    """

    model: type[Any]
    key: str
    code: str
    column: sa.Column[Any]

    @property
    def words(self) -> tuple[str, ...]:
        """The words of its name."""
        return words_of(self.key)

    @property
    def type(self) -> type[Any] | None:
        """The Python type of its values."""
        return python_type(self.column)

    @property
    def is_text(self) -> bool:
        """Whether it keeps text, or an enum."""
        return self.type is str or isinstance(self.column.type, sa.Enum)

    @property
    def is_moment(self) -> bool:
        """Whether it keeps a date with a time."""
        return self.type is datetime

    @property
    def is_flag(self) -> bool:
        """Whether it keeps true or false."""
        return self.type is bool

    @property
    def is_number(self) -> bool:
        """Whether it keeps an integer that is no key."""
        plain = not self.column.primary_key and not self.column.foreign_keys
        return self.type is int and plain

    @property
    def is_key(self) -> bool:
        """Whether its type is one that keys have."""
        return self.type in (int, str, uuid.UUID) and not isinstance(self.column.type, sa.Enum)

    def points_at(self, table: sa.FromClause) -> bool:
        """Say whether it is a foreign key to a table."""
        return any(key.column.table is table for key in self.column.foreign_keys)


def best(fields: Iterable[Field], vocabulary: Vocabulary) -> Field | None:
    """Return the field whose name fits best, None where no name fits."""
    ranked = [(rank, f) for f in fields if (rank := vocabulary.rank(f.key)) is not None]
    return min(ranked, key=lambda pair: pair[0])[1] if ranked else None


class Schema:
    """A host's models around its user model, and what their rows hold.

    Args:
        db: the host's Flask-SQLAlchemy object.
        user: the mapped class of its users.
    """

    def __init__(self, db: SQLAlchemy, user: type[Any]) -> None:
        self.db = db
        self.user = user
        self.mapper = mapper_of(user)
        self.metadata = self.mapper.local_table.metadata  # type: ignore[attr-defined]
        self.unreadable = False
        classes = sorted(
            (mapper.class_ for mapper in self.mapper.registry.mappers),
            key=lambda class_: (class_ is not user, class_.__module__, class_.__qualname__),
        )
        self.names: dict[type[Any], str] = {}
        for class_ in classes:
            name, number = class_.__name__, 2
            while name in self.names.values():
                name, number = f"{class_.__name__}{number}", number + 1
            self.names[class_] = name

    @cached_property
    def others(self) -> list[type[Any]]:
        """The other mapped classes of the same database, without subclasses."""
        return [
            class_
            for class_ in self.names
            if class_ is not self.user
            and mapper_of(class_).inherits is None
            and getattr(mapper_of(class_).local_table, "metadata", None) is self.metadata
        ]

    def fields(self, model: type[Any]) -> list[Field]:
        """Return the columns of a mapped class."""
        return [
            Field(model, attribute.key, f"{self.names[model]}.{attribute.key}", column)
            for attribute in mapper_of(model).column_attrs
            if isinstance(column := attribute.columns[0], sa.Column)
        ]

    def class_of(self, table: sa.FromClause) -> type[Any] | None:
        """Return the class that is mapped to a table."""
        return next((c for c in self.names if mapper_of(c).local_table is table), None)

    def values(self, field: Field) -> list[Any]:
        """Return the different values of a column of words, the most frequent first.

        Those of an enum are all that it allows. None are known where the database cannot be read.
        """
        if isinstance(field.column.type, sa.Enum):
            return list(field.column.type.enums)
        found = self._read(values_in(field.column).limit(WORDS + 1))
        return found if len(found) <= WORDS else []

    def sample(self, field: Field) -> list[Any]:
        """Return some values of a column."""
        return self._read(sa.select(field.column).where(field.column.is_not(None)).limit(SAMPLE))

    def _read(self, statement: sa.Select[Any]) -> list[Any]:
        if self.unreadable:
            return []
        try:
            engine: Any = self.db.session.get_bind(mapper=self.mapper)
            with engine.connect() as connection:
                return list(connection.execute(statement).scalars())
        except SQLAlchemyError:
            self.unreadable = True
            return []


def importable(thing: object, near: str) -> tuple[str, str] | None:
    """Return a module and the name in it under which a thing can be imported.

    Args:
        thing: what to find.
        near: the module to look into first; then those that share most of its path.
    """
    parts = near.split(".")

    def distance(module: str) -> tuple[int, str]:
        shared = 0
        for ours, theirs in zip(parts, module.split("."), strict=False):
            if ours != theirs:
                break
            shared += 1
        return (-shared, module) if module != near else (-len(parts) - 1, module)

    for module in sorted(sys.modules, key=distance):
        for name, value in list(getattr(sys.modules[module], "__dict__", {}).items()):
            if value is thing and not name.startswith("_"):
                return module, name
    return None


def relations(schema: Schema) -> Sequence[Any]:
    """Return the relationships of the user model."""
    mapper: Mapper[Any] = schema.mapper
    return list(mapper.relationships)
