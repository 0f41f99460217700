"""Parts of forms that several actions use."""

import unicodedata

from wtforms import Form, StringField
from wtforms.validators import Length


def tidy(text: str | None) -> str | None:
    """Trim what was typed, and drop characters that no database keeps."""
    if text is None:
        return None
    kept = (c for c in text if c in "\t\n" or unicodedata.category(c) not in {"Cc", "Cs"})
    return "".join(kept).strip()


class ReasonForm(Form):
    """Why, for those who want to say it."""

    reason = StringField("Reason", [Length(max=500)], filters=[tidy])
