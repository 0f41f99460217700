"""What leaves the API, name by name, and what may be asked of it."""

import unicodedata
import uuid
from collections.abc import Mapping
from datetime import date, datetime
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from marshmallow import (
    Schema,
    ValidationError,
    fields,
    pre_load,
    validate,
    validates_schema,
)

from ..audit import OUTCOMES
from ..bulk import MODES
from ..cli.output import as_json
from ..columns import Column
from ..i18n import gettext
from ..inspection import clause, python_type
from ..job_records import STATES, TOGETHER
from ..mapping import STATUSES, Expression
from ..schemas import FilterSchema, HistorySchema, ListSchema
from .forms import KINDS, Flag, storable

_TYPES: dict[Any, str] = {
    str: "string",
    int: "integer",
    float: "number",
    bool: "boolean",
    Decimal: "string",
    datetime: "string",
    date: "string",
    uuid.UUID: "string",
}


def _key(name: str) -> fields.Field[Any]:
    """Return the field of a user key, which is a text here whatever the host keeps it in."""
    return fields.Function(
        lambda found: None if getattr(found, name) is None else str(getattr(found, name)),
        metadata={"type": "string"},
    )


def _became(attribute: str, about: str) -> fields.Field[Any]:
    return fields.String(
        attribute=attribute,
        allow_none=True,
        validate=validate.OneOf(("done", "unchanged", "left")),
        metadata={"description": about},
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
    cards = _numbers()
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
    columns = fields.Dict(keys=fields.String())
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


def user_schemas(
    columns: Mapping[Column, Expression],
) -> tuple[type[Schema], type[Schema]]:
    """Return the schemas of one user and of a page of users, with the host's own columns."""
    values = Answer.from_dict({c.name: _value(c, v) for c, v in columns.items()}, name="Columns")
    own: dict[str, Any] = {"columns": fields.Nested(values)}
    row = UserSchema.from_dict(own, name="User")
    page: dict[str, Any] = {"users": fields.List(fields.Nested(row))}
    return (
        UserDetailsSchema.from_dict(own, name="UserDetails"),
        UsersSchema.from_dict(page, name="Users"),
    )


def _value(column: Column, value: Expression) -> fields.Field[Any]:
    """Return the field of a column; what a type of the host's makes of values is not told."""
    type_, described = clause(value).type, {"description": column.title}
    known = None if isinstance(type_, sa.types.TypeDecorator) else _TYPES.get(python_type(value))
    if isinstance(type_, sa.Enum):
        known = "string"
    return fields.Function(
        lambda values: as_json(values[column.name]),
        metadata=described | ({"type": [known, "null"]} if known else {}),
    )


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


class CountsSchema(Answer):
    """Users of a job by what became, or would become, of them."""

    done = fields.Integer(metadata={"description": "Who changes."})
    unchanged = fields.Integer(metadata={"description": "Who is so already."})
    left = fields.Integer(metadata={"description": "Who is left out."})


class ReasonSchema(Answer):
    """Why users are left out."""

    why = fields.String()
    users = fields.Integer()


class JobRowSchema(Answer):
    """One action to many users, as the list of jobs has it."""

    id = fields.String()
    action = fields.String()
    state = fields.String(validate=validate.OneOf(STATES))
    mode = fields.String(validate=validate.OneOf(MODES))
    actor = fields.String(allow_none=True)
    actor_name = fields.String()
    chosen = fields.String(
        metadata={"description": "How users were chosen and what was filled in, a line each."}
    )
    total = fields.Integer()
    waiting = fields.Integer(
        attribute="left", metadata={"description": "How many nothing was done to yet."}
    )
    why = fields.String(metadata={"description": "Why it stopped."})
    event = fields.Integer(
        attribute="seq",
        allow_none=True,
        metadata={"description": "Its entry in the history; it can be undone by that."},
    )
    made_at = fields.DateTime(format="iso")
    started_at = fields.DateTime(format="iso", allow_none=True)
    ended_at = fields.DateTime(format="iso", allow_none=True)


class JobSchema(JobRowSchema):
    """One action to many users: what it would do, how far it is, or what it did."""

    expected = fields.Nested(
        CountsSchema,
        allow_none=True,
        metadata={"description": "What its trial said; null where there was none."},
    )
    outcomes = fields.Nested(CountsSchema)
    reasons = fields.List(
        fields.Nested(ReasonSchema), metadata={"description": "The commonest first, up to 20."}
    )
    impact = fields.List(fields.Nested(ImpactSchema))


class OrderedSchema(JobSchema):
    """A job that was ordered."""

    unknown_ = fields.List(
        fields.String(),
        data_key="unknown",
        attribute="unknown",
        metadata={"description": "Those of the keys that are of no user of this platform."},
    )


class JobsSchema(Answer):
    """A page of jobs, the latest first."""

    jobs = fields.List(fields.Nested(JobRowSchema))
    older = fields.String(allow_none=True, metadata={"description": "The `before` of that page."})


class JobUserSchema(Answer):
    """One user of a job."""

    no = fields.Integer(attribute="item.n")
    key = fields.Function(lambda told: str(told.item.user_key), metadata={"type": "string"})
    name = fields.String(allow_none=True)
    expected = _became("item.expected", "What its trial said would become of them.")
    outcome = _became("item.outcome", "What became of them; null as long as nothing was done.")
    why = fields.String(attribute="item.why", metadata={"description": "Why they are left out."})
    event = fields.Integer(attribute="seq", allow_none=True)


class JobUsersSchema(Answer):
    """A page of the users of a job, in the order in which they are done."""

    users = fields.List(fields.Nested(JobUserSchema))
    next = fields.Integer(
        allow_none=True, metadata={"description": "The `after` of the page after."}
    )


class UndoneSchema(Answer):
    """What was taken back: by one entry, or by a job with one for each of its users."""

    event = fields.Nested(
        EventSchema,
        allow_none=True,
        metadata={"description": "The entry that says so; null as long as the job goes on."},
    )
    job = fields.Nested(JobSchema, allow_none=True)


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
    job = fields.String(metadata={"description": "The job of which nothing was done (409)."})


class _Query(Schema):
    """What is asked for, taken as it is: what is empty is not left out, blanks count."""

    @pre_load
    def tidy(self, data: Any, **_: Any) -> Any:
        """Bring texts into one Unicode form."""
        if not isinstance(data, Mapping):
            return data
        return {
            name: unicodedata.normalize("NFC", value) if isinstance(value, str) else value
            for name, value in data.items()
        }


class UsersQuery(_Query, ListSchema):
    """What the list may be asked for: as on the page, and nothing else."""

    @validates_schema
    def check_direction(self, data: Mapping[str, Any], **_: Any) -> None:
        """Refuse a direction that nothing is sorted in."""
        if data["direction"] and not data["sort"]:
            raise ValidationError(gettext("Say by what to sort, too."), "direction")


class UsersFilter(_Query, FilterSchema):
    """Users as the list's filter finds them; ``{}`` are all users of the platform."""


class Keys(fields.List[str]):
    """The keys of a few users. More than that are not looked at."""

    def __init__(self) -> None:
        key = fields.String(validate=[validate.Length(min=1, max=255), storable])
        super().__init__(key, validate=validate.Length(min=1, max=TOGETHER))

    def _deserialize(self, value: Any, *args: Any, **kwargs: Any) -> Any:
        if isinstance(value, list) and len(value) > TOGETHER:
            raise ValidationError(
                gettext("Name at most %(most)s users, or choose them by a filter.", most=TOGETHER)
            )
        return super()._deserialize(value, *args, **kwargs)


class OrderSchema(Schema):
    """Whom an action is to be done to, and how."""

    keys = Keys()
    mode = fields.String(
        load_default="together",
        validate=validate.OneOf(MODES),
        metadata={
            "description": "All or nobody, for up to 200 users; or each on its own, and whoever "
            "cannot be done is left out."
        },
    )
    dry_run = Flag(load_default=False, metadata={"description": "Only find out what it would do."})

    @pre_load
    def check_users(self, data: Any, **_: Any) -> Any:
        """Take users by one of two ways."""
        if isinstance(data, Mapping) and ("keys" in data) == ("filter" in data):
            raise ValidationError(gettext("Choose users either by their keys or by a filter."))
        return data


class JobsQuery(_Query):
    """What the jobs may be asked for."""

    before = fields.String(
        load_default=None,
        validate=validate.Regexp("^[0-9a-f]{32}$"),
        metadata={"description": "The `older` of a page before."},
    )


class JobUsersQuery(_Query):
    """What the users of a job may be asked for."""

    after = fields.String(
        load_default="0",
        validate=validate.Regexp("^[0-9]{1,9}$"),
        metadata={"description": "The `next` of a page before."},
    )


class HistoryQuerySchema(_Query, HistorySchema):
    """What the history may be asked for: ``user`` and ``actor`` are keys here, never names."""
