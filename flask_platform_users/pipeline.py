"""The one way of every change: lock, load, check, validate, perform, record, commit, tell.

The page, and whatever door comes after it, run the same actions through ``Pipeline.run``. It owns
the transaction: it begins with a rollback of whatever the session was reading, and ends with a
commit or with nothing changed at all.
"""

import contextlib
import hashlib
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from functools import partial
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.orm.exc import ObjectDeletedError

from .actions.action import Action, Impact, Unit
from .audit import FAILED, REFUSED, Chain, Entry, Keys
from .directory import Directory
from .errors import (
    ForbiddenError,
    HookError,
    InvalidError,
    NotFoundError,
    RefusedError,
    ReusedError,
    StaleError,
)
from .formatting import STATUS_LABELS, stamp
from .guard import guarded, tell
from .policy import Policy
from .results import Population, UserDetails
from .signals import action_done
from .transaction import begin, retried

log = logging.getLogger(__name__)

SYSTEM: Any = None
"""The actor of what ends by itself."""

REFUSALS_KEPT = 20
REFUSALS_KEPT_A_DAY = 200
"""How many refusals of one person the history takes within a minute, and within a day."""


@dataclass(frozen=True, kw_only=True)
class Order:
    """What somebody wants done.

    Attributes:
        action: the action.
        key: the text of the user's key.
        data: the form as it was sent.
        seen: what the person saw of the user when the form was opened; None leaves that unchecked,
            for programs that looked at nothing.
        request_id: the same for a request that is sent twice; see ``request_id``.
        address: where the request came from.
    """

    action: Action
    key: str
    data: Any = None
    seen: Mapping[str, str] | None = None
    request_id: str | None = None
    address: str = ""


@dataclass(frozen=True, kw_only=True)
class Result:
    """What became of an order.

    Attributes:
        outcome: done now, done before by the same request, or nothing to do.
        seq: the number of the event; None where nothing was to do.
        user: the user as they are now, deleted or not; None where they are gone.
        unit: what the action worked with; None where it was not done now.
    """

    outcome: Literal["done", "repeated", "unchanged"]
    seq: int | None
    user: UserDetails | None
    unit: Unit | None = None


@dataclass(frozen=True, kw_only=True)
class Prompt:
    """What a form shows before anything is done.

    Attributes:
        valid: whether the form could be done as it is filled in.
    """

    user: UserDetails
    form: Any
    valid: bool
    question: str
    impact: Sequence[Impact]
    seen: dict[str, str]


class Pipeline:
    """Runs actions for one person on one platform.

    Args:
        directory: reads the platform.
        policy: the host's rules.
        actor: the host's object for the person, or ``SYSTEM``, whom no rule holds back.
        keys: what events are signed with.
        impact: the host's own lines of what an action means.
        zone: the time zone in which the person types moments.
    """

    def __init__(
        self,
        directory: Directory,
        policy: Policy,
        actor: Any,
        keys: Keys,
        impact: Callable[[Any, Action], Sequence[Impact]] | None = None,
        zone: tzinfo = UTC,
    ) -> None:
        self.directory = directory
        self.policy = policy
        self.actor = actor
        self.impact = impact
        self.zone = zone
        self.session: Any = directory.session
        self.chain = Chain(
            directory.mapping.tables,
            directory.session,
            directory.platform,
            keys,
            directory.mapping.bind,
        )

    @property
    def actor_id(self) -> str | None:
        """By what the history knows the person; None for the system."""
        if self.actor is SYSTEM:
            return None
        with guarded(self.session, "Policy.id_of"):
            return self.policy.id_of(self.actor)

    @property
    def actor_name(self) -> str:
        """What the history calls the person; empty for the system."""
        if self.actor is SYSTEM:
            return ""
        with guarded(self.session, "Policy.name_of"):
            return self.policy.name_of(self.actor)

    def prompt(self, action: Action, key: str, data: Any = None, *, sent: bool = False) -> Prompt:
        """Return what the form of an action shows. Nothing is locked, nothing is written.

        Args:
            action: the action.
            key: the text of the user's key.
            data: what the form is to be filled with.
            sent: whether a person sent that, so that what is wrong with it is to be told.

        Raises:
            NotFoundError: no such user on this platform.
            RefusedError: it cannot be done to this user, by this person, or now.
        """
        unit = self._load(action, key)
        self._check(action, unit)
        valid = self._fill_in(action, unit, data, check=sent) and (sent or unit.form is None)
        return Prompt(
            user=unit.user,
            form=unit.form,
            valid=valid,
            question=action.question(unit.user),
            impact=self._impact(action, unit),
            seen=self._facts(action, unit),
        )

    def run(self, order: Order) -> Result:
        """Do what was ordered, and record it.

        Raises:
            NotFoundError: no such user on this platform.
            ForbiddenError: this person may not do this to that user.
            StaleError: the user changed since the form was opened.
            ReusedError: its id was sent before, with another request.
            InvalidError: the form was not filled in right.
            RefusedError: it cannot be done now.
            HookError: code of the host did what it must not.
        """
        try:
            result = retried(self.session, lambda: self._attempt(order))
        except (NotFoundError, InvalidError, ReusedError, StaleError):
            self.session.rollback()
            raise
        except RefusedError as error:
            self._record_failure(order, REFUSED, error.sentence)
            raise
        except HookError as error:
            log.exception("%s", error)
            self._record_failure(order, FAILED, str(error))
            raise
        except BaseException:
            self.session.rollback()
            raise
        if result.unit is not None:
            self._tell(order, result.unit)
        return result

    def refuse(self, order: Order, sentence: str) -> None:
        """Record that a form was refused before anybody looked at what it asks for."""
        self._record_failure(order, REFUSED, sentence)

    def _attempt(self, order: Order) -> Result:
        action = order.action
        begin(self.chain)
        if order.request_id and (earlier := self.chain.find(order.request_id)):
            if earlier.request_id != order.request_id:
                raise ReusedError("This request's id was sent before, with another request.")
            found = self._present_or_deleted(order.key)
            self.session.rollback()
            return Result(
                outcome="repeated", seq=earlier.seq, user=None if found is None else found.user
            )
        unit = self._load(action, order.key, lock=True)
        self._check(action, unit)
        seen, before = order.seen, self._facts(action, unit)
        if seen is not None and seen != before:
            raise StaleError(
                " ".join(_differences(seen, before))
                if seen
                else "What was sent does not say what you saw of this user. Look at the form as it "
                "is now, and send it again.",
                _changes(seen, before),
            )
        valid = self._fill_in(action, unit, order.data)
        for line in self._impact(action, unit):
            if line.forbids:
                raise RefusedError(f"{line.what}: this forbids it.")
        if not valid:
            raise InvalidError(unit.form)
        owner = self._runs_platform(unit.user.record)
        with self._hook(action, "perform"):
            changed = action.perform(unit)
            self.session.flush()
        if changed is False:
            self.session.rollback()
            return Result(outcome="unchanged", seq=None, user=unit.user)
        if owner:
            with guarded(self.session, "Policy.has_owner"):
                left = self.policy.has_owner(self.directory.platform)
            if not left:
                raise RefusedError("This would leave the platform without an owner.")
        after = self._after(unit)
        changes = {} if after is None else _changes(before, self._facts(action, after))
        changes |= action.recorded(unit)
        entry = Entry(
            action=action.name,
            actor=unit.actor_id,
            actor_name=unit.actor_name,
            user_key=unit.user.key,
            user_name=unit.user.name,
            changes=changes,
            reason=action.reason(unit),
            request_id=order.request_id,
            address=order.address,
        )
        seq = self.chain.append(entry, unit.now)
        self.session.commit()
        user = None if after is None else after.user
        return Result(outcome="done", seq=seq, user=user, unit=unit)

    def _load(self, action: Action, key: str, *, lock: bool = False) -> Unit:
        """Read the actor's rights and the user again, now that nobody else changes them."""
        try:
            if self.actor is not SYSTEM and not self._runs(self.actor):
                raise ForbiddenError("You do not run this platform any more.")
            if lock:
                self.directory.lock(key)
            directory = self.directory.among(action.among)
            user = directory.user(key)
            if self.actor is not SYSTEM and not self._allows(action, user):
                raise ForbiddenError(f"You may not do this: {action.label.lower()}.")
        except ObjectDeletedError as error:
            raise ForbiddenError("Your account is gone.") from error
        return self._unit(directory, user)

    def _runs(self, person: Any) -> bool:
        with guarded(self.session, "Policy.platform_of"):
            runs: bool = self.policy.platform_of(person) == self.directory.platform
        return runs

    def _allows(self, action: Action, user: UserDetails) -> bool:
        with guarded(self.session, "Policy.allows"):
            return self.policy.allows(self.actor, action.name, user.record)

    def _hook(self, action: Action, method: str) -> AbstractContextManager[None]:
        """Guard a method of an action, which may be the host's."""
        return guarded(self.session, f"{type(action).__name__}.{method}")

    def _fill_in(self, action: Action, unit: Unit, data: Any, *, check: bool = True) -> bool:
        """Give the unit its form; say whether it is filled in right, if that is to be checked."""
        with self._hook(action, "build_form"):
            unit.form = action.build_form(unit, data)
            return unit.form is None or not check or unit.form.validate()

    def _unit(self, directory: Directory, user: UserDetails) -> Unit:
        return Unit(
            actor=self.actor,
            user=user,
            form=None,
            directory=directory,
            actor_id=self.actor_id,
            actor_name=self.actor_name,
            policy=self.policy,
            zone=self.zone,
        )

    def _facts(self, action: Action, unit: Unit) -> dict[str, str]:
        with self._hook(action, "facts"):
            return facts(unit.user) | dict(action.facts(unit))

    def _check(self, action: Action, unit: Unit) -> None:
        """Refuse oneself, the equal and the stronger, and what the user's state forbids."""
        if self.actor is not SYSTEM:
            self._check_rank(unit)
        with self._hook(action, "refusal"):
            refusal = action.refusal(unit)
        if refusal:
            raise RefusedError(refusal)

    def _check_rank(self, unit: Unit) -> None:
        own_key = self.directory.key_of_person(self.actor)
        if own_key is not None:
            if own_key == str(unit.user.key):
                raise ForbiddenError("You cannot do this to yourself.")
            if self.directory.is_shut_out(own_key):
                raise ForbiddenError("Your own account is blocked.")
        with guarded(self.session, "Policy.outranks"):
            outranks = self.policy.outranks(self.actor, unit.user.record)
        if not outranks:
            raise ForbiddenError(f"{unit.user.name} helps to run this platform, as you do.")

    def _runs_platform(self, record: Any) -> bool:
        return (
            self.actor is not SYSTEM and isinstance(record, type(self.actor)) and self._runs(record)
        )

    def _impact(self, action: Action, unit: Unit) -> list[Impact]:
        with self._hook(action, "impact"):
            lines = list(action.impact(unit))
        if self.impact is not None:
            with guarded(self.session, "PlatformUsers(impact=...)"):
                lines += self.impact(unit.user.record, action)
        return lines

    def _after(self, unit: Unit) -> Unit | None:
        self.session.expire_all()
        return self._present_or_deleted(str(unit.user.key))

    def _present_or_deleted(self, key: str) -> Unit | None:
        populations: tuple[Population, ...] = ("present", "deleted")
        for population in populations:
            directory = self.directory.among(population)
            with contextlib.suppress(NotFoundError):
                return self._unit(directory, directory.user(key))
        return None

    def _record_failure(self, order: Order, outcome: str, sentence: str) -> None:
        """Record, in a transaction of its own, that something was not done."""
        try:
            begin(self.chain)
            now = self.directory.now()
            if not self._refused_enough(now):
                user = self._meant(order)
                entry = Entry(
                    action=order.action.name,
                    outcome=outcome,
                    actor=self.actor_id,
                    actor_name=self.actor_name,
                    user_key=None if user is None else user.key,
                    user_name="" if user is None else user.name,
                    reason=sentence,
                    address=order.address,
                )
                self.chain.append(entry, now)
                self.session.commit()
        except Exception:
            log.exception("What was not done could not be recorded")
        finally:
            self.session.rollback()

    def _meant(self, order: Order) -> UserDetails | None:
        with contextlib.suppress(NotFoundError):
            return self.directory.among(order.action.among).user(order.key)
        return None

    def _refused_enough(self, now: datetime) -> bool:
        """Say whether this person was refused so often lately that no more of it is kept.

        It looks at the platform's last entries only, so that it costs the same always.
        """
        event = self.directory.mapping.tables.event.c
        seq, _ = self.chain.head()
        lately = sa.case((event.at > now - timedelta(minutes=1), 1))
        statement = sa.select(sa.func.count(lately), sa.func.count()).where(
            event.platform_key == self.directory.platform,
            event.seq > seq - 10 * REFUSALS_KEPT_A_DAY,
            event.actor == self.actor_id,
            event.outcome != "done",
            event.at > now - timedelta(days=1),
        )
        minute, day = self.session.execute(
            statement, bind_arguments=self.directory.mapping.bind
        ).one()
        return bool(minute >= REFUSALS_KEPT or day >= REFUSALS_KEPT_A_DAY)

    def _tell(self, order: Order, unit: Unit) -> None:
        """Tell those who wait for it, now that the change is certain."""
        revoked = self.directory.mapping.on_sessions_revoked
        if unit.signed_out and revoked is not None:
            tell(revoked, unit.user)
        tell(order.action.committed, unit)
        tell(partial(action_done.send, order.action, unit=unit))


def request_id(nonce: str, actor_id: str | None, asked: Any) -> str:
    """Return the id of a request: what the person calls it, and a digest of what it asks for."""
    halves = ([nonce, actor_id], asked)
    return "".join(hashlib.sha256(json.dumps(h).encode()).hexdigest()[:32] for h in halves)


def facts(user: UserDetails) -> dict[str, str]:
    """Return, in words, what the actions depend on and what they change."""
    return {
        "Status": STATUS_LABELS[user.status],
        "Blocked until": stamp(user.blocked_until) if user.blocked_until else "",
        "Role": ", ".join(user.roles),
        "Deleted": f"restorable until {stamp(user.purge_at)}" if user.purge_at else "",
    }


def _changes(was: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    return {
        name: (was.get(name, ""), now.get(name, ""))
        for name in dict.fromkeys((*was, *now))
        if was.get(name, "") != now.get(name, "")
    }


def _differences(seen: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [
        f"{name} was “{seen.get(name) or 'none'}” when you opened this form and is "
        f"“{now.get(name) or 'none'}” now."
        for name in dict.fromkeys((*seen, *now))
        if seen.get(name) != now.get(name)
    ]
