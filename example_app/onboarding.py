"""The action "Send onboarding email": one of the product's own on the page Platform Users."""

from sqlalchemy import select

from flask_platform_users import Action, Unit
from flask_platform_users.results import UserRow

from .languages import lazily
from .models import OutgoingMail

TEMPLATE = "onboarding"


class SendOnboardingEmail(Action):
    """Queue the mail that explains the first steps, unless it is queued already."""

    name = "send_onboarding_email"
    label = lazily("Send onboarding email")
    icon = "email"
    for_many = True
    done = lazily("{who} sent {user} the onboarding email.")

    def question(self, user: UserRow) -> str:
        """Say where it goes."""
        return f"Send the onboarding email to {user.email}?"

    def refusal(self, unit: Unit) -> str | None:
        """Refuse a second one that is still in the outbox."""
        waiting = select(OutgoingMail.id).where(
            OutgoingMail.user_id == unit.user.key, OutgoingMail.template == TEMPLATE
        )
        if unit.session.scalar(waiting.limit(1)):
            return f"The onboarding email to {unit.user.name} is waiting to be sent already."
        return None

    def perform(self, unit: Unit) -> None:
        """Put it into the outbox, in the same transaction as the history's entry."""
        mail = OutgoingMail(user_id=unit.user.key, template=TEMPLATE, queued_at=unit.now)
        unit.session.add(mail)
