"""Run an action on a user: the command-line door of the pipeline."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import click
from werkzeug.datastructures import MultiDict

from ..actions import Action, Impact
from ..actions.deletion import DeleteForm
from ..errors import InvalidError, RefusedError
from ..formatting import number
from ..history import History
from ..orders import Order, Prompt, Result
from ..pages import sentence
from .desk import ADDRESS, Desk, at_desk
from .output import NotDone, as_json, plain, say, say_json, user_as_json

EFFECTS = {"stops": "stopped", "moves": "", "over": "over the limit"}
"""The effects of an impact that are not called by their own word."""


def on_user(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command what all that act on a user share."""
    for decorate in (
        at_desk,
        click.option("--json", "json", is_flag=True, help="Print one JSON object, for programs."),
        click.option("--dry-run", is_flag=True, help="Show what it means, and do nothing."),
        click.option("--yes", is_flag=True, help="Do not ask."),
        click.argument("user"),
    ):
        command = decorate(command)
    return command


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
    """Show what an action means for a user, ask where it is dangerous, and do it.

    Args:
        desk: who does it.
        name: the action's name.
        user: the user, by key or name.
        fields: the fields of its form, as they would be typed; the others stay as the form opens.
        yes: do not ask; it also stands for typing a name to confirm.
        dry_run: stop before it is done.
        json: print one object; what it means then goes to stderr.
    """
    action = _action(desk, name)
    key = str(desk.user(user, action.among).key)
    prompt, filled, typed = _asked(desk, action, key, fields, refuse=not dry_run)
    asks = typed is not None or action.dangerous or action.shows_first
    if asks or dry_run or prompt.impact:
        say(desk.words(prompt.question), err=json)
    for line in prompt.impact:
        say(f"  {desk.words(_impact(line))}", err=json)
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
        raise NotDone(_faults(error.form)) from error
    _report(desk, action, prompt, result, json=json)


@click.command()
@click.argument("action")
@click.option(
    "--field",
    "fields",
    metavar="NAME=VALUE",
    multiple=True,
    help="A field of the action's form; give it once for each.",
)
@on_user
def run(desk: Desk, action: str, fields: Iterable[str], **rest: Any) -> None:
    """Run ACTION on USER: any that the page offers, the product's own too.

    USER is a key, or exactly a username or an email address.
    """
    pairs = [field.partition("=") for field in fields]
    wrong = [name for name, equals, _ in pairs if not equals]
    if wrong:
        raise click.UsageError(f"--field {wrong[0]} has no value; write --field {wrong[0]}=VALUE.")
    perform(desk, action, fields={name: value for name, _, value in pairs}, **rest)


def _action(desk: Desk, name: str) -> Action:
    action = desk.actions.get(name.replace("-", "_"))
    if action is None:
        raise click.UsageError(
            f"There is no action “{name}”; there are {', '.join(sorted(desk.actions))}."
        )
    if action.fresh:
        raise NotDone(f"“{action.label}” needs somebody who has just signed in, in a browser.")
    return action


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
        form: Any = opened.form if opened.form is not None else {}
        filled = _filled_in(action, form, fields)
        typed = None
        if isinstance(form, DeleteForm) and "confirm" not in fields:
            typed = plain(form.confirm.label.text)
            filled["confirm"] = form.expected
        prompt = desk.pipeline.prompt(action, key, filled, sent=True)
    except RefusedError as error:
        if refuse:
            order = Order(action=action, key=key, address=ADDRESS)
            desk.pipeline.refuse(order, error.sentence)
        raise
    if not prompt.valid:
        raise NotDone(_faults(prompt.form))
    return prompt, filled, typed


def _filled_in(action: Action, form: Any, fields: Mapping[str, str]) -> MultiDict[str, str]:
    """Return a form as a browser would send it, with some fields typed anew."""
    for name in fields:
        if name not in form:
            known = ", ".join(field.name for field in form) or "none"
            raise click.UsageError(f"“{action.label}” has no field “{name}”; it has {known}.")
    untouched = {field.name: _text(field) for field in form}
    kept = {name: text for name, text in untouched.items() if text is not None}
    return MultiDict(kept | dict(fields))


def _text(field: Any) -> str | None:
    """Return what a browser sends of a field that nobody touched, None for nothing."""
    if hasattr(field, "iter_choices"):
        chosen = [choice[0] for choice in field.iter_choices() if choice[2]]
        return str(chosen[0]) if chosen else None
    if isinstance(field.data, bool):
        return "y" if field.data else None
    return str(field._value()) if hasattr(field, "_value") else None


def _faults(form: Any) -> str:
    """Return what is wrong with a form, a line for each fault, with the choices where it has."""
    lines = []
    for name, errors in form.errors.items():
        field: Any = form[name] if name else None
        choices = field.iter_choices() if hasattr(field, "iter_choices") else ()
        known = ", ".join(f"{choice[0]} ({choice[1]})" for choice in choices)
        of = f" There is {known}." if known else ""
        lines += [f"{name or 'form'}: {error}{of}" for error in errors]
    return "\n".join(lines)


def _impact(line: Impact) -> str:
    count = "" if line.count is None else f"{number(line.count)} "
    effect = EFFECTS.get(line.effect, line.effect)
    forbids = ", which forbids it" if line.forbids else ""
    return f"{count}{line.what}{f' {effect}' if effect else ''}{forbids}"


def _report(desk: Desk, action: Action, prompt: Prompt, result: Result, *, json: bool) -> None:
    if json:
        say_json(_told(action, prompt, result.outcome, result.seq, result.user))
        return
    event = None if result.seq is None else History(desk.directory).event(result.seq)
    say("There was nothing to do." if event is None else sentence(event, desk.actions))


def _told(action: Action, prompt: Prompt, outcome: str, seq: int | None, user: Any) -> Any:
    return {
        "action": action.name,
        "outcome": outcome,
        "seq": seq,
        "user": None if user is None else user_as_json(user),
        "question": prompt.question,
        "impact": as_json(list(prompt.impact)),
    }
