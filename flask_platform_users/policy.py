"""Who may open the page, for which platform, and what they may do there."""

from abc import ABC, abstractmethod
from datetime import tzinfo
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstanceState, QueryableAttribute

from .errors import ConfigurationError
from .mapping import Users


class Policy(ABC):
    """The host's rules. Subclass it and pass an instance as ``PlatformUsers(policy=...)``.

    ``actor`` is the host's own object for the signed-in person (Flask-Login's ``current_user``),
    never an anonymous one.
    """

    @abstractmethod
    def platform_of(self, actor: Any) -> Any:
        """Return the key of the one platform ``actor`` runs, or None if they run none.

        Everything the page shows stays inside that platform. None answers the request with 403.
        """

    def allows(self, actor: Any, action: str, user: Any = None) -> bool:  # noqa: ARG002
        """Say whether ``actor`` may do ``action``, to ``user`` where one is given.

        Args:
            actor: the signed-in person, for whom ``platform_of`` gave a platform.
            action: the action's name; ``"view"`` is opening the list and a user's details,
                ``"export"`` taking the list or the history along as a file, and
                ``"allow_changes"`` changing something while seeing the product as a user.
            user: the host's model instance, or None when the question is a general one.

        Returns:
            True by default: whoever runs a platform may do everything on it.
        """
        return True

    def outranks(self, actor: Any, user: Any) -> bool:
        """Say whether ``actor`` may act on ``user`` (the host's model instance) at all.

        By default nobody acts on an equal or stronger person: not on anybody who could open the
        page themselves, for whatever platform. Acting on oneself is always refused.
        """
        return not isinstance(user, type(actor)) or self.platform_of(user) is None

    def platform_in_use(self, person: Any) -> Any:  # noqa: ARG002
        """Return the key of the platform that a signed-in person uses in this request.

        Only where one account may belong to several platforms: by default, None, whoever is
        blocked on one of theirs and not on another stays signed in, and the product is not seen as
        somebody who belongs to several.
        """
        return None

    def declines_impersonation(self, actor: Any, user: Any) -> str | None:  # noqa: ARG002
        """Return the sentence that says why nobody may see the product as a user, None if one may.

        Asked when it begins and with every request while it goes on: a user who withdraws their
        consent ends it. By default everybody is looked at who could sign in.
        """
        return None

    def has_owner(self, platform: Any) -> bool:  # noqa: ARG002
        """Say whether a platform still has an owner.

        Asked inside the transaction, after an action on somebody who runs the platform, which only
        happens where ``outranks`` was overridden. By default it says no, and so refuses. Whom the
        page itself blocked or deleted may look like an owner in your tables still: ask
        ``platform_users.directory(platform)``, which knows.
        """
        return False

    def find_actor(self, name: str, platform: Any = None) -> Any:  # noqa: ARG002
        """Return the person that ``--as`` of a command names, None if it is not for you to say.

        By default None. Then it is whom your ``user_loader`` knows by this login id, wherever
        they are kept; else, where those who run platforms are users themselves, the user of this
        key or email address. So write it where people should be named by something else, such as
        the email address of staff in a table of their own. Whoever can run commands can act as
        anybody: what is returned is not asked for a password, and is held to the other rules here.

        Args:
            name: what was typed.
            platform: the key that ``--platform`` gave, None without it: where a person may run
                several platforms, return them as ``platform_of`` takes them for this one.
        """
        return None

    def timezone_of(self, actor: Any) -> str | tzinfo | None:  # noqa: ARG002
        """Return the time zone in which a person reads and types moments; None is UTC.

        An IANA name such as ``"Europe/Berlin"``, or a ``tzinfo``. A name that is not known is taken
        as UTC, and logged.
        """
        return None

    def language_of(self, user: Any) -> str | None:  # noqa: ARG002
        """Return the language that a user reads, such as ``"pt-BR"``; None leaves it to the page.

        ``may_sign_in`` and ``turned_away`` speak it, and so does what an owner is shown of them
        beforehand. It takes Flask-Babel; a language that Babel does not know is logged.

        Args:
            user: the host's model instance.
        """
        return None

    def id_of(self, actor: Any) -> str:
        """Return the text by which the history knows a person for good.

        By default the primary key where the person is a mapped object, else Flask-Login's id.
        """
        state = sa.inspect(actor, raiseerr=False)
        identity = getattr(state, "identity", None)
        return str(identity[0] if identity else actor.get_id())

    def name_of(self, actor: Any) -> str | None:  # noqa: ARG002
        """Return what the history calls a person; None leaves it to the page.

        By default None. Then it is the email address or username that ``Users`` names, for whoever
        is a row of that model; else their attribute ``email``, ``username`` or ``name``; else what
        ``id_of`` returns.
        """
        return None


def name_of(actor: Any, policy: Policy, users: Users) -> str:
    """Return what the history calls a person: what the host's rules say, or what is mapped."""
    own = policy.name_of(actor)
    if own:
        return own
    mapped = [
        column.key
        for column in (users.email, users.username)
        if isinstance(column, QueryableAttribute) and isinstance(actor, column.parent.class_)
    ]
    for attribute in (*mapped, "email", "username", "name"):
        value = getattr(actor, attribute, None)
        if value:
            return str(value)
    return policy.id_of(actor)


def platform_of(actor: Any, policy: Policy) -> Any:
    """Return the key of the platform that a person runs, None if none.

    Raises:
        ConfigurationError: the host's rule returned a platform instead of its key.
    """
    found = policy.platform_of(actor)
    if isinstance(sa.inspect(found, raiseerr=False), InstanceState):
        raise ConfigurationError(
            [
                f"{type(policy).__name__}.platform_of returned a {type(found).__name__}; expected "
                "its key, which Users(platform=...) holds."
            ]
        )
    return found
