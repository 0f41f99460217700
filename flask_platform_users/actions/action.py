"""``Action``: the one contract of everything that is done to a user, ours and the host's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from typing import Any, ClassVar, Literal

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from wtforms import Form

from ..binding import Mapping as Bound
from ..directory import Directory
from ..errors import HookError
from ..gate import Standing
from ..guard import guarded
from ..i18n import _
from ..models import as_kept
from ..policy import Policy
from ..results import Population, UserDetails, UserRow
from ..states import States


@dataclass(frozen=True, kw_only=True)
class Impact:
    """One line of what an action means for a user's belongings.

    Attributes:
        what: what it is about: ``WhatsApp channels``.
        count: how many; None where they are not counted.
        effect: what happens to them; ``moves`` for a value that becomes another one, ``over`` for
            what is above a limit.
        forbids: True if the action must not be done because of it.
    """

    what: str
    count: int | None = None
    effect: Literal["kept", "removed", "stops", "gained", "moves", "over"] = "kept"
    forbids: bool = False


@dataclass(kw_only=True)
class Unit:
    """What an action works with: one user, inside one transaction of one platform.

    Attributes:
        actor: the host's object for the person who acts.
        user: the user as they were when the transaction began; ``user.record`` is the host's own
            model instance.
        form: the validated form; None where the action has none.
        directory: reads the same platform in the same transaction.
        states: what the plugin keeps beside the host's rows, see ``keep`` and ``kept``.
        actor_id: by what the history knows the person; None for the system.
        actor_name: what the history calls them.
        zone: the time zone in which they type moments.
        many: to how many users the action is done together.
        policy: the host's rules.
        undo: what ``reverse`` will need to take it back, as JSON can keep it; None as long as it
            cannot be taken back. ``perform`` sets it.
        memo: what ``perform`` leaves for ``committed`` and ``answer``.
        signed_out: whether the user's sessions end with this.
    """

    actor: Any
    user: UserDetails
    form: Any
    directory: Directory
    states: States
    actor_id: str | None = None
    actor_name: str = ""
    zone: tzinfo = UTC
    many: int = 1
    policy: Policy
    undo: dict[str, Any] | None = None
    memo: dict[str, Any] = field(default_factory=dict)
    signed_out: bool = False

    @property
    def session(self) -> Any:
        """The host's session. Change what you like in it, and never commit."""
        return self.directory.session

    @property
    def now(self) -> datetime:
        """The present moment, in UTC."""
        return self.directory.now()

    @property
    def mapping(self) -> Bound:
        """The host's mapping."""
        return self.directory.mapping

    def write_status(self, status: str) -> None:
        """Change the status in the host's own tables, by its column or its ``write=`` function."""
        mapped = self.mapping.users.status
        if mapped.kept_in is None:
            if mapped.write is None:
                raise HookError("Status(write=...)", "is not there to write a status with")
            with guarded(self.session, "Status(write=...)"):
                mapped.write(self.user.record, status)
            return
        column: Any = mapped.kept_in.column
        setattr(self._row_of(column), column.key, mapped.kept_in.words[status][0])

    def sign_out(self) -> None:
        """End every session of the user's; they may sign in again if their status lets them."""
        self.signed_out, now = True, self.now
        self.keep(signed_out_at=now)
        column: Any = self.mapping.users.signed_out
        if column is not None:
            setattr(self.user.record, column.key, as_kept(column, now))

    def delete_record(self) -> None:
        """Delete the user for good, and what the plugin keeps of them beside the history.

        It calls ``PlatformUsers(delete=...)``; without it the row that makes them a user of this
        platform is deleted with its cascades: their own, or with ``Users(join=...)`` that of the
        joined model, since a person may belong to other platforms too. Where ``delete=`` leaves
        the row where it is (to keep it without personal data, say), nobody sees it here any more.
        """
        hook, delete = "PlatformUsers(delete=...)", self.mapping.delete
        try:
            if delete is None:
                hook = f"Deleting the {type(self.user.record).__name__}"
                self.session.delete(self._row_of(self.mapping.users.platform))
            else:
                with guarded(self.session, hook):
                    delete(self.user.record)
            self.session.flush()
        except IntegrityError as error:
            raise HookError(hook, f"broke a rule of the database ({error.orig})"[:500]) from error
        tables = self.mapping.tables
        for table in (tables.note, tables.grant, tables.undo, tables.state):
            self.session.execute(
                sa.delete(table).where(
                    table.c.platform_key == self.directory.platform,
                    table.c.user_key == self.user.key,
                ),
                bind_arguments=self.mapping.bind,
            )
        self.states.forget(self.user.key)
        if self.directory.among("present").has(self.user.key):
            self.keep(deleted_at=self.now)

    def _row_of(self, column: Any) -> Any:
        """Return the row that a mapped column is of: the user's own, or one that was joined."""
        parent = getattr(column, "parent", None)
        if parent is None or isinstance(self.user.record, parent.entity):
            return self.user.record
        return self.directory.related(self.user, parent.entity)

    def keep(self, **values: Any) -> None:
        """Set columns of the user's row in the plugin's own ``state`` table."""
        self.states.keep(self.user.key, values)

    def kept(self) -> Mapping[str, Any]:
        """Return the user's row of the ``state`` table; empty if nothing was ever kept."""
        return self.states.of(self.user.key)

    def flush(self) -> None:
        """Write what was changed so far, so that it can be read back."""
        self.session.flush()
        self.states.flush()


class Action:
    """Something that can be done to a user. Subclass it, set the names, and write ``perform``.

    The built-in actions are made of nothing else. An action holds no state of its own: one object
    serves all requests.

    Attributes:
        name: a lower-case word for addresses, permissions and the history; unique in the mount.
        label: what the menu calls it.
        icon: the meaning of an icon in the page's sprite.
        primary: whether it is among the few that stand out on a user's page.
        dangerous: whether it stands apart from the others, and asks in red.
        by_system: whether no page offers it: it is done by the clock, or as a part of another.
        among: whom it is done to: those who are there, or those who were ``"deleted"`` and can
            still be restored. Nobody else is found, nor offered it.
        shows_first: whether a filled-in form is shown once more, with the impact of what was
            chosen, before it is done. To many users everything is shown before: their trial.
        for_many: whether it may be done to many users at once.
        leaves: where the users are then.
        same_form: whether the form is the same for all users it is sent for at once, whoever they
            are, so that it has to be checked once only.
        fresh: whether the person must have signed in by themselves in this session, and not by a
            cookie or a token.
        form: the fields to fill in, a ``wtforms.Form`` without a CSRF token, since one goes along
            anyway; a field named ``reason`` goes into the history. None for an action that is only
            confirmed.
        done: the history's sentence, whole (``"{who} blocked {user}."``) or without its subject
            (``"blocked {user}"``). Only whole ones can be translated: ``lazy_gettext`` of your own
            catalogues does, for ``label`` too.
    """

    name: ClassVar[str]
    label: ClassVar[str]
    icon: ClassVar[str] = "action"
    primary: ClassVar[bool] = False
    dangerous: ClassVar[bool] = False
    by_system: ClassVar[bool] = False
    among: ClassVar[Population] = "present"
    shows_first: ClassVar[bool] = False
    for_many: ClassVar[bool] = False
    leaves: ClassVar[Population] = "present"
    same_form: ClassVar[bool] = False
    fresh: ClassVar[bool] = False
    form: ClassVar[type[Form] | None] = None
    done: ClassVar[str]

    def offered(self, user: UserRow, mapping: Bound) -> bool:  # noqa: ARG002
        """Say whether the action makes sense for a user as they are; it is not shown otherwise."""
        return True

    def refusal(self, unit: Unit) -> str | None:  # noqa: ARG002
        """Return the sentence that says why it cannot be done to this user now, None if it can."""
        return None

    def build_form(self, unit: Unit, data: Any = None) -> Any:
        """Return the form, filled with ``data`` if it was sent. Override to give it choices."""
        return None if self.form is None else self.form(data, meta={"zone": unit.zone})

    def question(self, user: UserRow) -> str:
        """Return the sentence that asks for confirmation."""
        return _("%(action)s: %(user)s?", action=self.label, user=user.name)

    def impact(self, unit: Unit) -> Iterable[Impact]:  # noqa: ARG002
        """Tell what it means before it is done.

        ``unit.form`` is filled in as far as the person has come, and may not be valid yet.
        """
        return ()

    def stands_after(self, unit: Unit) -> Standing | None:  # noqa: ARG002
        """Return how the user will stand at the gate once it is done; None where that stays.

        What they will read then is shown beside the form, which is filled in as far as the person
        has come, and may not be valid yet.
        """
        return None

    @property
    def foresees(self) -> bool:
        """Whether it says how the user will stand."""
        return type(self).stands_after is not Action.stands_after

    def reason(self, unit: Unit) -> str:
        """Return what the history keeps as the reason: the form's field of that name."""
        return getattr(getattr(unit.form, "reason", None), "data", None) or ""

    def facts(self, unit: Unit) -> Mapping[str, str]:  # noqa: ARG002
        """Return, in words, what the action depends on and changes beside status, block and role.

        They are kept; the plugin's own are in English, and put into each reader's language.

        Read when the form is opened, when it is sent, and after it was done: if the first two
        differ the action is refused as stale, with both; how the last two differ is recorded. So
        nothing personal belongs here, and nothing that changes by itself. Write moments with
        ``formatting.stamp``: each reader sees them in their own time zone.
        """
        return {}

    def recorded(self, unit: Unit) -> Mapping[str, tuple[str, str]]:  # noqa: ARG002
        """Return what the history's entry keeps beside the facts that changed, before and after.

        Not personal data: it cannot be erased.
        """
        return {}

    def perform(self, unit: Unit) -> bool | None:
        """Change what has to change, in ``unit.session``, and never commit.

        It may be called again after a rollback, if the database asks for another try. Returning
        False says that there was nothing to do: then nothing is recorded.
        """
        raise NotImplementedError(f"{type(self).__name__}.perform")

    @property
    def weight(self) -> Literal["primary", "everyday", "dangerous"]:
        """Among which others it stands on a user's page."""
        if self.dangerous:
            return "dangerous"
        return "primary" if self.primary else "everyday"

    @property
    def permission(self) -> str:
        """What ``Policy.allows`` is asked for: the name, unless one goes by another's."""
        return self.name

    @property
    def reversible(self) -> bool:
        """Whether it can be taken back at all: whether it says how."""
        return type(self).reverse is not Action.reverse

    def reverse(self, unit: Unit, kept: Mapping[str, Any]) -> bool | None:  # noqa: ARG002
        """Take back what ``perform`` did; ``kept`` is what it left in ``unit.undo``.

        Nothing else has touched the user since. Returning False says that there is nothing to
        take back.
        """
        return False

    def committed(self, unit: Unit) -> None:
        """Do what may only be done once the change is certain: mails, revoked sessions.

        An exception here is logged; the change stays.
        """

    def answer(self, unit: Unit) -> Any:  # noqa: ARG002
        """Return the Flask response to what was done; None leads to the user's page."""
        return None
