"""What ``suggest`` prints for each host is run on that host and compared with its own mapping."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from flask import Flask
from flask.cli import ScriptInfo
from flask_login import LoginManager, current_user
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from flask_platform_users import Directory, PlatformUsers, Policy
from flask_platform_users.cli import commands
from flask_platform_users.directory import ListQuery
from flask_platform_users.results import UserRow

from .conftest import Worlds
from .hosts import HOSTS, Key, Login
from .product import opened
from .world import HOME, World

FIELDS = ("username", "email", "phone", "role", "status", "last_login", "created")


def bare_app(host: Flask, db: SQLAlchemy) -> Flask:
    """Return an app with a host's models that does not mount the page."""
    app = Flask("bare")
    for key in ("SECRET_KEY", "SQLALCHEMY_DATABASE_URI", "SQLALCHEMY_BINDS"):
        app.config[key] = host.config[key]
    db.init_app(app)
    LoginManager(app).user_loader(lambda _: None)
    return app


def suggested(app: Flask, model: str) -> str:
    """Run the command as ``flask`` does on an app that knows nothing of it."""
    result = CliRunner().invoke(
        commands, ["suggest", model], obj=ScriptInfo(create_app=lambda: app)
    )
    assert result.exception is None, result.output
    return result.output


def path_of(extension: PlatformUsers) -> str:
    model = extension.users.model
    return f"{model.__module__}:{model.__name__}"


@contextmanager
def mounted(app: Flask, code: str) -> Iterator[PlatformUsers]:
    """Run what was printed, mount it, and leave the host's metadata as it was."""
    module: dict[str, Any] = {}
    exec(compile(code, "suggested", "exec"), module)
    extension: PlatformUsers = module["platform_users"]
    metadata = sa.inspect(extension.users.model).local_table.metadata
    before = set(metadata.tables)
    with app.app_context():
        extension.init_app(app)
        engine = extension.db.session.get_bind(**extension.mapping.bind)
        added = [table for name, table in metadata.tables.items() if name not in before]
        try:
            for table in added:
                table.create(engine)
            yield extension
        finally:
            extension.db.session.remove()
            for table in added:
                table.drop(engine)
                metadata.remove(table)
            for one in extension.db.engines.values():
                one.dispose()


@dataclass(frozen=True)
class Read:
    """What a mapping says of one platform."""

    cards: dict[str, int]
    rows: dict[Key, UserRow]
    usage: dict[str, list[int]]

    @classmethod
    def of(cls, directory: Directory) -> "Read":
        """Read it."""
        summary = directory.summary()
        names = ("total", "active", "inactive", "blocked", "pending")
        sort = next(iter(directory.sorts(summary.total).values()))
        users = directory.page(ListQuery(per_page=200), sort).users
        counted = [directory.usage(user) for user in sorted(users, key=lambda row: str(row.key))]
        return cls(
            cards={name: getattr(summary, name) for name in names} | summary.channels,
            rows={user.key: user for user in users},
            usage={name: [one[name] for one in counted] for name in counted[0]},
        )

    def field(self, name: str) -> dict[Key, Any]:
        """Return one field of all users."""
        attribute = "roles" if name == "role" else name
        return {key: getattr(row, attribute) for key, row in self.rows.items()}

    def channel(self, name: str) -> dict[Key, int | None]:
        """Return how many channels of one kind each user has."""
        return {key: row.channels.get(name) for key, row in self.rows.items()}


def compared(extension: PlatformUsers, ours: Read, real: Read) -> Iterator[tuple[str, bool]]:
    """Say of each argument of the real mapping whether the suggested one comes to the same."""
    yield "platform", ours.rows.keys() == real.rows.keys()
    for name in FIELDS:
        if getattr(extension.users, name) is not None:
            yield name, ours.field(name) == real.field(name)
    for count in extension.channels:
        yield f"channel {count.name}", ours.channel(count.name) == real.channel(count.name)
    for count in extension.usage:
        yield f"usage {count.name}", real.usage[count.name] in ours.usage.values()


def platform_run_by(world: World, login: Login, policy: Policy) -> Key:
    """Ask a policy which platform somebody runs who signed in at the host."""
    with world.app.test_client() as client:
        world.host.sign_in(client, login)
        client.get(HOME)
        return policy.platform_of(current_user._get_current_object())


def is_said(code: str, argument: str) -> bool:
    """Say whether the output admits that an argument was not guessed."""
    name = "channels" if argument.startswith("channel ") else argument
    return f"# Not guessed: {name}," in code


def test_the_printed_mapping_starts_and_says_what_the_real_one_says(
    world: World, record_property: Any
) -> None:
    platform, other = world.platform("Acme"), world.platform("Umbrella")
    owner, stranger = world.owner(platform), world.stranger()
    world.add(*world.crowd(platform, 30), world.person(other))
    people = [world.person(platform, status=status) for status in world.host.CAN.statuses]
    world.add(*(one for person in people for one in (person, world.person(platform))))
    with world.directory(platform) as directory:
        real = Read.of(directory)
    app = bare_app(world.app, world.host.db)
    code = suggested(app, path_of(world.extension))
    with mounted(app, code) as extension:
        ours = Read.of(extension.directory(platform))
    verdicts = dict(compared(world.extension, ours, real))
    verdicts["policy"] = platform_run_by(world, owner, extension.policy) == platform
    assert platform_run_by(world, stranger, extension.policy) is None
    wrong = {argument for argument, right in verdicts.items() if not right}
    assert {argument for argument in wrong if not is_said(code, argument)} == set()
    unsaid = {name: number for name, number in real.cards.items() if f"channel {name}" not in wrong}
    assert {name: ours.cards[name] for name in unsaid} == unsaid
    record_property("suggest", (world.host.NAME, len(verdicts), sorted(wrong)))


def test_the_printed_mapping_of_the_example_says_what_its_own_says(tmp_path: Path) -> None:
    with opened("sqlite", tmp_path) as product:
        with product.app.app_context():
            real = Read.of(product.extension.directory(2))
        app = bare_app(product.app, product.extension.db)
        with mounted(app, suggested(app, "User")) as extension:
            ours = Read.of(extension.directory(2))
    verdicts = dict(compared(product.extension, ours, real))
    assert verdicts == dict.fromkeys(verdicts, True)
    assert ours.cards == real.cards


@pytest.mark.parametrize("name", HOSTS)
def test_an_empty_database_is_enough_for_a_mapping_that_starts(name: str, worlds: Worlds) -> None:
    world = worlds(f"{name}/sqlite")
    world.clean()
    app = bare_app(world.app, world.host.db)
    with mounted(app, suggested(app, path_of(world.extension))) as extension:
        assert extension.directory(None).summary().total == 0


class Base(DeclarativeBase):
    """The declarative base of a small shop."""


db = SQLAlchemy(model_class=Base)
if TYPE_CHECKING:
    Model = Base
else:
    Model = db.Model


class Patron(Model):
    """A user of many hints, and of none for their email."""

    id: Mapped[int] = mapped_column(primary_key=True)
    store: Mapped[int]
    first_name: Mapped[str]
    last_name: Mapped[str]
    status: Mapped[int]
    suspended: Mapped[bool | None]
    phone_verified: Mapped[bool]
    closed_at: Mapped[datetime | None]


class Gadget(Model):
    """A connected account, with odd words for its kind."""

    id: Mapped[int] = mapped_column(primary_key=True)
    approved_by: Mapped[int | None] = mapped_column(sa.ForeignKey(Patron.id))
    patron_id: Mapped[int] = mapped_column(sa.ForeignKey(Patron.id))
    channel: Mapped[str]


class PasswordToken(Model):
    """What nobody counts."""

    id: Mapped[int] = mapped_column(primary_key=True)
    patron_id: Mapped[int] = mapped_column(sa.ForeignKey(Patron.id))


def shop(url: str = "sqlite://") -> Flask:
    """Return a shop that does not mount the page."""
    app = Flask(__name__)
    app.config.update(SECRET_KEY="s", SQLALCHEMY_DATABASE_URI=url)
    db.init_app(app)
    return app


def test_odd_words_are_quoted_and_what_is_not_counted_is_said() -> None:
    app = shop()
    with app.app_context():
        db.create_all()
        db.session.add(
            Patron(store=1, first_name="A", last_name="B", status=1, phone_verified=True)
        )
        db.session.flush()
        words = ["ig", "wa", 'a "b", (c)\nimport os', "2×"]
        db.session.add_all(Gadget(patron_id=1, channel=word) for word in words)
        db.session.add_all(Gadget(patron_id=1, channel=word) for word in words[:3])
        db.session.commit()
        code = suggested(app, "Patron")
    compile(code, "suggested", "exec")
    assert '"instagram"' in code
    assert 'where=Gadget.channel == "a \\"b\\", (c)\\nimport os"' in code
    assert 'Patron.first_name + " " + Patron.last_name' in code
    assert "# Not counted: PasswordToken: its name (password, token) says" in code
    assert "Count" in code
    assert "approved_by" not in code
    assert "# Not guessed: email," in code
    assert "email=None," in code


def test_flags_and_moments_become_predicates_and_a_function_that_writes_them() -> None:
    code = suggested(shop(), "Patron")
    assert "active=Patron.suspended.is_not(True) & Patron.closed_at.is_(None)" in code
    assert "inactive=Patron.closed_at.is_not(None)" in code
    assert "blocked=Patron.suspended," in code
    assert 'user.suspended = status == "blocked"' in code
    assert "phone_verified" not in code


def test_without_a_connection_the_names_alone_are_read() -> None:
    code = suggested(shop("sqlite:////nowhere/at/all.sqlite3"), f"{__name__}:Patron")
    assert "# The database could not be read: no guess is by its data." in code
    compile(code, "suggested", "exec")


@pytest.mark.parametrize(
    ("model", "sentence"),
    [
        ("Nobody", "No model of this app's Flask-SQLAlchemy is named Nobody."),
        ("shop.models:User", "shop.models:User cannot be imported: No module named 'shop'."),
        (f"{__name__}:Flask", f"{__name__}:Flask is not a mapped class."),
    ],
)
def test_a_model_that_is_not_found_is_a_clear_sentence(model: str, sentence: str) -> None:
    app = shop()
    result = CliRunner().invoke(
        commands, ["suggest", model], obj=ScriptInfo(create_app=lambda: app)
    )
    assert result.exit_code == 2
    assert sentence in result.output


def test_other_commands_say_that_the_page_is_not_mounted() -> None:
    app = shop()
    result = CliRunner().invoke(commands, ["tick"], obj=ScriptInfo(create_app=lambda: app))
    assert result.exit_code == 2
    assert "The page is not mounted on this app; call init_app(app) first." in result.output
