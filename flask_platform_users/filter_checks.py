"""What can be wrong with what a host lets the list be narrowed by."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from .cards import Card
from .faults import is_expression, repeated, shown, takes
from .filters import Filter
from .inspection import clause, tables_of, user_tables
from .saved_views import SavedView
from .search import SearchError, parse

CARDS = ("total", "active", "inactive", "pending", "channels")
"""The names of our cards."""

BUILT_IN = ("status", "role", "channel", "signed_in", "created", "block_ends")
"""The names of ours. A host's own ``plan`` takes the place of the one that its billing brings."""

RESERVED = frozenset(
    {"q", "sort", "direction", "per_page", "cursor", "done", "unchanged", "undo", "csrf_token"}
    | {"search", "limit", "mailto"}
)
"""Names that mean something else in the address of the list, or on the command line."""

_NAME = re.compile("[a-z][a-z0-9_]{0,30}")
_FILTERS_BY = "a column, a predicate, or a function what(value, platform) that returns a predicate"
_CARDS_COUNT = "a predicate, or a function value(platform) that returns a number"


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
        yield from _name_faults("Filter", each.name, known, BUILT_IN)
        known.add(str(each.name))
        argument = f"Filter({each.name!r})"
        wrong = list(_what_faults(argument, each.what, users, 2, _FILTERS_BY))
        yield from wrong
        if not wrong and each.ahead and each.kind != "moment":
            yield (
                f"{argument} was given ahead=True, but what it asks for is no moment; leave "
                "ahead= out."
            )
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
        taken = known | named if card.filter else named
        yield from _name_faults("Card", card.name, taken, (*BUILT_IN, *CARDS))
        argument = f"Card({card.name!r})"
        wrong = list(_what_faults(argument, card.value, users, 1, _CARDS_COUNT))
        yield from wrong
        if not wrong and card.predicate is not None and not _is_predicate(card.predicate):
            yield (
                f"{argument} was given {card.value}, which is no predicate; expected one, such as "
                "User.phone.is_(None), or a function value(platform)."
            )
        named.add(str(card.name))


def _is_predicate(expression: sa.ColumnElement[Any]) -> bool:
    return Filter("", expression).kind == "flag"


def _name_faults(kind: str, name: Any, known: set[str], ours: Sequence[str]) -> Iterator[str]:
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        yield (
            f"{kind}(name) was given {name!r}; expected a lower-case identifier of up to 31 "
            f"characters, such as {kind}('company_size', ...)."
        )
    elif name in ours:
        yield f"{kind}({name!r}) has a name of ours; give it another one."
    elif name in RESERVED:
        yield (
            f"{kind}({name!r}) has a name that means something else in the address of the list; "
            "give it another one."
        )
    elif name in known:
        yield f"{kind}({name!r}) is given twice; give each a name of its own."


def _what_faults(argument: str, what: Any, users: Any, arity: int, expected: str) -> Iterator[str]:
    """Find what is wrong with an expression of the user model, or a function in its place."""
    if not is_expression(what):
        if isinstance(what, type) or not takes(what, arity):
            yield f"{argument} was given {shown(what)}; expected {expected}."
        return
    try:
        strangers = tables_of(what) - user_tables(users)
    except Exception:
        return
    if strangers:
        yield (
            f"{argument} was given {what}, a column of another model; expected one of the user "
            "model or of a model in join=: ask for the others by an EXISTS, such as "
            "User.companies.any(Company.size > 10)."
        )
    elif isinstance(clause(what).type, sa.types.NullType):
        yield (
            f"{argument} was given {what}, whose type is not known; expected an expression with a "
            "type: cast it, as in sa.cast(..., sa.String)."
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
    """Find what is wrong with ``PlatformUsers(views=...)``, and with what cards search for."""
    good: list[Any] = []
    for each in views:
        if isinstance(each, SavedView) and each.label:
            good.append(each)
        else:
            yield (
                f"PlatformUsers(views=...) was given {each!r}; expected SavedView objects only, "
                'such as views=[SavedView("Never signed in", "signed-in:never")].'
            )
    labels = [each.label for each in good if isinstance(each.label, str)]  # not lazy ones
    for label, times in repeated(labels):
        yield (
            f"SavedView({label!r}) is given {times} times in views=; expected each name once: "
            "rename all but one."
        )
    clicked = [card for card in cards if isinstance(card, Card) and card.query is not None]
    for each in [*good, *clicked]:
        try:
            parse(each.query, {name: known.read for name, known in filters.items()})
        except SearchError as error:
            name = each.name if isinstance(each, Card) else each.label
            yield f"{type(each).__name__}({name!r}) cannot search for {each.query!r}: {error}"
