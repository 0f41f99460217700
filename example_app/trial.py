"""The action "Extend trial": one of the product's own on the page Platform Users, with a form."""

from datetime import timedelta

from wtforms import Form, IntegerField, StringField
from wtforms.validators import DataRequired, Length, NumberRange

from flask_platform_users import Action, Unit
from flask_platform_users.formatting import stamp
from flask_platform_users.results import UserRow

from .languages import lazily
from .plans import subscription_of


class TrialForm(Form):
    """How much longer, and why."""

    days = IntegerField(
        "Days",
        [DataRequired("Say how many days."), NumberRange(1, 90, "Choose 1 to 90 days.")],
        default=14,
    )
    reason = StringField("Reason", [DataRequired("Say why."), Length(max=500)])


class ExtendTrial(Action):
    """Move the end of a subscription that ends."""

    name = "extend_trial"
    label = lazily("Extend trial")
    icon = "pending"
    form = TrialForm
    done = lazily("{who} extended the trial of {user}.")

    def question(self, user: UserRow) -> str:
        """Ask for how long."""
        return f"By how many days should the subscription of {user.name} go on?"

    def refusal(self, unit: Unit) -> str | None:
        """Refuse what does not end."""
        held = subscription_of(unit.user.key)
        if held is None or held.ends_at is None:
            return f"{unit.user.name} has no subscription that ends."
        return None

    def facts(self, unit: Unit) -> dict[str, str]:
        """Name the end, so that the history tells it before and after."""
        held = subscription_of(unit.user.key)
        return {"Trial ends": stamp(held.ends_at)} if held and held.ends_at else {}

    def perform(self, unit: Unit) -> None:
        """Move it."""
        held = subscription_of(unit.user.key)
        assert held is not None  # noqa: S101  (refusal has seen to it)
        assert held.ends_at is not None  # noqa: S101
        held.ends_at += timedelta(days=unit.form.days.data)
