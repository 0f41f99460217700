"""Log in as a user, to see what they see."""

import unicodedata
from collections.abc import Callable
from datetime import timedelta
from typing import Any, ClassVar

import sqlalchemy as sa
import wtforms
from wtforms import BooleanField, RadioField, StringField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length

from ..audit import Chain
from ..binding import Mapping as Bound
from ..errors import TooManyError
from ..formatting import STATUS_LABELS
from ..gate import Gate
from ..guard import guarded
from ..i18n import _, lazy, ngettext
from ..impersonation import (
    LONGEST,
    WRITING,
    Impersonation,
    Impersonations,
    digest_of,
    new_secret,
)
from ..results import UserRow
from .action import Action, Unit
from .forms import Form, ReasonField, tidy

STARTS_A_MINUTE = 10
"""How many one person may begin within a minute."""


class WhyForm(Form):
    """Why, in words that somebody else will understand."""

    reason = ReasonField(
        lazy("Reason"),
        [DataRequired(lazy("Say why.")), Length(max=500)],
        filters=[tidy],
        description=lazy(
            "At least ten characters. The history keeps it, and the user may be told."
        ),
    )

    def validate_reason(self, field: ReasonField) -> None:
        """Refuse what says nothing."""
        seen = [c for c in field.data or "" if unicodedata.category(c)[0] in "LMNPS"]
        if len(seen) < 10:
            raise ValidationError(_("Say why in at least ten characters."))


class ImpersonateForm(WhyForm):
    """Why, for how long, and whether to change anything."""

    ticket = StringField(lazy("Ticket"), [Length(max=100)], filters=[tidy])
    minutes = RadioField(lazy("For how long"), [InputRequired(lazy("Choose how long."))])
    allow_changes = BooleanField(
        lazy("Allow changes. Without it you can look, and change nothing.")
    )


class Impersonate(Action):
    """Let the person see the product as the user does, for a while.

    Args:
        config: what the host said of it.
        impersonations: reads and ends them.
        enter: ``enter()`` finds out where it begins, and raises if that is nowhere; called with the
            secret, what it returns makes the browser's session show it, and returns the response.
    """

    name: ClassVar[str] = "impersonate"
    label: ClassVar[str] = lazy("Log in as")
    icon: ClassVar[str] = "impersonate"
    primary: ClassVar[bool] = True
    fresh: ClassVar[bool] = True
    form: ClassVar[type[wtforms.Form]] = ImpersonateForm
    done: ClassVar[str] = lazy("{who} began to see the product as {user}.")

    def __init__(
        self,
        config: Impersonation,
        impersonations: Callable[[], Impersonations],
        enter: Callable[[], Callable[[str], Any]],
    ) -> None:
        self.config = config
        self.impersonations = impersonations
        self.enter = enter

    def offered(self, user: UserRow, mapping: Bound) -> bool:  # noqa: ARG002
        """Whoever could sign in."""
        return user.status == "active"

    def refusal(self, unit: Unit) -> str | None:
        """Nobody is seen as somebody who could not sign in, or does not want it."""
        user = unit.user
        if user.status != "active":
            return _(
                "%(user)s cannot sign in as long as their status is “%(status)s”.",
                user=user.name,
                status=STATUS_LABELS[user.status].lower(),
            )
        if getattr(user.record, "is_active", True) is False:
            return _("%(user)s cannot sign in to the product.", user=user.name)
        if self._sees_more(unit):
            return _(
                "%(user)s belongs to more than this platform, and the rest would be seen too.",
                user=user.name,
            )
        return unit.policy.declines_impersonation(unit.actor, user.record)

    def _sees_more(self, unit: Unit) -> bool:
        """Say whether the product would show things of another platform's as well."""
        record, platform = unit.user.record, unit.directory.platform
        if not unit.mapping.users.join or unit.policy.platform_in_use(record) == platform:
            return False
        return Gate(unit.mapping, unit.session, ()).platforms_of(record) != [platform]

    def build_form(self, unit: Unit, data: Any = None) -> ImpersonateForm:
        """Offer the host's reasons, and changes to those who may make them."""
        lengths = sorted({15, 30, int(LONGEST.total_seconds() // 60), self.config.minutes})
        form = ImpersonateForm(data, minutes=str(self.config.minutes))
        form.minutes.choices = [
            (str(n), ngettext("%(num)s minute", "%(num)s minutes", n)) for n in lengths
        ]
        form.reason.suggestions = self.config.reasons
        if self.config.ticket is None:
            del form.ticket
        else:
            form.ticket.label.text = self.config.ticket
        if not unit.policy.allows(unit.actor, "allow_changes", unit.user.record):
            del form.allow_changes
        return form

    def question(self, user: UserRow) -> str:
        """Say what it is."""
        return _(
            "See the product as %(user)s sees it? Every page you open is listed in the history "
            "under your name.",
            user=user.name,
        )

    def perform(self, unit: Unit) -> None:
        """Begin; what the same person was doing elsewhere ends."""
        impersonations, now = self.impersonations(), unit.now
        with guarded(unit.session, "Impersonation(landing=...)"):
            unit.memo["enter"] = self.enter()
        owner_id, platform = str(unit.actor.get_id()), unit.directory.platform
        lately = now - timedelta(minutes=1)
        if impersonations.started_since(platform, owner_id, lately) >= STARTS_A_MINUTE:
            raise TooManyError(_("You did this too often within a minute. Wait a little."))
        earlier = impersonations.going_on(platform, owner_id)
        if earlier is not None:
            impersonations.close(earlier, "replaced")
        secret, ends_at = new_secret(), now + timedelta(minutes=int(unit.form.minutes.data))
        changes = "allow_changes" in unit.form and unit.form.allow_changes.data
        chain: Chain = impersonations.chain(platform)
        unit.session.execute(
            sa.insert(impersonations.table).values(
                platform_key=platform,
                id=digest_of(secret),
                seq=chain.head()[0] + 1,
                owner_id=owner_id,
                going_on=owner_id,
                actor=unit.actor_id,
                actor_name=unit.actor_name[:255],
                user_key=unit.user.key,
                user_id=str(unit.user.record.get_id()),
                user_name=unit.user.name[:255],
                reason=unit.form.reason.data,
                ticket=(unit.form.ticket.data or "") if "ticket" in unit.form else "",
                started_at=now,
                ends_at=ends_at,
                writes_until=ends_at if changes else None,
                unlisted=0,
            ),
            bind_arguments=unit.mapping.bind,
        )
        unit.memo["secret"] = secret

    def recorded(self, unit: Unit) -> dict[str, tuple[str, str]]:
        """Keep what was chosen."""
        changes = "allow_changes" in unit.form and unit.form.allow_changes.data
        return {
            _("Minutes"): ("", str(unit.form.minutes.data)),
            _("Changes"): ("", _("allowed") if changes else _("not allowed")),
        }

    def committed(self, unit: Unit) -> None:
        """Tell the host."""
        impersonations = self.impersonations()
        receipt = impersonations.find(unit.memo["secret"])
        if self.config.started is not None and receipt is not None:
            self.config.started(receipt)

    def answer(self, unit: Unit) -> Any:
        """Put it into the browser's session."""
        return unit.memo["enter"](unit.memo["secret"])


class AllowChanges(Action):
    """Let whoever sees the product as a user change something for a few minutes."""

    name: ClassVar[str] = "allow_changes"
    label: ClassVar[str] = lazy("Allow changes")
    icon: ClassVar[str] = "impersonate"
    by_system: ClassVar[bool] = True
    form: ClassVar[type[wtforms.Form]] = WhyForm
    done: ClassVar[str] = lazy(
        "{who} allowed changes for a few minutes while seeing the product as {user}."
    )

    def __init__(self, impersonations: Callable[[], Impersonations]) -> None:
        self.impersonations = impersonations

    def perform(self, unit: Unit) -> bool | None:
        """Move the moment until which changes are let through."""
        table = self.impersonations().table
        platform, owner_id = unit.directory.platform, str(unit.actor.get_id())
        receipt = self.impersonations().going_on(platform, owner_id)
        if receipt is None or receipt.user_key != unit.user.key or receipt.over(unit.now):
            return False
        unit.session.execute(
            sa.update(table)
            .where(table.c.platform_key == platform, table.c.id == receipt.id)
            .values(writes_until=min(unit.now + WRITING, receipt.ends_at)),
            bind_arguments=unit.mapping.bind,
        )
        return None


class EndImpersonation(Action):
    """The end of an impersonation, as the history tells it; it happens by itself or by a button."""

    name: ClassVar[str] = "end_impersonation"
    label: ClassVar[str] = lazy("End of logging in as")
    icon: ClassVar[str] = "impersonate"
    by_system: ClassVar[bool] = True
    done: ClassVar[str] = lazy("{who} stopped seeing the product as {user}.")
