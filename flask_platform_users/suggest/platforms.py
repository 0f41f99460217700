"""How users belong to platforms: by a column of their own, or by a membership."""

from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from ..inspection import mapper_of
from .guess import Guess
from .schema import Field, Schema
from .words import MEMBERSHIP, NO_PLATFORM, PASSING, PLATFORM, RUNS, words_of


@dataclass(frozen=True)
class Belonging:
    """Where the platform of a user is found.

    Attributes:
        guess: the argument ``platform``.
        field: the column; None where none was found.
        membership: the model that leads there; None where it is a column of the user.
        join: the argument ``join``.
        runs: a column of the user that tells which platform they run, if there is one.
    """

    guess: Guess
    field: Field | None = None
    membership: type[Any] | None = None
    join: Guess | None = None
    runs: Field | None = None

    def same(self, field: Field) -> bool:
        """Say whether a column of another table holds the key of the same platform."""
        own = self.field
        if own is None or field.type is not own.type:
            return False
        targets = {key.column for key in own.column.foreign_keys}
        if targets and field.column.foreign_keys:
            return any(key.column in targets for key in field.column.foreign_keys)
        return field.key == own.key


def belonging(schema: Schema) -> Belonging:
    """Find what says which platform a user belongs to."""
    rated = [
        (rating, field)
        for field in schema.fields(schema.user)
        if field.is_key and (rating := _rating(schema, field)) > 0
    ]
    rated.sort(key=lambda pair: -pair[0])
    own = [field for _, field in rated if not RUNS.union(PASSING).intersection(field.words)]
    runs = next((field for _, field in rated if RUNS.intersection(field.words)), None)
    if own and _rating(schema, own[0]) > 1:
        return _by_column(schema, own[0], runs)
    membership = _membership(schema)
    if membership is not None:
        return _by_membership(schema, *membership, runs)
    if own or rated:
        return _by_column(schema, own[0] if own else rated[0][1], runs)
    return Belonging(
        Guess(
            "",
            f"no column of {schema.names[schema.user]} and no membership leads to a platform; "
            "the page needs one, even if it is the same for all users",
        )
    )


def _rating(schema: Schema, field: Field) -> int:
    """Say how likely a column holds the key of a platform: 0 not at all, 3 surely."""
    if field.model is schema.user and field.column.primary_key:
        return 0
    targets = [schema.class_of(key.column.table) for key in field.column.foreign_keys]
    if schema.user in targets:
        return 0
    named = [c.__name__ for c in targets if c is not None]
    words = set(field.words).union(*(words_of(name) for name in named))
    if NO_PLATFORM & words:
        return 0
    if PLATFORM & words:
        return 3 if targets else 2
    return 1 if targets else 0


def _by_column(schema: Schema, field: Field, runs: Field | None) -> Belonging:
    targets = [schema.class_of(key.column.table) for key in field.column.foreign_keys]
    if targets and targets[0] is not None:
        why = f"a foreign key to {schema.names[targets[0]]}"
    else:
        why = "by its name; it has no foreign key"
    return Belonging(Guess(field.code, why), field, runs=runs)


def _membership(schema: Schema) -> tuple[type[Any], Field, Field] | None:
    """Find the model that says which user is in which platform, with its two columns."""
    for model in schema.others:
        fields = schema.fields(model)
        users = [f for f in fields if any(map(f.points_at, schema.mapper.tables))]
        platforms = [f for f in fields if f not in users and _rating(schema, f) == 3]
        for user in users:
            for platform in platforms:
                pair = {user.column, platform.column}
                if _is_unique(model, pair) or MEMBERSHIP & set(words_of(model.__name__)):
                    return model, user, platform
    return None


def _is_unique(model: type[Any], columns: set[sa.Column[Any]]) -> bool:
    table = mapper_of(model).local_table
    assert isinstance(table, sa.Table)  # noqa: S101  (a membership is not mapped to a query)
    constraints = [set(c.columns) for c in table.constraints if isinstance(c, sa.UniqueConstraint)]
    indexes = [set(index.columns) for index in table.indexes if index.unique]
    return columns in [set(table.primary_key.columns), *constraints, *indexes]


def _by_membership(
    schema: Schema, model: type[Any], user: Field, platform: Field, runs: Field | None
) -> Belonging:
    name = schema.names[model]
    target = next(iter(user.column.foreign_keys)).column
    key = schema.mapper.get_property_by_column(target).key
    on = f"{user.code} == {schema.names[schema.user]}.{key}"
    return Belonging(
        Guess(platform.code, f"{name} says which users belong to which platform"),
        platform,
        membership=model,
        join=Guess(f"[({name}, {on})]", f"a user may belong to several platforms by {name}"),
        runs=runs,
    )
