"""What happens to a grant later: extended, made permanent, stopped, settled by the clock."""

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import wtforms
from wtforms import RadioField
from wtforms.validators import InputRequired

from ..binding import Mapping as Bound
from ..granting import Granting, changeable, standing
from ..grants import GIVEN, SCHEDULED, Grant, due
from ..i18n import _, lazy
from ..results import UserRow
from ..standing import in_words, on_terms
from .action import Action, Unit
from .forms import Form, MomentField
from .plans import Period, period_field, reason_field

if TYPE_CHECKING:
    from ..extension import PlatformUsers


class GrantForm(Form):
    """Which grant, and why."""

    grant = RadioField(lazy("Given by hand"), [InputRequired(lazy("Choose one."))])
    reason = reason_field()


class ExtensionForm(Period, Form):
    """Which grant, how much longer, and why. For good is an action of its own."""

    grant = RadioField(lazy("Given by hand"), [InputRequired(lazy("Choose one."))])
    period = period_field("month", leave_out="forever")
    ends = MomentField(lazy("Until"))
    reason = reason_field()

    def validate_ends(self, field: MomentField) -> None:  # noqa: ARG002
        """Refuse an end that has passed."""
        self.refuse_end(datetime.now(UTC))


class GrantAction(Action):
    """What all that is done to a grant shares. They are reached from the grant, not the menu.

    Attributes:
        needs_end: whether it can only be done to a grant that has an end.
    """

    icon: ClassVar[str] = "crown"
    form: ClassVar[type[wtforms.Form]] = GrantForm
    needs_end: ClassVar[bool] = False

    def offered(self, user: UserRow, mapping: Bound) -> bool:  # noqa: ARG002
        """Not beside what is done to users."""
        return False

    def refusal(self, unit: Unit) -> str | None:
        """There has to be a grant that this can be done to."""
        refused = changeable(unit)
        if refused is None and not self.open_to(unit):
            return _(
                "Nothing that %(user)s was given by hand allows this any more.",
                user=unit.user.name,
            )
        return refused

    def open_to(self, unit: Unit) -> list[Grant]:
        """Return the grants that it can be done to."""
        return [g for g in standing(unit).grants if g.ends or not self.needs_end]

    def build_form(self, unit: Unit, data: Any = None) -> Any:
        """Offer them."""
        form = super().build_form(unit, data)
        form.grant.choices = [(g.id, on_terms(g.offer_name, g)) for g in self.open_to(unit)]
        return form

    def facts(self, unit: Unit) -> Mapping[str, str]:
        """Tell plan and add-ons."""
        return in_words(standing(unit))

    def chosen(self, unit: Unit) -> Grant:
        """Return the grant that was chosen."""
        return next(g for g in self.open_to(unit) if g.id == unit.form.grant.data)


class ExtendGrant(GrantAction):
    """Move the end of a grant."""

    name: ClassVar[str] = "extend_grant"
    label: ClassVar[str] = lazy("Extend")
    icon: ClassVar[str] = "extend"
    form: ClassVar[type[wtforms.Form]] = ExtensionForm
    needs_end: ClassVar[bool] = True
    done: ClassVar[str] = lazy("{who} extended what {user} was given by hand.")

    def question(self, user: UserRow) -> str:
        """Ask for the end."""
        return _(
            "How much longer should %(user)s have it? A period counts from its present end.",
            user=user.name,
        )

    def perform(self, unit: Unit) -> None:
        """Note the new end, and write it to the host's tables where they know of it."""
        grant = self.chosen(unit)
        Granting(unit).move_end(grant, unit.form.end(grant.ends))


class KeepGrant(GrantAction):
    """Make a grant permanent."""

    name: ClassVar[str] = "keep_grant"
    label: ClassVar[str] = lazy("Make permanent")
    icon: ClassVar[str] = "forever"
    needs_end: ClassVar[bool] = True
    done: ClassVar[str] = lazy("{who} made permanent what {user} was given by hand.")

    def question(self, user: UserRow) -> str:
        """Ask."""
        return _("Should %(user)s have it for good?", user=user.name)

    def perform(self, unit: Unit) -> None:
        """Forget its end."""
        Granting(unit).move_end(self.chosen(unit), None)


class LapseGrant(GrantAction):
    """Let a grant lapse before its end."""

    name: ClassVar[str] = "lapse_grant"
    label: ClassVar[str] = lazy("Let lapse")
    icon: ClassVar[str] = "clear"
    done: ClassVar[str] = lazy("{who} let lapse what {user} was given by hand.")

    def question(self, user: UserRow) -> str:
        """Ask."""
        return _("Let it lapse now? %(user)s goes back to what was there before.", user=user.name)

    def perform(self, unit: Unit) -> None:
        """End it now."""
        Granting(unit).stop(self.chosen(unit))


class _ByClock(Action):
    """What the clock has overtaken, written to the host's tables."""

    icon: ClassVar[str] = "crown"
    by_system: ClassVar[bool] = True
    state: ClassVar[str]

    def facts(self, unit: Unit) -> Mapping[str, str]:
        """Tell what the host's tables say: by the clock, nothing changes."""
        written = standing(unit).written
        return {
            _("Plan"): "" if written is None else written.plan,
            _("Add-ons"): ", ".join(
                f"{a.name} × {a.quantity}" for a in (written.add_ons if written else ())
            ),
        }

    def perform(self, unit: Unit) -> bool | None:
        """Settle the first that is due."""
        granting = Granting(unit)
        found = next((g for g in granting.due() if g.state == self.state), None)
        if found is None:
            return False
        if found.state == SCHEDULED:
            granting.begin(found)
        else:
            granting.end(found)
        return None


class BeginGrant(_ByClock):
    """Write what was given and has begun."""

    name: ClassVar[str] = "begin_grant"
    label: ClassVar[str] = lazy("Begin of a grant")
    done: ClassVar[str] = lazy("{who} began what {user} was given by hand.")
    state: ClassVar[str] = SCHEDULED


class EndGrant(_ByClock):
    """Take back what was given and has ended."""

    name: ClassVar[str] = "end_grant"
    label: ClassVar[str] = lazy("End of a grant")
    done: ClassVar[str] = lazy("{who} ended what {user} was given by hand.")
    state: ClassVar[str] = GIVEN


def due_grants(extension: "PlatformUsers", now: datetime) -> Iterator[tuple[Any, Any, Action]]:
    """Yield (platform, user key, action) for each grant that the clock has overtaken.

    Run each through a pipeline of its platform, as the system, in this order. Running one twice,
    or from two processes, settles it once.
    """
    mapping = extension.mapping
    if mapping.by_hand is None:
        return
    rows = extension.db.session.execute(
        due(mapping.tables.grant, now), bind_arguments=mapping.bind
    ).all()
    begin, end = BeginGrant(), EndGrant()
    begun = [(row.platform_key, row.user_key, begin) for row in rows if row.state == SCHEDULED]
    yield from begun
    yield from ((row.platform_key, row.user_key, end) for row in rows if row.state == GIVEN)
