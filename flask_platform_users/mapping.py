"""What a host tells the plugin of its models: plain, frozen values made of SQL expressions.

Nothing here touches a database or Flask. ``checks`` says whether a mapping can work,
``directory`` builds statements from it.
"""

import enum
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import KW_ONLY, dataclass, field
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import QueryableAttribute

Expression = sa.SQLColumnExpression[Any]
Predicate = sa.SQLColumnExpression[bool]

STATUSES = ("active", "inactive", "blocked", "pending")


def readable(name: str) -> str:
    """Return what people call something that has a name only: ``Team members``."""
    return name.replace("_", " ").capitalize()


def plain(value: Any) -> Any:
    """Return what an enum's member stands for; anything else as it is."""
    return value.value if isinstance(value, enum.Enum) else value


@dataclass(frozen=True, kw_only=True)
class Status:
    """A user's status, as one predicate for each of the four.

    A row is blocked if ``blocked`` holds or the plugin blocked the user itself; else inactive if
    ``inactive`` holds; else pending; else active; and a row for which none of them holds is
    inactive. So every user has exactly one status whatever the host's data looks like.

    Args:
        active: when a user can use the product.
        inactive: when a user is switched off; None leaves it to "none of the others".
        blocked: when a user is blocked; None where the host cannot say so (the plugin can).
        pending: when a user has not finished signing up; None hides that status.
        write: ``write(user, status)`` changes the host's model to a status and never commits.
            Without it the page shows the status and offers no change of it.
        writes: the statuses that ``write`` knows how to bring about; all that have a predicate,
            unless told otherwise.
    """

    active: Predicate
    inactive: Predicate | None = None
    blocked: Predicate | None = None
    pending: Predicate | None = None
    write: Callable[[Any, str], None] | None = None
    writes: Sequence[str] | None = None
    kept_in: "Kept | None" = field(default=None, repr=False)
    faults: tuple[str, ...] = field(default=(), repr=False)

    @classmethod
    def column(
        cls,
        column: Expression,
        *,
        active: Any = "active",
        inactive: Any = "inactive",
        blocked: Any = "blocked",
        pending: Any = "pending",
    ) -> "Status":
        """Map a status kept in one column.

        Args:
            column: the host's column: strings, integers, a flag, or an enum.
            active: the host's word for it, or a tuple of words that all mean it; for an enum
                column a member, its name or its value. None: this column cannot say it. A word
                belongs to one status. Our own words for the other three are left out where the
                column cannot hold them.
            inactive: likewise.
            blocked: likewise.
            pending: likewise.
        """
        given = {"active": active, "inactive": inactive, "blocked": blocked, "pending": pending}
        words, faults = _words(column, given)
        if "active" not in words and not faults:
            faults = ("Status.column(active=...) was given no word; say which one means active.",)
        predicates: dict[str, Predicate] = {
            status: column.in_(values) if len(values) > 1 else column == values[0]
            for status, values in words.items()
        }
        return cls(
            active=predicates.get("active", sa.false()),
            inactive=predicates.get("inactive"),
            blocked=predicates.get("blocked"),
            pending=predicates.get("pending"),
            kept_in=Kept(column, {status: tuple(values) for status, values in words.items()}),
            faults=faults,
        )


@dataclass(frozen=True)
class Kept:
    """The column a status is kept in, and the words for each status; the first is written."""

    column: Expression
    words: dict[str, tuple[Any, ...]]


def _words(
    column: Expression, given: dict[str, Any]
) -> tuple[dict[str, list[Any]], tuple[str, ...]]:
    """Turn the words given for each status into values the column's type takes."""
    words: dict[str, list[Any]] = {}
    faults: list[str] = []
    type_ = getattr(column, "type", None)
    for status, value in given.items():
        values = list(value) if isinstance(value, tuple | list | set | frozenset) else [value]
        for word in values:
            if word is None:
                continue
            held = _held(type_, word)
            if held:
                words.setdefault(status, []).extend(held)
            elif status == "active" or word != status:  # the column may have no use for our others
                faults.append(
                    f"Status.column({status}=...) was given {word!r}, which is not a value of "
                    f"{column}; give {_expected(type_)}."
                )
    return words, (*faults, *_shared(words))


def _shared(words: Mapping[str, Sequence[Any]]) -> Iterator[str]:
    """Find values that are given for more than one status."""
    for one, other in itertools.combinations(words, 2):
        for value in words[one]:
            if value in words[other]:
                yield (
                    f"Status.column({one}=..., {other}=...) were both given {plain(value)!r}; "
                    "give each value to one status, and None to one that the column cannot say."
                )


_TAKES: dict[Any, Any] = {
    str: str,
    int: int,
    float: int | float | Decimal,
    Decimal: int | float | Decimal,
}
"""What a column may be compared with, by the Python type of its values; others take anything."""


def _held(type_: Any, word: Any) -> tuple[Any, ...]:
    """Return the value that a column of a type has for a word; empty if it cannot have one."""
    choices = _choices(type_)
    if choices is None:
        return (word,) if isinstance(word, _TAKES.get(_kind(type_), object)) else ()
    return (choices[word],) if word in choices else ()


def _expected(type_: Any) -> str:
    choices = _choices(type_)
    if choices is None:
        return f"one of type {_kind(type_).__name__}"
    names = dict.fromkeys(repr(plain(value)) for value in choices.values())
    return f"one of {', '.join(names)}"


def _kind(type_: Any) -> Any:
    """Return the Python type of a type's values, None where it does not say or takes others too."""
    if isinstance(type_, sa.types.TypeDecorator):
        return None
    try:
        return getattr(type_, "python_type", None)
    except NotImplementedError:
        return None


def _choices(type_: Any) -> dict[Any, Any] | None:
    """Return every spelling of a type's values, None for one whose values cannot be listed."""
    if isinstance(type_, sa.Boolean):
        return {True: True, False: False}
    if not isinstance(type_, sa.Enum):
        return None
    if type_.enum_class is None:
        return {name: name for name in type_.enums}
    choices: dict[Any, Any] = {}
    for member in type_.enum_class:
        choices |= {member: member, member.name: member, member.value: member}
    return choices


@dataclass(frozen=True)
class Many:
    """Many values of one kind for each user, such as roles in a many-to-many relationship.

    Args:
        column: the value, a column of the related model (``Role.name``).
        through: the relationship that leads there (``User.roles``).
    """

    column: Expression
    _: KW_ONLY
    through: QueryableAttribute[Any]


@dataclass(frozen=True)
class Users:
    """The host's user model, and where on it the page finds what it shows.

    Every value but ``model`` is a column or another SQL expression of ``model``, or of a model
    named in ``join``. A field that is not mapped does not appear on the page.

    Args:
        model: the mapped class of a user.
        platform: the key of the platform a user belongs to.
        username: the name a user is known by.
        email: the email address.
        status: how to tell the four statuses apart.
        phone: the phone number.
        role: the role, or ``Many(Role.name, through=User.roles)``.
        roles: the roles to offer as a filter; without it they are looked up where that is cheap.
        last_login: when the user last signed in. Naive times are taken as UTC.
        created: when the user signed up. Naive times are taken as UTC.
        signed_out: a nullable moment on the user's own row before which no sign-in of theirs
            counts. The plugin keeps that in a table of its own too, but where it can also write it
            here, a page of the host's costs no extra statement for as long as it is empty. The
            host may set it as well, when a password was changed, say.
        join: pairs of (model, ON clause) that lead from ``model`` to the membership of a platform,
            where that is no column of it: ``[(Membership, Membership.user_id == User.id)]``.
    """

    model: type[Any]
    _: KW_ONLY
    platform: Expression
    username: Expression
    email: Expression
    status: Status
    phone: Expression | None = None
    role: Expression | Many | None = None
    roles: Sequence[str] | None = None
    last_login: Expression | None = None
    created: Expression | None = None
    signed_out: Expression | None = None
    join: Sequence[tuple[Any, Predicate]] = ()


@dataclass(frozen=True)
class Count:
    """Something a user has a number of: channels of one kind, contacts, campaigns.

    Args:
        name: a short lower-case word, unique in the mount; it appears in URLs.
        column: the column that points at the user (``Channel.user_id``), or a counter that is
            kept on the user's own row (``User.channel_count``).
        where: which rows count; None for all of them.
        platform: the counted table's own platform column, if it has one. It saves the summary a
            join, and is required where users belong to platforms through a join, because there a
            user's rows may belong to several platforms.
        label: what people call it; by default made from the name.
        icon: the meaning of an icon in the page's sprite; by default the name, if it has one.
    """

    name: str
    column: Expression
    _: KW_ONLY
    where: Predicate | None = None
    platform: Expression | None = None
    label: str | None = None
    icon: str | None = None

    @property
    def title(self) -> str:
        """The label, or one made from the name."""
        return self.label or readable(self.name)
