"""The form of an action: ``action.html``."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..actions import Action
from ..i18n import Language
from ..orders import Prompt


@dataclass(frozen=True, kw_only=True)
class Foreseen:
    """What a user will read, as they will read it.

    Attributes:
        html: the markup of the partial ``_turned_away.html``.
        language: the one it is in.
    """

    html: str
    language: Language


@dataclass(frozen=True, kw_only=True)
class ActionPage:
    """The form of an action.

    Attributes:
        prompt: the user, the form, the question and the impact.
        error: why it was not done when it was sent; None before that.
        hidden: the fields that go along.
        button: what the button says.
        foreseen: what the user will read once it is done; None where they stay signed in.
    """

    action: Action
    prompt: Prompt
    error: str | None
    hidden: Mapping[str, str]
    button: str
    foreseen: Foreseen | None

    @property
    def foresees(self) -> bool:
        """Whether the action says how the user will stand."""
        return self.action.foresees

    @property
    def leads_away(self) -> bool:
        """Whether the action itself answers, with a page that need not be ours."""
        return type(self.action).answer is not Action.answer
