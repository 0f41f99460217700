"""Signals, sent after the commit of what they tell of."""

from blinker import Namespace

_signals = Namespace()

action_done = _signals.signal(
    "platform-users-action-done",
    doc="An action was done and is recorded. Sender: the Action. Argument: unit (Unit).",
)
