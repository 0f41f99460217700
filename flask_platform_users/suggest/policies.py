"""Who runs a platform: the one question whose answer opens the page to somebody."""

from collections.abc import Sequence

import sqlalchemy as sa
from flask_login import UserMixin

from .guess import Guess
from .people import role_column, roles_through
from .platforms import Belonging
from .schema import Field, Schema, best
from .words import OWNER_FLAG


def policy(schema: Schema, belonging: Belonging, fields: Sequence[Field]) -> Guess:
    """Guess what ``platform_of`` returns; nobody may open the page where nothing tells who may."""
    user, own = schema.names[schema.user], belonging.field
    if belonging.runs is not None:
        code = f"actor.{belonging.runs.key} if isinstance(actor, {user}) else None"
        return Guess(code, f"{belonging.runs.code} says which platform somebody runs")
    if own is not None and own.model is schema.user:
        mark = _mark_of_owners(schema, fields)
        if mark is not None:
            condition = f"isinstance(actor, {user}) and {mark.code}"
            return Guess(f"actor.{own.key} if {condition} else None", mark.why)
    for model in schema.names:
        if model is schema.user or not issubclass(model, UserMixin):
            continue
        found = next((f for f in schema.fields(model) if belonging.same(f)), None)
        if found is not None:
            name = schema.names[model]
            return Guess(
                f"actor.{found.key} if isinstance(actor, {name}) else None",
                f"{name} can sign in, is no user, and has a platform; may each of them open it?",
            )
    return Guess("", "nothing tells who runs a platform: until you say so, nobody may open it")


def _mark_of_owners(schema: Schema, fields: Sequence[Field]) -> Guess | None:
    """Find what tells owners among the users, as a condition on ``actor``."""
    flag = best([field for field in fields if field.is_flag], OWNER_FLAG)
    if flag is not None:
        return Guess(f"actor.{flag.key}", f"{flag.code} marks who runs a platform")
    column = role_column(fields)
    if column is not None and "owner" in schema.values(column):
        plain = not isinstance(column.column.type, sa.Enum)
        value = f"actor.{column.key}" if plain else f"actor.{column.key}.name"
        return Guess(f'{value} == "owner"', f"{column.code} has the word owner")
    through = roles_through(schema)
    if through is not None and "owner" in schema.values(through[1]):
        relation, name = through
        condition = f'any(role.{name.key} == "owner" for role in actor.{relation})'
        return Guess(condition, f"{name.code} has the word owner")
    return None
