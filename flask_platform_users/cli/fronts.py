"""The commands of the usual actions: thin fronts of ``run``, with an option for each field."""

from collections.abc import Callable
from typing import Any

import click

from .desk import Desk
from .running import on_user, perform

Fields = dict[str, Any]
Front = Callable[..., tuple[str, Fields]]

reason = click.option("--reason", help="Why; the history keeps it.")

MOMENT = "2027-01-31T12:00"


def front(name: str, *params: Callable[[Any], Any]) -> Callable[[Front], click.Command]:
    """Make a command of a function that says which action is meant, and its fields."""

    def command(function: Front) -> click.Command:
        def run(desk: Desk, user: str, yes: bool, dry_run: bool, json: bool, **given: Any) -> None:
            fields = {field: value for field, value in given.items() if value is not None}
            action, fields = function(desk, **fields)
            perform(desk, action, user, fields, yes=yes, dry_run=dry_run, json=json)

        run.__doc__ = function.__doc__
        decorated: Any = run
        for decorate in reversed(params):
            decorated = decorate(decorated)
        return click.command(name)(on_user(decorated))

    return command


@front("set-status", click.argument("status"), reason)
def set_status(_: Desk, **fields: str) -> tuple[str, Fields]:
    """Give USER another STATUS: active, inactive, pending or blocked."""
    return "set_status", fields


@front(
    "block",
    reason,
    click.option("--until", metavar=MOMENT, help="When it ends by itself, by your own clocks."),
)
def block(_: Desk, **fields: str) -> tuple[str, Fields]:
    """Keep USER out, for a reason, for good or until a moment."""
    return "block", fields


@front("unblock", reason)
def unblock(_: Desk, **fields: str) -> tuple[str, Fields]:
    """End the block of USER."""
    return "unblock", fields


@front("delete", reason, click.option("--confirm", metavar="NAME", help="The user's name."))
def delete(_: Desk, **fields: str) -> tuple[str, Fields]:
    """Delete USER. Asks for their name to be typed, unless --yes is given."""
    return "delete", fields


@front("restore", reason)
def restore(_: Desk, **fields: str) -> tuple[str, Fields]:
    """Bring a deleted USER back as they were."""
    return "restore", fields


@front("sign-out", reason)
def sign_out(_: Desk, **fields: str) -> tuple[str, Fields]:
    """Sign USER out of every browser."""
    return "sign_out", fields


terms = (
    click.argument("offer"),
    click.option(
        "--for",
        "period",
        metavar="PERIOD",
        help="How long: week, month, half_year, year or forever.",
    ),
    click.option("--until", "ends", metavar=MOMENT, help="When it ends, by your own clocks."),
    click.option("--starts", metavar=MOMENT, help="When it begins, if not now."),
    click.option("--price", help="Another price than the usual one, in the same currency."),
    click.option("--note", help="Anything else to keep of it."),
    reason,
)


@front("plan", *terms)
def plan(desk: Desk, **fields: str) -> tuple[str, Fields]:
    """Give USER the plan OFFER, named by its key or its name."""
    return "assign_plan", _offered(desk, "plan", fields)


@front("addon", *terms, click.option("--remove", is_flag=True, help="Take one of it away."))
def addon(desk: Desk, remove: bool, **fields: str) -> tuple[str, Fields]:
    """Give USER one of the add-on OFFER, named by its key or its name, or take it away."""
    return "remove_add_on" if remove else "give_add_on", _offered(desk, "add_on", fields)


FRONTS = (set_status, block, unblock, delete, restore, sign_out, plan, addon)


def _offered(desk: Desk, kind: str, fields: Fields) -> Fields:
    """Return the fields with the key of the offer, where its name says which, and the period."""
    billing, named = desk.directory.by_hand, fields["offer"]
    offers = [] if billing is None else billing.offers(desk.platform)
    keys = [o.key for o in offers if o.kind == kind and named in (o.key, o.name)]
    if named not in keys and len(keys) == 1:
        fields["offer"] = keys[0]
    if "ends" in fields:
        fields.setdefault("period", "date")
    return fields
