"""Parts of forms that several actions use."""

import unicodedata
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from wtforms import Form, StringField, ValidationError
from wtforms.validators import Length

_LATEST = timedelta(days=365 * 20)


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

    reason = StringField("Reason", [Length(max=500)], filters=[tidy])


def refuse_beyond(moment: datetime) -> None:
    """Refuse what is too far away to be meant."""
    if moment.replace(tzinfo=UTC) > datetime.now(UTC) + _LATEST:
        raise ValidationError("Choose a moment within twenty years.")
