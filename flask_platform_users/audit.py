"""The history: appended in the transaction of the change, chained so that tampering shows.

Each platform has a chain of its own. An event's MAC covers the event and the MAC before it, with a
key that is not in the database, so that whoever can write the tables still cannot forge an entry.
What tells of people (names, address, reason) lies in a table beside it, of which the chain holds a
salted digest only: it can be erased and the chain still verifies.
"""

import hashlib
import hmac
import json
import secrets
from collections.abc import Collection, Generator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session, scoped_session

from .arrays import insert_all, one_of
from .models import Tables

DONE, REFUSED, FAILED = OUTCOMES = ("done", "refused", "failed")

START = "0" * 64
"""What stands before the first event of a chain."""


@dataclass(frozen=True, kw_only=True)
class Entry:
    """What is to be recorded.

    Attributes:
        action: the action's name.
        outcome: one of ``OUTCOMES``.
        actor: the login id of the person who really acted; None for the system.
        acting_as: the login id of the person they were seen as, if any.
        user_key: the user it was done to; None where it was done to none.
        changes: the changed fields, each with its value before and after. Not personal data.
        request_id: what tells a repeated request from a new one.
        actor_name: erasable, like all below.
        user_name: what the user was called at the time.
        reason: why, in the actor's words.
        address: the network address the request came from.
    """

    action: str
    outcome: str = DONE
    actor: str | None = None
    acting_as: str | None = None
    user_key: Any = None
    changes: Mapping[str, tuple[Any, Any]] = field(default_factory=dict)
    request_id: str | None = None
    actor_name: str = ""
    user_name: str = ""
    reason: str = ""
    address: str = ""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """The first place where a chain is not what was written.

    Attributes:
        seq: the number of the first bad event.
        why: what is wrong with it, in a sentence.
    """

    seq: int
    why: str


@dataclass(frozen=True)
class Keys:
    """The keys that events are signed with.

    Args:
        current: the name of the key that signs new events.
        secrets: every key by its name; old ones stay so that old events verify.
    """

    current: str
    secrets: Mapping[str, bytes] = field(repr=False)


class Chain:
    """One platform's chain of events, inside the caller's transaction.

    Args:
        tables: the mount's tables.
        session: the session whose transaction everything happens in.
        platform: the key of the platform.
        keys: what the events are signed with.
        bind: the ``bind_arguments`` of each statement.
    """

    def __init__(
        self,
        tables: Tables,
        session: Session | scoped_session[Any],
        platform: Any,
        keys: Keys,
        bind: dict[str, Any],
    ) -> None:
        self.tables = tables
        self.session = session
        self.platform = platform
        self.keys = keys
        self.bind = bind

    def lock(self) -> None:
        """Wait for this platform's turn; nothing else of it changes until the transaction ends.

        It has to be the transaction's first statement: SQLite takes its write lock by it, and
        MariaDB takes its snapshot after it.
        """
        if not self._lock_head():
            first = sa.insert(self.tables.head).values(platform_key=self.platform, seq=0, mac=START)
            try:
                with self.session.begin_nested():
                    self._execute(first)
            except IntegrityError:  # the platform's first two events at the same moment
                self._lock_head()

    def _lock_head(self) -> bool:
        head = self.tables.head
        mine = head.c.platform_key == self.platform
        return bool(self._execute(sa.update(head).where(mine).values(seq=head.c.seq)).rowcount)

    def append(self, entry: Entry, at: datetime) -> int:
        """Record an entry, and return its number. The platform has to be locked."""
        return self.extend([entry], at)[0]

    def extend(self, entries: Sequence[Entry], at: datetime) -> list[int]:
        """Record entries in order, and return their numbers. The platform has to be locked."""
        if not entries:
            return []
        head = self.tables.head
        mine = head.c.platform_key == self.platform
        seq, mac = self._execute(sa.select(head.c.seq, head.c.mac).where(mine)).one()
        columns = self.tables.event_private.c
        events, privates = [], []
        for entry in entries:
            seq += 1
            private = {
                name: _fitting(getattr(entry, name), columns[name])
                for name in ("actor_name", "user_name", "reason", "address")
            }
            private["salt"] = secrets.token_hex(16)
            event = {
                "platform_key": self.platform,
                "seq": seq,
                "at": at.astimezone(UTC),
                "actor": entry.actor,
                "acting_as": entry.acting_as,
                "user_key": entry.user_key,
                "action": entry.action,
                "outcome": entry.outcome,
                "changes": canonical({k: list(v) for k, v in entry.changes.items()}),
                "request_id": entry.request_id,
                "private_digest": digest(private),
                "key_id": self.keys.current,
                "prev": mac,
            }
            event["mac"] = mac = sign(event, self.keys.secrets[self.keys.current])
            events.append(event)
            privates.append({"platform_key": self.platform, "seq": seq, **private})
        insert_all(self.session, self.tables.event, events, self.bind)
        insert_all(self.session, self.tables.event_private, privates, self.bind)
        self._execute(sa.update(head).where(mine).values(seq=seq, mac=mac))
        return [event["seq"] for event in events]

    def find(self, request_ids: Collection[str]) -> dict[str, int]:
        """Return the numbers of the events that requests were recorded as, without new ones."""
        if not request_ids:
            return {}
        event = self.tables.event.c
        statement = sa.select(event.request_id, event.seq).where(
            event.platform_key == self.platform,
            one_of(self.session, event.request_id, request_ids, self.bind),
        )
        return {row.request_id: row.seq for row in self._execute(statement)}

    def is_reused(self, request_id: str) -> bool:
        """Say whether an event has an id that begins with the same half."""
        event, half = self.tables.event.c, request_id[:32]
        statement = sa.select(event.seq).where(
            event.platform_key == self.platform, event.request_id.between(half, half + "g")
        )
        return self._execute(statement.limit(1)).first() is not None

    def erase(self, user_key: Any) -> int:
        """Forget the names, reasons and addresses of all that was done to a user.

        Also when the product was seen as them.

        Returns:
            the number of events that they were erased from.
        """
        event, private = self.tables.event.c, self.tables.event_private
        theirs = sa.select(event.seq).where(
            event.platform_key == self.platform, event.user_key == user_key
        )
        statement = sa.delete(private).where(
            private.c.platform_key == self.platform, private.c.seq.in_(theirs)
        )
        seen = self.tables.impersonation
        self._execute(
            sa.update(seen)
            .where(seen.c.platform_key == self.platform, seen.c.user_key == user_key)
            .values(user_name="", reason="", ticket="")
        )
        return int(self._execute(statement).rowcount)

    def verify(self, anchor: tuple[int, str] | None = None) -> Fault | None:
        """Read the whole chain and return its first fault, None if it is as it was written.

        Args:
            anchor: number and MAC of an event as they were noted elsewhere; it makes a tail that
                was cut off, or a chain that was written anew, visible.
        """
        head = self.tables.head.c
        row = self._execute(
            sa.select(head.seq, head.mac).where(head.platform_key == self.platform)
        ).first()
        last, last_mac = (0, START) if row is None else row
        seq, prev = 0, START
        with closing(self._read()) as events:
            for event, private in events:
                fault = self._fault(event, private, seq + 1, prev)
                if fault:
                    return Fault(seq=seq + 1, why=fault)
                seq, prev = seq + 1, event["mac"]
                if anchor and anchor[0] == seq and not hmac.compare_digest(anchor[1], prev):
                    return Fault(seq=seq, why="It is not the event that the anchor noted.")
        if anchor and anchor[0] > seq:
            return Fault(seq=seq + 1, why="The chain ends before the event that the anchor noted.")
        if seq < last:
            return Fault(seq=seq + 1, why="It is missing, and so is all that followed.")
        if seq > last or not hmac.compare_digest(prev, last_mac):
            return Fault(seq=seq, why="The head of the chain does not know it.")
        return None

    def head(self) -> tuple[int, str]:
        """Return number and MAC of the last event, to be noted elsewhere as an anchor."""
        head = self.tables.head.c
        row = self._execute(
            sa.select(head.seq, head.mac).where(head.platform_key == self.platform)
        ).first()
        return (0, START) if row is None else (int(row.seq), str(row.mac))

    def _fault(
        self, event: Mapping[str, Any], private: Mapping[str, Any] | None, seq: int, prev: str
    ) -> str | None:
        if event["seq"] != seq:
            return "It is missing."
        if event["prev"] != prev:
            return "It does not follow the event before it."
        secret = self.keys.secrets.get(event["key_id"])
        if secret is None:
            return f"It was signed with the key {event['key_id']!r}, which is not configured."
        if not hmac.compare_digest(sign(event, secret), event["mac"]):
            return "It is not what was written."
        if private is not None and digest(private) != event["private_digest"]:
            return "What it tells of people is not what was written."
        return None

    def _read(self) -> Generator[tuple[Mapping[str, Any], Mapping[str, Any] | None], None, None]:
        event, private = self.tables.event, self.tables.event_private
        own = (private.c.platform_key == event.c.platform_key) & (private.c.seq == event.c.seq)
        statement = (
            sa.select(event, *(private.c[name].label(f"private_{name}") for name in PRIVATE))
            .join_from(event, private, own, isouter=True)
            .where(event.c.platform_key == self.platform)
            .order_by(event.c.seq)
            .execution_options(yield_per=1000)
        )
        with self._execute(statement) as rows:
            for row in rows.mappings():
                told = {name: row[f"private_{name}"] for name in PRIVATE}
                yield row, None if told["salt"] is None else told

    def _execute(self, statement: Any) -> Any:
        return self.session.execute(statement, bind_arguments=self.bind)


PRIVATE = ("actor_name", "user_name", "reason", "address", "salt")
_SIGNED = (
    "platform_key",
    "seq",
    "at",
    "actor",
    "acting_as",
    "user_key",
    "action",
    "outcome",
    "changes",
    "request_id",
    "private_digest",
    "key_id",
    "prev",
)


def _fitting(text: str, column: sa.Column[str]) -> str:
    """Return a text as the column can keep it: cut to its length, without NUL."""
    return text.replace("\x00", "")[: getattr(column.type, "length", None)]


def canonical(value: Any) -> str:
    """Return the one JSON text of a value: sorted, without spaces, moments in ISO 8601."""
    return _JSON.encode(value)


def _text(value: Any) -> str:
    return value.isoformat() if isinstance(value, datetime) else str(value)


def digest(private: Mapping[str, Any]) -> str:
    """Return what the chain holds of the erasable part of an event."""
    return hashlib.sha256(canonical({name: private[name] for name in PRIVATE}).encode()).hexdigest()


_JSON = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_text)


def sign(event: Mapping[str, Any], secret: bytes) -> str:
    """Return an event's MAC: HMAC-SHA-256 (RFC 2104) over all that it says and what it follows."""
    said = {name: event[name] for name in _SIGNED}
    for name in ("platform_key", "user_key"):  # as text, whatever type they were given in
        said[name] = None if said[name] is None else str(said[name])
    return hmac.digest(secret, canonical(said).encode(), "sha256").hex()
