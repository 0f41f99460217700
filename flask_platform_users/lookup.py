"""Users by their key or their name, and what is read of each."""

import enum
from collections.abc import Collection
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from .arrays import SEPARATOR, one_of
from .errors import NotFoundError
from .inspection import clause, word
from .mapping import Many
from .models import as_utc
from .results import Note, UserDetails, UserRow
from .statements import Statements


class Lookup(Statements):
    """Looks users of one platform up."""

    def user(self, key: str) -> UserDetails:
        """Return one user by the text of their key. One statement.

        Raises:
            NotFoundError: there is none on this platform, wherever else there may be.
        """
        found = self.users([key])
        if key not in found:
            raise NotFoundError(key)
        return found[key]

    def users(self, keys: Collection[str]) -> dict[str, UserDetails]:
        """Return the users of this platform whose keys these texts stand for, in their order.

        One statement.
        """
        state, blocked = self.mapping.tables.state.c, self.mapping.blocked_by_plugin
        statement = self._users(
            self.mapping.users.model,
            *self._fields(),
            sa.case((blocked, state.block_reason)).label("block_reason"),
            sa.case((blocked, state.blocked_until)).label("blocked_until"),
        )
        rows = (
            UserDetails(
                record=row[0],
                block_reason=row.block_reason,
                blocked_until=row.blocked_until,
                **self._values(row),
            )
            for row in self._find(statement, keys)
        )
        found = {str(user.key): user for user in rows}
        # Databases may take other spellings for the same key (case, trailing spaces); we do not.
        return {key: found[key] for key in keys if key in found}

    def known(self, keys: Collection[str]) -> list[Any]:
        """Return the keys among some texts that are of users of this platform, in their order.

        One statement.
        """
        rows = self._find(self._users(self.mapping.key.label("key")), keys)
        found = {str(row.key): row.key for row in rows}
        return [found[key] for key in dict.fromkeys(keys) if key in found]

    def notes(self, user: UserRow) -> list[Note]:
        """Return the notes on a user of this platform, pinned ones first, then the newest.

        One statement.
        """
        note = self.mapping.tables.note.c
        statement = (
            sa.select(note.id, note.at, note.author_name, note.text, note.pinned)
            .where(note.platform_key == self.platform, note.user_key == user.key)
            .order_by(note.pinned.desc(), note.at.desc(), note.id)
        )
        return [Note(**row._mapping) for row in self._execute(statement)]

    def names(self, keys: Collection[Any]) -> dict[Any, str]:
        """Return what some users of this platform are called, by their key. One statement."""
        users, key = self.mapping.users, self.mapping.key
        columns = [key.label("key"), users.username.label("username"), users.email.label("email")]
        chosen = one_of(self.session, key, keys, self.mapping.bind)
        found = self._execute(self._users(*columns).where(chosen))
        return {row.key: row.username or row.email or str(row.key) for row in found}

    def name_of(self, key: Any) -> str:
        """Return what to call a user, deleted or not. One statement.

        Raises:
            NotFoundError: there is none on this platform.
        """
        users, own = self.mapping.users, self.holds(self.mapping.key, str(key))
        row = self._execute(self._everyone(users.username, users.email).where(own)).first()
        if row is None:
            raise NotFoundError(key)
        return next((str(name) for name in row if name), str(key))

    def keys_named(self, name: str) -> list[Any]:
        """Return the keys of users by exactly their username or email. One statement.

        Of many users of one name it returns the first hundred.
        """
        users, key = self.mapping.users, self.mapping.key
        username, email = clause(users.username), clause(users.email)
        statement = (
            self._users(key.label("key"), username.label("username"), email.label("email"))
            .where((username == name) | (email == name))
            .order_by(key)
            .limit(100)
        )
        # Databases may take other spellings for the same text (case, accents); we do not.
        return [row.key for row in self._execute(statement) if name in (row.username, row.email)]

    def keys_like(self, term: str, limit: int) -> list[Any]:
        """Return the keys of users, deleted or not, by part of a name. One statement."""
        found = self._everyone(self.mapping.key).where(self._contains(term))
        return list(self._execute(found.order_by(self.mapping.key).limit(limit)).scalars())

    def _contains(self, term: str) -> sa.ColumnElement[bool]:
        columns = [clause(column) for column in self.mapping.searched]
        connection = self.session.connection(self.mapping.bind)
        if connection.dialect.name != "sqlite":
            return sa.or_(*(column.icontains(term, autoescape=True) for column in columns))
        # SQLite's lower() and LIKE know the letters of ASCII only.
        driver: Any = connection.connection.driver_connection
        driver.create_function("platform_users_fold", 1, _fold, deterministic=True)
        folded = [sa.func.platform_users_fold(c, type_=sa.String) for c in columns]
        return sa.or_(*(column.contains(_fold(term), autoescape=True) for column in folded))

    # What a change asks before it is made

    def has(self, key: Any) -> bool:
        """Say whether there is a user with this key. One statement."""
        found = self._execute(self._users(sa.literal(1)).where(self.mapping.key == key))
        return found.first() is not None

    def is_shut_out(self, key: str) -> bool:
        """Say whether a user of this platform is blocked or deleted."""
        own = self.mapping.key == self.parse(key)
        row = self._execute(
            self._everyone(self.mapping.status, self.mapping.tables.state.c.deleted_at).where(own)
        ).first()
        return row is not None and (row[0] == "blocked" or row.deleted_at is not None)

    def key_of_person(self, person: Any) -> str | None:
        """Return the text of the key of a person who is a row of the user model, else None."""
        if not isinstance(person, self.mapping.users.model):
            return None
        return str(getattr(person, self.mapping.key.key))

    def related(self, user: UserRow, entity: Any) -> Any:
        """Return the row of a joined model, such as the membership, that belongs to a user."""
        statement = self._users(entity).where(self.mapping.key == user.key)
        return self._execute(statement).scalar_one()

    def lock(self, keys: Collection[str]) -> None:
        """Keep everybody else from changing users' own rows until the transaction ends."""
        statement = sa.select(self.mapping.key).order_by(self.mapping.key).with_for_update()
        self._find(statement, keys)

    # What is read of a user

    def _fields(self) -> list[sa.ColumnElement[Any]]:
        users = self.mapping.users
        fields = {
            "key": self.mapping.key,
            "username": users.username,
            "email": users.email,
            "phone": users.phone,
            "role": self.mapping.roles,
            "status": self.mapping.status,
            "last_login": users.last_login,
            "created": users.created,
            "deleted_at": self.mapping.tables.state.c.deleted_at,
            "purge_at": self.mapping.tables.state.c.purge_at,
        }
        return [
            *(
                (sa.null() if value is None else value).label(name)
                for name, value in fields.items()
            ),
            *(
                self.mapping.count(count, self.platform).label(f"channel_{count.name}")
                for count in self.mapping.channels
            ),
            *(
                clause(value).label(f"column_{column.name}")
                for column, value in self.mapping.own_columns.items()
            ),
        ]

    def _values(self, row: sa.Row[Any]) -> dict[str, Any]:
        """Return what was read of a user by the names of ``UserRow``."""
        found, role = row._mapping, row.role
        if isinstance(self.mapping.users.role, Many):
            roles = tuple(sorted(role.split(SEPARATOR))) if role else ()
        else:
            roles = () if role is None else (word(role),)
        return {
            "key": row.key,
            "username": row.username,
            "email": row.email,
            "phone": row.phone,
            "roles": roles,
            "status": row.status,
            "last_login": as_utc(row.last_login),
            "created": as_utc(row.created),
            "channels": {c.name: found[f"channel_{c.name}"] for c in self.mapping.channels},
            "columns": {
                c.name: _value(found[f"column_{c.name}"]) for c in self.mapping.own_columns
            },
            "deleted_at": row.deleted_at,
            "purge_at": row.purge_at,
        }


def _value(value: Any) -> Any:
    """Return a value of a host's own column as the page takes it."""
    if isinstance(value, datetime):
        return as_utc(value)
    return word(value) if isinstance(value, enum.Enum) else value


def _fold(text: str | None) -> str | None:
    return None if text is None else str(text).casefold()
