"""Where a user's name, addresses, role and moments are kept."""

from collections.abc import Sequence

from .guess import Guess
from .schema import Field, Schema, best, relations
from .words import (
    ADDRESS,
    CREATED,
    EMAIL,
    LAST_LOGIN,
    MANY_ROLES,
    PHONE,
    RANK,
    ROLE,
    ROLE_NAME,
    USERNAME,
    Vocabulary,
)


def username(schema: Schema, fields: Sequence[Field], email: Guess) -> Guess:
    """Guess what a user is called."""
    texts = [field for field in fields if field.is_text and field.code != email.code]
    named = best(texts, USERNAME)
    if named is not None:
        return _named(named)
    keys = {field.key: field for field in texts}
    if "first_name" in keys and "last_name" in keys:
        code = f'{keys["first_name"].code} + " " + {keys["last_name"].code}'
        return Guess(code, "first and last name; an expression cannot be sorted by an index")
    if email.code:
        return Guess(email.code, "no column looks like a name, so people go by their address")
    return Guess("", f"no text column of {schema.names[schema.user]} looks like a name")


def email(schema: Schema, fields: Sequence[Field]) -> Guess:
    """Guess the email address: by name, else by what stands in the column."""
    texts = [field for field in fields if field.is_text]
    named = best(texts, EMAIL)
    if named is not None:
        return _named(named)
    for field in texts:
        values = schema.sample(field)
        if values and sum("@" in str(value) for value in values) > 0.8 * len(values):
            return Guess(field.code, "its values are email addresses")
    named = best(texts, ADDRESS)
    if named is not None:
        return Guess(named.code, "nothing is called email; this name might mean it")
    return Guess("", "no text column looks like an email address")


def phone(fields: Sequence[Field]) -> Guess:
    """Guess the phone number."""
    return _optional([f for f in fields if f.is_text], PHONE, "no text column is named like one")


def last_login(fields: Sequence[Field]) -> Guess:
    """Guess when a user last signed in."""
    moments = [field for field in fields if field.is_moment]
    return _optional(moments, LAST_LOGIN, "no DateTime column is named like one")


def created(fields: Sequence[Field]) -> Guess:
    """Guess when a user signed up; the membership's columns come first where there is one."""
    moments = [field for field in fields if field.is_moment]
    found = _optional(moments, CREATED, "no DateTime column is named like one")
    always = [field for field in moments if not field.column.nullable]
    if not found.code and len(always) == 1:
        return Guess(always[0].code, "the one moment that every user has")
    return found


def role(schema: Schema, fields: Sequence[Field]) -> Guess:
    """Guess the role: a relationship to many, else a column."""
    many = roles_through(schema)
    if many is not None:
        through = f"{schema.names[schema.user]}.{many[0]}"
        return Guess(f"Many({many[1].code}, through={through})", f"the relationship {through}")
    named = role_column(fields)
    if named is not None:
        return _named(named)
    rank = best([field for field in fields if field.is_number], RANK)
    if rank is not None:
        numbers = ", ".join(map(str, sorted(schema.values(rank)))) or "numbers"
        return Guess(
            "",
            f"{rank.code} holds {numbers}; say what they mean, as in "
            f'role=case(({rank.code} >= 100, "owner"), else_="agent")',
        )
    return Guess("", "no text column is named like one, and no relationship leads to roles")


def role_column(fields: Sequence[Field]) -> Field | None:
    """Return the column of a user's one role."""
    return best([field for field in fields if field.is_text], ROLE)


def roles_through(schema: Schema) -> tuple[str, Field] | None:
    """Return the relationship that leads to a user's roles, and the column of their names."""
    for relation in relations(schema):
        target = relation.mapper.class_
        if relation.uselist and MANY_ROLES.rank(relation.key) is not None:
            texts = [field for field in schema.fields(target) if field.is_text]
            name = best(texts, ROLE_NAME)
            if name is not None:
                return relation.key, name
    return None


def _optional(fields: Sequence[Field], vocabulary: Vocabulary, why_not: str) -> Guess:
    named = best(fields, vocabulary)
    return Guess("", why_not) if named is None else _named(named)


def _named(field: Field) -> Guess:
    return Guess(field.code, "by its name and type")
