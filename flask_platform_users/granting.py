"""Writes to the host's tables what was given by hand, inside the transaction of an action."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from .actions.action import Unit
from .billing import ManualBilling, Money, Offer, Subscription
from .errors import HookError, RefusedError
from .grants import ENDED, GIVEN, SCHEDULED, Before, Grant, Grants
from .guard import guarded
from .i18n import _
from .standing import Standing, is_gone, plan_wanted, standing_of


class Granting:
    """What is given to one user.

    Raises:
        HookError: the host has no billing that can be changed by hand.
    """

    def __init__(self, unit: Unit) -> None:
        billing = unit.directory.by_hand
        if billing is None:
            raise HookError("PlatformUsers(billing=...)", "is no ManualBilling")
        self.billing: ManualBilling = billing
        self.unit = unit
        self.now = unit.now
        self.grants = Grants(unit.directory)

    def add(self, **values: Any) -> str | None:
        """Give something; it is written to the host's tables if it has begun.

        Returns:
            the id of the grant; None where the host could not give it, because the user has it and
            can have only one.
        """
        self.settle()
        known = {grant.id for grant in self._unsettled()}
        unit = self.unit
        self.grants.add(
            user_key=unit.user.key,
            actor=unit.actor_id,
            actor_name=unit.actor_name,
            before=None,
            state=SCHEDULED,
            **values,
        )
        for grant in self._unsettled():
            if grant.id not in known and grant.starts <= self.now:
                self.begin(grant)
        return next((grant.id for grant in self._unsettled() if grant.id not in known), None)

    def settle(self) -> None:
        """Bring the host's tables to what the clock says."""
        for grant in self.due():
            self.begin(grant) if grant.state == SCHEDULED else self.end(grant)

    def due(self) -> list[Grant]:
        """Return what the clock has overtaken: what has begun, then what has ended."""
        found = [grant for grant in self._unsettled() if grant.is_due(self.now)]
        return sorted(found, key=lambda grant: grant.state == GIVEN)

    def begin(self, grant: Grant) -> None:
        """Write a grant that has begun. What ended before it was written is only noted."""
        if grant.is_over(self.now) or self._is_managed():
            self.grants.change(grant, state=ENDED)
        elif grant.kind == "add_on":
            self.grants.change(grant, state=GIVEN if self._give(grant) else ENDED)
        else:
            base = self._base()
            self._write_plan()
            self.grants.change(grant, state=GIVEN, before=base)

    def end(self, grant: Grant) -> None:
        """Take a grant back that has ended."""
        if grant.state == GIVEN and not self._is_managed():
            if grant.kind == "add_on":
                self._take(grant.offer_key)
            else:
                self._write_plan()
        self.grants.change(grant, state=ENDED)

    def stop(self, grant: Grant) -> None:
        """End a grant now."""
        self.grants.change(grant, ends=self.now)
        for changed in self._unsettled():
            if changed.id == grant.id:
                self.end(changed)

    def stop_by_id(self, grant_id: str) -> bool | None:
        """End a grant now; False if it has ended already."""
        self.settle()
        grant = next((g for g in self._unsettled() if g.id == grant_id), None)
        if grant is None:
            return False
        self.stop(grant)
        return None

    def remove(self, add_on: str) -> dict[str, Any]:
        """Take one of an add-on away: what was given by hand, else what the user has beside it.

        Returns:
            what ``give_again`` takes.
        """
        self.settle()
        given = [
            grant
            for grant in self._unsettled()
            if (grant.kind, grant.offer_key, grant.state) == ("add_on", add_on, GIVEN)
        ]
        if given:
            self.stop(given[-1])
            return {"offer": add_on, "grant": _terms(given[-1])}
        self._take(add_on)
        return {"offer": add_on}

    def give_again(self, removed: Mapping[str, Any]) -> bool | None:
        """Give back what was removed; False where its end has come meanwhile."""
        if "grant" not in removed:
            with guarded(self.unit.session, "Billing.give"):
                self.billing.give(self.unit.user.record, removed["offer"])
                self.unit.session.flush()
            return None
        terms = _read_terms(removed["grant"])
        if terms["ends"] is not None and terms["ends"] <= self.now:
            return False
        kept = self.add(kind="add_on", offer_key=removed["offer"], starts=self.now, **terms)
        return False if kept is None else None

    def move_end(self, grant: Grant, ends: datetime | None) -> None:
        """Let a grant end at another moment, or not at all."""
        self.grants.change(grant, ends=ends)
        given = [g for g in self._unsettled() if g.kind == "plan" and g.state == GIVEN]
        if given and given[-1].id == grant.id and not self._is_managed():
            self._assign(given[-1])

    def _unsettled(self) -> list[Grant]:
        return self.grants.of(self.unit.user.key)

    def _is_managed(self) -> bool:
        with guarded(self.unit.session, "Billing.managed"):
            return self.billing.managed(self.unit.user.record)

    def _written(self) -> Subscription | None:
        with guarded(self.unit.session, "Billing.subscription"):
            return self.billing.subscription(self.unit.user.record)

    def _offers(self) -> Sequence[Offer]:
        with guarded(self.unit.session, "Billing.offers"):
            return self.billing.offers(self.unit.directory.platform)

    def _base(self) -> Before:
        """Return what was there before all plans that were given; forget those that are gone."""
        written = self._written()
        given = [g for g in self._unsettled() if g.kind == "plan" and g.state == GIVEN]
        if given and is_gone(given[-1], written, self.now):
            for grant in given:
                self.grants.change(grant, state=ENDED)
            given = []
        if given and given[0].before:
            return given[0].before
        return Before.of(written, self._offers() if written and written.price else ())

    def _write_plan(self) -> None:
        wanted = plan_wanted(self._written(), self._unsettled(), self.now)
        if isinstance(wanted, Grant):
            base = self._base()
            self._assign(wanted)
            self.grants.change(wanted, state=GIVEN, before=base)
        elif wanted is not None:
            with guarded(self.unit.session, "Billing.assign"):
                self.billing.assign(
                    self.unit.user.record,
                    wanted.plan_key,
                    price=wanted.price,
                    renews=wanted.renews,
                    ends=wanted.ends,
                )
                self.unit.session.flush()

    def _assign(self, grant: Grant) -> None:
        with guarded(self.unit.session, "Billing.assign"):
            self.billing.assign(
                self.unit.user.record, grant.offer_key, price=grant.price, ends=grant.ends
            )
            self.unit.session.flush()

    def _give(self, grant: Grant) -> bool:
        """Say whether the user has one more now."""
        before = self._quantity(grant)
        try:
            with guarded(self.unit.session, "Billing.give"):
                self.billing.give(self.unit.user.record, grant.offer_key)
                self.unit.session.flush()
        except RefusedError:
            return False
        return self._quantity(grant) > before

    def _take(self, add_on: str) -> None:
        with guarded(self.unit.session, "Billing.take"):
            self.billing.take(self.unit.user.record, add_on)
            self.unit.session.flush()

    def _quantity(self, grant: Grant) -> int:
        written = self._written()
        add_ons = () if written is None else written.add_ons
        return sum(add_on.quantity for add_on in add_ons if add_on.key == grant.offer_key)


def _terms(grant: Grant) -> dict[str, Any]:
    """Return the terms of a grant as JSON can keep them."""
    return {
        "offer_name": grant.offer_name,
        "ends": grant.ends and grant.ends.isoformat(),
        "price": grant.price and [str(grant.price.amount), grant.price.currency],
        "reason": grant.reason,
        "note": grant.note,
    }


def _read_terms(kept: Mapping[str, Any]) -> dict[str, Any]:
    price = kept["price"] and Money(Decimal(kept["price"][0]), kept["price"][1])
    ends = kept["ends"] and datetime.fromisoformat(kept["ends"])
    return {**kept, "price": price, "ends": ends}


def standing(unit: Unit) -> Standing:
    """Return what the user has, as an action sees it."""
    with guarded(unit.session, "Billing.subscription"):
        return standing_of(unit.directory, unit.user)


def changeable(unit: Unit) -> str | None:
    """Return the sentence that says why a user's subscription is not to be changed, if it is so."""
    billing = unit.directory.by_hand
    if billing is None:
        return _("This product's billing cannot be changed by hand.")
    with guarded(unit.session, "Billing.managed"):
        if billing.managed(unit.user.record):
            return _(
                "A payment provider manages the subscription of %(user)s; it is changed there.",
                user=unit.user.name,
            )
    return None
