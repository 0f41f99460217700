"""Between the forms of actions and JSON: what their fields are, and values for them as text.

An action validates one form, whoever fills it in. So a program's values become the text that a
browser would have sent, once their types are right.
"""

import unicodedata
from collections.abc import Mapping
from datetime import datetime, tzinfo
from decimal import Decimal
from typing import Any

import wtforms
from marshmallow import RAISE, Schema, ValidationError, fields, validate
from werkzeug.datastructures import MultiDict
from wtforms.fields.choices import SelectFieldBase

from ..actions import Action
from ..actions.forms import too_long
from ..formatting import in_zone
from ..i18n import _

_KINDS: tuple[tuple[type[wtforms.Field], str], ...] = (
    (wtforms.BooleanField, "flag"),
    (wtforms.SelectMultipleField, "choices"),
    (SelectFieldBase, "choice"),
    (wtforms.DateTimeField, "moment"),
    (wtforms.DateField, "date"),
    (wtforms.IntegerField, "number"),
    (wtforms.DecimalField, "number"),
    (wtforms.FloatField, "number"),
)
KINDS = (*dict.fromkeys(kind for _, kind in _KINDS), "text")
"""What a field may be. A moment has its offset from UTC, or is read in the person's time zone."""


class Flag(fields.Boolean):
    """True or false, and nothing that is taken for it."""

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return super()._deserialize(value, *args, **kwargs)


class Number(fields.Field[Any]):
    """A number, or the text of one: the form reads it."""

    default_error_messages = {"invalid": "Not a valid number."}  # noqa: RUF012

    def _deserialize(self, value: Any, *_: Any, **__: Any) -> str:
        if isinstance(value, bool) or not isinstance(value, int | Decimal | str):
            raise self.make_error("invalid")
        return str(value)


def fields_of(action: Action, zone: tzinfo) -> Mapping[str, wtforms.Field]:
    """Return the fields of an action's form by their names, without the choices of a user."""
    return {} if action.form is None else action.form(meta={"zone": zone})._fields


def kind_of(field: wtforms.Field) -> str:
    """Return one of ``KINDS``."""
    return next((kind for class_, kind in _KINDS if isinstance(field, class_)), "text")


def described(field: wtforms.Field) -> dict[str, Any]:
    """Return what a program needs to know to fill a field in."""
    return {
        "name": field.name,
        "label": str(field.label.text),
        "type": kind_of(field),
        "required": is_required(field),
        "choices": (
            [{"value": str(c[0]), "label": str(c[1])} for c in field.iter_choices()]
            if isinstance(field, SelectFieldBase)
            else None
        ),
        "max_length": longest(field),
        "help": str(field.description),
    }


def is_required(field: wtforms.Field) -> bool:
    """Say whether it has to be filled in."""
    return bool(getattr(field.flags, "required", False))


def longest(field: wtforms.Field) -> int | None:
    """Return how many characters it takes; None where that is not limited."""
    limit: int | None = getattr(field.flags, "maxlength", None)
    return limit


def schema_of(action: Action, zone: tzinfo) -> Schema:
    """Return the schema of what an action takes: the fields of its form, and nothing else."""
    found = {name: _schema_field(field) for name, field in fields_of(action, zone).items()}
    return Schema.from_dict(found, name=f"{action.name}_form")(unknown=RAISE)


def filled_in(values: Mapping[str, Any], action: Action, zone: tzinfo) -> MultiDict[str, str]:
    """Return checked values as a browser would have sent them; null leaves a field out."""
    data: MultiDict[str, str] = MultiDict()
    for name, field in fields_of(action, zone).items():
        value = values.get(name)
        if value is None or value is False:
            continue
        for text in value if isinstance(value, list) else [value]:
            data.add(name, _text(text, kind_of(field), zone))
    return data


def _schema_field(field: wtforms.Field) -> fields.Field[Any]:
    kind = kind_of(field)
    if kind == "flag":
        return Flag(allow_none=True)
    if kind == "number":
        return Number(allow_none=True, metadata={"type": ["number", "string"]})
    limit = longest(field)
    checks: list[Any] = [storable]
    if limit is not None:
        checks.append(validate.Length(max=limit, error=too_long(limit)))
    if kind == "choices":
        return fields.List(fields.String(validate=checks), allow_none=True)
    return fields.String(validate=checks, allow_none=True)


def _text(value: Any, kind: str, zone: tzinfo) -> str:
    if value is True:
        return "y"
    if kind == "moment":
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            return str(value)
        if moment.tzinfo is not None:
            return f"{in_zone(moment, zone):%Y-%m-%dT%H:%M:%S}"
    return str(value)


def storable(text: str) -> None:
    """Refuse what no database keeps."""
    if any(c == "\x00" or unicodedata.category(c) == "Cs" for c in text):
        raise ValidationError(_("Has characters that cannot be kept."))
