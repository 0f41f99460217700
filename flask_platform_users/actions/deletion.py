"""Delete, restore and purge."""

import unicodedata
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any, ClassVar

import wtforms
from wtforms import StringField, ValidationError
from wtforms.validators import DataRequired, Length

from ..formatting import channels, stamp
from ..gate import Standing
from ..i18n import _, lazy
from ..results import Population, UserRow
from .action import Action, Impact, Unit
from .forms import Form, ReasonForm, tidy


class DeleteForm(Form):
    """Why, and the name of the user, or how many they are, to be sure that it is these."""

    reason = StringField(
        lazy("Reason"), [DataRequired(lazy("Say why.")), Length(max=500)], filters=[tidy]
    )
    confirm = StringField(
        lazy("Name"),
        [DataRequired(lazy("Type the name."))],
        filters=[tidy],
        render_kw={"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"},
    )
    expected: str = ""

    def validate_confirm(self, field: StringField) -> None:
        """Refuse any other name."""
        if one_line(field.data or "") != self.expected:
            raise ValidationError(_("This is not “%(expected)s”.", expected=self.expected))


def one_line(text: str) -> str:
    """Return a name as it can be typed into a field of one line."""
    return unicodedata.normalize("NFC", " ".join((tidy(text) or "").split()))


class Delete(Action):
    """Take a user out of the page and of every count, for good once the grace has passed."""

    name: ClassVar[str] = "delete"
    label: ClassVar[str] = lazy("Delete")
    icon: ClassVar[str] = "removed"
    dangerous: ClassVar[bool] = True
    form: ClassVar[type[wtforms.Form]] = DeleteForm
    for_many: ClassVar[bool] = True
    same_form: ClassVar[bool] = True
    leaves: ClassVar[Population] = "deleted"
    done: ClassVar[str] = lazy("{who} deleted {user}.")

    def build_form(self, unit: Unit, data: Any = None) -> DeleteForm:
        """Expect the user's name."""
        form = DeleteForm(data)
        form.expected = one_line(unit.user.name) or str(unit.user.key)
        form.confirm.label.text = _("Type %(expected)s to confirm", expected=form.expected)
        if unit.many > 1:
            form.expected = str(unit.many)
            form.confirm.label.text = _(
                "Type %(expected)s, the number of users, to confirm", expected=form.expected
            )
        grace = unit.mapping.grace
        form.confirm.description = (
            _("They can be restored until %(moment)s.", moment=stamp(unit.now + grace))
            if grace
            else _("This cannot be undone.")
        )
        return form

    def question(self, user: UserRow) -> str:
        """Ask."""
        return _(
            "Delete %(user)s? They leave this page, and what is theirs goes with them.",
            user=user.name,
        )

    def impact(self, unit: Unit) -> Iterable[Impact]:
        """Everything that is counted goes with the user."""
        usage = unit.directory.usage(unit.user)
        found = [(channels(c.title), unit.user.channels[c.name]) for c in unit.mapping.channels]
        found += [(c.title, usage[c.name]) for c in unit.mapping.usage]
        for what, number in found:
            if number:
                yield Impact(what=what, count=number, effect="removed")

    def stands_after(self, unit: Unit) -> Standing | None:
        """Be deleted; who is deleted at once is not known at the gate any more."""
        if not unit.mapping.grace:
            return None
        return Standing(platform=unit.directory.platform, status=unit.user.status, deleted=True)

    def perform(self, unit: Unit) -> None:
        """Keep when it was done and until when it can be undone; without a grace, do it at once."""
        if unit.mapping.grace > timedelta():
            unit.keep(deleted_at=unit.now, purge_at=unit.now + unit.mapping.grace)
            unit.sign_out()
            unit.undo = {}
        else:
            unit.signed_out = True
            unit.delete_record()

    def reverse(self, unit: Unit, kept: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Do what restoring does."""
        unit.keep(deleted_at=None, purge_at=None)


class Restore(Action):
    """Bring a deleted user back as they were."""

    name: ClassVar[str] = "restore"
    label: ClassVar[str] = lazy("Restore")
    icon: ClassVar[str] = "restore"
    primary: ClassVar[bool] = True
    among: ClassVar[Population] = "deleted"
    form: ClassVar[type[wtforms.Form]] = ReasonForm
    for_many: ClassVar[bool] = True
    same_form: ClassVar[bool] = True
    done: ClassVar[str] = lazy("{who} restored {user}.")

    def question(self, user: UserRow) -> str:
        """Ask."""
        return _(
            "Restore %(user)s? They come back as they were, with all that is theirs.",
            user=user.name,
        )

    def perform(self, unit: Unit) -> None:
        """Forget the deletion."""
        unit.undo = {name: unit.kept()[name].isoformat() for name in ("deleted_at", "purge_at")}
        unit.keep(deleted_at=None, purge_at=None)
        unit.sign_out()

    def reverse(self, unit: Unit, kept: Mapping[str, Any]) -> bool | None:
        """Delete them again, with the grace that they had."""
        moments = {name: datetime.fromisoformat(kept[name]) for name in ("deleted_at", "purge_at")}
        if moments["purge_at"] <= unit.now:
            return False
        unit.keep(**moments)
        unit.sign_out()
        return None


class Purge(Action):
    """Delete a user for good whose time to be restored has ended."""

    name: ClassVar[str] = "purge"
    label: ClassVar[str] = lazy("Purge")
    icon: ClassVar[str] = "removed"
    by_system: ClassVar[bool] = True
    among: ClassVar[Population] = "ended"
    done: ClassVar[str] = lazy("{who} deleted {user} for good.")

    def perform(self, unit: Unit) -> None:
        """Delete the row."""
        unit.delete_record()
