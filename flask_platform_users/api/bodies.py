"""Reading what a program sends: strictly, since nobody sees what was guessed."""

import json
from collections import Counter
from decimal import Decimal
from typing import Any

from flask import abort, request
from marshmallow import RAISE, Schema, ValidationError

from ..i18n import _


def body() -> dict[str, Any]:
    """Return the JSON object of the request (RFC 8259, in UTF-8).

    Numbers with a fraction become ``Decimal``. What is no JSON is answered with 400, another
    content type with 415: NaN, infinities and a name that is given twice are no JSON here.

    Raises:
        ValidationError: it is something else than an object.
    """
    if request.mimetype != "application/json":
        abort(415, _("Send JSON, with the header Content-Type: application/json."))
    try:
        found = json.loads(
            request.get_data().decode(),
            parse_float=Decimal,
            parse_constant=_refuse,
            object_pairs_hook=_once,
        )
    except (ValueError, ArithmeticError, RecursionError):
        abort(400, _("The body is not JSON that can be read. Nothing was changed."))
    if not isinstance(found, dict):
        raise ValidationError(_("Send a JSON object."))
    return found


def query(schema: Schema) -> dict[str, Any]:
    """Return the query string as a schema reads it. What is misspelled is not passed over.

    Raises:
        ValidationError: it is not as the schema wants it, or a name is given twice.
    """
    twice = [name for name, values in request.args.lists() if len(values) > 1]
    if twice:
        raise ValidationError({name: [_("Give it once.")] for name in twice})
    found: dict[str, Any] = schema.load(request.args.to_dict(), unknown=RAISE)
    return found


def _refuse(constant: str) -> None:
    raise ValueError(constant)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    twice = [name for name, number in Counter(name for name, _ in pairs).items() if number > 1]
    if twice:
        raise ValueError(twice)
    return dict(pairs)
