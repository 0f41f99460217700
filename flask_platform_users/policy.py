"""Who may open the page, for which platform, and what they may do there."""

from abc import ABC, abstractmethod
from typing import Any


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
            action: the action's name; ``"view"`` is opening the list and a user's details.
            user: the host's model instance, or None when the question is a general one.

        Returns:
            True by default: whoever runs a platform may do everything on it.
        """
        return True
