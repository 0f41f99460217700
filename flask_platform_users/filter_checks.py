"""What can be wrong with what a host lets the list be narrowed by."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from .cards import Card
from .filters import Filter
from .inspection import clause, tables_of, user_tables
from .saved_views import SavedView
from .search import SearchError, parse

BUILT_IN = ("status", "role", "channel", "signed_in", "created", "block_ends")
"""The names of ours. A host's own ``plan`` takes the place of the one that its billing brings."""

RESERVED = frozenset(
    {"q", "sort", "direction", "per_page", "cursor", "done", "unchanged", "undo", "csrf_token"}
    | {"search", "limit", "mailto"}
)
"""Names that mean something else in the address of the list, or on the command line."""

_NAME = re.compile("[a-z][a-z0-9_]{0,30}")


def filter_faults(filters: Any, cards: Any, users: Any) -> Iterator[str]:
    """Find what is wrong with ``PlatformUsers(filters=..., cards=...)``."""
    known: set[str] = set()
    for each in filters:
        if not isinstance(each, Filter):
            yield (
                f"PlatformUsers(filters=...) was given {each!r}; expected Filter objects only, "
                'such as filters=[Filter("company_size", User.company_size)].'
            )
            continue
        yield from _name_faults(each.name, known)
        known.add(str(each.name))
        yield from _what_faults(each, users)
        yield from _choice_faults(each)

    named: set[str] = set()
    for card in cards:
        if card is ...:
            continue
        if not isinstance(card, Card):
            yield (
                f"PlatformUsers(cards=...) was given {card!r}; expected Card objects and ..., such "
                'as cards=[..., Card("trial", User.trial_ends.is_not(None))].'
            )
            continue
        value: Any = card.value
        own = Filter(card.name, value, label=card.label)
        faults = [
            *_name_faults(card.name, known if card.filter else named),
            *_what_faults(own, users),
        ]
        yield from (fault.replace("Filter(", "Card(").replace("filter", "card") for fault in faults)
        if card.predicate is not None and own.kind != "flag":
            yield (
                f"Card({card.name!r}) was given {card.value}, which is no predicate; expected one, "
                "such as User.phone.is_(None), or a function value(platform)."
            )
        named.add(str(card.name))


def _name_faults(name: Any, known: set[str]) -> Iterator[str]:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield (
            f"Filter(name) was given {name!r}; expected a lower-case identifier of up to 31 "
            "characters, such as Filter('company_size', ...)."
        )
    elif name in BUILT_IN:
        yield f"Filter({name!r}) has the name of a filter of ours; give it another one."
    elif name in RESERVED:
        yield (
            f"Filter({name!r}) has a name that means something else in the address of the list; "
            "give it another one."
        )
    elif name in known:
        yield f"Filter({name!r}) is given twice; give each filter a name of its own."


def _what_faults(each: Filter, users: Any) -> Iterator[str]:
    what: Any = each.what
    if isinstance(what, sa.SQLColumnExpression):
        try:
            strangers = tables_of(what) - user_tables(users)
        except Exception:
            return
        if strangers:
            yield (
                f"Filter({each.name!r}) was given {what}, a column of another model; expected one "
                "of the user model or of a model in join=: ask for the others by an EXISTS, as in "
                f"Filter({each.name!r}, User.companies.any(Company.size > 10))."
            )
        elif isinstance(clause(what).type, sa.types.NullType):
            yield (
                f"Filter({each.name!r}) was given {what}, whose type is not known; expected an "
                "expression with a type: cast it, as in sa.cast(..., sa.String)."
            )
    elif isinstance(what, type) or not callable(what):
        yield (
            f"Filter({each.name!r}) was given {what!r}; expected a column, a predicate, or a "
            "function what(value, platform) that returns a predicate."
        )


def _choice_faults(each: Filter) -> Iterator[str]:
    choices: Any = each.choices
    if choices is None:
        return
    words = list(choices) if isinstance(choices, Mapping | list | tuple) else [None]
    if not words or not all(isinstance(word, str) and word.strip() == word != "" for word in words):
        yield (
            f"Filter({each.name!r}, choices=...) was given {choices!r}; expected texts, or a "
            "mapping of them to what people call them, such as choices={'small': 'Up to 10'}."
        )


def view_faults(views: Any, cards: Any, filters: Mapping[str, Filter]) -> Iterator[str]:
    """Find what is wrong with ``PlatformUsers(views=...)``."""
    for each in views:
        if not isinstance(each, SavedView) or not each.label:
            yield (
                f"PlatformUsers(views=...) was given {each!r}; expected SavedView objects only, "
                'such as views=[SavedView("Never signed in", "signed-in:never")].'
            )
            continue
        try:
            parse(each.query, {name: known.read for name, known in filters.items()})
        except SearchError as error:
            yield f"SavedView({each.label!r}) cannot search for {each.query!r}: {error}"
    for card in cards:
        if (
            isinstance(card, Card)
            and card.query
            and SavedView("", card.query).search(filters) is None
        ):
            yield f"Card({card.name!r}, query={card.query!r}) cannot be searched for."
