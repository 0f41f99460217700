"""List users, show one, and read the history, as whoever ``--as`` names sees them."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from itertools import islice
from typing import Any

import click
from marshmallow import RAISE, ValidationError

from ..columns import parts_of, there
from ..directory import Directory
from ..errors import HookError
from ..formatting import in_zone, number
from ..guard import guarded
from ..history import Event, History, HistoryQuery, people_meant
from ..listing import BATCH, all_users, list_schema, order_of, query_of
from ..results import UserDetails
from ..schemas import DIRECTIONS, HistorySchema
from ..standing import Standing, standing_of
from .desk import Desk, at_desk
from .output import as_json, say, say_json, say_table, user_as_json

json_option = click.option("--json", "json", is_flag=True, help="Print JSON, for programs.")
lines_option = click.option(
    "--json", "json", is_flag=True, help="Print JSON for programs: a line with an object for each."
)
limit_option = click.option(
    "--limit",
    type=click.IntRange(min=0),
    default=50,
    show_default=True,
    help="At most so many; 0 for all.",
)


OPTIONS = {"q": "search", "actor": "by"}


@click.command("list")
@click.option("--search", "q", metavar="TEXT", help="As in the search box.")
@click.option("--status", help="active, inactive (and blocked), blocked, pending, or deleted.")
@click.option("--role")
@click.option("--channel", metavar="KIND", help="Who has at least one of this kind.")
@click.option("--sort", metavar="NAME", help="Such as created, contact or last_login.")
@click.option("--direction", type=click.Choice(DIRECTIONS), help="Goes with --sort.")
@limit_option
@lines_option
@at_desk
def list_users(desk: Desk, limit: int, json: bool, **asked: str | None) -> None:
    """List the users of the platform, with the filters of the page."""
    mapping, directory = desk.extension.mapping, desk.directory
    wanted = loaded(list_schema(mapping, deleted=desk.sees_deleted, zone=desk.zone), asked)
    sort, descending = order_of(wanted, directory.sorts(directory.summary().total))
    query = query_of(wanted, descending=descending)
    found = _limited(all_users(directory, query, sort, batch=min(limit or BATCH, BATCH)), limit)
    if json:
        for _, user in found:
            say_json(user_as_json(user))
        return
    shown = parts_of(there(mapping, deleted=query.population == "deleted"), mapping)
    rows = [
        [str(no), str(user.key), *(_cell(desk, column.cell(user)) for column in shown)]
        for no, user in found
    ]
    say_table(["No", "Key", *(column.title for column in shown)], rows)
    if len(rows) == limit:
        say("There may be more: --limit 0 lists all of them.", err=True)


@click.command()
@click.argument("user")
@json_option
@at_desk
def show(desk: Desk, user: str, json: bool) -> None:
    """Show USER, named by key, or by exactly their username or email address."""
    found = desk.user_seen(user)
    directory = desk.directory.among(found.population)
    usage, notes = directory.usage(found), directory.notes(found)
    standing = _standing(directory, found)
    if json:
        subscription = None if standing is None else standing.subscription
        told = {"usage": usage, "subscription": subscription, "notes": notes}
        say_json(user_as_json(found) | {name: as_json(value) for name, value in told.items()})
        return
    for label, text in _facts(desk, found, usage, standing):
        say(f"{label + ':':<20} {text}")
    for note in notes:
        say(f"{'Note:':<20} {note.text} ({note.author_name}, {_cell(desk, note.at)})")


@click.command()
@click.argument("user", required=False)
@click.option("--by", "actor", metavar="PERSON", help="Who acted: their id, or part of a name.")
@click.option("--action", metavar="NAME")
@click.option("--outcome", help="done, refused or failed.")
@click.option("--since", metavar="YYYY-MM-DD", help="From this day on, by your own clocks.")
@click.option("--until", metavar="YYYY-MM-DD", help="Up to this day.")
@limit_option
@lines_option
@at_desk
def history(desk: Desk, limit: int, json: bool, **asked: str | None) -> None:
    """Tell what was done on the platform, or to USER, the latest first."""
    read = History(desk.directory)
    query = history_query(desk, read, asked)
    found = list(_limited(_newest_first(read, query), limit))
    for event in found:
        if json:
            say_json(event)
            continue
        say(f"{event.seq}  {_cell(desk, event.at)}  {desk.sentence(event)}")
        for name, (was, now) in event.changes.items():
            say(f"      {name}: {desk.words(was or 'none')} → {desk.words(now or 'none')}")
        if event.reason:
            say(f"      “{event.reason}”")
    if found and len(found) == limit:
        say("There may be more: --limit 0 tells all of it.", err=True)


def _standing(directory: Directory, user: UserDetails) -> Standing | None:
    """Return what a user is subscribed to, None where there is no billing or it failed."""
    if directory.mapping.billing is None:
        return None
    try:
        with guarded(directory.session, "Billing.subscription"):
            return standing_of(directory, user)
    except HookError as error:
        say(f"The subscription is unavailable: {error.hook} {error.what}.", err=True)
        return None


def history_query(desk: Desk, read: History, asked: dict[str, str | None]) -> HistoryQuery:
    """Return what is asked of the history, with the users and people that a text means."""
    wanted = loaded(HistorySchema(zone=desk.zone), asked)
    user, actor = wanted.pop("user", None), wanted.pop("actor", None)
    return HistoryQuery(
        users=None if user is None else read.users_meant(user),
        actors=None if actor is None else people_meant(actor, read.people()),
        **wanted,
    )


def _newest_first(read: History, query: HistoryQuery) -> Iterator[Event]:
    page = read.page(query)
    yield from page.events
    while page.older is not None:
        page = read.page(replace(query, before=page.older))
        yield from page.events


def _limited(found: Iterator[Any], limit: int) -> Iterator[Any]:
    return islice(found, limit) if limit else found


def loaded(
    schema: Any, asked: Mapping[str, str | None], options: Mapping[str, str] = OPTIONS
) -> dict[str, Any]:
    """Return options as the page's schema reads them from an address.

    Args:
        schema: what reads them.
        asked: their texts, by the names in an address.
        options: what the options are called that have another name.
    """
    try:
        given = {name: value for name, value in asked.items() if value is not None}
        found: dict[str, Any] = schema.load(given, unknown=RAISE)
    except ValidationError as error:
        faults = error.messages_dict.items()
        said = " ".join(f"--{options.get(n, n)}: {' '.join(map(str, why))}" for n, why in faults)
        raise click.UsageError(said) from error
    return found


def _facts(
    desk: Desk, user: UserDetails, usage: dict[str, int], standing: Standing | None
) -> Iterator[tuple[str, str]]:
    mapping = desk.extension.mapping
    yield "Key", str(user.key)
    for part in parts_of(there(mapping, deleted=user.population == "deleted"), mapping):
        yield part.title, _cell(desk, part.cell(user))
    if user.block_reason:
        until = f", until {_cell(desk, user.blocked_until)}" if user.blocked_until else ""
        yield "Blocked", f"{user.block_reason}{until}"
    for count in mapping.usage:
        yield count.title, number(usage[count.name])
    if standing is not None:
        subscription = standing.subscription
        yield "Plan", "none" if subscription is None else subscription.plan
        for add_on in subscription.add_ons if subscription else ():
            yield "Add-on", f"{add_on.name} × {add_on.quantity}"


def _cell(desk: Desk, cell: Any) -> str:
    if isinstance(cell, datetime):
        return f"{in_zone(cell, desk.zone):%Y-%m-%d %H:%M}"
    return "" if cell is None else str(cell)
