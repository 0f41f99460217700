"""A configuration that cannot work is refused with a sentence that says how to mend it."""

from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Blueprint, Flask
from flask_login import LoginManager
from flask_sqlalchemy import SQLAlchemy
from flask_wtf import FlaskForm
from sqlalchemy.orm import DeclarativeBase, Mapped, aliased, mapped_column, relationship

from flask_platform_users import (
    Action,
    Block,
    Card,
    Column,
    ConfigurationError,
    Count,
    Filter,
    Impersonation,
    Many,
    Panel,
    PlatformUsers,
    Policy,
    SavedView,
    Status,
    Users,
    with_defaults,
)


class Base(DeclarativeBase):
    pass


db = SQLAlchemy(model_class=Base)


class State(Enum):
    ON = "active"
    OFF = "closed"


class User(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "user"
    id: Mapped[int] = mapped_column(primary_key=True)
    platform_id: Mapped[int]
    username: Mapped[str]
    email: Mapped[str]
    status: Mapped[str]
    state: Mapped[State]
    last_login: Mapped[datetime | None]
    made_at: Mapped[datetime] = mapped_column(default=sa.func.now())
    parent_id: Mapped[int | None] = mapped_column(sa.ForeignKey("user.id"))
    channel_count: Mapped[int]
    is_on: Mapped[bool] = mapped_column(default=True)
    roles: Mapped[list["Role"]] = relationship(secondary="user_role")


class Role(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "role"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


user_role = sa.Table(
    "user_role",
    Base.metadata,
    sa.Column("user_id", sa.ForeignKey("user.id")),
    sa.Column("role_id", sa.ForeignKey("role.id")),
)


class Membership(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "membership"
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id"), primary_key=True)
    platform_id: Mapped[int] = mapped_column(primary_key=True)
    status: Mapped[str]


class Channel(db.Model):  # type: ignore[name-defined,misc]
    __tablename__ = "channel"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int] = mapped_column(sa.ForeignKey("user.id"))
    role_id: Mapped[int] = mapped_column(sa.ForeignKey("role.id"))
    platform_id: Mapped[int]
    kind: Mapped[str]


class Elsewhere(db.Model):  # type: ignore[name-defined,misc]
    __bind_key__ = "elsewhere"
    id: Mapped[int] = mapped_column(primary_key=True)
    user_id: Mapped[int]


class Spelt(sa.types.TypeDecorator[Any]):
    """Keeps whatever it is given by a number of its own."""

    impl = sa.Integer
    cache_ok = True


class Anything(db.Model):  # type: ignore[name-defined,misc]
    id: Mapped[int] = mapped_column(primary_key=True)
    state: Mapped[Any] = mapped_column(Spelt)


class AcmePolicy(Policy):
    def platform_of(self, actor: Any) -> Any:
        return actor.platform_id


class Forgetful(AcmePolicy):
    def allows(self, actor: Any, action: str) -> bool:  # type: ignore[override]  # noqa: ARG002
        return True

    def outranks(self) -> bool:  # type: ignore[override]
        return True


class Idle(Action):
    """Whatever else is wrong with it, it does nothing, as it says."""

    def perform(self, unit: Any) -> bool:  # noqa: ARG002
        return False


class Undone(Action):
    name = "undone"
    label = "Undone"
    done = "{who} did nothing to {user}."


class Nameless(Idle):
    label = "Nameless"
    done = "{who} did nothing to {user}."


class Tokened(Idle):
    name = "tokened"
    label = "Tokened"
    done = "{who} did nothing to {user}."
    form = FlaskForm


class Tokenless(Tokened):
    name = "tokenless"

    class form(FlaskForm):  # type: ignore[misc]  # noqa: N801
        class Meta:
            csrf = False


class Formless(Tokened):
    name = "formless"
    form = Block


class Unfinished(Idle):
    name = "unfinished"
    label = "Unfinished"


class Overfull(Idle):
    name = "overfull"
    label = "Overfull"
    done = "gave {amount} to {user}"


class Shouting(Idle):
    name = "Shout!"
    label = "Shout"
    done = "shouted at {user}"


def make_app(**changes: Any) -> Flask:
    app = Flask(__name__)
    app.config.update(
        SECRET_KEY="secret",
        SQLALCHEMY_DATABASE_URI="sqlite://",
        SQLALCHEMY_BINDS={"elsewhere": "sqlite://"},
    )
    app.config.update(changes)
    return app


def mount(
    *,
    app: Flask | None = None,
    ready: bool = True,
    users: Any = None,
    url_prefix: str = "/platform/users",
    **changes: Any,
) -> str:
    """Mount a good configuration with some arguments changed; return what is said of it."""
    app = app or make_app()
    if ready:
        db.init_app(app)
        with_login(app)
    arguments: dict[str, Any] = {"policy": AcmePolicy(), "name": "checked"} | changes
    platform_users = PlatformUsers(arguments.pop("db", db), users=users or mapped(), **arguments)
    with pytest.raises(ConfigurationError) as caught:
        platform_users.init_app(app, url_prefix=url_prefix)
    return str(caught.value)


def mapped(model: Any = User, **changes: Any) -> Users:
    arguments: dict[str, Any] = {
        "platform": User.platform_id,
        "username": User.username,
        "email": User.email,
        "status": Status.column(User.status),
    }
    return Users(model, **(arguments | changes))


def broken(**changes: Any) -> Callable[[], str]:
    """Defer the making of a broken mapping into the test that it is for."""
    return lambda: mount(users=mapped(**changes))


def counting(*counts: Any, **users: Any) -> Callable[[], str]:
    return lambda: mount(channels=counts, users=mapped(**users))


SENTENCES: list[tuple[str, Callable[[], str], str]] = [
    (
        "no database",
        lambda: mount(ready=False, app=with_login(make_app())),
        "init_app(app) was given an app without a database; call db.init_app(app) first.",
    ),
    (
        "no login manager",
        lambda: mount(ready=False, app=with_database(make_app())),
        "init_app(app) was given an app without a login manager; call "
        "LoginManager().init_app(app) (or your login extension's) first.",
    ),
    (
        "no user loader",
        lambda: mount(ready=False, app=with_login(with_database(make_app()), loader=None)),
        "init_app(app) was given an app whose login manager has no user_loader yet, which the "
        "plugin asks who is signed in; register it with @login_manager.user_loader first.",
    ),
    (
        "active shut out",
        lambda: mount(shut_out=("active",)),
        "PlatformUsers(shut_out=...) was given ('active',); expected some of 'inactive', "
        "'blocked', 'pending', such as shut_out=('blocked',).",
    ),
    (
        "a hook for sessions that cannot be called",
        lambda: mount(on_sessions_revoked="tokens"),
        "PlatformUsers(on_sessions_revoked=...) was given 'tokens' (str); expected a function "
        "on_sessions_revoked(user).",
    ),
    (
        "impersonation as a flag",
        lambda: mount(impersonation=True),
        "PlatformUsers(impersonation=...) was given True (bool); expected an Impersonation, such "
        "as Impersonation(landing='home').",
    ),
    (
        "an impersonation that lasts too long, of people who do not sign in",
        lambda: mount(impersonation=Impersonation(landing="", minutes=61, forbidden="account.*")),
        "Impersonation(landing=...) was given ''; expected the endpoint that it begins on, such "
        "as landing='home'.\n"
        "Impersonation(minutes=...) was given 61; expected a number from 1 to 60.\n"
        "Impersonation(forbidden=...) was given 'account.*'; expected a tuple of texts, such as "
        "forbidden=('account.password',).\n"
        "PlatformUsers(impersonation=...) was given for a user model that does not sign in by "
        "Flask-Login (it has no get_id); leave it out, or add UserMixin if its users do.",
    ),
    (
        "a moment of signing out that is never empty",
        lambda: mount(users=mapped(signed_out=User.made_at)),
        "Users(signed_out=...) was given User.made_at; expected a nullable column of User's own "
        "row, such as User.signed_out_at.",
    ),
    (
        "a switch of another kind",
        lambda: mount(app=make_app(PLATFORM_USERS_IMPERSONATION="no")),
        "app.config['PLATFORM_USERS_IMPERSONATION'] was given 'no'; expected True or False.",
    ),
    (
        "an address of files that is no folder",
        lambda: mount(app=make_app(PLATFORM_USERS_STATIC_URL="https://cdn.example/pu")),
        "app.config['PLATFORM_USERS_STATIC_URL'] was given 'https://cdn.example/pu'; expected the "
        "address of a folder that ends with a slash, such as "
        "'https://cdn.example/platform-users/'.",
    ),
    (
        "a lease of no time",
        lambda: mount(app=make_app(PLATFORM_USERS_JOB_LEASE=0)),
        "app.config['PLATFORM_USERS_JOB_LEASE'] was given 0; expected seconds, such as 60.",
    ),
    (
        "no secret key",
        lambda: mount(app=make_app(SECRET_KEY=None)),
        "init_app(app) was given an app without a secret key, which sessions and page links are "
        "signed with; set app.config['SECRET_KEY'] to a long random value.",
    ),
    (
        "a name that another blueprint has",
        lambda: mount(app=with_blueprint(make_app(), "checked")),
        "PlatformUsers(name='checked') is the name of a blueprint that the app has already; give "
        "each mount a name of its own, such as name='clients'.",
    ),
    (
        "a name that is no identifier",
        lambda: mount(name="My users"),
        "PlatformUsers(name=...) was given 'My users'; expected a lower-case identifier, such as "
        "name='clients'.",
    ),
    (
        "no prefix",
        lambda: mount(url_prefix=None),  # type: ignore[arg-type]
        "init_app(url_prefix=None) is not a path; expected one that starts with a slash, such as "
        "url_prefix='/platform/users'.",
    ),
    (
        "a prefix without a slash",
        lambda: mount(url_prefix="users"),
        "init_app(url_prefix='users') is not a path; expected one that starts with a slash, such "
        "as url_prefix='/platform/users'.",
    ),
    (
        "an unknown setting",
        lambda: mount(app=make_app(PLATFORM_USERS_TEMPLATE="x.html")),
        "app.config['PLATFORM_USERS_TEMPLATE'] is not a setting; expected one of "
        "PLATFORM_USERS_BASE_TEMPLATE, PLATFORM_USERS_AUDIT_KEYS, PLATFORM_USERS_IMPERSONATION, "
        "PLATFORM_USERS_JOB_LEASE, PLATFORM_USERS_STATIC_URL.",
    ),
    (
        "a base template that is no path",
        lambda: mount(app=make_app(PLATFORM_USERS_BASE_TEMPLATE=None)),
        "app.config['PLATFORM_USERS_BASE_TEMPLATE'] was given None; expected the path of a "
        "template, such as 'layout.html'.",
    ),
    (
        "audit keys that are too short",
        lambda: mount(app=make_app(PLATFORM_USERS_AUDIT_KEYS={"2026": "short"})),
        "app.config['PLATFORM_USERS_AUDIT_KEYS'] was given something else than names with secrets "
        "of at least 32 characters; expected such as {'2026': secrets.token_hex(32)}.",
    ),
    (
        "an action that is a class",
        lambda: mount(actions=[Block]),
        "PlatformUsers(actions=...) was given the class Block; expected Action objects, such as "
        "Block().",
    ),
    (
        "two actions of one name",
        lambda: mount(actions=[Block(), Block()]),
        "PlatformUsers(actions=...) was given 2 actions named 'block'; expected each name once: "
        "rename one, or leave ours out.",
    ),
    (
        "the default actions by three dots",
        lambda: mount(actions=[..., Block(), Tokenless()]),
        "PlatformUsers(actions=...) was given ..., which does not stand for the default actions; "
        "expected actions=with_defaults(Tokenless()).",
    ),
    (
        "actions without a name and without anything that they do",
        lambda: mount(actions=with_defaults(Nameless(), Undone())),
        "Nameless.name is not set; expected a text: give the class name = '...'.\n"
        "Undone.perform is not written; expected a method perform(unit) that changes what has to "
        "change and does not commit.",
    ),
    (
        "forms with a token, and what is none",
        lambda: mount(actions=[Tokened(), Tokenless(), Formless()]),
        "Tokened.form is the class FlaskForm, which sends a CSRF token; expected a plain "
        "wtforms.Form, since the plugin sends and checks a token of its own.\n"
        "Formless.form is the class Block; expected a class of fields, a wtforms.Form, or None for "
        "an action that is only confirmed.",
    ),
    (
        "an action without a sentence for the history",
        lambda: mount(actions=[Unfinished()]),
        "Unfinished.done is not set; expected a text: give the class done = '...'.",
    ),
    (
        "a history sentence with a field that is not kept",
        lambda: mount(actions=[Overfull()]),
        "Overfull.done is 'gave {amount} to {user}'; expected a sentence whose only fields are "
        "{who} and {user}, such as '{who} blocked {user}.'.",
    ),
    (
        "an action whose name cannot stand in an address",
        lambda: mount(actions=[Shouting()]),
        "Shouting.name is 'Shout!'; expected a lower-case identifier, such as 'extend_trial'.",
    ),
    (
        "a written status that has no predicate",
        broken(status=Status(active=sa.true(), write=print, writes=("pending",))),
        "Status(writes=...) was given 'pending', which is none of the statuses that have a "
        "predicate here; expected some of active, inactive, blocked, pending.",
    ),
    (
        "a database object of the wrong kind",
        lambda: mount(db="sqlite://"),
        "PlatformUsers(db) was given 'sqlite://' (str); expected your Flask-SQLAlchemy object.",
    ),
    (
        "a policy that is a class",
        lambda: mount(policy=AcmePolicy),
        "PlatformUsers(policy=...) was given the class AcmePolicy; expected an instance of your "
        "Policy.",
    ),
    (
        "a policy that is not one",
        lambda: mount(policy=42),
        "PlatformUsers(policy=...) was given 42 (int); expected an instance of your Policy.",
    ),
    (
        "a billing without a subscription",
        lambda: mount(billing=42),
        "PlatformUsers(billing=...) was given 42 (int); expected an object with a method "
        "subscription(user), such as billing=AcmeBilling().",
    ),
    (
        "users of the wrong kind",
        lambda: mount(users=User),
        "PlatformUsers(users=...) was given the class User; expected Users(YourModel, ...).",
    ),
    (
        "channels of the wrong kind",
        lambda: mount(channels=[Channel]),
        "PlatformUsers(channels=...) was given the class Channel; expected Count objects only.",
    ),
    (
        "a model that is not mapped",
        broken(model=dict),
        "Users(model) was given the class dict; expected the mapped class of your users, such as "
        "Users(User, ...).",
    ),
    (
        "a composite key",
        broken(model=Membership),
        "Users(Membership) has a composite primary key (user_id, platform_id); expected a model "
        "with one key column: map the model of the person itself, and reach the membership by "
        "join=.",
    ),
    (
        "a join that is none",
        broken(join=[(Membership,)]),
        "Users(join=...) was given [(<class 'tests.test_checks.Membership'>,)] (list); expected "
        "pairs of a model and its ON clause, such as "
        "join=[(Membership, Membership.user_id == User.id)].",
    ),
    (
        "a column of another model",
        broken(email=Role.name),
        "Users(email=...) was given Role.name, a column of another model; expected one of User or "
        "of a model in join=: add the join that leads there, as in "
        "join=[(Membership, Membership.user_id == User.id)].",
    ),
    (
        "a name instead of a column",
        broken(email="email"),
        "Users(email=...) was given 'email' (str); expected a column, such as User.email.",
    ),
    (
        "a name of no column",
        broken(email="mail"),
        "Users(email=...) was given 'mail' (str); expected a column, such as User.id.",
    ),
    (
        "a relationship instead of a column",
        broken(email=User.roles),
        "Users(email=...) was given the relationship User.roles; expected a column, such as "
        "User.id.",
    ),
    (
        "a table",
        broken(model=User.__table__),
        "Users(model) was given the table user; expected the mapped class of your users, such as "
        "Users(User, ...).",
    ),
    (
        "a moment that is none",
        broken(last_login=User.username),
        "Users(last_login=...) was given User.username of type String(); expected a DateTime "
        "column: leave the argument out if there is none.",
    ),
    (
        "roles through something that is no relationship",
        broken(role=Many(Role.name, through=User.email)),
        "Many(through=...) was given the column User.email; expected a relationship of User, such "
        "as Many(Role.name, through=User.roles).",
    ),
    (
        "roles of a model that the relationship does not lead to",
        broken(role=Many(Channel.kind, through=User.roles)),
        "Many(column) was given Channel.kind, which is not reached through User.roles; expected a "
        "column of Role.",
    ),
    (
        "a status that is a column",
        broken(status=User.status),
        "Users(status=...) was given the column User.status; expected a Status, such "
        "as Status.column(User.status).",
    ),
    (
        "a word that is not a status",
        broken(status=Status.column(User.state, blocked="banned", inactive="closed")),
        "Status.column(blocked=...) was given 'banned', which is not a value of User.state; give "
        "one of 'active', 'closed'.",
    ),
    (
        "no word for active",
        broken(status=Status.column(User.status, active=None)),
        "Status.column(active=...) was given no word; say which one means active.",
    ),
    (
        "a status by the name of its column",
        broken(status=Status.column("status")),  # type: ignore[arg-type]
        "Status.column(column) was given 'status' (str); expected a column, such as User.status.",
    ),
    (
        "our words for a column of numbers",
        broken(status=Status.column(User.channel_count)),
        "Status.column(active=...) was given 'active', which is not a value of User.channel_count; "
        "give one of type int.",
    ),
    (
        "a word for a column of numbers",
        broken(status=Status.column(User.channel_count, active=1, blocked=("banned", 3))),
        "Status.column(blocked=...) was given 'banned', which is not a value of "
        "User.channel_count; give one of type int.",
    ),
    (
        "a number for a column of words",
        broken(status=Status.column(User.status, active=1)),
        "Status.column(active=...) was given 1, which is not a value of User.status; give one of "
        "type str.",
    ),
    (
        "a word for a flag",
        broken(status=Status.column(User.is_on, active="yes", inactive=False)),
        "Status.column(active=...) was given 'yes', which is not a value of User.is_on; give one "
        "of True, False.",
    ),
    (
        "one value for two statuses",
        broken(status=Status.column(User.channel_count, active=10, pending=(20, 10))),
        "Status.column(active=..., pending=...) were both given 10; give each value to one status, "
        "and None to one that the column cannot say.",
    ),
    (
        "one member of an enum for two statuses",
        broken(status=Status.column(User.state, inactive="OFF", blocked=State.OFF)),
        "Status.column(inactive=..., blocked=...) were both given 'closed'; give each value to one "
        "status, and None to one that the column cannot say.",
    ),
    (
        "a predicate of another model",
        broken(status=Status(active=Role.name == "x")),
        "Status(active=...) was given role.name = :name_1, a column of another model; expected one "
        "of User or of a model in join=: add the join that leads there, as in "
        "join=[(Membership, Membership.user_id == User.id)].",
    ),
    (
        "a writer that cannot be called",
        broken(status=Status(active=sa.true(), write="disable")),  # type: ignore[arg-type]
        "Status(write=...) was given 'disable' (str); expected a function write(user, status) that "
        "changes the model and does not commit.",
    ),
    (
        "a count that does not reach the user",
        counting(Count("whatsapp", Channel.role_id)),
        "Count('whatsapp') was given Channel.role_id, which does not reach User.id; expected a "
        "column that holds a user's key: pass the one with a foreign key to User.id.",
    ),
    (
        "a count of another type without a foreign key",
        counting(Count("whatsapp", Channel.kind)),
        "Count('whatsapp') was given Channel.kind, which does not reach User.id; expected a column "
        "that holds a user's key: pass the one with a foreign key to User.id.",
    ),
    (
        "a count that is a name",
        counting(Count("whatsapp", "user_id")),  # type: ignore[arg-type]
        "Count('whatsapp') was given 'user_id' (str); expected a column that points at User.id.",
    ),
    (
        "users counted under users without an alias",
        counting(Count("team", User.parent_id)),
        "Count('team') was given User.parent_id, a foreign key on the user's own row; expected "
        "another table or a counter: to count users under users, pass the column of an "
        "aliased(...) model.",
    ),
    (
        "a counter with a condition",
        counting(Count("whatsapp", User.channel_count, where=Channel.kind == "whatsapp")),
        "Count('whatsapp') was given a counter on the user's own row together with where= or "
        "platform=, which say which rows to count; leave them out.",
    ),
    (
        "a condition on another table",
        counting(Count("whatsapp", Channel.user_id, where=Role.name == "x")),
        "Count('whatsapp') was given where=role.name = :name_1, a column of another model than "
        "Channel.user_id; expected one of the counted table.",
    ),
    (
        "a count in another database",
        counting(Count("letters", Elsewhere.user_id)),
        "Count('letters') was given Elsewhere.user_id, which lives in another database than User; "
        "expected a table on the same bind, since one statement reads both: leave it out, or keep "
        "a counter on the user's row.",
    ),
    (
        "a count over a membership that does not name the platform",
        counting(
            Count("whatsapp", Channel.user_id),
            join=[(Membership, Membership.user_id == User.id)],
            platform=Membership.platform_id,
        ),
        "Count('whatsapp') has no platform=, but users belong to platforms through join= and may "
        "belong to several; expected the counted table's own platform column, as in "
        "Count('whatsapp', ..., platform=Channel.platform_id).",
    ),
    (
        "a name given twice",
        lambda: mount(
            channels=[Count("contacts", Channel.user_id)],
            usage=[Count("contacts", Channel.user_id)],
        ),
        "Count('contacts') is given 2 times among channels= and usage=; expected each name once: "
        "rename all but one, the label= may stay.",
    ),
    (
        "a count's name that cannot stand in an address",
        counting(Count("Whats App", Channel.user_id)),
        "Count(name) was given 'Whats App'; expected a lower-case identifier, such as 'whatsapp'.",
    ),
    (
        "a column that is none",
        lambda: mount(columns=[..., "company"]),
        "PlatformUsers(columns=...) was given 'company'; expected Column objects, and ... for the "
        "default ones, as in columns=[..., Column('company', User.company, label='Company')].",
    ),
    (
        "no columns",
        lambda: mount(columns=[]),
        "PlatformUsers(columns=...) was given no column; leave it out for the default ones, or add "
        "yours to them, as in columns=[..., Column('company', User.company, label='Company')].",
    ),
    (
        "the default columns twice",
        lambda: mount(columns=[..., ...]),
        "PlatformUsers(columns=...) was given ... more than once; it stands for the default "
        "columns in one place.",
    ),
    (
        "a column of another model",
        lambda: mount(columns=[..., Column("role_name", Role.name)]),
        "Column('role_name') was given Role.name, a column of another model; expected one of User "
        "or of a model in join=: add the join that leads there, or read it by a correlated "
        "scalar_subquery().",
    ),
    (
        "a column named by its name",
        lambda: mount(columns=[..., Column("state", "state")]),  # type: ignore[arg-type]
        "Column('state') was given 'state' (str); expected a column or another SQL expression of "
        "your user model, as in Column('company', User.company, label='Company').",
    ),
    (
        "a column that is a relationship",
        lambda: mount(columns=[..., Column("roles", User.roles)]),
        "Column('roles') was given the relationship User.roles; expected a column or another SQL "
        "expression of your user model, as in Column('company', User.company, label='Company').",
    ),
    (
        "a column given twice",
        lambda: mount(columns=[..., Column("mail", User.email), Column("mail", User.email)]),
        "Column('mail') is given 2 times in columns=; expected each name once: rename all but one, "
        "the label= may stay.",
    ),
    (
        "a column of a default's name",
        lambda: mount(columns=[..., Column("created", User.made_at)]),
        "Column('created') has the name of a default column; give it another, or change ours, as "
        "in dataclasses.replace(columns.CREATED, label='Member since').",
    ),
    (
        "a column whose name cannot stand in an address",
        lambda: mount(columns=[..., Column("E-mail", User.email)]),
        "Column(name) was given 'E-mail'; expected a lower-case identifier of up to 40 characters "
        "that is not 'key', such as 'company'.",
    ),
    (
        "a column with nothing to show",
        lambda: mount(columns=[..., Column("company")]),
        "Column('company') has neither a value nor a cell of its own; expected a column of your "
        "user model, as in Column('company', User.company, label='Company').",
    ),
    (
        "a column without a value to sort by",
        lambda: mount(columns=[..., Column("x", cell="platform_users/cells/no.html", sort=True)]),
        "Column('x') has no value that users could be sorted by or searched for; leave sort= and "
        "search= out, or give it one.",
    ),
    (
        "a search in numbers",
        lambda: mount(columns=[..., Column("size", User.channel_count, search=True)]),
        "Column('size') was given search=True, but User.channel_count is no text (Integer()); "
        "leave search= out.",
    ),
    (
        "an order by what has none",
        lambda: mount(columns=[..., Column("x", sa.func.whatever(User.id), sort=True)]),
        "Column('x') was given sort=True, but users cannot be ordered by "
        'whatever("user".id) of type NullType(); leave sort= out, or give it a type, as in '
        "type_coerce(..., String).",
    ),
    (
        "a cell that is no template",
        lambda: mount(columns=[..., Column("mail", User.email, cell="cells/mail.html")]),
        "Column('mail', cell=...) was given 'cells/mail.html', which is no template of the app; "
        "expected one that shows a value, such as 'cells/company.html': add the file to your "
        "templates, or register the blueprint that has it first.",
    ),
    (
        "a cell that is no text",
        lambda: mount(columns=[..., Column("mail", User.email, cell=3)]),  # type: ignore[arg-type]
        "Column('mail', cell=...) was given 3, which is no template of the app; expected one that "
        "shows a value, such as 'cells/company.html': add the file to your templates, or register "
        "the blueprint that has it first.",
    ),
    (
        "one object instead of a list",
        lambda: mount(columns=Column("mail", User.email), views=SavedView("All", ""), panels=None),
        "PlatformUsers(views=...) was given one SavedView; expected a list, such as "
        "views=[SavedView(...)].\n"
        "PlatformUsers(columns=...) was given one Column; expected a list, such as "
        "columns=[..., Column(...)].\n"
        "PlatformUsers(panels=...) was given None; expected a list, such as "
        "panels=[..., Panel(...)].",
    ),
    (
        "something else than a panel",
        lambda: mount(panels=[..., "tickets"]),
        "PlatformUsers(panels=...) was given 'tickets' (str); expected Panel objects, and ... "
        "where the default ones shall stand.",
    ),
    (
        "the default panels twice",
        lambda: mount(panels=[..., ...]),
        "PlatformUsers(panels=...) has more than one ...; expected it once at most, where the "
        "default panels shall stand.",
    ),
    (
        "a panel without a name",
        lambda: mount(panels=[Panel("My tickets", template="platform_users/_notes.html")]),
        "Panel(name) was given 'My tickets'; expected a lower-case identifier, such as 'tickets'.",
    ),
    (
        "a panel whose template is missing",
        lambda: mount(panels=[Panel("tickets", template="users/_tickets.html")]),
        "Panel('tickets', template=...) was given 'users/_tickets.html', which is no template of "
        "the app; expected one that shows a panel, such as 'users/_tickets.html': add the file to "
        "your templates, or register the blueprint that has it first.",
    ),
    (
        "a panel whose data is no function",
        lambda: mount(
            panels=[Panel("tickets", template="platform_users/_notes.html", data=3)]  # type: ignore[arg-type]
        ),
        "Panel('tickets', data=...) was given 3 (int); expected a function data(subject) that "
        "returns what the template shows.",
    ),
    (
        "functions that do not take what they are called with",
        lambda: mount(
            users=mapped(status=Status(active=sa.true(), write=lambda _user: None)),  # type: ignore[arg-type,misc]
            panels=[Panel("notes", template="platform_users/_notes.html", data=lambda: None)],  # type: ignore[arg-type,misc]
            filters=[Filter("odd", lambda _value: sa.true())],  # type: ignore[arg-type,misc]
            impact=lambda _user: (),
            policy=Forgetful(),
        ),
        "PlatformUsers(policy=...) was given Forgetful with allows(actor, action); expected "
        "allows(actor, action, user=None).\n"
        "PlatformUsers(policy=...) was given Forgetful with outranks(); expected "
        "outranks(actor, user).\n"
        "Status(write=...) was given <lambda>(_user); expected a function write(user, status) that "
        "changes the model and does not commit.\n"
        "Panel('notes', data=...) was given <lambda>(); expected a function data(subject) that "
        "returns what the template shows.\n"
        "Filter('odd') was given <lambda>(_value); expected a column, a predicate, or a function "
        "what(value, platform) that returns a predicate.\n"
        "PlatformUsers(impact=...) was given <lambda>(_user); expected a function impact(user, "
        "action) that returns Impact lines.",
    ),
    (
        "a look ahead at what is no moment",
        lambda: mount(filters=[Filter("called", User.username, ahead=True)]),
        "Filter('called') was given ahead=True, but what it asks for is no moment; leave ahead= "
        "out.",
    ),
    (
        "two views of one name",
        lambda: mount(views=[SavedView("All", ""), SavedView("All", "status:active")]),
        "SavedView('All') is given 2 times in views=; expected each name once: rename all but one.",
    ),
    (
        "a card of the name of ours",
        lambda: mount(cards=[..., Card("active", User.is_on.is_(True))]),
        "Card('active') has a name of ours; give it another one.",
    ),
    (
        "two panels of one name",
        lambda: mount(panels=[Panel("a", template="platform_users/_notes.html")] * 2),
        "PlatformUsers(panels=...) was given 2 panels named 'a'; expected each name once: rename "
        "one, the label= may stay.",
    ),
]


def with_login(app: Flask, loader: Any = lambda _: None) -> Flask:
    LoginManager(app).user_loader(loader)
    return app


def with_database(app: Flask) -> Flask:
    db.init_app(app)
    return app


def with_blueprint(app: Flask, name: str) -> Flask:
    app.register_blueprint(Blueprint(name, __name__))
    return app


@pytest.mark.parametrize(
    ("refused", "sentence"),
    [pytest.param(refused, sentence, id=name) for name, refused, sentence in SENTENCES],
)
def test_a_wrong_configuration_is_refused_with_a_sentence_that_names_the_remedy(
    refused: Callable[[], str], sentence: str
) -> None:
    assert refused() == sentence


def test_our_words_are_left_out_where_the_column_cannot_hold_them() -> None:
    number = Status.column(User.channel_count, active=1, inactive=(0, 2))
    flag = Status.column(User.is_on, active=True, inactive=False)
    for status in (number, flag):
        assert status.faults == ()
        assert status.blocked is status.pending is None
    assert Status.column(Anything.state, active=1, blocked="x").faults == ()


def test_all_faults_are_told_at_once() -> None:
    said = mount(name="My users", policy=42, billing=42).splitlines()
    assert [sentence.split("(")[1].split("=")[0] for sentence in said] == [
        "policy",
        "billing",
        "name",
    ]


def test_a_platform_key_whose_type_is_unknown_is_refused() -> None:
    class Own(DeclarativeBase):
        pass

    class Person(Own):
        __tablename__ = "person"
        id: Mapped[int] = mapped_column(primary_key=True)
        platform_id = mapped_column(sa.ForeignKey("missing.id"))
        username: Mapped[str]
        status: Mapped[str]

    said = mount(
        users=Users(
            Person,
            platform=Person.platform_id,
            username=Person.username,
            email=Person.username,
            status=Status.column(Person.status),
        )
    )
    assert said == (
        "Users(platform=...) was given Person.platform_id, whose type is not known yet; expected a "
        "column with a type: name it, as in mapped_column(Integer, ForeignKey(...))."
    )


def test_users_under_users_are_counted_through_an_alias() -> None:
    member = aliased(User)
    app = make_app()
    db.init_app(app)
    with_login(app)
    PlatformUsers(
        db,
        users=mapped(),
        policy=AcmePolicy(),
        usage=[Count("team", member.parent_id, where=member.status == "active")],
        name="teams",
    ).init_app(app)
    with app.app_context():
        db.create_all()
        db.session.add_all(
            User(
                id=key,
                platform_id=1,
                username=f"u{key}",
                email="",
                status="active",
                state=State.ON,
                parent_id=None if key == 1 else 1,
                channel_count=0,
            )
            for key in (1, 2, 3)
        )
        db.session.commit()
        directory = app.extensions["platform_users"]["teams"].directory(1)
        assert directory.usage(directory.user("1")) == {"team": 2}
        assert directory.usage(directory.user("2")) == {"team": 0}
        db.session.remove()
        for engine in db.engines.values():
            engine.dispose()
