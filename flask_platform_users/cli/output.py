"""What commands print: sentences and tables for people, lines of JSON for programs."""

import json
import shutil
import sys
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import Any

import click

from ..results import UserRow

_NARROWEST = 8
"""No column of a table is cut to less."""

# They turn the direction of what follows: a name could pass for something else (CVE-2021-42574).
_TURNING = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_ESCAPED = {"Cc", "Cs", "Zl", "Zp"}


class NotDone(click.ClickException):
    """It was refused, or it failed: the sentence goes to stderr, and the exit code is 1."""

    def __init__(self, sentence: str) -> None:
        super().__init__("\n".join(map(plain, sentence.splitlines())))


def plain(text: str) -> str:
    """Return a text that can do nothing to a terminal: control characters are written out."""
    return "".join(
        c.encode("unicode_escape").decode()
        if c in _TURNING or unicodedata.category(c) in _ESCAPED
        else c
        for c in text
    )


def say(text: str, *, err: bool = False) -> None:
    """Print one line, whatever is in it."""
    click.echo(plain(text), err=err)


def say_json(value: object) -> None:
    """Print one JSON object as one line."""
    click.echo(json.dumps(as_json(value)))


def as_json(value: object) -> Any:
    """Return a value in the types of JSON: dataclasses as objects, moments in ISO 8601.

    The host's own model instances (``record``) are left out.
    """
    match value:
        case None | bool() | int() | float() | str():
            return value
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): as_json(item) for key, item in value.items()}
        case list() | tuple():
            return [as_json(item) for item in value]
    if is_dataclass(value) and not isinstance(value, type):
        names = [field.name for field in fields(value) if field.name != "record"]
        return {name: as_json(getattr(value, name)) for name in names}
    return str(value)


def user_as_json(user: UserRow) -> dict[str, Any]:
    """Return a user in the types of JSON, by the names that ``UserRow`` has for the fields."""
    return {"name": user.name, "total_channels": user.total_channels, **as_json(user)}


def say_table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Print an aligned table. On a terminal its widest columns are cut until it fits."""
    lines = [[plain(cell) for cell in row] for row in (heads, *rows)]
    widths = [max(map(_width, column)) for column in zip(*lines, strict=True)]
    if sys.stdout.isatty():
        room = shutil.get_terminal_size().columns - 2 * (len(widths) - 1)
        while sum(widths) > room and max(widths) > _NARROWEST:
            widths[widths.index(max(widths))] -= 1
    for line in lines:
        cells = map(_fitted, line, widths)
        click.echo("  ".join(cells).rstrip())


def users_said(number: int) -> str:
    """Return a number of users in words."""
    return f"{number:,} user{'' if number == 1 else 's'}"


def _width(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(
        0 if unicodedata.combining(c) else 1 + (unicodedata.east_asian_width(c) in "WF")
        for c in text
    )


def _fitted(text: str, width: int) -> str:
    if _width(text) > width:
        while _width(text) > width - 1:
            text = text[:-1]
        text += "…"
    return text + " " * (width - _width(text))
