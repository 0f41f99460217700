"""What can be wrong with the actions of a mount: one sentence each."""

from collections.abc import Iterator, Sequence
from string import Formatter
from typing import Any

import wtforms

from .actions import Action
from .faults import IDENTIFIER, is_text, kind_faults, repeated, shown


def action_faults(actions: Sequence[Any]) -> Iterator[str]:
    """Find what is wrong with ``PlatformUsers(actions=...)``."""
    good = [action for action in actions if isinstance(action, Action)]
    for wrong in actions:
        if wrong is ...:
            own = [type(a) for a in good if not a.__module__.startswith(f"{__package__}.")]
            named = ", ".join(f"{kind.__name__}()" for kind in own)
            yield (
                "PlatformUsers(actions=...) was given ..., which does not stand for the default "
                f"actions; expected actions=with_defaults({named})."
            )
        else:
            yield from kind_faults(
                "PlatformUsers(actions=...)", wrong, Action, "Action objects, such as Block()"
            )
    for action in good:
        yield from _text_faults(action)
        yield from _form_faults(action)
        if type(action).perform is Action.perform and not action.by_system:
            yield (
                f"{type(action).__name__}.perform is not written; expected a method perform(unit) "
                "that changes what has to change and does not commit."
            )
    for name, times in repeated(getattr(action, "name", action) for action in good):
        yield (
            f"PlatformUsers(actions=...) was given {times} actions named {name!r}; expected each "
            "name once: rename one, or leave ours out."
        )


def _text_faults(action: Action) -> Iterator[str]:
    kind = type(action).__name__
    for attribute in ("name", "label", "done"):
        if not is_text(getattr(action, attribute, None)):
            yield (
                f"{kind}.{attribute} is not set; expected a text: give the class "
                f"{attribute} = '...'."
            )
    parts = Formatter().parse(str(getattr(action, "done", "")))
    if {field for _, field, _, _ in parts} - {None, "who", "user"}:
        yield (
            f"{kind}.done is {action.done!r}; expected a sentence whose only fields are "
            "{who} and {user}, such as '{who} blocked {user}.'."
        )
    if not IDENTIFIER.fullmatch(str(getattr(action, "name", "x"))):
        yield (
            f"{kind}.name is {action.name!r}; expected a lower-case identifier, such as "
            "'extend_trial'."
        )


def _form_faults(action: Action) -> Iterator[str]:
    form: Any = action.form
    if form is None:
        return
    argument = f"{type(action).__name__}.form"
    if not isinstance(form, type) or not issubclass(form, wtforms.Form):
        yield (
            f"{argument} is {shown(form)}; expected a class of fields, a wtforms.Form, or None for "
            "an action that is only confirmed."
        )
    elif _sends_token(form):
        yield (
            f"{argument} is {shown(form)}, which sends a CSRF token; expected a plain "
            "wtforms.Form, since the plugin sends and checks a token of its own."
        )


def _sends_token(form: type[wtforms.Form]) -> bool:
    """Say whether a form has a token, as a ``FlaskForm`` does: by the first ``Meta`` that says."""
    metas = [vars(each)["Meta"] for each in form.__mro__ if "Meta" in vars(each)]
    return bool(next((meta.csrf for meta in metas if hasattr(meta, "csrf")), False))
