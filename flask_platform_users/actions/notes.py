"""Notes that staff keep of a user."""

import secrets
from typing import Any, ClassVar

import sqlalchemy as sa
from wtforms import BooleanField, RadioField, TextAreaField
from wtforms.validators import DataRequired, InputRequired, Length

from ..binding import Mapping as Bound
from ..i18n import _, lazy
from ..results import UserRow
from .action import Action, Unit
from .forms import Form, tidy


class NoteForm(Form):
    """What to write down."""

    text = TextAreaField(
        lazy("Note"),
        [DataRequired(lazy("Write something.")), Length(max=1000)],
        filters=[tidy],
        description=lazy("Only who may open this page reads it. The history keeps it too."),
        render_kw={"rows": 5},
    )
    pinned = BooleanField(lazy("Keep it at the top"))


class AddNote(Action):
    """Write a note on a user."""

    name: ClassVar[str] = "add_note"
    label: ClassVar[str] = lazy("Add note")
    icon: ClassVar[str] = "note"
    form: ClassVar[type[Form]] = NoteForm
    done: ClassVar[str] = lazy("{who} wrote a note on {user}.")

    def question(self, user: UserRow) -> str:
        """Ask for the text."""
        return _("What should be known of %(user)s?", user=user.name)

    def reason(self, unit: Unit) -> str:
        """The history keeps the text."""
        return unit.form.text.data or "" if unit.form else ""

    def perform(self, unit: Unit) -> None:
        """Keep it, with its author's name."""
        unit.session.execute(
            sa.insert(unit.mapping.tables.note).values(
                platform_key=unit.directory.platform,
                id=secrets.token_hex(16),
                user_key=unit.user.key,
                at=unit.now,
                author_name=unit.actor_name,
                text=unit.form.text.data,
                pinned=unit.form.pinned.data,
            ),
            bind_arguments=unit.mapping.bind,
        )


class RemoveNoteForm(Form):
    """Which note."""

    note = RadioField(lazy("Note"), [InputRequired(lazy("Choose a note."))])


class RemoveNote(Action):
    """Take a note back. What the history tells of it stays."""

    name: ClassVar[str] = "remove_note"
    label: ClassVar[str] = lazy("Remove a note")
    icon: ClassVar[str] = "removed"
    form: ClassVar[type[Form]] = RemoveNoteForm
    done: ClassVar[str] = lazy("{who} removed a note from {user}.")

    def offered(self, user: UserRow, mapping: Bound) -> bool:  # noqa: ARG002
        """In no menu: the notes themselves lead to it."""
        return False

    def refusal(self, unit: Unit) -> str | None:
        """There has to be one."""
        if unit.directory.notes(unit.user):
            return None
        return _("%(user)s has no notes.", user=unit.user.name)

    def build_form(self, unit: Unit, data: Any = None) -> RemoveNoteForm:
        """Offer the user's notes."""
        form = RemoveNoteForm(data)
        form.note.choices = [(note.id, note.text) for note in unit.directory.notes(unit.user)]
        return form

    def question(self, user: UserRow) -> str:
        """Ask which."""
        return _("Which note on %(user)s should go?", user=user.name)

    def reason(self, unit: Unit) -> str:
        """The history keeps which it was."""
        texts = dict(unit.form.note.choices) if unit.form else {}
        return str(texts.get(unit.form.note.data, "")) if texts else ""

    def perform(self, unit: Unit) -> None:
        """Delete it."""
        note = unit.mapping.tables.note
        unit.session.execute(
            sa.delete(note).where(
                note.c.platform_key == unit.directory.platform, note.c.id == unit.form.note.data
            ),
            bind_arguments=unit.mapping.bind,
        )
