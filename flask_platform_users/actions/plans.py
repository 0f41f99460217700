"""Assign a plan, give and remove add-ons, for a while or for good."""

import calendar
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar, Literal

import wtforms
from wtforms import (
    DecimalField,
    RadioField,
    SelectField,
    StringField,
    TextAreaField,
    ValidationError,
)
from wtforms.validators import DataRequired, InputRequired, Length, NumberRange, Optional

from ..billing import Money, Offer, Subscription
from ..binding import Mapping as Bound
from ..errors import RefusedError
from ..formatting import cost, number
from ..granting import Granting, changeable, standing
from ..guard import guarded
from ..i18n import _, lazy
from ..results import UserRow
from ..standing import (
    changed_by,
    features_of,
    in_words,
    limits_of,
    subscribed,
    title_of,
    used_by,
)
from .action import Action, Impact, Unit
from .forms import Form, MomentField, refuse_beyond, tidy

PERIODS = {
    "week": lazy("A week"),
    "month": lazy("A month"),
    "half_year": lazy("Six months"),
    "year": lazy("A year"),
    "date": lazy("Until the moment below"),
    "forever": lazy("For good"),
}
_MONTHS = {"month": 1, "half_year": 6, "year": 12}


def period_field(default: str, *, leave_out: str | None = None) -> SelectField:
    """Return the choice of how long."""

    def choices() -> list[tuple[str, str]]:
        return [(name, label) for name, label in PERIODS.items() if name != leave_out]

    return SelectField(lazy("For how long"), [InputRequired()], choices=choices, default=default)


def reason_field() -> StringField:
    """Return the field that says why."""
    return StringField(
        lazy("Reason"),
        [DataRequired(lazy("Say why.")), Length(max=500)],
        filters=[tidy],
        description=lazy("The history keeps it."),
    )


class Period:
    """How long, for forms with the fields ``period`` and ``ends``."""

    period: SelectField
    ends: MomentField

    def end(self, start: datetime) -> datetime | None:
        """Return the moment it ends, None for good. A period counts by the person's own clocks."""
        period = self.period.data
        if period == "date":
            ends: datetime | None = self.ends.data
            return ends
        local = start.astimezone(self.ends.zone)
        if period == "week":
            return (local + timedelta(weeks=1)).astimezone(UTC)
        return months_after(local, _MONTHS[period]).astimezone(UTC) if period in _MONTHS else None

    def refuse_end(self, start: datetime) -> None:
        """Refuse an announced end that is missing, lies before a moment, or is too far away."""
        end = self.ends.data
        if self.period.data != "date" or self.ends.errors:
            return
        if end is None:
            raise ValidationError(_("Say until when."))
        if end <= max(start, datetime.now(UTC)):
            raise ValidationError(_("Choose a moment after it begins, and still to come."))
        refuse_beyond(end)


class AmountField(DecimalField):
    """An amount of money: a number that is one, and no longer than money gets."""

    def process_formdata(self, valuelist: list[str]) -> None:
        """Refuse what a decimal can be and an amount cannot."""
        super().process_formdata(valuelist)
        if self.data is not None and not (self.data.is_finite() and abs(self.data) < 10**12):
            self.data = None
            raise ValueError(_("Give an amount."))


class OfferForm(Period, Form):
    """What, from when, until when, for how much, and why."""

    offer = RadioField(lazy("Offer"), [InputRequired(lazy("Choose one."))])
    starts = MomentField(lazy("From"), description=lazy("Leave it empty to begin now."))
    period = period_field("forever")
    ends = MomentField(lazy("Until"))
    price = AmountField(
        lazy("Price"),
        [
            Optional(),
            NumberRange(min=0, max=Decimal("9999999999"), message=lazy("Give an amount.")),
        ],
        places=2,
        description=lazy("Where another than the usual one was agreed on, in the same currency."),
    )
    reason = reason_field()
    note = TextAreaField(
        lazy("Note"), [Length(max=1000)], filters=[lambda text: tidy(text) or ""], default=""
    )

    def validate_starts(self, field: MomentField) -> None:
        """Refuse to begin in the past."""
        if field.data is not None:
            if field.data <= datetime.now(UTC):
                raise ValidationError(_("Choose a moment that is still to come."))
            refuse_beyond(field.data)

    def validate_ends(self, field: MomentField) -> None:  # noqa: ARG002
        """Refuse an end that lies before the beginning."""
        self.refuse_end(self.starts.data or datetime.now(UTC))

    def validate_price(self, field: DecimalField) -> None:
        """Refuse fractions of the smallest coin."""
        if not field.errors and field.data is not None and field.data != round(field.data, 2):
            raise ValidationError(_("Give an amount with at most two decimals."))


class _Giving(Action):
    """What assigning a plan and giving an add-on share."""

    icon: ClassVar[str] = "crown"
    shows_first: ClassVar[bool] = True
    form: ClassVar[type[wtforms.Form]] = OfferForm
    kind: ClassVar[Literal["plan", "add_on"]]
    noun: ClassVar[str]

    def offered(self, user: UserRow, mapping: Bound) -> bool:  # noqa: ARG002
        """Wherever the host's billing can be changed by hand."""
        return mapping.by_hand is not None

    def refusal(self, unit: Unit) -> str | None:
        """What a payment provider manages is not touched."""
        return changeable(unit)

    def build_form(self, unit: Unit, data: Any = None) -> OfferForm:
        """Offer what this platform sells."""
        form: OfferForm = super().build_form(unit, data)
        form.offer.label.text = self.noun
        now = self.present(unit)
        form.offer.choices = [
            (o.key, _("%(offer)s (now)", offer=_label(o)) if o.key == now else _label(o))
            for o in offers(unit, self.kind)
        ]
        return form

    def present(self, unit: Unit) -> str | None:  # noqa: ARG002
        """Return the key of the offer that would be replaced, if it is one for all."""
        return None

    def impact(self, unit: Unit) -> Iterable[Impact]:
        """Tell what is gained and lost by what was chosen."""
        offer = self.chosen(unit)
        if offer is None:
            return ()
        offer = replace(offer, price=agreed(unit.form, offer) or offer.price)
        before = standing(unit).subscription
        return self.told(unit, offer, before)

    def told(self, unit: Unit, offer: Offer, before: Subscription | None) -> Iterable[Impact]:
        """Tell what is gained and lost by an offer at the price that is asked for it."""
        return difference(unit, before, self.after(before, offer))

    def after(self, before: Subscription | None, offer: Offer) -> Subscription | None:
        """Return what the user has then."""
        raise NotImplementedError

    def chosen(self, unit: Unit) -> Offer | None:
        """Return the offer that was chosen, None as long as none was."""
        found = (o for o in offers(unit, self.kind) if o.key == unit.form.offer.data)
        return next(found, None)

    def facts(self, unit: Unit) -> Mapping[str, str]:
        """Tell plan and add-ons."""
        return in_words(standing(unit))

    def perform(self, unit: Unit) -> None:
        """Note it, and write it to the host's tables if it begins now."""
        form, offer = unit.form, self.chosen(unit)
        assert offer is not None  # noqa: S101  (the form refused anything else)
        price = agreed(form, offer)
        if form.price.data is not None and price is None:
            raise RefusedError(
                _("%(offer)s has no price, so there is none to replace.", offer=offer.name)
            )
        granting = Granting(unit)
        starts = form.starts.data or granting.now
        kept = granting.add(
            kind=self.kind,
            offer_key=offer.key,
            offer_name=offer.name,
            starts=starts,
            ends=form.end(starts),
            price=price,
            reason=form.reason.data,
            note=form.note.data,
        )
        if kept is None:
            raise RefusedError(
                _("%(user)s has %(offer)s already.", user=unit.user.name, offer=offer.name)
            )
        unit.undo = {"grant": kept}

    def reverse(self, unit: Unit, kept: Mapping[str, Any]) -> bool | None:
        """Let it lapse: what was there before comes back."""
        return Granting(unit).stop_by_id(kept["grant"])


class AssignPlan(_Giving):
    """Give a plan in place of the present one."""

    name: ClassVar[str] = "assign_plan"
    label: ClassVar[str] = lazy("Assign plan")
    primary: ClassVar[bool] = True
    for_many: ClassVar[bool] = True
    done: ClassVar[str] = lazy("{who} assigned a plan to {user}.")
    kind: ClassVar[Literal["plan", "add_on"]] = "plan"
    noun: ClassVar[str] = lazy("Plan")

    def question(self, user: UserRow) -> str:
        """Ask for the plan."""
        return _(
            "Which plan should %(user)s have? After its end the plan before it comes back.",
            user=user.name,
        )

    def present(self, unit: Unit) -> str | None:
        """Return the key of the plan that one user has now."""
        subscription = standing(unit).subscription if unit.many == 1 else None
        return None if subscription is None else subscription.plan_key

    def after(self, before: Subscription | None, offer: Offer) -> Subscription | None:
        """Put the plan in place of the other; add-ons stay."""
        return subscribed(offer, () if before is None else before.add_ons)


class GiveAddOn(_Giving):
    """Give one of an add-on."""

    name: ClassVar[str] = "give_add_on"
    label: ClassVar[str] = lazy("Give add-on")
    icon: ClassVar[str] = "add_on"
    for_many: ClassVar[bool] = True
    done: ClassVar[str] = lazy("{who} gave an add-on to {user}.")
    kind: ClassVar[Literal["plan", "add_on"]] = "add_on"
    noun: ClassVar[str] = lazy("Add-on")

    def question(self, user: UserRow) -> str:
        """Ask for the add-on."""
        return _(
            "Which add-on should %(user)s have? After its end it is taken back.", user=user.name
        )

    def after(self, before: Subscription | None, offer: Offer) -> Subscription | None:
        """Count one more."""
        return None if before is None else changed_by(before, offer, 1)

    def told(self, unit: Unit, offer: Offer, before: Subscription | None) -> Iterable[Impact]:
        """Tell what it costs, too."""
        yield from super().told(unit, offer, before)
        if offer.price is not None:
            yield Impact(what=_("Price: %(price)s more", price=_cost(offer)), effect="moves")

    def refusal(self, unit: Unit) -> str | None:
        """Without a subscription there is nothing to add to."""
        refused = super().refusal(unit)
        if refused is None and standing(unit).subscription is None:
            return _(
                "%(user)s has no subscription to add to; assign a plan first.",
                user=unit.user.name,
            )
        return refused


class RemovalForm(Form):
    """Which add-on, and why."""

    offer = RadioField(lazy("Add-on"), [InputRequired(lazy("Choose one."))])
    reason = reason_field()


class RemoveAddOn(Action):
    """Take one of an add-on away, however the user came by it."""

    name: ClassVar[str] = "remove_add_on"
    label: ClassVar[str] = lazy("Remove add-on")
    icon: ClassVar[str] = "add_on_removed"
    shows_first: ClassVar[bool] = True
    form: ClassVar[type[wtforms.Form]] = RemovalForm
    for_many: ClassVar[bool] = True
    done: ClassVar[str] = lazy("{who} removed an add-on from {user}.")

    def offered(self, user: UserRow, mapping: Bound) -> bool:  # noqa: ARG002
        """Wherever the host's billing can be changed by hand."""
        return mapping.by_hand is not None

    def refusal(self, unit: Unit) -> str | None:
        """There has to be one."""
        refused = changeable(unit)
        subscription = standing(unit).subscription if refused is None else None
        if refused is None and not (subscription and subscription.add_ons):
            return _("%(user)s has no add-on.", user=unit.user.name)
        return refused

    def build_form(self, unit: Unit, data: Any = None) -> RemovalForm:
        """Offer what the user has."""
        form = RemovalForm(data)
        subscription = standing(unit).subscription
        form.offer.choices = [
            (a.key, a.name if a.quantity == 1 else f"{a.name} × {a.quantity}")
            for a in (subscription.add_ons if subscription else ())
        ]
        return form

    def question(self, user: UserRow) -> str:
        """Ask for the add-on."""
        return _(
            "Which add-on should be removed from %(user)s? One of it goes, at once.",
            user=user.name,
        )

    def impact(self, unit: Unit) -> Iterable[Impact]:
        """Tell what is lost, and what is not paid any more."""
        found = standing(unit)
        before = found.subscription
        for offer in offers(unit, "add_on"):
            if before is not None and offer.key == unit.form.offer.data:
                yield from difference(unit, before, changed_by(before, offer, -1))
                given = [g for g in found.live if (g.kind, g.offer_key) == ("add_on", offer.key)]
                price = (given[-1].price if given else None) or offer.price
                if price is not None:
                    less = _("Price: %(price)s less", price=cost(price, offer.interval))
                    yield Impact(what=less, effect="moves")

    def facts(self, unit: Unit) -> Mapping[str, str]:
        """Tell plan and add-ons."""
        return in_words(standing(unit))

    def perform(self, unit: Unit) -> None:
        """Take back what was given by hand, else what the user has beside it."""
        unit.undo = Granting(unit).remove(unit.form.offer.data)

    def reverse(self, unit: Unit, kept: Mapping[str, Any]) -> bool | None:
        """Give it again, on the terms that it was given on."""
        return Granting(unit).give_again(kept)


def offers(unit: Unit, kind: str) -> list[Offer]:
    """Return what the platform sells of a kind."""
    billing = unit.directory.by_hand
    if billing is None:
        return []
    with guarded(unit.session, "Billing.offers"):
        return [o for o in billing.offers(unit.directory.platform) if o.kind == kind]


def agreed(form: Any, offer: Offer) -> Money | None:
    """Return the price that a form asks for instead of an offer's own, in the same currency."""
    if form.price.data is None or form.price.errors or offer.price is None:
        return None
    return Money(form.price.data, offer.price.currency)


def difference(
    unit: Unit, before: Subscription | None, after: Subscription | None
) -> Iterator[Impact]:
    """Tell one subscription from another: plan, price, features, limits, what is over them."""
    was, will = (_("none") if s is None else s.plan for s in (before, after))
    if was != will:
        yield Impact(what=_("Plan: %(was)s → %(now)s", was=was, now=will), effect="moves")
    paid, pays = (_cost(s) if s else _("none") for s in (before, after))
    if paid != pays:
        yield Impact(what=_("Price: %(was)s → %(now)s", was=paid, now=pays), effect="moves")
    had, has = features_of(before), features_of(after)
    for feature in has:
        if feature not in had:
            yield Impact(what=feature, effect="gained")
    for feature in had:
        if feature not in has:
            yield Impact(what=feature, effect="removed")
    bought, kept = _quantities(before), _quantities(after)
    for name in dict.fromkeys((*bought, *kept)):
        more = kept[name] - bought[name]
        if more:
            yield Impact(what=name, count=abs(more), effect="gained" if more > 0 else "removed")
    old, new = limits_of(before), limits_of(after)
    used = used_by(unit.user, unit.directory.usage(unit.user))
    for name in dict.fromkeys((*old, *new)):
        title, limit = title_of(unit.mapping, name), new.get(name)
        if before is None or name not in old or old[name] != limit:
            now = _limit(limit)
            line = _("%(limit)s: %(now)s", limit=title, now=now)
            if name in old:
                was = _limit(old[name])
                line = _("%(limit)s: %(was)s → %(now)s", limit=title, was=was, now=now)
            yield Impact(what=line, effect="moves")
        if limit is not None and used.get(name, 0) > limit:
            over = _(
                "%(limit)s: %(used)s of %(number)s",
                limit=title,
                used=number(used[name]),
                number=number(limit),
            )
            yield Impact(what=over, effect="over")


def _quantities(subscription: Subscription | None) -> Counter[str]:
    add_ons = () if subscription is None else subscription.add_ons
    return Counter({add_on.name: add_on.quantity for add_on in add_ons})


def months_after(start: datetime, months: int) -> datetime:
    """Return the same day some months later, or the last day of a shorter month."""
    years, month = divmod(start.month - 1 + months, 12)
    year, month = start.year + years, month + 1
    return start.replace(
        year=year, month=month, day=min(start.day, calendar.monthrange(year, month)[1])
    )


def _label(offer: Offer) -> str:
    if offer.price is None:
        return offer.name
    return _("%(offer)s, %(price)s", offer=offer.name, price=_cost(offer))


def _cost(priced: Offer | Subscription) -> str:
    """Return what something costs for its interval."""
    return _("none") if priced.price is None else cost(priced.price, priced.interval)


def _limit(value: int | None) -> str:
    return _("unlimited") if value is None else number(value)
