"""What one person may do on one platform, by the host's policy as it is now."""

from typing import Any

from .actions.action import Action
from .directory import Directory
from .errors import ForbiddenError, RefusedError
from .guard import guarded, real
from .i18n import _
from .policy import Policy
from .results import UserDetails

SYSTEM: Any = None
"""The actor of what ends by itself."""


class Rights:
    """The rights of a person; asked of the policy each time, inside the transaction of a change.

    Args:
        directory: reads the platform.
        policy: the host's rules.
        actor: the host's object for the person, or ``SYSTEM``, whom no rule holds back.
    """

    def __init__(self, directory: Directory, policy: Policy, actor: Any) -> None:
        self.directory = directory
        self.policy = policy
        self.actor = actor
        self.session = real(directory.session)

    def check_actor(self) -> None:
        """Refuse who does not run the platform any more, or is blocked."""
        if self.actor is SYSTEM:
            return
        if not self._runs(self.actor):
            raise ForbiddenError(_("You do not run this platform any more."))
        own_key = self.directory.key_of_person(self.actor)
        if own_key is not None and self.directory.is_shut_out(own_key):
            raise ForbiddenError(_("Your own account is blocked."))

    def check(self, action: Action, user: UserDetails) -> None:
        """Refuse what is not allowed, and to do it to oneself, an equal or somebody stronger."""
        if self.actor is SYSTEM:
            return
        with self._ask("allows"):
            allowed = self.policy.allows(self.actor, action.permission, user.record)
        if not allowed:
            raise ForbiddenError(_("You may not do this: %(action)s.", action=action.label.lower()))
        if self.directory.key_of_person(self.actor) == str(user.key):
            raise ForbiddenError(_("You cannot do this to yourself."))
        with self._ask("outranks"):
            outranks = self.policy.outranks(self.actor, user.record)
        if not outranks:
            raise ForbiddenError(
                _("%(user)s helps to run this platform, as you do.", user=user.name)
            )

    def is_owner(self, record: Any) -> bool:
        """Say whether a user is one of those who run the platform."""
        return (
            self.actor is not SYSTEM and isinstance(record, type(self.actor)) and self._runs(record)
        )

    def check_owner_left(self) -> None:
        """Refuse what leaves nobody to run the platform."""
        with self._ask("has_owner"):
            left = self.policy.has_owner(self.directory.platform)
        if not left:
            raise RefusedError(_("This would leave the platform without an owner."))

    def _runs(self, person: Any) -> bool:
        with self._ask("platform_of"):
            runs: bool = self.policy.platform_of(person) == self.directory.platform
        return runs

    def _ask(self, rule: str) -> guarded:
        return guarded(self.session, f"Policy.{rule}")
