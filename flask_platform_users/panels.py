"""The sections of the details page: the plugin's own and the host's, all of the same class."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass
from functools import cached_property
from types import EllipsisType
from typing import Any

from .directory import Directory
from .history import Event
from .i18n import lazy
from .mapping import Count, readable
from .results import Note, UserDetails
from .standing import Entitlement, Standing, entitlements, standing_of, used_by
from .transaction import recover

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Whom the panels tell of.

    Attributes:
        user: the user; ``user.record`` is the host's own model instance.
        directory: reads the same platform; ``directory.platform`` is its key.
        actor: the host's object for whoever looks.
        usage: how many the user has of each thing that the host counts, by its name.
        notes: what staff wrote down, pinned ones first.
        events: the last that was done to the user, newest first.
    """

    user: UserDetails
    directory: Directory
    actor: Any
    usage: Mapping[str, int]
    notes: Sequence[Note]
    events: Sequence[Event]

    @property
    def session(self) -> Any:
        """The host's session, to read from."""
        return self.directory.session

    @property
    def standing(self) -> Standing:
        """What the user is subscribed to by the clock. It raises what the billing raised."""
        if isinstance(self._billing, Exception):
            raise self._billing
        return self._billing

    @cached_property
    def entitlements(self) -> Sequence[Entitlement]:
        """Each limit and feature, and why the user has it; none where billing cannot tell."""
        if isinstance(self._billing, Exception):
            return ()
        mapping = self.directory.mapping
        return entitlements(mapping, self._billing, used_by(self.user, self.usage))

    @cached_property
    def _billing(self) -> Standing | Exception:
        try:
            return standing_of(self.directory, self.user)
        except Exception as error:
            recover(self.session, error)
            return error


@dataclass(frozen=True)
class Panel:
    """A section of the details page.

    Args:
        name: a short lower-case word, unique in the mount; one that bears the name of a default
            panel replaces it, and stands where it was written.
        template: shows it. It receives ``data``, ``panel``, ``view`` (the whole page, such as
            ``view.user``) and ``pu`` (which formats numbers, moments and money).
        data: ``data(subject)`` returns what the template shows, or None if there is nothing to
            show: then there is no panel. It only reads. What it raises is logged, and told in the
            panel's place. Without it the template is shown as it is.
        label: its heading; by default made from the name.
        side: whether it stands in the narrow column, with the facts.
    """

    name: str
    _: KW_ONLY
    template: str
    data: Callable[[Subject], Any] | None = None
    label: str | None = None
    side: bool = False

    @property
    def title(self) -> str:
        """The label, or one made from the name."""
        return self.label or readable(self.name)

    def shown(self, subject: Subject) -> "Shown | None":
        """Read what it shows of a user; None if there is nothing to show."""
        if self.data is None:
            return Shown(panel=self)
        try:
            data = self.data(subject)
        except Exception as error:
            recover(subject.session, error)
            log.exception("The panel %r failed for user %r", self.name, subject.user.key)
            return Shown(panel=self, failed=True)
        return None if data is None else Shown(panel=self, data=data)


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A panel, and what it shows of one user.

    Attributes:
        failed: whether that could not be read.
    """

    panel: Panel
    data: Any = None
    failed: bool = False


@dataclass(frozen=True, kw_only=True)
class Used:
    """How many a user has of something, and may have.

    Attributes:
        what: the count that it is a number of; None for a limit that no single count stands for.
        entitlement: its limit; None where it is not limited.
    """

    title: str
    number: int | None
    what: Count | None = None
    entitlement: Entitlement | None = None

    @property
    def limit(self) -> int | None:
        """How many there may be; None where that is not limited."""
        return None if self.entitlement is None else self.entitlement.limit

    @property
    def over(self) -> int:
        """How many there are above the limit."""
        return max((self.number or 0) - self.limit, 0) if self.limit is not None else 0


def arranged(panels: Sequence[Panel | EllipsisType]) -> list[Panel]:
    """Return the panels with the default ones that are not named among them for the ``...``."""
    own = {panel.name for panel in panels if isinstance(panel, Panel)}
    others = [panel for panel in DEFAULT_PANELS if panel.name not in own]
    return [
        panel for given in panels for panel in ([given] if isinstance(given, Panel) else others)
    ]


def _usage(subject: Subject) -> list[Used] | None:
    mapping = subject.directory.mapping
    limits = {line.name: line for line in subject.entitlements if line.name}
    found = [
        Used(
            title=count.title,
            number=subject.usage[count.name],
            what=count,
            entitlement=limits.pop(count.name, None),
        )
        for count in mapping.usage
    ]
    found += [
        Used(title=line.title, number=line.used, entitlement=line) for line in limits.values()
    ]
    return found or None


def _subscription(subject: Subject) -> Standing | None:
    return None if subject.directory.mapping.billing is None else subject.standing


DEFAULT_PANELS = (
    Panel(
        "identity",
        template="platform_users/_identity.html",
        label=lazy("Identity"),
        side=True,
    ),
    Panel(
        "channels",
        template="platform_users/_channels.html",
        data=lambda subject: subject.directory.mapping.channels or None,
        label=lazy("Channels"),
        side=True,
    ),
    Panel(
        "notes",
        template="platform_users/_notes.html",
        data=lambda subject: subject.notes or None,
        label=lazy("Notes"),
        side=True,
    ),
    Panel("usage", template="platform_users/_usage.html", data=_usage, label=lazy("Usage")),
    Panel(
        "subscription",
        template="platform_users/_subscription.html",
        data=_subscription,
        label=lazy("Subscription"),
    ),
    Panel(
        "history",
        template="platform_users/_history.html",
        data=lambda subject: subject.events,
        label=lazy("History"),
    ),
)
"""The panels of a mount that names none, in their order."""
