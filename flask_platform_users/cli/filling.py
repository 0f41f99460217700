"""What every order from a terminal goes through: an action by its name, and its form filled in."""

from collections.abc import Mapping
from typing import Any

import click
from werkzeug.datastructures import MultiDict

from ..actions import Action, Impact
from ..actions.deletion import DeleteForm
from ..formatting import number
from .desk import Desk
from .output import NotDone, plain

EFFECTS = {"stops": "stopped", "moves": "", "over": "over the limit"}
"""The effects of an impact that are not called by their own word."""


def action_named(desk: Desk, name: str) -> Action:
    """Return an action that can be done from a terminal.

    Raises:
        NotDone: it needs a browser.
    """
    action = desk.actions.get(name.replace("-", "_"))
    if action is None:
        raise click.UsageError(
            f"There is no action “{name}”; there are {', '.join(sorted(desk.actions))}."
        )
    if action.fresh:
        raise NotDone(f"“{action.label}” needs somebody who has just signed in, in a browser.")
    return action


def fill_in(
    action: Action, form: Any, fields: Mapping[str, str]
) -> tuple[MultiDict[str, str], str | None]:
    """Fill a form in that was opened, as far as somebody said what with.

    Returns:
        the form as a browser would send it, and what to ask for where a name is still to be typed,
        in place of which the right one stands in the form.
    """
    form = {} if form is None else form
    filled = _filled_in(action, form, fields)
    if not isinstance(form, DeleteForm) or "confirm" in fields:
        return filled, None
    filled["confirm"] = form.expected
    return filled, plain(str(form.confirm.label.text))


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


def faults(form: Any) -> str:
    """Return what is wrong with a form, a line for each fault, with the choices where it has."""
    lines = []
    for name, errors in form.errors.items():
        field: Any = form[name] if name else None
        choices = field.iter_choices() if hasattr(field, "iter_choices") else ()
        known = ", ".join(f"{choice[0]} ({choice[1]})" for choice in choices)
        of = f" There is {known}." if known else ""
        lines += [f"{name or 'form'}: {error}{of}" for error in errors]
    return "\n".join(lines)


def impact_line(line: Impact) -> str:
    """Return what an action means for something, in words."""
    count = "" if line.count is None else f"{number(line.count)} "
    effect = EFFECTS.get(line.effect, line.effect)
    forbids = ", which forbids it" if line.forbids else ""
    return f"{count}{line.what}{f' {effect}' if effect else ''}{forbids}"
