"""The one way of every change: lock, load, check, validate, perform, record, commit, tell.

The page, and whatever door comes after it, run the same actions through ``Pipeline.run``. It owns
the transaction: it begins with a rollback of whatever the session was reading, and ends with a
commit or with nothing changed at all.
"""

import contextlib
import logging
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError
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
    StaleError,
)
from .formatting import STATUS_LABELS, stamp
from .guard import guarded
from .policy import Policy
from .results import Population, UserDetails
from .signals import action_done

log = logging.getLogger(__name__)

SYSTEM: Any = None
"""The actor of what ends by itself."""

TRIES = 4
"""How often a unit is tried when the database asks for another try."""

REFUSALS_KEPT = 20
REFUSALS_KEPT_A_DAY = 200
"""How many refusals of one person the history takes within a minute, and within a day."""

# PostgreSQL: serialization failure, deadlock, lock not available. MySQL, MariaDB: deadlock, lock
# wait timeout, record changed since it was read, and a savepoint that went with a deadlock. SQLite:
# busy, and its snapshot variant.
_AGAIN = {"40001", "40P01", "55P03", 1213, 1205, 1020, 1305, "SQLITE_BUSY", "SQLITE_BUSY_SNAPSHOT"}


@dataclass(frozen=True, kw_only=True)
class Order:
    """What somebody wants done.

    Attributes:
        action: the action.
        key: the text of the user's key.
        data: the form as it was sent.
        seen: what the person saw of the user when the form was opened; None leaves that unchecked,
            for programs that looked at nothing.
        request_id: the same for a request that is sent twice.
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
    """

    outcome: Literal["done", "repeated", "unchanged"]
    seq: int | None
    user: UserDetails | None


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
        return None if self.actor is SYSTEM else self.policy.id_of(self.actor)

    @property
    def actor_name(self) -> str:
        """What the history calls the person; empty for the system."""
        return "" if self.actor is SYSTEM else self.policy.name_of(self.actor)

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
        unit.form = action.build_form(unit, data)
        valid = unit.form is None or (sent and unit.form.validate())
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
            InvalidError: the form was not filled in right.
            RefusedError: it cannot be done now.
            HookError: code of the host did what it must not.
        """
        try:
            unit, result = self._retried(order)
        except (NotFoundError, InvalidError, StaleError):
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
        if result.outcome == "done" and unit is not None:
            self._tell(order, unit)
        return result

    def refuse(self, order: Order, sentence: str) -> None:
        """Record that a form was refused before anybody looked at what it asks for."""
        self._record_failure(order, REFUSED, sentence)

    def _retried(self, order: Order) -> tuple[Unit | None, Result]:
        for left in reversed(range(TRIES)):
            try:
                return self._attempt(order)
            except DBAPIError as error:
                self.session.rollback()
                if not left or not asks_again(error):
                    raise
                time.sleep(random.uniform(0.01, 0.05) * (TRIES - left))  # noqa: S311
        raise AssertionError("unreachable")

    def _attempt(self, order: Order) -> tuple[Unit | None, Result]:
        action = order.action
        self._begin()
        if order.request_id and (earlier := self.chain.find(order.request_id)):
            found = self._present_or_deleted(order.key)
            self.session.rollback()
            return None, Result(
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
                "is now, and send it again."
            )
        unit.form = action.build_form(unit, order.data)
        valid = unit.form is None or unit.form.validate()
        for line in self._impact(action, unit):
            if line.forbids:
                raise RefusedError(f"{line.what}: this forbids it.")
        if not valid:
            raise InvalidError(unit.form)
        owner = self._runs_platform(unit.user.record)
        with guarded(self.session, f"{type(action).__name__}.perform"):
            changed = action.perform(unit)
            self.session.flush()
        if changed is False:
            self.session.rollback()
            return None, Result(outcome="unchanged", seq=None, user=unit.user)
        if owner and not self.policy.has_owner(self.directory.platform):
            raise RefusedError("This would leave the platform without an owner.")
        after = self._after(unit)
        changes = {} if after is None else _changes(before, self._facts(action, after))
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
        return unit, Result(outcome="done", seq=seq, user=None if after is None else after.user)

    def _begin(self) -> None:
        """Start a transaction whose first statement is the platform's lock."""
        self.session.rollback()
        dialect = self.session.get_bind(**self.directory.mapping.bind).dialect.name
        if dialect == "postgresql":
            self.session.execute(
                sa.text("SET LOCAL lock_timeout = '10s'"),
                bind_arguments=self.directory.mapping.bind,
            )
        self.chain.lock()

    def _load(self, action: Action, key: str, *, lock: bool = False) -> Unit:
        """Read the actor's rights and the user again, now that nobody else changes them."""
        try:
            if self.actor is not SYSTEM and (
                self.policy.platform_of(self.actor) != self.directory.platform
            ):
                raise ForbiddenError("You do not run this platform any more.")
            if lock:
                self.directory.lock(key)
            directory = self.directory.among(action.among)
            user = directory.user(key)
            if self.actor is not SYSTEM and not self.policy.allows(
                self.actor, action.name, user.record
            ):
                raise ForbiddenError(f"You may not do this: {action.label.lower()}.")
        except ObjectDeletedError as error:
            raise ForbiddenError("Your account is gone.") from error
        return self._unit(directory, user)

    def _unit(self, directory: Directory, user: UserDetails) -> Unit:
        return Unit(
            actor=self.actor,
            user=user,
            form=None,
            directory=directory,
            actor_id=self.actor_id,
            actor_name=self.actor_name,
            zone=self.zone,
        )

    def _facts(self, action: Action, unit: Unit) -> dict[str, str]:
        with guarded(self.session, f"{type(action).__name__}.facts"):
            return facts(unit.user) | dict(action.facts(unit))

    def _check(self, action: Action, unit: Unit) -> None:
        """Refuse oneself, the equal and the stronger, and what the user's state forbids."""
        if self.actor is not SYSTEM:
            self._check_rank(unit)
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
        if not self.policy.outranks(self.actor, unit.user.record):
            raise ForbiddenError(f"{unit.user.name} helps to run this platform, as you do.")

    def _runs_platform(self, record: Any) -> bool:
        return (
            self.actor is not SYSTEM
            and isinstance(record, type(self.actor))
            and (self.policy.platform_of(record) == self.directory.platform)
        )

    def _impact(self, action: Action, unit: Unit) -> list[Impact]:
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
            self._begin()
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
        try:
            order.action.committed(unit)
            action_done.send(order.action, unit=unit)
        except Exception:
            log.exception("After the commit of %s, a listener failed", order.action.name)


def facts(user: UserDetails) -> dict[str, str]:
    """Return, in words, what the actions depend on and what they change."""
    return {
        "Status": STATUS_LABELS[user.status],
        "Blocked until": stamp(user.blocked_until) if user.blocked_until else "",
        "Role": ", ".join(user.roles),
        "Deleted": f"restorable until {stamp(user.purge_at)}" if user.purge_at else "",
    }


def asks_again(error: DBAPIError) -> bool:
    """Say whether a unit that failed like this may succeed at another try."""
    cause: Any = error.orig
    codes = {
        getattr(cause, "sqlstate", None),
        getattr(cause, "sqlite_errorname", None),
        *(cause.args[:1] if isinstance(cause, Exception) else ()),
    }
    return bool(codes & _AGAIN)


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
