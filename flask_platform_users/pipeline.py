"""The one way of every change: lock, load, check, validate, perform, record, commit, tell.

The page, and whatever door comes after it, run the same actions through ``Pipeline.run``. It owns
the transaction: it begins with a rollback of whatever the session was reading, and ends with a
commit or with nothing changed at all.
"""

import functools
import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from typing import Any

from sqlalchemy.orm.exc import ObjectDeletedError

from .actions.action import Action, Impact, Unit
from .arrays import insert_all
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
from .guard import Watch, guarded, real, tell
from .i18n import _, again, english, joined
from .orders import Order, Prompt, Result
from .policy import Policy, name_of
from .refusals import Refusals
from .results import UserDetails, facts
from .rights import SYSTEM, Rights
from .signals import action_done
from .states import States
from .transaction import begin, retried

log = logging.getLogger(__name__)

Outcome = Result | NotFoundError | RefusedError
"""What became of an order."""


@dataclass(frozen=True)
class Work:
    """An order that can be done: everything was checked."""

    order: Order
    unit: Unit
    before: dict[str, str]
    impact: Sequence[Impact]
    owner: bool


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
        self.rights = Rights(directory, policy, actor)
        self.impact = impact
        self.zone = zone
        self.session = real(directory.session)
        self.chain = Chain(
            directory.mapping.tables,
            directory.session,
            directory.platform,
            keys,
            directory.mapping.bind,
        )

    @functools.cached_property
    def actor_id(self) -> str | None:
        """By what the history knows the person; None for the system."""
        if self.actor is SYSTEM:
            return None
        with guarded(self.session, "Policy.id_of"):
            return self.policy.id_of(self.actor)

    @functools.cached_property
    def actor_name(self) -> str:
        """What the history calls the person; empty for the system."""
        if self.actor is SYSTEM:
            return ""
        with guarded(self.session, "Policy.name_of"):
            return name_of(self.actor, self.policy, self.directory.mapping.users)

    def prompt(
        self, action: Action, key: str, data: Any = None, *, sent: bool = False, many: int = 1
    ) -> Prompt:
        """Return what the form of an action shows. Nothing is locked, nothing is written.

        Args:
            action: the action.
            key: the text of the user's key.
            data: what the form is to be filled with.
            sent: whether a person sent that, so that what is wrong with it is to be told.
            many: to how many users it is to be done together; this is one of them.

        Raises:
            NotFoundError: no such user on this platform.
            RefusedError: it cannot be done to this user, by this person, or now.
        """
        unit = self._load(action, [key]).get(key)
        if unit is None:
            raise NotFoundError(key)
        unit.many = many
        self._check(action, unit)
        valid = self._fill_in(action, unit, data, check=sent) and (sent or unit.form is None)
        with self._hook(action, "stands_after"):
            stands = action.stands_after(unit)
        return Prompt(
            user=unit.user,
            form=unit.form,
            valid=valid,
            question=action.question(unit.user),
            impact=self._impact(action, unit),
            seen=self._facts(action, unit),
            stands=stands,
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
            (result,) = self.run_all([order])
        except (NotFoundError, InvalidError, ReusedError, StaleError):
            raise
        except RefusedError as error:
            self.refuse(order, error.sentence)
            raise
        except HookError as error:
            log.exception("%s", error)
            self._refusals.record(order, FAILED, str(error))
            raise
        assert isinstance(result, Result)  # noqa: S101  (what went wrong was raised)
        return result

    def run_all(
        self,
        orders: Sequence[Order],
        *,
        each: bool = False,
        then: Callable[[Sequence[Outcome]], None] | None = None,
    ) -> list[Outcome]:
        """Do one action to several users in one transaction, and record each of them.

        Args:
            orders: of one action, each for another user.
            each: whether those who cannot be done are left out, each with its error in the result;
                otherwise the first of them is raised, and nothing is done.
            then: called with the results inside the transaction, before its commit.

        Returns:
            what became of each order, in their order.

        Raises:
            HookError: code of the host did what it must not, with ``each`` too: then the users
                have to be done one by one.
        """
        try:
            results = retried(self.session, lambda: self._attempt(orders, each, then))
        except BaseException:
            self.session.rollback()
            raise
        for order, result in zip(orders, results, strict=True):
            if isinstance(result, Result) and result.unit is not None:
                self._tell(order, result.unit)
        return results

    def preview(self, orders: Sequence[Order]) -> tuple[list[Outcome], list[Impact]]:
        """Do one action to several users and take it back; return what would become of each.

        Nothing is recorded and nobody is told. The impact is the sum over those who would change.
        """

        def attempt() -> tuple[list[Outcome], list[Impact]]:
            begin(self.chain)
            results: dict[str, Outcome] = {}
            with Watch(self.session):
                work = self._perform(orders[0].action, orders, True, results)
            for item in work:
                done = Result(outcome="done", seq=None, user=item.unit.user)
                results[item.order.key] = done
            impact = summed(line for item in work for line in item.impact)
            self.session.rollback()
            return [results[order.key] for order in orders], impact

        try:
            return retried(self.session, attempt)
        finally:
            self.session.rollback()

    def refuse(self, order: Order, sentence: str) -> None:
        """Record that something was not done, such as a form refused before it was looked at."""
        self._refusals.record(order, REFUSED, sentence)

    @property
    def _refusals(self) -> Refusals:
        def person() -> tuple[str | None, str]:
            return self.actor_id, self.actor_name

        return Refusals(self.directory, self.chain, self.session, person)

    def _attempt(
        self,
        orders: Sequence[Order],
        each: bool,
        then: Callable[[Sequence[Outcome]], None] | None,
    ) -> list[Outcome]:
        begin(self.chain)
        with Watch(self.session):
            found, changed = self._work(orders, each)
            results = [found[order.key] for order in orders]
            if then is not None:
                then(results)
        if changed or then is not None:
            self.session.commit()
        else:
            self.session.rollback()
        return results

    def _work(self, orders: Sequence[Order], each: bool) -> tuple[dict[str, Outcome], bool]:
        """Do what was ordered, short of the commit; say whether anything was changed."""
        action, results = orders[0].action, self._repeated(orders)
        fresh = [order for order in orders if order.key not in results]
        work = self._perform(action, fresh, each, results)
        if not work:
            return results, False
        results.update(self._record(action, work))
        return results, True

    def _perform(
        self, action: Action, orders: Sequence[Order], each: bool, results: dict[str, Outcome]
    ) -> list[Work]:
        """Do what can be done, and return it; what became of the others goes into ``results``."""
        units = self._load(action, [order.key for order in orders], lock=True)
        work: list[Work] = []
        forms: dict[int, Any] = {}
        for order in orders:
            try:
                item = self._prepare(order, units.get(order.key), forms)
            except (NotFoundError, RefusedError) as error:
                if not each:
                    raise
                results[order.key] = error
                continue
            with self._hook(action, "perform"):
                changed = action.perform(item.unit)
            if changed is False:
                unchanged = Result(outcome="unchanged", seq=None, user=item.unit.user)
                results[order.key] = unchanged
            else:
                work.append(item)
        if work:
            with self._hook(action, "perform"):
                work[0].unit.flush()
            if any(item.owner for item in work):
                self.rights.check_owner_left()
        return work

    def _repeated(self, orders: Sequence[Order]) -> dict[str, Outcome]:
        """Return what was done already, by the same request."""
        known = self.chain.find([order.request_id for order in orders if order.request_id])
        for order in orders:
            if order.once and order.request_id and order.request_id not in known:
                self._refuse_reused(order.request_id)
        again = {o.key: known[o.request_id] for o in orders if o.request_id in known}
        users = self._now(list(again)) if again else {}
        return {
            key: Result(outcome="repeated", seq=seq, user=users.get(key))
            for key, seq in again.items()
        }

    def _refuse_reused(self, request_id: str) -> None:
        if self.chain.is_reused(request_id):
            raise ReusedError(_("This request's id was sent before, with another request."))

    def _prepare(self, order: Order, unit: Unit | None, forms: dict[int, Any]) -> Work:
        """Check everything there is to check, now that nobody else changes the user."""
        action = order.action
        if unit is None:
            raise NotFoundError(order.key)
        unit.many = order.many
        self._check(action, unit)
        seen, before = order.seen, self._facts(action, unit)
        if seen is not None and seen != before:
            raise StaleError(
                joined(" ", _differences(seen, before))
                if seen
                else _(
                    "What was sent does not say what you saw of this user. Look at the form as it "
                    "is now, and send it again."
                ),
                _changes(seen, before),
            )
        valid = self._fill_in_once(order, unit, forms)
        impact = self._impact(action, unit)
        for line in impact:
            if line.forbids:
                raise RefusedError(_("%(what)s: this forbids it.", what=line.what))
        if not valid:
            raise InvalidError(unit.form)
        return Work(order, unit, before, impact, self.rights.is_owner(unit.user.record))

    def _record(self, action: Action, work: Sequence[Work]) -> dict[str, Outcome]:
        self.session.expire_all()
        users = self._now([item.order.key for item in work])
        states = States(self.directory, [user.key for user in users.values()])
        with english():
            entries = [
                self._entry(action, item, users.get(item.order.key), states) for item in work
            ]
        numbers = self.chain.extend(entries, self.directory.now())
        self._keep_for_undo(work, numbers)
        return {
            item.order.key: Result(
                outcome="done", seq=seq, user=users.get(item.order.key), unit=item.unit
            )
            for item, seq in zip(work, numbers, strict=True)
        }

    def _entry(self, action: Action, item: Work, user: UserDetails | None, states: States) -> Entry:
        unit, changes = item.unit, {}
        if user is not None:
            now = self._facts(action, self._unit(self._where(user), user, states))
            changes = _changes(item.before, now)
        with self._hook(action, "recorded"):
            changes |= action.recorded(unit)
        with self._hook(action, "reason"):
            reason = str(action.reason(unit))
        return Entry(
            action=action.name,
            actor=unit.actor_id,
            actor_name=unit.actor_name,
            user_key=unit.user.key,
            user_name=unit.user.name,
            changes=changes,
            reason=reason,
            request_id=item.order.request_id,
            address=item.order.address,
        )

    def _keep_for_undo(self, work: Sequence[Work], numbers: Sequence[int]) -> None:
        rows = [
            {
                "platform_key": self.directory.platform,
                "seq": seq,
                "user_key": item.unit.user.key,
                "data": json.dumps(item.unit.undo),
            }
            for item, seq in zip(work, numbers, strict=True)
            if item.unit.undo is not None
        ]
        mapping = self.directory.mapping
        insert_all(self.session, mapping.tables.undo, rows, mapping.bind)

    def _load(self, action: Action, keys: Sequence[str], *, lock: bool = False) -> dict[str, Unit]:
        """Read the actor's rights and the users again, now that nobody else changes them."""
        try:
            self.rights.check_actor()
            if lock:
                self.directory.lock(keys)
            directory = self.directory.among(action.among)
            users = directory.users(keys)
        except ObjectDeletedError as error:
            raise ForbiddenError(_("Your account is gone.")) from error
        states = States(directory, [user.key for user in users.values()])
        return {key: self._unit(directory, user, states) for key, user in users.items()}

    def _hook(self, action: Action, method: str) -> AbstractContextManager[None]:
        """Guard a method of an action, which may be the host's."""
        return guarded(self.session, f"{type(action).__name__}.{method}")

    def _fill_in(self, action: Action, unit: Unit, data: Any, *, check: bool = True) -> bool:
        """Give the unit its form; say whether it is filled in right, if that is to be checked."""
        with self._hook(action, "build_form"):
            unit.form = action.build_form(unit, data)
            return unit.form is None or not check or unit.form.validate()

    def _fill_in_once(self, order: Order, unit: Unit, forms: dict[int, Any]) -> bool:
        """Fill in the form; once for all users where it is the same for all of them."""
        shared = order.many > 1 and order.action.same_form
        if shared and id(order.data) in forms:
            unit.form = forms[id(order.data)]
            return True
        valid = self._fill_in(order.action, unit, order.data)
        if shared and valid:
            forms[id(order.data)] = unit.form
        return valid

    def _unit(self, directory: Directory, user: UserDetails, states: States) -> Unit:
        return Unit(
            actor=self.actor,
            user=user,
            form=None,
            directory=directory,
            states=states,
            actor_id=self.actor_id,
            actor_name=self.actor_name,
            policy=self.policy,
            zone=self.zone,
        )

    def _facts(self, action: Action, unit: Unit) -> dict[str, str]:
        with self._hook(action, "facts"), english():
            found = facts(unit.user) | dict(action.facts(unit))
            return {str(name): str(value) for name, value in found.items()}

    def _check(self, action: Action, unit: Unit) -> None:
        """Refuse what this person may not do to the user, and what cannot be done."""
        self.rights.check(action, unit.user)
        with self._hook(action, "refusal"):
            refusal = action.refusal(unit)
        if refusal:
            raise RefusedError(refusal)

    def _impact(self, action: Action, unit: Unit) -> list[Impact]:
        with self._hook(action, "impact"):
            lines = list(action.impact(unit))
        if self.impact is not None:
            with guarded(self.session, "PlatformUsers(impact=...)"):
                lines += self.impact(unit.user.record, action)
        return lines

    def _now(self, keys: Sequence[str]) -> dict[str, UserDetails]:
        """Return users as they are now, deleted or not, without those who are gone."""
        present = self.directory.among("present").users(keys)
        gone = [key for key in keys if key not in present]
        return present | (self.directory.among("deleted").users(gone) if gone else {})

    def _where(self, user: UserDetails) -> Directory:
        return self.directory.among(user.population)

    def _tell(self, order: Order, unit: Unit) -> None:
        """Tell those who wait for it, now that the change is certain."""
        revoked = self.directory.mapping.on_sessions_revoked
        if unit.signed_out and revoked is not None:
            tell(revoked, unit.user)
        tell(order.action.committed, unit)
        tell(functools.partial(action_done.send, order.action, unit=unit))


def summed(lines: Iterable[Impact]) -> list[Impact]:
    """Return lines of impact with those of the same kind added up."""
    found: dict[tuple[str, str], Impact] = {}
    for line in lines:
        same = found.get((line.what, line.effect))
        count = line.count if same is None else (same.count or 0) + (line.count or 0)
        found[line.what, line.effect] = replace(line, count=count)
    return list(found.values())


def _changes(was: Mapping[str, str], now: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    return {
        name: (was.get(name, ""), now.get(name, ""))
        for name in dict.fromkeys((*was, *now))
        if was.get(name, "") != now.get(name, "")
    }


def _differences(seen: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    return [
        _(
            "%(fact)s was “%(was)s” when you opened this form and is “%(now)s” now.",
            fact=again(name),
            was=again(seen.get(name) or "none"),
            now=again(now.get(name) or "none"),
        )
        for name in dict.fromkeys((*seen, *now))
        if seen.get(name) != now.get(name)
    ]
