"""What users have a number of: from what points at them, and from counters on their own row."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import RelationshipDirection

from ..inspection import mapper_of
from .guess import Guess, quoted
from .platforms import Belonging
from .schema import Field, Schema, best, relations
from .words import (
    ACCOUNT_WORDS,
    ACTIVITY,
    ANYTHING,
    CHANNEL_LABELS,
    CHANNEL_TABLES,
    COUNTER,
    HOUSEKEEPING,
    IN_PASSING,
    KIND,
    NO_COUNTER,
    PHONE_TABLES,
    channel_of,
    plural,
    rest_after_kind,
    words_of,
)

CANONICAL = ("whatsapp", "webchat", "instagram")
"""The kinds that the page was made for, where no data says which there are."""


@dataclass
class Counts:
    """The arguments ``channels`` and ``usage``, by the names of their counts.

    Attributes:
        left_out: what points at users and is not counted, with the reason.
        unclear: counters that may count a kind of channel.
    """

    channels: dict[str, Guess] = field(default_factory=dict)
    usage: dict[str, Guess] = field(default_factory=dict)
    left_out: list[str] = field(default_factory=list)
    unclear: list[str] = field(default_factory=list)

    def add(self, group: dict[str, Guess], name: str, rest: str, why: str) -> None:
        """Add a count under a name that no other one has."""
        name = re.sub(r"[^a-z0-9_]", "", name).lstrip("0123456789_") or "other"
        free, number = name, 2
        while free in self.channels or free in self.usage:
            free, number = f"{name}_{number}", number + 1
        label = f', label="{CHANNEL_LABELS[name]}"' if name in CHANNEL_LABELS else ""
        group[free] = Guess(f'Count("{free}", {rest}{label})', why)


def counts(schema: Schema, belonging: Belonging) -> Counts:
    """Guess what to count."""
    found = Counts()
    own_table_first = sorted(
        schema.others, key=lambda model: channel_of(words_of(model.__name__)) is None
    )
    for model in own_table_first:
        if model is not belonging.membership:
            _count_rows(schema, belonging, model, found)
    for counter in _counters(schema):
        kind = channel_of(counter.words)
        if kind is not None:
            found.add(found.channels, kind, counter.code, "a counter on the user's own row")
        else:
            found.unclear.append(counter.code)
            why = "a counter on the user's own row; move it to channels= if it is a kind of one"
            name = "_".join(word for word in counter.words if word not in COUNTER)
            found.add(found.usage, name or counter.key, counter.code, why)
    order = [name for name in CANONICAL if name in found.channels]
    found.channels = {name: found.channels[name] for name in [*order, *found.channels]}
    return found


def _counters(schema: Schema) -> Iterator[Field]:
    for number in schema.fields(schema.user):
        words = number.words
        if not number.is_number or NO_COUNTER.intersection(words):
            continue
        many = words[-1].endswith("s") and not words[-1].endswith("ss")
        if many or COUNTER.intersection(words):
            yield number


def _count_rows(schema: Schema, belonging: Belonging, model: type[Any], found: Counts) -> None:
    """Count the rows of a model that points at the user."""
    name, fields = schema.names[model], schema.fields(model)
    pointer = _pointer(schema, model, fields)
    if pointer is None:
        return
    words = words_of(model.__name__)
    platform = next((f for f in fields if f is not pointer and belonging.same(f)), None)
    refusal = _refusal(belonging, words, pointer, platform)
    if refusal:
        found.left_out.append(f"{name}: {refusal}")
        return
    columns = pointer.code
    at = "" if platform is None else f", platform={platform.code}"
    pointed = "a foreign key" if pointer.column.foreign_keys else "named so, without a foreign key"
    why = f"{pointer.code} points at the user ({pointed})"
    kind = channel_of(words)
    if kind is not None and rest_after_kind(words, kind) <= ACCOUNT_WORDS:
        found.add(found.channels, kind, f"{columns}{at}", why)
        return
    split = best([f for f in fields if f.is_text and not f.column.foreign_keys], KIND)
    kinds = [] if split is None else schema.values(split)
    named = CHANNEL_TABLES.intersection(words)
    known = [value for value in kinds if channel_of(words_of(str(value)))]
    looks_so = 0 < len(kinds) <= 2 * len(known) and not ACTIVITY.intersection(words)
    if split is not None and (named or looks_so):
        _split_channels(found, split, kinds, f"{columns}{{}}{at}", why)
        return
    flags = {k: f for f in fields if f.is_flag and (k := channel_of(f.words)) is not None}
    if flags and named:
        _split_by_flags(found, words, flags, f"{columns}{{}}{at}", why)
    elif named:
        found.add(found.channels, plural(words), f"{columns}{at}", f"{why}; of which kind?")
    elif split is not None and ANYTHING.intersection(words) and kinds:
        for value in kinds:
            where = f", where={split.code} == {quoted(value)}"
            key = "_".join(words_of(str(value)))
            found.add(found.usage, key, f"{columns}{where}{at}", f"{why}, split by {split.code}")
    else:
        found.add(found.usage, plural(words), f"{columns}{at}", why)


def _split_channels(
    found: Counts, split: Field, kinds: Sequence[Any], template: str, why: str
) -> None:
    """Count the rows of one table of channels by the words of its kind."""
    reason = f"{why}, split by {split.code}"
    if not kinds:
        reason += "; there are no rows to read its words from: check this one"
    for value in kinds or CANONICAL:
        words = words_of(str(value))
        name = channel_of(words) or "_".join(words)
        where = f", where={split.code} == {quoted(value)}"
        found.add(found.channels, name, template.format(where), reason)


def _split_by_flags(
    found: Counts, words: Sequence[str], flags: dict[str, Field], template: str, why: str
) -> None:
    """Count the rows of one table of channels by its flags, and those that have none of them."""
    for kind, flag in flags.items():
        where = f", where={flag.code}"
        found.add(found.channels, kind, template.format(where), f"{why}, split by {flag.code}")
    none = " & ".join(f"~{flag.code}" for flag in flags.values())
    phones = "whatsapp" not in flags and PHONE_TABLES.intersection(words)
    name = "whatsapp" if phones else "other_" + plural(words)
    reason = f"the rows without {none.replace('~', '')}; their kind is taken from the model's name"
    found.add(found.channels, name, template.format(f", where={none}"), reason)


def _pointer(schema: Schema, model: type[Any], fields: Sequence[Field]) -> Field | None:
    """Return the column by which rows belong to a user, None where none does."""
    pointing = [f for f in fields if any(map(f.points_at, schema.mapper.tables))]
    if not pointing:
        remote = [
            column
            for relation in relations(schema)
            if relation.direction is RelationshipDirection.ONETOMANY
            and relation.mapper.class_ is model
            for _, column in relation.local_remote_pairs
        ]
        pointing = [f for f in fields if f.column in remote]
    if not pointing:
        pointing = [f for f in fields if _is_named_after_user(schema, f)]
    owning = [f for f in pointing if not IN_PASSING.intersection(f.words)]
    return owning[0] if owning else None


def _is_named_after_user(schema: Schema, field: Field) -> bool:
    key = schema.mapper.primary_key[0]
    own = {words_of(schema.user.__name__), words_of(str(schema.mapper.local_table.name))}  # type: ignore[attr-defined]
    suffixed = {(*words, *words_of(str(key.name))) for words in own}
    same = isinstance(field.column.type, type(key.type)) and not field.column.foreign_keys
    return same and field.words in suffixed


def _refusal(
    belonging: Belonging, words: Sequence[str], pointer: Field, platform: Field | None
) -> str:
    """Say why rows that point at a user are not counted; empty where they are."""
    column, mapper = pointer.column, mapper_of(pointer.model)
    keys = mapper.primary_key
    if len(keys) > 1 and all(key.foreign_keys for key in keys):
        return "it only ties users to something else"
    if column.unique or (len(keys) == 1 and keys[0] is column) or _has_unique(pointer):
        return "there is one for each user at most"
    kept = HOUSEKEEPING.intersection(words)
    if kept:
        return f"its name ({', '.join(sorted(kept))}) says that people do not count it"
    if belonging.membership is not None and platform is None:
        return "it has no column for the platform, and a user may belong to several"
    return ""


def _has_unique(pointer: Field) -> bool:
    table = mapper_of(pointer.model).local_table
    assert isinstance(table, sa.Table)  # noqa: S101  (its column is a table's)
    unique = [set(c.columns) for c in table.constraints if isinstance(c, sa.UniqueConstraint)]
    unique += [set(index.columns) for index in table.indexes if index.unique]
    return {pointer.column} in unique
