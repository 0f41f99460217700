"""Set a status, block and unblock."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, ClassVar

import wtforms
from wtforms import RadioField, StringField, ValidationError
from wtforms.validators import DataRequired, InputRequired, Length

from ..binding import Mapping as Bound
from ..errors import HookError
from ..formatting import STATUS_LABELS, channels
from ..gate import Standing
from ..i18n import _, lazy
from ..results import UserRow
from .action import Action, Impact, Unit
from .forms import Form, MomentField, ReasonField, ReasonForm, refuse_beyond, tidy

BLOCK = ("blocked_at", "blocked_until", "block_reason", "status_before")
"""What the plugin keeps of a block."""

UNBLOCKED = {"blocked_at": None, "blocked_until": None, "block_reason": None, "status_before": None}


class StatusForm(Form):
    """Which status, and why."""

    status = RadioField(lazy("Status"), validators=[InputRequired(lazy("Choose a status."))])
    reason = StringField(lazy("Reason"), [Length(max=500)], filters=[tidy])


class SetStatus(Action):
    """Change the status in the host's own tables, to any that they can express."""

    name: ClassVar[str] = "set_status"
    label: ClassVar[str] = lazy("Set status")
    icon: ClassVar[str] = "status"
    form: ClassVar[type[wtforms.Form]] = StatusForm
    for_many: ClassVar[bool] = True
    same_form: ClassVar[bool] = True
    done: ClassVar[str] = lazy("{who} changed the status of {user}.")

    def offered(self, user: UserRow, mapping: Bound) -> bool:
        """Wherever there is another status to write."""
        return bool(set(mapping.writable) - {user.status})

    def build_form(self, unit: Unit, data: Any = None) -> StatusForm:
        """Offer what the host can express."""
        form = StatusForm(data, status=None if unit.many > 1 else unit.user.status)
        form.status.choices = [(name, STATUS_LABELS[name]) for name in unit.mapping.writable]
        return form

    def question(self, user: UserRow) -> str:
        """Ask for the status."""
        return _("Which status should %(user)s have?", user=user.name)

    def stands_after(self, unit: Unit) -> Standing:
        """Have the chosen status, and no block."""
        status = unit.form.status.data or unit.user.status
        return Standing(platform=unit.directory.platform, status=status)

    def perform(self, unit: Unit) -> bool | None:
        """Write it. A block of the plugin's own ends by it."""
        status = unit.form.status.data
        if status == unit.user.status:
            return False
        if unit.user.status in unit.mapping.writable or unit.kept().get("blocked_at"):
            unit.undo = {"status": unit.user.status, "block": _block(unit)}
        unit.write_status(status)
        if unit.kept():
            unit.keep(**UNBLOCKED)
        if status in unit.mapping.shut_out:
            unit.sign_out()
        unit.flush()
        if unit.directory.user(str(unit.user.key)).status != status:
            raise HookError("Status(write=...)", f"did not bring about the status {status!r}")
        return None

    def reverse(self, unit: Unit, kept: Mapping[str, Any]) -> None:
        """Write the status from before, and the block if there was one."""
        if kept["status"] in unit.mapping.writable:
            unit.write_status(kept["status"])
        unit.keep(**_read_block(kept["block"]))


class BlockForm(Form):
    """Why, and until when."""

    reason = ReasonField(
        lazy("Reason"),
        [DataRequired(lazy("Say why.")), Length(max=500)],
        filters=[tidy],
        description=lazy("The history keeps it, and the user may be told."),
    )
    until = MomentField(lazy("Until"), description=lazy("Leave it empty to block for good."))

    def validate_until(self, field: MomentField) -> None:
        """Refuse an end that has passed."""
        if field.data and field.data <= datetime.now(UTC):
            raise ValidationError(_("Choose a moment that is still to come."))
        if field.data:
            refuse_beyond(field.data)


class Block(Action):
    """Keep a user out, for a reason, for good or until a moment.

    Args:
        reasons: words to choose from, beside free ones.
    """

    name: ClassVar[str] = "block"
    label: ClassVar[str] = lazy("Block")
    icon: ClassVar[str] = "blocked"
    dangerous: ClassVar[bool] = True
    form: ClassVar[type[wtforms.Form]] = BlockForm
    for_many: ClassVar[bool] = True
    same_form: ClassVar[bool] = True
    done: ClassVar[str] = lazy("{who} blocked {user}.")

    def __init__(self, reasons: Sequence[str] = ()) -> None:
        self.reasons = tuple(reasons)

    def offered(self, user: UserRow, mapping: Bound) -> bool:  # noqa: ARG002
        """Whoever is not blocked yet."""
        return user.status != "blocked"

    def refusal(self, unit: Unit) -> str | None:
        """A second block would hide the first one's reason."""
        if unit.user.status == "blocked":
            return _("%(user)s is blocked already.", user=unit.user.name)
        return None

    def build_form(self, unit: Unit, data: Any = None) -> BlockForm:
        """Offer the host's reasons."""
        form: BlockForm = super().build_form(unit, data)
        form.reason.suggestions = self.reasons
        return form

    def question(self, user: UserRow) -> str:
        """Ask for the reason."""
        return _("Block %(user)s? They are kept out until somebody unblocks them.", user=user.name)

    def impact(self, unit: Unit) -> Iterable[Impact]:
        """Channels stop; nothing goes."""
        for count in unit.mapping.channels:
            number = unit.user.channels[count.name]
            if number:
                yield Impact(what=channels(count.title), count=number, effect="stops")

    def stands_after(self, unit: Unit) -> Standing:
        """Be blocked, as far as the form says how; an end that has passed is none yet."""
        until = unit.form.until.data
        return Standing(
            platform=unit.directory.platform,
            status="blocked",
            blocked_until=until if until and until > unit.now else None,
            reason=unit.form.reason.data or "",
        )

    def perform(self, unit: Unit) -> None:
        """Keep the block, and write the host's own word for it where there is one."""
        before = None
        if "blocked" in unit.mapping.writable and unit.user.status in unit.mapping.writable:
            before = unit.user.status
            unit.write_status("blocked")
        unit.keep(
            blocked_at=unit.now,
            blocked_until=unit.form.until.data,
            block_reason=unit.form.reason.data,
            status_before=before,
        )
        unit.sign_out()
        unit.undo = {}

    def reverse(self, unit: Unit, kept: Mapping[str, Any]) -> None:  # noqa: ARG002
        """Do what unblocking does."""
        _end_block(unit)


class Unblock(Action):
    """End a block; the status from before it comes back."""

    name: ClassVar[str] = "unblock"
    label: ClassVar[str] = lazy("Unblock")
    icon: ClassVar[str] = "active"
    primary: ClassVar[bool] = True
    form: ClassVar[type[wtforms.Form]] = ReasonForm
    for_many: ClassVar[bool] = True
    same_form: ClassVar[bool] = True
    done: ClassVar[str] = lazy("{who} unblocked {user}.")

    def offered(self, user: UserRow, mapping: Bound) -> bool:  # noqa: ARG002
        """Whoever is blocked."""
        return user.status == "blocked"

    def refusal(self, unit: Unit) -> str | None:
        """Only a block made here can be taken back here."""
        if unit.user.status != "blocked":
            return _("%(user)s is not blocked.", user=unit.user.name)
        if not unit.kept().get("blocked_at"):
            return _(
                "%(user)s was blocked elsewhere in the product; set a status instead.",
                user=unit.user.name,
            )
        return None

    def question(self, user: UserRow) -> str:
        """Ask."""
        return _("Unblock %(user)s? The status from before the block comes back.", user=user.name)

    def perform(self, unit: Unit) -> None:
        """Forget the block, and write back the status from before."""
        unit.undo = {"block": _block(unit)}
        _end_block(unit)

    def reverse(self, unit: Unit, kept: Mapping[str, Any]) -> bool | None:
        """Block as it was; a block whose end has come meanwhile is over."""
        block = _read_block(kept["block"])
        if block["blocked_until"] is not None and block["blocked_until"] <= unit.now:
            return False
        if block["status_before"]:
            unit.write_status("blocked")
        unit.keep(**block)
        unit.sign_out()
        return None


class EndBlock(Action):
    """Settle a block whose end has come."""

    name: ClassVar[str] = "end_block"
    label: ClassVar[str] = lazy("End of a block")
    icon: ClassVar[str] = "active"
    by_system: ClassVar[bool] = True
    done: ClassVar[str] = lazy("{who} ended the block of {user}, whose time was over.")

    def perform(self, unit: Unit) -> bool | None:
        """Forget it; where the host still says blocked, the status from before comes back."""
        kept = dict(unit.kept())
        until = kept.get("blocked_until")
        if until is None or until > unit.now:
            return False
        unit.keep(**UNBLOCKED)
        unit.flush()
        host_says = unit.directory.user(str(unit.user.key)).status
        if kept["status_before"] and host_says == "blocked":
            unit.write_status(kept["status_before"])
        return None


def _end_block(unit: Unit) -> None:
    before = unit.kept()["status_before"]
    unit.keep(**UNBLOCKED)
    if before:
        unit.write_status(before)


def _block(unit: Unit) -> dict[str, str | None]:
    """Return the block that is in force as JSON can keep it."""
    kept = unit.kept()
    values = {name: kept.get(name) for name in BLOCK}
    return {n: v.isoformat() if isinstance(v, datetime) else v for n, v in values.items()}


def _read_block(kept: Mapping[str, Any]) -> dict[str, Any]:
    moments = {
        name: kept[name] and datetime.fromisoformat(kept[name])
        for name in ("blocked_at", "blocked_until")
    }
    return {**kept, **moments}
