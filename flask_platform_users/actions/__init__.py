"""What an owner can do to a user: one object each, all of them through one pipeline."""

from .action import Action, Impact, Unit
from .deletion import Delete, Purge, Restore
from .forms import MomentField
from .grants import (
    BeginGrant,
    EndGrant,
    ExtendGrant,
    GrantAction,
    KeepGrant,
    LapseGrant,
    due_grants,
)
from .impersonation import AllowChanges, EndImpersonation, Impersonate
from .many import Many
from .notes import AddNote, RemoveNote
from .plans import AssignPlan, GiveAddOn, RemoveAddOn
from .sessions import SignOut
from .status import Block, EndBlock, SetStatus, Unblock
from .undo import Undo

DEFAULT_ACTIONS: tuple[Action, ...] = (
    AssignPlan(),
    GiveAddOn(),
    RemoveAddOn(),
    ExtendGrant(),
    KeepGrant(),
    LapseGrant(),
    BeginGrant(),
    EndGrant(),
    SetStatus(),
    Block(),
    Unblock(),
    EndBlock(),
    SignOut(),
    AddNote(),
    RemoveNote(),
    Delete(),
    Restore(),
    Purge(),
    Many(),
    Undo(),
)
"""The actions of a mount that names none."""


def with_defaults(*actions: Action) -> list[Action]:
    """Return the default actions with others beside them; one of a default's name replaces it."""
    # By itself where it has no name, which init_app refuses in a sentence.
    own = {getattr(action, "name", action): action for action in actions}
    kept = [own.pop(action.name, action) for action in DEFAULT_ACTIONS]
    return [*kept, *own.values()]


__all__ = [
    "DEFAULT_ACTIONS",
    "Action",
    "AddNote",
    "AllowChanges",
    "AssignPlan",
    "BeginGrant",
    "Block",
    "Delete",
    "EndBlock",
    "EndGrant",
    "EndImpersonation",
    "ExtendGrant",
    "GiveAddOn",
    "GrantAction",
    "Impact",
    "Impersonate",
    "KeepGrant",
    "LapseGrant",
    "Many",
    "MomentField",
    "Purge",
    "RemoveAddOn",
    "RemoveNote",
    "Restore",
    "SetStatus",
    "SignOut",
    "Unblock",
    "Undo",
    "Unit",
    "due_grants",
    "with_defaults",
]
