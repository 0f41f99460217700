"""What the sentences on a wrong configuration have in common."""

import inspect
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, TypeVar

import sqlalchemy as sa
from flask import Flask
from jinja2 import TemplateNotFound
from sqlalchemy.orm import RelationshipProperty

T = TypeVar("T")

IDENTIFIER = re.compile(r"[a-z][a-z0-9_]*")
"""What names are that stand in addresses, classes of the page and the history."""

_EXAMPLES = {
    "channels": "Count(...)",
    "usage": "Count(...)",
    "cards": "..., Card(...)",
    "filters": "Filter(...)",
    "views": "SavedView(...)",
    "columns": "..., Column(...)",
    "actions": "*DEFAULT_ACTIONS, ...",
    "panels": "..., Panel(...)",
}


def kind_faults(argument: str, value: Any, kind: type[Any], expected: str) -> Iterator[str]:
    """Find out whether a value is of a kind."""
    if not isinstance(value, kind):
        yield f"{argument} was given {shown(value)}; expected {expected}."


def expression_faults(argument: str, value: Any, expected: str) -> Iterator[str]:
    """Find out whether a value is a column or another SQL expression."""
    if not is_expression(value):
        yield f"{argument} was given {shown(value)}; expected {expected}."


def function_faults(argument: str, value: Any, shape: str, does: str = "") -> Iterator[str]:
    """Find out whether a function that may be left out can be called as it is going to be.

    Args:
        argument: what it was given for.
        value: what was given; None if it was left out.
        shape: how it is called, such as ``write(user, status)``.
        does: what it does, as the rest of a sentence.
    """
    if value is not None and not takes(value, shape.count(",") + 1):
        yield f"{argument} was given {shown(value)}; expected a function {shape}{does}."


def list_faults(lists: Mapping[str, Any]) -> Iterator[str]:
    """Find arguments of ``PlatformUsers`` that take a list, and were given something else."""
    for argument, given in lists.items():
        if not is_several(given):
            what = "None" if given is None else f"one {type(given).__name__}"
            yield (
                f"PlatformUsers({argument}=...) was given {what}; expected a list, such as "
                f"{argument}=[{_EXAMPLES[argument]}]."
            )


def as_list(given: Iterable[T], otherwise: tuple[T, ...] = ()) -> tuple[T, ...]:
    """Return what was given for a list; ``otherwise`` for what ``list_faults`` refuses."""
    return tuple(given) if is_several(given) else otherwise


def repeated(names: Iterable[Any]) -> Iterator[tuple[Any, int]]:
    """Return the names that are there more than once, and how often."""
    return ((name, times) for name, times in Counter(names).items() if times > 1)


def takes(function: Any, *numbers: int) -> bool:
    """Say whether something can be called with so many values, in each of several numbers."""
    if not callable(function) or isinstance(function, sa.SQLColumnExpression):
        return False
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some built-in ones do not tell
        return True
    try:
        for number in numbers:
            signature.bind(*[None] * number)
    except TypeError:
        return False
    return True


def is_several(given: Any) -> bool:
    """Say whether something is a list of things, or like one."""
    return isinstance(given, Iterable) and not isinstance(given, str | bytes)


def is_expression(value: Any) -> bool:
    """Say whether something is a column or another SQL expression; a relationship is none."""
    return isinstance(value, sa.SQLColumnExpression) and not is_relationship(value)


def is_relationship(value: Any) -> bool:
    """Say whether something is an attribute that leads to other rows."""
    return isinstance(getattr(value, "property", None), RelationshipProperty)


def is_text(value: Any) -> bool:
    """Say whether something is a text, or behaves like one: a lazy one may be translated later."""
    return callable(getattr(value, "lower", None))


def has_template(app: Flask, name: Any) -> bool:
    """Say whether an app has a template."""
    try:
        app.jinja_env.get_template(name)
    except (TemplateNotFound, TypeError, AttributeError):
        return False
    return True


def shown(value: Any) -> str:
    """Return how a sentence shows what was given."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if is_relationship(value):
        return f"the relationship {value}"
    if isinstance(value, sa.SQLColumnExpression):
        return f"the column {value}"
    if isinstance(value, sa.FromClause):
        return f"the table {value}"
    if inspect.isroutine(value):
        return called(value)
    return f"{value!r} ({type(value).__name__})"


def called(function: Any) -> str:
    """Return how a function says it is called: its name, and the names of what it takes."""
    name = str(function.__name__)
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return f"{name}(...)"
    plain = [each.replace(annotation=each.empty) for each in signature.parameters.values()]
    return name + str(signature.replace(parameters=plain, return_annotation=signature.empty))
