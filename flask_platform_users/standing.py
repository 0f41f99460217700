"""What a user has by the clock, why they have it, and what another plan would change."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from .billing import AddOn, Limits, Offer, Subscription
from .binding import Mapping as Bound
from .directory import Directory
from .formatting import channels, money, number, stamp
from .grants import GIVEN, SCHEDULED, Before, Grant, Grants
from .i18n import _
from .mapping import readable
from .models import as_utc
from .results import UserDetails


@dataclass(frozen=True, kw_only=True)
class Standing:
    """What a user is subscribed to.

    Attributes:
        subscription: by the clock.
        written: as the host's tables say; the two differ until what has begun or ended is settled.
        managed: whether a payment provider manages it.
        grants: what was given by hand and is in force or to come.
        unsettled: all that was given by hand and is not taken back yet.
        now: the moment that all this is true at.
    """

    subscription: Subscription | None
    written: Subscription | None
    managed: bool
    grants: Sequence[Grant]
    unsettled: Sequence[Grant]
    now: datetime

    @property
    def live(self) -> list[Grant]:
        """What was given by hand and is in force."""
        return [grant for grant in self.grants if grant.is_live(self.now)]

    @property
    def follows(self) -> str | None:
        """The plan that comes back when the one given ends; None where none was given for a while.

        A given plan that is not settled yet does not know.
        """
        grant = self.plan_grant
        if grant is None or grant.ends is None:
            return None
        wanted = plan_wanted(self.written, self.unsettled, grant.ends)
        if isinstance(wanted, Grant):
            return wanted.offer_name
        return None if wanted is None else wanted.plan or _("no plan")

    @property
    def plan_grant(self) -> Grant | None:
        """By which grant the user has the plan; None where it was not given by hand."""
        held = self.subscription and self.subscription.plan_key
        if self.managed or held is None:
            return None
        plans = [g for g in self.live if g.kind == "plan" and g.offer_key == held]
        return plans[-1] if plans else None


def standing_of(directory: Directory, user: UserDetails) -> Standing:
    """Read what a user has. Without grants it costs no more than the host's own billing does."""
    billing, now = directory.billing, directory.now()
    if billing is None:
        return Standing(
            subscription=None, written=None, managed=False, grants=(), unsettled=(), now=now
        )
    written = _in_utc(billing.subscription(user.record))
    by_hand = directory.by_hand
    grants = Grants(directory).of(user.key) if by_hand else []
    managed = bool(by_hand and by_hand.managed(user.record))
    subscription = written
    if by_hand and not managed and grants:
        offers: Mapping[tuple[str, str], Offer] = {}
        if any(grant.is_due(now) for grant in grants):
            offers = {(o.kind, o.key): o for o in by_hand.offers(directory.platform)}
        subscription = _with_add_ons(_with_plan(written, grants, offers, now), grants, offers, now)
    return Standing(
        subscription=subscription,
        written=written,
        managed=managed,
        grants=[g for g in grants if not g.is_over(now) and not is_gone(g, written, now)],
        unsettled=grants,
        now=now,
    )


def _in_utc(found: Subscription | None) -> Subscription | None:
    if found is None:
        return None
    return replace(found, renews=as_utc(found.renews), ends=as_utc(found.ends))


def plan_wanted(
    written: Subscription | None, grants: Sequence[Grant], now: datetime
) -> Grant | Before | None:
    """Return what the host's tables should say instead; None if they are right.

    Of several plans given, the one that began last counts. Whoever changed the plan since it was
    given (the user, the product) is not overruled when it ends.
    """
    plans = [grant for grant in grants if grant.kind == "plan"]
    given = [grant for grant in plans if grant.state == GIVEN]
    if given and is_gone(given[-1], written, now):
        given = []
    last = given[-1] if given else None
    live = [g for g in plans if g.is_live(now) and (g.state == SCHEDULED or g in given)]
    if live:
        return None if live[-1] is last else live[-1]
    return last and (last.before or Before())


def is_gone(grant: Grant, written: Subscription | None, now: datetime) -> bool:
    """Say whether a plan that was given is not what the host's tables say any more.

    A host may well tell of no subscription once the end of what was given has come.
    """
    if grant.kind != "plan" or grant.state != GIVEN:
        return False
    if written is None:
        return not grant.is_over(now)
    return written.plan_key != grant.offer_key


def _with_plan(
    written: Subscription | None,
    grants: Sequence[Grant],
    offers: Mapping[tuple[str, str], Offer],
    now: datetime,
) -> Subscription | None:
    wanted = plan_wanted(written, grants, now)
    add_ons = () if written is None else written.add_ons
    found = written
    if isinstance(wanted, Grant):
        offer = offers.get(("plan", wanted.offer_key)) or Offer(
            kind="plan", key=wanted.offer_key, name=wanted.offer_name
        )
        found = replace(subscribed(offer, add_ons), ends=wanted.ends)
    elif isinstance(wanted, Before):
        if wanted.plan_key is None:
            return None
        offer = offers.get(("plan", wanted.plan_key)) or Offer(
            kind="plan", key=wanted.plan_key, name=wanted.plan
        )
        found = replace(
            subscribed(offer, add_ons),
            price=wanted.price or offer.price,
            renews=wanted.renews,
            ends=wanted.ends,
        )
    live = [g for g in grants if g.kind == "plan" and g.is_live(now)]
    if found is not None and live and live[-1].offer_key == found.plan_key and live[-1].price:
        found = replace(found, price=live[-1].price)
    return found


def subscribed(offer: Offer, add_ons: Sequence[AddOn] = ()) -> Subscription:
    """Return the subscription to a plan."""
    return Subscription(
        plan=offer.name,
        price=offer.price,
        interval=offer.interval,
        add_ons=add_ons,
        plan_key=offer.key,
        limits=offer.limits,
        features=offer.features,
    )


def _with_add_ons(
    found: Subscription | None,
    grants: Sequence[Grant],
    offers: Mapping[tuple[str, str], Offer],
    now: datetime,
) -> Subscription | None:
    if found is None:
        return None
    for grant in grants:
        if grant.kind == "add_on" and grant.is_due(now):
            begun = grant.state == SCHEDULED and grant.is_live(now)
            step = 1 if begun else -1 if grant.state == GIVEN else 0
            offer = offers.get(("add_on", grant.offer_key)) or Offer(
                kind="add_on", key=grant.offer_key, name=grant.offer_name
            )
            found = changed_by(found, offer, step)
    return found


def changed_by(subscription: Subscription, offer: Offer, step: int) -> Subscription:
    """Return a subscription with one more or one less of an add-on."""
    add_ons = [
        replace(add_on, quantity=add_on.quantity + step) if add_on.key == offer.key else add_on
        for add_on in subscription.add_ons
    ]
    if step > 0 and all(add_on.key != offer.key for add_on in add_ons):
        add_ons.append(
            AddOn(
                name=offer.name,
                price=offer.price,
                key=offer.key,
                limits=offer.limits,
                features=offer.features,
            )
        )
    return replace(subscription, add_ons=[add_on for add_on in add_ons if add_on.quantity > 0])


def in_words(standing: Standing) -> dict[str, str]:
    """Return what a user has as facts of an action; what changes by itself is left out."""
    subscription, grant = standing.subscription, standing.plan_grant
    plan, add_ons = "", ""
    if subscription is not None:
        plan = on_terms(subscription.plan, grant) if grant else subscription.plan
        add_ons = ", ".join(
            [
                *(f"{a.name} × {a.quantity}" for a in subscription.add_ons),
                *(
                    on_terms(_("one %(offer)s given", offer=g.offer_name), g)
                    for g in standing.live
                    if g.kind == "add_on" and (g.ends or g.price)
                ),
            ]
        )
    to_come = ", ".join(
        on_terms(_("%(offer)s from %(moment)s", offer=g.offer_name, moment=stamp(g.starts)), g)
        for g in standing.grants
        if g.starts > standing.now
    )
    return {_("Plan"): plan, _("Add-ons"): add_ons, _("To come"): to_come}


def on_terms(offer: str, grant: Grant) -> str:
    """Return what was given with what was agreed on: ``Pro for 9.00 EUR until …``."""
    price = grant.price and money(grant.price)
    until = grant.ends and stamp(grant.ends)
    if price and until:
        return _("%(offer)s for %(price)s until %(moment)s", offer=offer, price=price, moment=until)
    if until:
        return _("%(offer)s until %(moment)s", offer=offer, moment=until)
    return _("%(offer)s for %(price)s", offer=offer, price=price) if price else offer


# Limits and features


@dataclass(frozen=True, kw_only=True)
class Source:
    """Why a user has something.

    Attributes:
        what: the plan or the add-on.
        amount: what it gives of a limit, in words; empty for a feature.
        grant: by which it was given; None where it was not given by hand.
    """

    what: str
    amount: str
    grant: Grant | None


@dataclass(frozen=True, kw_only=True)
class Entitlement:
    """A limit or a feature, and why a user has it.

    Attributes:
        name: the name of the limit; None for a feature.
        used: how many there are; None for a feature.
        limit: how many there may be; None for a feature, and where there is no limit.
    """

    title: str
    used: int | None
    limit: int | None
    name: str | None = None
    sources: Sequence[Source]

    @property
    def over(self) -> bool:
        """Whether there are more than may be."""
        return self.used is not None and self.limit is not None and self.used > self.limit


def limits_of(subscription: Subscription | None) -> dict[str, int | None]:
    """Return the limits of a plan with what its add-ons raise them by."""
    if subscription is None:
        return {}
    limits: dict[str, int | None] = dict(subscription.limits)
    for add_on in subscription.add_ons:
        for name, more in add_on.limits.items():
            so_far = limits.get(name, 0)
            limits[name] = None if so_far is None else so_far + (more or 0) * add_on.quantity
    return limits


def features_of(subscription: Subscription | None) -> list[str]:
    """Return what a plan and its add-ons include."""
    if subscription is None:
        return []
    parts = (subscription.features, *(add_on.features for add_on in subscription.add_ons))
    return list(dict.fromkeys(feature for part in parts for feature in part))


def used_by(user: UserDetails, usage: Mapping[str, int]) -> dict[str, int]:
    """Return how many a user has of whatever may be limited, by the limit's name."""
    return {**usage, **user.channels, "channels": user.total_channels}


def title_of(mapping: Bound, limit: str) -> str:
    """Return what people call a limit."""
    if limit == "channels":
        return _("Channels")
    for count in mapping.channels:
        if count.name == limit:
            return channels(count.title)
    for count in mapping.usage:
        if count.name == limit:
            return count.title
    return readable(limit)


def entitlements(mapping: Bound, standing: Standing, used: Mapping[str, int]) -> list[Entitlement]:
    """Answer why a user has what they have: each limit and feature with its sources."""
    subscription = standing.subscription
    if subscription is None:
        return []
    parts = list(_parts(subscription, standing))
    found = [
        Entitlement(
            title=title_of(mapping, name),
            used=used.get(name),
            limit=limit,
            name=name,
            sources=[
                Source(what=what, amount=_amount(limits[name], plan=i == 0), grant=grant)
                for i, (what, limits, _, grant) in enumerate(parts)
                if name in limits
            ],
        )
        for name, limit in limits_of(subscription).items()
    ]
    found += [
        Entitlement(
            title=feature,
            used=None,
            limit=None,
            sources=[
                Source(what=what, amount="", grant=grant)
                for what, _, features, grant in parts
                if feature in features
            ],
        )
        for feature in dict.fromkeys(feature for part in parts for feature in part[2])
    ]
    return found


def _parts(
    subscription: Subscription, standing: Standing
) -> Iterator[tuple[str, Limits, Sequence[str], Grant | None]]:
    """Yield the plan, then each add-on: what was given by hand one by one, the rest together.

    An add-on that says nothing of what it includes is a feature itself.
    """
    yield subscription.plan, subscription.limits, subscription.features, standing.plan_grant
    for add_on in subscription.add_ons:
        features = add_on.features or (() if add_on.limits else (add_on.name,))
        given = [g for g in standing.live if g.kind == "add_on" and g.offer_key == add_on.key][
            : add_on.quantity
        ]
        for grant in given:
            yield add_on.name, add_on.limits, features, grant
        rest = add_on.quantity - len(given)
        if rest:
            limits = {n: None if v is None else v * rest for n, v in add_on.limits.items()}
            name = add_on.name if rest == 1 else f"{add_on.name} × {rest}"
            yield name, limits, features, None


def _amount(value: int | None, *, plan: bool) -> str:
    if value is None:
        return _("unlimited")
    return number(value) if plan else f"+{number(value)}"
