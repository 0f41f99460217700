"""Run an action on a user: the command-line door of the pipeline."""

from collections.abc import Callable, Mapping
from typing import Any

import click
from werkzeug.datastructures import MultiDict

from ..actions import Action
from ..errors import InvalidError, RefusedError
from ..history import History
from ..orders import Order, Prompt, Result
from .desk import ADDRESS, Desk, at_desk
from .filling import action_named, faults, fill_in, impact_line
from .output import NotDone, as_json, say, say_json, user_as_json


def ordering(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what all that change something share."""
    for decorate in (
        at_desk,
        click.option("--json", "json", is_flag=True, help="Print one JSON object, for programs."),
        click.option("--dry-run", is_flag=True, help="Show what it means, and do nothing."),
        click.option("--yes", is_flag=True, help="Do not ask."),
    ):
        command = decorate(command)
    return command


def on_user(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what all that act on a user share."""
    return click.argument("user")(ordering(command))


def perform(
    desk: Desk,
    name: str,
    user: str,
    fields: Mapping[str, str],
    *,
    yes: bool,
    dry_run: bool,
    json: bool,
) -> None:
    """Do what ``act`` does, with an action and a user as they were named.

    Args:
        desk: who does it.
        name: the action's name.
        user: the user, by key or name.
        fields: the fields of its form, as they would be typed; the others stay as the form opens.
        yes: do not ask; it also stands for typing a name to confirm.
        dry_run: stop before it is done.
        json: print one object; what it means then goes to stderr.
    """
    action = action_named(desk, name)
    key = str(desk.user(user, action.among).key)
    ask = action.dangerous or action.shows_first
    act(desk, action, key, fields, ask=ask, yes=yes, dry_run=dry_run, json=json)


def act(
    desk: Desk,
    action: Action,
    key: str,
    fields: Mapping[str, str],
    *,
    ask: bool,
    yes: bool,
    dry_run: bool,
    json: bool,
) -> None:
    """Show what an action means for a user, ask if it is to be asked, and do it."""
    prompt, filled, typed = _asked(desk, action, key, fields, refuse=not dry_run)
    asks = typed is not None or ask
    if asks or dry_run or prompt.impact:
        say(desk.words(prompt.question), err=json)
    for line in prompt.impact:
        say(f"  {desk.words(impact_line(line))}", err=json)
    if dry_run:
        if json:
            say_json(_told(action, prompt, "dry_run", None, None))
        return
    desk.extension.db.session.rollback()  # nothing is held while somebody thinks
    if typed is not None and not yes:
        filled["confirm"] = click.prompt(typed, err=json)
    elif asks and not yes:
        click.confirm(f"{action.label}?", abort=True, err=json)
    try:
        result = desk.pipeline.run(
            Order(action=action, key=key, data=filled, seen=prompt.seen, address=ADDRESS)
        )
    except InvalidError as error:
        raise NotDone(faults(error.form)) from error
    _report(desk, action, prompt, result, json=json)


def _asked(
    desk: Desk, action: Action, key: str, fields: Mapping[str, str], *, refuse: bool
) -> tuple[Prompt, MultiDict[str, str], str | None]:
    """Open the form and fill it in; record it if that is refused and ``refuse`` says so.

    Returns:
        what it means, the form as a browser would send it, and what to ask for where a name is
        still to be typed.

    Raises:
        NotDone: it is not filled in right.
    """
    try:
        opened = desk.pipeline.prompt(action, key)
        filled, typed = fill_in(action, opened.form, fields)
        prompt = desk.pipeline.prompt(action, key, filled, sent=True)
    except RefusedError as error:
        if refuse:
            order = Order(action=action, key=key, address=ADDRESS)
            desk.pipeline.refuse(order, error.sentence)
        raise
    if not prompt.valid:
        raise NotDone(faults(prompt.form))
    return prompt, filled, typed


def _report(desk: Desk, action: Action, prompt: Prompt, result: Result, *, json: bool) -> None:
    if json:
        say_json(_told(action, prompt, result.outcome, result.seq, result.user))
        return
    event = None if result.seq is None else History(desk.directory).event(result.seq)
    say("There was nothing to do." if event is None else desk.sentence(event))


def _told(action: Action, prompt: Prompt, outcome: str, seq: int | None, user: Any) -> Any:
    return {
        "action": action.name,
        "outcome": outcome,
        "seq": seq,
        "user": None if user is None else user_as_json(user),
        "question": prompt.question,
        "impact": as_json(list(prompt.impact)),
    }
