"""What a request may ask, as marshmallow schemas."""

import unicodedata
from collections.abc import Mapping as Mapped
from typing import Any

from marshmallow import EXCLUDE, Schema, ValidationError, fields, pre_load, validate

PER_PAGE = (25, 50, 100)
SEARCH_LENGTH = 100

DIRECTIONS = ("asc", "desc")


def _plain(value: str) -> None:
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in value):
        raise ValidationError("has characters that cannot be searched for.")


class ListSchema(Schema):
    """The query string of the list. Names it does not know are ignored.

    Args:
        statuses: the statuses that can be asked for.
        channels: the kinds of channel that can be asked for.
        sorts: the orders that can be asked for.
    """

    class Meta:
        """An address may carry more than is ours."""

        unknown = EXCLUDE

    q = fields.String(load_default="", validate=[validate.Length(max=SEARCH_LENGTH), _plain])
    status = fields.String(load_default=None)
    role = fields.String(load_default=None, validate=[validate.Length(max=100), _plain])
    channel = fields.String(load_default=None)
    sort = fields.String(load_default=None)
    direction = fields.String(load_default=None, validate=validate.OneOf(DIRECTIONS))
    per_page = fields.String(
        load_default=str(PER_PAGE[0]), validate=validate.OneOf([str(size) for size in PER_PAGE])
    )
    cursor = fields.String(load_default=None, validate=validate.Length(max=2000))

    def __init__(self, *, statuses: Any, channels: Any, sorts: Any) -> None:
        super().__init__()
        for name, choices in (("status", statuses), ("channel", channels), ("sort", sorts)):
            self.fields[name].validators = [validate.OneOf(list(choices))]

    @pre_load
    def tidy(self, data: Mapped[str, str], **_: Any) -> dict[str, str]:
        """Trim what was typed, bring it into one Unicode form, and drop what was left empty."""
        trimmed = {
            name: unicodedata.normalize("NFC", value).strip() for name, value in data.items()
        }
        return {name: value for name, value in trimmed.items() if value}
