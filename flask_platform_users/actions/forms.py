"""Parts of forms that several actions use."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

import wtforms
from wtforms import DateTimeLocalField, StringField, ValidationError
from wtforms.validators import Length

from ..formatting import in_zone
from ..i18n import _, gettext, joined, language, lazy, ngettext

_LATEST = timedelta(days=365 * 20)


class _Messages:
    """What WTForms says is wrong with a field, in the reader's language."""

    known = (
        lazy("This field is required."),
        lazy("Not a valid choice."),
        lazy("Not a valid datetime value."),
        lazy("Not a valid decimal value."),
    )
    gettext = staticmethod(gettext)

    def ngettext(self, singular: str, plural: str, num: int) -> str:
        """Return the form that goes with a number, with the place for it."""
        return language().text_of_number(singular, plural, num)


def too_long(longest: int) -> str:
    """Say that a text is longer than it may be, as WTForms does."""
    return ngettext(
        "Field cannot be longer than %(max)d character.",
        "Field cannot be longer than %(max)d characters.",
        longest,
        max=longest,
    )


class Form(wtforms.Form):
    """A form that says in the reader's language what is wrong with it."""

    class Meta:
        """As WTForms asks for it."""

        def get_translations(self, form: object) -> _Messages:  # noqa: ARG002
            """Return the texts."""
            return _Messages()


def tidy(text: str | None) -> str | None:
    """Trim what was typed, and drop characters that no database keeps."""
    if text is None:
        return None
    kept = (c for c in text if c in "\t\n" or unicodedata.category(c) not in {"Cc", "Cs"})
    return "".join(kept).strip()


class ReasonField(StringField):
    """Free words, with suggestions."""

    suggestions: Sequence[str] = ()


class ReasonForm(Form):
    """Why, for those who want to say it."""

    reason = StringField(lazy("Reason"), [Length(max=500)], filters=[tidy])


class MomentField(DateTimeLocalField):
    """A moment that may be left out, typed in a person's time zone; ``data`` is in UTC.

    The zone is the form's: ``form(data, meta={"zone": unit.zone})``, which is what
    ``Action.build_form`` does. As in PEP 495, of a moment that the clocks show twice the first is
    meant, and one that they skip is read as if they had not been put forward yet.
    """

    def __init__(self, label: str, *, description: str = "", **more: Any) -> None:
        super().__init__(label, **more)
        zone = _("Time zone: %(zone)s.", zone=self.zone)
        self.description = joined(" ", [zone, description] if description else [zone])

    @property
    def zone(self) -> tzinfo:
        """The time zone in which it is typed."""
        zone: tzinfo = getattr(self.meta, "zone", UTC)
        return zone

    def process_formdata(self, valuelist: list[str]) -> None:
        """Read what was typed by the zone's clocks."""
        typed = [text for text in valuelist if text.strip()]
        if valuelist and not typed:
            self.data = None
        super().process_formdata(typed)
        if self.data is not None:
            try:
                self.data = self.data.replace(tzinfo=self.zone).astimezone(UTC)
            except OverflowError:
                self.data = None
                raise ValueError(_("Choose another moment.")) from None

    def _value(self) -> str:
        if self.raw_data:
            return " ".join(self.raw_data)
        return "" if self.data is None else f"{in_zone(self.data, self.zone):%Y-%m-%dT%H:%M}"


def refuse_beyond(moment: datetime) -> None:
    """Refuse what is too far away to be meant."""
    if moment > datetime.now(UTC) + _LATEST:
        raise ValidationError(_("Choose a moment within twenty years."))
