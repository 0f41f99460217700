"""The columns of the list: one object each, which the page, its files and the API all read."""

from collections.abc import Callable, Collection, Sequence
from collections.abc import Mapping as Mapped
from dataclasses import KW_ONLY, dataclass
from types import EllipsisType
from typing import TYPE_CHECKING, Any, ClassVar

from .formatting import STATUS_LABELS
from .i18n import lazy
from .mapping import Expression, readable

if TYPE_CHECKING:
    from .binding import Mapping
    from .preferences import Preferences
    from .results import UserRow


@dataclass(frozen=True)
class Part:
    """A column of a file.

    Attributes:
        title: its head.
        cell: what it has of a user.
    """

    title: str
    cell: Callable[["UserRow"], Any]


@dataclass(frozen=True, eq=False)
class Column:
    """A column of the list.

    Args:
        name: a short lower-case word, unique among the columns; it appears in URLs and in the API.
        value: a column or another SQL expression of the user model, or of a model in ``join``. It
            is read with the user, in the same statement. Naive times are taken as UTC. None: the
            cell makes something of what is known anyway; files and the API do without it.
        label: its head; by default made from the name.
        cell: the template of one cell. It receives ``user`` (UserRow), ``value``, ``column``,
            ``number`` (of the row) and ``view`` (ListPage).
        sort: whether the list can be ordered by it. Users without a value come last.
        search: whether the search looks in it too; it has to be text.
        end: whether its cells are aligned to the end, as numbers are.
        shown: whether it is shown to people who did not choose their columns.
    """

    name: str
    value: Expression | None = None
    _: KW_ONLY
    label: str | None = None
    cell: str = "platform_users/cells/value.html"
    sort: bool = False
    search: bool = False
    end: bool = False
    shown: bool = True

    fixed: ClassVar[bool] = False
    """Whether nobody can do without it."""

    heads: ClassVar[bool] = False
    """Whether its cell is the head of the row."""

    @property
    def title(self) -> str:
        """The label, or one made from the name."""
        return str(self.label or readable(self.name))

    def is_there(self, mapping: "Mapping", *, deleted: bool) -> bool:  # noqa: ARG002
        """Say whether the list has it, which is of deleted users or of all others."""
        return True

    def of(self, user: "UserRow") -> Any:
        """Return the value that the cell of a user shows."""
        return user.columns.get(self.name)

    def parts(self, mapping: "Mapping") -> Sequence[Part]:  # noqa: ARG002
        """Return the columns that files have for it."""
        return [] if self.value is None else [Part(self.title, self.of)]


class _Frame(Column):
    """What belongs to the row and is no value of a user."""

    def of(self, user: "UserRow") -> Any:  # noqa: ARG002
        """There is none."""
        return None


class _Actions(_Frame):
    fixed = True


class _Contact(_Frame):
    fixed = True
    heads = True

    def parts(self, mapping: "Mapping") -> Sequence[Part]:  # noqa: ARG002
        """Files have name and address apart."""
        return [
            Part(str(lazy("Username")), lambda user: user.username),
            Part(str(lazy("Email")), lambda user: user.email),
        ]


class _Field(Column):
    """What ``Users`` maps by the same name; there is no such column where it does not."""

    def is_there(self, mapping: "Mapping", *, deleted: bool) -> bool:  # noqa: ARG002
        """Say whether the host has mapped it."""
        return getattr(mapping.users, self.name) is not None

    def of(self, user: "UserRow") -> Any:
        """Return the user's."""
        return getattr(user, self.name)

    def parts(self, mapping: "Mapping") -> Sequence[Part]:  # noqa: ARG002
        """Files have it as it is."""
        return [Part(self.title, self.of)]


class _Role(_Field):
    def of(self, user: "UserRow") -> Any:
        """Return all roles."""
        return user.roles

    def parts(self, mapping: "Mapping") -> Sequence[Part]:  # noqa: ARG002
        """Files have them in one cell."""
        return [Part(self.title, lambda user: ", ".join(user.roles))]


class _LastLogin(_Field):
    def is_there(self, mapping: "Mapping", *, deleted: bool) -> bool:
        """Deleted users do not sign in."""
        return not deleted and super().is_there(mapping, deleted=deleted)


class _Restorable(_Field):
    def is_there(self, mapping: "Mapping", *, deleted: bool) -> bool:  # noqa: ARG002
        """Nobody else can be restored."""
        return deleted


class _Channels(_Frame):
    def is_there(self, mapping: "Mapping", *, deleted: bool) -> bool:  # noqa: ARG002
        """Say whether the host has kinds of channel."""
        return bool(mapping.channels)

    def parts(self, mapping: "Mapping") -> Sequence[Part]:
        """Files have each kind, and all together."""
        kinds = [_kind(count.name, str(count.title)) for count in mapping.channels]
        return [*kinds, Part(str(lazy("Total channels")), lambda user: user.total_channels)]


def _kind(name: str, title: str) -> Part:
    return Part(title, lambda user: user.channels[name])


class _Status(Column):
    def of(self, user: "UserRow") -> str:
        """Return the status; that somebody was deleted is said in its place."""
        return "deleted" if user.deleted_at else user.status

    def parts(self, mapping: "Mapping") -> Sequence[Part]:  # noqa: ARG002
        """Files have its word."""
        words = {status: str(word) for status, word in STATUS_LABELS.items()}
        return [Part(self.title, lambda user: words[self.of(user)])]


def _cell(name: str) -> str:
    return f"platform_users/cells/{name}.html"


NO = _Frame("no", label=lazy("No"), cell=_cell("no"), end=True)
CONTACT = _Contact("contact", label=lazy("Contact"), cell=_cell("contact"))
PHONE = _Field("phone", label=lazy("Phone"), cell=_cell("phone"))
CHANNELS = _Channels("channels", label=lazy("Channels"), cell=_cell("channels"))
ROLE = _Role("role", label=lazy("Role"), cell=_cell("role"))
STATUS = _Status("status", label=lazy("Status"), cell=_cell("status"))
LAST_LOGIN = _LastLogin("last_login", label=lazy("Last login"), cell=_cell("last_login"))
RESTORABLE = _Restorable("purge_at", label=lazy("Restorable until"), cell=_cell("restorable"))
CREATED = _Field("created", label=lazy("Created"), cell=_cell("created"))
ACTIONS = _Actions("actions", label=lazy("Actions"), cell=_cell("actions"), end=True)

DEFAULT_COLUMNS: tuple[Column, ...] = (
    NO,
    CONTACT,
    PHONE,
    CHANNELS,
    ROLE,
    STATUS,
    LAST_LOGIN,
    RESTORABLE,
    CREATED,
    ACTIONS,
)
"""The columns of a mount that names none."""


def laid_out(given: Sequence[Column | EllipsisType]) -> tuple[Column, ...]:
    """Return the columns in their order.

    ``...`` stands for the default ones that are not given themselves; the actions among them stay
    the last column of all.
    """
    named = {column.name for column in given if isinstance(column, Column)}
    rest = [c for c in DEFAULT_COLUMNS if c.name not in named and c is not ACTIONS]
    found: list[Column] = []
    for column in given:
        found += [column] if isinstance(column, Column) else rest
    if ... in given and ACTIONS.name not in named:
        found.append(ACTIONS)
    return tuple(found)


def there(mapping: "Mapping", *, deleted: bool = False) -> list[Column]:
    """Return the columns of the list, which is of deleted users or of all others."""
    return [column for column in mapping.columns if column.is_there(mapping, deleted=deleted)]


def parts_of(columns: Sequence[Column], mapping: "Mapping") -> list[Part]:
    """Return the columns that a file has for some of the list's."""
    return [part for column in columns for part in column.parts(mapping)]


PREFERENCE = "columns"
"""The name under which is kept which columns a person wants to see."""


def shown(columns: Sequence[Column], preferences: Mapped[str, Any]) -> list[Column]:
    """Return those of some columns that a person sees.

    Args:
        columns: what the list has.
        preferences: what they prefer; columns that they did not decide on are shown as the host
            wants.
    """
    decided = preferences.get(PREFERENCE) or {}
    return [c for c in columns if c.fixed or decided.get(c.name, c.shown)]


def choose(preferences: "Preferences", columns: Sequence[Column], wanted: Collection[str]) -> None:
    """Keep which of some columns a person wants to see, by their names."""
    decided = {c.name: c.name in wanted for c in columns if not c.fixed}
    preferences.write(PREFERENCE, (preferences.read(PREFERENCE) or {}) | decided)
