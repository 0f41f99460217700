"""What leaves the API, name by name, and what may be asked of it."""

import unicodedata
from collections.abc import Mapping
from typing import Any

from marshmallow import (
    Schema,
    ValidationError,
    fields,
    pre_load,
    validate,
    validates_schema,
)

from ..audit import OUTCOMES
from ..mapping import STATUSES
from ..schemas import HistorySchema, ListSchema
from .forms import KINDS


def _key(name: str) -> fields.Field[Any]:
    """Return the field of a user key, which is a text here whatever the host keeps it in."""
    return fields.Function(
        lambda found: None if getattr(found, name) is None else str(getattr(found, name)),
        metadata={"type": "string"},
    )


def _numbers() -> fields.Field[Any]:
    return fields.Dict(keys=fields.String(), values=fields.Integer())


class Answer(Schema):
    """Something that is answered: every name of it is always there."""

    def on_bind_field(self, field_name: str, field_obj: fields.Field[Any]) -> None:  # noqa: ARG002
        """Describe it so."""
        field_obj.required = True


class SummarySchema(Answer):
    """The numbers of a platform. ``active + inactive + pending == total``."""

    total = fields.Integer()
    active = fields.Integer()
    inactive = fields.Integer(metadata={"description": "The blocked among them."})
    blocked = fields.Integer()
    pending = fields.Integer()
    channels = _numbers()


class UserSchema(Answer):
    """A user of the list. What the product does not keep is null."""

    key = _key("key")
    username = fields.String(allow_none=True)
    email = fields.String(allow_none=True)
    phone = fields.String(allow_none=True)
    roles = fields.List(fields.String())
    status = fields.String(validate=validate.OneOf(STATUSES))
    last_login = fields.DateTime(format="iso", allow_none=True)
    created = fields.DateTime(format="iso", allow_none=True)
    channels = _numbers()
    deleted_at = fields.DateTime(format="iso", allow_none=True)
    purge_at = fields.DateTime(format="iso", allow_none=True)


class UserDetailsSchema(UserSchema):
    """A user."""

    block_reason = fields.String(allow_none=True)
    blocked_until = fields.DateTime(format="iso", allow_none=True)


class UsersSchema(Answer):
    """A page of users."""

    users = fields.List(fields.Nested(UserSchema))
    start = fields.Integer(metadata={"description": "The number of the first, from 1."})
    matches = fields.Integer(
        allow_none=True, metadata={"description": "How many there are; null from 1,001 on."}
    )
    next = fields.String(
        allow_none=True, metadata={"description": "The `cursor` of the page after."}
    )
    previous = fields.String(allow_none=True)


class UsageSchema(Answer):
    """What a user has, beside channels."""

    usage = _numbers()


class ChoiceSchema(Answer):
    """A value that a field takes."""

    value = fields.String()
    label = fields.String()


class FieldSchema(Answer):
    """A field of an action's form."""

    name = fields.String()
    label = fields.String()
    type = fields.String(validate=validate.OneOf(KINDS))
    required = fields.Boolean()
    choices = fields.List(fields.Nested(ChoiceSchema), allow_none=True)
    max_length = fields.Integer(allow_none=True)
    help = fields.String()


class ImpactSchema(Answer):
    """What an action means for something of the user's."""

    what = fields.String()
    count = fields.Integer(allow_none=True)
    effect = fields.String()
    forbids = fields.Boolean()


class ActionSchema(Answer):
    """An action that can be done to a user."""

    name = fields.String()
    label = fields.String()
    dangerous = fields.Boolean()
    question = fields.String()


class ActionsSchema(Answer):
    """The actions that the person who asks may do to a user."""

    actions = fields.List(fields.Nested(ActionSchema))


class PromptSchema(ActionSchema):
    """An action with its form, and what it means for this user."""

    fields_ = fields.List(fields.Nested(FieldSchema), data_key="fields", attribute="fields")
    impact = fields.List(fields.Nested(ImpactSchema))


class EventSchema(Answer):
    """An entry of the history."""

    seq = fields.Integer()
    at = fields.DateTime(format="iso")
    actor = fields.String(allow_none=True)
    actor_name = fields.String()
    acting_as = fields.String(allow_none=True)
    user = fields.Function(
        lambda event: None if event.user_key is None else str(event.user_key),
        metadata={"type": ["string", "null"]},
    )
    user_name = fields.String()
    action = fields.String()
    outcome = fields.String(validate=validate.OneOf(OUTCOMES))
    changes = fields.Function(
        lambda event: {
            name: {"before": was, "after": now} for name, (was, now) in event.changes.items()
        },
        metadata={
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "properties": {"before": {"type": "string"}, "after": {"type": "string"}},
            },
        },
    )
    reason = fields.String()
    address = fields.String()


class EventsSchema(Answer):
    """A page of the history, newest first."""

    events = fields.List(fields.Nested(EventSchema))
    newer = fields.Integer(allow_none=True, metadata={"description": "The `after` of that page."})
    older = fields.Integer(allow_none=True, metadata={"description": "The `before` of that page."})


class ResultSchema(Answer):
    """What became of an action."""

    outcome = fields.String(validate=validate.OneOf(("done", "unchanged")))
    event = fields.Nested(EventSchema, allow_none=True)


class SeenSchema(Answer):
    """What the caller saw, and what is there now."""

    seen = fields.String()
    now = fields.String()


class ProblemSchema(Schema):
    """Problem details (RFC 9457)."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    errors = fields.Dict(
        keys=fields.String(), metadata={"description": "What is wrong, by field (422)."}
    )
    changed = fields.Dict(
        keys=fields.String(),
        values=fields.Nested(SeenSchema),
        metadata={"description": "What is not as it was seen (412)."},
    )


class _Query(Schema):
    """A query string, taken as it is: what is empty is not left out, blanks count."""

    @pre_load
    def tidy(self, data: Mapping[str, str], **_: Any) -> dict[str, str]:
        """Bring texts into one Unicode form."""
        return {name: unicodedata.normalize("NFC", value) for name, value in data.items()}


class UsersQuery(_Query, ListSchema):
    """What the list may be asked for: as on the page, and nothing else."""

    @validates_schema
    def check_direction(self, data: Mapping[str, Any], **_: Any) -> None:
        """Refuse a direction that nothing is sorted in."""
        if data["direction"] and not data["sort"]:
            raise ValidationError("Say by what to sort, too.", "direction")


class HistoryQuerySchema(_Query, HistorySchema):
    """What the history may be asked for: ``user`` and ``actor`` are keys here, never names."""
