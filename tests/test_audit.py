"""Whatever is done to the history behind the plugin's back is found, or refused at once."""

import random
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from flask_platform_users import Status, Users
from flask_platform_users.audit import START, Chain, Entry, Keys
from flask_platform_users.models import build_tables
from flask_platform_users.triggers import attach_triggers, create_triggers

from .conftest import DATABASES, NewDatabase, need

KEYS = Keys(current="new", secrets={"old": b"o" * 32, "new": b"n" * 32})
NOON = datetime(2026, 5, 3, 12, tzinfo=UTC)
LENGTH = 12


class Base(DeclarativeBase):
    pass


class User(Base):
    __tablename__ = "audited_user"
    id: Mapped[int] = mapped_column(primary_key=True)
    platform_id: Mapped[str] = mapped_column(sa.String(40))
    name: Mapped[str] = mapped_column(sa.String(40))


TABLES = build_tables(
    "audited",
    Users(
        User,
        platform=User.platform_id,
        username=User.name,
        email=User.name,
        status=Status(active=sa.true()),
    ),
)
attach_triggers(TABLES)


@pytest.fixture(scope="module", params=DATABASES)
def engine(request: pytest.FixtureRequest, new_database: NewDatabase) -> Iterator[sa.Engine]:
    """Return a database with the tables and their triggers."""
    need(request.param)
    engine = sa.create_engine(new_database(request.param, "audit"))
    Base.metadata.create_all(engine)
    yield engine
    engine.dispose()


@pytest.fixture
def session(engine: sa.Engine) -> Iterator[Session]:
    """A session in which the tables are empty and have their triggers."""
    with Session(engine) as session:
        yield session
    with engine.begin() as connection:
        for table in (TABLES.event_private, TABLES.event):
            table.drop(connection)
            table.create(connection)
        for table in reversed(Base.metadata.sorted_tables):
            connection.execute(table.delete())


def chain(session: Session, platform: str = "acme", keys: Keys = KEYS) -> Chain:
    return Chain(TABLES, session, platform, keys, {})


def fill(session: Session, platform: str = "acme", length: int = LENGTH) -> Chain:
    filled = chain(session, platform)
    for number in range(length):
        filled.lock()
        entry = Entry(
            action="block",
            actor="7",
            actor_name="Ada",
            user_key=number % 3,
            user_name=f"User {number}",
            changes={"Status": ("Active", "Blocked")},
            reason="Überfällig, 逾期",
            address="192.0.2.1",
        )
        filled.append(entry, NOON + timedelta(microseconds=number))
        session.commit()
    return filled


def unprotect(session: Session) -> None:
    """Do what only an owner of the tables can do: make them again without their triggers."""
    connection = session.connection()
    copies = sa.MetaData()
    for table in (TABLES.event, TABLES.event_private):
        rows = [dict(row) for row in connection.execute(sa.select(table)).mappings()]
        connection.execute(sa.schema.DropTable(table))
        bare = table.to_metadata(copies)
        bare.indexes.clear()
        connection.execute(sa.schema.CreateTable(bare))
        if rows:
            connection.execute(sa.insert(table), rows)
    session.commit()


def test_an_untouched_history_verifies_on_every_platform(session: Session) -> None:
    for platform in ("acme", "globex", "empty"):
        filled = fill(session, platform, 0 if platform == "empty" else 5)
        assert filled.verify() is None
        assert filled.verify(filled.head()) is None
    assert chain(session, "empty").head() == (0, START)


@pytest.mark.parametrize(
    "statement",
    [
        sa.update(TABLES.event).values(action="x"),
        sa.update(TABLES.event).where(TABLES.event.c.seq == 3).values(outcome="failed"),
        sa.delete(TABLES.event),
        sa.delete(TABLES.event).where(TABLES.event.c.seq == LENGTH),
        sa.update(TABLES.event_private).values(reason="x"),
    ],
    ids=str,
)
def test_triggers_refuse_to_change_the_history(session: Session, statement: Any) -> None:
    filled = fill(session)
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        session.execute(statement)
    session.rollback()
    assert filled.verify() is None


def test_triggers_refuse_replacing_and_truncating(session: Session) -> None:
    filled = fill(session)
    dialect = session.get_bind().dialect.name
    if dialect == "sqlite":
        forbidden = f"REPLACE INTO {TABLES.event.name} SELECT * FROM {TABLES.event.name}"
    elif dialect == "postgresql":
        forbidden = f"TRUNCATE {TABLES.event.name}"
    else:  # MariaDB fires no trigger for TRUNCATE, but does for REPLACE
        forbidden = f"REPLACE INTO {TABLES.event.name} SELECT * FROM {TABLES.event.name}"
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        session.execute(sa.text(forbidden))
    session.rollback()
    assert filled.verify() is None


def test_a_migration_can_make_the_triggers(session: Session) -> None:
    filled = fill(session)
    unprotect(session)
    create_triggers(session.connection(), TABLES)
    session.commit()
    with pytest.raises(sa.exc.DBAPIError, match="append-only"):
        session.execute(sa.delete(TABLES.event))
    session.rollback()
    assert filled.verify() is None


def test_each_of_over_two_hundred_manipulations_is_found(session: Session) -> None:
    filled = fill(session)
    fill(session, "globex")
    anchor = filled.head()
    unprotect(session)
    chance = random.Random(2026)
    kept = snapshot(session)
    found = tried = 0
    while tried < 210:
        name, seq = chance.choice(MANIPULATIONS)(session, chance)
        session.flush()
        if snapshot(session) == kept:
            session.rollback()
            continue  # it changed nothing, such as a value set to what it was
        tried += 1
        fault = chain(session).verify(anchor)
        assert fault is not None, f"{name} of event {seq} was not found"
        assert fault.seq <= seq, f"{name} of event {seq} was found at {fault.seq} only"
        found += 1
        session.rollback()
    assert (tried, found) == (210, 210)
    assert filled.verify(anchor) is None


def snapshot(session: Session) -> list[Any]:
    return [sorted(map(str, session.execute(sa.select(one)))) for one in (EVENT, PRIVATE, HEAD)]


Manipulation = Callable[[Session, random.Random], tuple[str, int]]
EVENT, PRIVATE, HEAD = TABLES.event, TABLES.event_private, TABLES.head
ACME = EVENT.c.platform_key == "acme"


def alter(session: Session, chance: random.Random) -> tuple[str, int]:
    seq = chance.randint(1, LENGTH)
    name, value = chance.choice(
        [
            ("at", NOON + timedelta(days=1)),
            ("actor", "8"),
            ("acting_as", "9"),
            ("user_key", 99),
            ("action", "unblock"),
            ("outcome", "refused"),
            ("changes", "{}"),
            ("request_id", "z"),
            ("private_digest", "0" * 64),
            ("key_id", "old"),
            ("prev", "1" * 64),
            ("mac", "2" * 64),
        ]
    )
    session.execute(sa.update(EVENT).where(ACME, EVENT.c.seq == seq).values({name: value}))
    return f"changing {name}", seq


def alter_private(session: Session, chance: random.Random) -> tuple[str, int]:
    seq = chance.randint(1, LENGTH)
    name = chance.choice(["actor_name", "user_name", "reason", "address", "salt"])
    session.execute(
        sa.update(PRIVATE)
        .where(PRIVATE.c.platform_key == "acme", PRIVATE.c.seq == seq)
        .values({name: "x"})
    )
    return f"changing {name}", seq


def delete(session: Session, chance: random.Random) -> tuple[str, int]:
    seq = chance.randint(1, LENGTH)
    session.execute(sa.delete(EVENT).where(ACME, EVENT.c.seq == seq))
    return "deleting", seq


def swap(session: Session, chance: random.Random) -> tuple[str, int]:
    one, other = sorted(chance.sample(range(1, LENGTH + 1), 2))
    for old, new in ((one, -1), (other, one), (-1, other)):
        session.execute(sa.update(EVENT).where(ACME, EVENT.c.seq == old).values(seq=new))
    return "swapping", other


def insert(session: Session, chance: random.Random) -> tuple[str, int]:
    copied = chance.randint(1, LENGTH)
    row = dict(
        session.execute(sa.select(EVENT).where(ACME, EVENT.c.seq == copied)).mappings().one()
    )
    row["seq"] = LENGTH + 1
    session.execute(sa.insert(EVENT).values(row))
    return "inserting", LENGTH + 1


def truncate(session: Session, chance: random.Random) -> tuple[str, int]:
    """Cut the tail off, and have the head agree with what is left."""
    last = chance.randint(0, LENGTH - 1)
    session.execute(sa.delete(EVENT).where(ACME, EVENT.c.seq > last))
    mac = session.execute(sa.select(EVENT.c.mac).where(ACME, EVENT.c.seq == last)).scalar()
    session.execute(
        sa.update(HEAD).where(HEAD.c.platform_key == "acme").values(seq=last, mac=mac or START)
    )
    return "cutting the tail", last + 1


def move(session: Session, chance: random.Random) -> tuple[str, int]:
    """Put an event of another platform in the place of one."""
    seq = chance.randint(1, LENGTH)
    session.execute(sa.delete(EVENT).where(ACME, EVENT.c.seq == seq))
    session.execute(
        sa.update(EVENT)
        .where(EVENT.c.platform_key == "globex", EVENT.c.seq == seq)
        .values(platform_key="acme")
    )
    return "moving", seq


def forge(session: Session, chance: random.Random) -> tuple[str, int]:
    """Write the end of the chain anew, with a key of one's own."""
    seq = chance.randint(1, LENGTH)
    session.execute(sa.delete(EVENT).where(ACME, EVENT.c.seq >= seq))
    session.execute(
        sa.delete(PRIVATE).where(PRIVATE.c.platform_key == "acme", PRIVATE.c.seq >= seq)
    )
    mac = session.execute(sa.select(EVENT.c.mac).where(ACME, EVENT.c.seq == seq - 1)).scalar()
    session.execute(
        sa.update(HEAD).where(HEAD.c.platform_key == "acme").values(seq=seq - 1, mac=mac or START)
    )
    forger = chain(session, keys=Keys(current="new", secrets={"new": b"x" * 32}))
    for _ in range(LENGTH - seq + 1):
        forger.append(Entry(action="unblock", actor="7"), NOON)
    return "forging", seq


MANIPULATIONS: list[Manipulation] = [
    alter,
    alter,
    alter,
    alter_private,
    delete,
    swap,
    insert,
    truncate,
    move,
    forge,
]


def test_without_an_anchor_a_cut_tail_is_all_that_escapes(session: Session) -> None:
    filled = fill(session)
    unprotect(session)
    truncate(session, random.Random(1))
    assert filled.verify() is None
    assert filled.verify((LENGTH, "0" * 64)) is not None


def test_texts_of_any_kind_are_kept_as_they_are(session: Session) -> None:
    """Also what separates texts where several are sent as one."""
    names = ["Ann", "", "a\x1fb", "\x1f", 'quotes " and \\ and {braces},', "NULL"]
    history = chain(session)
    history.lock()
    entries = [Entry(action="block", user_key=n, user_name=name) for n, name in enumerate(names)]
    history.extend(entries, NOON)
    history.extend([Entry(action="block", user_name="") for _ in range(3)], NOON)
    private = TABLES.event_private.c
    kept = session.scalars(sa.select(private.user_name).order_by(private.seq)).all()
    assert kept == [*names, "", "", ""]
    assert history.verify() is None


def test_an_id_is_not_cut_to_one_that_is_there(session: Session) -> None:
    """However long it is."""
    history, there = chain(session), "a" * 64
    history.lock()
    history.append(Entry(action="block", request_id=there), NOON)
    assert history.find([there, "b"]) == {there: 1}
    assert history.find([f"{there}b"]) == {}
    assert history.find([f"{there}b", "b"]) == {}


def test_a_clock_that_goes_back_changes_neither_the_order_nor_the_chain(session: Session) -> None:
    events = chain(session)
    now = datetime.now(UTC)
    for hours in (0, -5, -10, 1):
        events.lock()
        events.append(Entry(action="block", actor="1"), now + timedelta(hours=hours))
        session.commit()
    event = TABLES.event.c
    told = session.execute(sa.select(event.seq, event.at).order_by(event.seq)).all()
    assert [seq for seq, _ in told] == [1, 2, 3, 4]
    assert [round((at - now) / timedelta(hours=1)) for _, at in told] == [0, -5, -10, 1]
    assert events.verify() is None


def test_an_erased_person_leaves_a_chain_that_verifies(session: Session) -> None:
    filled = fill(session)
    assert filled.erase(1) == 4
    session.commit()
    assert filled.verify() is None
    assert filled.erase(1) == 0


def test_events_signed_with_an_older_key_verify_for_as_long_as_it_is_known(
    session: Session,
) -> None:
    older = chain(session, keys=Keys(current="old", secrets=KEYS.secrets))
    older.lock()
    older.append(Entry(action="block"), NOON)
    fill(session, length=2)
    assert chain(session).verify() is None
    fault = chain(session, keys=Keys(current="new", secrets={"new": b"n" * 32})).verify()
    assert fault is not None
    assert fault.why == "It was signed with the key 'old', which is not configured."
