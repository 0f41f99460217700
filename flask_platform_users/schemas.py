"""What a request may ask, as marshmallow schemas."""

import unicodedata
from collections.abc import Collection, Iterable
from collections.abc import Mapping as Mapped
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any, ClassVar, TypeVar, cast

from marshmallow import EXCLUDE, Schema, ValidationError, fields, post_load, pre_load, validate

from .audit import OUTCOMES
from .directory import ListQuery
from .filters import LONGEST, Filter
from .i18n import gettext, lazy
from .search import SearchError, Term, parse

PER_PAGE = (25, 50, 100)

TYPED_LENGTH = 8000
"""So many characters may be typed or pasted into the search box."""

_ABOUT_Q = "Part of a username or email, email addresses, and operators such as `status:blocked`."

WITHIN = (7, 30, 90)
"""What was given by hand may be asked for by its end, in days from now."""

DIRECTIONS = ("asc", "desc")

_NO_DATE: dict[str, str | list[Any] | dict[Any, Any]] = {"invalid": [lazy("Not a valid date.")]}


S = TypeVar("S", bound="FilterSchema")


def _tidy(data: Mapped[str, str]) -> dict[str, str]:
    trimmed = {name: unicodedata.normalize("NFC", value).strip() for name, value in data.items()}
    return {name: value for name, value in trimmed.items() if value}


def _one_of(choices: Iterable[str]) -> validate.OneOf:
    return validate.OneOf(list(choices), error=lazy("Must be one of: {choices}."))


def _at_most(longest: int) -> validate.Length:
    return validate.Length(max=longest, error=lazy("Longer than maximum length {max}."))


def _like(pattern: str) -> validate.Regexp:
    return validate.Regexp(pattern, error=lazy("String does not match expected pattern."))


def _plain(value: str) -> None:
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in value):
        raise ValidationError(gettext("has characters that cannot be searched for."))


class HistorySchema(Schema):
    """The query string of the history. Names it does not know are ignored.

    Args:
        zone: the time zone whose days are meant.
    """

    class Meta:
        """An address may carry more than is ours."""

        unknown = EXCLUDE

    user = fields.String(validate=[_at_most(255), _plain])
    actor = fields.String(validate=[_at_most(255), _plain])
    action = fields.String(validate=[_at_most(64), _plain])
    outcome = fields.String(validate=_one_of(OUTCOMES))
    since = fields.Date(format="%Y-%m-%d", error_messages=_NO_DATE)
    until = fields.Date(format="%Y-%m-%d", error_messages=_NO_DATE)
    before = fields.String(validate=_like("^[0-9]{1,18}$"))
    after = fields.String(validate=_like("^[0-9]{1,18}$"))

    def __init__(self, *, zone: tzinfo) -> None:
        super().__init__()
        self.zone = zone

    @pre_load
    def tidy(self, data: Mapped[str, str], **_: Any) -> dict[str, str]:
        """Trim what was typed and drop what was left empty."""
        return _tidy(data)

    @post_load
    def convert(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Turn days into the moments they begin and end at, in UTC, and numbers into integers."""
        for name, later in (("since", 0), ("until", 1)):
            if name in data:
                try:
                    begins = datetime.combine(data[name] + timedelta(days=later), time.min)
                    data[name] = begins.replace(tzinfo=self.zone).astimezone(UTC)
                except OverflowError:
                    raise ValidationError(gettext("is too far away."), name) from None
        for name in ("before", "after"):
            if name in data:
                data[name] = int(data[name])
        return data


class GrantedSchema(Schema):
    """The query string of what was given by hand. Names it does not know are ignored."""

    class Meta:
        """An address may carry more than is ours."""

        unknown = EXCLUDE

    kind = fields.String(validate=_one_of(("plan", "add_on")))
    within = fields.String(validate=_one_of(str(days) for days in WITHIN))
    after = fields.String(validate=_like("^[0-9a-f]{32}$"))
    before = fields.String(validate=_like("^[0-9a-f]{32}$"))

    @pre_load
    def tidy(self, data: Mapped[str, str], **_: Any) -> dict[str, str]:
        """Trim what was typed and drop what was left empty."""
        return _tidy(data)

    @post_load
    def convert(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Turn days into a length of time."""
        if "within" in data:
            data["within"] = timedelta(days=int(data["within"]))
        return data


class FilterSchema(Schema):
    """What narrows the list. Names it does not know are ignored.

    It is made for the filters that there are by ``filter_schema``. Beside the fields, what is
    loaded has all that is asked for as ``query``, and what of it was typed as ``typed``.
    """

    class Meta:
        """An address may carry more than is ours."""

        unknown = EXCLUDE

    operators: ClassVar[Mapped[str, Filter]] = {}
    zone: ClassVar[tzinfo] = UTC

    q = fields.String(
        load_default="",
        validate=[_at_most(TYPED_LENGTH), _plain],
        metadata={"description": _ABOUT_Q},
    )

    @pre_load
    def tidy(self, data: Mapped[str, str], **_: Any) -> dict[str, str]:
        """Trim what was typed, bring it into one Unicode form, and drop what was left empty."""
        return _tidy(data)

    @post_load
    def convert(self, data: dict[str, Any], **_: Any) -> dict[str, Any]:
        """Read what is searched for."""
        operators = self.operators
        try:
            found = parse(data["q"], {name: each.read for name, each in operators.items()})
        except SearchError as error:
            raise ValidationError(str(error), "q") from None
        terms = []
        for name in operators:
            if data[name]:
                try:
                    terms.append(Term(name, operators[name].read(data[name])))
                except SearchError as error:
                    raise ValidationError(str(error), name) from None
        query = ListQuery(
            words=found.words,
            emails=found.emails,
            terms=tuple(dict.fromkeys([*terms, *found.terms])),
            zone=self.zone,
        )
        return data | {"query": query, "typed": found}


class ListSchema(FilterSchema):
    """The query string of the list. Names it does not know are ignored."""

    sort = fields.String(load_default=None)
    direction = fields.String(load_default=None, validate=_one_of(DIRECTIONS))
    per_page = fields.String(
        load_default=str(PER_PAGE[0]), validate=_one_of(str(size) for size in PER_PAGE)
    )
    cursor = fields.String(load_default=None, validate=_at_most(2000))


def filter_schema(
    base: type[S],
    filters: Collection[Filter],
    *,
    zone: tzinfo = UTC,
    sorts: Collection[str] = (),
) -> type[S]:
    """Return the schema of what can be asked of the list.

    Args:
        base: what is asked beside the filters.
        filters: what the list may be narrowed by.
        zone: the time zone whose days are meant.
        sorts: the orders that can be asked for.
    """
    parts: dict[str, fields.Field[Any]] = {each.name: _field(each) for each in filters}
    if sorts:
        parts["sort"] = fields.String(load_default=None, validate=_one_of(sorts))
    schema = cast("type[S]", base.from_dict(parts, name=base.__name__))
    schema.operators = {each.name: each for each in filters}
    schema.zone = zone
    return schema


def _field(asked: Filter) -> fields.Field[Any]:
    if asked.words:
        return fields.String(load_default=None, validate=_one_of(asked.words))
    return fields.String(
        load_default=None,
        validate=[_at_most(LONGEST), _plain],
        metadata={"description": str(asked.title)},
    )
