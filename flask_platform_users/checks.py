"""What can be wrong with a configuration: one sentence each, all of them at once."""

import inspect
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from importlib.util import find_spec
from typing import Any

import sqlalchemy as sa
from flask import Flask
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy.exc import InvalidRequestError

from .action_checks import action_faults
from .billing import Billing
from .billing_checks import model_billing_faults
from .column_checks import column_faults
from .faults import (
    IDENTIFIER,
    called,
    expression_faults,
    function_faults,
    has_template,
    is_relationship,
    is_several,
    kind_faults,
    repeated,
    shown,
    takes,
)
from .impersonation import LONGEST, Impersonation
from .inspection import (
    binds_of,
    clause,
    is_counter,
    key_of,
    mapper_of,
    python_type,
    tables_of,
    target_of,
    user_tables,
)
from .mapping import STATUSES, Count, Many, Status, Users
from .model_billing import ModelBilling
from .panels import DEFAULT_PANELS, Panel
from .policy import Policy

_LONGEST_GRACE = timedelta(days=36525)


def app_faults(app: Flask, name: str, impersonates: bool = False) -> Iterator[str]:
    """Find what the app lacks before the plugin can be mounted on it as ``name``."""
    if "sqlalchemy" not in app.extensions:
        yield "init_app(app) was given an app without a database; call db.init_app(app) first."
    if not hasattr(app, "login_manager"):
        yield (
            "init_app(app) was given an app without a login manager; "
            "call LoginManager().init_app(app) (or your login extension's) first."
        )
    elif app.login_manager.user_callback is None and app.login_manager.request_callback is None:
        yield (
            "init_app(app) was given an app whose login manager has no user_loader yet, which the "
            "plugin asks who is signed in; register it with @login_manager.user_loader first."
        )
    elif impersonates and app.login_manager.user_callback is None:
        yield (
            "PlatformUsers(impersonation=...) was given to an app whose people sign in by token "
            "only: without a user_loader there is no session to lay it over; leave it out."
        )
    if not app.secret_key:
        yield (
            "init_app(app) was given an app without a secret key, which sessions and page links "
            "are signed with; set app.config['SECRET_KEY'] to a long random value."
        )
    if name in app.blueprints:
        yield (
            f"PlatformUsers(name={name!r}) is the name of a blueprint that the app has already; "
            "give each mount a name of its own, such as name='clients'."
        )


def api_faults(api: Any) -> Iterator[str]:
    """Find what keeps the JSON API from being served, if it is asked for."""
    if not isinstance(api, bool):
        yield f"PlatformUsers(api=...) was given {shown(api)}; expected True or False."
    elif api and find_spec("apispec") is None:
        yield (
            "PlatformUsers(api=True) needs apispec, which is not installed; "
            "run pip install 'flask-platform-users[api]'."
        )


def argument_faults(
    db: Any,
    users: Any,
    channels: Any,
    usage: Any,
    columns: Any,
    billing: Any,
    policy: Any,
    actions: Any,
    name: Any,
) -> Iterator[str]:
    """Find what is wrong with the arguments of ``PlatformUsers``."""
    yield from kind_faults("PlatformUsers(db)", db, SQLAlchemy, "your Flask-SQLAlchemy object")
    yield from kind_faults(
        "PlatformUsers(policy=...)", policy, Policy, "an instance of your Policy"
    )
    if isinstance(policy, Policy):
        yield from _policy_faults(policy)
    if billing is not None and (isinstance(billing, type) or not isinstance(billing, Billing)):
        yield (
            f"PlatformUsers(billing=...) was given {shown(billing)}; expected an object with a "
            "method subscription(user), such as billing=AcmeBilling()."
        )
    if not isinstance(name, str) or not IDENTIFIER.fullmatch(name):
        yield (
            f"PlatformUsers(name=...) was given {name!r}; expected a lower-case identifier, "
            "such as name='clients'."
        )
    counts: list[Count] = []
    for argument, value in (("channels", channels), ("usage", usage)):
        for count in value:
            wrong = list(
                kind_faults(f"PlatformUsers({argument}=...)", count, Count, "Count objects only")
            )
            yield from wrong
            if not wrong:
                counts.append(count)
    yield from _name_faults(counts)
    yield from action_faults(actions)
    wrong = list(kind_faults("PlatformUsers(users=...)", users, Users, "Users(YourModel, ...)"))
    faults = wrong or list(_users_faults(users, counts))
    yield from faults
    yield from column_faults(columns, None if faults else users)
    if not wrong and isinstance(billing, ModelBilling):
        yield from model_billing_faults(billing, users, [count.name for count in counts])


def _policy_faults(policy: Policy) -> Iterator[str]:
    """Find rules that cannot be asked with all that a rule of that name is asked with."""
    for name, rule in inspect.getmembers(Policy, inspect.isfunction):
        ours, own = rule.__get__(policy), getattr(policy, name)
        asked = inspect.signature(ours).parameters.values()
        if not takes(own, sum(each.default is each.empty for each in asked), len(asked)):
            yield (
                f"PlatformUsers(policy=...) was given {type(policy).__name__} with {shown(own)}; "
                f"expected {called(ours)}."
            )


def panel_faults(app: Flask, panels: Sequence[Any]) -> Iterator[str]:
    """Find what is wrong with the sections of the details page."""
    good = []
    for panel in panels:
        if panel is ...:
            continue
        wrong = list(
            kind_faults(
                "PlatformUsers(panels=...)",
                panel,
                Panel,
                "Panel objects, and ... where the default ones shall stand",
            )
        )
        yield from wrong
        if not wrong:
            good.append(panel)
    if list(panels).count(...) > 1:
        yield (
            "PlatformUsers(panels=...) has more than one ...; expected it once at most, where the "
            "default panels shall stand."
        )
    ours = [panel.template for panel in DEFAULT_PANELS]
    for panel in good:
        if not isinstance(panel.name, str) or not IDENTIFIER.fullmatch(panel.name):
            yield (
                f"Panel(name) was given {panel.name!r}; expected a lower-case identifier, such as "
                "'tickets'."
            )
        if panel.template not in ours and not has_template(app, panel.template):
            yield (
                f"Panel({panel.name!r}, template=...) was given {panel.template!r}, which is no "
                "template of the app; expected one that shows a panel, such as "
                "'users/_tickets.html': add the file to your templates, or register the blueprint "
                "that has it first."
            )
        yield from function_faults(
            f"Panel({panel.name!r}, data=...)",
            panel.data,
            "data(subject)",
            " that returns what the template shows",
        )
    for name, times in repeated(str(panel.name) for panel in good):
        yield (
            f"PlatformUsers(panels=...) was given {times} panels named {name!r}; expected each "
            "name once: rename one, the label= may stay."
        )


def deletion_faults(grace: Any, delete: Any) -> Iterator[str]:
    """Find what is wrong with how users are deleted."""
    if not isinstance(grace, timedelta) or not timedelta() <= grace <= _LONGEST_GRACE:
        yield (
            f"PlatformUsers(grace=...) was given {grace!r}; expected how long a deleted user can "
            "be restored, up to 100 years, such as grace=timedelta(days=30)."
        )
    yield from function_faults(
        "PlatformUsers(delete=...)",
        delete,
        "delete(user)",
        " that deletes the user's row and does not commit",
    )


def impact_faults(impact: Any) -> Iterator[str]:
    """Find what is wrong with the host's own lines of what an action means."""
    yield from function_faults(
        "PlatformUsers(impact=...)",
        impact,
        "impact(user, action)",
        " that returns Impact lines",
    )


def sign_in_faults(users: Any, shut_out: Any, revoked: Any, impersonation: Any) -> Iterator[str]:
    """Find what is wrong with who may be signed in, and seen as whom."""
    if not is_several(shut_out) or not set(shut_out) <= set(STATUSES) - {"active"}:
        yield (
            f"PlatformUsers(shut_out=...) was given {shut_out!r}; expected some of "
            f"{', '.join(repr(name) for name in STATUSES if name != 'active')}, such as "
            "shut_out=('blocked',)."
        )
    yield from function_faults(
        "PlatformUsers(on_sessions_revoked=...)", revoked, "on_sessions_revoked(user)"
    )
    if impersonation is None:
        return
    wrong = list(
        kind_faults(
            "PlatformUsers(impersonation=...)",
            impersonation,
            Impersonation,
            "an Impersonation, such as Impersonation(landing='home')",
        )
    )
    yield from wrong or _impersonation_faults(users, impersonation)


def _impersonation_faults(users: Any, impersonation: Any) -> Iterator[str]:
    if not isinstance(impersonation.landing, str) or not impersonation.landing:
        yield (
            f"Impersonation(landing=...) was given {impersonation.landing!r}; expected the "
            "endpoint that it begins on, such as landing='home'."
        )
    longest = int(LONGEST.total_seconds() // 60)
    if not isinstance(impersonation.minutes, int) or not 1 <= impersonation.minutes <= longest:
        yield (
            f"Impersonation(minutes=...) was given {impersonation.minutes!r}; expected a number "
            f"from 1 to {longest}."
        )
    for argument in ("reasons", "forbidden", "keeps"):
        value = getattr(impersonation, argument)
        if not is_several(value) or not all(isinstance(text, str) for text in value):
            yield (
                f"Impersonation({argument}=...) was given {value!r}; expected a tuple of texts, "
                f"such as {argument}=('account.password',)."
            )
    for argument in ("started", "ended"):
        value = getattr(impersonation, argument)
        yield from function_faults(f"Impersonation({argument}=...)", value, f"{argument}(receipt)")
    if not hasattr(getattr(users, "model", None), "get_id"):
        yield (
            "PlatformUsers(impersonation=...) was given for a user model that does not sign in by "
            "Flask-Login (it has no get_id); leave it out, or add UserMixin if its users do."
        )


def entry_faults(platform: Any, action: Any, reason: Any, changes: Any) -> Iterator[str]:
    """Find what is wrong with an entry that a host writes to the history."""
    if platform is None:
        yield (
            "record(platform=...) is not given and the actor runs no platform; expected the key of "
            "the platform, such as record(platform=user.platform_id, ...)."
        )
    if not isinstance(action, str) or not IDENTIFIER.fullmatch(action) or len(action) > 64:
        yield (
            f"record(action=...) was given {action!r}; expected a lower-case identifier of up to "
            "64 characters, such as 'invoice_sent'."
        )
    if not isinstance(reason, str) or len(reason) > 1000:
        yield "record(reason=...) was given something else than a text of up to 1,000 characters."
    pairs = {} if changes is None else changes
    if not isinstance(pairs, Mapping) or not all(
        isinstance(name, str) and isinstance(pair, tuple) and len(pair) == 2
        for name, pair in pairs.items()
    ):
        yield (
            f"record(changes=...) was given {changes!r}; expected names with what was there before "
            "and after, such as {'Seats': (3, 5)}."
        )


def _users_faults(users: Users, counts: Sequence[Count]) -> Iterator[str]:
    model: Any = users.model
    if not isinstance(model, type) or sa.inspect(model, raiseerr=False) is None:
        yield (
            f"Users(model) was given {shown(users.model)}; expected the mapped class of your "
            "users, such as Users(User, ...)."
        )
        return
    keys = [column.name for column in mapper_of(users.model).primary_key]
    if len(keys) != 1:
        yield (
            f"Users({users.model.__name__}) has a composite primary key ({', '.join(keys)}); "
            "expected a model with one key column: map the model of the person itself, and "
            "reach the membership by join=."
        )
        return
    try:
        tables = user_tables(users)
    except (InvalidRequestError, TypeError, ValueError):
        yield (
            f"Users(join=...) was given {shown(users.join)}; expected pairs of a model and its ON "
            "clause, such as join=[(Membership, Membership.user_id == User.id)]."
        )
        return
    fields = {
        "platform": users.platform,
        "username": users.username,
        "email": users.email,
        "phone": users.phone,
        "last_login": users.last_login,
        "created": users.created,
        "signed_out": users.signed_out,
    }
    for argument, value in fields.items():
        if value is not None or argument in {"platform", "username", "email"}:
            yield from _field_faults(users, f"Users({argument}=...)", value, tables)
    yield from _moment_faults(users)
    yield from _signed_out_faults(users)
    yield from _role_faults(users, tables)
    yield from _status_faults(users, tables)
    platform: Any = users.platform
    if isinstance(platform, sa.SQLColumnExpression) and isinstance(
        clause(platform).type, sa.types.NullType
    ):
        yield (
            f"Users(platform=...) was given {platform}, whose type is not known yet; expected a "
            "column with a type: name it, as in mapped_column(Integer, ForeignKey(...))."
        )
    for count in counts:
        yield from _count_faults(users, count, tables)


def _field_faults(
    users: Users, argument: str, value: Any, tables: set[sa.FromClause]
) -> Iterator[str]:
    wrong = list(expression_faults(argument, value, f"a column, such as {_example(users, value)}"))
    yield from wrong
    if not wrong and not tables_of(value) <= tables:
        yield (
            f"{argument} was given {value}, a column of another model; expected one of "
            f"{users.model.__name__} or of a model in join=: add the join that leads there, as in "
            "join=[(Membership, Membership.user_id == User.id)]."
        )


def _moment_faults(users: Users) -> Iterator[str]:
    moments = ("last_login", "created", "signed_out")
    for argument, value in ((name, getattr(users, name)) for name in moments):
        if isinstance(value, sa.SQLColumnExpression) and python_type(value) is not datetime:
            yield (
                f"Users({argument}=...) was given {value} of type {clause(value).type!r}; "
                "expected a DateTime column: leave the argument out if there is none."
            )


def _signed_out_faults(users: Users) -> Iterator[str]:
    column: Any = users.signed_out
    if not isinstance(column, sa.SQLColumnExpression):
        return
    parent = getattr(column, "parent", None)
    if parent is None or not issubclass(users.model, parent.entity) or not clause(column).nullable:
        yield (
            f"Users(signed_out=...) was given {column}; expected a nullable column of "
            f"{users.model.__name__}'s own row, such as {users.model.__name__}.signed_out_at."
        )


def _role_faults(users: Users, tables: set[sa.FromClause]) -> Iterator[str]:
    role = users.role
    if role is None:
        return
    if not isinstance(role, Many):
        yield from _field_faults(users, "Users(role=...)", role, tables)
        return
    through: Any = role.through
    model = users.model.__name__
    if not is_relationship(through):
        yield (
            f"Many(through=...) was given {shown(through)}; expected a relationship of {model}, "
            f"such as Many(Role.name, through={model}.roles)."
        )
    elif not tables_of(role.column) <= set(through.property.mapper.tables):
        yield (
            f"Many(column) was given {role.column}, which is not reached through "
            f"{through}; expected a column of {through.property.mapper.class_.__name__}."
        )


def _status_faults(users: Users, tables: set[sa.FromClause]) -> Iterator[str]:
    status: Any = users.status
    wrong = list(
        kind_faults(
            "Users(status=...)",
            status,
            Status,
            f"a Status, such as Status.column({users.model.__name__}.status)",
        )
    )
    yield from wrong
    if wrong:
        return
    if status.kept_in is not None:
        column = status.kept_in.column
        example = f"a column, such as {_example(users, column)}"
        wrong = list(expression_faults("Status.column(column)", column, example))
        if wrong:
            yield from wrong
            return
    yield from status.faults
    for name in ("active", "inactive", "blocked", "pending"):
        predicate = getattr(status, name)
        if predicate is not None or name == "active":
            yield from _field_faults(users, f"Status({name}=...)", predicate, tables)
    for name in status.writes or ():
        if name not in STATUSES or getattr(status, name) is None:
            yield (
                f"Status(writes=...) was given {name!r}, which is none of the statuses that have a "
                f"predicate here; expected some of {', '.join(STATUSES)}."
            )
    yield from function_faults(
        "Status(write=...)",
        status.write,
        "write(user, status)",
        " that changes the model and does not commit",
    )


def _count_faults(users: Users, count: Count, tables: set[sa.FromClause]) -> Iterator[str]:
    argument, model = f"Count({count.name!r})", users.model.__name__
    key = f"{model}.{key_of(users.model).key}"
    wrong = list(expression_faults(argument, count.column, f"a column that points at {key}"))
    yield from wrong
    if wrong:
        return
    if is_counter(users, count):
        if clause(count.column).foreign_keys:
            yield (
                f"{argument} was given {count.column}, a foreign key on the user's own "
                "row; expected another table or a counter: to count users under users, pass the "
                "column of an aliased(...) model."
            )
        elif count.where is not None or count.platform is not None:
            yield (
                f"{argument} was given a counter on the user's own row together with where= or "
                "platform=, which say which rows to count; leave them out."
            )
        return
    if target_of(users, count.column) is None:
        yield (
            f"{argument} was given {count.column}, which does not reach {key}; expected a "
            f"column that holds a user's key: pass the one with a foreign key to {key}."
        )
    if count.platform is None and users.join:
        yield (
            f"{argument} has no platform=, but users belong to platforms through join= and may "
            "belong to several; expected the counted table's own platform column, as in "
            f"Count({count.name!r}, ..., platform=Channel.platform_id)."
        )
    counted = tables_of(count.column)
    for name, value in (("where", count.where), ("platform", count.platform)):
        if value is None:
            continue
        wrong = list(expression_faults(f"{argument} {name}=", value, "an SQL expression"))
        yield from wrong
        if not wrong and not tables_of(value) <= counted:
            yield (
                f"{argument} was given {name}={value}, a column of another model than "
                f"{count.column}; expected one of the counted table."
            )
    if len(binds_of(counted | tables)) > 1:
        yield (
            f"{argument} was given {count.column}, which lives in another database than "
            f"{model}; expected a table on the same bind, since one statement reads both: leave it "
            "out, or keep a counter on the user's row."
        )


def _name_faults(counts: Sequence[Count]) -> Iterator[str]:
    for count in counts:
        if not IDENTIFIER.fullmatch(str(count.name)):
            yield (
                f"Count(name) was given {count.name!r}; expected a lower-case identifier, "
                "such as 'whatsapp'."
            )
    for name, times in repeated(str(count.name) for count in counts):
        yield (
            f"Count({name!r}) is given {times} times among channels= and usage=; expected each "
            "name once: rename all but one, the label= may stay."
        )


def _example(users: Users, given: Any) -> str:
    """Return the column that somebody who gave a name may have meant, or any column."""
    mapper = mapper_of(users.model)
    named = isinstance(given, str) and given in mapper.column_attrs
    return f"{users.model.__name__}.{given if named else key_of(users.model).key}"
