"""Keyset cursors: where a page ends, as an opaque value that only this mount can have made."""

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from itsdangerous import BadSignature, URLSafeSerializer

from .errors import CursorError

# A value is stored as a one-letter tag and its text, and read back to the very same value.
_READ: dict[str, Callable[[str], Any]] = {
    "s": str,
    "i": int,
    "f": float,
    "n": Decimal,
    "t": datetime.fromisoformat,
    "d": date.fromisoformat,
    "u": uuid.UUID,
    "b": bytes.fromhex,
    "o": "1".__eq__,
}


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """A place between two rows of a listing.

    Attributes:
        key: the user key of the row beside the place.
        value: the value that row was sorted by.
        number: the serial number of that row.
        backward: True to read the rows before it, False for those after it.
    """

    key: Any
    value: Any
    number: int
    backward: bool = False


class Cursors:
    """Signs cursors and reads them back.

    Args:
        secret: the app's secret key, and older ones that still count, newest last.
        scope: what a cursor is good for: the mount, the platform, the filter and the order.
            Anywhere else it is refused.
    """

    def __init__(self, secret: Sequence[bytes], scope: str) -> None:
        self._serializer = URLSafeSerializer(secret, salt=f"flask-platform-users.cursor.{scope}")

    def dump(self, cursor: Cursor) -> str:
        """Return the text that stands for a cursor in a URL."""
        parts = [_write(cursor.key), _write(cursor.value), cursor.number, int(cursor.backward)]
        return str(self._serializer.dumps(parts))

    def load(self, text: str) -> Cursor:
        """Return the cursor behind a text.

        Raises:
            CursorError: this mount did not make it, or made it for something else.
        """
        try:
            key, value, number, backward = self._serializer.loads(text)
        except BadSignature as error:
            raise CursorError(text) from error
        return Cursor(key=_read(key), value=_read(value), number=number, backward=bool(backward))


def _write(value: Any) -> str | None:
    match value:
        case None:
            return None
        case str():
            return f"s{value}"
        case bool():
            return f"o{value:d}"
        case int():
            return f"i{value}"
        case float():
            return f"f{value!r}"
        case Decimal():
            return f"n{value}"
        case datetime():
            return f"t{value.isoformat()}"
        case date():
            return f"d{value.isoformat()}"
        case uuid.UUID():
            return f"u{value}"
        case bytes():
            return f"b{value.hex()}"
    raise TypeError(f"a cursor cannot carry {value!r}")


def _read(text: str | None) -> Any:
    return None if text is None else _READ[text[0]](text[1:])


def keyset_order(descending: bool, *columns: Any) -> list[sa.UnaryExpression[Any]]:
    """Return the ORDER BY of columns that all go the same way."""
    return [column.desc() if descending else column.asc() for column in columns]


def beyond(
    cursor: Cursor, key: Any, value: sa.ColumnElement[Any], *, descending: bool
) -> sa.ColumnElement[bool]:
    """Say which rows come after the cursor's in the order of (value, key).

    The bound on the value alone is implied, but lets MariaDB seek: it has no index access by
    comparison of pairs.
    """
    last_key = sa.literal(cursor.key, key.type)
    if cursor.value is None:
        here: sa.ColumnElement[bool] = key < last_key if descending else key > last_key
        return here
    last = sa.literal(cursor.value, value.type)
    pair, last_pair = sa.tuple_(value, key), sa.tuple_(last, last_key)
    if descending:
        return (value <= last) & (pair < last_pair)
    return (value >= last) & (pair > last_pair)
