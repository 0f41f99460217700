"""Sign a user out everywhere."""

from typing import ClassVar

from wtforms import Form

from ..i18n import _, lazy
from ..results import UserRow
from .action import Action, Unit
from .forms import ReasonForm


class SignOut(Action):
    """End every session of a user's, whatever browser it is in; their status stays."""

    name: ClassVar[str] = "sign_out"
    label: ClassVar[str] = lazy("Sign out everywhere")
    icon: ClassVar[str] = "sign_out"
    form: ClassVar[type[Form]] = ReasonForm
    for_many: ClassVar[bool] = True
    same_form: ClassVar[bool] = True
    done: ClassVar[str] = lazy("{who} signed {user} out everywhere.")

    def question(self, user: UserRow) -> str:
        """Ask."""
        return _("Sign %(user)s out everywhere? They can sign in again.", user=user.name)

    def perform(self, unit: Unit) -> None:
        """Let no sign-in count that was before now."""
        unit.sign_out()
